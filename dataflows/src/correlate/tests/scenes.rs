//! Groups of small worlds, by what is to be seen of them: who is in them and why, what lies
//! around them, and when they leave.

use super::{START, Standing, after, rated};
use crate::correlate::tenant::Tenant;
use crate::correlate::{Fact, Outcome};
use crate::model::{
    Because, Change, ChangeKind, ChangePhase, Context, ContextEvent, Criticality, Edge, EntityRef,
    EventId, Group, Op, Pin, PlacedChange, Profile, RelationKind, Seconds, Severity,
};
use crate::params::Params;
use std::fmt::Write;
use std::sync::Arc;

fn entity(name: &str) -> EntityRef {
    EntityRef::new("t", name)
}

fn edge(from: &str, kind: RelationKind, to: &str) -> (Fact, isize) {
    let (from, to) = (entity(from), entity(to));
    let edge = Edge { tenant: "t".into(), from, to, kind, confidence_ppm: 1_000_000 };
    (Fact::Edge(Arc::new(edge)), 1)
}

fn calls(from: &str, to: &str) -> (Fact, isize) {
    edge(from, RelationKind::Calls, to)
}

fn alert(on: &str, after: Seconds) -> (Fact, isize) {
    (rated(&entity(on), entity(on), START + after, Severity::ERROR, None), 1)
}

/// One so common that it links nothing.
fn common(on: &str, after: Seconds) -> (Fact, isize) {
    let Fact::Alert(mut rated) = alert(on, after).0 else { unreachable!() };
    rated.surprise_milli = Params::default().correlate.bridge_surprise_milli - 1;
    (Fact::Alert(rated), 1)
}

fn why(because: &Because) -> String {
    match because {
        Because::Anchor => "anchor".to_owned(),
        Because::Alone => "alone".to_owned(),
        Because::Continues { via } => format!("goes on over {}", via.text),
        Because::Depends { via, relation, hops, lag } => {
            format!("{relation:?} {}, {hops} hops, {lag} s", via.text)
        }
        Because::Pinned { pin } => format!("pinned {}", pin.values),
    }
}

/// Each group, in order of its first alert: its alerts and why they are in it.
fn shown(standing: &Standing) -> String {
    let mut groups: Vec<&Arc<Group>> = standing.groups.values().collect();
    groups.sort_by_key(|group| group.members[0].key);
    let mut text = String::new();
    for group in groups {
        for member in &group.members {
            let after = member.key.onset - START;
            let entity = &group.entities[member.entity as usize].entity.text;
            writeln!(text, "{entity}@{after}: {}", why(&member.because)).expect("text takes it");
        }
        text.push_str(if group.degraded { "degraded\n" } else { "\n" });
    }
    text
}

fn groups(facts: Vec<(Fact, isize)>) -> String {
    shown(&after([facts]))
}

/// How many alerts are in each group.
fn sizes(facts: Vec<(Fact, isize)>) -> Vec<usize> {
    let standing = after([facts]);
    let mut groups: Vec<&Arc<Group>> = standing.groups.values().collect();
    groups.sort_by_key(|group| group.members[0].key);
    groups.iter().map(|group| group.members.len()).collect()
}

/// The first slice ends twenty seconds after the start.
#[test]
fn a_fault_travels_to_whoever_depends() {
    let facts = vec![
        calls("service:a/front", "service:a/cart"),
        calls("service:a/cart", "service:a/db"),
        alert("service:a/db", 0),
        alert("service:a/cart", 20),
        alert("service:a/front", 50),
        alert("service:a/db", 55),
    ];
    assert_eq!(
        groups(facts),
        "service:a/db@0: anchor\n\
         service:a/cart@20: Calls service:a/db, 1 hops, 20 s\n\
         service:a/front@50: Calls service:a/cart, 2 hops, 30 s\n\
         service:a/db@55: goes on over service:a/db\n\n"
    );
}

