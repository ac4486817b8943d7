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
    written: u64,
}

impl Positions {
    /// Reads the positions for the journal called `journal`, in the order of `outboxes`.
    ///
    /// # Errors
    /// When a position cannot be read or written.
    pub(super) fn open(
        data_dir: &DataDir,
        journal: &str,
        outboxes: &[Arc<Outbox>],
    ) -> io::Result<(Positions, Vec<u64>)> {
        let directory = data_dir.path().join(DIRECTORY);
        fs::create_dir_all(&directory)?;
        let mut positions = Vec::with_capacity(outboxes.len());
        for outbox in outboxes {
            let path = directory.join(format!("{}.position", outbox.name()));
            let file =
                File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
            let written = confirmed(&fs::read_to_string(&path)?, journal).unwrap_or(0);
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
        let settled = self.outbox.settled().max(self.written);
        if settled == self.written {
            return;
        }
        // One write of fewer bytes than a page: a killed process leaves the old or the new.
        match self.file.write_all_at(text(settled, journal).as_bytes(), 0) {
            Ok(()) => self.written = settled,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "a position is not kept");
            }
        }
    }
}

fn text(number: u64, journal: &str) -> String {
    format!("{number:020} {journal}\n")
}

/// The number in a position's file, when it is one for that journal.
fn confirmed(text: &str, journal: &str) -> Option<u64> {
    let (number, of) = text.trim_end().split_once(' ')?;
    (of == journal).then(|| number.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_another_journal_is_none() {
        assert_eq!(confirmed(&text(12, "a"), "a"), Some(12));
        for text in [text(12, "b").as_str(), "", "12", "x a\n"] {
            assert_eq!(confirmed(text, "a"), None, "{text:?}");
        }
    }
}
