//! R6: whatever bytes come, a reader says what is wrong with them, and nothing breaks.
//!
//! Every reader of bytes that we did not write, or that may have been damaged since, is a
//! target: decoders, configuration, matchers, journal, snapshots, dead letters, sinks, HTTP.
//! Inputs are samples with pieces flipped, cut, doubled, taken from one another or from what
//! such readers look for. An input that is answered as none was before becomes a sample, so
//! damage goes deeper the longer this runs.

mod decoders;
mod files;
mod process;
mod texts;

use causeway::canonical::Format;
use causeway_loadgen::rng::Rng;
use decoders::wire;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Samples that a target may learn, and how long one may be.
const LEARNED_MAX: usize = 1_000;
const LEARNED_BYTES_MAX: usize = 16 << 10;

/// What bytes are given to, with samples to begin from.
struct Target {
    name: &'static str,
    samples: Vec<Vec<u8>>,
    /// It takes a file system or a socket, so it gets a tenth of the inputs.
    slow: bool,
    /// What was answered, such that equal answers are equal; or what is wrong with the program,
    /// not with the bytes.
    read: Box<dyn FnMut(&[u8]) -> Result<String, String>>,
}

/// How much each target is given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Share {
    Inputs(u64),
    /// As many as there is time for.
    Time(Duration),
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Fuzzed {
    pub(super) inputs: u64,
    pub(super) learned: u64,
    pub(super) findings: Vec<String>,
}

/// The targets, each made by the thread that uses it.
const TARGETS: [fn() -> Target; 22] = [
    process::http,
    || wire("native", Format::Native, ".ndjson"),
    || wire("alertmanager", Format::Alertmanager, "json"),
    || wire("webhook", Format::Webhook, "json"),
    || wire("cloudevents", Format::CloudEvents, "json"),
    || wire("cdevents", Format::CdEvents, "json"),
    || wire("backstage", Format::Backstage, "yaml"),
    || wire("kubernetes", Format::Kubernetes, ""),
    decoders::csv,
    decoders::otlp_logs,
    decoders::otlp_metrics,
    decoders::otlp_traces,
    decoders::otlp_json,
    decoders::remote_write_one,
    decoders::remote_write_two,
    texts::config,
    texts::matchers,
    texts::sink,
    texts::acked,
    files::journal,
    files::snapshot,
    files::letters,
];

/// How many targets there are.
pub(super) fn targets() -> u64 {
    TARGETS.len() as u64
}

/// Gives one target its share.
pub(super) fn fuzz(at: u64, seed: u64, share: Share, has_time: &dyn Fn() -> bool) -> Fuzzed {
    let mut target = TARGETS[at as usize]();
    let mut rng = Rng::stream(seed, target.name);
    let mut done = Fuzzed::default();
    let (began, mut answers) = (Instant::now(), HashSet::new());
    let within = |inputs: u64| match share {
        Share::Inputs(most) => inputs < if target.slow { most / 10 } else { most }.max(1),
        Share::Time(most) => began.elapsed() < most,
    };
    while within(done.inputs) && has_time() {
        let bytes = spoilt(&mut rng, &target.samples);
        let read = &mut target.read;
        let answer = catch_unwind(AssertUnwindSafe(|| read(&bytes)));
        match answer.unwrap_or_else(|_| Err("it panics".to_owned())) {
            Ok(answer) => {
                let room = done.learned < LEARNED_MAX as u64 && bytes.len() < LEARNED_BYTES_MAX;
                if room && answers.insert(answer) {
                    target.samples.push(bytes);
                    done.learned += 1;
                }
            }
            Err(problem) => {
                let (name, shown, input) = (target.name, bytes.escape_ascii(), done.inputs);
                let finding = format!("{name}, seed {seed}, input {input}: {problem}: {shown}");
                done.findings.push(finding);
            }
        }
        done.inputs += 1;
    }
    done
}

/// Tokens that some reader looks for, and numbers at the ends of what they hold.
const TOKENS: [&str; 30] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\n",
    "\r\n",
    "- ",
    "  ",
    "#",
    "&a",
    "*a",
    "!!",
    "|",
    "${env:X}",
    "null",
    "true",
    "-1",
    "0",
    "1e309",
    "9223372036854775808",
    "NaN",
    "\u{0}",
    "\u{feff}",
    "é",
    "=~",
    "1970-01-01T00:00:00Z",
];

fn spoilt(rng: &mut Rng, samples: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = samples[rng.below(samples.len())].clone();
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(8) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            2 if at < bytes.len() => bytes[at] = rng.below(256) as u8,
            3 => {
                let end = (at + 1 + rng.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let piece = bytes[at..(at + rng.below(64)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let other = &samples[rng.below(samples.len())];
                let from = rng.below(other.len() + 1);
                let piece = other[from..(from + rng.below(64)).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let token = TOKENS[rng.below(TOKENS.len())];
                bytes.splice(at..at, token.bytes());
            }
            _ => {
                let zeros = vec![[0, 0xff][rng.below(2)]; 1 + rng.below(16)];
                let end = (at + zeros.len()).min(bytes.len());
                bytes.splice(at..end, zeros);
            }
        }
    }
    bytes
}

/// The files of a folder of fixtures whose names end so, whole.
fn fixtures(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let wanted = |path: &&std::path::PathBuf| path.to_string_lossy().ends_with(ending);
    let texts: Vec<Vec<u8>> =
        paths.iter().filter(wanted).map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!texts.is_empty());
    texts
}

/// An answer without what it quotes: the same mistake about other bytes is no other answer.
fn shape(answer: &impl std::fmt::Display) -> String {
    let letter = |char: &char| char.is_ascii_lowercase() || *char == ' ';
    answer.to_string().chars().filter(letter).take(40).collect()
}
