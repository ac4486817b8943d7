//! Gains, cones and covers, by numbers that were worked out by hand.

use super::*;
use crate::correlate::Fact;
use crate::correlate::tests::rated;
use crate::correlate::world::Placed;
use crate::model::{Because, EntityRef, Fingerprint, Pin, RelationKind, Severity};
use std::sync::Arc;

const START: Seconds = 1_000_000;

/// A topology, and alerts by entity.
#[derive(Default)]
struct Scene {
    world: World,
    sites: Sites,
    standing: BTreeMap<AlertKey, Vec<Source>>,
    params: CorrelateParams,
}

fn entity(name: &str) -> EntityRef {
    EntityRef::new("t", &format!("service:a/{name}"))
}

fn key(after: Seconds) -> AlertKey {
    AlertKey { onset: START + after, fingerprint: Fingerprint(7) }
}

impl Scene {
    /// Who calls whom, as `user>used`, and who alerts when, as `entity@seconds`.
    fn of(edges: &str, alerts: &str) -> Scene {
        let mut scene = Scene::default();
        for edge in edges.split_whitespace() {
            let (user, used) = edge.split_once('>').expect("user>used");
            scene.world.link(&entity(user), &entity(used), RelationKind::Calls);
        }
        for alert in alerts.split_whitespace() {
            let (name, after) = alert.split_once('@').expect("entity@seconds");
            let node = scene.world.intern(&entity(name));
            let onset = key(after.parse().expect("seconds"));
            scene.sites.by_node.entry(node).or_default().push(onset);
        }
        scene.sites.by_node.values_mut().for_each(|alerts| alerts.sort_unstable());
        scene
    }

    fn node(&self, name: &str) -> NodeIndex {
        self.world.find(entity(name).id).expect("it is known")
    }

    fn candidate(&self, name: &str) -> Candidate {
        Candidate::Entity(entity(name).id, self.node(name))
    }

    fn silent(&self) -> BTreeMap<NodeIndex, Seconds> {
        silent_candidates(&self.world, &self.sites, None, &self.params)
    }

    /// What a candidate gains; `None` when it explains nothing.
    fn gain(&self, candidate: &Candidate) -> Option<i64> {
        let Scene { world, sites, standing, params, .. } = self;
        gain(world, sites, standing, &self.silent(), candidate, params).map(|(gain, _)| gain)
    }

    fn gain_of(&self, name: &str) -> Option<i64> {
        self.gain(&self.candidate(name))
    }

    fn shown(&self, reached: &[Reached]) -> String {
        let name = |node| self.world.node(node).entity.text.trim_start_matches("service:a/");
        let mut sites: Vec<String> = reached
            .iter()
            .map(|site| {
                let onsets: Vec<Seconds> =
                    site.alerts.iter().map(|key| key.onset - START).collect();
                format!(
                    "{} via {} {} hops, lag {}, {}: {onsets:?}",
                    name(site.node),
                    name(site.via),
                    site.hops,
                    site.lag,
                    site.weight_milli,
                )
            })
            .collect();
        sites.sort_unstable();
        sites.join("\n")
    }

    /// The cone of an entity in which trouble began at a second.
    fn cone(&self, name: &str, after: Seconds, decided: bool) -> String {
        let own_seconds = self.params.same_entity_seconds;
        let source = Source { node: self.node(name), onset: START + after, decided, own_seconds };
        self.shown(&grow(&self.world, &self.sites, &[source], &self.params))
    }

    /// What the cover chooses, in order: entities by name, groups by when they began.
    fn split(self) -> Vec<String> {
        let sites = Sites { by_node: self.sites.by_node.clone() };
        let chosen = split(&self.world, sites, &self.standing, START + 10_000, None, &self.params);
        let mut said = Vec::new();
        for Chosen { standing, source, reached } in chosen {
            let covers: usize = reached.iter().map(|site| site.alerts.len()).sum();
            let from = match (standing, source) {
                (Some(group), _) => format!("group {}", group.onset - START),
                (None, Some((node, onset))) => {
                    format!("{} at {}", self.world.node(node).entity.text, onset - START)
                }
                (None, None) => "nobody".to_owned(),
            };
            said.push(format!("{from}: {covers}"));
        }
        said
    }
}