#[test]
fn who_is_too_late_or_not_connected_is_alone() {
    let edges = || vec![calls("service:a/b", "service:a/a")];
    let with = |b: Seconds| [edges(), vec![alert("service:a/a", 0), alert("service:a/b", b)]];
    assert_eq!(sizes(with(120).concat()), [2]);
    assert_eq!(sizes(with(121).concat()), [1, 1]);
    assert_eq!(sizes(vec![alert("service:a/a", 0), alert("service:a/c", 0)]), [1, 1]);
    assert_eq!(groups(vec![alert("service:a/a", 0)]), "service:a/a@0: alone\n\n");
    // Of the same entity for five minutes.
    let same = |second| sizes(vec![alert("service:a/a", 0), alert("service:a/a", second)]);
    assert_eq!((same(300), same(301)), (vec![2], vec![1, 1]));
    // An owner carries no fault.
    let owned = edge("service:a/b", RelationKind::OwnedBy, "service:a/a");
    assert_eq!(sizes(vec![owned, alert("service:a/a", 0), alert("service:a/b", 9)]), [1, 1]);
}

/// What is silent and was blamed once goes on being blamed, for as long as a lag may be.
#[test]
fn who_uses_what_a_standing_group_blames_joins_it() {
    let users = ["service:a/b", "service:a/c", "service:a/d", "service:a/e"];
    let with = |late: Seconds| {
        let mut facts = users.map(|user| calls(user, "service:a/silent")).to_vec();
        facts.extend(users[..3].iter().map(|user| alert(user, 0)));
        facts.push(alert(users[3], late));
        facts
    };
    let shown = groups(with(79));
    assert!(shown.ends_with("e@79: Calls service:a/silent, 1 hops, 101 s\n\n"), "{shown}");
    assert_eq!(sizes(with(79)), [4]);
    assert_eq!(sizes(with(110)), [3, 1]);
}

#[test]
fn what_is_common_links_nobody() {
    let edges = || vec![calls("service:a/b", "service:a/a"), calls("service:a/c", "service:a/b")];
    let facts = vec![alert("service:a/a", 0), common("service:a/b", 5), alert("service:a/c", 15)];
    assert_eq!(sizes([edges(), facts].concat()), [1, 1, 1]);
    let facts = vec![alert("service:a/a", 0), alert("service:a/b", 5), alert("service:a/c", 15)];
    assert_eq!(sizes([edges(), facts].concat()), [3]);
}

#[test]
fn parts_are_their_whole() {
    let part = |pod, whole| edge(pod, RelationKind::PartOf, whole);
    let facts = vec![
        part("pod:a/p0", "deployment:a/d"),
        part("pod:a/p1", "deployment:a/d"),
        part("deployment:a/d", "service:a/a"),
        calls("service:a/b", "service:a/a"),
        alert("pod:a/p0", 0),
        alert("pod:a/p1", 10),
        alert("service:a/b", 20),
    ];
    let standing = after([facts]);
    assert_eq!(
        shown(&standing),
        "pod:a/p0@0: anchor\npod:a/p1@10: anchor\n\
         service:a/b@20: Calls service:a/a, 1 hops, 10 s\n\n"
    );
    let group = standing.groups.values().next().expect("one stands");
    let around: Vec<String> = group
        .entities
        .iter()
        .map(|of| {
            let edges = of.depends.iter().map(|to| {
                let to_text = &group.entities[to.to as usize].entity.text;
                format!("{}{:?} {to_text}", if to.reversed { "has " } else { "" }, to.kind)
            });
            let edges: Vec<String> = edges.collect();
            format!("{} {} {} {edges:?}", of.entity.text, of.users_total, of.siblings)
        })
        .collect();
    assert_eq!(
        around,
        [
            "pod:a/p0 0 2 [\"PartOf service:a/a\"]",
            "pod:a/p1 0 2 [\"PartOf service:a/a\"]",
            "service:a/a 1 1 [\"has PartOf pod:a/p0\", \"has PartOf pod:a/p1\"]",
            "service:a/b 0 1 [\"Calls service:a/a\"]",
        ]
    );
}

fn change(on: &str, id: &str, after: Seconds) -> (Fact, isize) {
    let change = Change {
        change_id: id.into(),
        entity: entity(on),
        kind: ChangeKind::Deploy,
        phase: ChangePhase::Finished,
        risk: 0,
        emergency: false,
        version: Default::default(),
        summary: Default::default(),
    };
    let event = Arc::new(ContextEvent {
        tenant: "t".into(),
        source: "s".into(),
        id: EventId::new(id),
        time_ns: (START + after) * 1_000_000_000,
        observed_ns: 0,
        op: Op::Upsert,
        body: Context::Change(change),
    });
    (Fact::Change(Arc::new(PlacedChange { entity: entity(on), event })), 1)
}

