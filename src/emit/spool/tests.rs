//! A spool against a list in memory, over crashes and damage.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::fs::File;
use std::os::unix::fs::FileExt;

fn spool(directory: &Path, segment_bytes: u64, keeps: bool) -> Spool {
    Spool { segment_bytes, ..Spool::at(directory.join("sinks"), "pager", keeps) }
}

fn line(number: u64) -> String {
    format!("{{\"number\": {number}, \"text\": \"{}\"}}", "x".repeat(number as usize % 90))
}

fn append(spool: &mut Spool, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        spool.append(number, &line(number)).unwrap();
    }
}

/// Takes lines, each as it was added.
fn take(spool: &mut Spool, max: usize) -> Vec<u64> {
    let taken = spool.take(max);
    assert_eq!(taken.lost, 0);
    for (number, text) in &taken.lines {
        assert_eq!(**text, line(*number));
    }
    taken.lines.into_iter().map(|(number, _)| number).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    segment::listed(&directory.join("sinks"), "pager").unwrap()
}

#[test]
fn lines_come_in_order_and_spent_files_go() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = spool(directory.path(), 100, true);
    assert_eq!(take(&mut spool, 9), [0; 0]);
    append(&mut spool, [3, 5, 8, 9, 20]);
    assert_eq!((spool.count(), files(directory.path()).len()), (5, 3));
    assert_eq!(take(&mut spool, 3), [3, 5, 8]);
    assert!(!spool.can_forget(4), "the first file holds 5 as well");
    assert!(spool.can_forget(5));
    spool.forget(5);
    assert_eq!(files(directory.path()).len(), 2);
    assert_eq!(take(&mut spool, 9), [9, 20]);
    assert_eq!((spool.count(), spool.bytes()), (0, 0));
    spool.forget(20);
    assert_eq!(files(directory.path()).len(), 0);
    append(&mut spool, [21]);
    assert_eq!(take(&mut spool, 9), [21]);
}

impl Spool {
    /// Has the system refuse to read what waits, or no longer.
    pub(crate) fn refuse_to_read(&mut self, refuse: bool) {
        for segment in &mut self.segments {
            let file = File::options().read(!refuse).write(true).open(&segment.path);
            segment.read_through(file.unwrap());
        }
    }
}

#[test]
fn what_cannot_be_read_now_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = spool(directory.path(), 100, true);
    append(&mut spool, 1..=6);
    assert_eq!(take(&mut spool, 2), [1, 2]);
    spool.refuse_to_read(true);
    for _ in 0..2 {
        let refused = spool.take(9);
        assert!(refused.lines.is_empty() && refused.lost == 0, "{refused:?}");
        let problem = refused.refused.unwrap().to_string();
        assert!(problem.contains("pager.") && problem.contains(".spool: "), "{problem}");
    }
    assert_eq!(spool.count(), 4);
    spool.refuse_to_read(false);
    assert_eq!(take(&mut spool, 9), [3, 4, 5, 6]);
    assert!(!spool.is_refused);
}

/// What is not read is no end of a file, behind which everything would be cut off.
#[test]
fn a_start_that_cannot_read_what_waits_says_so() {
    let directory = tempfile::tempdir().unwrap();
    append(&mut spool(directory.path(), 1000, true), 1..=6);
    let file = files(directory.path()).remove(0);
    let mut segment = segment::Segment::open(&file, 3).unwrap().unwrap();
    assert_eq!((segment.count, segment.last), (3, 3));
    segment.read_through(File::options().write(true).open(&file).unwrap());
    assert!(segment.look_through(6, u64::MAX).is_err());
}

#[test]
fn without_a_journal_nothing_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = spool(directory.path(), 100, false);
    append(&mut spool, 1..=5);
    assert_eq!(take(&mut spool, 5), [1, 2, 3, 4, 5]);
    assert_eq!(files(directory.path()).len(), 0);
}

#[test]
fn a_start_that_nothing_leads_to_clears_what_lies_there() {
    let directory = tempfile::tempdir().unwrap();
    append(&mut spool(directory.path(), 100, true), 1..=5);
    let mut again = spool(directory.path(), 100, true);
    again.clear().unwrap();
    assert_eq!((again.count(), files(directory.path()).len()), (0, 0));
}

#[test]
fn what_was_damaged_is_counted_and_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = spool(directory.path(), 150, true);
    append(&mut spool, 1..=9);
    let damaged = files(directory.path()).remove(1);
    let file = File::options().write(true).open(&damaged).unwrap();
    file.write_all_at(b"?", 60).unwrap();
    let taken = spool.take(9);
    let numbers: Vec<u64> = taken.lines.iter().map(|(number, _)| *number).collect();
    assert_eq!((taken.lost, &numbers[..]), (1, &[1, 2, 3, 5, 6, 7, 8, 9][..]));
    assert_eq!((spool.count(), spool.bytes()), (0, 0));
    // A header that does not hold costs what is behind it in its file.
    append(&mut spool, 10..=14);
    let damaged = files(directory.path()).pop().unwrap();
    File::options().write(true).open(&damaged).unwrap().write_all_at(&[0xff; 8], 0).unwrap();
    let taken = spool.take(9);
    assert_eq!(taken.lost + taken.lines.len() as u64, 5);
    assert!(taken.lost > 0 && damaged.with_extension("damaged").exists());
    assert_eq!((spool.count(), spool.bytes()), (0, 0));
    append(&mut spool, [15]);
    assert_eq!(take(&mut spool, 9), [15]);
}

