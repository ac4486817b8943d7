//! Revisions as lines on standard output.

use super::outbox::{Carried, Carrier, CarryError};
use super::wire::Message;
use std::io::{self, Write};

/// Writes one line a revision.
///
/// A run that follows another on the same pipe begins with a newline, because
/// the other may have died in the middle of a line (SEMANTICS rule 25).
pub struct StdoutCarrier<W> {
    out: W,
    newline_first: bool,
    batch: Vec<u8>,
}

impl StdoutCarrier<io::Stdout> {
    /// Standard output; `restarted` when a run before this one may have written to it.
    pub fn new(restarted: bool) -> Self {
        StdoutCarrier::over(io::stdout(), restarted)
    }
}

impl<W: Write + Send> StdoutCarrier<W> {
    /// Any writer instead of standard output.
    pub fn over(out: W, restarted: bool) -> Self {
        StdoutCarrier { out, newline_first: restarted, batch: Vec::new() }
    }
}

impl<W: Write + Send> Carrier for StdoutCarrier<W> {
    fn carry(&mut self, messages: &[Message]) -> Carried {
        self.batch.clear();
        if self.newline_first {
            self.batch.push(b'\n');
        }
        for message in messages {
            self.batch.extend_from_slice(message.line.as_bytes());
            self.batch.push(b'\n');
        }
        match self.out.write_all(&self.batch).and_then(|()| self.out.flush()) {
            Ok(()) => {
                self.newline_first = false;
                Carried { done: messages.len(), error: None }
            }
            // How much of the batch arrived is unknown, so the next line must begin a new one,
            // and complete lines may come twice: readers are idempotent on (id, revision).
            Err(error) => {
                self.newline_first = true;
                let error = match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::StorageFull => {
                        CarryError::Later(error)
                    }
                    _ => CarryError::Never(error),
                };
                Carried { done: 0, error: Some(error) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::wire::sample;

    /// Takes `room` bytes, then fails.
    struct Pipe {
        bytes: Vec<u8>,
        room: usize,
        kind: io::ErrorKind,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                self.room = usize::MAX;
                return Err(self.kind.into());
            }
            self.room -= taken;
            self.bytes.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn carrier(room: usize, kind: io::ErrorKind, restarted: bool) -> StdoutCarrier<Pipe> {
        StdoutCarrier::over(Pipe { bytes: Vec::new(), room, kind }, restarted)
    }

    #[test]
    fn one_line_a_revision() {
        let messages = [sample::message("inc-1", 1), sample::message("inc-1", 2)];
        let lines = format!("{}\n{}\n", messages[0].line, messages[1].line);
        for (restarted, expected) in [(false, lines.clone()), (true, format!("\n{lines}"))] {
            let mut carrier = carrier(usize::MAX, io::ErrorKind::Other, restarted);
            assert_eq!(carrier.carry(&messages[..1]).done, 1);
            assert_eq!(carrier.carry(&messages[1..]).done, 1);
            assert_eq!(String::from_utf8(carrier.out.bytes).unwrap(), expected);
        }
    }

    #[test]
    fn a_torn_line_is_followed_by_a_new_one() {
        let message = [sample::message("inc-1", 1)];
        let mut carrier = carrier(10, io::ErrorKind::StorageFull, false);
        let first = carrier.carry(&message);
        assert!(matches!((first.done, first.error), (0, Some(CarryError::Later(_)))));
        assert_eq!(carrier.carry(&message).done, 1);
        let text = String::from_utf8(carrier.out.bytes).unwrap();
        assert_eq!(text, format!("{}\n{}\n", &message[0].line[..10], message[0].line));
    }

    #[test]
    fn a_closed_pipe_ends_the_sink() {
        let mut carrier = carrier(0, io::ErrorKind::BrokenPipe, false);
        let carried = carrier.carry(&[sample::message("inc-1", 1)]);
        assert!(matches!(carried.error, Some(CarryError::Never(_))));
    }
}
