//! Random histories.

use causeway_dataflows::model::{
    AlertBatch, AlertEvent, AlertFlags, Change, ChangeKind, ChangePhase, Context, ContextEvent,
    Criticality, EntityRef, EntityUpdate, EventId, Fingerprint, Identity, Maintenance, Matcher,
    MatcherOp, ModelUpdate, Op, Relation, RelationKind, Rule, RuleAction, Seconds, Severity,
    Silence,
};
use proptest::prelude::*;
use std::sync::Arc;

/// The first second of every history.
pub const START: Seconds = 1_000_000;

const ENTITIES: [&str; 7] = [
    "service:t/front",
    "service:t/cart",
    "service:t/pay",
    "database:t/db",
    "pod:t/cart-0",
    "pod:t/cart-1",
    "host:t/h1",
];
const NAMES: [&str; 3] = ["HighLatency", "HighErrorRate", "DiskFull"];
/// Of each sort; the first and the last count most.
const SOURCES: [&str; 5] = ["test", "backstage/c", "kubernetes/k", "resources", "test"];
const OWNERS: [&str; 5] = ["test", "backstage/c", "kubernetes/k", "resources", "team:t/a"];
const CARE: [Criticality; 5] = [
    Criticality::Medium,
    Criticality::Low,
    Criticality::High,
    Criticality::Critical,
    Criticality::High,
];
const KINDS: [RelationKind; 3] = [RelationKind::Calls, RelationKind::RunsOn, RelationKind::PartOf];

/// One thing that is heard.
#[derive(Clone, Debug)]
pub enum Heard {
    /// An alert event.
    Alert {
        entity: usize,
        name: usize,
        /// How far event time lies behind receipt, seconds.
        lag: Seconds,
        resolved: bool,
        severity: u8,
        /// Lapses this long after it happened.
        ends: Option<Seconds>,
        id: u16,
    },
    /// Something about the world.
    Context(About, bool),
}

/// What a context event is about; small numbers choose among few things, so that they meet.
#[derive(Clone, Debug)]
pub enum About {
    Relation(usize, usize, usize),
    /// Entity, another name of it, who says so.
    Alias(usize, usize, usize),
    /// The same from so many seconds later for so many.
    AliasWithin(usize, usize, usize, (Seconds, Seconds)),
    /// A name, what it means, who says so, and for how long it holds.
    AliasOf(usize, usize, usize, u32),
    Silence(usize, Seconds),
    Maintenance(usize, Seconds),
    Rule(usize, u8),
    Change(usize, u8),
    Model(i64),
}

/// A step: how long after the one before, what, and whether an epoch ends behind it.
#[derive(Clone, Debug)]
pub struct Step {
    pub after: Seconds,
    pub heard: Heard,
    pub cut: bool,
}

/// What is heard, in order of receipt.
#[derive(Clone, Debug)]
pub struct History {
    pub steps: Vec<(Seconds, Heard, bool)>,
    /// Whether it ends with everything taken back and the horizon passed.
    pub take_back: bool,
}

