//! Looking at what passes between stages while the computation runs.
//!
//! ```text
//!  stage ─► is somebody looking? ─ no ─► on
//!                  └ yes ─► wanted? ─► a bounded queue ─► whoever looks
//! ```
//!
//! Mostly nobody looks, and that costs one load of a number a batch. What finds the queue full
//! is counted and not shown: a look never holds the computation up, and changes nothing of it.

mod row;

use crate::ops::epochs::Epoch;
use smol_str::SmolStr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use row::{Heard, Row, events, signals};

/// Where one can look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Decoded events on their way to the workers.
    Canonical,
    /// Findings and discovered topology.
    Detect,
    /// Alerts as they fold.
    Dedup,
    /// Alerts with their entity, severity and suppression.
    Suppress,
    /// Groups, and what became of each alert.
    Correlate,
    /// Incidents with cause and explanation.
    Explain,
    /// What detection keeps of each series, asked for once.
    Series,
}

impl Stage {
    /// All of them, in the order of an event.
    pub const ALL: [Stage; 7] = [
        Stage::Canonical,
        Stage::Detect,
        Stage::Dedup,
        Stage::Suppress,
        Stage::Correlate,
        Stage::Explain,
        Stage::Series,
    ];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Canonical => "canonical",
            Stage::Detect => "detect",
            Stage::Dedup => "dedup",
            Stage::Suppress => "suppress",
            Stage::Correlate => "correlate",
            Stage::Explain => "explain",
            Stage::Series => "series",
        }
    }
}

/// A row with where in time it passed.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The epoch that brought it.
    pub epoch: Epoch,
    /// 1 when it is put up, -1 when it is taken back.
    pub diff: isize,
    /// The row; the last of a worker that was asked once has none.
    pub row: Option<Row>,
}

/// What somebody wants to see.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of these tenants; of any when there is none.
    pub tenants: Vec<SmolStr>,
    /// Of these entities; of any when there is none.
    pub entities: Vec<SmolStr>,
    /// Every so manieth of those; 0 and 1 are every one.
    pub every: u64,
    /// Rows that may wait to be looked at.
    pub waiting_max: usize,
}

/// Somebody who looks.
#[derive(Debug)]
struct Looking {
    stage: Stage,
    number: u64,
    wanted: Wanted,
    passed: AtomicU64,
    missed: Arc<AtomicU64>,
    rows: SyncSender<Seen>,
}

#[derive(Debug, Default)]
struct Shared {
    open: [AtomicUsize; Stage::ALL.len()],
    looking: Mutex<Vec<Arc<Looking>>>,
    /// Looks so far.
    number: AtomicU64,
    workers: AtomicUsize,
}

/// The places where one can look, of all workers of a process; clones are the same places.
#[derive(Clone, Debug, Default)]
pub struct Tap(Arc<Shared>);

/// A look that goes on until it is dropped.
#[derive(Debug)]
pub struct Look {
    tap: Tap,
    stage: Stage,
    number: u64,
    missed: Arc<AtomicU64>,
    rows: Receiver<Seen>,
}

impl Tap {
    /// Begins to look at a stage.
    pub fn look(&self, stage: Stage, wanted: Wanted) -> Look {
        let (sender, rows) = sync_channel(wanted.waiting_max.max(1));
        let missed = Arc::new(AtomicU64::new(0));
        let number = self.0.number.fetch_add(1, Ordering::Relaxed) + 1;
        let looking = Looking {
            stage,
            number,
            wanted,
            passed: AtomicU64::new(0),
            missed: Arc::clone(&missed),
            rows: sender,
        };
        self.looking().push(Arc::new(looking));
        self.0.open[stage as usize].fetch_add(1, Ordering::Release);
        Look { tap: self.clone(), stage, number, missed, rows }
    }

    /// Counts a worker that answers who asks once.
    pub fn join(&self) {
        self.0.workers.fetch_add(1, Ordering::Relaxed);
    }

    /// Workers that answer who asks once.
    pub fn workers(&self) -> usize {
        self.0.workers.load(Ordering::Relaxed)
    }

    /// Whether anybody looks at a stage.
    #[inline]
    pub fn is_open(&self, stage: Stage) -> bool {
        self.0.open[stage as usize].load(Ordering::Relaxed) > 0
    }

    /// Shows rows to whoever looks at the stage.
    pub fn show(&self, stage: Stage, rows: impl IntoIterator<Item = (Row, Epoch, isize)>) {
        let looking = self.at(stage);
        for (row, epoch, diff) in rows {
            looking.iter().for_each(|looking| looking.show(&row, epoch, diff));
        }
    }

