//! The threads that read partitions, each partition always by the same one.

use super::positions::Partition;
use super::reader::{End, Reader};
use crate::clock::SharedClock;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

/// How long a thread without work sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_millis(250);

/// What a thread is told.
enum Command {
    Add(Box<Reader>),
    /// Lets the readers of these go, and answers.
    Remove(Vec<Partition>, Sender<()>),
    /// There is something in a queue.
    Wake,
}

/// Wakes the thread that reads a partition.
#[derive(Clone)]
pub(super) struct Waker {
    commands: Sender<Command>,
    /// A wake is on its way already.
    is_due: Arc<AtomicBool>,
}

impl Waker {
    pub(super) fn wake(&self) {
        if !self.is_due.swap(true, Ordering::AcqRel) {
            let _ = self.commands.send(Command::Wake);
        }
    }
}

/// The sending ends of all threads; cloning shares them.
#[derive(Clone)]
pub(super) struct Lanes(Arc<Vec<Waker>>);

impl Lanes {
    fn of(&self, (topic, partition): &Partition) -> &Waker {
        // Partitions of a topic are dealt in turn, topics begin at different threads.
        let place = xxh3_64(topic.as_bytes()).wrapping_add(partition.unsigned_abs().into());
        &self.0[(place % self.0.len() as u64) as usize]
    }

    /// Who reads `partition`.
    pub(super) fn waker(&self, partition: &Partition) -> Waker {
        self.of(partition).clone()
    }

    pub(super) fn add(&self, reader: Reader) {
        let lane = self.of(&reader.partition).commands.clone();
        let _ = lane.send(Command::Add(Box::new(reader)));
    }

    /// Takes readers away; when this returns they take nothing more.
    pub(super) fn remove(&self, partitions: &[Partition]) {
        let (gone, all_gone) = bounded(self.0.len());
        for lane in self.0.iter() {
            let _ = lane.commands.send(Command::Remove(partitions.to_vec(), gone.clone()));
        }
        drop(gone);
        // Each answers once, or drops its end because it has ended.
        while all_gone.recv().is_ok() {}
    }
}

/// The threads.
pub(super) struct Pollers {
    pub(super) lanes: Lanes,
    /// Why a source ends, from the first thread that knows.
    pub(super) ends: Receiver<End>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Pollers {
    pub(super) fn start(
        name: &str,
        number: usize,
        clock: &SharedClock,
    ) -> std::io::Result<Pollers> {
        let (ended, ends) = unbounded();
        let stop = Arc::new(AtomicBool::new(false));
        let (mut wakers, mut threads) = (Vec::new(), Vec::new());
        for at in 0..number.max(1) {
            let (commands, told) = unbounded();
            let waker = Waker { commands, is_due: Arc::default() };
            let thread = Thread {
                told,
                is_due: Arc::clone(&waker.is_due),
                stop: Arc::clone(&stop),
                clock: Arc::clone(clock),
                readers: Vec::new(),
            };
            let ended = ended.clone();
            let builder = std::thread::Builder::new().name(format!("{name}-{at}"));
            threads.push(builder.spawn(move || {
                let guard = EndOnPanic(&ended);
                let end = thread.run();
                std::mem::forget(guard);
                if let Err(end) = end {
                    let _ = ended.send(end);
                }
            })?);
            wakers.push(waker);
        }
        Ok(Pollers { lanes: Lanes(Arc::new(wakers)), ends, stop, threads })
    }

    /// Ends the threads; what they had in hand and nobody took is fetched again some day.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.lanes.0.iter().for_each(Waker::wake);
        for thread in self.threads {
            // A panic is in the log, and has been told as an end.
            let _ = thread.join();
        }
    }
}

struct Thread {
    told: Receiver<Command>,
    is_due: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    clock: SharedClock,
    readers: Vec<Reader>,
}

impl Thread {
    fn run(mut self) -> Result<(), End> {
        let mut is_idle = true;
        while !self.stop.load(Ordering::Acquire) {
            if is_idle {
                match self.told.recv_timeout(self.sleep()) {
                    Ok(command) => self.obey(command),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
            // Whatever fills a queue from here on wakes again.
            self.is_due.store(false, Ordering::Release);
            while let Ok(command) = self.told.try_recv() {
                self.obey(command);
            }
            is_idle = true;
            for reader in &mut self.readers {
                is_idle &= !reader.pump(self.clock.monotonic_ns())?;
            }
        }
        Ok(())
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Add(reader) => {
                self.readers.retain(|held| held.partition != reader.partition);
                self.readers.push(*reader);
            }
            Command::Remove(partitions, gone) => {
                self.readers.retain(|reader| !partitions.contains(&reader.partition));
                let _ = gone.send(());
            }
            Command::Wake => {}
        }
    }

    /// Until the first batch that waits is due.
    fn sleep(&self) -> Duration {
        let now_ns = self.clock.monotonic_ns();
        let until = self.readers.iter().filter_map(Reader::waits_until).min();
        until.map_or(IDLE, |until| {
            Duration::from_nanos(u64::try_from(until - now_ns).unwrap_or(0)).min(IDLE)
        })
    }
}

/// A source one of whose threads is gone would stand still without a word.
struct EndOnPanic<'a>(&'a Sender<End>);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        let _ = self.0.send(End::Failed("a thread that reads it panicked".to_owned()));
    }
}
