//! R1: SIGKILL at any moment under load, and R13 on what comes of it.
//!
//! ```text
//!  senders, file, changes ─► process ─┬► stdout ─┐
//!                 ▲         (killed)  ├► file ───┼─► witness ◄─ the journal, read again
//!                 └── answers ──┐     └► webhook ┘                with 1, 2 and 4 workers
//!                               └───────────────────────┘
//! ```

use super::again::{self, Again};
use super::changes::{changer, compare};
use super::known::Known;
use super::load::{Load, begin};
use super::receiver::{Mood, Receiver};
use super::victim::{DEADLINE, Place, Victim};
use super::witness::{Told, hold_journal_to};
use causeway::dlq::{Filter, Store, StoreLimits};
use causeway_loadgen::rng::Rng;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) const SENDERS: usize = 6;
/// When a process is killed, milliseconds after it began or after it answered.
const KILL_MS: (f64, f64) = (5.0, 2000.0);

/// What a round came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    pub(super) kills: u64,
    /// Kills while a request was open, or something was not told yet or not noted as told.
    pub(super) hit: u64,
    /// Kills before the process answered.
    pub(super) starting: u64,
    pub(super) events: u64,
    pub(super) revisions: u64,
    pub(super) repeated: u64,
    pub(super) torn: u64,
    /// Dead letters of refused events, each of which has one.
    pub(super) letters: u64,
    /// Dead letters of what a kill cut off before it was in the journal.
    pub(super) letters_spare: u64,
    pub(super) findings: Vec<String>,
}

impl Round {
    pub(super) fn add(&mut self, other: Round) {
        let sums = [
            (&mut self.kills, other.kills),
            (&mut self.hit, other.hit),
            (&mut self.starting, other.starting),
            (&mut self.events, other.events),
            (&mut self.revisions, other.revisions),
            (&mut self.repeated, other.repeated),
            (&mut self.torn, other.torn),
            (&mut self.letters, other.letters),
            (&mut self.letters_spare, other.letters_spare),
        ];
        sums.into_iter().for_each(|(sum, more)| *sum += more);
        self.findings.extend(other.findings);
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} kills hit work, {} hit a start; {} events, {} revisions, {} told again, \
             {} torn, {} dead letters and {} of what was cut off, {} findings",
            self.hit,
            self.kills,
            self.starting,
            self.events,
            self.revisions,
            self.repeated,
            self.torn,
            self.letters,
            self.letters_spare,
            self.findings.len(),
        )
    }
}

/// A new directory, a load, and so many kills; everything that differs comes from the seed.
pub(super) fn round(seed: u64, kills: u64) -> Round {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(torture(seed, kills))
}

async fn torture(seed: u64, kills: u64) -> Round {
    let mut rng = Rng::stream(seed, "round");
    let receiver = Receiver::start(Mood::Unwell, seed).await;
    let place = Place::new(&mut rng, |path| yaml(seed, path, &receiver));
    let pace = Duration::from_millis(*rng.pick(&[10, 20, 40]));
    let load = Arc::new(Load::new(place.url(""), pace));
    let mut tasks = begin(&load, SENDERS, place.path("events.ndjson"), seed);
    let own = Arc::clone(&load);
    tasks.spawn(async move { changer(&own, seed).await });

    let settles = !place.config().contains("settle: 0s");
    let mut murders = Murders { settles, ..Murders::default() };
    for _ in 0..kills {
        murders.one_more(&place, &load, &mut rng).await;
    }
    let mut last = place.start();
    load.finish();
    while let Some(done) = tasks.join_next().await {
        done.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", place.log_tail()));
    }
    receiver.set(Mood::Well);
    let mut findings = settled(&load).await;
    compare(&load).await;
    findings.extend(drain(&place, &mut last));
    let known = load.known().clone();
    let left = Left {
        journal: place.journal(),
        stdout: place.stdout(),
        logged: logged(&place.path("log")),
        hook: receiver.taken(),
        letters: letters(&place),
        letters_lost_max: 0,
    };
    let mut round = judge(&place, &known, &left, &murders.ends);
    round.findings.extend(findings);
    if !round.findings.is_empty() {
        println!("seed {seed}: kept in {}", place.keep().display());
    }
    for finding in &mut round.findings {
        finding.insert_str(0, &format!("seed {seed}: "));
    }
    Round { kills, hit: murders.hit, starting: murders.starting, ..round }
}

