//! The normal events on disk, cut into chunks with their ticks, read ahead of whoever uses them.
//!
//! A stream for ten million live keys is 13 GB, so no row holds more of it than a few chunks.
//! Each reader is a thread that fills buffers which come back to it; what it costs is counted
//! apart by the kernel and taken out of the row, for floors and for our own rows alike.

use crate::harness::args::folder;
use crate::harness::usage::Cpu;
use causeway_dataflows::model::Seconds;
use causeway_loadgen::normal::{LINE, NormalEvents, Params};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Chunks that a reader is ahead, at most.
const AHEAD_MAX: usize = 4;
/// Lines of a chunk, about a megabyte.
const CHUNK_LINES: u64 = (NormalEvents::CHUNK / LINE) as u64;

/// Whole lines of about a megabyte, with the second in which the last was received.
pub struct Chunk {
    /// The lines.
    pub bytes: Vec<u8>,
    /// The tick after them.
    pub tick: Seconds,
    /// Where the buffer goes when it is done with.
    home: Option<Sender<Vec<u8>>>,
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            // A reader that has read everything takes none back.
            let _ = home.send(std::mem::take(&mut self.bytes));
        }
    }
}

/// Where a chunk lies in the file.
#[derive(Clone, Copy)]
struct Place {
    at: u64,
    lines: u64,
    bytes: usize,
    tick: Seconds,
}

/// A stream on disk, or its first part.
#[derive(Clone)]
pub struct Input {
    file: Arc<File>,
    places: Arc<Vec<Place>>,
}

/// Chunks as a reader brings them.
pub struct Reading {
    chunks: Receiver<Chunk>,
    thread: JoinHandle<Cpu>,
    waited: Duration,
}

/// What reading ahead took, which is not the row's.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadAhead {
    /// Processor time of the reader.
    pub cpu: Cpu,
    /// Seconds for which the row waited for it.
    pub waited_s: f64,
}

impl ReadAhead {
    /// Both readers.
    pub fn add(&mut self, other: ReadAhead) {
        self.cpu.user_s += other.cpu.user_s;
        self.cpu.system_s += other.cpu.system_s;
        self.waited_s += other.waited_s;
    }
}

fn path(params: Params, end: &str) -> PathBuf {
    let Params { events, live_keys, seed } = params;
    folder().join(format!("normal-{events}-{live_keys}-{seed}.{end}"))
}

/// Writes the stream and where its chunks lie, once for all rows of all runs.
///
/// # Panics
/// When `target/bench` cannot be written.
pub fn make(params: Params) {
    let file = File::create(path(params, "ndjson")).expect("target/bench can be written");
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut events = NormalEvents::new(params);
    let (mut chunk, mut index) = (Vec::new(), String::new());
    loop {
        chunk.clear();
        let lines = events.push_lines(&mut chunk, CHUNK_LINES);
        if lines == 0 {
            break;
        }
        out.write_all(&chunk).expect("target/bench has room for the input");
        let _ = writeln!(index, "{lines} {} {}", chunk.len(), last_receipt(&chunk));
    }
    out.flush().expect("target/bench has room for the input");
    std::fs::write(path(params, "index"), index).expect("target/bench has room for the input");
}

impl Input {
    /// The stream's whole chunks with at least `events` lines, or all of them.
    ///
    /// # Panics
    /// When [`make`] has not run.
    pub fn open(params: Params, events: u64) -> Input {
        let file = File::open(path(params, "ndjson")).expect("the parent has made the input");
        let index = std::fs::read_to_string(path(params, "index"));
        let index = index.expect("the parent has made the index");
        let (mut at, mut lines) = (0, 0);
        let mut places = Vec::new();
        for row in index.lines() {
            let mut numbers = row.split(' ').map(|word| word.parse::<u64>().expect("a number"));
            let mut number = || numbers.next().expect("three numbers a row");
            let (own, bytes, tick): (u64, u64, u64) = (number(), number(), number());
            places.push(Place { at, lines: own, bytes: bytes as usize, tick: tick as Seconds });
            at += bytes;
            lines += own;
            if lines >= events {
                break;
            }
        }
        Input { file: Arc::new(file), places: Arc::new(places) }
    }

