//! Question: what does an epoch that must be on disk cost, beside the bare system calls?
//!
//! Unit:     MB a second and frames a second, of wall; milliseconds from append to durable
//! Workload: frames of 4 KiB, 256 KiB and 4 MiB in four parts, a sync after each, and 4 KiB
//!           with a sync after sixteen; segments of 64 MiB; the floor is `write` and
//!           `fdatasync` of the same bytes to one file, checksums and headers left out
//! Seed:     7
//! Command:  `cargo bench --bench journal [-- --runs 10 --seconds 4]`
//!
//! A row runs for so many seconds. Rows of one size take turns, so that a disk that others
//! use slows them alike. What a row wrote is opened and read back for the last figures, and
//! the digest is that of the last frame as it was read.

#[allow(dead_code, reason = "each bench uses its part")]
mod harness;

use causeway::journal::{FrameRef, Options, PartRef, Reader, Writer};
use causeway_loadgen::rng::Rng;
use clap::Parser;
use harness::report::{self, Figure, Target};
use harness::{Common, Meter, Outcome, RowDigest, args, rounds, stats};
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// Arguments of this bench.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// How long a row writes.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
}

/// Rows: name, bytes of a frame, frames a sync.
const ROWS: [(&str, usize, u64); 8] = [
    ("floor, 4 KiB", 4 << 10, 1),
    ("journal, 4 KiB", 4 << 10, 1),
    ("floor, 256 KiB", 256 << 10, 1),
    ("journal, 256 KiB", 256 << 10, 1),
    ("floor, 4 MiB", 4 << 20, 1),
    ("journal, 4 MiB", 4 << 20, 1),
    ("floor, 16 x 4 KiB", 4 << 10, 16),
    ("journal, 16 x 4 KiB", 4 << 10, 16),
];

/// Parts of a frame.
const PARTS: usize = 4;

fn main() {
    let args = Args::parse();
    if let Some(name) = &args.common.row {
        return row(name, &args).print();
    }
    let rows = ROWS.map(|(name, ..)| (name, usize::MAX));
    let outcomes = rounds::run(&args.common, &rows);
    let setup = json!({"seconds": args.seconds, "runs": args.common.runs,
                       "seed": args.common.seed});
    std::process::exit(report::finish("journal", setup, &outcomes, &figures(&outcomes)));
}

fn figures(outcomes: &[Outcome]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (name, ..) in ROWS {
        let named = |figure| report::named(outcomes, name, figure);
        for figure in ["MB/s", "frames/s", "durable p50 ms", "durable p99 ms"] {
            figures.push(Figure::new(format!("{name}: {figure}"), &named(figure), Target::None));
        }
        for figure in ["open MB/s", "read MB/s"] {
            figures.push(Figure::new(format!("{name}: {figure}"), &named(figure), Target::None));
        }
    }
    for pair in ROWS.chunks_exact(2) {
        let [(floor, ..), (own, ..)] = pair else { continue };
        let over = report::ratios(outcomes, own, floor, |outcome| outcome.figures["MB/s"]);
        figures.push(Figure::new(format!("{own}, over the floor"), &over, Target::None));
    }
    figures
}

fn row(name: &str, args: &Args) -> Outcome {
    let Some((_, bytes, group)) = ROWS.into_iter().find(|(row, ..)| *row == name) else {
        let outcome = Outcome::new(name, "", 1, args.common.seed);
        return Outcome { void: Some(format!("there is no row {name:?}")), ..outcome };
    };
    let work = format!("frames of {bytes} bytes");
    let outcome = Outcome::new(name, &work, 1, args.common.seed);
    let mut rng = Rng::new(args.common.seed);
    let body: Vec<u8> = (0..bytes).map(|_| rng.next_u64() as u8).collect();
    let folder = args::folder().join("journal-row");
    // A run that was cut off may have left its own.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("target/bench can be written");
    let limit = Duration::from_secs_f64(args.seconds);
    let run = Run { body, group, limit, folder: folder.clone() };
    let outcome = if name.starts_with("floor") { run.floor(outcome) } else { run.own(outcome) };
    fs::remove_dir_all(&folder).expect("what was made can be removed");
    outcome
}

