//! Alerts that belong to nothing: chronic ones, flapping ones, and the
//! background of a working day.

use super::Reason;
use super::book::Book;
use crate::instant::{MINUTE, Ms, SECOND};
use crate::profile::Rates;
use crate::rng::{Rng, Zipf};
use crate::vocabulary::{Role, RuleId, Scope, rule_by, rules};
use crate::world::{NodeId, NodeKind, World};

/// Popularity of rules and of entities in the noise.
const RULE_EXPONENT: f64 = 1.1;
const ENTITY_EXPONENT: f64 = 0.6;
/// Share of chronic checks that come and go; the others stay.
const RECURRING: f64 = 0.2;
/// Share of flapping checks whose rule is a symptom and not a chore.
const FLAPPING_SYMPTOM: f64 = 0.3;
/// How long a background alert lasts: median in minutes, deviation of the logarithm.
const BACKGROUND_MINUTES: (f64, f64) = (14.0, 0.9);
const TRIES: usize = 40;

/// Writes all noise into the book.
pub(super) fn raise(book: &mut Book<'_>, rates: &Rates, span: (Ms, Ms), rng: &mut Rng) {
    let pick = Pick::new(book.world, rng);
    let background = rates.background.round() as usize;
    for _ in 0..background {
        raise_background(book, &pick, span, rng);
    }
    for _ in 0..rates.chronic {
        raise_chronic(book, &pick, span, rng);
    }
    let flapping = (book.checks() as f64 * rates.flapping / (1.0 - rates.flapping)).round();
    for _ in 0..flapping as usize {
        raise_flapping(book, &pick, span, rng);
    }
}

/// Who is noisy in this estate, and about what.
struct Pick {
    /// Rules by popularity: chores, then symptoms, then the rules of roots.
    rules: Vec<RuleId>,
    chores: usize,
    symptoms: usize,
    /// Entities by popularity, a list per sort.
    nodes: Vec<(NodeKind, Vec<NodeId>)>,
}

impl Pick {
    fn new(world: &World, rng: &mut Rng) -> Pick {
        let mut of = |wanted: fn(&Role) -> bool| {
            let found = rules().filter(|(_, r)| wanted(&r.role)).map(|(id, _)| id);
            let mut found: Vec<RuleId> = found.collect();
            rng.shuffle(&mut found);
            found
        };
        let chores = of(|r| *r == Role::Chore);
        let symptoms = of(|r| matches!(r, Role::Symptom(_)));
        let roots = of(|r| matches!(r, Role::Root(_)));
        let services = world.services.iter().map(|s| s.node).collect();
        let zones = world.zones.iter().map(|(zone, _)| *zone).collect();
        let mut nodes = vec![
            (NodeKind::Service, services),
            (NodeKind::Host, world.hosts.clone()),
            (NodeKind::Zone, zones),
            (NodeKind::Database, world.databases.clone()),
            (NodeKind::Queue, world.queues.clone()),
            (NodeKind::External, world.externals.clone()),
        ];
        nodes.iter_mut().for_each(|(_, list)| rng.shuffle(list));
        let (c, s) = (chores.len(), symptoms.len());
        Pick { rules: [chores, symptoms, roots].concat(), chores: c, symptoms: s, nodes }
    }

    /// A rule among the `first` most popular.
    fn rule(&self, first: usize, rng: &mut Rng) -> RuleId {
        self.rules[Zipf::new(first, RULE_EXPONENT).draw(rng)]
    }

    /// An entity that `rule` can watch.
    fn node(&self, rule: RuleId, rng: &mut Rng) -> Option<NodeId> {
        let kind = match rule_by(rule).scope {
            Scope::Service | Scope::Pod | Scope::Deployment | Scope::Lb | Scope::Dns => {
                NodeKind::Service
            }
            Scope::Host => NodeKind::Host,
            Scope::Zone => NodeKind::Zone,
            Scope::Database => NodeKind::Database,
            Scope::Queue => NodeKind::Queue,
            Scope::External => NodeKind::External,
        };
        let (_, list) = self.nodes.iter().find(|(k, _)| *k == kind)?;
        let at = if list.len() > 1 { Zipf::new(list.len(), ENTITY_EXPONENT).draw(rng) } else { 0 };
        list.get(at).copied()
    }
}

fn raise_background(book: &mut Book<'_>, pick: &Pick, (start, end): (Ms, Ms), rng: &mut Rng) {
    for _ in 0..TRIES {
        let rule = pick.rule(pick.rules.len(), rng);
        let Some(node) = pick.node(rule, rng) else { continue };
        let from = rng.range(start as f64, (end - 2 * MINUTE) as f64) as Ms;
        let length = rng.lognormal(BACKGROUND_MINUTES.0, BACKGROUND_MINUTES.1).clamp(2.0, 120.0);
        let run = (from, from + (length * MINUTE as f64) as Ms);
        let Some(subject) = book.subject(node, rule_by(rule).scope, run, rng) else { continue };
        if book.raise(subject, rule, Reason::Background, run) {
            return;
        }
    }
}

/// A check of its own, of a common kind, that fires for most of the storm or again and again.
fn raise_chronic(book: &mut Book<'_>, pick: &Pick, (start, end): (Ms, Ms), rng: &mut Rng) {
    let Some((subject, rule)) = unused(book, pick, pick.chores, (start, end), rng) else { return };
    let span = (end - start) as f64;
    if rng.chance(RECURRING) {
        let mut at = start + rng.range(0.0, 8.0 * MINUTE as f64) as Ms;
        while at < end - MINUTE {
            let until = at + rng.range(4.0, 9.0) as Ms * MINUTE;
            book.raise(subject, rule, Reason::Chronic, (at, until));
            at = until + (rng.range(6.0, 14.0) * MINUTE as f64) as Ms;
        }
    } else {
        let from = start + (span * rng.range(0.0, 0.35)) as Ms;
        let until = from + (span * rng.range(0.6, 1.4)) as Ms;
        book.raise(subject, rule, Reason::Chronic, (from, until));
    }
}

/// A check that goes on and off for ten minutes or so, once or twice.
fn raise_flapping(book: &mut Book<'_>, pick: &Pick, (start, end): (Ms, Ms), rng: &mut Rng) {
    let first =
        if rng.chance(FLAPPING_SYMPTOM) { pick.chores + pick.symptoms } else { pick.chores };
    let Some((subject, rule)) = unused(book, pick, first, (start, end), rng) else { return };
    let bouts = 1 + usize::from(rng.chance(0.25));
    let share = (end - start) / bouts as Ms;
    for bout in 0..bouts as Ms {
        let length = (rng.range(7.0, 11.0) * MINUTE as f64) as Ms;
        let latest = (share - length - MINUTE).max(1);
        let mut at = start + share * bout + rng.below(latest as usize) as Ms;
        let stop = at + length;
        while at < stop {
            let until = at + rng.range(18.0, 45.0) as Ms * SECOND;
            book.raise(subject, rule, Reason::Flap, (at, until));
            at = until + rng.range(18.0, 45.0) as Ms * SECOND;
        }
    }
}

/// A check that nothing else uses.
fn unused(
    book: &Book<'_>,
    pick: &Pick,
    first: usize,
    span: (Ms, Ms),
    rng: &mut Rng,
) -> Option<(NodeId, RuleId)> {
    for _ in 0..TRIES {
        let rule = pick.rule(first, rng);
        let Some(node) = pick.node(rule, rng) else { continue };
        let Some(subject) = book.subject(node, rule_by(rule).scope, span, rng) else { continue };
        if !book.used(subject, rule) {
            return Some((subject, rule));
        }
    }
    None
}
