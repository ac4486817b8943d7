//! Where each partition goes on, and which offsets may be told to the group.
//!
//! The journal decides: what it holds was taken, whatever the group says. The
//! committed offset counts for a partition that the journal does not know, and
//! where another member of the group, with a journal of its own, has gone on
//! behind us. Who committed is in the metadata of the commit.

use crate::ingest::Durable;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use smol_str::SmolStr;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A topic and the number of a partition of it.
pub(super) type Partition = (SmolStr, i32);

/// What is known of the partitions of one source.
pub(super) struct Positions {
    /// The journal, as commits name it; empty without one.
    owner: String,
    known: Mutex<BTreeMap<Partition, Known>>,
}

#[derive(Default)]
struct Known {
    /// The next message to take, if any was taken.
    next: Option<u64>,
    /// What the group has to be told although nothing was taken.
    unsaid: Option<u64>,
    /// What was taken and need not be on disk yet, with the offset behind it.
    pending: VecDeque<(u64, Durable)>,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Committed {
    pub(super) next: u64,
    pub(super) owner: String,
}

impl Positions {
    /// Going on from what a journal holds, its partitions named `topic/number`.
    pub(super) fn new(owner: String, reached: &BTreeMap<SmolStr, u64>) -> Positions {
        let known = reached.iter().filter_map(|(name, next)| {
            let (topic, partition) = name.rsplit_once('/')?;
            let known = Known { next: Some(*next), ..Known::default() };
            Some(((SmolStr::new(topic), partition.parse().ok()?), known))
        });
        Positions { owner, known: Mutex::new(known.collect()) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Partition, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next message to take of a partition, as far as is known here.
    pub(super) fn next(&self, partition: &Partition) -> Option<u64> {
        self.lock().get(partition)?.next
    }

    /// Messages before `next` were taken, and are kept once `durable` is reached.
    pub(super) fn taken(&self, partition: &Partition, next: u64, durable: Durable) {
        let mut all = self.lock();
        let known = all.entry(partition.clone()).or_default();
        known.next = Some(next);
        known.pending.push_back((next, durable));
    }

    /// A partition goes on elsewhere than where it was left.
    pub(super) fn moved(&self, partition: &Partition, next: u64) {
        self.lock().entry(partition.clone()).or_default().next = Some(next);
    }

    /// The group does not know yet that a partition goes on at `next`.
    pub(super) fn unsaid(&self, partition: &Partition, next: u64) {
        self.lock().entry(partition.clone()).or_default().unsaid = Some(next);
    }

    /// Whether anything that was taken is not on disk yet.
    pub(super) fn is_settled(&self) -> bool {
        self.lock()
            .values()
            .all(|known| known.pending.iter().all(|(_, durable)| durable.is_reached()))
    }

    /// The offsets that became durable since the last call, and those that the group does not
    /// know, to be stored.
    pub(super) fn durable(&self) -> Option<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), known) in &mut *self.lock() {
            let whole = known.pending.iter().take_while(|(_, durable)| durable.is_reached());
            let whole = whole.count();
            let newest = known.pending.drain(..whole).next_back().map(|(next, _)| next);
            if let Some(next) = newest.or(known.unsaid.take()) {
                known.unsaid = None;
                self.add(&mut list, topic, *partition, next);
            }
        }
        (list.count() > 0).then_some(list)
    }

    /// Adds an offset to what is to be stored.
    pub(super) fn add(
        &self,
        list: &mut TopicPartitionList,
        topic: &str,
        partition: i32,
        next: u64,
    ) {
        let mut element = list.add_partition(topic, partition);
        element.set_metadata(&self.owner);
        // Only offsets below zero can be refused.
        let _ = element.set_offset(Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX)));
    }

    /// Where a partition goes on; `None` when nobody has read of it.
    pub(super) fn resume(
        &self,
        partition: &Partition,
        committed: Option<&Committed>,
    ) -> Option<u64> {
        let own = self.next(partition);
        let Some(committed) = committed else { return own };
        let Some(own) = own else { return Some(committed.next) };
        let is_ours = !self.owner.is_empty() && committed.owner == self.owner;
        // Of our own commits one ahead of the journal means that the journal was put back.
        Some(if is_ours { own } else { own.max(committed.next) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::watch;

    fn positions() -> Positions {
        Positions::new("ours".into(), &BTreeMap::from([("t.a-b/1".into(), 10)]))
    }

    fn resumed(committed: Option<(u64, &str)>) -> Option<u64> {
        let committed = committed.map(|(next, owner)| Committed { next, owner: owner.into() });
        positions().resume(&("t.a-b".into(), 1), committed.as_ref())
    }

    #[test]
    fn the_journal_decides_unless_another_member_went_on() {
        assert_eq!(resumed(None), Some(10));
        assert_eq!(resumed(Some((7, "ours"))), Some(10));
        assert_eq!(resumed(Some((15, "ours"))), Some(10), "a journal from a backup");
        assert_eq!(resumed(Some((7, "theirs"))), Some(10));
        assert_eq!(resumed(Some((15, "theirs"))), Some(15));
        let other = ("t.a-b".into(), 2);
        assert_eq!(positions().resume(&other, None), None);
        let committed = Committed { next: 3, owner: "ours".into() };
        assert_eq!(positions().resume(&other, Some(&committed)), Some(3));
    }

    #[test]
    fn offsets_are_stored_once_they_are_durable() {
        let (told, reached) = watch::channel(0);
        let (positions, partition) = (positions(), ("t".into(), 0));
        for number in 1..=3 {
            positions.taken(&partition, number * 100, Durable::at(number, reached.clone()));
        }
        assert!(positions.durable().is_none() && !positions.is_settled());
        told.send_replace(2);
        let list = positions.durable().unwrap();
        let element = &list.elements()[0];
        assert_eq!((element.offset(), element.metadata()), (Offset::Offset(200), "ours"));
        assert!(positions.durable().is_none() && !positions.is_settled());
        told.send_replace(3);
        assert_eq!(positions.durable().unwrap().elements()[0].offset(), Offset::Offset(300));
        assert!(positions.is_settled());
        assert_eq!(positions.next(&partition), Some(300));
    }

    #[test]
    fn what_the_group_does_not_know_is_stored_although_nothing_is_taken() {
        let (told, reached) = watch::channel(0);
        let (positions, partition) = (positions(), ("t".into(), 0));
        let stored = || {
            let list = positions.durable()?;
            let Offset::Offset(next) = list.elements()[0].offset() else { return None };
            Some(next)
        };
        positions.unsaid(&partition, 40);
        assert_eq!((stored(), stored()), (Some(40), None));
        // What was taken since says more.
        positions.unsaid(&partition, 40);
        positions.taken(&partition, 50, Durable::at(1, reached));
        told.send_replace(1);
        assert_eq!((stored(), stored()), (Some(50), None));
    }
}