/// The configuration of a round: what is left to the seed are workers, when incidents are
/// told, how large files grow, and whether snapshots are written.
fn yaml(seed: u64, path: &Path, receiver: &Receiver) -> String {
    let mut rng = Rng::stream(seed, "configuration");
    let engine = engine(&mut rng);
    let rotate = *rng.pick(&["0", "64KiB", "1MiB"]);
    // Snapshots change nothing of what is told; all is kept, so that the witness can read it.
    let snapshots = if rng.chance(0.7) { ", snapshot_bytes: 64KiB, forget: false" } else { "" };
    format!(
        "{engine}journal: {{segment: 1MiB{snapshots}}}\n\
         sources:\n  http: {{type: http}}\n  \
         tail: {{type: file, path: \"{0}/events.ndjson\", follow: true, poll: 5ms}}\n\
         sinks:\n  stdout: {{type: stdout, queue: {{full: block}}}}\n  \
         log: {{type: file, path: \"{0}/log/told.ndjson\", rotate_size: {rotate}, \
         keep: 100000, compress: false, queue: {{full: block}}}}\n  \
         hook: {{type: webhook, url: \"http://{1}/\", allow_private: [127.0.0.0/8], \
         backoff_max: 20ms, queue: {{revisions: 8, disk: 64KiB}}}}\n",
        path.display(),
        receiver.address,
    )
}

/// The part of a configuration that decides what is told when.
pub(super) fn engine(rng: &mut Rng) -> String {
    let workers = 1 + rng.below(2);
    let emission = match rng.chance(0.5) {
        true => "emission: {settle: 0s, settle_max: 0s, revise_interval: 0s}\n",
        false => "",
    };
    format!("workers: {workers}\n{emission}")
}

/// What is known of the kills of a round.
#[derive(Default)]
struct Murders {
    /// Whether incidents settle for longer than a process lives before they are told.
    settles: bool,
    /// How long standard output was behind each.
    ends: BTreeSet<usize>,
    hit: u64,
    starting: u64,
    /// Hashes of lines of standard output, and how much of it was looked at.
    told: BTreeSet<u64>,
    read: usize,
}

impl Murders {
    /// Starts a process and kills it, counted from its start or from when it answers.
    async fn one_more(&mut self, place: &Place, load: &Load, rng: &mut Rng) {
        let after = KILL_MS.0 * (KILL_MS.1 / KILL_MS.0).powf(rng.unit());
        let after = Duration::from_micros((after * 1000.0) as u64);
        let mut victim = place.start();
        let answered = load.answered();
        let mut ends = Instant::now() + after;
        let mut answers = false;
        if rng.chance(0.9) {
            load.answers().await;
            (ends, answers) = (Instant::now() + after, true);
        } else if tokio::time::timeout_at(ends.into(), load.answers()).await.is_ok() {
            answers = true;
        }
        tokio::time::sleep_until(ends.into()).await;
        let open = load.open() > 0;
        // What waits to settle was acknowledged, and nobody was told of it yet.
        let settling = self.settles && load.answered() > answered;
        assert!(victim.is_running(), "it ended by itself:\n{}", place.log_tail());
        victim.kill();
        load.killed();
        self.starting += u64::from(!answers);
        self.hit += u64::from(self.look(place) || open || settling);
    }

    /// Whether standard output was told what is not noted as told.
    fn look(&mut self, place: &Place) -> bool {
        let stdout = place.stdout();
        self.ends.insert(stdout.len());
        // The last line may be torn, and is looked at again.
        for line in stdout[self.read..].split_inclusive(|byte| *byte == b'\n') {
            if line.ends_with(b"\n") {
                self.read += line.len();
                if line.len() > 1 {
                    self.told.insert(xxhash_rust::xxh3::xxh3_64(line));
                }
            }
        }
        let position = std::fs::read_to_string(place.path("data/sinks/stdout.position"));
        let noted = position.unwrap_or_default();
        let noted: u64 = noted.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        self.told.len() as u64 > noted
    }
}

/// Waits until the process has taken in all that was sent, and reads its books.
pub(super) async fn settled(load: &Load) -> Vec<String> {
    let ends = Instant::now() + DEADLINE;
    loop {
        let metrics = load.get("/metrics").await;
        let (books, known) = (books(&metrics), load.known());
        let sure = known.sure();
        let [received, accepted, rejected, duplicate] = books;
        if accepted >= sure {
            let mut found = Vec::new();
            if received != accepted + rejected + duplicate {
                found.push(format!("the books do not balance: {books:?}"));
            }
            if accepted > sure + known.accepted_maybe || duplicate != 0 {
                found.push(format!("the books hold too much: {books:?}, {sure} acknowledged"));
            }
            return found;
        }
        assert!(Instant::now() < ends, "of {sure} events {accepted} were taken in");
    }
}

/// Events that were sent for sure and that the books do not have yet.
pub(super) fn still_to_come(load: &Load, metrics: &Value) -> u64 {
    let [_, accepted, ..] = books(metrics);
    load.known().sure().saturating_sub(accepted)
}

