//! Question: how many log lines a second find their template, on one core?
//!
//! Unit:     lines a second of processor time, of one thread
//! Workload: generated lines of services (ten templates, six words in one place of each, and in
//!           one line of a hundred a word that was not said before), with headers in three
//!           formats; and public logs, given as a folder with `X/X_2k.log`, each repeated
//!           through a miner of its own
//! Floor:    finding the ends of lines and the white space between words, in the same bytes
//! Seed:     7
//! Command:  `cargo bench --bench templates [-- --lines 1000000 --data ../shared/data/loghub-2k]`
//!
//! Rows: the floor, the mask alone (header and key), and all of it. The digest is that of the
//! templates' ids by line, so that runs are held against one another.

#[allow(dead_code, reason = "each bench uses its part")]
mod harness;

use causeway_dataflows::detect::log::header::Headers;
use causeway_dataflows::detect::log::mask::Masker;
use causeway_dataflows::detect::log::miner::{Limits, MergeModel, Miner, Templates as _};
use causeway_loadgen::rng::Rng;
use clap::Parser;
use harness::report::{self, Figure, Target};
use harness::{Common, Meter, Outcome, RowDigest, rounds};
use serde_json::json;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// Arguments of this bench.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// Lines of a row, about.
    #[arg(long, default_value_t = 1_000_000)]
    lines: usize,
    /// Folder with public logs; without it, or when it is not there, only generated lines.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Lines a second that one core has to do.
const GOAL: f64 = 300_000.0;
const GENERATED: [&str; 3] = ["floor, generated", "mask, generated", "templates, generated"];
const PUBLIC: [&str; 3] = ["floor, public", "mask, public", "templates, public"];
/// How often a public log is repeated before its miner begins anew.
const REPEATS: usize = 50;

fn main() {
    let args = Args::parse();
    if let Some(name) = &args.common.row {
        return row(name, &args).print();
    }
    let mut rows: Vec<(&str, usize)> = GENERATED.map(|name| (name, usize::MAX)).to_vec();
    if public(&args).is_empty() {
        println!("SKIPPED: no public logs; give a folder with X/X_2k.log as --data");
    } else {
        rows.extend(PUBLIC.map(|name| (name, usize::MAX)));
    }
    let mut outcomes = rounds::run(&args.common, &rows);
    rounds::check(&mut outcomes);
    let setup = json!({"lines": args.lines, "runs": args.common.runs, "seed": args.common.seed});
    let mut figures = Vec::new();
    for [floor, mask, all] in [GENERATED, PUBLIC] {
        for (name, target) in
            [(floor, Target::None), (mask, Target::None), (all, Target::AtLeast(GOAL))]
        {
            let rates = report::values(&outcomes, name, |o| o.rate_cpu() * 1e6);
            figures.push(Figure::new(format!("{name}: lines/s of a core"), &rates, target));
        }
        let over = report::ratios(&outcomes, all, floor, Outcome::rate_cpu);
        figures.push(Figure::new(format!("{all}, over the floor"), &over, Target::None));
    }
    std::process::exit(report::finish("templates", setup, &outcomes, &figures));
}

fn row(name: &str, args: &Args) -> Outcome {
    let logs = if name.ends_with("public") {
        public(args)
    } else {
        vec![generated(args.common.seed, args.lines)]
    };
    let lines: usize = logs.iter().map(|log| log.lines().count()).sum();
    let repeats = if name.ends_with("public") { args.lines.div_ceil(lines.max(1)) } else { 1 };
    let mut digest = Xxh3::new();
    let meter = Meter::start();
    let outputs = match name.split(',').next().unwrap_or_default() {
        "floor" => floor(&logs, repeats),
        "mask" => mask(&logs, repeats),
        _ => templates(&logs, repeats, &mut digest),
    };
    let spent = meter.stop();
    let work = if name.starts_with("templates") { name } else { "" };
    Outcome {
        events: (lines * repeats) as u64,
        outputs,
        digest: RowDigest::of([digest.digest()]).text(),
        ..Outcome::new(name, work, 1, args.common.seed).spent(spent)
    }
}

