//! How much is tortured: the share of CI by default, more by environment variables.
//!
//! `make torture` sets them; the code that runs is the same.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Kills of one directory, after which a new one begins: a journal only grows, and a start
/// that takes longer than a process lives would be all that is ever hit.
pub(super) const KILLS_A_ROUND: u64 = 12;

/// How much of everything.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    /// SIGKILLs of one process (R1).
    pub(super) kills: u64,
    /// SIGKILLs among several processes that compute as one (R2).
    pub(super) kills_together: u64,
    /// Seeds for each of which every fault of every site happens (R3); a few faults if none.
    pub(super) faults: Option<u64>,
    /// Damaged copies of a journal (R10).
    pub(super) flips: u64,
    /// Second instances beside a stopped process (R9).
    pub(super) stops: u64,
    /// Histories that are cut by restarts and run with other numbers of workers (R13).
    pub(super) histories: u64,
    /// Times that too much comes and a sink goes away (R12).
    pub(super) floods: u64,
    /// Minutes that it is away, after a third as many of overload; seconds of both if none (R12).
    pub(super) away: Option<u64>,
    /// MiB that the process may hold then (R12).
    pub(super) memory: u64,
    /// Spoilt inputs for each reader of bytes (R6).
    pub(super) inputs: u64,
    /// Minutes of each reader instead, with as many as fit (R6).
    pub(super) fuzz: Option<u64>,
    /// Seeds of a simulated process (R4).
    pub(super) simulations: u64,
    /// Histories that are held to the oracle at every epoch (R5).
    pub(super) oracle: u64,
    /// Spoilt records of each format between good ones (R7).
    pub(super) records: u64,
    /// Kills of a broker (R8).
    pub(super) brokers: u64,
    /// Seconds that it is away after each (R8).
    pub(super) outage: u64,
    /// The first seed; each round has one of its own.
    pub(super) seed: u64,
    /// Rounds at a time.
    pub(super) jobs: usize,
    /// When no further round begins.
    ends: Option<Instant>,
}

impl Scale {
    /// What the environment asks for.
    pub(super) fn of_environment() -> Scale {
        let minutes = number("TORTURE_MINUTES");
        if ledger_path().is_some() {
            // The sources may move on while this runs.
            super::ledger::commit();
        }
        Scale {
            kills: number("TORTURE_KILLS").unwrap_or(100),
            kills_together: number("TORTURE_KILLS_TOGETHER").unwrap_or(30),
            faults: number("TORTURE_FAULTS"),
            flips: number("TORTURE_FLIPS").unwrap_or(500),
            stops: number("TORTURE_STOPS").unwrap_or(5),
            histories: number("TORTURE_HISTORIES").unwrap_or(50),
            floods: number("TORTURE_FLOODS").unwrap_or(1),
            away: number("TORTURE_AWAY"),
            memory: number("TORTURE_MEMORY").unwrap_or(1536),
            inputs: number("TORTURE_INPUTS").unwrap_or(10_000),
            fuzz: number("TORTURE_FUZZ"),
            simulations: number("TORTURE_SIMULATIONS").unwrap_or(2_000),
            oracle: number("TORTURE_ORACLE").unwrap_or(500),
            records: number("TORTURE_RECORDS").unwrap_or(15_500),
            brokers: number("TORTURE_BROKERS").unwrap_or(1),
            outage: number("TORTURE_OUTAGE").unwrap_or(0),
            seed: number("TORTURE_SEED").unwrap_or(1),
            jobs: number("TORTURE_JOBS").unwrap_or(2) as usize,
            ends: minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 60)),
        }
    }

    /// Whether there is time for one more round.
    pub(super) fn has_time(&self) -> bool {
        self.ends.is_none_or(|ends| Instant::now() < ends)
    }
}

/// Where runs are kept, when this one is to be.
pub(super) fn ledger_path() -> Option<PathBuf> {
    let path = std::env::var_os("TORTURE_LEDGER").filter(|path| !path.is_empty())?;
    Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path))
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
