//! What is news of an alert that stays where it is, of a group that does, and what is none.

use super::*;
use crate::model::{Criticality, Disposition, ModelUpdate, Profile, Rated, Reason, Suppression};

impl Heard {
    fn hear(&mut self, facts: Vec<(Fact, isize)>) {
        self.apply(facts, START + 300, &Params::default());
    }

    /// Severity, magnitude and what became of each alert, in order of onset.
    fn rows(&self) -> Vec<(Severity, u8, &'static str)> {
        let of = |row: &Arc<AlertRow>| {
            let became = match &row.disposition {
                Disposition::Incident(_) => "incident",
                Disposition::Standalone => "alone",
                Disposition::Suppressed(_) => "suppressed",
            };
            (row.severity, row.alert.magnitude, became)
        };
        self.standing.rows.values().map(of).collect()
    }

    /// The same of members of groups.
    fn members(&self) -> Vec<(Severity, u8)> {
        let members = self.standing.groups.values().flat_map(|group| &group.members);
        members.map(|member| (member.row.severity, member.row.alert.magnitude)).collect()
    }
}

fn with(fact: Fact, severity: Severity, magnitude: u8) -> Fact {
    let Fact::Alert(Rated { row, surprise_milli, specific_milli }) = fact else { unreachable!() };
    let alert = Alert { magnitude, severity, ..Alert::clone(&row.alert) };
    let row = Arc::new(Annotated { alert: Arc::new(alert), severity, ..Annotated::clone(&row) });
    Fact::Alert(Rated { row, surprise_milli, specific_milli })
}

#[test]
fn a_mild_alert_is_an_incident_only_in_company_or_once_it_is_severe() {
    let mild = |on: u8| with(alert((on, on)), Severity::INFO, 0);
    let severe = with(alert((0, 0)), Severity::ERROR, 0);
    let mut heard = Heard::default();
    heard.hear(vec![added(mild(0))]);
    assert_eq!(heard.rows(), [(Severity::INFO, 0, "alone")]);
    assert!(heard.standing.groups.is_empty());
    heard.hear(vec![(mild(0), -1), added(severe.clone())]);
    assert_eq!(heard.rows(), [(Severity::ERROR, 0, "incident")]);
    assert_eq!(heard.members(), [(Severity::ERROR, 0)]);
    heard.hear(vec![(severe, -1), added(mild(0))]);
    assert_eq!(heard.rows(), [(Severity::INFO, 0, "alone")]);
    assert!(heard.standing.groups.is_empty());
    heard.hear(vec![added(mild(1)), added(edge((1, 0)))]);
    assert_eq!(heard.rows(), [(Severity::INFO, 0, "incident"); 2]);
    assert_eq!(heard.members().len(), 2);
    // The least that is an incident by itself.
    let least = Severity(Params::default().correlate.standalone_below);
    heard.hear(vec![(mild(1), -1), (mild(0), -1), added(with(alert((0, 0)), least, 0))]);
    assert_eq!(heard.rows(), [(least, 0, "incident")]);
}

#[test]
fn whatever_is_news_of_an_alert_is_said_once() {
    let first = |magnitude| with(alert((0, 0)), Severity::ERROR, magnitude);
    let mut heard = Heard::default();
    heard.hear(vec![added(first(0)), added(alert((1, 5))), added(edge((1, 0)))]);
    assert_eq!(heard.said, (1, 2));
    // In a group, of which the other is as it was; then by itself, then as a lone mild one.
    heard.hear(vec![(first(0), -1), added(first(3))]);
    assert_eq!(heard.said, (1, 1));
    assert_eq!(heard.rows()[0], (Severity::ERROR, 3, "incident"));
    assert_eq!(heard.members(), [(Severity::ERROR, 3), (Severity::ERROR, 0)]);
    heard.hear(vec![(alert((1, 5)), -1)]);
    heard.hear(vec![(first(3), -1), added(first(4))]);
    assert_eq!(heard.said, (1, 1));
    assert_eq!(heard.members(), [(Severity::ERROR, 4)]);
    let mild = |magnitude| with(alert((0, 0)), Severity::INFO, magnitude);
    heard.hear(vec![(first(4), -1), added(mild(4))]);
    heard.hear(vec![(mild(4), -1), added(mild(5))]);
    assert_eq!(heard.said, (0, 1));
    assert_eq!(heard.rows(), [(Severity::INFO, 5, "alone")]);
}

