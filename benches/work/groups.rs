//! The whole engine under a driver on one thread: lines and edits in, standing incidents out.

use super::ndjson::Lines;
use crate::harness::RowDigest;
use causeway::emit::digest::Digest;
use causeway::runtime::{Collector, EpochInput, EpochOutput, Feeder, start};
use causeway_dataflows::model::{AlertKey, AlertRow, ContextEvent, Disposition, IncidentKey};
use causeway_dataflows::ops::epochs::Tick;
use causeway_dataflows::params::Params;
use hashbrown::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Epochs under way at a time.
const OUTSTANDING_MAX: usize = 2;

/// The engine and what it has said.
pub struct Engine {
    feeder: Feeder,
    collector: Collector,
    lines: Lines,
    submitted: u64,
    seen: u64,
    /// What stands.
    pub standing: Standing,
}

/// What stands and what changed on the way.
#[derive(Default)]
pub struct Standing {
    /// Every alert's row; only kept when asked for.
    pub rows: Option<HashMap<AlertKey, Arc<AlertRow>>>,
    /// The digest of SEMANTICS rule 21, without exact counts.
    pub digest: Digest,
    /// Who is in which incident; what a recompute of the groups must agree on.
    pub members: RowDigest,
    /// Standing incidents.
    pub incidents: i64,
    /// Changes of incidents.
    pub revisions: u64,
    /// Changes of dispositions.
    pub changes: u64,
}

/// Adds an alert's disposition to a digest, or takes it away.
pub fn toggle_member(digest: &mut RowDigest, row: &AlertRow) {
    let AlertKey { onset, fingerprint } = row.alert.key;
    let (what, incident) = match &row.disposition {
        Disposition::Incident(IncidentKey(key)) => (1, *key),
        Disposition::Standalone => (2, 0),
        Disposition::Suppressed(_) => (3, 0),
    };
    digest.toggle([
        fingerprint.0 as u64,
        (fingerprint.0 >> 64) as u64,
        onset as u64,
        what,
        incident,
    ]);
}

impl Standing {
    /// Takes the answer of an epoch in.
    pub fn apply(&mut self, output: EpochOutput) {
        for (row, diff) in &output.rows {
            self.changes += 1;
            self.digest.toggle_alert(row, None);
            toggle_member(&mut self.members, row);
            if let Some(rows) = &mut self.rows {
                if *diff > 0 {
                    rows.insert(row.alert.key, row.clone());
                } else {
                    rows.remove(&row.alert.key);
                }
            }
        }
        for (incident, diff) in &output.incidents {
            self.revisions += 1;
            self.incidents += *diff as i64;
            self.digest.toggle_incident(incident);
        }
    }
}

impl Engine {
    /// Starts `workers` workers; keeps every row when `keep`.
    ///
    /// # Panics
    /// When the workers cannot be started.
    pub fn start(workers: usize, params: &Params, keep: bool) -> Engine {
        let (feeder, collector) =
            start(workers, params, OUTSTANDING_MAX).expect("timely starts its threads");
        let rows = keep.then(HashMap::new);
        let standing = Standing { rows, ..Standing::default() };
        Engine { feeder, collector, lines: Lines::new(workers), submitted: 0, seen: 0, standing }
    }

    /// Hands over an epoch; takes answers while there is no room for it. Its number.
    ///
    /// # Panics
    /// When a worker stopped.
    pub fn submit(&mut self, tick: i64, lines: &[u8], context: Vec<ContextEvent>) -> u64 {
        while !self.feeder.has_credit() {
            self.take();
        }
        let decoded = self.lines.decode(lines, tick);
        assert_eq!(decoded.counts.rejected, 0, "every line of these benches is sound");
        let alerts = decoded.segments.into_iter().flat_map(|segment| segment.alerts).collect();
        let input = EpochInput { alerts, context, ..EpochInput::default() };
        let tick = Tick { now: tick, drain: false };
        self.submitted = self.feeder.submit(tick, input).expect("the workers run") + 1;
        self.submitted - 1
    }

    /// Whether an epoch may be submitted without waiting.
    pub fn has_credit(&self) -> bool {
        self.feeder.has_credit()
    }

    /// The next finished epoch if it comes within `wait`; its number.
    pub fn poll(&mut self, wait: Duration) -> Option<u64> {
        let output = self.collector.poll(wait)?;
        let epoch = output.epoch;
        self.seen = epoch + 1;
        self.standing.apply(output);
        Some(epoch)
    }

    /// Waits until everything submitted has been answered.
    pub fn settle(&mut self) {
        while self.seen < self.submitted {
            self.take();
        }
    }

    fn take(&mut self) {
        if let Some(output) = self.collector.next_epoch() {
            self.seen = output.epoch + 1;
            self.standing.apply(output);
        }
    }

    /// Ends the workers and gives back what stands.
    pub fn finish(mut self) -> Standing {
        self.settle();
        let Engine { feeder, mut collector, standing, .. } = self;
        drop(feeder);
        while collector.next_epoch().is_some() {}
        standing
    }
}
