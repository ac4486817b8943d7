//! The books of every source: what came in and what became of it.

use super::bins::Bins;
use crate::canonical::reject::Code;
use crate::canonical::{Counts, Decoded, Kind};
use crate::clock::NANOS;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Bounds of the lag between event and receipt, seconds: from prompt to beyond any lateness.
const LAG_SECONDS: [f64; 10] = [0.0, 1.0, 2.0, 5.0, 15.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

/// What one source sent so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceBooks {
    /// The decoder's books, added up.
    pub counts: Counts,
    /// Receipt less event time of alerts; a histogram that begins anew with the process, whose
    /// bounds may be others.
    #[serde(skip, default = "lag_bins")]
    pub lag: Bins,
    /// The newest event time, seconds since the Unix epoch; zero before the first event.
    pub last_event: i64,
    /// How far the source's clock runs behind ours, nanoseconds.
    pub skew_ns: i64,
    /// Batches that were turned away because the engine was behind.
    pub turned_away: u64,
}

fn lag_bins() -> Bins {
    Bins::new(&LAG_SECONDS)
}

impl Default for SourceBooks {
    fn default() -> Self {
        SourceBooks {
            counts: Counts::default(),
            lag: lag_bins(),
            last_event: 0,
            skew_ns: 0,
            turned_away: 0,
        }
    }
}

/// What one pass over a batch finds, made before the batch is handed on.
#[derive(Clone, Debug)]
pub struct Tally {
    lag: Bins,
    last_event: i64,
}

impl Tally {
    /// The tally of one batch.
    pub fn of(decoded: &Decoded) -> Self {
        let mut lag = lag_bins();
        let mut last_event = 0;
        let batches = decoded.segments.iter().flat_map(|segment| &segment.alerts);
        for event in batches.flat_map(|batch| &batch.events) {
            lag.observe(event.observed.saturating_sub(event.time).max(0) as f64);
            last_event = last_event.max(event.time);
        }
        let context = decoded.segments.iter().flat_map(|segment| &segment.context);
        last_event = context.map(|event| event.time_ns / NANOS).fold(last_event, i64::max);
        Tally { lag, last_event }
    }
}

/// The books of all sources, by name.
#[derive(Clone, Default)]
pub struct IngestBooks(Arc<Mutex<BTreeMap<SmolStr, SourceBooks>>>);

impl IngestBooks {
    /// Enters what a batch became.
    pub fn enter(&self, source: &SmolStr, counts: &Counts, tally: &Tally, skew_ns: i64) {
        self.with(source, |books| {
            books.counts += counts;
            books.lag.add(&tally.lag);
            books.last_event = books.last_event.max(tally.last_event);
            books.skew_ns = skew_ns;
        });
    }

    /// Counts a batch that was turned away.
    pub fn turn_away(&self, source: &SmolStr) {
        self.with(source, |books| books.turned_away += 1);
    }

    /// Makes the source known before its first event, so that its absence shows as zero.
    pub fn expect(&self, source: &SmolStr) {
        self.with(source, |_| ());
    }

    /// The books of one source as they stand.
    pub fn of(&self, source: &SmolStr) -> SourceBooks {
        let books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        books.get(source).cloned().unwrap_or_default()
    }

    /// Goes on with books that were kept.
    pub fn restore(&self, source: &SmolStr, saved: SourceBooks) {
        self.with(source, |books| *books = saved);
    }

    /// The books of each source as they stand.
    pub fn snapshot(&self) -> BTreeMap<SmolStr, SourceBooks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The books of all sources together.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for books in self.0.lock().unwrap_or_else(PoisonError::into_inner).values() {
            total += &books.counts;
        }
        total
    }

    fn with(&self, source: &SmolStr, then: impl FnOnce(&mut SourceBooks)) {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match books.get_mut(source) {
            Some(books) => then(books),
            None => then(books.entry(source.clone()).or_default()),
        }
    }
}

impl fmt::Debug for IngestBooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IngestBooks")
    }
}

/// A counter of a source that needs no further label: its name, its help and where it is.
type Plain = (&'static str, &'static str, fn(&SourceBooks) -> u64);

