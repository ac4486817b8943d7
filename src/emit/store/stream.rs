//! The live stream: a bounded ring of the last messages, and readers who resume in it.

use super::{Message, Store, StoreLimits, Time};
use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use tokio::sync::watch;

/// A place in the stream of one run; as text it is the `id` of a server-sent event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Which run: a position of another run says nothing about this one.
    pub generation: u64,
    /// The number of the message, from 1; zero is before the first.
    pub number: u64,
}

/// A text that is no position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("position {text:?} is none that the stream gave out: leave it out to begin now")]
pub struct PositionError {
    /// As given.
    pub text: String,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.generation, self.number)
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Position, PositionError> {
        let parse = || {
            let (generation, number) = text.split_once('-')?;
            let generation = u64::from_str_radix(generation, 16).ok()?;
            Some(Position { generation, number: number.parse().ok()? })
        };
        parse().ok_or_else(|| PositionError { text: text.to_owned() })
    }
}

/// What a subscriber gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Streamed {
    /// The next revision.
    Revision {
        /// Where to resume after it.
        position: Position,
        /// The revision.
        message: Message,
    },
    /// Revisions were missed: list the incidents anew, then go on from here.
    Reset {
        /// Everything after this position follows.
        position: Position,
    },
}

/// What wakes subscribers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tide {
    /// The number of the last message.
    pub(super) last: u64,
    /// No more will come.
    pub(super) closed: bool,
}

impl Tide {
    pub(super) fn at(last: u64) -> Tide {
        Tide { last, closed: false }
    }
}

/// The last messages.
pub(super) struct Ring {
    generation: u64,
    messages: VecDeque<Message>,
    /// Number of the first message held.
    first: u64,
    bytes: usize,
    limits: StoreLimits,
}

/// What the ring has after a position.
pub(super) enum Found {
    Message(Message),
    Nothing,
    /// Gone, or never of this ring.
    Missed,
}

impl Ring {
    pub(super) fn new(limits: StoreLimits, generation: u64) -> Ring {
        Ring { generation, messages: VecDeque::new(), first: 1, bytes: 0, limits }
    }

    /// Number of the last message; zero before the first.
    pub(super) fn last(&self) -> u64 {
        self.first + self.messages.len() as u64 - 1
    }

    pub(super) fn push(&mut self, message: Message) -> u64 {
        self.bytes += message.line.len();
        self.messages.push_back(message);
        let full = |ring: &Ring| {
            ring.messages.len() > ring.limits.stream_messages_max
                || ring.bytes > ring.limits.stream_bytes_max
        };
        while full(self) {
            self.forget_oldest();
        }
        self.last()
    }

    /// Forgets what is older than incidents that are over are kept: who resumes after so long
    /// has to list them anew.
    pub(super) fn prune(&mut self, now: Time) {
        let horizon = now.0.saturating_sub(self.limits.resolved_age_ms);
        while self.messages.front().is_some_and(|oldest| oldest.revision.updated_at.0 < horizon) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.messages.pop_front() else { return };
        self.bytes -= oldest.line.len();
        self.first += 1;
    }

    fn after(&self, number: u64) -> Found {
        if number == self.last() {
            return Found::Nothing;
        }
        match number.checked_sub(self.first - 1).map(|at| self.messages.get(at as usize)) {
            Some(Some(message)) => Found::Message(message.clone()),
            _ => Found::Missed,
        }
    }
}

/// One reader of the live stream; slow ones miss messages, and are told so.
pub struct Subscription {
    store: Store,
    wake: watch::Receiver<Tide>,
    position: Position,
}

impl Subscription {
    pub(super) fn new(
        store: Store,
        wake: watch::Receiver<Tide>,
        after: Option<Position>,
    ) -> Subscription {
        let position = after.unwrap_or_else(|| store.position());
        Subscription { store, wake, position }
    }

    /// What comes next, without waiting for it.
    pub fn try_next(&mut self) -> Option<Streamed> {
        let inner = self.store.read();
        let ring = &inner.ring;
        let here = Position { generation: ring.generation, number: ring.last() };
        let found = match self.position.generation == ring.generation {
            true => ring.after(self.position.number),
            false => Found::Missed,
        };
        match found {
            Found::Nothing => None,
            Found::Message(message) => {
                self.position.number += 1;
                Some(Streamed::Revision { position: self.position, message })
            }
            Found::Missed => {
                self.position = here;
                Some(Streamed::Reset { position: here })
            }
        }
    }

    /// Waits for what comes next; `None` when the store was closed and all was read.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Streamed> {
        loop {
            // Seen before the ring is read, so that nothing pushed in between is slept through.
            let closed = self.wake.borrow_and_update().closed;
            if let Some(streamed) = self.try_next() {
                return Some(streamed);
            }
            if closed || self.wake.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Where the reader is.
    pub fn position(&self) -> Position {
        self.position
    }
}

impl Store {
    /// The end of the live stream.
    pub fn position(&self) -> Position {
        let inner = self.read();
        Position { generation: inner.ring.generation, number: inner.ring.last() }
    }
}
