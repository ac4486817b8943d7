//! Bytes to alerts: decoders and the dedup operator on timely workers.

use super::lines::{Input as Stream, ReadAhead};
use crate::harness::RowDigest;
use causeway::canonical::{Decoded, Decoder, Format, Framing, Input as Call, Mode, Origin, Source};
use causeway_dataflows::dedup::dedup;
use causeway_dataflows::model::{Alert, AlertBatch, AlertCount, AlertKey, Seconds, Status};
use causeway_dataflows::ops::epochs::{Epoch, Tick};
use causeway_dataflows::ops::shelf::Shelf;
use causeway_dataflows::ops::tap::Tap;
use causeway_dataflows::params::Params;
use hashbrown::HashMap;
use smol_str::SmolStr;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use timely::dataflow::operators::{Input, Inspect, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

/// Epochs under way at a time.
const OUTSTANDING_MAX: u64 = 2;
const NANOS: i64 = 1_000_000_000;

/// A decoder as a live file source has it: receipt is in the records.
pub struct Lines {
    decoder: Decoder,
    tenant: SmolStr,
    origin: Origin,
}

impl Lines {
    /// For so many workers.
    pub fn new(workers: usize) -> Lines {
        let decoder = Decoder::new(Arc::new(Source::named("bench")), workers, None);
        Lines { decoder, tenant: SmolStr::new_static("default"), origin: Origin::default() }
    }

    /// Decodes whole lines received until the end of the second `tick`.
    pub fn decode(&mut self, bytes: &[u8], tick: Seconds) -> Decoded {
        let call = Call {
            format: Format::Native,
            framing: Framing::Lines,
            tenant: &self.tenant,
            mode: Mode::Followed { receipt_ns: tick * NANOS + NANOS - 1 },
            origin: &self.origin,
            first_line: 1,
        };
        self.decoder.decode(bytes, &call)
    }
}

/// What came out, on one worker or on all.
#[derive(Default)]
pub struct Heard {
    /// Net digest of the alerts.
    pub alerts: RowDigest,
    /// Changes of the collection, in order: the hash of the key, odd for one that came. As
    /// little as will do, because keeping books is not what is measured.
    pub changes: Vec<u64>,
    /// Exact counts in order, as hash of the key and digest; of one key the last holds.
    pub counts: Vec<(u64, [u64; 2])>,
    /// Refused lines.
    pub rejected: u64,
    /// What reading ahead took.
    pub read_ahead: ReadAhead,
}

/// Adds an alert to a digest, or takes it away.
pub fn toggle(digest: &mut RowDigest, alert: &Alert) {
    let (status, at, last) = match alert.status {
        Status::Firing => (0, 0, 0),
        Status::Resolved { at, last } => (1, at, last),
    };
    let AlertKey { onset, fingerprint } = alert.key;
    let (low, high) = (fingerprint.0 as u64, (fingerprint.0 >> 64) as u64);
    let times = [onset as u64, alert.first as u64, at as u64, last as u64];
    let [onset, first, at, last] = times;
    digest.toggle([low, high, onset, first, u64::from(alert.severity.0), status, at, last]);
}

/// The digest of an exact count.
pub fn count_digest(count: &AlertCount) -> RowDigest {
    let AlertKey { onset, fingerprint } = count.key;
    let (low, high) = (fingerprint.0 as u64, (fingerprint.0 >> 64) as u64);
    RowDigest::of([low, high, onset as u64, count.count, count.last as u64])
}

/// A hash of a key, even.
fn short(key: AlertKey) -> u64 {
    (key.fingerprint.low64() ^ (key.onset as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)) & !1
}

impl Heard {
    /// How many alerts stand, and the digest of them and their exact counts together.
    pub fn digest(&self) -> (u64, RowDigest) {
        let mut standing: HashMap<u64, i32> = HashMap::new();
        for change in &self.changes {
            *standing.entry(change & !1).or_default() += if change & 1 == 1 { 1 } else { -1 };
        }
        // A late event may give an alert an earlier onset; its old key's count is then nobody's.
        standing.retain(|_, copies| *copies != 0);
        let mut newest: HashMap<u64, [u64; 2]> = HashMap::new();
        for (key, row) in self.counts.iter().filter(|(key, _)| standing.contains_key(key)) {
            newest.insert(*key, *row);
        }
        let mut digest = self.alerts;
        for [low, high] in newest.into_values() {
            digest.merge(RowDigest(u128::from(low) | u128::from(high) << 64));
        }
        (standing.len() as u64, digest)
    }

    fn merge(&mut self, other: Heard) {
        self.alerts.merge(other.alerts);
        self.changes.extend(other.changes);
        self.counts.extend(other.counts);
        self.rejected += other.rejected;
        self.read_ahead.add(other.read_ahead);
    }
}

/// Decodes and deduplicates everything on `workers` workers; each takes every nth chunk,
/// decodes it and sends its alerts to whom their fingerprints belong.
///
/// # Panics
/// When timely cannot start its threads.
pub fn run(stream: &Stream, workers: usize, params: &Params) -> Heard {
    let stream = stream.clone();
    let params = params.clone();
    let config = match workers {
        1 => timely::Config::thread(),
        _ => timely::Config::process(workers),
    };
    let guards = timely::execute(config, move |worker| drive(worker, &stream, &params))
        .expect("timely starts its threads");
    let mut all = Heard::default();
    for heard in guards.join() {
        all.merge(heard.expect("a worker returns what it heard"));
    }
    all
}

fn drive(worker: &mut Worker, stream: &Stream, params: &Params) -> Heard {
    let heard = Rc::new(RefCell::new(Heard::default()));
    let probe: ProbeHandle<Epoch> = ProbeHandle::new();
    let (mut batches, mut ticks) = build(worker, params, &heard, &probe);
    let (index, peers) = (worker.index(), worker.peers());
    let mut lines = Lines::new(peers);
    let mut reading = stream.read(index, peers);
    let mut epoch = 0;
    for tick in stream.ticks(peers) {
        if let Some(chunk) = reading.next() {
            let decoded = lines.decode(&chunk.bytes, tick);
            drop(chunk);
            heard.borrow_mut().rejected += decoded.counts.rejected;
            for batch in decoded.segments.into_iter().flat_map(|segment| segment.alerts) {
                batches.send(batch);
            }
        }
        ticks.send(Tick { now: tick, drain: false });
        epoch += 1;
        batches.advance_to(epoch);
        ticks.advance_to(epoch);
        batches.flush();
        ticks.flush();
        worker.step_while(|| probe.less_than(&epoch.saturating_sub(OUTSTANDING_MAX)));
    }
    ticks.send(Tick { now: stream.end(), drain: true });
    drop((batches, ticks));
    worker.step_while(|| !probe.done());
    let read_ahead = reading.finish();
    Heard { read_ahead, ..heard.take() }
}

type Handle<T> = InputHandle<Epoch, timely::container::CapacityContainerBuilder<Vec<T>>>;

fn build(
    worker: &mut Worker,
    params: &Params,
    heard: &Rc<RefCell<Heard>>,
    probe: &ProbeHandle<Epoch>,
) -> (Handle<AlertBatch>, Handle<Tick>) {
    worker.dataflow_named("w1", |scope| {
        let (batches, batch_stream) = scope.new_input();
        let (ticks, tick_stream) = scope.new_input();
        let deduped = dedup(batch_stream, tick_stream, params, Shelf::default(), &Tap::default());
        let tap = heard.clone();
        let alerts = deduped.alerts.inner.inspect(move |(alert, _, diff)| {
            let mut heard = tap.borrow_mut();
            heard.changes.push(short(alert.key) | u64::from(*diff > 0));
            toggle(&mut heard.alerts, alert);
        });
        let tap = heard.clone();
        let counts = deduped.counts.inspect(move |(count, _)| {
            let RowDigest(row) = count_digest(count);
            tap.borrow_mut().counts.push((short(count.key), [row as u64, (row >> 64) as u64]));
        });
        alerts.probe_with(probe);
        counts.probe_with(probe);
        (batches, ticks)
    })
}
