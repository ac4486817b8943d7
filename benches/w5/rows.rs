//! The rows of W5: the most, and latency at shares of it, of each way from topic to topic.

use super::Args;
use crate::broker::Broker;
use crate::harness::usage::Cpu;
use crate::harness::{Outcome, args};
use crate::stream::{PARTITIONS, Reader, Sender};
use crate::work::firing::WARM;
use crate::work::process::{Process, configure, metric};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One way from topic to topic.
#[derive(Clone, Copy)]
pub struct Way {
    /// Its name in tables.
    pub name: &'static str,
    /// Its name in topics.
    topic: &'static str,
    /// What the sink promises; nothing for the floor.
    guarantee: Option<&'static str>,
    /// Goal for p99 at half of the most, milliseconds.
    pub p99_ms: Option<f64>,
}

/// A consumer and a producer with nothing between them.
pub const FLOOR: Way = Way { name: "floor", topic: "floor", guarantee: None, p99_ms: None };
/// All ways.
pub const WAYS: [Way; 3] = [
    FLOOR,
    Way {
        name: "at least once",
        topic: "least",
        guarantee: Some("at_least_once"),
        p99_ms: Some(30.0),
    },
    Way {
        name: "exactly once",
        topic: "exactly",
        guarantee: Some("exactly_once"),
        p99_ms: Some(150.0),
    },
];
/// Shares of the most at which latency is measured.
pub const PERCENTS: [u32; 2] = [50, 80];
/// Events that the producer may be ahead in any case: several fetches of every partition.
const AHEAD_MIN: u64 = 100_000;
/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

impl Way {
    /// Whether it is the floor.
    pub fn is_floor(&self) -> bool {
        self.guarantee.is_none()
    }
}

/// Whoever takes messages, and how many events that were so far.
enum Taker {
    Ours(Process),
    Floor { child: Child, passed: Arc<AtomicU64>, lines: u64 },
}

/// Processor time of the broker itself so far: it is a shell's child.
fn broker_cpu(broker: &Broker) -> Cpu {
    let shell = broker.shell_id();
    let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
    let children = children.unwrap_or_default();
    let ids = children.split_whitespace().filter_map(|id| id.parse().ok());
    ids.map(Cpu::of_process).fold(Cpu::default(), |sum, one: Cpu| Cpu {
        user_s: sum.user_s + one.user_s,
        system_s: sum.system_s + one.system_s,
    })
}

impl Taker {
    fn start(way: Way, broker: &Broker, name: &str, lines: u64) -> Taker {
        match way.guarantee {
            Some(guarantee) => Taker::ours(guarantee, broker, name),
            None => Taker::floor(broker, name, lines),
        }
    }

    fn ours(guarantee: &str, broker: &Broker, name: &str) -> Taker {
        let state = match guarantee {
            "exactly_once" => format!("    state_topic: {name}-state\n"),
            _ => String::new(),
        };
        let at = broker.address();
        let folder = args::folder().join("w5-row");
        // A run that was cut off may have left its own.
        let _ = std::fs::remove_dir_all(&folder);
        let config = format!(
            "emission: {{settle: 0s, settle_max: 0s, revise_interval: 10s}}\n\
             sources:\n  events:\n    type: kafka\n    brokers: {at}\n    topics: {name}-in\n    \
             group: {name}\nsinks:\n  out:\n    type: kafka\n    brokers: {at}\n    \
             topic: {name}-out\n    guarantee: {guarantee}\n    queue: {{full: block}}\n{state}"
        );
        configure(&folder, 0, &config);
        Taker::Ours(Process::run(&folder, false))
    }