/// Received, accepted, rejected and duplicate events of all sources.
fn books(metrics: &Value) -> [u64; 4] {
    let text = metrics.as_str().unwrap();
    ["received", "accepted", "rejected", "duplicate"].map(|column| {
        let name = format!("causeway_events_{column}_total{{");
        let lines = text.lines().filter(|line| line.starts_with(&name));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    })
}

/// Ends the last process as a supervisor does.
fn drain(place: &Place, last: &mut Victim) -> Vec<String> {
    last.signal("TERM");
    drained(place, last)
}

/// What is wrong with the end of a process that drains.
pub(super) fn drained(place: &Place, last: &mut Victim) -> Vec<String> {
    let status = last.ended().unwrap_or_else(|| panic!("it does not end\n{}", place.log_tail()));
    let mut found = Vec::new();
    if !status.success() {
        found.push(format!("the drain ended with {status}:\n{}", place.log_tail()));
    }
    let summary = std::fs::read(place.path("data/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    let books: causeway::emit::summary::Books =
        serde_json::from_value(summary["ledger"].clone()).unwrap();
    found.extend(books.imbalance().map(|imbalance| format!("the summary: {imbalance}")));
    found
}

/// What processes left behind, over all runs.
pub(super) struct Left {
    /// The directory of the journal.
    pub(super) journal: PathBuf,
    pub(super) stdout: Vec<u8>,
    /// Lines of the sink that is a file.
    pub(super) logged: String,
    /// What the webhook was told.
    pub(super) hook: Vec<String>,
    /// The ids of dead letters.
    pub(super) letters: BTreeSet<String>,
    /// Dead letters that processes said they could not keep.
    pub(super) letters_lost_max: usize,
}

/// Holds every sink against what was sent, and against the journal read again.
pub(super) fn judge(place: &Place, known: &Known, left: &Left, ends: &BTreeSet<usize>) -> Round {
    let mut found = known.findings.clone();
    let settings = again::settings(&place.config());
    let read = |workers| again::read_again(&left.journal, &settings, workers).unwrap();
    let first = read(1);
    for workers in [2, 4] {
        let other = read(workers);
        if other != first {
            found.push(format!("{workers} workers differ from one: {}", differ(&first, &other)));
        }
    }
    found.extend(hold_journal_to(&first, known));
    let expected = Told::of_lines(first.lines.iter().map(String::as_str));
    found.extend(expected.findings.clone());
    let stdout = Told::of_stdout(&left.stdout, ends);
    let logged = Told::of_lines(left.logged.lines());
    let hook = Told::of_lines(left.hook.iter().map(String::as_str));
    for (name, told) in [("stdout", &stdout), ("file", &logged), ("webhook", &hook)] {
        found.extend(told.findings.iter().map(|finding| format!("{name}: {finding}")));
        found.extend(told.hold_against(&expected, name));
        found.extend(told.hold_to(known).into_iter().map(|finding| format!("{name}: {finding}")));
    }
    let wanted = again::letters(&left.journal, &settings);
    let kept = &left.letters;
    let lost: Vec<&String> = wanted.difference(kept).collect();
    if lost.len() > left.letters_lost_max {
        let told = left.letters_lost_max;
        found.extend(lost.iter().map(|id| format!("dead letter {id} was lost, told were {told}")));
    }
    if wanted.len() as u64 != first.rejected {
        found.push(format!("{} events are refused, {} letters", first.rejected, wanted.len()));
    }
    Round {
        events: first.accepted,
        revisions: stdout.revisions(),
        repeated: stdout.repeated,
        torn: stdout.torn,
        letters: wanted.len() as u64,
        letters_spare: kept.difference(&wanted).count() as u64,
        findings: found,
        ..Round::default()
    }
}

/// The ids in the dead-letter store.
pub(super) fn letters(place: &Place) -> BTreeSet<String> {
    let limits = StoreLimits { bytes_max: u64::MAX, age_max: Duration::MAX };
    let store = Store::open(&place.path("data/dlq"), limits).unwrap();
    let listed = store.list(&Filter::default(), usize::MAX).unwrap();
    listed.letters.into_iter().map(|letter| letter.id).collect()
}

pub(super) fn differ(one: &Again, other: &Again) -> String {
    let place = one.lines.iter().zip(&other.lines).position(|(one, other)| one != other);
    let lines = (one.lines.len(), other.lines.len());
    format!("digests {} {}, lines {lines:?}, first at {place:?}", one.digest, other.digest)
}

/// Whether a file keeps the number of the last rotated one, or was to: it holds no lines.
pub(super) fn is_count(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rotated" || extension == "new")
}

/// The lines of a rotated file, oldest first.
pub(super) fn logged(directory: &Path) -> String {
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| !is_count(path));
    names.sort();
    // The one that grows has the shortest name and the newest lines.
    names.rotate_left(1);
    names.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}