/// Words that white space ends.
fn floor(logs: &[String], repeats: usize) -> u64 {
    let mut words = 0;
    for log in logs {
        for _ in 0..repeats {
            for line in black_box(log).lines() {
                words += line.split_ascii_whitespace().count() as u64;
            }
        }
    }
    words
}

/// Bytes of keys.
fn mask(logs: &[String], repeats: usize) -> u64 {
    let mut bytes = 0;
    for log in logs {
        let (mut headers, mut masker) = (Headers::default(), Masker::default());
        for _ in 0..repeats {
            for line in black_box(log).lines() {
                bytes += masker.mask(headers.strip(line)).key.len() as u64;
            }
        }
    }
    bytes
}

/// Templates that stand at the end.
fn templates(logs: &[String], repeats: usize, digest: &mut Xxh3) -> u64 {
    let mut standing = 0;
    for log in logs {
        let mut headers = Headers::default();
        for begun in (0..repeats).step_by(REPEATS) {
            let mut miner = Miner::new(MergeModel::default(), Limits::default());
            for _ in begun..repeats.min(begun + REPEATS) {
                for line in black_box(log).lines() {
                    digest.update(&miner.of(headers.strip(line)).id.to_le_bytes());
                }
            }
            standing += miner.standing() as u64;
        }
    }
    standing
}

/// The public logs, in the order of their names.
fn public(args: &Args) -> Vec<String> {
    let Some(entries) = args.data.as_deref().map(Path::read_dir).and_then(Result::ok) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    folders.sort();
    let logs = folders.iter().filter_map(|folder| {
        let name = folder.file_name()?.to_string_lossy().into_owned();
        let bytes = std::fs::read(folder.join(format!("{name}_2k.log"))).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    });
    logs.collect()
}

const VERBS: [&str; 10] = [
    "opened", "closed", "received", "sent", "stored", "evicted", "refused", "retried", "renewed",
    "lost",
];
const THINGS: [&str; 6] = ["connection", "block", "session", "lease", "message", "snapshot"];
/// What a message goes on with; each verb has its own.
const TAILS: [&str; 5] =
    ["state=ready", "in the cache", "(no retry)", "after a pause", "by policy"];

/// `lines` lines of services, in one of three formats.
fn generated(seed: u64, lines: usize) -> String {
    let mut rng = Rng::new(seed);
    let mut text = String::with_capacity(lines * 130);
    for line in 0..lines {
        let (second, number) = (line / 500, rng.next_u64());
        let (minute, hour) = (second / 60 % 60, second / 3600 % 24);
        let second = second % 60;
        let service = rng.below(20);
        let header = match service % 3 {
            0 => format!(
                "2026-11-27 {hour:02}:{minute:02}:{second:02},{:03} INFO [worker-{}] \
                 org.example.shop.Service{service}:",
                number % 1000,
                number % 16
            ),
            1 => format!(
                "Nov 27 {hour:02}:{minute:02}:{second:02} node{service} shop[{}]:",
                number % 30_000
            ),
            _ => format!(
                "2026-11-27T{hour:02}:{minute:02}:{second:02}.{:03}Z WARN shop.cart:",
                number % 1000
            ),
        };
        let (verb, thing) = (rng.below(VERBS.len()), rng.pick(&THINGS));
        let (verb, tail) = (VERBS[verb], TAILS[verb % TAILS.len()]);
        let address = [number >> 8, number >> 16, number >> 24].map(|byte| byte & 0xff);
        let [a, b, c] = address;
        let word = if rng.chance(0.01) { name_of(number) } else { "cart".to_owned() };
        let _ = writeln!(
            text,
            "{header} {verb} {thing} {number:016x} of user {word} from 10.{a}.{b}.{c}:{} in {} ms, \
             path /var/lib/shop/{a}/{b}.db, {tail} retries={}",
            1024 + number % 60_000,
            number % 997,
            number % 4
        );
    }
    text
}

/// A name in letters alone.
fn name_of(mut number: u64) -> String {
    let mut name = String::new();
    for _ in 0..6 {
        name.push(char::from(b'g' + (number % 19) as u8));
        number /= 19;
    }
    name
}
