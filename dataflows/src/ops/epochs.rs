//! Holding an operator's input until its epoch is complete.
//!
//! A stateful operator must see all of an epoch, from all inputs, before it
//! changes its state: otherwise its answer would depend on how messages
//! happened to be cut. `Stash` keeps what arrived by epoch and gives it back
//! in epoch order once the frontier has passed.

use crate::model::Seconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use timely::Accountable;
use timely::communication::Pull;
use timely::dataflow::channels::Message;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::InputHandleCore;
use timely::progress::frontier::AntichainRef;

/// The engine's logical time: the number of a batch in the journal.
pub type Epoch = u64;

/// Input by epoch.
#[derive(Debug)]
struct Stash<T> {
    pending: BTreeMap<Epoch, Vec<T>>,
}

impl<T> Default for Stash<T> {
    fn default() -> Self {
        Stash { pending: BTreeMap::new() }
    }
}

impl<T> Stash<T> {
    /// Keeps `items` for `epoch`.
    fn extend(&mut self, epoch: Epoch, items: impl Iterator<Item = T>) {
        self.pending.entry(epoch).or_default().extend(items);
    }

    /// Keeps one item for `epoch`.
    fn push(&mut self, epoch: Epoch, item: T) {
        self.pending.entry(epoch).or_default().push(item);
    }

    /// The earliest epoch that waits, if the frontier has passed it.
    fn ready(&self, frontier: AntichainRef<'_, Epoch>) -> Option<Epoch> {
        let (epoch, _) = self.pending.first_key_value()?;
        (!frontier.less_equal(epoch)).then_some(*epoch)
    }

    /// What arrived for `epoch`.
    fn take(&mut self, epoch: Epoch) -> Vec<T> {
        self.pending.remove(&epoch).unwrap_or_default()
    }
}

/// The value of "now" that the journal recorded for an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// Whole seconds since the Unix epoch.
    pub now: Seconds,
    /// Whether everything that is held back must come out now.
    pub drain: bool,
}

impl Tick {
    /// What the ticks of one epoch, which say the same, come to; `None` without any.
    pub fn of_all(ticks: Vec<Tick>) -> Option<Tick> {
        ticks.into_iter().reduce(|a, b| Tick { now: a.now.max(b.now), drain: a.drain || b.drain })
    }
}

/// Two inputs of an operator, data and ticks, with a capability for each of its outputs.
///
/// Every worker gets a tick for every epoch; an epoch is complete when both
/// frontiers have passed it.
#[derive(Debug)]
pub struct Inputs<T> {
    data: Stash<T>,
    ticks: Stash<Tick>,
    /// None once both inputs have ended.
    capabilities: Vec<Capability<Epoch>>,
}

impl<T: 'static> Inputs<T> {
    /// Begins with the operator's initial capabilities.
    pub fn new(capabilities: Vec<Capability<Epoch>>) -> Self {
        Inputs { data: Stash::default(), ticks: Stash::default(), capabilities }
    }

    /// Takes in whatever has arrived. `epoch_of` gives the epoch of an item: updates of a
    /// collection carry their own, which may lie after the message's.
    pub fn stash<P, Q>(
        &mut self,
        data: &mut InputHandleCore<Epoch, Vec<T>, P>,
        ticks: &mut InputHandleCore<Epoch, Vec<Tick>, Q>,
        epoch_of: impl Fn(&T, Epoch) -> Epoch,
    ) where
        P: Pull<Message<Epoch, Vec<T>>>,
        Q: Pull<Message<Epoch, Vec<Tick>>>,
        Vec<T>: Accountable,
    {
        data.for_each(|cap, batch| {
            if let Some(epoch) = cap.least() {
                for item in batch.drain(..) {
                    self.data.push(epoch_of(&item, *epoch), item);
                }
            }
        });
        ticks.for_each(|cap, batch| {
            if let Some(epoch) = cap.least() {
                self.ticks.extend(*epoch, batch.drain(..));
            }
        });
    }

    /// The next complete epoch with its tick and data.
    pub fn next(
        &mut self,
        data: AntichainRef<'_, Epoch>,
        ticks: AntichainRef<'_, Epoch>,
    ) -> Option<(Epoch, Tick, Vec<T>)> {
        let epoch = self.ticks.ready(ticks)?;
        if data.less_equal(&epoch) {
            return None;
        }
        let tick = Tick::of_all(self.ticks.take(epoch))?;
        Some((epoch, tick, self.data.take(epoch)))
    }

    /// The capabilities, downgraded to `epoch`; none after the inputs have ended.
    pub fn capabilities(&mut self, epoch: Epoch) -> &[Capability<Epoch>] {
        self.capabilities.iter_mut().for_each(|capability| capability.downgrade(&epoch));
        &self.capabilities
    }

    /// Gives up the right to answer for what both frontiers have passed.
    pub fn advance(&mut self, data: AntichainRef<'_, Epoch>, ticks: AntichainRef<'_, Epoch>) {
        match data.first().into_iter().chain(ticks.first()).min() {
            Some(next) => self.capabilities.iter_mut().for_each(|held| held.downgrade(next)),
            None => self.capabilities.clear(),
        }
    }

    /// Whether both inputs have ended and everything has been answered.
    pub fn have_ended(&self) -> bool {
        self.capabilities.is_empty()
    }
}
