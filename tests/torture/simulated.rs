//! R4: a process in one order that a seed decides: senders, a log, the journal on a disk that
//! forgets, workers that step when they are let, a sink that refuses, and a clock.
//!
//! ```text
//!  senders ─┐                                              ┌─ position, now and then on disk
//!  log ─────┴► queue ─► journal ─► feed ─► workers ─► ledger ─► sink
//!                         │ disk: torn, refused, forgotten          │ lost answers, refusals
//!                         └─ the machine or the process dies at any step
//! ```
//!
//! The parts are those of the process; what is here is what is around them, and who is next.

use super::again::{Again, emit, feed_again, settings, surroundings};
use super::history::{BEGINS, draw, yaml};
use super::outside::{Log, Sender, Sink, Turns};
use super::witness::Told;
use causeway::clock::{ManualClock, SharedClock};
use causeway::emit::ledger::{Emission, Ledger};
use causeway::epoch::{
    AheadLimits, Behind, Continued, Fed, Keeping, Leading, Queue, RecoverError, Run, ahead,
    feed_one,
};
use causeway::ingest::receptions::Receptions;
use causeway::journal::testing::{Fault, Sim};
use causeway::journal::{JournalError, Options, Reader, Writer};
use causeway::runtime::{Collector, Feeder, start, start_paced};
use causeway::settings::Settings;
use causeway::telemetry::{EngineBooks, JournalBooks};
use causeway_loadgen::rng::Rng;
use crossbeam_channel::{Receiver, unbounded};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh3::Xxh3;

const SEGMENT_BYTES: u64 = 8 << 10;
/// More than are ever under way: who goes on is for the seed to say, not for a wait.
const OUTSTANDING_MAX: usize = 1 << 20;
/// Steps after which everything has long come to its end.
const STEPS_MAX: u32 = 200_000;
/// So often much time passes at once, and no alert leaves the horizon with its count.
const JUMPS_MAX: u32 = 2;
/// Faults of a disk that end a life.
const FAULTS: [Fault; 5] = [Fault::Before, Fault::After, Fault::Torn, Fault::Short, Fault::Eio];

/// What a simulation came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Simulated {
    pub(super) lives: u64,
    pub(super) steps: u64,
    /// Of all that happened, in order.
    pub(super) trace: u64,
    pub(super) findings: Vec<String>,
}

/// The whole of it.
struct World {
    rng: Rng,
    settings: Arc<Settings>,
    clock: Arc<ManualClock>,
    disk: Sim,
    senders: Vec<Sender>,
    log: Log,
    sink: Sink,
    trace: Xxh3,
    steps: u32,
    /// How often much time passed at once.
    jumped: u32,
}

/// What a death takes with it.
struct Life {
    turns: Turns,
    workers: usize,
    queue: Arc<Queue>,
    receptions: Receptions,
    keeping: Keeping<Sim>,
    leading: Leading,
    formed: Behind,
    feeder: Feeder,
    notes: crossbeam_channel::Sender<Fed>,
    fed: Receiver<Fed>,
    collector: Collector,
    ledger: Ledger,
    sequence: u64,
}

/// Lives through what the seed draws, to its end.
pub(super) fn simulate(seed: u64) -> Simulated {
    let mut rng = Rng::stream(seed, "simulation");
    let yaml = yaml(&mut rng);
    // Who sends again what had no answer is known by the ids; a log is known by its positions.
    let senders = *rng.pick(&[0, 1, 2, 3]);
    let yaml = match senders {
        0 => yaml,
        _ => yaml.replace("{type: http}", "{type: http, dedupe_ids: true}"),
    };
    let settings = Arc::new(settings(&yaml));
    let mut batches = |name: String, most: usize| {
        let steps = 1 + rng.below(most);
        let drawn = draw(&mut rng, steps);
        Sender::new(&name, drawn.into_iter().map(|step| step.lines).collect())
    };
    let senders: Vec<Sender> = (0..senders).map(|at| batches(format!("s{at}"), 10)).collect();
    let log = Log::new(batches("log".to_owned(), 12));
    let mut world = World {
        settings,
        clock: Arc::new(ManualClock::at_seconds(BEGINS)),
        disk: Sim::new(seed),
        senders,
        log,
        sink: Sink::default(),
        trace: Xxh3::new(),
        steps: 0,
        jumped: 0,
        rng,
    };
    let deaths = world.rng.below(5);
    let mut done = Simulated::default();
    for _ in 0..deaths {
        done.lives += 1;
        if let Err(finding) = world.live_and_die() {
            done.findings.push(finding);
            return done;
        }
    }
    done.lives += 1;
    match world.live_to_the_end() {
        Ok(()) => done.findings.extend(world.judge()),
        Err(finding) => done.findings.push(finding),
    }
    done.findings.iter_mut().for_each(|finding| finding.insert_str(0, &format!("seed {seed}: ")));
    world.sink.told.iter().for_each(|line| world.trace.update(line.as_bytes()));
    (done.steps, done.trace) = (u64::from(world.steps), world.trace.digest());
    done
}

