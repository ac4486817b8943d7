//! The engine against its oracle, at every epoch, on histories that shrink.
//!
//! A history inserts, deletes, repeats, delays and corrects: alerts that fire,
//! flap and resolve, late events, topology edits, aliases, silences, windows,
//! rules, changes, models. It is cut into epochs at random.

mod found;
mod history;
mod memory;
mod mesh;
mod replay;
mod run;
mod told;

use causeway::emit::digest::Digest;
use history::{History, histories};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use run::{Standing, check_against_oracle, check_restarts, check_taken_back, run};

/// Histories per property; with three runs each they fit into the test command.
const CASES: u32 = 500;

/// The same where each starts processes that connect.
const MESH_CASES: u32 = 60;

fn property(check: impl Fn(&History) -> Result<(), TestCaseError>) {
    property_of(CASES, check);
}

fn property_of(cases: u32, check: impl Fn(&History) -> Result<(), TestCaseError>) {
    if let Err(failure) = hold(1, cases, check) {
        panic!("{failure}");
    }
}

/// Holds so many histories of a seed to what is checked; the smallest for which it does not hold.
fn hold(
    seed: u64,
    cases: u32,
    check: impl Fn(&History) -> Result<(), TestCaseError>,
) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    runner.run(&histories(), |history| check(&history)).map_err(|failure| failure.to_string())
}

/// Every epoch of so many histories of a seed agrees with the oracle.
pub(crate) fn agree(seed: u64, cases: u32) -> Result<(), String> {
    hold(seed, cases, |history| check_against_oracle(history).map_err(TestCaseError::fail))
}

fn digest(standing: &Standing) -> String {
    let mut digest = Digest::new();
    for (key, row) in &standing.rows {
        digest.toggle_alert(row, standing.counts.get(key).copied());
    }
    for incident in standing.incidents.values() {
        digest.toggle_incident(incident);
    }
    digest.to_string()
}

#[test]
fn workers_cuts_and_order_of_arrival_do_not_matter() {
    property(|history| {
        let one = digest(&run(history, 1));
        prop_assert_eq!(&one, &digest(&run(history, 2)), "two workers");
        prop_assert_eq!(&one, &digest(&run(history, 4)), "four workers");
        prop_assert_eq!(&one, &digest(&run(&history.cut_everywhere(), 1)), "smallest epochs");
        prop_assert_eq!(&one, &digest(&run(&history.uncut(), 1)), "largest epochs");
        prop_assert_eq!(&one, &digest(&run(&history.shuffled(), 2)), "another order of arrival");
        Ok(())
    });
}

#[test]
fn taking_everything_back_leaves_nothing() {
    property(|history| check_taken_back(history).map_err(TestCaseError::fail));
}

#[test]
fn what_was_saved_goes_on_to_the_very_same_answers() {
    property(|history| check_restarts(history).map_err(TestCaseError::fail));
}

#[test]
fn several_processes_answer_as_one_does() {
    property_of(MESH_CASES, |history| {
        let place = history.steps.len() % 4;
        let shape = [(2, 1), (3, 1), (2, 2), (3, 2)][place];
        let cut = history.steps.len() * (place + 1) / 5;
        mesh::check(history, shape, cut).map_err(TestCaseError::fail)
    });
}
