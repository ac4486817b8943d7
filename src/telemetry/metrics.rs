//! `/metrics`: everything that is counted, in the OpenMetrics text format.
//!
//! Each part of the process keeps its own numbers and is asked for them when a
//! request comes: a counter costs nothing but its addition until then. Parts
//! that are built elsewhere (the engine, the sinks) are added with
//! [`Metrics::add`].

use super::http::HttpBooks;
use super::ingest::IngestBooks;
use super::process::ProcessStats;
use crate::clock::Clock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::{Arc, PoisonError, RwLock};

/// What every name begins with, those of the process itself aside.
pub const PREFIX: &str = "causeway";
/// The content type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All numbers of the process.
#[derive(Clone)]
pub struct Metrics {
    /// The books of the sources.
    pub ingest: IngestBooks,
    /// The server.
    pub http: HttpBooks,
    registry: Arc<RwLock<Registry>>,
}

impl Metrics {
    /// Numbers of a process that starts now.
    pub fn new(clock: &dyn Clock) -> Self {
        let (ingest, http) = (IngestBooks::default(), HttpBooks::default());
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessStats { started: clock.now_seconds() }));
        let ours = registry.sub_registry_with_prefix(PREFIX);
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        ours.register("build", "What was built", build);
        ours.register_collector(Box::new(ingest.clone()));
        ours.register_collector(Box::new(http.clone()));
        Metrics { ingest, http, registry: Arc::new(RwLock::new(registry)) }
    }

    /// Adds another part's numbers, under the prefix.
    pub fn add(&self, part: Box<dyn Collector>) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.sub_registry_with_prefix(PREFIX).register_collector(part);
    }

    /// The text for a scraper.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        match encode(&mut text, &registry) {
            Ok(()) => text,
            // Writing to a string cannot fail; a collector that does must not serve half a text.
            Err(_) => "# EOF\n".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Decoded;
    use crate::clock::ManualClock;
    use crate::telemetry::ingest::Tally;
    use smol_str::SmolStr;

    #[test]
    fn the_books_of_a_batch_show() {
        let metrics = Metrics::new(&ManualClock::at_seconds(1_000));
        let mut decoded = Decoded::default();
        decoded.counts.received = 3;
        decoded.counts.accepted = 2;
        decoded.counts.rejected = 1;
        decoded.counts.folded = 2;
        let tally = Tally::of(&decoded);
        metrics.ingest.enter(&SmolStr::new("http"), &decoded.counts, &tally, 0);
        metrics.http.finished("/v1/events", "POST", 200, 0.002);
        let text = metrics.text();
        for line in [
            "causeway_events_accepted_total{source=\"http\"} 2",
            "causeway_events_received_total{source=\"http\",kind=\"none\"} 1",
            "causeway_http_requests_total{route=\"/v1/events\",method=\"POST\",status=\"200\"} 1",
            "causeway_http_request_duration_seconds_bucket{le=\"0.005\",route=\"/v1/events\"} 1",
            "process_start_time_seconds 1000",
            "causeway_build_info{version=",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
