//! How fast do native events become alert batches, and what does the parser alone take?
//!
//! Unit: million events a second of processor time of one thread. Workload: lines of about 360
//! bytes with 12 fields and 8 labels, in chunks of 1 MB; seven of ten events
//! have a fingerprint that was seen before. Seed: 7.
//!
//! Command: `cargo bench --bench w1_decode [-- EVENTS [ROUNDS [ROW]]]`, where ROW is a
//! part of a row's name.
//!
//! The rows alternate within each round, so that a busy machine slows them all.
//! Every decoding row checks its books, and prints a digest of what it decoded.

use causeway::canonical::{Decoded, Decoder, Format, Framing, Input, Mode, Origin, Source};
use simd_json::{Buffers, INPUT_PADDING, Tape};
use smol_str::SmolStr;
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CHUNK_BYTES: usize = 1 << 20;
/// 2026-11-23T07:00:00Z.
const START: i64 = 1_795_417_200;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let events: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(400_000);
    let rounds: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);

    let wanted = arguments.next().unwrap_or_default();

    let good = chunks(&lines(events, 7));
    let bad = chunks(&lines(events, 7).into_iter().map(broken).collect::<Vec<_>>());
    let bytes: usize = good.iter().map(Vec::len).sum();
    println!("{events} events, {:.1} bytes each, {} chunks", bytes as f64 / events as f64, good.len());

    let warm = RefCell::new(decoder(1));
    decoded_by(&mut warm.borrow_mut(), &good, LIVE);

    let rows = [
        Row::new("line feeds only", || framed(&good)),
        Row::new("simd-json tape only", || taped(&good)),
        Row::new("decoder, 1 worker, live", || decoded(&good, 1, LIVE)),
        Row::new("decoder, all known", || decoded_by(&mut warm.borrow_mut(), &good, LIVE)),
        Row::new("decoder, 2 workers, live", || decoded(&good, 2, LIVE)),
        Row::new("decoder, 1 worker, replay", || decoded(&good, 1, Mode::Replay)),
        Row::new("decoder, every line broken", || decoded(&bad, 1, LIVE)),
    ];
    let mut rows: Vec<_> = rows.into_iter().filter(|row| row.name.contains(&wanted)).collect();
    for _ in 0..rounds {
        for row in &mut rows {
            row.round();
        }
    }
    println!("{:<28} {:>8} {:>8}  digest", "", "best", "median");
    for row in &rows {
        row.print(events);
    }
}

const LIVE: Mode = Mode::Live { receipt_ns: (START + 600) * 1_000_000_000 };

struct Row<'a> {
    name: &'static str,
    work: Box<dyn Fn() -> u64 + 'a>,
    seconds: Vec<f64>,
    digest: u64,
}

impl<'a> Row<'a> {
    fn new(name: &'static str, work: impl Fn() -> u64 + 'a) -> Self {
        Row { name, work: Box::new(work), seconds: Vec::new(), digest: 0 }
    }

    fn round(&mut self) {
        let (start, wall) = (cpu_seconds(), Instant::now());
        let digest = black_box((self.work)());
        let spent = match (start, cpu_seconds()) {
            (Some(start), Some(end)) => end - start,
            _ => wall.elapsed().as_secs_f64(),
        };
        self.seconds.push(spent);
        assert!(self.digest == 0 || self.digest == digest, "{}: rounds differ", self.name);
        self.digest = digest;
    }

    fn print(&self, events: usize) {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        let rate = |seconds: f64| events as f64 / seconds / 1e6;
        let (best, median) = (rate(seconds[0]), rate(seconds[seconds.len() / 2]));
        println!("{:<28} {best:>8.3} {median:>8.3}  {:016x}", self.name, self.digest);
    }
}

/// Processor time of this thread where the kernel tells it, so that a busy
/// machine does not look like a slow decoder.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
}

fn framed(chunks: &[Vec<u8>]) -> u64 {
    let lines = |chunk: &Vec<u8>| causeway::canonical::frame::Lines::of(chunk).count() as u64;
    chunks.iter().map(lines).sum()
}

