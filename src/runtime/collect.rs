//! Reports of all workers, merged back into epochs in order.

use causeway_dataflows::model::{
    AlertCount, AlertRow, ContextEvent, Incident, IncidentKey, Watched,
};
use causeway_dataflows::ops::epochs::Epoch;
use causeway_dataflows::pipeline::Saved;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;
use timely::communication::WorkerGuards;

/// What changed in one epoch, as taken from the dataflow.
#[derive(Debug, Default)]
pub(super) struct Updates {
    pub(super) incidents: Vec<(Arc<Incident>, isize)>,
    pub(super) rows: Vec<(Arc<AlertRow>, isize)>,
    pub(super) counts: Vec<AlertCount>,
    pub(super) sealed: Vec<IncidentKey>,
    pub(super) watched: Watched,
    pub(super) discovered: Vec<ContextEvent>,
    /// What is remembered after it was asked for.
    pub(super) is_cut: bool,
}

/// A worker's frontier and what it has for the epochs before.
pub(super) struct Report {
    pub(super) worker: usize,
    pub(super) reached: Epoch,
    pub(super) done: BTreeMap<Epoch, Updates>,
    /// What it remembered after an epoch; it may have gone on since.
    pub(super) saved: Option<(Epoch, Saved)>,
}

/// Everything that changed in one epoch, on all workers, in an order that does not depend
/// on their number.
#[derive(Debug, Default)]
pub struct EpochOutput {
    /// Which.
    pub epoch: Epoch,
    /// Incidents taken back and put up: net, in order of key, the old before the new.
    pub incidents: Vec<(Arc<Incident>, isize)>,
    /// Dispositions likewise, in order of alert.
    pub rows: Vec<(Arc<AlertRow>, isize)>,
    /// Exact counts.
    pub counts: Vec<AlertCount>,
    /// Incidents that left the horizon, in order of key.
    pub sealed: Vec<IncidentKey>,
    /// What became of signals.
    pub watched: Watched,
    /// What was found out about the topology, in order.
    pub discovered: Vec<ContextEvent>,
    /// What the computation remembers after it was asked for, and comes by [`Collector::saved`].
    pub is_cut: bool,
}

/// The side that takes answers.
pub struct Collector {
    reports: Receiver<Report>,
    credits: Receiver<()>,
    reached: Vec<Epoch>,
    pending: BTreeMap<Epoch, Updates>,
    /// Shares of what is remembered after epochs, one a worker.
    saved: BTreeMap<Epoch, Vec<Saved>>,
    next: Epoch,
    guards: Option<WorkerGuards<()>>,
}

impl Collector {
    pub(super) fn new(
        workers: usize,
        first: Epoch,
        reports: Receiver<Report>,
        credits: Receiver<()>,
        guards: WorkerGuards<()>,
    ) -> Self {
        Collector {
            reports,
            credits,
            reached: vec![first; workers],
            pending: BTreeMap::new(),
            saved: BTreeMap::new(),
            next: first,
            guards: Some(guards),
        }
    }

    /// The next finished epoch; waits for it. `None` after the last.
    pub fn next_epoch(&mut self) -> Option<EpochOutput> {
        loop {
            if let Some(output) = self.ready() {
                return Some(output);
            }
            match self.reports.recv() {
                Ok(report) => self.take(report),
                Err(_) => return self.finish(),
            }
        }
    }

    /// The next finished epoch, if one comes within `wait`.
    pub fn poll(&mut self, wait: Duration) -> Option<EpochOutput> {
        if let Some(output) = self.ready() {
            return Some(output);
        }
        match self.reports.recv_timeout(wait) {
            Ok(report) => self.take(report),
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => return self.finish(),
        }
        self.ready()
    }

    fn take(&mut self, report: Report) {
        self.reached[report.worker] = report.reached;
        for (epoch, mut updates) in report.done {
            let all = self.pending.entry(epoch).or_default();
            all.incidents.append(&mut updates.incidents);
            all.rows.append(&mut updates.rows);
            all.counts.append(&mut updates.counts);
            all.sealed.append(&mut updates.sealed);
            all.watched.add(&updates.watched);
            all.discovered.append(&mut updates.discovered);
            all.is_cut |= updates.is_cut;
        }
        if let Some((epoch, share)) = report.saved {
            self.saved.entry(epoch).or_default().push(share);
        }
    }