    fn floor(broker: &Broker, name: &str, lines: u64) -> Taker {
        let own = std::env::current_exe().expect("a process knows its own program");
        let mut child = Command::new(own)
            .args(["--row", name, "--brokers", &broker.address()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a row's process can be started");
        let said = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let passed = Arc::new(AtomicU64::new(0));
        let known = Arc::clone(&passed);
        std::thread::spawn(move || {
            for line in said.map_while(Result::ok) {
                known.fetch_max(line.parse().unwrap_or(0), Ordering::Relaxed);
            }
        });
        Taker::Floor { child, passed, lines }
    }

    /// Events taken so far.
    fn taken(&self) -> u64 {
        match self {
            Taker::Floor { passed, lines, .. } => passed.load(Ordering::Relaxed) * lines,
            Taker::Ours(process) => {
                let name = "causeway_events_accepted_total{source=\"events\"}";
                metric(process.address, name).unwrap_or(0.0) as u64
            }
        }
    }

    /// Whether nothing of what it took is still on its way.
    fn is_quiet(&self) -> bool {
        let Taker::Ours(process) = self else { return true };
        let names = ["queue_bytes", "epochs_outstanding", "sink_waiting{sink=\"out\"}"];
        let left = names.map(|name| metric(process.address, &format!("causeway_{name}")));
        left.iter().all(|left| *left == Some(0.0))
    }

    fn cpu(&self) -> Cpu {
        match self {
            Taker::Floor { child, .. } => Cpu::of_process(child.id()),
            Taker::Ours(process) => process.cpu(),
        }
    }

    fn rss_peak(&self) -> u64 {
        match self {
            Taker::Floor { child, .. } => crate::harness::usage::rss_peak_of(child.id()),
            Taker::Ours(process) => process.rss_peak(),
        }
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        match self {
            Taker::Floor { child, .. } => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Taker::Ours(process) => {
                // Before its folder goes, lest it make it anew.
                process.kill();
                let _ = std::fs::remove_dir_all(args::folder().join("w5-row"));
            }
        }
    }
}

/// Broker, taker and sender of one way.
struct Journey {
    taker: Taker,
    sender: Sender,
    broker: Broker,
    name: &'static str,
}

impl Journey {
    /// Starts all of them; every key has been heard of some times, and nothing is under way.
    fn start(args: &Args, way: Way, lines: u64) -> Journey {
        let broker = Broker::start();
        let name = way.topic;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        for (topic, partitions) in [("in", PARTITIONS), ("out", 1), ("state", 1)] {
            runtime.block_on(broker.create(&format!("{name}-{topic}"), partitions));
        }
        let mut sender = Sender::new(&broker.address(), name, args.keys, lines, args.common.seed);
        let taker = Taker::start(way, &broker, name, lines);
        (0..WARM).for_each(|_| sender.all(args.keys));
        let keys = if way.is_floor() { args.keys.div_ceil(100) * lines } else { args.keys };
        let enough = keys * WARM;
        let journey = Journey { taker, sender, broker, name };
        journey.until_taken(enough);
        journey
    }

    fn until_taken(&self, events: u64) {
        let until = Instant::now() + PATIENCE;
        while self.taker.taken() < events || !self.taker.is_quiet() {
            assert!(Instant::now() < until, "{events} events are not taken");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs `run`; tells apart what taker, broker and this process spent on it.
    fn measured(
        &mut self,
        outcome: Outcome,
        run: impl FnOnce(&mut Sender, &Taker) -> Outcome,
    ) -> Outcome {
        let spent =
            |journey: &Journey| (journey.taker.cpu(), broker_cpu(&journey.broker), Cpu::of_self());
        let (taker, broker, own) = spent(self);
        let began = Instant::now();
        let done = run(&mut self.sender, &self.taker);
        let wall_s = began.elapsed().as_secs_f64();
        let after = spent(self);
        let (taker, broker, own) =
            (after.0.since(taker), after.1.since(broker), after.2.since(own));
        let outcome = Outcome {
            wall_s: if done.wall_s > 0.0 { done.wall_s } else { wall_s },
            user_s: taker.user_s,
            system_s: taker.system_s,
            rss_peak: self.taker.rss_peak(),
            row: outcome.row,
            ..done
        };
        eprintln!(
            "  {}: {:.0} k events/s; processor time: taker {:.1} s, broker {:.1} s, sender and \
             reader {:.1} s{}",
            outcome.row,
            outcome.rate_wall() * 1e3,
            taker.total_s(),
            broker.total_s(),
            own.total_s(),
            outcome.void.as_deref().map(|why| format!(" VOID: {why}")).unwrap_or_default(),
        );
        outcome.figure("broker_cpu_s", broker.total_s()).figure("sender_cpu_s", own.total_s())
    }
}

/// The most and the latencies of every way with so many lines a message.
pub fn all(args: &Args, lines: u64) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let only = args.common.only.as_deref().unwrap_or("");
    for way in WAYS.into_iter().filter(|way| way.name.contains(only)) {
        let row = |what: String| {
            let row = format!("{}, {lines} a message, {what}", way.name);
            Outcome::new(&row, "", 2, args.common.seed)
        };
        let mut journey = Journey::start(args, way, lines);
        let most = most(args, &mut journey, row("most".to_owned()));
        let rate = most.rate_wall() * 1e6;
        outcomes.push(most);
        drop(journey);
        for percent in PERCENTS {
            let mut journey = Journey::start(args, way, lines);
            let rate = rate * f64::from(percent) / 100.0;
            let time = Duration::from_secs(args.seconds);
            let outcome = row(format!("at {percent} %"));
            outcomes.push(latency(args, &mut journey, outcome, rate, time, || ()));
        }
    }
    outcomes
}

/// As much as is taken of a producer that is at most a second ahead.
fn most(args: &Args, journey: &mut Journey, outcome: Outcome) -> Outcome {
    let time = Duration::from_secs(args.seconds.div_ceil(2));
    // Until queues and caches have found their size; and how much a second's worth is.
    let before = journey.taker.taken();
    let Journey { sender, taker, .. } = journey;
    sender.closed(time / 2, AHEAD_MIN, || taker.taken());
    let ahead = ((taker.taken() - before) * 2 / time.as_secs().max(1)).max(AHEAD_MIN);
    journey.measured(outcome.clone(), |sender, taker| {
        let (before, began) = (taker.taken(), Instant::now());
        sender.closed(time, ahead, || taker.taken());
        let events = taker.taken() - before;
        Outcome { events, outputs: events, wall_s: began.elapsed().as_secs_f64(), ..outcome }
    })
}

/// From due to read, at a steady rate.
fn latency(
    args: &Args,
    journey: &mut Journey,
    outcome: Outcome,
    rate: f64,
    time: Duration,
    meanwhile: impl FnOnce() + Send,
) -> Outcome {
    let reader = Reader::start(&journey.broker.address(), journey.name);
    let probes = args.probes;
    journey.measured(outcome.clone(), |sender, _| {
        let (latencies, events, void) = std::thread::scope(|scope| {
            scope.spawn(meanwhile);
            sender.open(rate, probes, time, reader)
        });
        let seconds = latencies.by_second();
        let outputs = latencies.len();
        Outcome { events, outputs, void, seconds, wall_s: time.as_secs_f64(), ..outcome }
            .figure("p50_ms", latencies.ms(50.0))
            .figure("p99_ms", latencies.ms(99.0))
            .figure("p99.9_ms", latencies.ms(99.9))
            .figure("max_ms", latencies.max_ms())
    })
}

/// What the harness makes of a process that stands still for two seconds.
pub fn self_test(args: &Args) -> Outcome {
    let mut journey = Journey::start(args, WAYS[1], 20);
    let Taker::Ours(process) = &journey.taker else { unreachable!("it is no floor") };
    let id = process.id().to_string();
    let stall = move || {
        for (after, name) in [(2, "STOP"), (2, "CONT")] {
            std::thread::sleep(Duration::from_secs(after));
            let sent = Command::new("kill").args(["-s", name, &id]).status();
            assert!(sent.expect("kill is there").success(), "the process is there");
        }
    };
    let outcome = Outcome::new("self-test", "", 2, args.common.seed);
    latency(args, &mut journey, outcome, 10_000.0, Duration::from_secs(8), stall)
}
