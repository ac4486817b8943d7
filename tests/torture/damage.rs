//! R10: a journal that is damaged is refused with the place named, or goes on exactly.
//!
//! One fault of any kind leaves a witness of what was durable, so it can cost nothing that
//! nobody says. Where the last witness is gone as well, a journal may end earlier, and then
//! what is left is the beginning of what was there.

use super::again::{Again, read_again, settings};
use super::history::{BEGINS, draw, yaml};
use super::life::{Life, copy};
use super::victim::Place;
use causeway::clock::ManualClock;
use causeway::journal::{JournalError, Options, Writer};
use causeway::settings::Settings;
use causeway_loadgen::rng::Rng;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SEGMENT_BYTES: u64 = 4 << 10;
const STEPS: usize = 40;

/// A whole journal, and what it leads to.
pub(super) struct Whole {
    directory: tempfile::TempDir,
    settings: Arc<Settings>,
    again: Again,
}

/// How damaged journals were taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken {
    /// Damaged journals.
    pub(super) journals: u64,
    /// Those that were refused, with the place named.
    pub(super) refused: u64,
    /// Those that lead to what they led to.
    pub(super) exact: u64,
    /// Those without a witness left that end earlier.
    pub(super) shorter: u64,
    pub(super) findings: Vec<String>,
}

impl Taken {
    pub(super) fn add(&mut self, other: Taken) {
        self.journals += other.journals;
        self.refused += other.refused;
        self.exact += other.exact;
        self.shorter += other.shorter;
        self.findings.extend(other.findings);
    }
}

/// What was done to a journal.
#[derive(Clone)]
pub(super) struct Damage {
    /// The file.
    pub(super) name: String,
    /// How, for a person.
    what: String,
    /// Whether the mark was removed besides.
    unmarked: bool,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.unmarked { ", without a mark" } else { "" };
        write!(f, "{} of {}{mark}", self.what, self.name)
    }
}

impl Whole {
    /// A journal of several segments, made by a history and not drained.
    pub(super) fn new(seed: u64) -> Whole {
        let mut rng = Rng::stream(seed, "damage");
        let settings = Arc::new(settings(&yaml(&mut rng)));
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at_seconds(BEGINS));
        let made = directory.path().join("made");
        let life = Life::begin(&made, &settings, &clock, 1, SEGMENT_BYTES);
        for step in draw(&mut rng, STEPS) {
            clock.advance_seconds(step.after_seconds);
            life.take(&step.lines);
        }
        life.crash(&made, &directory.path().join("journal"));
        let again = read_again(&directory.path().join("journal"), &settings, 1).unwrap();
        assert!(again.lines.len() > 10, "a history that tells something");
        Whole { directory, settings, again }
    }

    /// Copies it and damages the copy.
    pub(super) fn damaged(&self, to: &Path, rng: &mut Rng) -> Damage {
        copy(&self.directory.path().join("journal"), to);
        let unmarked = rng.chance(0.15);
        if unmarked {
            std::fs::remove_file(to.join("mark")).unwrap();
        }
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(to).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let path = rng.pick(&files);
        let mut bytes = std::fs::read(path).unwrap();
        let what = spoil(&mut bytes, rng);
        std::fs::write(path, bytes).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        Damage { name, what, unmarked }
    }

    /// Opens a damaged copy as a start does, and holds what it leads to against the whole.
    pub(super) fn judge(&self, copy: &Path, damage: &Damage) -> Taken {
        let mut taken = Taken { journals: 1, ..Taken::default() };
        let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::default() };
        match Writer::open(copy, options) {
            Err(error) => {
                taken.refused = 1;
                if !names_place(&error) {
                    taken.findings.push(format!("{damage}: {error}"));
                }
            }
            Ok((writer, _)) => {
                drop(writer);
                let again = read_again(copy, &self.settings, 1).unwrap();
                if again == self.again {
                    taken.exact = 1;
                } else if damage.unmarked && self.again.lines.starts_with(&again.lines) {
                    taken.shorter = 1;
                } else {
                    taken.findings.push(format!("silently wrong: {damage}"));
                }
            }
        }
        taken
    }
}

/// Flips, overwrites, cuts or lengthens; what was done.
fn spoil(bytes: &mut Vec<u8>, rng: &mut Rng) -> String {
    let at = rng.below(bytes.len());
    match rng.weighted(&[6.0, 1.0, 1.0, 2.0, 1.0]) {
        0 => {
            let bit = rng.below(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
        1 => {
            let end = (at + 1 + rng.below(600)).min(bytes.len());
            bytes[at..end].fill(0);
            format!("zeros from {at} to {end}")
        }
        2 => {
            let end = (at + 1 + rng.below(64)).min(bytes.len());
            bytes[at..end].iter_mut().for_each(|byte| *byte = rng.next_u64() as u8);
            format!("noise from {at} to {end}")
        }
        3 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        _ => {
            let more = 1 + rng.below(200);
            bytes.extend((0..more).map(|_| rng.next_u64() as u8));
            format!("{more} bytes more")
        }
    }
}

/// Whether a refusal says which file, and where in it or what is not there.
fn names_place(error: &JournalError) -> bool {
    let text = error.to_string();
    match error {
        JournalError::Corrupt(_) => text.contains(".log") && text.contains("at byte"),
        JournalError::Missing { .. } => text.contains("lacks epochs"),
        _ => false,
    }
}

/// Starts so many processes on damaged journals that are to be refused.
pub(super) fn start(seed: u64, processes: u64) -> Taken {
    let whole = Whole::new(seed);
    let mut rng = Rng::stream(seed, "processes");
    let mut taken = Taken::default();
    while taken.journals < processes {
        let place = Place::new(&mut rng, |_| "sources: {http: {type: http}}\n".to_owned());
        let damage = whole.damaged(&place.journal(), &mut rng);
        let judged = place.path("judged");
        copy(&place.journal(), &judged);
        if whole.judge(&judged, &damage).refused == 0 {
            continue;
        }
        let (status, log) = place.refused();
        let named = log.contains(&damage.name) && log.contains("at byte");
        // What is not there has no byte, and is told by the file that says it was there.
        let missing = log.contains("lacks epochs") && log.contains("mark");
        match status == Some(74) && (named || missing) {
            true => taken.refused += 1,
            false => taken.findings.push(format!("seed {seed}: {damage}: {status:?} {log}")),
        }
        taken.journals += 1;
    }
    taken
}

/// Damages so many copies of a journal.
pub(super) fn damage(seed: u64, copies: u64) -> Taken {
    let whole = Whole::new(seed);
    let mut rng = Rng::stream(seed, "copies");
    let mut taken = Taken::default();
    for number in 0..copies {
        let copy = tempfile::tempdir().unwrap();
        let damage = whole.damaged(copy.path(), &mut rng);
        let mut one = whole.judge(copy.path(), &damage);
        let place = format!("seed {seed}, copy {number}: ");
        one.findings.iter_mut().for_each(|finding| finding.insert_str(0, &place));
        taken.add(one);
    }
    taken
}