    /// What the computation remembered after an epoch that was asked for it, once all workers
    /// have handed it out: when that epoch is told, or some epochs later. Each worker's share is
    /// as it came: to make one of them takes long, and there is more to do here.
    pub fn saved(&mut self) -> Option<(Epoch, Vec<Saved>)> {
        let first = self.saved.first_entry()?;
        // An epoch is told first.
        let is_whole = first.get().len() == self.reached.len() && *first.key() < self.next;
        is_whole.then(|| first.remove_entry())
    }

    fn ready(&mut self) -> Option<EpochOutput> {
        let reached = self.reached.iter().min().copied().unwrap_or(0);
        // At the end every frontier is empty; what the feeder sent is what credits are for.
        if self.next >= reached || (reached == Epoch::MAX && self.credits.is_empty()) {
            return None;
        }
        let epoch = self.next;
        self.next += 1;
        let _ = self.credits.try_recv();
        let mut updates = self.pending.remove(&epoch).unwrap_or_default();
        net(&mut updates.incidents, |incident| incident.key);
        net(&mut updates.rows, |row| row.alert.key);
        updates.counts.sort_unstable();
        updates.sealed.sort_unstable();
        updates.discovered.sort_unstable();
        Some(EpochOutput {
            epoch,
            incidents: updates.incidents,
            rows: updates.rows,
            counts: updates.counts,
            sealed: updates.sealed,
            watched: updates.watched,
            discovered: updates.discovered,
            is_cut: updates.is_cut,
        })
    }

    fn finish(&mut self) -> Option<EpochOutput> {
        if let Some(guards) = self.guards.take() {
            guards.join().into_iter().for_each(drop);
        }
        None
    }
}

impl Drop for Collector {
    /// Workers end once nobody can feed them. Whoever could may be there still, waiting for this
    /// to end, so a thread of its own waits for them; without one nobody does.
    fn drop(&mut self) {
        if let Some(guards) = self.guards.take().map(ManuallyDrop::new) {
            let thread = std::thread::Builder::new().name("workers".to_owned());
            let _ = thread.spawn(move || drop(ManuallyDrop::into_inner(guards)));
        }
    }
}

/// Sums diffs of equal items and leaves out what cancels; by key, then the old first.
fn net<T: Ord, K: Ord>(updates: &mut Vec<(Arc<T>, isize)>, key: impl Fn(&T) -> K) {
    differential_consolidate(updates);
    updates.sort_by(|(a, da), (b, db)| key(a).cmp(&key(b)).then(da.cmp(db)).then(a.cmp(b)));
}

fn differential_consolidate<T: Ord>(updates: &mut Vec<(Arc<T>, isize)>) {
    updates.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut out: Vec<(Arc<T>, isize)> = Vec::with_capacity(updates.len());
    for (item, diff) in updates.drain(..) {
        match out.last_mut() {
            Some((last, sum)) if *last == item => *sum += diff,
            _ => out.push((item, diff)),
        }
    }
    out.retain(|(_, diff)| *diff != 0);
    *updates = out;
}

#[cfg(test)]
mod tests {
    use crate::runtime::{EpochInput, start};
    use causeway_dataflows::ops::epochs::Tick;
    use causeway_dataflows::params::Params;
    use std::time::Duration;

    /// What fails between the two is told, and is no reason to wait for ever.
    #[test]
    fn the_side_that_takes_may_go_before_the_side_that_feeds() {
        let (mut feeder, collector) = start(1, &Params::default(), 2).unwrap();
        let (gone, is_gone) = crossbeam_channel::bounded(1);
        let taking = std::thread::spawn(move || {
            drop(collector);
            gone.send(())
        });
        is_gone.recv_timeout(Duration::from_secs(60)).unwrap();
        taking.join().unwrap().unwrap();
        assert!(feeder.submit(Tick { now: 0, drain: false }, EpochInput::default()).is_err());
    }
}