/// Histories of up to sixty steps over about half an hour.
pub fn histories() -> impl Strategy<Value = History> {
    prop::collection::vec(step(), 1..60).prop_map(|steps| {
        let mut at = START;
        let steps = steps
            .into_iter()
            .map(|step| {
                at += step.after;
                (at, step.heard, step.cut)
            })
            .collect();
        History { steps, take_back: false }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let after = prop_oneof![4 => 0..5i64, 3 => 5..60i64, 1 => 60..400i64];
    (after, prop_oneof![4 => alert(), 1 => context()], any::<bool>())
        .prop_map(|(after, heard, cut)| Step { after, heard, cut })
}

fn alert() -> impl Strategy<Value = Heard> {
    let lag = prop_oneof![6 => 0..10i64, 2 => 10..300i64, 1 => 301..900i64];
    let ends = prop_oneof![4 => Just(None), 1 => (0..400i64).prop_map(Some)];
    let severity = prop_oneof![Just(9u8), Just(13), Just(17), Just(21)];
    (0..ENTITIES.len(), 0..NAMES.len(), lag, prop::bool::weighted(0.2), severity, ends, 0..400u16)
        .prop_map(|(entity, name, lag, resolved, severity, ends, id)| Heard::Alert {
            entity,
            name,
            lag,
            resolved,
            severity,
            ends,
            id,
        })
}

fn context() -> impl Strategy<Value = Heard> {
    let entity = || 0..ENTITIES.len();
    let source = || 0..SOURCES.len();
    let about = prop_oneof![
        4 => (entity(), entity(), 0..KINDS.len()).prop_map(|(a, b, k)| About::Relation(a, b, k)),
        2 => (entity(), entity(), source()).prop_map(|(a, b, s)| About::Alias(a, b, s)),
        1 => (entity(), entity(), source(), (-60..200i64, 1..600i64))
            .prop_map(|(a, b, s, span)| About::AliasWithin(a, b, s, span)),
        2 => (entity(), entity(), source(), prop_oneof![Just(0), 30..900u32])
            .prop_map(|(a, b, s, ttl)| About::AliasOf(a, b, s, ttl)),
        1 => (entity(), 10..900i64).prop_map(|(a, s)| About::Silence(a, s)),
        1 => (entity(), 10..900i64).prop_map(|(a, s)| About::Maintenance(a, s)),
        1 => (0..NAMES.len(), 0..3u8).prop_map(|(a, s)| About::Rule(a, s)),
        1 => (entity(), 0..4u8).prop_map(|(a, n)| About::Change(a, n)),
        1 => (-2000..3000i64).prop_map(About::Model),
    ];
    (about, prop::bool::weighted(0.75)).prop_map(|(about, present)| Heard::Context(about, present))
}

impl History {
    /// The same, an epoch for every step.
    pub fn cut_everywhere(&self) -> History {
        self.with_cuts(true)
    }

    /// The same, an epoch for every tick.
    pub fn uncut(&self) -> History {
        self.with_cuts(false)
    }

    fn with_cuts(&self, cut: bool) -> History {
        let steps = self.steps.iter().map(|(at, heard, _)| (*at, heard.clone(), cut)).collect();
        History { steps, take_back: self.take_back }
    }

    /// The same events, neighbours within a minute of receipt exchanged.
    pub fn shuffled(&self) -> History {
        let mut steps = self.steps.clone();
        for at in (1..steps.len()).step_by(2) {
            // Ids of context events tell which was said first, and come from the place.
            let context = |at: usize| matches!(steps[at].1, Heard::Context(..));
            if steps[at].0 - steps[at - 1].0 <= 50 && !(context(at) && context(at - 1)) {
                steps.swap(at - 1, at);
            }
        }
        History { steps, take_back: self.take_back }
    }

    /// The same, and in the end all context deleted and every horizon passed.
    pub fn taken_back(&self) -> History {
        let mut history = self.clone();
        let end = self.steps.iter().map(|(at, ..)| *at).max().unwrap_or(START);
        for (_, heard, _) in &self.steps {
            if let Heard::Context(about, _) = heard {
                let gone = Heard::Context(about.clone(), false);
                history.steps.push((end + 1, gone, false));
            }
        }
        history.take_back = true;
        history
    }
}

/// The event of a step heard at `at`; `place` keeps context ids apart.
pub fn context_event(about: &About, present: bool, at: Seconds, place: usize) -> ContextEvent {
    ContextEvent {
        tenant: "default".into(),
        source: match about {
            About::Alias(_, _, source)
            | About::AliasWithin(_, _, source, _)
            | About::AliasOf(_, _, source, _) => SOURCES[*source].into(),
            _ => "test".into(),
        },
        id: EventId::new(&format!("x{place:05}")),
        time_ns: at * 1_000_000_000,
        observed_ns: at * 1_000_000_000,
        op: match about {
            _ if !present => Op::Delete,
            About::AliasWithin(_, _, _, (after, long)) => {
                Op::Within { from: at + after, until: at + after + long }
            }
            _ => Op::Upsert,
        },
        body: body(about, at),
    }
}

fn body(about: &About, at: Seconds) -> Context {
    let entity = |at: usize| EntityRef::new("default", ENTITIES[at]);
    let matcher = |name: &str, value: &str| Matcher {
        name: name.into(),
        op: MatcherOp::Equal,
        value: value.into(),
    };
    match about {
        About::Relation(from, to, kind) => Context::Relation(Relation {
            from: entity(*from),
            to: entity(*to),
            kind: KINDS[*kind],
            confidence_ppm: 1_000_000,
            ttl_seconds: 0,
        }),
        About::Alias(own, other, source) | About::AliasWithin(own, other, source, _) => {
            Context::Entity(EntityUpdate {
                entity: entity(*own),
                kind: "service".into(),
                owner: (source != other).then(|| EntityRef::new("default", OWNERS[*source])),
                criticality: CARE[*source],
                aliases: vec![entity(*other)],
            })
        }
        About::AliasOf(name, of, _, ttl) => alias_of(entity(*name), entity(*of), *ttl),
        About::Silence(which, span) => Context::Silence(Silence {
            silence_id: format!("s{which}").into(),
            matchers: vec![matcher("entity", ENTITIES[*which])],
            starts: at - span / 2,
            ends: at + span,
            created_by: "test".into(),
            comment: "".into(),
        }),
        About::Maintenance(which, span) => Context::Maintenance(Maintenance {
            maintenance_id: format!("m{which}").into(),
            entities: vec![entity(*which)],
            matchers: Vec::new(),
            starts: at,
            ends: at + span,
            intervals: Vec::new(),
            comment: "".into(),
        }),
        About::Rule(name, action) => Context::Rule(Rule {
            rule_id: format!("r{name}").into(),
            matchers: vec![matcher("alertname", NAMES[*name])],
            action: match action {
                0 => RuleAction::Suppress,
                1 => RuleAction::Severity(Severity::CRITICAL),
                _ => RuleAction::GroupBy(vec!["alertname".into()]),
            },
        }),
        About::Change(which, number) => Context::Change(Change {
            change_id: format!("c{number}").into(),
            entity: entity(*which),
            kind: ChangeKind::Deploy,
            phase: ChangePhase::Finished,
            risk: 2,
            emergency: false,
            version: "1".into(),
            summary: "deploy".into(),
        }),
        About::Model(own) => Context::Model(ModelUpdate {
            version: format!("m{own}").into(),
            weights_milli: vec![("own".into(), *own)],
        }),
    }
}

fn alias_of(from: EntityRef, to: EntityRef, ttl_seconds: u32) -> Context {
    let (kind, confidence_ppm) = (RelationKind::AliasOf, 1_000_000);
    Context::Relation(Relation { from, to, kind, confidence_ppm, ttl_seconds })
}

/// Who speaks of alerts; who was first is told with them.
const SPEAKERS: [&str; 2] = ["other", "test"];

/// Puts an alert event into the batch of its worker.
pub fn push_alert(batches: &mut [AlertBatch], heard: &Heard, at: Seconds) {
    let Heard::Alert { entity, name, lag, resolved, severity, ends, id } = heard else { return };
    let labels = std::iter::empty();
    let (entity, name) = (ENTITIES[*entity], NAMES[*name]);
    let fingerprint = Fingerprint::of(&mut Vec::new(), "default", "alert", entity, name, labels);
    let worker = (fingerprint.low64() % batches.len() as u64) as usize;
    let batch = &mut batches[worker];
    batch.worker = worker as u64;
    batch.identities.push(Arc::new(Identity {
        fingerprint,
        tenant: "default".into(),
        source: SPEAKERS[usize::from(*id) % 2].into(),
        entity: EntityRef::new("default", entity),
        name: name.into(),
        labels: Default::default(),
    }));
    let time = at - lag;
    let mut flags = AlertFlags::default();
    if *resolved {
        flags = flags.with(AlertFlags::RESOLVED);
    }
    if *lag > 300 {
        flags = flags.with(AlertFlags::LATE);
    }
    let event = AlertEvent {
        fingerprint,
        time,
        observed: at,
        onset: time,
        ends: ends.map_or(Seconds::MAX, |ends| time + ends),
        identity: batch.identities.len() as u32 - 1,
        text_at: 0,
        id_len: 0,
        summary_len: 0,
        source: 0,
        severity: Severity(*severity),
        flags,
    };
    batch.push(event, &format!("e{id:04}"), "");
}
