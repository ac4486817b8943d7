//! How far each sink has confirmed the revisions, so that a restart tells it the rest alone.
//!
//! A revision's number is its place among all that the journal leads to. So a
//! position means something for one journal only, and names it.

use super::data_dir::DataDir;
use crate::emit::outbox::Outbox;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Directory of the positions in the data directory.
const DIRECTORY: &str = "sinks";
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
    /// Whether the revision of that number, told in that epoch, is one of them.
    pub(super) fn holds(&self, number: u64, epoch: u64) -> bool {
        number <= self.number || epoch < self.since
    }
}

impl Confirmed {
    /// Whether the revision of that number is one of them, by its number alone: it waited when a
    /// snapshot was made.
    pub(super) fn holds_number(&self, number: u64) -> bool {
        number <= self.number
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
    /// that has none is new, and is told what comes from the epoch `next` on.
    ///
    /// # Errors
    /// When a position cannot be read or written.
    pub(super) fn open(
        data_dir: &DataDir,
        (journal, next): (&str, u64),
        outboxes: &[Arc<Outbox>],
    ) -> io::Result<(Positions, Vec<Confirmed>)> {
        let directory = data_dir.path().join(DIRECTORY);
        fs::create_dir_all(&directory)?;
        let mut positions = Vec::with_capacity(outboxes.len());
        for outbox in outboxes {
            let path = directory.join(format!("{}.position", outbox.name()));
            let file =
                File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
            let known = confirmed(&fs::read_to_string(&path)?, journal);
            let written = known.unwrap_or(Confirmed { number: 0, since: next });
            file.write_all_at(text(written, journal).as_bytes(), 0)?;
            let outbox = Arc::clone(outbox);
            positions.push(Position { outbox, path, file, written });
        }
        let confirmed = positions.iter().map(|position| position.written).collect();
        let (stop, stopped) = channel();
        let journal = journal.to_owned();
        let thread = std::thread::Builder::new().name("positions".to_owned()).spawn(move || {
            loop {
                let over = stopped.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout);
                positions.iter_mut().for_each(|position| position.keep_up(&journal));
                if over {
                    return;
                }
            }
        })?;
        Ok((Positions { stop, thread }, confirmed))
    }

    /// Writes what is confirmed by now, and no more.
    pub(super) fn finish(self) {
        drop(self.stop);
        // A panic of the thread is in the log; the sinks are told again after a restart.
        let _ = self.thread.join();
    }
}

impl Position {
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

/// Numbers of one length, so that a new text covers the old one.
fn text(Confirmed { number, since }: Confirmed, journal: &str) -> String {
    format!("{number:020} {since:020} {journal}\n")
}

/// What a position's file says, when it is one for that journal.
fn confirmed(text: &str, journal: &str) -> Option<Confirmed> {
    let mut words = text.split_ascii_whitespace();
    let (number, since) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (words.next()? == journal).then_some(Confirmed { number, since })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_another_journal_is_none() {
        let position = Confirmed { number: 12, since: 7 };
        assert_eq!(confirmed(&text(position, "a"), "a"), Some(position));
        for text in [text(position, "b").as_str(), "", "12", "12 7", "x 7 a\n"] {
            assert_eq!(confirmed(text, "a"), None, "{text:?}");
        }
        let held = [(12, 9), (13, 9), (13, 6)].map(|(number, at)| position.holds(number, at));
        assert_eq!(held, [true, false, true]);
    }
}
