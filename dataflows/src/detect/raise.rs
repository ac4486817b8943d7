//! Findings on their way to dedup.

use crate::model::finding::{FINDING_ID, SIGNAL};
use crate::model::{
    AlertBatch, AlertEvent, AlertFlags, ContextEvent, Finding, Fingerprint, Identity, Labels,
    Seconds, Severity, SourceIndex, Watched,
};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a watch says of one second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// How bad; nothing when the condition has ended.
    pub severity: Option<Severity>,
    /// What was found; of an end nothing.
    pub finding: Option<Finding>,
}

impl Raised {
    /// The condition has ended.
    pub fn end() -> Raised {
        Raised { severity: None, finding: None }
    }
}

/// The alert that the findings of a watch are about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The words behind its fingerprint.
    pub identity: Arc<Identity>,
    /// Whose policy applies.
    pub source: SourceIndex,
}

impl Subject {
    /// The alert called `name` about what `of` tells of, found in signals of one sort.
    pub fn new(of: &Identity, source: SourceIndex, name: &str, signal: &str) -> Subject {
        let mut labels: Vec<(&str, &str)> = of.labels.iter().collect();
        labels.retain(|(key, _)| *key != SIGNAL);
        labels.push((SIGNAL, signal));
        labels.sort_unstable();
        let entity = of.entity.text.as_str();
        let labelled = labels.iter().copied();
        let fingerprint =
            Fingerprint::of(&mut Vec::new(), &of.tenant, "alert", entity, name, labelled);
        let identity = Identity {
            fingerprint,
            tenant: of.tenant.clone(),
            source: of.source.clone(),
            entity: of.entity.clone(),
            name: SmolStr::new(name),
            labels: Labels::pack(labels.into_iter()),
        };
        Subject { identity: Arc::new(identity), source }
    }
}

/// What one epoch of detection brings.
#[derive(Debug)]
pub struct Out {
    /// The tick.
    pub now: Seconds,
    /// One batch for each worker.
    pub alerts: Vec<AlertBatch>,
    /// Topology that signals tell of.
    pub context: Vec<ContextEvent>,
    /// What became of signals and watches.
    pub watched: Watched,
}

impl Out {
    /// Nothing yet.
    pub fn new(now: Seconds, peers: usize) -> Out {
        let batch = |worker| AlertBatch { worker, ..AlertBatch::default() };
        Out {
            now,
            alerts: (0..peers as u64).map(batch).collect(),
            context: Vec::new(),
            watched: Watched::default(),
        }
    }

    /// Puts up what is found at `time`, or takes it back.
    pub fn raise(&mut self, subject: &Subject, time: Seconds, raised: &Raised, put_up: bool) {
        let Subject { identity, source } = subject;
        let fingerprint = identity.fingerprint;
        let peers = self.alerts.len() as u64;
        let batch = &mut self.alerts[(fingerprint.low64() % peers) as usize];
        batch.identities.push(identity.clone());
        let mut flags = AlertFlags::default();
        if raised.severity.is_none() {
            flags = flags.with(AlertFlags::RESOLVED);
        }
        if !put_up {
            flags = flags.with(AlertFlags::WITHDRAWN);
        }
        let event = AlertEvent {
            fingerprint,
            time,
            observed: self.now,
            onset: time,
            ends: Seconds::MAX,
            identity: batch.identities.len() as u32 - 1,
            text_at: 0,
            id_len: 0,
            summary_len: 0,
            source: *source,
            severity: raised.severity.unwrap_or(Severity::INFO),
            flags,
        };
        let summary = raised.finding.as_ref().map(Finding::to_string).unwrap_or_default();
        batch.push(event, &format!("{FINDING_ID}{fingerprint}/{time}"), &summary);
    }
}

/// What stands of a watch's findings, by second.
#[derive(Clone, Debug, Default)]
pub struct Standing(BTreeMap<Seconds, Raised>);

impl Standing {
    /// Brings what stands at and after `from` to what is wanted, saying what differs.
    pub fn bring(
        &mut self,
        from: Seconds,
        wanted: BTreeMap<Seconds, Raised>,
        mut say: impl FnMut(Seconds, &Raised, bool),
    ) {
        let old = self.0.split_off(&from);
        for (time, raised) in &old {
            if wanted.get(time) != Some(raised) {
                say(*time, raised, false);
            }
        }
        for (time, raised) in &wanted {
            if old.get(time) != Some(raised) {
                say(*time, raised, true);
            }
        }
        self.0.extend(wanted.into_iter().filter(|(time, _)| *time >= from));
    }

    /// Forgets what nothing can change any more.
    pub fn forget(&mut self, before: Seconds) {
        self.0 = self.0.split_off(&before);
    }
}
