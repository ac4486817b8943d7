//! What the configuration asks to be watched, whether anything is heard of it or not.

use super::watch::Asked;
use super::{budget, expected};
use crate::model::{EntityRef, Fingerprint, Identity, Labels};
use crate::params::DetectParams;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The words that decide where something is kept: what it is about is among them, as `what`, so
/// that one that is about something else from now on begins anew.
pub(super) fn identity(
    sort: &str,
    (tenant, entity, name): (&SmolStr, &str, &SmolStr),
    what: (&str, &str),
) -> Identity {
    let fingerprint =
        Fingerprint::of(&mut Vec::new(), tenant, sort, entity, name, [what].into_iter());
    Identity {
        fingerprint,
        tenant: tenant.clone(),
        source: SmolStr::new(sort),
        entity: EntityRef::new(tenant, entity),
        name: name.clone(),
        labels: Labels::pack([(sort, name.as_str())].into_iter()),
    }
}

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
