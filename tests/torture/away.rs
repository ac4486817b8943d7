//! R12: more than can be taken, and a sink that goes away while events keep coming.
//!
//! A sink that must not lose anything holds up what is before it: the outbox is full, the
//! engine waits, the queue fills, senders get 429 and the followed file is not read on. All
//! of it is bounded, and nothing is lost. First the sink takes what comes slowly and three
//! times as much is offered as got through before; then it never answers; then it is back.

use super::again;
use super::kills::{settled, still_to_come};
use super::load::{Load, begin, offer};
use super::receiver::{Mood, Receiver};
use super::victim::{DEADLINE, Place, Victim};
use super::witness::{Told, hold_journal_to};
use causeway_loadgen::rng::Rng;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How many times as much an operator gives it when what fires needs it.
const MORE: u64 = 4;
/// Refusals that are waited for while the sink is away.
const TURNED_AWAY: u64 = 10;
const SENDERS: usize = 4;
/// Those who offer more than is taken, and by how much.
const OFFERERS: u32 = 16;
const OVERLOAD: f64 = 3.0;

/// How long each part lasts, and what the process may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// More is offered than is taken.
    pub(super) overload: Duration,
    /// The sink is away, and at least until ten batches were turned away.
    pub(super) away: Duration,
    /// Bytes.
    pub(super) memory_limit: u64,
}

impl Terms {
    /// Of so many minutes of absence, a third of that is overload; a few seconds of each if none.
    pub(super) fn of(minutes: Option<u64>, memory_mib: u64) -> Terms {
        let away = Duration::from_secs(60 * minutes.unwrap_or(0));
        let overload = (away / 3).max(Duration::from_secs(4));
        Terms { overload, away, memory_limit: memory_mib << 20 }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Away {
    pub(super) events: u64,
    /// Requests that got through in a second while queues were full.
    pub(super) taken_rate: f64,
    /// Batches that were offered in a second of overload, beside those who try again.
    pub(super) offered_rate: f64,
    /// Batches that were turned away: by overload, and in all.
    pub(super) overloaded: u64,
    pub(super) turned_away: u64,
    /// Events of the file that waited because memory was short to the end, until there was more.
    pub(super) unread: u64,
    /// What it might hold, and the most that it held, bytes.
    pub(super) memory_limit: u64,
    pub(super) resident_bytes: u64,
    pub(super) findings: Vec<String>,
}

/// Too much comes, the sink goes away, comes back, and everything arrives.
pub(super) fn away(seed: u64, terms: Terms) -> Away {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(torture(seed, terms))
}

async fn torture(seed: u64, terms: Terms) -> Away {
    let mut rng = Rng::stream(seed, "away");
    let receiver = Receiver::start(Mood::Slow, seed).await;
    // A long absence first fills a longer queue, and what it may take on disk.
    let queue = 20 + 10 * terms.away.as_secs();
    let place = Place::new(&mut rng, |path| {
        format!(
            "input_queue: 64KiB\n{}\
             emission: {{settle: 0s, settle_max: 0s, revise_interval: 0s}}\n\
             journal: {{forget: false}}\n\
             sources:\n  http: {{type: http, quiet: 4h}}\n  \
             tail: {{type: file, path: \"{}/events.ndjson\", follow: true, poll: 5ms, \
             quiet: 4h}}\n\
             sinks:\n  hook: {{type: webhook, url: \"http://{}/\", \
             allow_private: [127.0.0.0/8], timeout: 1m, backoff_max: 20ms, \
             queue: {{revisions: {queue}, disk: 1MiB}}}}\n",
            limit(terms.memory_limit),
            path.display(),
            receiver.address,
        )
    });
    let mut process = place.start();
    let load = Load::new(place.url(""), Duration::from_millis(1));
    let load = Arc::new(load.with_patience(terms.overload + terms.away));
    load.answers().await;
    let mut tasks = begin(&load, SENDERS, place.path("events.ndjson"), seed);

    let mut away = Away { memory_limit: terms.memory_limit, ..Away::default() };
    away.overload(&load, seed, terms.overload).await;
    receiver.set(Mood::Away);
    away.absence(&load, terms.away).await;
    receiver.set(Mood::Well);
    // What fires may fill the memory for as long as it does: whoever was turned away stays away.
    load.give_up();
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    away.unread = until_read_or_short(&load).await;
    if away.unread > 0 {
        away.ended(process, &place);
        place.rewrite(&limit(terms.memory_limit), &limit(MORE * terms.memory_limit));
        process = place.start();
        load.answers().await;
    }
    away.findings.extend(settled(&load).await);
    away.ended(process, &place);
    judge(&place, &load, &receiver.taken(), &mut away);
    away.findings.iter_mut().for_each(|what| what.insert_str(0, &format!("seed {seed}: ")));
    away
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Terms { overload, away, .. } = self;
        write!(f, "{} s of overload, {} s away", overload.as_secs(), away.as_secs())
    }
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} events, {:.0} batches/s offered where {:.0} got through, {} of them turned away, \
             {} in all, at most {} MiB of {}{}",
            self.events,
            self.offered_rate,
            self.taken_rate,
            self.overloaded,
            self.turned_away,
            self.resident_bytes >> 20,
            self.memory_limit >> 20,
            match self.unread {
                0 => String::new(),
                unread => format!(", {unread} events read once it had {MORE} times as much"),
            },
        )
    }
}