    /// Lines in it.
    pub fn events(&self) -> u64 {
        self.places.iter().map(|place| place.lines).sum()
    }

    /// The tick after every group of `size` chunks.
    pub fn ticks(&self, size: usize) -> Vec<Seconds> {
        let groups = self.places.chunks(size);
        groups.map(|group| group.last().map_or(0, |place| place.tick)).collect()
    }

    /// The tick after all of it.
    pub fn end(&self) -> Seconds {
        self.places.last().map_or(0, |place| place.tick)
    }

    /// Begins to read every `of`th chunk from chunk `first` on.
    pub fn read(&self, first: usize, of: usize) -> Reading {
        let (Input { file, places }, (full, chunks)) = (self.clone(), bounded(AHEAD_MAX));
        let thread = std::thread::spawn(move || {
            let (home, empty) = unbounded::<Vec<u8>>();
            for Place { at, bytes: length, tick, .. } in places.iter().skip(first).step_by(of) {
                let mut bytes = empty.try_recv().unwrap_or_default();
                bytes.resize(*length, 0);
                file.read_exact_at(&mut bytes, *at).expect("the input is as long as it was");
                let chunk = Chunk { bytes, tick: *tick, home: Some(home.clone()) };
                if full.send(chunk).is_err() {
                    break;
                }
            }
            Cpu::of_thread()
        });
        Reading { chunks, thread, waited: Duration::ZERO }
    }

    /// All chunks in memory; only for the rows that take a part of the stream.
    pub fn load(&self) -> Vec<Chunk> {
        let load = |place: &Place| {
            let mut bytes = vec![0; place.bytes];
            self.file.read_exact_at(&mut bytes, place.at).expect("the input is as long as it was");
            Chunk { bytes, tick: place.tick, home: None }
        };
        self.places.iter().map(load).collect()
    }
}

impl Iterator for Reading {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        if let Ok(chunk) = self.chunks.try_recv() {
            return Some(chunk);
        }
        let asked = Instant::now();
        let chunk = self.chunks.recv().ok();
        self.waited += asked.elapsed();
        chunk
    }
}

impl Reading {
    /// Ends and says what it took.
    ///
    /// # Panics
    /// When the input was cut short while it was read.
    pub fn finish(self) -> ReadAhead {
        let Reading { chunks, thread, waited } = self;
        drop(chunks);
        let cpu = thread.join().expect("the input can be read");
        ReadAhead { cpu, waited_s: waited.as_secs_f64() }
    }
}

/// The second of the last `observed_time` of a chunk.
fn last_receipt(chunk: &[u8]) -> Seconds {
    const FIELD: &[u8] = b"\"observed_time\":";
    let at = chunk.windows(FIELD.len()).rposition(|window| window == FIELD);
    let digits = at.map_or(&[][..], |at| &chunk[at + FIELD.len()..]);
    let number = digits.iter().take_while(|byte| byte.is_ascii_digit());
    number.fold(0i64, |sum, byte| sum * 10 + i64::from(byte - b'0')) / 1_000_000_000
}

/// Every line broken, in the three ways in which bytes break: cut short, not UTF-8, not JSON.
pub fn broken(chunks: &[Chunk]) -> Vec<Chunk> {
    let spoil = |chunk: &Chunk| {
        let mut bytes = Vec::with_capacity(chunk.bytes.len());
        for (number, line) in chunk.bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let begin = bytes.len();
            bytes.extend_from_slice(line);
            match number % 3 {
                0 => {
                    bytes.truncate(begin + line.len() * 9 / 10);
                    bytes.push(b'\n');
                }
                1 => bytes[begin + line.len() / 2] = 0xff,
                _ => bytes[begin] = b'<',
            }
        }
        Chunk { bytes, tick: chunk.tick, home: None }
    };
    chunks.iter().map(spoil).collect()
}
