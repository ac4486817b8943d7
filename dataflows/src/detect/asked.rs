//! What the configuration asks to be watched, whether anything is heard of it or not.

use super::watch::Asked;
use super::{budget, expected};
use crate::model::{Fingerprint, Identity};
use crate::params::DetectParams;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Those that one worker watches.
#[derive(Debug)]
pub(super) struct AskedFor {
    by_fingerprint: BTreeMap<Fingerprint, Asked>,
    /// Those that no watch was opened for yet.
    unopened: Vec<(Arc<Identity>, Asked)>,
}

impl AskedFor {
    /// What is asked of one of so many workers.
    pub(super) fn of(params: &DetectParams, (index, peers): (usize, usize)) -> AskedFor {
        let slos = params.budget.slos.iter();
        let slos = slos.map(|slo| (budget::identity(slo), Asked::Budget(Arc::new(slo.clone()))));
        let expected = params.expecting.expected.iter();
        let expected =
            expected.map(|of| (expected::identity(of), Asked::Expected(Arc::new(of.clone()))));
        let all = slos.chain(expected);
        let home = |identity: &Identity| identity.fingerprint.low64() % peers as u64;
        let own: Vec<(Arc<Identity>, Asked)> = all
            .filter(|(identity, _)| home(identity) == index as u64)
            .map(|(identity, asked)| (Arc::new(identity), asked))
            .collect();
        let by_fingerprint =
            own.iter().map(|(identity, asked)| (identity.fingerprint, asked.clone())).collect();
        AskedFor { by_fingerprint, unopened: own }
    }

    /// What is asked for under a fingerprint.
    pub(super) fn get(&self, fingerprint: Fingerprint) -> Option<&Asked> {
        self.by_fingerprint.get(&fingerprint)
    }

    /// Those that no watch was opened for yet; once.
    pub(super) fn take_unopened(&mut self) -> Vec<(Arc<Identity>, Asked)> {
        std::mem::take(&mut self.unopened)
    }
}
