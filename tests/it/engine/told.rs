//! What was told of a history, against what stands at its end.

use super::property;
use super::run::outputs;
use causeway::emit::ledger::{Emission, Ledger};
use causeway::emit::wire::Revision;
use causeway::runtime::EpochOutput;
use causeway_dataflows::ops::epochs::Tick;
use proptest::prelude::*;
use smol_str::ToSmolStr;
use std::collections::BTreeMap;

/// At once, as by default, and so late that the drain alone tells.
const EMISSIONS: [Emission; 3] = [
    Emission { settle_seconds: 0, settle_max_seconds: 0, revise_interval_seconds: 0 },
    Emission { settle_seconds: 2, settle_max_seconds: 10, revise_interval_seconds: 10 },
    Emission { settle_seconds: 5_000, settle_max_seconds: 9_000, revise_interval_seconds: 5_000 },
];

fn check(answers: &[(EpochOutput, Tick)], emission: Emission) -> Result<(), TestCaseError> {
    let mut ledger = Ledger::new(emission);
    let mut last: BTreeMap<String, Revision> = BTreeMap::new();
    for (output, tick) in answers {
        for message in ledger.apply(output, *tick) {
            let revision = message.revision.as_ref().clone();
            let number = last.get(revision.incident_id.as_str()).map_or(0, |last| last.revision);
            prop_assert_eq!(number + 1, revision.revision, "{} has a gap", revision.incident_id);
            last.insert(revision.incident_id.to_string(), revision);
        }
    }
    for (id, incident, told) in ledger.standing() {
        let Some(told) = told else {
            return Err(TestCaseError::fail(format!("{id} was never told of: {incident:?}")));
        };
        prop_assert_eq!(Some(told), last.get(id.as_str()), "{} was told otherwise", id);
        let mut rows: Vec<_> = told.alerts.iter().map(|row| (&row.alert_id, row.count)).collect();
        rows.sort();
        let members = incident.members.iter().map(|member| {
            let count = ledger.count(member.key).expect("a drain publishes every count");
            (member.key.to_smolstr(), count.count)
        });
        let mut members: Vec<_> = members.collect();
        members.sort();
        let members: Vec<_> = members.iter().map(|(id, count)| (id, *count)).collect();
        prop_assert_eq!(rows, members, "{} was not told as it stands", id);
    }
    Ok(())
}

#[test]
fn a_drain_leaves_nothing_untold() {
    property(|history| {
        let answers = outputs(history);
        EMISSIONS.into_iter().try_for_each(|emission| check(&answers, emission))
    });
}
