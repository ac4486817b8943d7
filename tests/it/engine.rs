//! The engine against its oracle, at every epoch, on histories that shrink.
//!
//! A history inserts, deletes, repeats, delays and corrects: alerts that fire,
//! flap and resolve, late events, topology edits, aliases, silences, windows,
//! rules, changes, models. It is cut into epochs at random.

mod history;
mod memory;
mod replay;
mod run;
mod told;

use causeway::emit::digest::Digest;
use history::{History, histories};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use run::{Standing, check_against_oracle, check_restart, run};

/// Histories per property; with three runs each they fit into the test command.
const CASES: u32 = 500;

fn property(check: impl Fn(&History) -> Result<(), TestCaseError>) {
    let mut runner = TestRunner::new_with_rng(
        Config {
            cases: CASES,
            failure_persistence: None,
            max_shrink_iters: 2000,
            ..Config::default()
        },
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    if let Err(failure) = runner.run(&histories(), |history| check(&history)) {
        panic!("{failure}");
    }
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
fn every_epoch_agrees_with_the_oracle() {
    property(|history| check_against_oracle(history).map_err(TestCaseError::fail));
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
    property(|history| {
        let standing = run(&history.taken_back(), 2);
        prop_assert!(standing.rows.is_empty(), "alerts are left: {:?}", standing.rows);
        prop_assert!(standing.incidents.is_empty(), "incidents are left");
        Ok(())
    });
}

#[test]
fn what_was_saved_goes_on_to_the_very_same_answers() {
    property(|history| {
        // Early, in the middle, late, on other numbers of workers, as the history has it.
        let place = history.steps.len() % 4;
        let workers = [(1, 1), (2, 1), (1, 3), (4, 4)][place];
        let cut = history.steps.len() * (place + 1) / 5;
        check_restart(history, cut, workers).map_err(TestCaseError::fail)?;
        // With horizons that pass, so that groups freeze and leave on both sides of the cut.
        check_restart(&history.taken_back(), cut, workers).map_err(TestCaseError::fail)
    });
}