#[test]
fn a_cone_weighs_hops_and_lags() {
    // b calls a and so on; every effect follows its cause by 20, 40 and 120 seconds.
    let scene = Scene::of("b>a c>b d>c", "a@0 b@20 c@60 d@180");
    assert_eq!(
        scene.cone("a", 0, false),
        "a via a 0 hops, lag 0, 1000: [0]\n\
         b via a 1 hops, lag 20, 800: [20]\n\
         c via b 2 hops, lag 40, 640: [60]\n\
         d via c 3 hops, lag 120, 112: [180]"
    );
    // An alert fits as well as the best of an entity's does, and the first says how late it is.
    let scene = Scene::of("b>a", "a@0 b@-30 b@22 b@120 b@121");
    assert_eq!(
        scene.cone("a", 0, false),
        "a via a 0 hops, lag 0, 1000: [0]\nb via a 1 hops, lag -30, 800: [-30, 22, 120]"
    );
    let scene = Scene::of("b>a", "a@0 b@-31");
    assert_eq!(scene.cone("a", 0, false), "a via a 0 hops, lag 0, 1000: [0]");
    // Over nobody who does not alert, and no further than five hops.
    let scene = Scene::of("b>a c>b", "a@0 c@20");
    assert_eq!(scene.cone("a", 0, false), "a via a 0 hops, lag 0, 1000: [0]");
    let chain = Scene::of("b>a c>b d>c e>d f>e g>f", "a@0 b@1 c@2 d@3 e@4 f@5 g@6");
    let cone = chain.cone("a", 0, false);
    assert!(cone.ends_with("f via e 5 hops, lag 1, 327: [5]"), "{cone}");
}

#[test]
fn a_decided_source_counts_the_less_the_further_its_alerts_are() {
    let scene = Scene::of("", "a@-30 a@150 a@300 a@301");
    assert_eq!(scene.cone("a", 0, false), "a via a 0 hops, lag -30, 1000: [-30, 150, 300]");
    assert_eq!(scene.cone("a", 0, true), "a via a 0 hops, lag -30, 950: [-30, 150, 300]");
    assert_eq!(scene.cone("a", -180, true), "a via a 0 hops, lag 150, 750: [-30]");
}

#[test]
fn of_two_sources_on_one_entity_the_nearer_counts() {
    let scene = Scene::of("", "a@0 a@90");
    let source = |after: Seconds| Source {
        node: scene.node("a"),
        onset: START + after,
        decided: true,
        own_seconds: 300,
    };
    for sources in [[source(-30), source(-120)], [source(-120), source(-30)]] {
        let reached = grow(&scene.world, &scene.sites, &sources, &scene.params);
        assert_eq!(scene.shown(&reached), "a via a 0 hops, lag 30, 950: [0, 90]");
    }
}

#[test]
fn of_two_causes_the_better_and_then_the_lesser_is_the_one() {
    // c depends on a and b, which both depend on r; a came 20 s before c, b 100 s before.
    let scene = Scene::of("a>r b>r c>a c>b", "r@0 a@80 b@0 c@100");
    let cone = scene.cone("r", 0, false);
    assert!(cone.contains("c via a 2 hops, lag 20, 640"), "{cone}");
    let scene = Scene::of("a>r b>r c>a c>b", "r@0 a@0 b@80 c@100");
    let cone = scene.cone("r", 0, false);
    assert!(cone.contains("c via b 2 hops, lag 20, 640"), "{cone}");
    let scene = Scene::of("a>r b>r c>b c>a", "r@0 a@80 b@80 c@100");
    let lesser = if entity("a").id < entity("b").id { "a" } else { "b" };
    let cone = scene.cone("r", 0, false);
    assert!(cone.contains(&format!("c via {lesser} 2 hops")), "{cone}");
}

#[test]
fn a_hub_is_seen_from_the_side_that_is_shorter() {
    let users: Vec<String> = (0..30).map(|at| format!("u{at}>h")).collect();
    let scene = Scene::of(&users.join(" "), "h@0 u3@20 u9@30");
    assert_eq!(
        scene.cone("h", 0, false),
        "h via h 0 hops, lag 0, 1000: [0]\n\
         u3 via h 1 hops, lag 20, 800: [20]\n\
         u9 via h 1 hops, lag 30, 800: [30]"
    );
}

