//! The engine's own numbers: epochs, what stands, what was told.

use crate::emit::wire::RevisionEvent;
use causeway_dataflows::model::{Unread, Watched};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const UNANNOUNCED: &str = "Alerts of incidents that are not announced yet";

/// Numbers that the feeding and the emitting side keep; cloning shares them.
#[derive(Clone, Default)]
pub struct EngineBooks(Arc<Inner>);

#[derive(Default)]
struct Inner {
    epochs_formed: AtomicU64,
    epochs_taken: AtomicU64,
    epochs_done: AtomicU64,
    queue_bytes: Arc<AtomicUsize>,
    disk_full: AtomicU64,
    tick: AtomicI64,
    firing: AtomicU64,
    suppressed: AtomicU64,
    standalone: AtomicU64,
    in_incidents: AtomicU64,
    incidents: AtomicU64,
    unannounced: AtomicU64,
    watches: AtomicI64,
    unread: [AtomicU64; Unread::ALL.len()],
    /// Of SLOs, parts per million.
    budgets_left: Mutex<BTreeMap<SmolStr, i64>>,
    revisions: [AtomicU64; RevisionEvent::ALL.len()],
}

/// Alerts in the maintained state, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Kept out of incidents, with a reason.
    pub suppressed: u64,
    /// Alone and mild.
    pub standalone: u64,
    /// Members of an incident.
    pub in_incidents: u64,
    /// Incidents.
    pub incidents: u64,
    /// Those alerts, of whatever kind, that fire.
    pub firing: u64,
    /// Those whose incident nobody has heard of yet.
    pub unannounced: u64,
}

impl EngineBooks {
    /// The bytes of input that wait, which the queue counts.
    pub fn queue_bytes(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0.queue_bytes)
    }

    /// So many epochs of the journal were handed to the workers once more.
    pub fn recovered(&self, epochs: u64) {
        self.0.epochs_formed.fetch_add(epochs, Ordering::Relaxed);
        self.0.epochs_taken.fetch_add(epochs, Ordering::Relaxed);
    }

    /// An epoch was formed, and is on disk where there is a journal.
    pub fn formed(&self) {
        self.0.epochs_formed.fetch_add(1, Ordering::Relaxed);
    }

    /// An epoch was handed to the workers.
    pub fn taken(&self) {
        self.0.epochs_taken.fetch_add(1, Ordering::Relaxed);
    }

    /// An epoch's answer was told; `tick` was its tick.
    pub fn done(&self, tick: i64, shown: Shown) {
        let inner = &self.0;
        inner.epochs_done.fetch_add(1, Ordering::Relaxed);
        inner.tick.store(tick, Ordering::Relaxed);
        inner.suppressed.store(shown.suppressed, Ordering::Relaxed);
        inner.standalone.store(shown.standalone, Ordering::Relaxed);
        inner.in_incidents.store(shown.in_incidents, Ordering::Relaxed);
        inner.incidents.store(shown.incidents, Ordering::Relaxed);
        inner.firing.store(shown.firing, Ordering::Relaxed);
        inner.unannounced.store(shown.unannounced, Ordering::Relaxed);
    }

    /// Detection was through with an epoch.
    pub fn watched(&self, watched: &Watched) {
        self.0.watches.fetch_add(watched.watches, Ordering::Relaxed);
        for (own, more) in self.0.unread.iter().zip(watched.unread) {
            own.fetch_add(more, Ordering::Relaxed);
        }
        if !watched.budgets_left_ppm.is_empty() {
            let left = watched.budgets_left_ppm.iter().map(|(slo, left)| (slo.clone(), *left));
            self.budgets_left().extend(left);
        }
    }

    fn budgets_left(&self) -> MutexGuard<'_, BTreeMap<SmolStr, i64>> {
        self.0.budgets_left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A revision was handed to the sinks.
    pub fn told(&self, event: RevisionEvent) {
        self.0.revisions[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the disk has no room for what senders bring.
    pub fn disk_is_full(&self, full: bool) {
        self.0.disk_full.store(u64::from(full), Ordering::Relaxed);
    }

    /// Epochs answered so far.
    pub fn answered(&self) -> u64 {
        self.0.epochs_done.load(Ordering::Relaxed)
    }

    /// Alerts whose incident nobody has heard of yet.
    pub fn unannounced(&self) -> u64 {
        self.0.unannounced.load(Ordering::Relaxed)
    }

    /// Epochs formed and not answered yet.
    pub fn outstanding(&self) -> u64 {
        let done = self.0.epochs_done.load(Ordering::Relaxed);
        self.0.epochs_formed.load(Ordering::Relaxed).saturating_sub(done)
    }

    /// Epochs formed and not handed to the workers yet.
    pub fn waiting(&self) -> u64 {
        let taken = self.0.epochs_taken.load(Ordering::Relaxed);
        self.0.epochs_formed.load(Ordering::Relaxed).saturating_sub(taken)
    }
}

impl fmt::Debug for EngineBooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineBooks")
    }
}

