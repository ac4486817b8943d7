//! How far each sink has confirmed the revisions, so that a restart tells it the rest alone.
//!
//! A revision's number is its place among all that the journal leads to. So a
//! position means something for one journal only, and names it.

use super::data_dir::{DataDir, DataDirError};
use crate::disk::sync_directory;
use crate::emit::DIRECTORY;
use crate::emit::outbox::Outbox;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

/// Between two looks: what a sink may be told twice after a crash.
const EVERY: Duration = Duration::from_millis(50);

/// What of the revisions that a journal leads to a sink needs no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Confirmed {
    /// Those up to this number.
    number: u64,
    /// Those of epochs before this one: there was no such sink yet.
    since: u64,
}

impl Confirmed {
    /// Put together from what was written down, what the receiver has told, and the epoch that
    /// comes next.
    fn settled(known: Option<Confirmed>, told: Option<u64>, next: u64) -> Confirmed {
        match (known, told) {
            (Some(known), told) => {
                Confirmed { number: known.number.max(told.unwrap_or(0)), ..known }
            }
            (None, Some(0)) => Confirmed { number: 0, since: next },
            (None, Some(told)) => Confirmed { number: told, since: 0 },
            // It may have had anything, and says so before it is told anything.
            (None, None) => Confirmed::default(),
        }
    }

    /// Whether the revision of that number, told in that epoch, is one of them.
    pub(super) fn holds(&self, number: u64, epoch: u64) -> bool {
        number <= self.number || epoch < self.since
    }
}

impl Confirmed {
    /// What waited when a snapshot was made is one of them by its number alone: up to this one.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

/// The positions of all sinks, kept up on a thread of their own.
pub(super) struct Positions {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// The position of one sink.
struct Position {
    outbox: Arc<Outbox>,
    path: PathBuf,
    file: File,
    written: Confirmed,
}

impl Positions {
    /// Reads the positions for the journal called `journal`, in the order of `outboxes`. A sink
    /// that has none is new, and is told what comes from the epoch `next` on; one whose position is
    /// damaged is told everything again, which is too much but nothing less. What receivers
    /// themselves have `told` they have counts as well.
    ///
    /// # Errors
    /// When a position cannot be read or written.
    pub(super) fn open(
        data_dir: &DataDir,
        (journal, next): (&str, u64),
        outboxes: &[Arc<Outbox>],
        told: &[Option<u64>],
    ) -> Result<(Positions, Vec<Confirmed>), DataDirError> {
        let directory = data_dir.path().join(DIRECTORY);
        fs::create_dir_all(&directory).map_err(refuse(&directory))?;
        let mut positions = Vec::with_capacity(outboxes.len());
        for (outbox, told) in outboxes.iter().zip(told) {
            let path = directory.join(format!("{}.position", outbox.name()));
            let position = Position::open(outbox, path.clone(), (journal, next), *told);
            positions.push(position.map_err(refuse(&path))?);
        }
        for made in [directory.as_path(), data_dir.path()] {
            sync_directory(made).map_err(refuse(made))?;
        }
        let confirmed = positions.iter().map(|position| position.written).collect();
        let (stop, stopped) = channel();
        let journal = journal.to_owned();
        let thread = std::thread::Builder::new().name("positions".to_owned()).spawn(move || {
            loop {
                let over = stopped.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout);
                positions.iter_mut().for_each(|position| {
                    position.keep_up(&journal);
                    position.forget();
                });
                if over {
                    return;
                }
            }
        });
        let thread = thread.map_err(refuse(&directory))?;
        Ok((Positions { stop, thread }, confirmed))
    }

    /// Writes what is confirmed by now, and no more.
    pub(super) fn finish(self) {
        drop(self.stop);
        // A panic of the thread is in the log; the sinks are told again after a restart.
        let _ = self.thread.join();
    }
}

/// Names what the system refused.
fn refuse(path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    |source| DataDirError::Io { path, source }
}

impl Position {
    fn open(
        outbox: &Arc<Outbox>,
        path: PathBuf,
        (journal, next): (&str, u64),
        told: Option<u64>,
    ) -> io::Result<Position> {
        let file =
            File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
        let known = match understood(&fs::read(&path)?, journal) {
            Understood::Confirmed(confirmed) => Some(confirmed),
            Understood::None => None,
            Understood::Damaged => {
                let path = path.display();
                tracing::warn!(%path, "a position is damaged; its sink is told all again");
                Some(Confirmed::default())
            }
        };
        let written = Confirmed::settled(known, told, next);
        file.write_all_at(text(written, journal).as_bytes(), 0)?;
        // A machine that crashes later may leave an older position, but not none: a sink
        // without one is new, and what was before it is never told to it.
        file.sync_all()?;
        Ok(Position { outbox: Arc::clone(outbox), path, file, written })
    }

    fn keep_up(&mut self, journal: &str) {
        // While the journal is read again the sink has confirmed more than it was offered.
        let settled = self.outbox.settled();
        if settled <= self.written.number {
            return;
        }
        let settled = Confirmed { number: settled, ..self.written };
        // One write of fewer bytes than a page: a killed process leaves the old or the new.
        match self.file.write_all_at(text(settled, journal).as_bytes(), 0) {
            Ok(()) => self.written = settled,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "a position is not kept");
            }
        }
    }
}