#[test]
fn a_gain_is_what_is_covered_and_who_calls() {
    let scene = Scene::of("b>a c>b", "a@0 b@20 c@60");
    // 1000 + 800 + 640, all callers 1000, alerting 300.
    assert_eq!(scene.gain_of("a"), Some(3740));
    assert_eq!(scene.gain_of("b"), Some(1000 + 800 + 1000 + 300));
    assert_eq!(scene.gain_of("c"), Some(1000 + 300));
    // One caller of three: a third of 1000, and 100 for each of those that are quiet.
    let scene = Scene::of("b>a d>a e>a", "a@0 b@20");
    assert_eq!(scene.gain_of("a"), Some(1000 + 800 + 333 - 200 + 300));
    // Many that are quiet cost no more than 1000.
    let users: Vec<String> = (0..20).map(|at| format!("u{at}>a")).collect();
    let scene = Scene::of(&users.join(" "), "a@0 u0@20");
    assert_eq!(scene.gain_of("a"), Some(1000 + 800 + 50 - 1000 + 300));
    // A group that stands: what it covers, and 2000 for going on with it.
    let mut scene = Scene::of("b>a", "a@30 b@20");
    let (node, own_seconds) = (scene.node("a"), 300);
    let source = Source { node, onset: START, decided: true, own_seconds };
    scene.standing.insert(key(0), vec![source]);
    assert_eq!(scene.gain(&Candidate::Standing(key(0))), Some(950 + 800 + 2000));
    assert_eq!(scene.gain(&Candidate::Standing(key(1))), None);
}

#[test]
fn a_silent_entity_explains_two_who_call_it_and_began_together() {
    let scene = Scene::of("b>s c>s", "b@0 c@60");
    assert_eq!(scene.silent(), BTreeMap::from([(scene.node("s"), START - 22)]));
    // Lags of 22 and 82 seconds: 800, and 800 times exp(-38/50), 0.468.
    assert_eq!(scene.gain_of("s"), Some(800 + 374 + 1000 - 1600));
    // Two of three call within a minute.
    let scene = Scene::of("b>s c>s d>s", "b@0 c@200 d@260");
    assert_eq!(scene.silent(), BTreeMap::from([(scene.node("s"), START - 22)]));
    let scene = Scene::of("b>s c>s", "b@0 c@61");
    assert_eq!(scene.silent(), BTreeMap::new());
    assert_eq!(scene.gain_of("s"), None);
    let scene = Scene::of("b>s", "b@0");
    assert_eq!(scene.silent(), BTreeMap::new());
    // One that alerts is not silent; one that everybody calls is told by nobody.
    let scene = Scene::of("b>s c>s", "b@0 c@60 s@0");
    assert_eq!(scene.silent(), BTreeMap::new());
    for (users, is_told) in [(20, true), (21, false)] {
        let edges: Vec<String> = (0..users).map(|at| format!("u{at}>s")).collect();
        let scene = Scene::of(&edges.join(" "), "u0@0 u1@0");
        assert_eq!(scene.silent().len(), usize::from(is_told), "{users} users");
    }
}

/// In a piece of a component: of what alerts in another piece it is known when trouble began,
/// which is at the first alert that is not decided and that topology groups.
#[test]
fn what_alerts_in_another_piece_began_when_it_did() {
    let mut scene = Scene::of("b>s c>s", "b@50 c@60");
    let pin = || Some(Arc::new(Pin { rule: "r".into(), values: "v".into() }));
    for (after, is_decided, pin) in
        [(1, false, pin()), (3, true, None), (7, false, None), (9, false, None), (11, true, None)]
    {
        let on = entity("s");
        let Fact::Alert(rated) = rated(&on, on.clone(), START + after, Severity::ERROR, pin) else {
            unreachable!()
        };
        let key = rated.row.alert.key;
        let placed = Placed {
            node: scene.node("s"),
            row: rated.row,
            surprise_milli: 0,
            specific_milli: 0,
            group: is_decided.then_some(key),
            because: Because::Anchor,
            sealed: false,
        };
        scene.world.insert_alert(key, placed);
    }
    let began = |elsewhere: Range<Seconds>| {
        let elsewhere = Some(START + elsewhere.start..START + elsewhere.end);
        silent_candidates(&scene.world, &scene.sites, elsewhere, &scene.params)
            .into_values()
            .map(|onset| onset - START)
            .collect::<Vec<_>>()
    };
    assert_eq!(began(0..20), [7]);
    assert_eq!(began(8..20), [9]);
    assert_eq!(began(0..8), [7]);
    // Nothing undecided in there: its beginning was not seen.
    assert_eq!(began(0..7), [50 - 22]);
    assert_eq!(began(10..20), [50 - 22]);
}