const PLAIN: [Plain; 9] = [
    ("events_accepted", "Events that went on", |b| b.counts.accepted),
    ("events_duplicate", "Events whose id was seen before", |b| b.counts.duplicate),
    ("events_late", "Accepted events older than the lateness bound", |b| b.counts.late),
    ("events_folded", "Accepted events that were folded into alerts", |b| b.counts.folded),
    ("events_signals", "Accepted metric samples, log lines, spans and heartbeats", |b| {
        b.counts.signals
    }),
    ("events_context", "Accepted events about topology, changes and instructions", |b| {
        b.counts.context
    }),
    ("events_unknown_fields", "Fields that the schema does not have", |b| b.counts.unknown_fields),
    ("event_ids_forgotten", "Ids forgotten before their time", |b| b.counts.ids_forgotten),
    ("batches_turned_away", "Batches refused because the engine was behind", |b| b.turned_away),
];

impl Collector for IngestBooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sources = self.snapshot();
        for (name, help, read) in PLAIN {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (source, books) in &sources {
                let labels = [("source", source.as_str())];
                family
                    .encode_family(&labels)?
                    .encode_counter::<[(&str, &str); 0], _, f64>(&read(books), None)?;
            }
        }
        encode_kinds(&mut encoder, &sources)?;
        encode_codes(&mut encoder, &sources)?;
        encode_times(&mut encoder, &sources)
    }
}

fn encode_kinds(
    encoder: &mut DescriptorEncoder<'_>,
    sources: &BTreeMap<SmolStr, SourceBooks>,
) -> fmt::Result {
    let help = "Events received; those refused or repeated have the kind `none`";
    let mut family =
        encoder.encode_descriptor("events_received", help, None, MetricType::Counter)?;
    for (source, books) in sources {
        let counts = &books.counts;
        let kinds = counts.kinds.iter().map(|(kind, count): (Kind, u64)| (kind.word(), count));
        for (kind, count) in kinds.chain([("none", counts.rejected + counts.duplicate)]) {
            let labels = [("source", source.as_str()), ("kind", kind)];
            family
                .encode_family(&labels)?
                .encode_counter::<[(&str, &str); 0], _, f64>(&count, None)?;
        }
    }
    Ok(())
}

fn encode_codes(
    encoder: &mut DescriptorEncoder<'_>,
    sources: &BTreeMap<SmolStr, SourceBooks>,
) -> fmt::Result {
    for (name, help) in
        [("events_rejected", "Events refused"), ("events_repaired", "Repairs of accepted events")]
    {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (source, books) in sources {
            let by_code = match name {
                "events_rejected" => &books.counts.rejected_by,
                _ => &books.counts.repaired,
            };
            for (code, count) in by_code.iter() {
                let labels = [("source", source.as_str()), ("code", code.word())];
                family
                    .encode_family(&labels)?
                    .encode_counter::<[(&str, &str); 0], _, f64>(&count, None)?;
            }
        }
    }
    Ok(())
}

fn encode_times(
    encoder: &mut DescriptorEncoder<'_>,
    sources: &BTreeMap<SmolStr, SourceBooks>,
) -> fmt::Result {
    type Gauge = (&'static str, &'static str, Option<Unit>, fn(&SourceBooks) -> f64);
    let gauges: [Gauge; 3] = [
        ("source_last_event_timestamp", "Newest event time", Some(Unit::Seconds), |books| {
            books.last_event as f64
        }),
        ("source_clock_skew", "Mean receipt less event time", Some(Unit::Seconds), |books| {
            books.skew_ns as f64 / NANOS as f64
        }),
        ("entity_unresolved_ratio", "Share of alert events without an entity", None, |books| {
            let alerts = books.counts.kinds.of(Kind::Alert).max(1);
            books.counts.repaired.of(Code::W112) as f64 / alerts as f64
        }),
    ];
    for (name, help, unit, read) in gauges {
        let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        for (source, books) in sources {
            let labels = [("source", source.as_str())];
            family.encode_family(&labels)?.encode_gauge(&read(books))?;
        }
    }
    let help = "Receipt less event time of alert events";
    let seconds = Some(&Unit::Seconds);
    let mut family =
        encoder.encode_descriptor("event_lag", help, seconds, MetricType::Histogram)?;
    for (source, books) in sources {
        let labels = [("source", source.as_str())];
        books.lag.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
