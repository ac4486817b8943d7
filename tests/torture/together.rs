//! R2: SIGKILL of one process of several, of all, or while they start, under load at each.
//!
//! ```text
//!  senders ─► process 1 ─► journal ─┐
//!  senders, file, changes ─► process 0 ─► journal ─┤
//!                                 └► stdout, file ─┴► witness
//! ```
//!
//! Whoever ends is started again at once, as a supervisor does.

use super::again::{self, read_all_again};
use super::changes::{changer, compare};
use super::kills::{Round, differ, drained, engine, letters, logged, settled};
use super::known::Known;
use super::load::{Load, begin, sender};
use super::victim::{DEADLINE, Place, Victim, free_port};
use super::witness::{Told, hold_journal_to};
use causeway_loadgen::rng::Rng;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Senders of each process.
const SENDERS: usize = 4;
/// When somebody is killed after all were started or answered, milliseconds.
const KILL_MS: (f64, f64) = (5.0, 1000.0);
/// How a process ends that has lost another.
const GONE: i32 = 75;

/// The processes of a round.
struct Crew {
    places: Vec<Place>,
    victims: Vec<Victim>,
    /// How long standard output was whenever process 0 ended.
    ends: BTreeSet<usize>,
    findings: Vec<String>,
    /// The longest time from a kill to all of them being ready.
    back: Duration,
    _hosts: tempfile::TempDir,
}

/// New directories, a load on each, and so many kills.
pub(super) fn round(seed: u64, kills: u64) -> (Round, Duration) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(torture(seed, kills))
}

async fn torture(seed: u64, kills: u64) -> (Round, Duration) {
    let mut rng = Rng::stream(seed, "together");
    let mut crew = Crew::new(seed, &mut rng);
    let pace = Duration::from_millis(*rng.pick(&[5, 10, 20]));
    let load = |place: &Place| Arc::new(Load::new(place.url(""), pace));
    let loads: Vec<Arc<Load>> = crew.places.iter().map(load).collect();
    let mut tasks = begin(&loads[0], SENDERS, crew.places[0].path("events.ndjson"), seed);
    let own = Arc::clone(&loads[0]);
    tasks.spawn(async move { changer(&own, seed).await });
    for (process, load) in loads.iter().enumerate().skip(1) {
        for number in 0..SENDERS {
            let (own, number) = (Arc::clone(load), process * 100 + number);
            tasks.spawn(async move { sender(&own, number, seed).await });
        }
    }
    let (mut hit, mut starting) = (0, 0);
    for _ in 0..kills {
        let was_ready = rng.chance(0.85);
        if was_ready {
            crew.until_ready().await;
        }
        let after = KILL_MS.0 * (KILL_MS.1 / KILL_MS.0).powf(rng.unit());
        tokio::time::sleep(Duration::from_micros((after * 1000.0) as u64)).await;
        hit += u64::from(loads.iter().any(|load| load.open() > 0));
        starting += u64::from(!was_ready);
        crew.kill_some(&mut rng, was_ready);
        loads[0].killed();
    }
    crew.until_ready().await;
    loads.iter().for_each(|load| load.finish());
    while let Some(done) = tasks.join_next().await {
        done.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", crew.places[0].log_tail()));
    }
    let mut findings = std::mem::take(&mut crew.findings);
    for load in &loads {
        findings.extend(settled(load).await);
    }
    compare(&loads[0]).await;
    crew.victims[rng.below(crew.victims.len())].signal("TERM");
    for (place, victim) in crew.places.iter().zip(&mut crew.victims) {
        findings.extend(drained(place, victim));
    }
    let mut known = Known::default();
    known.controls = loads[0].known().controls.clone();
    loads.iter().for_each(|load| known.add(load.known().clone()));
    let mut round = judge(&crew, &known);
    round.findings.extend(findings);
    let back = crew.back;
    if !round.findings.is_empty() {
        let kept = crew.places.into_iter().map(|place| place.keep().display().to_string());
        println!("seed {seed}: kept in {}", kept.collect::<Vec<_>>().join(" "));
    }
    round.findings.iter_mut().for_each(|finding| finding.insert_str(0, &format!("seed {seed}: ")));
    (Round { kills, hit, starting, ..round }, back)
}

/// The configuration of a process: the same for all but for its directory.
fn yaml(seed: u64, path: &Path) -> String {
    let mut rng = Rng::stream(seed, "configuration");
    let engine = engine(&mut rng);
    let snapshots = if rng.chance(0.7) { ", snapshot_bytes: 64KiB, forget: false" } else { "" };
    format!(
        "{engine}journal: {{segment: 1MiB{snapshots}}}\n\
         sources:\n  http: {{type: http}}\n  \
         tail: {{type: file, path: \"{0}/events.ndjson\", follow: true, poll: 5ms}}\n\
         sinks:\n  stdout: {{type: stdout, queue: {{full: block}}}}\n  \
         log: {{type: file, path: \"{0}/log/told.ndjson\", rotate_size: 0, \
         keep: 100000, compress: false, queue: {{full: block}}}}\n",
        path.display(),
    )
}