#[test]
fn the_cover_takes_the_best_and_then_what_is_left() {
    let split = |edges: &str, alerts: &str| Scene::of(edges, alerts).split();
    assert_eq!(split("b>a c>b", "a@0 b@20 c@60"), ["service:a/a at 0: 3"]);
    // Two faults that have nothing to do with one another, the greater first.
    assert_eq!(
        split("b>a d>c e>d", "a@0 b@20 c@5 d@25 e@30"),
        ["service:a/c at 5: 3", "service:a/a at 0: 2"]
    );
    // Of equals the earlier.
    assert_eq!(
        split("b>a d>c", "a@5 b@25 c@0 d@20"),
        ["service:a/c at 0: 2", "service:a/a at 5: 2"]
    );
    // After the first two of b's three users are explained: c, which explains two, comes before
    // it, though b had explained more than c.
    assert_eq!(
        split(
            "u1>a u2>a u3>a u4>a u3>b u4>b u5>b u5>c u6>c",
            "a@0 b@0 c@0 u1@20 u2@20 u3@20 u4@20 u5@20 u6@20"
        ),
        ["service:a/a at 0: 5", "service:a/c at 0: 3", "service:a/b at 0: 1"]
    );
    // Three callers of what is silent are one; two alone are not worth it.
    assert_eq!(split("b>s c>s d>s", "b@0 c@0 d@0"), ["service:a/s at -22: 3"]);
    assert_eq!(split("b>s c>s", "b@0 c@0").len(), 2);
    // Later alerts of the same entity have a cone of their own.
    assert_eq!(
        split("", "a@0 a@300 a@301 a@700"),
        ["service:a/a at 0: 2", "service:a/a at 301: 1", "service:a/a at 700: 1"]
    );
}

#[test]
fn a_group_that_stands_goes_on() {
    let standing = |onset: Seconds, alerts: &str| {
        let mut scene = Scene::of("b>a", alerts);
        let (node, own_seconds) = (scene.node("a"), 300);
        let source = Source { node, onset: START + onset, decided: true, own_seconds };
        scene.standing.insert(key(onset), vec![source]);
        scene.split()
    };
    assert_eq!(standing(-40, "a@0 b@20"), ["group -40: 2"]);
    assert_eq!(standing(-290, "a@0"), ["group -290: 1"]);
    // An effect that the old trouble is too far from makes it another trouble.
    assert_eq!(standing(-290, "a@0 b@20"), ["service:a/a at 0: 2"]);
    assert_eq!(standing(-400, "a@0 b@20"), ["service:a/a at 0: 2"]);
}

#[test]
fn only_what_is_due_has_to_be_covered() {
    let scene = Scene::of("", "a@0 b@50");
    let sites = Sites { by_node: scene.sites.by_node.clone() };
    let until = START + 50;
    let chosen = split(&scene.world, sites, &scene.standing, until, None, &scene.params);
    assert_eq!(chosen.len(), 1);
    assert_eq!(scene.shown(&chosen[0].reached), "a via a 0 hops, lag 0, 1000: [0]");
}

/// Offers are compared by gain, then the earlier alert, then the lesser candidate.
#[test]
fn offers_have_an_order() {
    let scene = Scene::of("b>a", "a@0 b@20");
    let site = |after: Seconds| Reached {
        node: scene.node("a"),
        via: scene.node("a"),
        kind: RelationKind::Same,
        hops: 0,
        lag: 0,
        weight_milli: 1000,
        alerts: vec![key(after)],
    };
    let offer =
        |gain, after, name, round| Offer::of(gain, scene.candidate(name), vec![site(after)], round);
    let (first, second) = if entity("a").id < entity("b").id { ("a", "b") } else { ("b", "a") };
    assert!(offer(2, 9, second, 0) > offer(1, 0, first, 0));
    assert!(offer(1, 0, second, 0) > offer(1, 9, first, 0));
    assert!(offer(1, 0, first, 0) > offer(1, 0, second, 0));
    assert!(offer(1, 0, first, 0) == offer(1, 0, first, 3));
    assert!(offer(1, 0, first, 0) != offer(1, 0, second, 0));
    // What was taken in a round after it counts, what was taken before does not.
    let taken = |round| [(scene.node("a"), round)].into_iter().collect();
    let stale = |at: usize, round| offer(1, 0, first, round).is_stale(&taken(at));
    assert_eq!([stale(1, 0), stale(1, 1), stale(2, 1)], [true, false, true]);
    let elsewhere = [(scene.node("b"), 5)].into_iter().collect();
    assert!(!offer(1, 0, first, 0).is_stale(&elsewhere));
}