    /// Answers those who asked once since `answered`, which moves on to the last of them.
    pub fn answer(
        &self,
        stage: Stage,
        answered: &mut u64,
        epoch: Epoch,
        mut rows: impl FnMut(&mut dyn FnMut(Row)),
    ) {
        let mut asking = self.at(stage);
        asking.retain(|looking| looking.number > *answered);
        let Some(last) = asking.iter().map(|looking| looking.number).max() else { return };
        *answered = last;
        rows(&mut |row| asking.iter().for_each(|looking| looking.show(&row, epoch, 1)));
        asking.iter().for_each(|looking| looking.send(Seen { epoch, diff: 0, row: None }));
    }

    fn at(&self, stage: Stage) -> Vec<Arc<Looking>> {
        let looking = self.looking();
        looking.iter().filter(|looking| looking.stage == stage).map(Arc::clone).collect()
    }

    fn looking(&self) -> MutexGuard<'_, Vec<Arc<Looking>>> {
        self.0.looking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Looking {
    fn show(&self, row: &Row, epoch: Epoch, diff: isize) {
        let Wanted { tenants, entities, every, .. } = &self.wanted;
        let of_tenant = tenants.is_empty() || tenants.iter().any(|of| of == row.tenant());
        let of_entity = entities.is_empty() || entities.iter().any(|of| row.is_of(of));
        if !of_tenant || !of_entity {
            return;
        }
        if self.passed.fetch_add(1, Ordering::Relaxed).is_multiple_of((*every).max(1)) {
            self.send(Seen { epoch, diff, row: Some(row.clone()) });
        }
    }

    fn send(&self, seen: Seen) {
        if self.rows.try_send(seen).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Look {
    /// The next row, if one waits.
    pub fn take(&mut self) -> Option<Seen> {
        self.rows.try_recv().ok()
    }

    /// Rows that found no room since this was asked last.
    pub fn take_missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.tap.looking().retain(|looking| looking.number != self.number);
        self.tap.0.open[self.stage as usize].fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EntityRef, Fingerprint, Identity, Labels};

    fn beat(tenant: &str, entity: &str) -> Row {
        let none = std::iter::empty();
        let identity = Identity {
            fingerprint: Fingerprint(1),
            tenant: tenant.into(),
            source: "s".into(),
            entity: EntityRef::new(tenant, entity),
            name: "beat".into(),
            labels: Labels::pack(none),
        };
        Row::Signal(Arc::new(identity), 7, Heard::Beat)
    }

    fn show(tap: &Tap, stage: Stage, tenant: &str, entity: &str) {
        tap.show(stage, [(beat(tenant, entity), 3, 1)]);
    }

    fn seen(look: &mut Look) -> usize {
        std::iter::from_fn(|| look.take()).count()
    }

    #[test]
    fn only_what_is_wanted_is_seen_and_only_while_somebody_looks() {
        let tap = Tap::default();
        assert!(!tap.is_open(Stage::Canonical));
        let wanted = Wanted {
            tenants: vec!["a".into()],
            entities: vec!["host:1".into()],
            every: 2,
            waiting_max: 10,
        };
        let mut look = tap.look(Stage::Canonical, wanted);
        assert!(tap.is_open(Stage::Canonical) && !tap.is_open(Stage::Detect));
        for (stage, tenant, entity) in [
            (Stage::Canonical, "b", "host:1"),
            (Stage::Canonical, "a", "host:2"),
            (Stage::Detect, "a", "host:1"),
        ] {
            show(&tap, stage, tenant, entity);
        }
        assert_eq!(seen(&mut look), 0);
        (0..5).for_each(|_| show(&tap, Stage::Canonical, "a", "host:1"));
        assert_eq!((seen(&mut look), look.take_missed()), (3, 0));
        drop(look);
        assert!(!tap.is_open(Stage::Canonical));
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let tap = Tap::default();
        let mut look = tap.look(Stage::Detect, Wanted { waiting_max: 2, ..Wanted::default() });
        (0..5).for_each(|_| show(&tap, Stage::Detect, "a", "host:1"));
        assert_eq!((seen(&mut look), look.take_missed(), look.take_missed()), (2, 3, 0));
    }

    #[test]
    fn who_asks_once_is_answered_once_by_each_worker() {
        let tap = Tap::default();
        let mut look = tap.look(Stage::Series, Wanted { waiting_max: 10, ..Wanted::default() });
        let (mut one, mut other) = (0, 0);
        for answered in [&mut one, &mut other, &mut 1] {
            tap.answer(Stage::Series, answered, 3, |show| show(beat("a", "host:1")));
        }
        let ends = std::iter::from_fn(|| look.take()).filter(|seen| seen.row.is_none());
        assert_eq!((ends.count(), one, other), (2, 1, 1));
    }
}
