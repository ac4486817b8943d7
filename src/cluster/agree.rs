//! What processes go on with that begin together.

use super::ClusterError;
use super::follow::Follower;
use super::lead::Leader;
use super::link::{Ending, Link};
use super::message::{Agreed, Message, State};
use crate::epoch::Order;
use crossbeam_channel::Receiver;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Epochs that a journal may lack: far more than are ever under way, and far fewer than one
/// lacks that is a copy of an older one.
const MISSING_MAX: u64 = 10_000;

/// The links of a process, before it is known what each has.
pub struct Table {
    process: usize,
    links: Vec<(Arc<Link>, Receiver<Message>)>,
    ending: Ending,
}

/// A process at work with the others, and what they say.
pub enum Seated {
    /// Process 0.
    Leader(Arc<Leader>, Vec<Receiver<Message>>),
    /// Any other.
    Follower(Arc<Follower>, Receiver<Message>),
}

impl Table {
    pub(super) fn new(
        process: usize,
        links: Vec<(Arc<Link>, Receiver<Message>)>,
        ending: Ending,
    ) -> Table {
        Table { process, links, ending }
    }

    /// Settles with the others what all go on with. `orders` are the epochs from a number on that
    /// the journal of this process holds.
    ///
    /// # Errors
    /// When they cannot go on together.
    pub fn agree<E: From<ClusterError>>(
        &self,
        own: &State,
        orders: impl Fn(u64) -> Result<Vec<Order>, E>,
    ) -> Result<Agreed, E> {
        match self.process {
            0 => self.lead(own, orders),
            _ => Ok(self.follow(own)?),
        }
    }

    fn lead<E: From<ClusterError>>(
        &self,
        own: &State,
        orders: impl Fn(u64) -> Result<Vec<Order>, E>,
    ) -> Result<Agreed, E> {
        let mut others = Vec::with_capacity(self.links.len());
        for (link, heard) in &self.links {
            match heard.recv() {
                Ok(Message::State(state)) => others.push((link.other, *state)),
                _ => return Err(unexpected(link.other).into()),
            }
        }
        let common = match common(own, &others) {
            Ok(common) => common,
            Err(problem) => {
                self.links
                    .iter()
                    .for_each(|(link, _)| link.send(&Message::Refused(problem.clone())));
                return Err(ClusterError::Differs(problem).into());
            }
        };
        let lacking = others.iter().map(|(_, state)| state.next).min().unwrap_or(own.next);
        let orders = if lacking < own.next { orders(lacking)? } else { Vec::new() };
        let journal = own.run.journal.clone();
        for ((link, _), (_, state)) in self.links.iter().zip(&others) {
            let missing = orders.iter().filter(|order| order.epoch >= state.next).cloned();
            let missing: Vec<Order> = missing.collect();
            if !missing.is_empty() {
                let epochs = missing.len();
                tracing::info!(process = link.other, epochs, "epochs never got there");
            }
            let agreed = Agreed { journal: journal.clone(), snapshot: common, missing };
            link.send(&Message::Begin(Box::new(agreed)));
        }
        Ok(Agreed { journal, snapshot: common, missing: Vec::new() })
    }

    fn follow(&self, own: &State) -> Result<Agreed, ClusterError> {
        let Some((link, heard)) = self.links.first() else { return Err(unexpected(0)) };
        link.send(&Message::State(Box::new(own.clone())));
        match heard.recv() {
            Ok(Message::Begin(agreed)) => Ok(*agreed),
            Ok(Message::Refused(problem)) => Err(ClusterError::Differs(problem)),
            _ => Err(unexpected(0)),
        }
    }

    /// Goes to work.
    pub fn seat(self) -> Option<Seated> {
        let Table { process, links, ending } = self;
        let (links, mut heard): (Vec<_>, Vec<_>) = links.into_iter().unzip();
        if process == 0 {
            return Some(Seated::Leader(Arc::new(Leader::new(links, ending)), heard));
        }
        let follower = Follower::new(process, links.into_iter().next()?, ending);
        Some(Seated::Follower(Arc::new(follower), heard.pop()?))
    }
}