impl World {
    /// A life that ends somewhere.
    fn live_and_die(&mut self) -> Result<(), String> {
        if self.rng.chance(0.4) {
            self.disk.fail(1 + self.rng.below(80) as u64, *self.rng.pick(&FAULTS));
        }
        let steps = self.rng.below(300);
        let died = match self.begin() {
            Ok(mut life) => {
                let died = (0..steps).any(|_| self.step(&mut life).is_err());
                life.end();
                died
            }
            Err(JournalError::Io { .. }) => true,
            Err(error) => return Err(format!("a start is refused: {error}")),
        };
        // A disk that failed is that of a machine which dies; otherwise either may.
        let next = self.rng.below(usize::MAX) as u64;
        self.disk = match died || self.rng.chance(0.5) {
            true => self.disk.crash(next),
            false => self.disk.kill(),
        };
        self.senders.iter_mut().for_each(Sender::cut_off);
        self.log.cut_off();
        self.sink.cut_off();
        Ok(())
    }

    /// A life without faults, until everything was taken and told.
    fn live_to_the_end(&mut self) -> Result<(), String> {
        let mut life = self.begin().map_err(|error| format!("a start is refused: {error}"))?;
        while !self.is_taken() {
            if self.steps > STEPS_MAX {
                return Err("it never comes to an end".to_owned());
            }
            self.step(&mut life).map_err(|error| error.to_string())?;
        }
        life.queue.close();
        let failed = |error: &dyn std::fmt::Display| format!("the drain: {error}");
        while life.keeping.lead_now(&mut life.leading).map_err(|e| failed(&e))? {}
        while let Some(formed) = life.formed.try_next() {
            feed_one(&life.queue, formed, &mut life.feeder, &life.notes).map_err(|e| failed(&e))?;
        }
        life.turns.free();
        drop(life.feeder);
        while let Some(output) = life.collector.next_epoch() {
            let tick = life.fed.try_recv().map_err(|error| failed(&error))?.tick;
            for message in life.ledger.apply(&output, tick) {
                life.sequence += 1;
                self.sink.offer(life.sequence, &message.line);
            }
        }
        while self.sink.carry(&mut self.rng) {}
        Ok(())
    }

    fn is_taken(&self) -> bool {
        self.senders.iter().all(Sender::is_done) && self.log.sender.is_done()
    }

