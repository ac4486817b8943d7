//! R3: every fault of every site, in the process that is shipped.
//!
//! ```text
//!  listed lives ─► sites ─► pairs ─► rounds of a dozen ─► a last life without faults ─► R1's checks
//! ```

use super::faults::{self, Fault, Pair, Site, Start};
use super::kills::Round;
use super::scene::{Scene, wait};
use super::victim::Victim;
use causeway_loadgen::rng::Rng;
use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// What once found a mistake of the program other than a file that it did not name; always drawn.
const KEPT: [(Fault, &str); 6] = [
    // A log without room ended the process.
    (Fault::Full, "write stderr"),
    // A snapshot that was made while a sink was broken held nothing of what it was owed.
    (Fault::Io, "write stdout"),
    (Fault::Io, "fdatasync log/told.ndjson"),
    (Fault::Full, "fdatasync log/told.ndjson"),
    // One lost a revision; the other kept a start from ending.
    (Fault::Io, "pread data/sinks/hook.N.spool"),
    (Fault::Io, "ftruncate data/sinks/hook.N.spool"),
];
/// Pairs of one directory.
const PAIRS_A_ROUND: usize = 12;
/// Answers of a life that is listed.
const LISTED: u64 = 120;
/// Answers after which a fault that did not happen by then is waited for in the drain; twice as
/// many each time that the pair is tried again.
const WAITED: u64 = 130;
/// Answers that show that a process goes on.
const GOES_ON: u64 = 25;
/// Answers after which a directory gets no further faults: all of it is read again in the end.
const ANSWERS_A_ROUND: u64 = 500;
/// How long there is no room, milliseconds.
const FULL_MS: (f64, f64) = (20.0, 600.0);
/// How often a pair is tried before it counts as not met.
const TRIES_MAX: u32 = 8;

/// What seeds came to.
#[derive(Default)]
pub(super) struct Faulted {
    /// Sites that the listed lives came by.
    pub(super) sites: usize,
    /// Pairs that were asked for, and those that happened.
    pub(super) pairs: u64,
    pub(super) hit: u64,
    /// Processes that said that they cannot go on, and those that went on.
    pub(super) ended: u64,
    pub(super) went_on: u64,
    pub(super) round: Round,
}

impl Faulted {
    pub(super) fn add(&mut self, other: Faulted) {
        self.sites = self.sites.max(other.sites);
        let sums = [
            (&mut self.pairs, other.pairs),
            (&mut self.hit, other.hit),
            (&mut self.ended, other.ended),
            (&mut self.went_on, other.went_on),
        ];
        sums.into_iter().for_each(|(sum, more)| *sum += more);
        self.round.add(other.round);
    }
}

impl fmt::Display for Faulted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Faulted { sites, pairs, hit, ended, went_on, round } = self;
        let share = hit * 100 / pairs.max(&1);
        let killed = hit - ended - went_on;
        write!(
            f,
            "{hit} of {pairs} faults at {sites} sites happened ({share} %): {killed} killed the \
             process, {ended} it named and ended, {went_on} it survived; {} events, {} revisions, \
             {} told again, {} torn, {} dead letters, {} findings",
            round.events,
            round.revisions,
            round.repeated,
            round.torn,
            round.letters,
            round.findings.len(),
        )
    }
}

/// What became of a pair.
enum Met {
    Not,
    Killed,
    Ended,
    WentOn,
}

/// Learns the sites, then has so many of all pairs happen, drawn by the seed; all without a
/// number.
pub(super) fn faults(seed: u64, number: Option<usize>, jobs: usize) -> Faulted {
    let mut rng = Rng::stream(seed, "pairs");
    let (sites, round) = block_on(list(seed));
    let mut pairs = faults::pairs(&sites);
    if let Some(number) = number {
        let mut drawn: Vec<usize> = (0..pairs.len()).collect();
        rng.shuffle(&mut drawn);
        drawn.truncate(number);
        let kept = |pair: &Pair| KEPT.contains(&(pair.fault, pair.site.as_str()));
        drawn.extend((0..pairs.len()).filter(|at| kept(&pairs[*at])));
        drawn.sort_unstable();
        drawn.dedup();
        pairs = drawn.into_iter().map(|at| pairs[at].clone()).collect();
    }
    let sum =
        Faulted { sites: sites.len(), pairs: pairs.len() as u64, round, ..Faulted::default() };
    let (fresh, mut others): (Vec<Pair>, Vec<Pair>) = pairs.into_iter().partition(Pair::is_fresh);
    rng.shuffle(&mut others);
    let work = Mutex::new(Work { fresh, others, rounds: 0, sum });
    std::thread::scope(|threads| {
        for _ in 0..jobs {
            threads.spawn(|| {
                // The lock is not held while a round goes on.
                let next = || lock(&work).dozen();
                while let Some((number, dozen)) = next() {
                    block_on(round_of(seed * 1000 + number, dozen, &work));
                }
            });
        }
    });
    work.into_inner().unwrap().sum
}

