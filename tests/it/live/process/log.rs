//! What a process writes to standard error.

use std::collections::VecDeque;
use std::io::{BufReader, Lines};
use std::process::ChildStderr;
use std::thread::JoinHandle;

/// Lines that are kept for whoever looks for the cause.
const KEPT: usize = 200;

/// The log of a process, read while it is written: a pipe that nobody reads is full after 64 KiB,
/// some ten losses of a broker, and from then on whoever logs waits, and all the process with it.
pub(super) struct Log(Option<JoinHandle<VecDeque<String>>>);

impl Log {
    /// Reads the rest of it.
    pub(super) fn read(lines: Lines<BufReader<ChildStderr>>) -> Log {
        Log(Some(std::thread::spawn(move || {
            let mut last = VecDeque::new();
            for line in lines.map_while(Result::ok) {
                if last.len() == KEPT {
                    last.pop_front();
                }
                last.push_back(line);
            }
            last
        })))
    }

    /// Waits until the process has closed it; the last lines.
    pub(super) fn last_lines(&mut self) -> String {
        let last = self.0.take().map(|reader| reader.join().unwrap()).unwrap_or_default();
        Vec::from(last).join("\n")
    }
}