impl Away {
    /// Ends a process as a supervisor does, the first of which must have kept to its limit in all
    /// that it did, a snapshot that waited for the sink among it.
    fn ended(&mut self, mut process: Victim, place: &Place) {
        if self.resident_bytes == 0 {
            self.resident_bytes = process.resident_bytes_max();
            if self.resident_bytes > self.memory_limit {
                self.findings.push(format!("it held {} bytes", self.resident_bytes));
            }
        }
        process.signal("TERM");
        let status = tokio::task::block_in_place(|| process.ended());
        assert!(status.is_some_and(|status| status.success()), "{}", place.log_tail());
    }

    /// Finds out how much gets through, and offers three times as much.
    async fn overload(&mut self, load: &Arc<Load>, seed: u64, lasts: Duration) {
        // Until queues are full they take more than gets through.
        self.until_turned_away(load, 1).await;
        let (begun, before) = (Instant::now(), load.decided());
        tokio::time::sleep(lasts / 4).await;
        self.taken_rate = (load.decided() - before) as f64 / begun.elapsed().as_secs_f64();
        let refused = turned_away(load).await;
        let every =
            Duration::from_secs_f64(f64::from(OFFERERS) / (OVERLOAD * self.taken_rate.max(1.0)));
        let (begun, ends) = (Instant::now(), Instant::now() + lasts);
        let mut offerers = JoinSet::new();
        for number in 0..OFFERERS as usize {
            let load = Arc::clone(load);
            offerers.spawn(async move { offer(&load, number, seed, (every, ends)).await });
        }
        let mut offered = 0;
        while let Some(batches) = offerers.join_next().await {
            offered += batches.unwrap();
        }
        self.offered_rate = offered as f64 / begun.elapsed().as_secs_f64();
        self.until_turned_away(load, refused + 1).await;
        self.overloaded = self.turned_away - refused;
    }

    /// Waits out an absence, and until some were turned away.
    async fn absence(&mut self, load: &Load, lasts: Duration) {
        let before = self.turned_away;
        tokio::time::sleep(lasts).await;
        self.until_turned_away(load, before + TURNED_AWAY).await;
    }

    /// Waits until so many batches were turned away.
    async fn until_turned_away(&mut self, load: &Load, least: u64) {
        let ends = Instant::now() + DEADLINE;
        loop {
            self.turned_away = turned_away(load).await;
            if self.turned_away >= least {
                return;
            }
            if Instant::now() > ends {
                let found = format!("{} batches were turned away, not {least}", self.turned_away);
                return self.findings.push(found);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
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

fn limit(bytes: u64) -> String {
    format!("memory_limit: {bytes}B\n")
}

/// Waits until all that was sent is taken in, or memory is short: how many events of the file
/// wait for it then.
async fn until_read_or_short(load: &Load) -> u64 {
    let ends = Instant::now() + DEADLINE;
    loop {
        let metrics = load.get("/metrics").await;
        let waiting = still_to_come(load, &metrics);
        if waiting == 0 || metrics.as_str().unwrap().contains("\ncauseway_memory_short 1\n") {
            return waiting;
        }
        assert!(Instant::now() < ends, "{waiting} events wait, and memory is not short");
    }
}

/// Batches that all sources were refused.
async fn turned_away(load: &Load) -> u64 {
    let metrics = load.get("/metrics").await;
    let lines = metrics.as_str().unwrap().lines();
    let series = lines.filter(|line| line.starts_with("causeway_batches_turned_away_total{"));
    series.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