/// A row's work.
struct Run {
    body: Vec<u8>,
    group: u64,
    limit: Duration,
    folder: PathBuf,
}

impl Run {
    /// Lets `write` write frame after frame, `sync` make them durable, until time is over.
    fn timed<W>(
        &self,
        outcome: Outcome,
        to: &mut W,
        write: impl Fn(&mut W, u64),
        sync: impl Fn(&mut W),
    ) -> Outcome {
        let mut waits = Vec::new();
        let meter = Meter::start();
        let begun = Instant::now();
        let mut frames = 0;
        while begun.elapsed() < self.limit {
            let asked = Instant::now();
            (0..self.group).for_each(|index| write(to, frames + index));
            sync(to);
            frames += self.group;
            waits.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        let outcome = Outcome { events: frames, ..outcome.spent(meter.stop()) };
        waits.sort_by(f64::total_cmp);
        let rate = frames as f64 / outcome.wall_s;
        let worst = waits[(waits.len() - 1) * 99 / 100];
        outcome
            .figure("frames/s", rate)
            .figure("MB/s", rate * self.body.len() as f64 / 1e6)
            .figure("durable p50 ms", stats::median(&waits).value)
            .figure("durable p99 ms", worst)
    }

    fn floor(&self, outcome: Outcome) -> Outcome {
        let mut file = File::create(self.folder.join("floor")).expect("a file can be made");
        let write = |file: &mut File, _| file.write_all(&self.body).expect("the disk has room");
        let sync = |file: &mut File| file.sync_data().expect("the disk works");
        let outcome = self.timed(outcome, &mut file, write, sync);
        let written = fs::read(self.folder.join("floor")).expect("a file can be read");
        let digest = digest(&written[written.len() - self.body.len()..]);
        Outcome { digest, ..outcome }
    }

    fn own(&self, outcome: Outcome) -> Outcome {
        let (mut writer, _) =
            Writer::open(&self.folder, Options::default()).expect("a journal can be made");
        let parts: Vec<PartRef<'_>> = self
            .body
            .chunks(self.body.len() / PARTS)
            .map(|bytes| PartRef { tag: 1, bytes })
            .collect();
        let write = |writer: &mut Writer, epoch| {
            let frame = FrameRef { epoch, now: 0, flags: 0, parts: &parts };
            writer.append(&frame).expect("the disk has room");
        };
        let sync = |writer: &mut Writer| writer.sync().expect("the disk works");
        let outcome = self.timed(outcome, &mut writer, write, sync);
        let bytes = writer.bytes() as f64;
        drop(writer);
        let (open_s, read_s, last) = read_back(&self.folder, outcome.events);
        Outcome { digest: digest(&last), ..outcome }
            .figure("open MB/s", bytes / 1e6 / open_s)
            .figure("read MB/s", bytes / 1e6 / read_s)
    }
}

/// Seconds that opening and reading all frames take, and the bytes of the last one.
fn read_back(folder: &Path, frames: u64) -> (f64, f64, Vec<u8>) {
    let begun = Instant::now();
    let (_, recovery) = Writer::open(folder, Options::default()).expect("a journal opens");
    let open_s = begun.elapsed().as_secs_f64();
    assert_eq!(recovery.frames, frames, "all that was written is there");
    let begun = Instant::now();
    let mut reader = Reader::open(folder, 0).expect("a journal can be read");
    let (mut read, mut last) = (0, None);
    while let Some(frame) = reader.next_frame().expect("a journal can be read") {
        read += 1;
        last = Some(frame);
    }
    let read_s = begun.elapsed().as_secs_f64();
    assert_eq!(read, frames, "all that was written is read");
    let parts = last.into_iter().flat_map(|frame| frame.parts);
    (open_s, read_s, parts.flat_map(|part| part.bytes).collect())
}

fn digest(bytes: &[u8]) -> String {
    let mut digest = RowDigest::default();
    digest.toggle([bytes.len() as u64, xxh3_64(bytes)]);
    digest.text()
}
