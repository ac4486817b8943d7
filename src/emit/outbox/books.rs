//! The books of all sinks, for `/metrics`.

use super::{Outbox, SinkCounts};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::Arc;

/// Reads the counters of some outboxes.
pub struct SinkBooks(Vec<Arc<Outbox>>);

impl SinkBooks {
    /// The books of these.
    pub fn new(outboxes: Vec<Arc<Outbox>>) -> Self {
        SinkBooks(outboxes)
    }
}

impl fmt::Debug for SinkBooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SinkBooks")
    }
}

impl Collector for SinkBooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        type Counter = (&'static str, &'static str, fn(&SinkCounts) -> u64);
        let counters: [Counter; 6] = [
            ("sink_offered", "Revisions offered to a sink", |counts| counts.offered),
            ("sink_matched", "Revisions that a sink's matcher wanted", |counts| counts.matched),
            ("sink_delivered", "Revisions that arrived", |counts| counts.delivered),
            ("sink_retries", "Attempts beyond the first", |counts| counts.retried),
            ("sink_failed", "Revisions given up", |counts| counts.failed),
            ("sink_dropped", "Revisions dropped before a full queue", |counts| counts.dropped),
        ];
        for (name, help, read) in counters {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for outbox in &self.0 {
                family
                    .encode_family(&[("sink", outbox.name().as_str())])?
                    .encode_counter::<[(&str, &str); 0], _, f64>(&read(&outbox.counts()), None)?;
            }
        }
        type Gauge = (&'static str, &'static str, Option<Unit>, fn(&SinkCounts) -> u64);
        let gauges: [Gauge; 3] = [
            ("sink_waiting", "Revisions that wait, in memory and on disk", None, |counts| {
                counts.waiting as u64
            }),
            ("sink_queue", "Bytes of revisions that wait in memory", Some(Unit::Bytes), |counts| {
                counts.waiting_bytes as u64
            }),
            ("sink_spool", "Bytes of revisions that wait on disk", Some(Unit::Bytes), |counts| {
                counts.spooled_bytes
            }),
        ];
        for (name, help, unit, read) in gauges {
            let mut family =
                encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
            for outbox in &self.0 {
                family
                    .encode_family(&[("sink", outbox.name().as_str())])?
                    .encode_gauge(&read(&outbox.counts()))?;
            }
        }
        let help = "1 while a sink is full and holds up everything before it";
        let mut family =
            encoder.encode_descriptor("sink_holds_up", help, None, MetricType::Gauge)?;
        for outbox in &self.0 {
            family
                .encode_family(&[("sink", outbox.name().as_str())])?
                .encode_gauge(&u64::from(outbox.holds_up()))?;
        }
        Ok(())
    }
}
