//! What is around a simulated process: who sends, a log, a sink, and whose turn it is.

use causeway::canonical::{Format, Message, Origin};
use causeway::clock::{Clock, ManualClock};
use causeway::ingest::Durable;
use causeway::ingest::reception::{Delivery, Reception};
use causeway::ingest::receptions::Receptions;
use causeway::runtime::{Pace, Turn};
use causeway_loadgen::rng::Rng;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};

/// Somebody who sends one batch after the other, each until it is acknowledged.
pub(super) struct Sender {
    name: String,
    batches: Vec<String>,
    /// How many batches have their times.
    stamped: usize,
    acknowledged: usize,
    open: Option<Durable>,
}

impl Sender {
    pub(super) fn new(name: &str, batches: Vec<String>) -> Sender {
        Sender { name: name.to_owned(), batches, stamped: 0, acknowledged: 0, open: None }
    }

    /// The batch that is to be sent; its times are those of its first try, and its ids nobody
    /// else's.
    fn batch(&mut self, clock: &ManualClock) -> Option<&str> {
        let at = self.acknowledged;
        let batch = self.batches.get_mut(at)?;
        if at == self.stamped {
            let lines = batch.lines().map(|line| {
                let mut event: Value = serde_json::from_str(line).unwrap();
                event["time"] = json!(clock.now_ns());
                if let Some(id) = event["id"].as_str().map(str::to_owned) {
                    event["id"] = json!(format!("{}-{id}", self.name));
                }
                format!("{event}\n")
            });
            *batch = lines.collect();
            self.stamped += 1;
        }
        Some(batch)
    }

    /// Sends a batch, or looks whether it was acknowledged.
    pub(super) fn go_on(&mut self, reception: &Reception, clock: &ManualClock) {
        if self.hears() {
            return;
        }
        let Some(batch) = self.batch(clock) else { return };
        let delivery = Delivery::body(batch.as_bytes(), Format::Native, reception.tenant());
        let receipt = reception.take(&delivery);
        self.open = receipt.ok().map(|receipt| {
            assert_eq!(receipt.counts.rejected, 0, "{:?}", receipt.rejects);
            receipt.durable
        });
    }

    /// Whether it waits for an answer; takes one that is there.
    fn hears(&mut self) -> bool {
        match &self.open {
            None => false,
            Some(durable) if durable.is_reached() => {
                (self.open, self.acknowledged) = (None, self.acknowledged + 1);
                true
            }
            Some(_) => true,
        }
    }

    /// The other side is gone: what has no answer is sent again.
    pub(super) fn cut_off(&mut self) {
        self.open = None;
    }

    pub(super) fn is_done(&self) -> bool {
        self.acknowledged == self.batches.len()
    }

    /// Whether nothing was sent that may have to be sent again.
    pub(super) fn is_idle(&self) -> bool {
        self.acknowledged == self.stamped
    }

    /// The entity of each firing event.
    pub(super) fn firing(&self) -> Vec<String> {
        let events = self.batches.iter().flat_map(|batch| batch.lines());
        let events = events.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let firing = events.filter(|e| e["kind"] == "alert" && e["status"] != "resolved");
        firing.map(|event| event["entity"].as_str().unwrap().to_owned()).collect()
    }
}

/// A partition of a log: it can be read again from anywhere.
pub(super) struct Log {
    /// Who fills it; what is acknowledged is what the process has on disk.
    pub(super) sender: Sender,
    /// The next message that is read.
    next: usize,
    /// Messages that were read up to, and when they are on disk.
    taken: VecDeque<(usize, Durable)>,
}

/// What the partition is called.
const PARTITION: &str = "topic/0";

impl Log {
    pub(super) fn new(sender: Sender) -> Log {
        Log { sender, next: 0, taken: VecDeque::new() }
    }

    /// A process begins: it reads on where its journal ends.
    pub(super) fn go_on(&mut self, receptions: &Receptions) {
        let reached = receptions.all().next().unwrap().reached();
        self.next = reached.get(PARTITION).map_or(0, |reached| reached.offset as usize);
        self.sender.acknowledged = self.next;
    }

