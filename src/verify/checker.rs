//! Holding lines against what is expected.

use super::acked::Acked;
use super::expected::{Expected, State};
use super::lines::{Head, Line, Lines, Whole};
use super::report::{Finding, Report};
use hashbrown::HashMap;
use smol_str::SmolStr;
use std::io::{self, BufRead};
use xxhash_rust::xxh3::xxh3_128;

/// Torn lines that are held against the whole line behind them, the first ones: far more
/// than anybody kills a process.
const TORN_MAX: usize = 100_000;

/// A sink that is being checked.
#[derive(Debug)]
pub struct Checker {
    expected: Expected,
    report: Report,
    /// Beginnings of lines that were not yet held against the whole.
    torn: HashMap<SmolStr, Vec<Torn>>,
    torn_held: usize,
    /// The highest number among all revisions that was told.
    last: u64,
}

/// The beginning of a line of a revision.
#[derive(Debug)]
struct Torn {
    revision: u64,
    bytes: usize,
    hash: u128,
    file: SmolStr,
    line: u64,
}

impl Checker {
    /// A sink that nothing was read of yet.
    pub fn new(expected: Expected) -> Checker {
        let report = Report { expected: expected.wanted(), ..Report::default() };
        Checker { expected, report, torn: HashMap::new(), torn_held: 0, last: 0 }
    }