impl Collector for EngineBooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let inner = &self.0;
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let help = "Epochs answered";
        encoder
            .encode_descriptor("epochs", help, None, MetricType::Counter)?
            .encode_counter::<[(&str, &str); 0], _, f64>(&read(&inner.epochs_done), None)?;
        let bytes = Some(Unit::Bytes);
        let queue = inner.queue_bytes.load(Ordering::Relaxed) as u64;
        for (name, help, unit, value) in [
            ("epochs_outstanding", "Epochs that are not answered yet", None, self.outstanding()),
            ("epochs_waiting", "Epochs that the engine has not taken yet", None, self.waiting()),
            ("queue", "Input that the engine has not taken yet", bytes, queue),
            ("disk_full", "1 while the disk has no room", None, read(&inner.disk_full)),
            ("alerts_firing", "Alerts that fire", None, read(&inner.firing)),
            ("alerts_unannounced", UNANNOUNCED, None, self.unannounced()),
            ("incidents", "Incidents that stand", None, read(&inner.incidents)),
        ] {
            encoder
                .encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?
                .encode_gauge(&value)?;
        }
        let help = "The engine's now, as of the last answered epoch";
        encoder
            .encode_descriptor("tick_timestamp", help, Some(&Unit::Seconds), MetricType::Gauge)?
            .encode_gauge(&inner.tick.load(Ordering::Relaxed))?;
        let help = "Alerts in the maintained state by what became of them";
        let mut family = encoder.encode_descriptor("alerts", help, None, MetricType::Gauge)?;
        for (word, number) in [
            ("suppressed", &inner.suppressed),
            ("standalone", &inner.standalone),
            ("in_incident", &inner.in_incidents),
        ] {
            family.encode_family(&[("disposition", word)])?.encode_gauge(&read(number))?;
        }
        let help = "Series, log writers, operations and beating entities that are watched";
        encoder
            .encode_descriptor("watches", help, None, MetricType::Gauge)?
            .encode_gauge(&inner.watches.load(Ordering::Relaxed))?;
        let help = "Signals that detection did not read, by reason";
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor("signals_unread", help, None, kind)?;
        for reason in Unread::ALL {
            family
                .encode_family(&[("reason", reason.word())])?
                .encode_counter::<[(&str, &str); 0], _, f64>(
                    &read(&inner.unread[reason as usize]),
                    None,
                )?;
        }
        let help = "What is left of the error budget of an SLO over its window";
        let name = "slo_budget_remaining";
        let unit = Unit::Other("ratio".to_owned());
        let mut family = encoder.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?;
        for (slo, left) in self.budgets_left().iter() {
            let left = *left as f64 / 1e6;
            family.encode_family(&[("slo", slo.as_str())])?.encode_gauge(&left)?;
        }
        let help = "Revisions told";
        let mut family = encoder.encode_descriptor("revisions", help, None, MetricType::Counter)?;
        for event in RevisionEvent::ALL {
            family
                .encode_family(&[("event", event.word())])?
                .encode_counter::<[(&str, &str); 0], _, f64>(
                    &read(&inner.revisions[event as usize]),
                    None,
                )?;
        }
        Ok(())
    }
}
