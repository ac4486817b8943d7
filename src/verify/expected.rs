//! What a sink should hold: a hash for each revision, never its bytes.

use crate::emit::wire::Time;
use crate::snapshot::Snapshot;
use hashbrown::HashMap;
use smol_str::SmolStr;
use xxhash_rust::xxh3::xxh3_128;

/// Every revision that should be told, in the order in which it should be.
///
/// Memory: 25 bytes a revision and about 150 an incident.
#[derive(Debug, Default)]
pub struct Expected {
    pub(super) incidents: HashMap<SmolStr, Told>,
    /// The number before the first revision of each epoch that has any, and the epoch.
    epochs: Vec<(u64, u64)>,
    /// Revisions so far, those that the sink does not want among them.
    told: u64,
    wanted: u64,
    /// Whatever was told up to then is not known, when the journal lacks its beginning.
    after: Option<Time>,
}

/// The revisions of one incident; that of number n is at n - 1, less the earlier ones.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Revisions that were told before the journal begins.
    pub(super) earlier: u64,
    pub(super) hashes: Vec<u128>,
    /// The place of each among all revisions, from 1.
    pub(super) numbers: Vec<u64>,
    pub(super) states: Vec<State>,
    /// The highest that the sink has had so far.
    pub(super) highest: u64,
}

/// What is known of one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The sink is not told of it.
    Unwanted,
    /// Not seen yet.
    Awaited,
    /// Seen, with other bytes.
    Other,
    /// Seen.
    Seen,
}

impl Expected {
    /// Nothing yet.
    pub fn new() -> Expected {
        Expected::default()
    }

    /// Begins behind a snapshot, of which nothing is told again.
    pub fn begin_after(&mut self, past: &Snapshot) {
        self.told = past.emission.sequence;
        self.after = Some(Time::from_seconds(past.head.now));
        for (id, earlier) in past.emission.ledger.revisions() {
            let told = Told { earlier, ..Told::default() };
            self.incidents.insert(id.clone(), told);
        }
    }

    /// Whether a revision was told before the journal begins, so that nothing is known of it.
    pub(super) fn is_earlier(&self, id: &str, revision: u64, updated: Option<Time>) -> bool {
        match self.incidents.get(id) {
            Some(told) => (1..=told.earlier).contains(&revision),
            None => self.after.is_some_and(|after| updated.is_some_and(|at| at <= after)),
        }
    }

    /// Adds the revision that is told next; `is_wanted` when it is for the sink.
    ///
    /// # Panics
    /// When an incident's revisions have a gap, which the ledger never makes.
    pub fn add(
        &mut self,
        epoch: u64,
        (id, revision): (&SmolStr, u64),
        line: &[u8],
        is_wanted: bool,
    ) {
        if self.epochs.last().is_none_or(|(_, last)| *last != epoch) {
            self.epochs.push((self.told, epoch));
        }
        self.told += 1;
        self.wanted += u64::from(is_wanted);
        let told = match self.incidents.get_mut(id) {
            Some(told) => told,
            None => self.incidents.entry(id.clone()).or_default(),
        };
        told.hashes.push(xxh3_128(line));
        told.numbers.push(self.told);
        told.states.push(if is_wanted { State::Awaited } else { State::Unwanted });
        assert_eq!(
            told.earlier + told.hashes.len() as u64,
            revision,
            "revisions of {id} have no gaps"
        );
    }

    /// Revisions that are for the sink.
    pub fn wanted(&self) -> u64 {
        self.wanted
    }

    /// Incidents, those among them that the sink is not told of.
    pub fn incidents(&self) -> u64 {
        self.incidents.len() as u64
    }

    /// The epoch that told the revision of a number.
    pub(super) fn epoch_of(&self, number: u64) -> u64 {
        let after = self.epochs.partition_point(|(before, _)| *before < number);
        after.checked_sub(1).map_or(0, |at| self.epochs[at].1)
    }

    /// The place of a revision, if there is such.
    pub(super) fn find(&mut self, id: &str, revision: u64) -> Option<(&mut Told, usize)> {
        let told = self.incidents.get_mut(id)?;
        let at = usize::try_from(revision.checked_sub(1 + told.earlier)?).ok()?;
        (at < told.hashes.len()).then_some((told, at))
    }
}