    /// Reads a file of the sink; files come in the order in which they were written.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&mut self, file: &str, reader: impl BufRead) -> io::Result<()> {
        let file = SmolStr::new(file);
        let mut lines = Lines::new(reader);
        while let Some(line) = lines.next_line()? {
            self.line(&file, &line);
        }
        Ok(())
    }

    /// What senders were told was taken, from `file`, after the journal was read.
    pub fn acked(&mut self, file: &str, acked: &Acked) {
        self.report.acked += acked.count();
        self.report.lost_input = acked.lost(&SmolStr::new(file));
    }

    /// What it comes to. `is_unfinished` when the process still runs or was killed and not
    /// started again: what lies behind the last revision told is not lost yet.
    pub fn finish(mut self, is_unfinished: bool) -> Report {
        let mut awaited: Vec<(u64, &SmolStr, u64)> = Vec::new();
        for (id, told) in &self.expected.incidents {
            for (at, state) in told.states.iter().enumerate() {
                if *state == State::Awaited {
                    awaited.push((told.numbers[at], id, told.earlier + at as u64 + 1));
                }
            }
        }
        awaited.sort_unstable();
        for (number, id, revision) in awaited {
            if is_unfinished && number > self.last {
                self.report.pending += 1;
                continue;
            }
            let behind = if number > self.last { ", behind all that was told" } else { "" };
            let epoch = self.expected.epoch_of(number);
            let detail = || format!("expected as revision {number} of all, epoch {epoch}{behind}");
            self.report.lost.add(|| Finding::revision(id, revision, detail()));
        }
        self.report.clean = self.report.is_clean();
        self.report
    }

    fn line(&mut self, file: &SmolStr, line: &Line<'_>) {
        self.report.lines += 1;
        if line.bytes.is_empty() {
            self.report.blank += 1;
            return;
        }
        if line.is_cut {
            let detail = format!("a line of more than {} bytes", line.bytes.len());
            self.malformed(file, line.number, detail);
            return;
        }
        let hash = xxh3_128(line.bytes);
        let head = Head::of(line.bytes);
        if let Head::Revision(id, revision) = head
            && let Some((told, at)) = self.expected.find(id, revision)
            && told.hashes[at] == hash
        {
            // The very bytes: nothing else about them needs to be looked at.
            self.told(file, line, id, revision);
            return;
        }
        match Whole::of(line.bytes) {
            Whole::Revision(id, revision, at) if self.expected.is_earlier(&id, revision, at) => {
                self.report.earlier += 1;
            }
            Whole::Revision(id, revision, _) => self.other(file, line.number, &id, revision),
            Whole::Broken => self.begun(file, line, head, hash),
            Whole::Other => self.malformed(file, line.number, "no revision".to_owned()),
        }
    }

    /// An expected line, if it is for this sink.
    fn told(&mut self, file: &SmolStr, line: &Line<'_>, id: &str, revision: u64) {
        self.compare_torn(id, revision, line.bytes);
        let Some((told, at)) = self.expected.find(id, revision) else { return };
        match told.states[at] {
            State::Unwanted => {
                let detail = "a revision that this sink does not ask for";
                let finding = || Finding::revision(id, revision, detail).at(file, line.number);
                self.report.phantom.add(finding);
            }
            State::Seen => self.report.retold += 1,
            before @ (State::Awaited | State::Other) => {
                told.states[at] = State::Seen;
                let highest = told.highest;
                told.highest = highest.max(revision);
                self.last = self.last.max(told.numbers[at]);
                self.report.told += 1;
                if before == State::Awaited && revision < highest {
                    let detail = format!("first told behind revision {highest}");
                    let finding = || Finding::revision(id, revision, detail).at(file, line.number);
                    self.report.reordered.add(finding);
                }
            }
        }
    }

    /// A whole line that is not what the journal leads to.
    fn other(&mut self, file: &SmolStr, line: u64, id: &str, revision: u64) {
        let Some((told, at)) = self.expected.find(id, revision) else {
            let detail = match self.expected.incidents.get(id) {
                Some(told) => {
                    let revisions = told.earlier + told.hashes.len() as u64;
                    format!("the incident has {revisions} revisions")
                }
                None => "no such incident".to_owned(),
            };
            self.report.phantom.add(|| Finding::revision(id, revision, detail).at(file, line));
            return;
        };
        let detail = match told.states[at] {
            State::Seen => "told before with other bytes, which are the expected ones",
            _ => "other bytes than expected",
        };
        if told.states[at] == State::Awaited {
            told.states[at] = State::Other;
            self.last = self.last.max(told.numbers[at]);
        }
        self.report.duplicate.add(|| Finding::revision(id, revision, detail).at(file, line));
    }

    /// A line that breaks off.
    fn begun(&mut self, file: &SmolStr, line: &Line<'_>, head: Head<'_>, hash: u128) {
        let problem = match head {
            Head::Revision(id, revision) => match self.expected.find(id, revision) {
                Some((told, at)) if told.states[at] == State::Unwanted => {
                    Some("the beginning of a revision that this sink does not ask for")
                }
                Some(_) => None,
                None => Some("the beginning of a revision that nobody expects"),
            },
            Head::Broken(begun) if self.is_begun(begun) => None,
            Head::Broken(_) => Some("the beginning of a revision that nobody expects"),
            Head::Other => Some("breaks off, and does not begin as a revision does"),
        };
        if let Some(problem) = problem {
            self.malformed(file, line.number, problem.to_owned());
            return;
        }
        let (at, bytes) = (line.number, line.bytes.len());
        let detail = format!("the first {bytes} bytes of a revision");
        let Head::Revision(id, revision) = head else {
            self.report.torn.add(|| Finding { detail, ..Finding::default() }.at(file, at));
            return;
        };
        self.report.torn.add(|| Finding::revision(id, revision, detail).at(file, at));
        if self.torn_held < TORN_MAX {
            self.torn_held += 1;
            let torn = Torn { revision, bytes, hash, file: file.clone(), line: at };
            self.torn.entry(SmolStr::new(id)).or_default().push(torn);
        }
    }

    /// Whether some expected revision is named like this from its beginning on.
    fn is_begun(&self, begun: &str) -> bool {
        match begun.rsplit_once('/') {
            None => self.expected.incidents.keys().any(|id| id.starts_with(begun)),
            Some((id, digits)) => self.expected.incidents.get(id).is_some_and(|told| {
                let named = |number: usize| number.to_string().starts_with(digits);
                (1..=told.earlier as usize + told.hashes.len()).any(named)
            }),
        }
    }

    /// Holds the whole line of a revision against what was torn of it before.
    fn compare_torn(&mut self, id: &str, revision: u64, whole: &[u8]) {
        let Some(of_incident) = self.torn.get_mut(id) else { return };
        let theirs: Vec<Torn> =
            of_incident.extract_if(.., |torn| torn.revision == revision).collect();
        self.torn_held -= theirs.len();
        for torn in theirs {
            let begun = whole.get(..torn.bytes);
            if begun.is_some_and(|begun| xxh3_128(begun) == torn.hash) {
                continue;
            }
            let is_it = |finding: &Finding| {
                finding.file.as_ref() == Some(&torn.file) && finding.line == Some(torn.line)
            };
            self.report.torn.count -= 1;
            self.report.torn.first.retain(|finding| !is_it(finding));
            let detail = format!("begins as {id}/{revision} does and goes on otherwise");
            self.malformed(&torn.file, torn.line, detail);
        }
    }

    fn malformed(&mut self, file: &SmolStr, line: u64, detail: String) {
        let finding = Finding { detail, ..Finding::default() };
        self.report.malformed.add(|| finding.at(file, line));
    }
}