fn unexpected(process: usize) -> ClusterError {
    ClusterError::Gone { process, problem: "does not say what it has".to_owned() }
}

/// The newest snapshot that all have, if the processes belong together.
fn common(own: &State, others: &[(usize, State)]) -> Result<Option<u64>, String> {
    for (process, state) in others {
        if let Err(problem) = belongs(own, state) {
            return Err(format!("process {process} {problem}"));
        }
    }
    let mut common: BTreeSet<u64> = own.snapshots.iter().copied().collect();
    for (_, state) in others {
        common.retain(|epoch| state.snapshots.contains(epoch));
    }
    if let Some(newest) = common.last() {
        return Ok(Some(*newest));
    }
    let all = others.iter().map(|(process, state)| (*process, state)).chain([(0, own)]);
    for (process, state) in all {
        if state.first.is_some_and(|first| first > 0) {
            return Err(format!(
                "process {process} has forgotten what was before its snapshots, and not all have \
                 one of them; put the files of `snapshots` back"
            ));
        }
    }
    Ok(None)
}

fn belongs(own: &State, state: &State) -> Result<(), String> {
    if !state.run.decides_as(&own.run) {
        return Err(format!(
            "runs version {} and settings {}, process 0 version {} and settings {}; give all the \
             same configuration",
            state.run.version, state.run.settings, own.run.version, own.run.settings
        ));
    }
    if state.workers != own.workers {
        return Err(format!(
            "has {} workers, process 0 has {}; give all the same number in `workers`",
            state.workers, own.workers
        ));
    }
    if state.next > 0 && state.run.journal != own.run.journal {
        return Err("has the data directory of another cluster; give it its own".to_owned());
    }
    if state.next > own.next {
        return Err(format!(
            "has epochs up to {} and process 0 only {}; put the newer data directory of process 0 \
             back",
            state.next, own.next
        ));
    }
    if own.next - state.next > MISSING_MAX {
        return Err(format!(
            "lacks the epochs from {} to {}; put its newer data directory back",
            state.next,
            own.next - 1
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Run;

    fn state(snapshots: &[u64], next: u64) -> State {
        let text = |text: &str| text.to_owned();
        let run = Run { version: text("1"), settings: text("a"), journal: text("j") };
        let first = Some(if snapshots.len() > 1 { 1 } else { 0 });
        State { run, workers: 2, snapshots: snapshots.to_vec(), first, next }
    }

    #[test]
    fn the_newest_snapshot_of_all_is_gone_on_after() {
        let own = state(&[10, 20, 30], 35);
        let at =
            |one: &[u64], two: &[u64]| common(&own, &[(1, state(one, 35)), (2, state(two, 33))]);
        assert_eq!(at(&[20, 30], &[10, 20]), Ok(Some(20)));
        assert_eq!(at(&[20, 30], &[20, 30]), Ok(Some(30)));
        assert!(at(&[30], &[10, 20]).unwrap_err().contains("process 2 has forgotten"));
        let fresh = state(&[], 35);
        assert_eq!(common(&fresh, &[(1, state(&[], 0))]), Ok(None));
    }

    #[test]
    fn what_does_not_belong_together_is_told() {
        let own = state(&[], 10);
        let told = |state: State| common(&own, &[(1, state)]).unwrap_err();
        let mut other = state(&[], 10);
        other.run.settings = "b".to_owned();
        assert!(told(other).contains("same configuration"));
        let mut other = state(&[], 10);
        other.workers = 1;
        assert!(told(other).contains("has 1 workers"));
        let mut other = state(&[], 10);
        other.run.journal = "k".to_owned();
        assert!(told(other.clone()).contains("another cluster"));
        other.next = 0;
        assert_eq!(common(&own, &[(1, other)]), Ok(None));
        assert!(told(state(&[], 11)).contains("process 0 only 10"));
        let ahead = state(&[], 20_000);
        let behind = common(&ahead, &[(1, state(&[], 1))]).unwrap_err();
        assert!(behind.contains("lacks the epochs from 1 to 19999"));
    }
}
