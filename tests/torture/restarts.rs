//! R13: the same history, whole or cut by restarts, with any number of workers.
//!
//! Where epochs are cut is the moment's choice, so two lives compare by what stands in the
//! end (SEMANTICS 22); what a journal leads to compares to the byte.

use super::again::{Again, read_again, settings};
use super::history::{BEGINS, Step, draw, yaml};
use super::life::Life;
use causeway::clock::ManualClock;
use causeway::settings::Settings;
use causeway_loadgen::rng::Rng;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SEGMENT_BYTES: u64 = 8 << 10;

/// What one history came to: restarts that it survived, and what was wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Compared {
    pub(super) restarts: u64,
    pub(super) findings: Vec<String>,
}

/// Runs a history without restarts, and with some.
pub(super) fn compare(seed: u64) -> Compared {
    let mut rng = Rng::stream(seed, "restarts");
    let settings = Arc::new(settings(&yaml(&mut rng)));
    let steps = 15 + rng.below(30);
    let history = draw(&mut rng, steps);
    let directory = tempfile::tempdir().unwrap();
    let (whole, whole_at, _) = live(&history, &settings, directory.path(), &mut rng, 0.0);
    let cut = directory.path().join("cut");
    let (last, last_at, earlier) = live(&history, &settings, &cut, &mut rng, 0.15);
    let mut found = Vec::new();
    if (&whole.digest, &whole.alerts) != (&last.digest, &last.alerts) {
        found.push(format!("{} restarts led elsewhere", earlier.len()));
    }
    // The lives had any number of workers themselves.
    for (name, life, at, workers) in
        [("whole", &whole, &whole_at, 2), ("cut", &last, &last_at, 1), ("cut", &last, &last_at, 4)]
    {
        let again = read_again(at, &settings, workers).unwrap();
        if (&again.lines, &again.digest) != (&life.lines, &life.digest) {
            found.push(format!("{name}: {workers} workers tell something else"));
        }
    }
    // What was told before a crash is the beginning of what the last life told.
    let torn = earlier.iter().position(|told| !last.lines.starts_with(told));
    found.extend(torn.map(|life| format!("what life {life} had told is told otherwise")));
    found.iter_mut().for_each(|finding| finding.insert_str(0, &format!("seed {seed}: ")));
    Compared { restarts: earlier.len() as u64, findings: found }
}

/// Lives through a history, crashing after a step with a probability; the last life, where its
/// journal is, and what the lives before it had told.
fn live(
    history: &[Step],
    settings: &Arc<Settings>,
    directory: &Path,
    rng: &mut Rng,
    crash: f64,
) -> (Again, PathBuf, Vec<Vec<String>>) {
    let clock = Arc::new(ManualClock::at_seconds(BEGINS));
    let mut at = directory.join("0");
    let mut lives: Vec<Vec<String>> = Vec::new();
    let begin = |at: &Path, rng: &mut Rng| {
        Life::begin(at, settings, &clock, *rng.pick(&[1, 2, 4]), SEGMENT_BYTES)
    };
    let mut life = begin(&at, rng);
    for step in history {
        clock.advance_seconds(step.after_seconds);
        life.take(&step.lines);
        if rng.chance(crash) {
            let next = directory.join((lives.len() + 1).to_string());
            lives.push(life.crash(&at, &next));
            at = next;
            life = begin(&at, rng);
        }
    }
    (life.drain(), at, lives)
}
