//! What became of events, by who sent them and the minute in which they were received: how well a
//! source does is a function of what it sent, so it is the same when the journal is read again.
//!
//! All events of a call count for the configured source; those that name a source of their own
//! count for that one as well, except what is refused, because then the name may be wrong too.

use super::*;
use causeway_dataflows::model::{DELAY_SECONDS, SignalBatch, SourceTally, Stamp};

/// Senders and minutes that one call tells apart; what is beyond counts for the configured
/// source only.
const TALLIES_MAX: usize = 64;
const STEPS: usize = DELAY_SECONDS.len() + 1;
/// Repairs that say that a source breaks the schema. That it gives no time or entity, is late or
/// has a skewed clock is no such.
const VIOLATIONS: [Code; 8] = [
    Code::W102,
    Code::W104,
    Code::W105,
    Code::W106,
    Code::W107,
    Code::W108,
    Code::W109,
    Code::W111,
];

/// What became of the events of one sender in one minute.
struct Tally {
    sender: SmolStr,
    minute: Seconds,
    last: Seconds,
    received: u32,
    rejected: u32,
    repaired: u32,
    late: u32,
    delays: [u32; STEPS],
}

/// Those of one segment.
#[derive(Default)]
pub(super) struct Tallies {
    list: Vec<Tally>,
    /// Of the configured source, and of the sender of the event that is looked at; the same when
    /// it names none of its own.
    current: [usize; 2],
    /// Whether events are counted: rows that hold before the first event are not.
    counts: bool,
}

impl Tallies {
    /// Begins a call.
    pub(super) fn begin(&mut self, counts: bool) {
        self.list.clear();
        self.counts = counts;
    }

    /// An event of `sender` was received.
    #[inline]
    pub(super) fn received(&mut self, configured: &SmolStr, sender: &str, observed_ns: i64) {
        if !self.counts {
            return;
        }
        let second = seconds_of(observed_ns);
        let minute = second.div_euclid(60) * 60;
        let whole = self.place(self.current[0], configured, minute);
        self.current = match sender.is_empty() || sender == configured {
            true => [whole, whole],
            false => [whole, self.place(self.current[1], sender, minute)],
        };
        for at in self.current {
            self.list[at].last = self.list[at].last.max(second);
        }
    }

    /// The tally of a sender and minute, which is perhaps at `likely`.
    #[inline]
    fn place(&mut self, likely: usize, sender: &str, minute: Seconds) -> usize {
        let is = |tally: &Tally| tally.minute == minute && tally.sender == *sender;
        match self.list.get(likely).is_some_and(is) {
            true => likely,
            false => self.find(sender, minute),
        }
    }

    #[cold]
    fn find(&mut self, sender: &str, minute: Seconds) -> usize {
        let sender = &sender[..sender.floor_char_boundary(SOURCE_BYTES_MAX)];
        let is = |tally: &Tally| tally.minute == minute && tally.sender == *sender;
        if let Some(known) = self.list.iter().position(is) {
            return known;
        }
        let whole = self.current[0];
        let is_full = self.list.len() >= TALLIES_MAX;
        if is_full && self.list.get(whole).is_some_and(|tally| tally.minute == minute) {
            return whole;
        }
        self.list.push(Tally {
            sender: SmolStr::new(sender),
            minute,
            last: minute,
            received: 0,
            rejected: 0,
            repaired: 0,
            late: 0,
            delays: [0; STEPS],
        });
        self.list.len() - 1
    }

    /// Does something to the tallies that the event counts for.
    #[inline]
    fn each(&mut self, mut change: impl FnMut(&mut Tally)) {
        let [whole, own] = self.current;
        if let Some(tally) = self.list.get_mut(whole) {
            change(tally);
        }
        if let Some(tally) = self.list.get_mut(own).filter(|_| own != whole) {
            change(tally);
        }
    }

    /// How long after it happened the event was received.
    #[inline]
    pub(super) fn delayed(&mut self, observed_ns: i64, time_ns: i64) {
        let seconds = observed_ns.saturating_sub(time_ns).div_euclid(NANOS);
        let step = DELAY_SECONDS.partition_point(|begin| *begin <= seconds);
        self.each(|tally| tally.delays[step] += 1);
    }

    /// The event was taken, or was a repeat.
    #[inline]
    pub(super) fn taken(&mut self, quality: Quality) {
        let late = u32::from(quality.has(Code::W103));
        let is_repaired = !quality.is_clean() && VIOLATIONS.iter().any(|code| quality.has(*code));
        self.each(|tally| {
            tally.received += 1;
            tally.late += late;
            tally.repaired += u32::from(is_repaired);
        });
    }

    /// An event was refused; when it was received is not read of it.
    pub(super) fn refused(&mut self, configured: &SmolStr, now_ns: Option<i64>) {
        let Some(now_ns) = now_ns.filter(|_| self.counts) else { return };
        self.received(configured, "", now_ns);
        self.each(|tally| {
            tally.received += 1;
            tally.rejected += 1;
        });
    }
}

impl Intake {
    /// What became of the segment's events, for the workers that watch their senders.
    pub(super) fn tallied(&mut self) -> Vec<SignalBatch> {
        let mut batches: Vec<SignalBatch> = Vec::new();
        for tally in self.tallies.list.drain(..).filter(|tally| tally.received > 0) {
            let identity = sender(&mut self.scratch, &self.tenant, &tally.sender);
            let worker = identity.fingerprint.low64() % self.workers;
            let known = batches.iter().position(|batch| batch.worker == worker);
            let at = known.unwrap_or_else(|| {
                batches.push(SignalBatch { worker, ..SignalBatch::default() });
                batches.len() - 1
            });
            let batch = &mut batches[at];
            batch.identities.push(Arc::new(identity));
            let identity = batch.identities.len() as u32 - 1;
            let steps = (0..).zip(tally.delays).filter(|(_, events)| *events > 0);
            batch.sources.push(SourceTally {
                stamp: Stamp { identity, source: self.source.index, time: tally.minute },
                last: tally.last,
                received: tally.received,
                rejected: tally.rejected,
                repaired: tally.repaired,
                late: tally.late,
                delays: steps.collect(),
            });
        }
        batches
    }
}

/// The words that tell one sender from another.
fn sender(scratch: &mut Vec<u8>, tenant: &SmolStr, name: &SmolStr) -> Identity {
    let entity = format!("source:{name}");
    let none = std::iter::empty();
    Identity {
        fingerprint: Fingerprint::of(scratch, tenant, "source", &entity, "source", none.clone()),
        tenant: tenant.clone(),
        source: name.clone(),
        entity: EntityRef::new(tenant, &entity),
        name: SmolStr::new_static("source"),
        labels: causeway_dataflows::model::Labels::pack(none),
    }
}
