//! What holds of the engine in `tests/it/engine`, over fewer histories.
#![allow(dead_code)]

mod engine {
    mod history;
    mod run;
    mod told;

    use history::{History, histories};
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    use run::{check_against_oracle, check_restarts, check_taken_back};

    /// Histories of each property: most mutants that are found are found by the first few.
    const CASES: u32 = 40;

    fn property(check: impl Fn(&History) -> Result<(), TestCaseError>) {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[1; 32]);
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            max_shrink_iters: 0,
            ..Config::default()
        };
        if let Err(failure) =
            TestRunner::new_with_rng(config, rng).run(&histories(), |history| check(&history))
        {
            // The first is enough, and the other tests need not come to their end.
            eprintln!("{failure}");
            std::process::exit(1);
        }
    }

    #[test]
    fn every_epoch_agrees_with_the_oracle() {
        property(|history| check_against_oracle(history).map_err(TestCaseError::fail));
    }

    #[test]
    fn taking_everything_back_leaves_nothing() {
        property(|history| check_taken_back(history).map_err(TestCaseError::fail));
    }

    #[test]
    fn what_was_saved_goes_on_to_the_very_same_answers() {
        property(|history| check_restarts(history).map_err(TestCaseError::fail));
    }
}
