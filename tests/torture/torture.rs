//! Torture: kills, damage, absence and restarts, against the promise that nothing is lost.
//!
//! The same code is the share of CI, within the integration tests, and `make torture`, which
//! asks for more of it by environment variables and writes rows of LEDGER.md.

mod again;
mod away;
mod batch;
mod changes;
mod damage;
#[cfg(target_os = "linux")]
mod faulted;
#[cfg(target_os = "linux")]
mod faults;
mod fuzz;
mod history;
mod kills;
mod known;
mod ledger;
mod life;
mod load;
mod receiver;
mod outside;
mod restarts;
mod scale;
#[cfg(target_os = "linux")]
mod scene;
mod simulated;
mod stopped;
mod together;
mod victim;
mod witness;

use away::Terms;
use damage::Taken;
use fuzz::{Fuzzed, Share};
use kills::Round;
use ledger::Row;
use restarts::Compared;
use scale::{KILLS_A_ROUND, Scale};
use simulated::Simulated;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use stopped::Stopped;

/// Damaged copies of one journal, after which another is made.
const COPIES: u64 = 100;
/// Processes that are started on a damaged journal.
const STARTS: u64 = 3;
/// Faults of sites that are drawn where not all are asked for.
#[cfg(target_os = "linux")]
const FAULTS_DRAWN: usize = 60;
/// Histories and records of one seed.
const HISTORIES: u64 = 250;
const RECORDS: u64 = 7_750;
/// Seeds of which one is simulated twice.
const SEEDS_A_REPEAT: u64 = 10;
/// Findings that are shown: the first ones say what is wrong, thousands of them no more.
const SHOWN_MAX: usize = 20;

