//! Who sends and who reads.

use crate::broker::client;
use crate::harness::latency::{Latencies, Schedule, too_slow};
use crate::work::firing::line;
use causeway_loadgen::rng::{Rng, Zipf};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Partitions of the topic that is read.
pub const PARTITIONS: i32 = 4;
/// Prepared messages; they are sent over and over.
const PREPARED: usize = 4_000;
/// What a probe's entity begins with, its number behind it.
const PROBE: &[u8] = b"service:b/probe-";
/// What lines begin with, and those of probes.
const LINE: &[u8] = br#"{"schema":"event/1.0","#;
const PROBE_LINE: &[u8] =
    br#"{"schema":"event/1.0","source":"bench","kind":"alert","name":"Probe","#;

/// The producer and its messages.
pub struct Sender {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
    messages: Vec<String>,
    lines: u64,
    next: u64,
}

/// A reader of the topic with incidents, and when the probes in it came.
pub struct Reader {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<(u64, Instant)>>,
    /// How many came so far.
    pub heard: Arc<AtomicU64>,
}

impl Sender {
    /// A sender of messages of `lines` lines to `{name}-in`.
    ///
    /// # Panics
    /// When the client cannot start.
    pub fn new(address: &str, name: &str, keys: u64, lines: u64, seed: u64) -> Sender {
        let producer = client(address)
            .set("linger.ms", "2")
            .set("queue.buffering.max.messages", "500000")
            .create()
            .expect("the client starts");
        let mut rng = Rng::stream(seed, "w5");
        let zipf = Zipf::new(keys as usize, 1.1);
        let mut message =
            || -> String { (0..lines).map(|_| line(zipf.draw(&mut rng) as u64)).collect() };
        let messages = (0..PREPARED).map(|_| message()).collect();
        Sender { producer, topic: format!("{name}-in"), messages, lines, next: 0 }
    }

    /// Sends every key once.
    pub fn all(&mut self, keys: u64) {
        let keys: Vec<u64> = (0..keys).collect();
        for keys in keys.chunks(100) {
            let body: String = keys.iter().map(|key| line(*key)).collect();
            self.send(&body);
        }
    }

    /// Sends the next of the prepared messages.
    pub fn repeat(&mut self) {
        let body = std::mem::take(&mut self.messages[self.next as usize % PREPARED]);
        self.send(&body);
        self.messages[(self.next - 1) as usize % PREPARED] = body;
    }

    fn send(&mut self, body: &str) {
        let partition = (self.next % PARTITIONS as u64) as i32;
        self.next += 1;
        let mut record = BaseRecord::<(), str>::to(&self.topic).partition(partition).payload(body);
        while let Err((error, back)) = self.producer.send(record) {
            assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            std::thread::sleep(Duration::from_millis(1));
            record = back;
        }
    }

    /// Sends at most `ahead` events more than `taken` says for as long as `time`; how many.
    pub fn closed(&mut self, time: Duration, ahead: u64, taken: impl Fn() -> u64) -> u64 {
        let began = Instant::now();
        let (mut sent, before) = (0, taken());
        while began.elapsed() < time {
            // Asking costs the process a page of text, so it is not asked all the time.
            while sent > taken() - before + ahead {
                std::thread::sleep(Duration::from_millis(10));
            }
            for _ in 0..(1_000 / self.lines).max(1) {
                self.repeat();
                sent += self.lines;
            }
        }
        sent
    }

    /// Sends `rate` events a second for as long as `time`, `probes` new alerts among them, and
    /// waits for `reader` to have heard of each; the probes' latencies, the events, and why it
    /// does not count, if it does not.
    pub fn open(
        &mut self,
        rate: f64,
        probes: f64,
        time: Duration,
        reader: Reader,
    ) -> (Latencies, u64, Option<String>) {
        let messages = rate / self.lines as f64;
        let total = (messages * time.as_secs_f64()) as u64;
        let every = ((messages / probes) as u64).max(1);
        let schedule = Schedule::now(messages);
        let (mut number, mut dues) = (0, Vec::new());
        while number < total {
            let now = Instant::now();
            while number < total && schedule.due(number) <= now {
                match number % every {
                    0 => {
                        let probe = probe(dues.len() as u64);
                        self.send(&probe);
                        dues.push(schedule.due(number));
                    }
                    _ => self.repeat(),
                }
                number += 1;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        let took = schedule.due(0).elapsed();
        let asked = dues.len() as u64;
        let until = Instant::now() + Duration::from_secs(20);
        while reader.heard.load(Ordering::Relaxed) < asked && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut latencies = Latencies::default();
        for (probe, at) in reader.finish() {
            let due = dues[probe as usize];
            latencies.record_at(due, at, schedule.second_of(due));
        }
        let void = match latencies.len() == asked {
            true => too_slow(total, took - Duration::from_millis(1).min(took), messages),
            false => Some(format!("{} of {asked} probes came back", latencies.len())),
        };
        (latencies, total * self.lines, void)
    }
}

/// The line of a new alert.
fn probe(number: u64) -> String {
    format!(
        concat!(
            r#"{{"schema":"event/1.0","source":"bench","kind":"alert","name":"Probe","#,
            r#""status":"firing","severity":"error","entity":"service:b/probe-{:08}","#,
            r#""summary":"over its limit"}}"#,
            "\n"
        ),
        number
    )
}

impl Reader {
    /// Begins to read `{name}-out` from its end on, committed messages only.
    ///
    /// # Panics
    /// When the broker is gone.
    pub fn start(address: &str, name: &str) -> Reader {
        let consumer: BaseConsumer = client(address)
            .set("group.id", format!("{name}-reader"))
            .set("isolation.level", "read_committed")
            .create()
            .expect("the client starts");
        let topic = format!("{name}-out");
        let mut list = TopicPartitionList::new();
        let (_, end) = consumer
            .fetch_watermarks(&topic, 0, crate::broker::PATIENCE)
            .expect("the broker answers");
        list.add_partition_offset(&topic, 0, Offset::Offset(end)).expect("an offset");
        consumer.assign(&list).expect("the topic is there");
        let (over, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (seen, count) = (Arc::clone(&over), Arc::clone(&heard));
        let thread = std::thread::spawn(move || {
            let mut came: Vec<(u64, Instant)> = Vec::new();
            let mut known = hashbrown::HashSet::new();
            while !seen.load(Ordering::Relaxed) {
                // After an error the client tries again by itself.
                let Some(Ok(message)) = consumer.poll(Duration::from_millis(5)) else { continue };
                let at = Instant::now();
                let number = message.payload().and_then(probe_in);
                if let Some(number) = number.filter(|number| known.insert(*number)) {
                    came.push((number, at));
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
            came
        });
        Reader { over, thread, heard }
    }

    fn finish(self) -> Vec<(u64, Instant)> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the reader ends well")
    }
}

/// The number of the probe that a message is about. Lines that the floor passes on are known by
/// how they begin, so that looking at them costs nothing.
fn probe_in(payload: &[u8]) -> Option<u64> {
    if payload.starts_with(LINE) && !payload.starts_with(PROBE_LINE) {
        return None;
    }
    let at = payload.windows(PROBE.len()).position(|window| window == PROBE)?;
    let digits = payload.get(at + PROBE.len()..at + PROBE.len() + 8)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
