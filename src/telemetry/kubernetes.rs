//! The books of sources that watch a cluster.

use super::by_source::{Figure, counters, gauges};
use crate::clock::{NANOS, SharedClock};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What one source did so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubernetesCounts {
    /// Events of watches that were about an object.
    pub events: u64,
    /// Lists that had to be made again because a watch came too late.
    pub relists: u64,
    /// Requests that failed, and watches that were cut off.
    pub errors: u64,
    /// Statements handed on.
    pub statements: u64,
    /// Objects that are known.
    pub objects: u64,
    /// Objects left out because there were too many.
    pub objects_dropped: u64,
    /// Whether every kind was listed once.
    pub is_complete: bool,
    /// What is followed.
    pub scopes: Vec<ScopeState>,
}

/// What is known of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeState {
    /// Which.
    pub name: String,
    /// Whether a watch runs.
    pub is_connected: bool,
    /// When its watch last brought something, on the clock that never goes back.
    pub heard_ns: Option<i64>,
    /// What failed last, while nothing came since.
    pub problem: Option<String>,
}

/// The books of all such sources, by name; cloning shares them.
#[derive(Clone)]
pub struct KubernetesBooks {
    all: Arc<Mutex<BTreeMap<SmolStr, KubernetesCounts>>>,
    clock: SharedClock,
}

impl KubernetesBooks {
    /// Empty books.
    pub fn new(clock: SharedClock) -> KubernetesBooks {
        KubernetesBooks { all: Arc::default(), clock }
    }

    /// Enters something for `source`.
    pub fn enter(&self, source: &SmolStr, change: impl FnOnce(&mut KubernetesCounts)) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(source.clone()).or_default());
    }

    /// Says what a source follows, in the order of their places.
    pub fn expect(&self, source: &SmolStr, scopes: &[String]) {
        let of = |name: &String| ScopeState { name: name.clone(), ..ScopeState::default() };
        self.enter(source, |counts| counts.scopes = scopes.iter().map(of).collect());
    }

    /// A watch runs.
    pub fn connected(&self, source: &SmolStr, place: usize) {
        self.event(source, place, 0);
    }

    /// A watch brought something, and so many events about objects.
    pub fn event(&self, source: &SmolStr, place: usize, events: u64) {
        let now_ns = self.clock.monotonic_ns();
        self.enter(source, |counts| {
            counts.events += events;
            if let Some(scope) = counts.scopes.get_mut(place) {
                (scope.is_connected, scope.heard_ns, scope.problem) = (true, Some(now_ns), None);
            }
        });
    }

    /// A scope cannot be asked.
    pub fn failed(&self, source: &SmolStr, place: usize, problem: &str) {
        self.enter(source, |counts| {
            counts.errors += 1;
            if let Some(scope) = counts.scopes.get_mut(place) {
                (scope.is_connected, scope.problem) = (false, Some(problem.to_owned()));
            }
        });
    }

    /// Whether a source knows its cluster, and what failed last while it does not.
    pub fn connection(&self, source: &SmolStr) -> (bool, Option<String>) {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(counts) = all.get(source) else { return (false, None) };
        let is_connected = counts.is_complete && counts.scopes.iter().any(|of| of.is_connected);
        (is_connected, counts.scopes.iter().find_map(|scope| scope.problem.clone()))
    }

    /// The books as they stand.
    pub fn snapshot(&self) -> BTreeMap<SmolStr, KubernetesCounts> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for KubernetesBooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KubernetesBooks")
    }
}

const COUNTERS: [Figure<KubernetesCounts>; 5] = [
    ("kubernetes_events", "Events of watches about objects", None, |counts| counts.events),
    ("kubernetes_relists", "Lists made again because a watch came too late", None, |counts| {
        counts.relists
    }),
    ("kubernetes_errors", "Requests that failed and watches cut off", None, |counts| counts.errors),
    ("kubernetes_statements", "Statements about the topology handed on", None, |counts| {
        counts.statements
    }),
    ("kubernetes_objects_dropped", "Objects left out beyond objects_max", None, |counts| {
        counts.objects_dropped
    }),
];

const GAUGES: [Figure<KubernetesCounts>; 1] =
    [("kubernetes_objects", "Objects that are known", None, |of| of.objects)];

impl Collector for KubernetesBooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sources = self.snapshot();
        if sources.is_empty() {
            return Ok(());
        }
        counters(&mut encoder, &sources, &COUNTERS)?;
        gauges(&mut encoder, &sources, &GAUGES)?;
        let now_ns = self.clock.monotonic_ns();
        let lag = |scope: &ScopeState| {
            scope.heard_ns.map(|heard| now_ns.saturating_sub(heard) as f64 / NANOS as f64)
        };
        let help = "Whether the watch of a kind of objects runs";
        encode_scopes(&mut encoder, "kubernetes_connected", help, &sources, |scope| {
            Some(f64::from(u8::from(scope.is_connected)))
        })?;
        let help = "Time since the watch of a kind of objects brought anything, bookmarks included";
        encode_scopes(&mut encoder, "kubernetes_lag_seconds", help, &sources, lag)
    }
}

fn encode_scopes(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    sources: &BTreeMap<SmolStr, KubernetesCounts>,
    read: impl Fn(&ScopeState) -> Option<f64>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (source, counts) in sources {
        for scope in &counts.scopes {
            let Some(figure) = read(scope) else { continue };
            let labels = [("source", source.as_str()), ("objects", scope.name.as_str())];
            family.encode_family(&labels)?.encode_gauge(&figure)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::telemetry::Metrics;

    #[test]
    fn a_watch_is_behind_as_long_as_it_brings_nothing() {
        let clock = Arc::new(ManualClock::at_seconds(100));
        let (books, source) = (KubernetesBooks::new(clock.clone()), SmolStr::new("eu"));
        books.expect(&source, &["pods".to_owned(), "nodes".to_owned()]);
        books.event(&source, 0, 3);
        books.failed(&source, 1, "it is away");
        assert_eq!(books.connection(&source), (false, Some("it is away".to_owned())));
        books.enter(&source, |counts| counts.is_complete = true);
        assert!(books.connection(&source).0, "one kind may not be read");
        clock.advance_seconds(7);
        let metrics = Metrics::new(&*clock);
        metrics.add(Box::new(books));
        let text = metrics.text();
        for line in [
            "causeway_kubernetes_events_total{source=\"eu\"} 3",
            "causeway_kubernetes_errors_total{source=\"eu\"} 1",
            "causeway_kubernetes_connected{source=\"eu\",objects=\"pods\"} 1.0",
            "causeway_kubernetes_connected{source=\"eu\",objects=\"nodes\"} 0.0",
            "causeway_kubernetes_lag_seconds{source=\"eu\",objects=\"pods\"} 7.0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