impl Crew {
    fn new(seed: u64, rng: &mut Rng) -> Crew {
        let processes = 2 + rng.below(2);
        let hosts = tempfile::tempdir().unwrap();
        let file = hosts.path().join("hosts");
        let ports: String =
            (0..processes).map(|_| format!("127.0.0.1:{}\n", free_port(rng))).collect();
        std::fs::write(&file, ports).unwrap();
        let place = |process: usize| {
            let flags = [
                ("--processes", processes.to_string()),
                ("--process", process.to_string()),
                ("--hostfile", file.to_str().unwrap().to_owned()),
            ];
            let flags = flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]);
            Place::new(rng, |path| yaml(seed, path)).with(flags.collect())
        };
        let places: Vec<Place> = (0..processes).map(place).collect();
        let victims = places.iter().map(Place::start).collect();
        Crew {
            places,
            victims,
            ends: BTreeSet::new(),
            findings: Vec::new(),
            back: Duration::ZERO,
            _hosts: hosts,
        }
    }

    /// Starts those again that have ended.
    fn supervise(&mut self) {
        for process in 0..self.victims.len() {
            if let Some(status) = self.victims[process].status() {
                self.ended(process, status);
                self.victims[process] = self.places[process].start();
            }
        }
    }

    /// Notes how a process ended.
    fn ended(&mut self, process: usize, status: ExitStatus) {
        if process == 0 {
            self.ends.insert(self.places[0].stdout().len());
        }
        if status.code().is_some_and(|code| code != GONE) {
            let log = self.places[process].log_tail();
            self.findings.push(format!("process {process} ended with {status}:\n{log}"));
        }
    }

    /// Starts whoever ended until all are ready.
    async fn until_ready(&mut self) {
        let began = Instant::now();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut ready = 0;
        while ready < self.places.len() {
            assert!(began.elapsed() < DEADLINE, "never ready:\n{}", self.places[ready].log_tail());
            self.supervise();
            let answer = client.get(self.places[ready].url("/readyz")).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                ready += 1;
            } else {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        self.back = self.back.max(began.elapsed());
    }

    /// Kills one or all; where all were at work, those that are left must end by themselves.
    fn kill_some(&mut self, rng: &mut Rng, were_ready: bool) {
        let all = rng.chance(0.25);
        let one = rng.below(self.victims.len());
        for process in (0..self.victims.len()).filter(|process| all || *process == one) {
            self.victims[process].signal("KILL");
            let status = self.victims[process].ended().expect("a killed process ends");
            self.ended(process, status);
            self.victims[process] = self.places[process].start();
        }
        if !were_ready || all {
            return;
        }
        for process in (0..self.victims.len()).filter(|process| *process != one) {
            match self.victims[process].ended() {
                Some(status) => self.ended(process, status),
                None => self.findings.push(format!("process {process} goes on alone")),
            }
            self.victims[process] = self.places[process].start();
        }
    }
}

/// Holds what was told against what was sent, and against the journals read again.
fn judge(crew: &Crew, known: &Known) -> Round {
    let mut found = known.findings.clone();
    let settings = again::settings(&crew.places[0].config());
    let journals: Vec<PathBuf> = crew.places.iter().map(Place::journal).collect();
    let first = read_all_again(&journals, &settings, 1).unwrap();
    let other = read_all_again(&journals, &settings, 3).unwrap();
    if other != first {
        found.push(format!("3 workers differ from one: {}", differ(&first, &other)));
    }
    found.extend(hold_journal_to(&first, known));
    let expected = Told::of_lines(first.lines.iter().map(String::as_str));
    found.extend(expected.findings.clone());
    let stdout = Told::of_stdout(&crew.places[0].stdout(), &crew.ends);
    let logged = logged(&crew.places[0].path("log"));
    let logged = Told::of_lines(logged.lines());
    for (name, told) in [("stdout", &stdout), ("file", &logged)] {
        found.extend(told.findings.iter().map(|finding| format!("{name}: {finding}")));
        found.extend(told.hold_against(&expected, name));
        found.extend(told.hold_to(known).into_iter().map(|finding| format!("{name}: {finding}")));
    }
    let (mut wanted, mut spare) = (0, 0);
    for place in &crew.places {
        let refused = again::letters(&place.journal(), &settings);
        let kept = letters(place);
        let lost = refused.difference(&kept);
        found.extend(lost.map(|id| format!("dead letter {id} was never written")));
        wanted += refused.len() as u64;
        spare += kept.difference(&refused).count() as u64;
    }
    Round {
        events: first.accepted,
        revisions: stdout.revisions(),
        repeated: stdout.repeated,
        torn: stdout.torn,
        letters: wanted,
        letters_spare: spare,
        findings: found,
        ..Round::default()
    }
}