#[test]
fn the_one_that_is_added_to_may_be_the_damaged_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = spool(directory.path(), 10_000, true);
    append(&mut spool, 1..=2);
    let [only] = &files(directory.path())[..] else { panic!("one file") };
    File::options().write(true).open(only).unwrap().write_all_at(&[0xff; 8], 0).unwrap();
    assert_eq!(spool.take(1).lost, 2);
    append(&mut spool, [3]);
    let (mark, unsynced) = spool.mark().unwrap();
    unsynced.sync().unwrap();
    let mut again = self::spool(directory.path(), 10_000, true);
    assert_eq!(again.resume(&mark, 2).unwrap(), 0);
    assert_eq!(take(&mut again, 9), [3]);
}

#[test]
fn what_is_missing_after_a_start_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = spool(directory.path(), 100, true);
    append(&mut spool, 1..=9);
    let (mark, _) = spool.mark().unwrap();
    let mut paths = files(directory.path());
    fs::remove_file(paths.pop().unwrap()).unwrap();
    let again = || self::spool(directory.path(), 100, true);
    assert_eq!(again().resume(&mark, 0).unwrap(), 1, "the last file held one line");
    assert_eq!(again().resume(&mark, 3).unwrap(), 1);
    // What was served from memory before is settled beyond everything that was ever taken here.
    let mut first = mark.clone();
    first.after = 0;
    assert_eq!(again().resume(&first, 4).unwrap(), 1);
    fs::remove_file(paths.remove(1)).unwrap();
    assert_eq!(again().resume(&mark, 2).unwrap(), 3, "and the second two");
    assert_eq!(again().resume(&mark, 4).unwrap(), 1, "which are settled by now");
    assert_eq!(again().resume(&mark, 9).unwrap(), 0, "all of it is settled");
}

/// What happens to a spool.
#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Take(usize),
    /// All that was taken up to this many from the end is settled for good.
    Settle(usize),
    Mark,
    /// A start after the last mark, or after none.
    Start,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u64..4).prop_map(Step::Append),
        2 => (1usize..5).prop_map(Step::Take),
        1 => (0usize..4).prop_map(Step::Settle),
        1 => Just(Step::Mark),
        1 => Just(Step::Start),
    ]
}

proptest! {
    #[test]
    fn a_spool_is_a_list_that_outlasts_starts(steps in vec(step(), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let again = || spool(directory.path(), 150, true);
        let mut spool = again();
        // Everything ever added, how many of those were taken, and up to which number is settled.
        let (mut all, mut taken, mut settled) = (Vec::<u64>::new(), 0, 0);
        let mut marked = None;
        for step in steps {
            match step {
                Step::Append(more) => {
                    // What is settled is not offered once more after a start.
                    all.push(all.last().map_or(0, |last| *last).max(settled) + more);
                    append(&mut spool, all.last().copied());
                }
                Step::Take(max) => {
                    let came = take(&mut spool, max);
                    prop_assert_eq!(&came[..], &all[taken..all.len().min(taken + max)]);
                    taken += came.len();
                }
                Step::Settle(less) => {
                    let upto = taken.checked_sub(1 + less).map_or(0, |at| all[at]);
                    settled = settled.max(upto);
                    spool.forget(settled);
                }
                Step::Mark => {
                    let mark = spool.mark().map(|(mark, unsynced)| {
                        unsynced.sync().unwrap();
                        mark
                    });
                    marked = Some((mark, all.len(), taken));
                }
                Step::Start => {
                    spool = again();
                    // What was taken before the mark and is not settled is in the snapshot itself.
                    let (mark, len, before) = marked.clone().unwrap_or((None, 0, 0));
                    all.truncate(len);
                    let missing = match mark {
                        Some(ref mark) => spool.resume(mark, settled).unwrap(),
                        None => spool.clear().map(|()| 0).unwrap(),
                    };
                    prop_assert_eq!(missing, 0);
                    taken = all.iter().filter(|number| **number <= settled).count().max(before);
                    taken = if mark.is_none() { all.len() } else { taken };
                }
            }
            prop_assert_eq!(spool.count(), (all.len() - taken) as u64);
            prop_assert_eq!(spool.bytes() == 0, spool.count() == 0);
        }
        prop_assert_eq!(take(&mut spool, usize::MAX), &all[taken..]);
    }
}
