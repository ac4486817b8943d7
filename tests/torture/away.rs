//! R12: a sink that goes away while events keep coming.
//!
//! A sink that must not lose anything holds up what is before it: the outbox is full, the
//! engine waits, the queue fills, senders get 429 and the followed file is not read on. All
//! of it is bounded, and nothing is lost once the sink is back.

use super::again;
use super::kills::settled;
use super::load::{Load, begin};
use super::receiver::{Mood, Receiver};
use super::victim::Place;
use super::witness::{Told, hold_journal_to};
use causeway_loadgen::rng::Rng;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What the process may hold besides its queues, bytes.
const RESIDENT_BYTES_MAX: u64 = 512 << 20;
/// Refusals that are waited for while the sink is away.
const TURNED_AWAY: u64 = 10;
const SENDERS: usize = 4;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Away {
    pub(super) events: u64,
    /// Batches that were turned away.
    pub(super) turned_away: u64,
    /// The most memory that was seen while the sink was away, bytes.
    pub(super) resident_bytes: u64,
    pub(super) findings: Vec<String>,
}

/// The sink goes away, comes back, and everything arrives.
pub(super) fn away(seed: u64) -> Away {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(torture(seed))
}

async fn torture(seed: u64) -> Away {
    let mut rng = Rng::stream(seed, "away");
    let receiver = Receiver::start(Mood::Away, seed).await;
    let place = Place::new(&mut rng, |path| {
        format!(
            "input_queue: 64KiB\nemission: {{settle: 0s, settle_max: 0s, revise_interval: 0s}}\n\
             sources:\n  http: {{type: http}}\n  \
             tail: {{type: file, path: \"{}/events.ndjson\", follow: true, poll: 5ms}}\n\
             sinks:\n  hook: {{type: webhook, url: \"http://{}/\", \
             allow_private: [127.0.0.0/8], timeout: 1m, backoff_max: 20ms, \
             queue: {{revisions: 20, full: block}}}}\n",
            path.display(),
            receiver.address,
        )
    });
    let mut process = place.start();
    let load = Arc::new(Load::new(place.url(""), Duration::from_millis(1)));
    load.answers().await;
    let mut tasks = begin(&load, SENDERS, place.path("events.ndjson"), seed);

    let mut away = Away::default();
    let mut full = async || loop {
        away.resident_bytes = away.resident_bytes.max(process.resident_bytes());
        away.turned_away = turned_away(&load.get("/metrics").await);
        if away.turned_away >= TURNED_AWAY {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let waited = tokio::time::timeout(super::victim::DEADLINE, full()).await;
    if waited.is_err() {
        away.findings.push(format!("{} batches were turned away", away.turned_away));
    }
    if away.resident_bytes > RESIDENT_BYTES_MAX {
        away.findings.push(format!("it held {} bytes", away.resident_bytes));
    }
    receiver.set(Mood::Well);
    load.finish();
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    away.findings.extend(settled(&load).await);
    process.signal("TERM");
    let status = tokio::task::block_in_place(|| process.ended());
    assert!(status.is_some_and(|status| status.success()), "{}", place.log_tail());
    judge(&place, &load, &receiver.taken(), &mut away);
    away.findings.iter_mut().for_each(|what| what.insert_str(0, &format!("seed {seed}: ")));
    away
}

/// Everything arrived, in order, once the sink was back.
fn judge(place: &Place, load: &Load, taken: &[String], away: &mut Away) {
    let known = load.known().clone();
    let settings = again::settings(&place.config());
    let read = again::read_again(&place.journal(), &settings, 1).unwrap();
    let expected = Told::of_lines(read.lines.iter().map(String::as_str));
    let told = Told::of_lines(taken.iter().map(String::as_str));
    away.events = read.accepted;
    away.findings.extend(known.findings.clone());
    away.findings.extend(told.findings.clone());
    away.findings.extend(told.hold_against(&expected, "webhook"));
    away.findings.extend(told.hold_to(&known));
    away.findings.extend(hold_journal_to(&read, &known));
}

/// Batches that all sources were refused.
fn turned_away(metrics: &Value) -> u64 {
    let lines = metrics.as_str().unwrap().lines();
    let series = lines.filter(|line| line.starts_with("causeway_batches_turned_away_total{"));
    series.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
