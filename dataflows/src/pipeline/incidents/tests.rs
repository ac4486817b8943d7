//! What is said of an incident follows what stands of its sources.

use super::*;
use crate::model::finding::SIGNAL;
use crate::model::{
    Annotated, Because, Criticality, Degraded, Disposition, GroupEntity, GroupMember, Severity,
};

const OPENED: Seconds = 1_000_000;
const HORIZON: Seconds = 3600;

fn alert(name: &str, labels: &[(&str, &str)], onset: Seconds) -> Annotated {
    let alert = doubt::tests::alert(name, "eu1", labels, onset);
    let entity = alert.identity.entity.clone();
    Annotated { alert, entity, severity: Severity::ERROR, suppression: None, pin: None }
}

fn group() -> Fact {
    let row = Arc::new(alert("HighErrorRate", &[], OPENED));
    let member = GroupMember {
        key: row.alert.key,
        entity: 0,
        surprise_milli: 3000,
        specific_milli: 0,
        because: Because::Alone,
        row: row.clone(),
    };
    let entity = GroupEntity {
        entity: row.entity.clone(),
        depends: Vec::new(),
        users_total: 0,
        siblings: 1,
        owner: None,
        criticality: Criticality::default(),
    };
    Fact::Group(Arc::new(Group {
        key: IncidentKey::of(member.key),
        tenant: "t".into(),
        members: vec![member],
        entities: Arc::new([entity]),
        changes: Arc::new([]),
        model: None,
        degraded: false,
    }))
}

fn finding() -> Fact {
    let row = alert("SourceLate", &[(SIGNAL, "source")], OPENED + 100);
    Fact::Finding(row.told(Disposition::Standalone))
}

/// What stands after each of some epochs; nothing may be taken back that does not.
fn play(epochs: Vec<(Seconds, Vec<(Fact, isize)>)>) -> Vec<Option<Arc<Incident>>> {
    let mut explainer = Explainer::new(&Params::default(), Vec::new());
    let mut stands: Option<Arc<Incident>> = None;
    let mut seen = Vec::new();
    for (after, facts) in epochs {
        let facts = facts.into_iter().map(|(fact, diff)| (fact, 0, diff)).collect();
        let mut said = Vec::new();
        explainer.epoch(facts, OPENED + after, &mut said);
        for (incident, diff) in said {
            match diff {
                1 => assert_eq!(stands.replace(incident), None, "put up twice"),
                _ => assert_eq!(stands.take(), Some(incident), "taken back unsaid"),
            }
        }
        seen.push(stands.clone());
    }
    seen
}

fn first_ppm(incident: &Option<Arc<Incident>>) -> u32 {
    incident.as_ref().map_or(0, |incident| incident.cause.candidates[0].probability_ppm)
}

#[test]
fn a_finding_that_comes_and_is_taken_back_leaves_no_trace() {
    let seen = play(vec![
        (0, vec![(group(), 1)]),
        (160, vec![(finding(), 1)]),
        (200, vec![(group(), -1), (group(), 1)]),
        (300, vec![(finding(), -1)]),
    ]);
    assert!(first_ppm(&seen[0]) > 0);
    assert_eq!(first_ppm(&seen[1]), first_ppm(&seen[0]) / 2);
    let degraded = seen[1].as_ref().map(|incident| incident.degraded.clone());
    assert!(matches!(degraded, Some(Degraded::Doubted { factor_ppm: 500_000, .. })));
    assert_eq!(seen[2], seen[1], "the group anew is worth as little");
    assert_eq!(seen[3], seen[0]);
}

#[test]
fn the_order_of_group_and_finding_does_not_matter() {
    let one = play(vec![(160, vec![(finding(), 1), (group(), 1)])]);
    let other = play(vec![(160, vec![(finding(), 1)]), (160, vec![(group(), 1)])]);
    assert_eq!(one.last(), other.last());
}

#[test]
fn leaving_the_horizon_is_not_taking_back() {
    let seen = play(vec![
        (0, vec![(group(), 1), (finding(), 1)]),
        (HORIZON + 100, vec![(finding(), -1)]),
        (HORIZON + 200, vec![(group(), -1), (group(), 1)]),
        (HORIZON + 300, vec![(group(), -1)]),
        // A late alert may still make an incident of that time.
        (HORIZON + 310, vec![(group(), 1)]),
        (HORIZON + 320, vec![(group(), -1)]),
        (2 * HORIZON, vec![]),
        (2 * HORIZON + 10, vec![(group(), 1)]),
    ]);
    assert_eq!((&seen[1], &seen[2], &seen[3]), (&seen[0], &seen[0], &None));
    assert_eq!((&seen[4], &seen[5]), (&seen[0], &None));
    let degraded = seen[7].as_ref().map(|incident| incident.degraded.clone());
    assert_eq!(degraded, Some(Degraded::No), "nothing is kept for nobody");
}

#[test]
fn one_who_begins_anew_knows_what_left_the_horizon() {
    let mut explainer = Explainer::new(&Params::default(), Vec::new());
    let epoch = |explainer: &mut Explainer, facts: Vec<(Fact, isize)>, after| {
        let mut said = Vec::new();
        let facts = facts.into_iter().map(|(fact, diff)| (fact, 0, diff)).collect();
        explainer.epoch(facts, OPENED + after, &mut said);
        said
    };
    let before = epoch(&mut explainer, vec![(group(), 1), (finding(), 1)], 160);
    assert_eq!(explainer.save(), [], "the finding is told again by others");
    epoch(&mut explainer, vec![(finding(), -1)], HORIZON + 100);
    let saved = explainer.save();
    assert_eq!(saved.len(), 1);
    let mut again = Explainer::new(&Params::default(), saved.clone());
    let after = epoch(&mut again, vec![(group(), 1)], HORIZON + 160);
    assert_eq!((after, again.save()), (before, saved));
}