#[test]
fn changes_around_a_group_are_those_of_its_window() {
    let window = Params::default().context.change_window_seconds;
    let late = Params::default().correlate.lag_min_seconds;
    let facts = vec![
        calls("service:a/b", "service:a/a"),
        calls("service:a/a", "service:a/silent"),
        edge("pod:a/p0", RelationKind::PartOf, "service:a/a"),
        change("service:a/a", "too-early", -window - 1),
        change("service:a/a", "early", -window),
        change("pod:a/p0", "of-a-part", -9),
        change("service:a/silent", "below", -5),
        change("service:a/b", "late", 40 + late),
        change("service:a/b", "too-late", 40 + late + 1),
        change("service:a/far", "elsewhere", 0),
        alert("service:a/a", 0),
        alert("service:a/b", 40),
    ];
    let standing = after([facts]);
    let group = standing.groups.values().next().expect("one stands");
    let changes: Vec<String> = group
        .changes
        .iter()
        .map(|change| {
            let on = &group.entities[change.entity as usize].entity.text;
            format!("{} of {on}", change.event.id.0)
        })
        .collect();
    assert_eq!(
        changes,
        [
            "early of service:a/a",
            "of-a-part of service:a/a",
            "below of service:a/silent",
            "late of service:a/b",
        ]
    );
}

#[test]
fn what_a_catalogue_says_is_with_the_group_and_goes() {
    let said = Profile {
        tenant: "t".into(),
        entity: entity("service:a/a"),
        owner: Some(entity("team:a/owners")),
        criticality: Criticality::Critical,
    };
    let said = Fact::Profile(Arc::new(said));
    let (mut tenant, mut standing) = (Tenant::default(), Standing::default());
    let mut apply = |facts: Vec<(Fact, isize)>, now: Seconds| {
        let mut sealed = 0;
        tenant.apply(facts, now, &Params::default(), &mut |outcome, diff| {
            sealed += usize::from(matches!(outcome, Outcome::Sealed(_)));
            standing.take(outcome, diff);
        });
        let group = standing.groups.values().next();
        let owner = group.and_then(|group| {
            let of = &group.entities[0];
            of.owner.clone().map(|owner| (owner.text, of.criticality))
        });
        (owner, standing.groups.len(), sealed, tenant.is_empty())
    };
    let none = (None, 1, 0, false);
    assert_eq!(apply(vec![alert("service:a/a", 0)], START), none);
    let owner = Some(("team:a/owners".into(), Criticality::Critical));
    assert_eq!(apply(vec![(said.clone(), 1)], START), (owner, 1, 0, false));
    assert_eq!(apply(vec![(said, -1)], START), none);
    // Taken back, nothing is left of it; what left its horizon is sealed.
    let (fact, _) = alert("service:a/a", 0);
    assert_eq!(apply(vec![(fact.clone(), -1)], START), (None, 0, 0, true));
    assert_eq!(apply(vec![(fact.clone(), 1)], START + 10), none);
    let horizon = Params::default().dedup.revise_horizon_seconds;
    let (_, groups, sealed, is_empty) = apply(vec![(fact, -1)], START + horizon + 10_000);
    assert_eq!((groups, sealed, is_empty), (0, 1, true));
}

#[test]
fn a_rule_groups_by_its_values_alone() {
    let pinned = |on: &str, after: Seconds, values: &str| {
        let pin = Arc::new(Pin { rule: "r".into(), values: values.into() });
        (rated(&entity(on), entity(on), START + after, Severity::ERROR, Some(pin)), 1)
    };
    let facts = vec![
        calls("service:a/b", "service:a/a"),
        pinned("service:a/a", 0, "x"),
        alert("service:a/b", 10),
        pinned("service:a/c", 900, "x"),
        pinned("service:a/a", 901, "y"),
    ];
    assert_eq!(
        groups(facts),
        "service:a/a@0: pinned x\nservice:a/c@900: pinned x\n\nservice:a/b@10: alone\n\n\
         service:a/a@901: alone\n\n"
    );
}