impl Position {
    /// Has what waited on disk deleted when it is confirmed, and a crash cannot take that back.
    fn forget(&self) {
        let number = self.written.number;
        if !self.outbox.can_forget(number) {
            return;
        }
        match self.file.sync_data() {
            Ok(()) => self.outbox.forget(number),
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "a position is not synced");
            }
        }
    }
}

/// Numbers of one length, so that a new text covers the old one, and a checksum: a digit that
/// changed by itself would have a sink miss revisions that nobody misses elsewhere.
fn text(Confirmed { number, since }: Confirmed, journal: &str) -> String {
    let words = format!("{number:020} {since:020} {journal}");
    format!("{words} {:016x}\n", xxh3_64(words.as_bytes()))
}

/// Whether a position, which begins with a number, says that any revision was told, also when it is
/// damaged further on.
pub(super) fn says_told(position: &[u8]) -> bool {
    let text = String::from_utf8_lossy(position);
    let number = text.split(' ').next().and_then(|word| word.parse::<u64>().ok());
    number.is_some_and(|number| number > 0)
}

/// What a position's file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Understood {
    Confirmed(Confirmed),
    /// Nothing, or something about another journal.
    None,
    /// Nothing that anybody wrote.
    Damaged,
}

fn understood(bytes: &[u8], journal: &str) -> Understood {
    if bytes.is_empty() {
        return Understood::None;
    }
    let Some((confirmed, of)) = parsed(bytes) else { return Understood::Damaged };
    match of == journal {
        true => Understood::Confirmed(confirmed),
        false => Understood::None,
    }
}

/// A position and the journal that it is of, when the checksum holds.
fn parsed(bytes: &[u8]) -> Option<(Confirmed, &str)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (words, checksum) = std::str::from_utf8(&bytes[..end]).ok()?.rsplit_once(' ')?;
    if checksum != format!("{:016x}", xxh3_64(words.as_bytes())) {
        return None;
    }
    let mut words = words.split(' ');
    let (number, since) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((Confirmed { number, since }, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::matcher::{Matcher, Route};
    use crate::emit::outbox::OutboxLimits;

    #[test]
    fn a_position_of_another_journal_is_none() {
        let position = Confirmed { number: 12, since: 7 };
        let written = text(position, "a");
        assert_eq!(understood(written.as_bytes(), "a"), Understood::Confirmed(position));
        assert_eq!(understood(text(position, "b").as_bytes(), "a"), Understood::None);
        assert_eq!(understood(b"", "a"), Understood::None);
        for (known, told, settled) in [
            (None, Some(0), (0, 7)),
            (None, Some(5), (5, 0)),
            (None, None, (0, 0)),
            (Some(position), Some(20), (20, 7)),
            (Some(position), Some(5), (12, 7)),
            (Some(position), None, (12, 7)),
        ] {
            let (number, since) = settled;
            assert_eq!(Confirmed::settled(known, told, 7), Confirmed { number, since });
        }
        let held = [(12, 9), (13, 9), (13, 6)].map(|(number, at)| position.holds(number, at));
        assert_eq!(held, [true, false, true]);
    }

    #[test]
    fn a_position_that_nobody_wrote_is_damaged() {
        let written = text(Confirmed { number: 12, since: 7 }, "a").into_bytes();
        for at in 0..written.len() {
            for bit in 0..8 {
                let mut flipped = written.clone();
                flipped[at] ^= 1 << bit;
                assert_eq!(understood(&flipped, "a"), Understood::Damaged, "bit {bit} of {at}");
            }
            // A torn write: the new text up to here, and the old one behind it.
            let mut torn = text(Confirmed { number: 9_876, since: 7 }, "a").into_bytes();
            torn[..at].copy_from_slice(&written[..at]);
            let whole = understood(&torn, "a");
            let either = [12, 9_876].map(|number| Confirmed { number, since: 7 });
            let is_whole = either.map(Understood::Confirmed).contains(&whole);
            assert!(is_whole || whole == Understood::Damaged, "{at}: {whole:?}");
            let cut = understood(&written[..at], "a");
            assert_eq!(cut, if at == 0 { Understood::None } else { Understood::Damaged }, "{at}");
        }
        assert_eq!(understood(&[0; 80], "a"), Understood::Damaged);
    }

    #[test]
    fn a_damaged_position_costs_a_second_telling_and_a_lost_one_nothing_that_was_before() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(&directory.path().join("data")).unwrap();
        let outbox = Outbox::new("pager", Route::new(Matcher::default()), OutboxLimits::default());
        let open = |next| {
            let outboxes = std::slice::from_ref(&outbox);
            let (positions, confirmed) =
                Positions::open(&data_dir, ("a", next), outboxes, &[Some(0)]).unwrap();
            positions.finish();
            confirmed[0]
        };
        let path = data_dir.path().join("sinks/pager.position");
        assert_eq!(open(0), Confirmed { number: 0, since: 0 });
        let known = Confirmed { number: 41, since: 3 };
        fs::write(&path, text(known, "a")).unwrap();
        assert_eq!(open(9), known);
        fs::write(&path, text(known, "a").replace("41", "91")).unwrap();
        assert_eq!(open(9), Confirmed::default());
        assert_eq!(open(9), Confirmed::default(), "and it is written so");
    }
}