    /// Has some messages read.
    pub(super) fn go_on_with(
        &mut self,
        receptions: &Receptions,
        clock: &ManualClock,
        rng: &mut Rng,
    ) {
        while self.taken.front().is_some_and(|(_, durable)| durable.is_reached()) {
            self.sender.acknowledged = self.taken.pop_front().unwrap().0;
        }
        let until = (self.next + 1 + rng.below(3)).min(self.sender.batches.len());
        if self.next == until {
            return;
        }
        let (mut bytes, mut messages) = (Vec::new(), Vec::new());
        for offset in self.next..until {
            let acknowledged = std::mem::replace(&mut self.sender.acknowledged, offset);
            let body = self.sender.batch(clock).unwrap().to_owned();
            self.sender.acknowledged = acknowledged;
            bytes.extend_from_slice(body.as_bytes());
            let (length, offset) = (body.len() as u32, offset as u64);
            messages.push(Message { bytes: length, offset, ..Message::default() });
        }
        let reception = receptions.all().next().unwrap();
        let origin = Origin {
            source_id: reception.name().clone(),
            partition: Some(PARTITION.into()),
            offset: Some(self.next as u64),
            seq: None,
        };
        let taken = reception.take_messages(&bytes, &messages, Format::Native, &origin);
        if let Ok(receipt) = taken {
            assert_eq!(receipt.counts.rejected, 0, "{:?}", receipt.rejects);
            self.taken.push_back((until, receipt.durable));
            self.next = until;
        }
    }

    pub(super) fn cut_off(&mut self) {
        self.taken.clear();
    }
}

/// A receiver of revisions, and the queue before it.
#[derive(Default)]
pub(super) struct Sink {
    /// All that arrived, in order.
    pub(super) told: Vec<String>,
    queue: VecDeque<(u64, String)>,
    settled: u64,
    /// What is on disk of how far it is settled.
    position: u64,
}

impl Sink {
    pub(super) fn offer(&mut self, sequence: u64, line: &str) {
        if sequence > self.position {
            self.queue.push_back((sequence, line.to_owned()));
        }
    }

    /// Tries to tell the first line that waits; false when none does.
    pub(super) fn carry(&mut self, rng: &mut Rng) -> bool {
        let Some((sequence, line)) = self.queue.front() else { return false };
        match rng.weighted(&[7.0, 1.5, 1.5]) {
            0 => {
                self.told.push(line.clone());
                self.settled = *sequence;
                self.queue.pop_front();
            }
            // It arrived, and nobody hears of it.
            1 => self.told.push(line.clone()),
            _ => {}
        }
        true
    }

    /// Writes down how far it has come.
    pub(super) fn note(&mut self) {
        self.position = self.position.max(self.settled);
    }

    pub(super) fn cut_off(&mut self) {
        self.queue.clear();
        self.settled = self.position;
    }
}

/// Whose turn it is; clones share it.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    whose: Option<usize>,
    /// Everybody goes on as they like.
    is_free: bool,
}

impl Turns {
    /// Lets a worker go on, and waits until it has.
    pub(super) fn give(&self, worker: usize) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.whose = Some(worker);
        changed.notify_all();
        while state.whose.is_some() {
            state = changed.wait(state).unwrap();
        }
    }

    /// From here on nobody waits.
    pub(super) fn free(&self) {
        self.0.0.lock().unwrap().is_free = true;
        self.0.1.notify_all();
    }
}

impl Pace for Turns {
    fn turn(&self, worker: usize) -> Turn {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        while state.whose != Some(worker) && !state.is_free {
            state = changed.wait(state).unwrap();
        }
        Box::new(Ends(self.clone(), worker))
    }
}

/// Ends a turn when it is dropped.
struct Ends(Turns, usize);

impl Drop for Ends {
    fn drop(&mut self) {
        let (state, changed) = &*self.0.0;
        let mut state = state.lock().unwrap();
        if state.whose == Some(self.1) {
            state.whose = None;
        }
        changed.notify_all();
    }
}