fn taped(chunks: &[Vec<u8>]) -> u64 {
    let mut buffers = Buffers::new(4096);
    let mut tape = Tape(Vec::new());
    let mut padded = vec![b' '; 4096 + INPUT_PADDING];
    let mut nodes = 0;
    for chunk in chunks {
        for line in causeway::canonical::frame::Lines::of(chunk) {
            padded[..line.len()].copy_from_slice(line);
            let mut fresh = tape.reset();
            let end = line.len() + INPUT_PADDING;
            simd_json::fill_tape_padded(&mut padded[..end], line.len(), &mut buffers, &mut fresh)
                .expect("the lines are JSON");
            nodes += fresh.0.len() as u64;
            tape = fresh.reset();
        }
    }
    nodes
}

fn decoder(workers: usize) -> Decoder {
    Decoder::new(Arc::new(Source::named("bench")), workers, None)
}

fn decoded(chunks: &[Vec<u8>], workers: usize, mode: Mode) -> u64 {
    decoded_by(&mut decoder(workers), chunks, mode)
}

fn decoded_by(decoder: &mut Decoder, chunks: &[Vec<u8>], mode: Mode) -> u64 {
    let (tenant, origin) = (SmolStr::new_static("default"), Origin::default());
    let mut digest = 0;
    for chunk in chunks {
        let input = Input {
            format: Format::Native,
            framing: Framing::Lines,
            tenant: &tenant,
            mode,
            origin: &origin,
            first_line: 1,
        };
        let decoded = decoder.decode(chunk, &input);
        assert!(decoded.counts.balanced());
        digest ^= digest_of(&decoded);
    }
    digest
}

/// Cheap on purpose: it runs inside the measured time.
fn digest_of(decoded: &Decoded) -> u64 {
    let mut digest = decoded.counts.accepted.rotate_left(32) ^ decoded.counts.rejected;
    for batch in decoded.segments.iter().flat_map(|segment| &segment.alerts) {
        for event in &batch.events {
            digest ^= event.fingerprint.low64().wrapping_mul(event.time as u64 | 1);
        }
    }
    digest
}

/// One line for each event: a fingerprint is new for three events of ten.
fn lines(events: usize, seed: u64) -> Vec<String> {
    const NAMES: [&str; 6] = [
        "HighErrorRate",
        "PodCrashLoop",
        "QueueBacklog",
        "LatencyP99",
        "DiskFillsSoon",
        "ReplicaLagHigh",
    ];
    const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];
    let mut state = seed;
    let mut random = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        xxh3_64(&state.to_le_bytes())
    };
    let mut known = 0u64;
    let mut lines = Vec::with_capacity(events);
    for number in 0..events {
        let which = if known == 0 || random() % 10 < 3 {
            known += 1;
            known - 1
        } else {
            random() % known
        };
        let pick = xxh3_64(&which.to_le_bytes());
        let millis = number as u64 * 600_000 / events as u64;
        let (minute, second) = (millis / 60_000, millis / 1000 % 60);
        lines.push(format!(
            concat!(
                r#"{{"schema":"event/1.0","id":"a-{:x}","source":"prom/eu1","kind":"alert","#,
                r#""name":"{}","time":"2026-11-23T07:{:02}:{:02}.{:03}Z","status":"firing","#,
                r#""severity":"{}","entity":"service:shop/cart-{}","#,
                r#""summary":"{} % above 5","labels":{{"az":"{}","cluster":"k{}","env":"p","#,
                r#""job":"cart","pod":"c-{:x}","rack":"r{}","team":"pay","zone":"z1"}},"#,
                r#""attributes":{{"v":"{}"}}}}"#
            ),
            number + 1_000_000,
            NAMES[(pick % 6) as usize],
            minute,
            second,
            millis % 1000,
            SEVERITIES[(pick >> 8) as usize % 4],
            (pick >> 16) % 300,
            random() % 100,
            ["a", "b", "c"][(pick >> 24) as usize % 3],
            (pick >> 26) % 8,
            which + 0x10_0000,
            (pick >> 32) % 64,
            random() % 1000,
        ));
    }
    lines
}

/// The same line with its last tenth missing.
fn broken(line: String) -> String {
    line[..line.len() * 9 / 10].to_owned()
}

fn chunks(lines: &[String]) -> Vec<Vec<u8>> {
    let mut chunks = vec![Vec::with_capacity(CHUNK_BYTES)];
    for line in lines {
        if chunks.last().is_some_and(|chunk| chunk.len() + line.len() >= CHUNK_BYTES) {
            chunks.push(Vec::with_capacity(CHUNK_BYTES));
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.extend_from_slice(line.as_bytes());
            chunk.push(b'\n');
        }
    }
    chunks
}