/// An alert that a rule groups from now on leaves the group of its topology, and comes back.
#[test]
fn an_alert_that_a_rule_groups_leaves_its_group() {
    let pinned = |fact| {
        let Fact::Alert(mut rated) = fact else { unreachable!() };
        let pin = Some(Arc::new(Pin { rule: "r".into(), values: "v".into() }));
        rated.row = Arc::new(Annotated { pin, ..Annotated::clone(&rated.row) });
        Fact::Alert(rated)
    };
    let both = [alert((0, 0)), alert((1, 5))];
    let mut heard = Heard::default();
    heard.hear(vec![added(both[0].clone()), added(both[1].clone()), added(edge((1, 0)))]);
    assert_eq!(heard.standing.groups.len(), 1);
    heard.hear(vec![(both[0].clone(), -1), added(pinned(both[0].clone()))]);
    assert_eq!(heard.standing.groups.len(), 2);
    heard.hear(vec![(pinned(both[0].clone()), -1), added(both[0].clone())]);
    assert_eq!(heard.standing.groups.len(), 1);
}

/// What is replaced within an epoch is what comes, in whichever order it is heard of.
#[test]
fn what_replaces_another_stands() {
    let profile = |criticality| {
        let tenant = "t".into();
        Fact::Profile(Arc::new(Profile { tenant, entity: entity(0), owner: None, criticality }))
    };
    let model = |version: &str| {
        let weights_milli = vec![("lag".into(), 7)];
        Fact::Model(Arc::new(ModelUpdate { version: version.into(), weights_milli }))
    };
    let shown = |heard: &Heard| {
        let group = heard.standing.groups.values().next().expect("one stands");
        let model = group.model.as_ref().map(|model| model.version.to_string());
        (group.entities[0].criticality, model)
    };
    let mut heard = Heard::default();
    heard.hear(vec![added(alert((0, 0)))]);
    assert_eq!(shown(&heard), (Criticality::default(), None));
    heard.hear(vec![added(profile(Criticality::Critical)), added(model("one"))]);
    assert_eq!(shown(&heard), (Criticality::Critical, Some("one".to_owned())));
    heard.hear(vec![
        added(profile(Criticality::Low)),
        (profile(Criticality::Critical), -1),
        added(model("two")),
        (model("one"), -1),
    ]);
    assert_eq!(shown(&heard), (Criticality::Low, Some("two".to_owned())));
    heard.hear(vec![(profile(Criticality::Low), -1), (model("two"), -1)]);
    assert_eq!(shown(&heard), (Criticality::default(), None));
}

/// A slice sees two minutes ahead: what comes later fills no component of it.
#[test]
fn what_is_far_ahead_does_not_fill_a_component() {
    let mut params = Params::default();
    params.correlate.component_max = 2;
    let alerts = |seconds: [u8; 3]| seconds.map(|after| added(alert((0, after)))).to_vec();
    let shown = |seconds| {
        let standing = after_with(&params, [alerts(seconds)]);
        standing.groups.values().map(|g| (g.members.len(), g.degraded)).collect::<Vec<_>>()
    };
    assert_eq!(shown([0, 100, 200]), [(3, false)]);
    assert_eq!(shown([0, 100, 139]), [(3, true)]);
}

/// An alert that is suppressed leaves its group, and is in it again when it is not.
#[test]
fn an_alert_that_is_suppressed_leaves_its_group() {
    let quiet = |fact| {
        let Fact::Alert(mut rated) = fact else { unreachable!() };
        let suppression = Some(Suppression { reason: Reason::Silence, by: "s1".into() });
        rated.row = Arc::new(Annotated { suppression, ..Annotated::clone(&rated.row) });
        Fact::Alert(rated)
    };
    let both = [alert((0, 0)), alert((1, 5))];
    let mut heard = Heard::default();
    heard.hear(vec![added(both[0].clone()), added(both[1].clone()), added(edge((1, 0)))]);
    heard.hear(vec![(both[0].clone(), -1), added(quiet(both[0].clone()))]);
    let became =
        |heard: &Heard| heard.rows().iter().map(|(.., became)| *became).collect::<Vec<_>>();
    assert_eq!(became(&heard), ["suppressed", "incident"]);
    assert_eq!(heard.members().len(), 1);
    heard.hear(vec![(quiet(both[0].clone()), -1), added(both[0].clone())]);
    assert_eq!(became(&heard), ["incident", "incident"]);
    assert_eq!(heard.members().len(), 2);
}
