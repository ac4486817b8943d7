//! Carrying what waits on a thread of its own, for sinks that write to a descriptor.

use super::Outbox;
use crate::emit::wire::Message;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Messages of one write at most, so that a failure costs little.
const BATCH_MAX: usize = 256;
/// The first wait after a failure; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Why messages were not carried.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// It may work later: a full disk, an interrupted write.
    #[error("writing failed and is tried again")]
    Later(#[source] io::Error),
    /// The first of the rest will never be taken, and is given up.
    #[error("a revision was refused and is given up")]
    Refused(#[source] io::Error),
    /// It will not work any more: a closed pipe, a failed fsync.
    #[error("writing failed for good")]
    Never(#[source] io::Error),
}

/// How far a batch came.
#[derive(Debug)]
pub struct Carried {
    /// Messages that arrived, from the front.
    pub done: usize,
    /// Why the rest did not.
    pub error: Option<CarryError>,
}

/// Writes messages somewhere.
pub trait Carrier: Send {
    /// Writes messages in order. Those that did not arrive come again, the first of them first.
    fn carry(&mut self, messages: &[Message]) -> Carried;

    /// Is told, before each call of `carry`, the numbers of its messages among all revisions.
    fn numbered(&mut self, numbers: &[u64]) {
        let _ = numbers;
    }

    /// Longest pause after a failure.
    fn pause_max(&self) -> Duration {
        PAUSE_MAX
    }
}

impl Carrier for Box<dyn Carrier> {
    fn carry(&mut self, messages: &[Message]) -> Carried {
        (**self).carry(messages)
    }

    fn numbered(&mut self, numbers: &[u64]) {
        (**self).numbered(numbers);
    }

    fn pause_max(&self) -> Duration {
        (**self).pause_max()
    }
}

/// The thread of a sink and the queue before it.
pub struct SinkThread {
    /// The queue.
    pub outbox: Arc<Outbox>,
    thread: JoinHandle<()>,
}

impl SinkThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(outbox: Arc<Outbox>, carrier: impl Carrier + 'static) -> io::Result<SinkThread> {
        let queue = Arc::clone(&outbox);
        let name = format!("sink-{}", outbox.name());
        let thread =
            std::thread::Builder::new().name(name).spawn(move || carry_on(&queue, carrier))?;
        Ok(SinkThread { outbox, thread })
    }

    /// Closes the queue and waits until what was in it is carried.
    pub fn drain(self) {
        self.outbox.close();
        self.join();
    }

    /// Waits for the thread, which ends after `close` or `stop`.
    pub fn join(self) {
        // A panic of the thread has marked the outbox as broken, which is where readers look.
        let _ = self.thread.join();
    }
}

/// Carries until the queue is closed and empty, stopped, or broken.
pub fn carry_on(outbox: &Outbox, mut carrier: impl Carrier) {
    let guard = BrokenOnPanic(outbox);
    let mut pause = PAUSE_MIN;
    let mut tries: u64 = 0;
    while let Some(messages) = outbox.take(BATCH_MAX) {
        carrier.numbered(&outbox.carried());
        let carried = carrier.carry(&messages);
        outbox.delivered(carried.done);
        match carried.error {
            None => {
                pause = PAUSE_MIN;
                // A carrier that has nothing to say may have done nothing either.
                tries = if carried.done > 0 { 0 } else { tries };
            }
            Some(CarryError::Later(error)) => {
                tries += 1;
                // Once, and then each time that it was tried ten times as often.
                if 10u64.pow(tries.ilog10()) == tries {
                    let sink = outbox.name();
                    tracing::warn!(%sink, tries, %error, "writing failed, trying again");
                }
                outbox.retried(error.to_string());
                if !outbox.pause(pause) {
                    break;
                }
                pause = (pause * 2).min(carrier.pause_max());
            }
            Some(CarryError::Refused(error)) => {
                let id = &messages[carried.done].id;
                tracing::error!(sink = %outbox.name(), %id, %error, "a revision is given up");
                outbox.failed(error.to_string());
            }
            Some(CarryError::Never(error)) => {
                tracing::error!(sink = %outbox.name(), %error, "writing failed for good");
                outbox.broken(error.to_string());
            }
        }
    }
    std::mem::forget(guard);
}

/// Nobody would carry any more, and a blocking queue would wait for ever.
struct BrokenOnPanic<'a>(&'a Outbox);

impl Drop for BrokenOnPanic<'_> {
    fn drop(&mut self) {
        self.0.broken("the sink's thread panicked".to_owned());
    }
}