/// What is to be done, and what came of what was done.
struct Work {
    /// Those that need a directory that holds nothing, in the order of a start.
    fresh: Vec<Pair>,
    others: Vec<Pair>,
    rounds: u64,
    sum: Faulted,
}

impl Work {
    /// The number of the next round and its pairs.
    fn dozen(&mut self) -> Option<(u64, Vec<Pair>)> {
        let fresh = self.fresh.len().min(PAIRS_A_ROUND);
        let mut dozen: Vec<Pair> = self.fresh.drain(..fresh).collect();
        let room = self.others.len().min(PAIRS_A_ROUND - fresh);
        dozen.extend(self.others.drain(..room));
        self.rounds += 1;
        (!dozen.is_empty()).then_some((self.rounds, dozen))
    }

    /// Tries a pair that did not happen in another round, a few times.
    fn missed(&mut self, mut pair: Pair) {
        pair.misses += 1;
        match pair.misses {
            TRIES_MAX => println!("{pair} never happened"),
            _ => self.give_back(pair),
        }
    }

    /// Leaves a pair to another round.
    fn give_back(&mut self, pair: Pair) {
        if pair.is_fresh() {
            let place = self.fresh.partition_point(|other| other.order <= pair.order);
            self.fresh.insert(place, pair);
        } else {
            self.others.push(pair);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(work)
}

/// Lives without faults whose calls are listed: in a fresh directory, killed; then drained;
/// then in one that was spoilt; then in one whose sinks are owed something.
async fn list(seed: u64) -> (BTreeMap<String, Site>, Round) {
    let mut scene = Scene::begin(seed).await;
    let mut sites = BTreeMap::new();
    for (start, drains) in
        [(Start::Fresh, false), (Start::Again, true), (Start::Spoilt, false), (Start::Owing, false)]
    {
        scene.prepare(start, false).await.unwrap();
        let mut victim = scene.start_listed();
        let begun = scene.load.decided();
        let worked = wait(|| (scene.load.decided() >= begun + LISTED).then_some(())).await;
        assert!(worked.is_some(), "it does no work:\n{}", scene.complaints());
        match drains {
            true => {
                victim.signal("TERM");
                ended(&mut victim).await.expect("it does not drain");
            }
            false => victim.kill(),
        }
        scene.gone();
        faults::learn(&mut sites, start, &scene.listed());
    }
    (sites, scene.end().await)
}

/// A new directory, in which a dozen pairs happen one after the other.
async fn round_of(seed: u64, dozen: Vec<Pair>, work: &Mutex<Work>) {
    let mut rng = Rng::stream(seed, "round");
    let mut scene = Scene::begin(seed).await;
    let mut story = Vec::new();
    let mut findings = Vec::new();
    let mut is_fresh = true;
    for pair in dozen {
        let is_full = scene.load.decided() > ANSWERS_A_ROUND;
        if is_full || pair.is_fresh() && !is_fresh {
            lock(work).give_back(pair);
            continue;
        }
        let at = match pair.misses {
            0 => (pair.calls() as f64).powf(rng.unit()) as u64,
            _ => 1,
        };
        let met = meet(&mut scene, &pair, at.max(1), &mut rng, &mut findings).await;
        story.push(format!("{pair} at {at}"));
        let mut work = lock(work);
        match met {
            Met::Not => {
                is_fresh = false;
                work.missed(pair);
                continue;
            }
            Met::Killed => {}
            Met::Ended => work.sum.ended += 1,
            Met::WentOn => {
                is_fresh = false;
                work.sum.went_on += 1;
            }
        }
        work.sum.hit += 1;
    }
    let mut round = scene.end().await;
    round.findings.extend(findings);
    let story = story.join(", ");
    println!("round {seed}: {story}; {round}");
    for finding in &mut round.findings {
        println!("{finding}");
        finding.insert_str(0, &format!("round {seed}: "));
    }
    lock(work).sum.round.add(round);
}

/// Has a pair happen in a process, and finds what is wrong with how it takes that.
async fn meet(
    scene: &mut Scene,
    pair: &Pair,
    at: u64,
    rng: &mut Rng,
    findings: &mut Vec<String>,
) -> Met {
    // What was missed once is tried where a process has left what it can leave.
    if let Err(problem) = scene.prepare(pair.start(), pair.misses > 0).await {
        findings.push(format!("{pair}: {problem}"));
        return Met::Not;
    }
    let begun = scene.load.decided();
    let mut victim = scene.start_armed(pair.fault, &pair.site, at);
    let waited = WAITED << pair.misses.min(4);
    let over = |scene: &Scene| scene.load.decided() >= begun + waited;
    wait(|| {
        let known = scene.mark().is_some() || victim.status().is_some() || over(scene);
        known.then_some(())
    })
    .await;
    let drains = scene.mark().is_none();
    if drains && victim.is_running() {
        victim.signal("TERM");
        wait(|| (scene.mark().is_some() || victim.status().is_some()).then_some(())).await;
    }
    let met = match scene.mark() {
        None => match ended(&mut victim).await {
            Some(status) if status.success() => Ok(Met::Not),
            status => Err(format!("it ended without it: {status:?}")),
        },
        Some(_) if pair.fault.kills() => killed(&mut victim).await,
        Some(_) => {
            if pair.fault == Fault::Full {
                let pause = rng.range(FULL_MS.0, FULL_MS.1);
                tokio::time::sleep(Duration::from_millis(pause as u64)).await;
                scene.ends.insert(scene.stdout().len());
                scene.make_room();
            }
            stands(scene, pair, &mut victim, drains).await
        }
    };
    let met = match met {
        Ok(Met::WentOn) if victim.is_running() => leaves(scene, victim, rng).await,
        met => met,
    };
    scene.gone();
    met.unwrap_or_else(|problem| {
        findings.push(format!("{pair} at {at}: {problem}\n{}", scene.complaints()));
        Met::Ended
    })
}

async fn killed(victim: &mut Victim) -> Result<Met, String> {
    match ended(victim).await {
        Some(status) if status.signal() == Some(9) => Ok(Met::Killed),
        status => Err(format!("it was killed and ended so: {status:?}")),
    }
}

/// Waits until a process that met a fault goes on or has ended, each as it should.
async fn stands(
    scene: &Scene,
    pair: &Pair,
    victim: &mut Victim,
    drains: bool,
) -> Result<Met, String> {
    let begun = scene.load.decided();
    let goes_on = || !drains && scene.load.decided() >= begun + GOES_ON;
    let known = wait(|| (victim.status().is_some() || goes_on()).then_some(())).await;
    let path = scene.mark().unwrap();
    let is_named = scene.named(&path);
    match (known, victim.status()) {
        (None, _) => Err("it neither goes on nor ends".to_owned()),
        (_, Some(status)) if pair.fault == Fault::Short && !status.success() => {
            Err(format!("it did not try the rest, {status}"))
        }
        // Half of a write is what a program has to expect, so it says nothing of it. What it
        // cannot say when its log takes nothing, it cannot be asked for.
        (_, status) if pair.fault == Fault::Short || path.ends_with("stderr") => {
            ended_well(status, drains)
        }
        (_, _) if !is_named => Err(format!("{} is named nowhere", path.display())),
        (_, status) => ended_well(status, drains),
    }
}

/// By itself a process ends with an error that it knows; in a drain it may also end well.
fn ended_well(status: Option<ExitStatus>, drains: bool) -> Result<Met, String> {
    match status {
        None => Ok(Met::WentOn),
        Some(status) if drains && status.success() => Ok(Met::WentOn),
        Some(status) if status.code().is_some_and(|code| code != 0 && code != 101) => {
            Ok(Met::Ended)
        }
        Some(status) => Err(format!("it ended with {status}")),
    }
}

/// Ends a process that went on: killed, or told to drain.
async fn leaves(scene: &Scene, mut victim: Victim, rng: &mut Rng) -> Result<Met, String> {
    if rng.chance(0.6) {
        victim.kill();
        return Ok(Met::WentOn);
    }
    victim.signal("TERM");
    match ended(&mut victim).await {
        Some(status) if status.success() => Ok(Met::WentOn),
        status => Err(format!("it went on and drained with {status:?}\n{}", scene.complaints())),
    }
}

async fn ended(victim: &mut Victim) -> Option<ExitStatus> {
    wait(|| victim.status()).await
}