/// Runs so many pieces of work, a few at a time, while there is time; how many were done.
fn several(scale: &Scale, jobs: usize, number: u64, work: impl Fn(u64) + Sync) -> u64 {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|threads| {
        for _ in 0..jobs {
            threads.spawn(|| {
                while scale.has_time() {
                    let piece = next.fetch_add(1, Ordering::SeqCst);
                    if piece >= number {
                        return;
                    }
                    work(piece);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    done.into_inner()
}

/// Says what a run came to, keeps it in the ledger when it is to be kept, and fails for findings.
fn conclude(row: Row, findings: &[String]) {
    println!("{row:?}");
    if let Some(path) = scale::ledger_path() {
        ledger::add(&path, &row);
    }
    let shown = &findings[..findings.len().min(SHOWN_MAX)];
    assert!(row.passed, "{} findings\n{}", findings.len(), shown.join("\n"));
}

/// Seeds and numbers of kills of rounds that once found something.
fn kept_seeds() -> Vec<(u64, u64)> {
    let lines = include_str!("SEEDS").lines().filter(|line| !line.starts_with('#'));
    let word = |line: &str, at: usize| line.split(' ').nth(at).unwrap().parse().unwrap();
    lines.map(|line| (word(line, 1), word(line, 2))).collect()
}

#[test]
fn kills_lose_nothing() {
    let scale = Scale::of_environment();
    let of_seeds = (0..scale.kills.div_ceil(KILLS_A_ROUND)).map(|number| {
        (scale.seed + number, KILLS_A_ROUND.min(scale.kills - number * KILLS_A_ROUND))
    });
    let mut rounds = kept_seeds();
    let kept = rounds.len() as u64;
    rounds.extend(of_seeds);
    let sum = Mutex::new(Round::default());
    let done = several(&scale, scale.jobs, rounds.len() as u64, |number| {
        let (seed, kills) = rounds[number as usize];
        let round = kills::round(seed, kills);
        println!("seed {seed}: {round}");
        round.findings.iter().take(SHOWN_MAX).for_each(|finding| println!("{finding}"));
        sum.lock().unwrap().add(round);
    });
    let sum = sum.into_inner().unwrap();
    let enough = sum.hit * 10 >= sum.kills * 8;
    let row = Row {
        requirement: "R1",
        seeds: (scale.seed, done.saturating_sub(kept)),
        count: sum.kills,
        detail: format!("{sum}"),
        passed: sum.findings.is_empty() && enough,
    };
    conclude(row, &sum.findings);
}

#[test]
fn kills_of_one_of_several_lose_nothing() {
    let scale = Scale::of_environment();
    let rounds = scale.kills_together.div_ceil(KILLS_A_ROUND);
    let sum = Mutex::new((Round::default(), Duration::ZERO));
    let done = several(&scale, 1, rounds, |number| {
        let kills = KILLS_A_ROUND.min(scale.kills_together - number * KILLS_A_ROUND);
        let (round, back) = together::round(scale.seed + number, kills);
        println!("seed {}: {round}, back in {back:?}", scale.seed + number);
        let mut sum = sum.lock().unwrap();
        sum.0.add(round);
        sum.1 = sum.1.max(back);
    });
    let (sum, back) = sum.into_inner().unwrap();
    let row = Row {
        requirement: "R2",
        seeds: (scale.seed, done),
        count: sum.kills,
        detail: format!("{sum}, back in at most {:.1} s", back.as_secs_f64()),
        passed: sum.findings.is_empty(),
    };
    conclude(row, &sum.findings);
}

#[cfg(target_os = "linux")]
#[test]
fn faults_of_a_disk_lose_nothing() {
    let scale = Scale::of_environment();
    let mut sum = faulted::Faulted::default();
    let mut done = 0;
    while done < scale.faults.unwrap_or(1) && scale.has_time() {
        let number = scale.faults.is_none().then_some(FAULTS_DRAWN);
        sum.add(faulted::faults(scale.seed + done, number, scale.jobs));
        done += 1;
    }
    // What a loaded machine does not come by in time is no mistake of the program; where all
    // is asked for, all has to happen.
    let least = if scale.faults.is_some() { sum.pairs } else { sum.pairs * 9 / 10 };
    let row = Row {
        requirement: "R3",
        seeds: (scale.seed, done),
        count: sum.hit,
        detail: format!("{sum}"),
        passed: sum.round.findings.is_empty() && sum.hit >= least && sum.hit > 0,
    };
    conclude(row, &sum.round.findings);
}

#[test]
fn a_stopped_process_keeps_its_directory() {
    let scale = Scale::of_environment();
    let Stopped { refused, findings } = stopped::stop(scale.seed, scale.stops);
    let row = Row {
        requirement: "R9",
        seeds: (scale.seed, 1),
        count: scale.stops,
        detail: format!("{refused} refused"),
        passed: findings.is_empty() && refused == scale.stops,
    };
    conclude(row, &findings);
}

#[test]
fn damage_is_named_or_harmless() {
    let scale = Scale::of_environment();
    let journals = scale.flips.div_ceil(COPIES);
    let sum = Mutex::new(damage::start(scale.seed, STARTS));
    let done = several(&scale, scale.jobs, journals, |number| {
        let taken = damage::damage(scale.seed + number, COPIES.min(scale.flips - number * COPIES));
        sum.lock().unwrap().add(taken);
    });
    let Taken { journals, refused, exact, shorter, findings } = sum.into_inner().unwrap();
    let row = Row {
        requirement: "R10",
        seeds: (scale.seed, done),
        count: journals,
        detail: format!("{refused} refused, {exact} exact, {shorter} shorter without a mark"),
        passed: findings.is_empty() && refused > 0 && exact > 0,
    };
    conclude(row, &findings);
}

#[test]
fn too_much_and_a_sink_that_goes_away_cost_nothing() {
    let scale = Scale::of_environment();
    let terms = Terms::of(scale.away, scale.memory);
    let sum = Mutex::new((Vec::new(), Vec::new()));
    let done = several(&scale, 1, scale.floods, |number| {
        let away = away::away(scale.seed + number, terms);
        println!("seed {}: {away}", scale.seed + number);
        let mut sum = sum.lock().unwrap();
        sum.0.push(away.to_string());
        sum.1.extend(away.findings);
    });
    let (details, findings) = sum.into_inner().unwrap();
    let row = Row {
        requirement: "R12",
        seeds: (scale.seed, done),
        count: done,
        detail: format!("{terms}: {}", details.join("; ")),
        passed: findings.is_empty(),
    };
    conclude(row, &findings);
}

#[test]
fn restarts_and_workers_change_nothing() {
    let scale = Scale::of_environment();
    let sum = Mutex::new(Compared::default());
    let done = several(&scale, scale.jobs, scale.histories, |number| {
        let compared = restarts::compare(scale.seed + number);
        let mut sum = sum.lock().unwrap();
        sum.restarts += compared.restarts;
        sum.findings.extend(compared.findings);
    });
    let Compared { restarts, findings } = sum.into_inner().unwrap();
    let row = Row {
        requirement: "R13",
        seeds: (scale.seed, done),
        count: done,
        detail: format!("{restarts} restarts"),
        passed: findings.is_empty() && restarts > done,
    };
    conclude(row, &findings);
}

#[test]
fn readers_stand_whatever_they_are_given() {
    let scale = Scale::of_environment();
    let share = match scale.fuzz {
        Some(minutes) => Share::Time(Duration::from_secs(minutes * 60)),
        None => Share::Inputs(scale.inputs),
    };
    let sum = Mutex::new(Fuzzed::default());
    let targets = several(&scale, scale.jobs, fuzz::targets(), |number| {
        let own = fuzz::fuzz(number, scale.seed, share, &|| scale.has_time());
        let mut sum = sum.lock().unwrap();
        sum.inputs += own.inputs;
        sum.learned += own.learned;
        sum.findings.extend(own.findings);
    });
    let Fuzzed { inputs, learned, findings } = sum.into_inner().unwrap();
    let time = scale.fuzz.map_or_else(String::new, |minutes| format!(", {minutes} minutes each"));
    let row = Row {
        requirement: "R6",
        seeds: (scale.seed, 1),
        count: inputs,
        detail: format!("{targets} targets{time}, {learned} inputs answered as none before"),
        passed: findings.is_empty() && inputs > targets && learned > targets,
    };
    conclude(row, &findings);
}

#[test]
fn every_epoch_agrees_with_the_oracle() {
    let scale = Scale::of_environment();
    let findings = Mutex::new(Vec::new());
    let done = several(&scale, scale.jobs, scale.oracle.div_ceil(HISTORIES), |number| {
        let cases = HISTORIES.min(scale.oracle - number * HISTORIES) as u32;
        if let Err(finding) = crate::engine::agree(scale.seed + number, cases) {
            findings.lock().unwrap().push(format!("seed {}: {finding}", scale.seed + number));
        }
    });
    let findings = findings.into_inner().unwrap();
    let row = Row {
        requirement: "R5",
        seeds: (scale.seed, done),
        count: (done * HISTORIES).min(scale.oracle),
        detail: "histories, each at every epoch".to_owned(),
        passed: findings.is_empty(),
    };
    conclude(row, &findings);
}

#[test]
fn spoilt_records_harm_nobody() {
    let scale = Scale::of_environment();
    let sent = AtomicU64::new(0);
    let done = several(&scale, scale.jobs, scale.records.div_ceil(RECORDS), |number| {
        let records = RECORDS.min(scale.records - number * RECORDS) as usize;
        let own = crate::canonical::hostile::storm::storms(scale.seed + number, records);
        sent.fetch_add(own as u64, Ordering::SeqCst);
    });
    let sent = sent.into_inner();
    let row = Row {
        requirement: "R7",
        seeds: (scale.seed, done),
        count: sent,
        detail: "records of 7 kinds between good ones".to_owned(),
        passed: sent >= scale.records,
    };
    conclude(row, &[]);
}

#[cfg(feature = "kafka")]
#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_killed_cost_nothing() {
    let scale = Scale::of_environment();
    let outage = Duration::from_secs(scale.outage);
    crate::kafka::survival::kill_brokers(scale.brokers as u32, outage).await;
    let row = Row {
        requirement: "R8",
        seeds: (scale.seed, 1),
        count: scale.brokers,
        detail: format!(
            "kills of a broker, each {} s away, {} messages to two sinks, one of them exactly once",
            scale.outage,
            scale.brokers * 40 + 20
        ),
        passed: true,
    };
    conclude(row, &[]);
}

#[test]
fn simulated_processes_lose_nothing() {
    let scale = Scale::of_environment();
    let sum = Mutex::new(Simulated::default());
    let done = several(&scale, scale.jobs, scale.simulations, |number| {
        let seed = scale.seed + number;
        let mut simulated = simulated::simulate(seed);
        // The same seed is the same in all that happens.
        if number % SEEDS_A_REPEAT == 0 && simulated::simulate(seed).trace != simulated.trace {
            simulated.findings.push(format!("seed {seed}: the same seed led elsewhere"));
        }
        let mut sum = sum.lock().unwrap();
        sum.lives += simulated.lives;
        sum.steps += simulated.steps;
        sum.findings.extend(simulated.findings);
    });
    let Simulated { lives, steps, findings, .. } = sum.into_inner().unwrap();
    let row = Row {
        requirement: "R4",
        seeds: (scale.seed, done),
        count: done,
        detail: format!("{lives} lives, {steps} steps"),
        passed: findings.is_empty() && lives > done,
    };
    conclude(row, &findings);
}