    /// Starts as a process does, from what is on the disk.
    fn begin(&mut self) -> Result<Life, JournalError> {
        let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::default() };
        let (writer, _) = Writer::open_in(self.disk.clone(), options)?;
        let reader = Reader::open_in(self.disk.clone(), None)?;
        let workers = 1 + self.rng.below(3);
        let turns = Turns::default();
        let pace = Arc::new(turns.clone());
        let (mut feeder, collector) =
            start_paced(workers, &self.settings.params, OUTSTANDING_MAX, pace).unwrap();
        let (notes, fed) = unbounded();
        let queue = Queue::new(self.settings.input_queue_bytes, EngineBooks::default(), true);
        let clock: SharedClock = self.clock.clone();
        let around = surroundings(Arc::clone(&queue) as _, Arc::clone(&clock), workers);
        let receptions = Receptions::new(&self.settings, &around);
        let recovered = match feed_again(reader, &receptions, &mut feeder, &notes) {
            Ok(recovered) => recovered,
            Err(RecoverError::Journal(error)) => {
                turns.free();
                drop(feeder);
                return Err(error);
            }
            Err(error) => panic!("{error}"),
        };
        let word = |text: &str| text.to_owned();
        let run = Run { version: word("0"), settings: word("0"), journal: word("0") };
        let (next, formed) = ahead(AheadLimits::NONE, &clock);
        let books = JournalBooks::new(&writer);
        let journal = Some(Continued::new(writer, run, books));
        let keeping = Keeping { queue: Arc::clone(&queue), journal, letters: None, clock, next };
        self.log.go_on(&receptions);
        Ok(Life {
            turns,
            workers,
            queue,
            receptions,
            keeping,
            leading: Leading::after(recovered.tick, true),
            formed,
            feeder,
            notes,
            fed,
            collector,
            ledger: Ledger::new(Emission::of(&self.settings.emission)),
            sequence: 0,
        })
    }

    /// Lets somebody go on.
    fn step(&mut self, life: &mut Life) -> Result<(), JournalError> {
        self.steps += 1;
        let who = self.rng.weighted(&[4.0, 2.0, 3.0, 3.0, 8.0, 3.0, 3.0, 1.0, 0.7]);
        self.trace.update(&[who as u8]);
        match who {
            0 if !self.senders.is_empty() => {
                let at = self.rng.below(self.senders.len());
                let reception = life.receptions.all().next().unwrap();
                self.senders[at].go_on(reception, &self.clock);
            }
            0 | 1 => self.log.go_on_with(&life.receptions, &self.clock, &mut self.rng),
            2 => drop(life.keeping.lead_now(&mut life.leading)?),
            3 => {
                if let Some(formed) = life.formed.try_next() {
                    feed_one(&life.queue, formed, &mut life.feeder, &life.notes).unwrap();
                }
            }
            4 => life.turns.give(self.rng.below(life.workers)),
            5 => {
                if let Some(output) = life.collector.poll(Duration::ZERO) {
                    let tick = life.fed.try_recv().unwrap().tick;
                    for message in life.ledger.apply(&output, tick) {
                        life.sequence += 1;
                        self.sink.offer(life.sequence, &message.line);
                    }
                    self.trace.update(&output.epoch.to_le_bytes());
                }
            }
            6 => drop(self.sink.carry(&mut self.rng)),
            7 => self.sink.note(),
            _ => self.pass_time(),
        }
        Ok(())
    }

    /// Time passes: little while something is on its way, which must not become late.
    fn pass_time(&mut self) {
        let idle = self.senders.iter().all(Sender::is_idle) && self.log.sender.is_idle();
        let may_jump = idle && self.jumped < JUMPS_MAX;
        let seconds = *self.rng.pick(if may_jump { &[1, 20, 400] } else { &[0, 1, 5] });
        self.jumped += u32::from(seconds == 400);
        self.clock.advance_seconds(seconds);
    }

    /// Holds the sink to the journal, and the journal to what was sent.
    fn judge(&self) -> Vec<String> {
        let again = self.read_again();
        let expected = Told::of_lines(again.lines.iter().map(String::as_str));
        let told = Told::of_lines(self.sink.told.iter().map(String::as_str));
        let mut found = [expected.findings.clone(), told.findings.clone()].concat();
        found.extend(told.hold_against(&expected, "sink"));
        let mut sent: BTreeMap<String, u64> = BTreeMap::new();
        for sender in self.senders.iter().chain([&self.log.sender]) {
            sender.firing().into_iter().for_each(|entity| *sent.entry(entity).or_default() += 1);
        }
        // What is found about senders nobody sent.
        let is_sent = |entity: &str| !entity.starts_with("source:");
        let counted = again.alerts.iter();
        let counted = counted.filter(|(entity, (count, _))| *count > 0 && is_sent(entity));
        let counted: BTreeMap<String, u64> =
            counted.map(|(entity, (count, _))| (entity.clone(), *count)).collect();
        if counted != sent {
            found.push(format!("sent {sent:?}, counted {counted:?}"));
        }
        found
    }

    /// What the journal leads to in a process whose workers go on as they like.
    fn read_again(&self) -> Again {
        let settings = &self.settings;
        let (mut feeder, mut collector) = start(2, &settings.params, OUTSTANDING_MAX).unwrap();
        let (notes, fed) = unbounded();
        let queue = Queue::new(settings.input_queue_bytes, EngineBooks::default(), true);
        let receptions =
            Receptions::new(settings, &surroundings(queue as _, self.clock.clone(), 2));
        let reader = Reader::open_in(self.disk.clone(), None).unwrap();
        feed_again(reader, &receptions, &mut feeder, &notes).unwrap();
        drop(feeder);
        emit(&mut collector, &fed, settings, &mut |_| {})
    }
}

impl Life {
    /// Lets threads go that nobody looks at any more.
    fn end(self) {
        self.turns.free();
    }
}
