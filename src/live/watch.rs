//! Keeps the process's conditions up: is the engine keeping pace, can the sinks carry?

use super::sinks::Sinks;
use super::start::Core;
use crate::console::Health;
use crate::console::health::Condition;
use crate::emit::outbox::Outbox;
use crate::epoch::Queue;
use crate::settings::{Settings, SourceKind, SourceSettings};
use crate::telemetry::EngineBooks;
use crate::telemetry::kafka::KafkaBooks;
use crate::telemetry::kubernetes::KubernetesBooks;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(100);
/// Looks without an answered epoch, while one is under way, after which the engine is behind.
const STALLED_LOOKS: u32 = 100;

/// What is looked at.
pub(super) struct Watched {
    engine: EngineBooks,
    queue: Arc<Queue>,
    sinks: Vec<Arc<Outbox>>,
    sources: Vec<SourceSettings>,
    kafka: KafkaBooks,
    kubernetes: KubernetesBooks,
}

impl Watched {
    pub(super) fn of(settings: &Settings, core: &Core, sinks: &Sinks) -> Watched {
        Watched {
            engine: core.engine.clone(),
            queue: Arc::clone(&core.queue),
            sinks: sinks.outboxes.clone(),
            sources: settings.sources.clone(),
            kafka: core.kafka.clone(),
            kubernetes: core.kubernetes.clone(),
        }
    }
}

/// Looks until it is aborted.
pub(super) async fn keep_up(health: Health, watched: Watched) {
    let Watched { engine, queue, sinks, sources, kafka, kubernetes } = watched;
    let mut timer = tokio::time::interval(EVERY);
    let (mut done, mut stalled) = (0, 0);
    health.expect("engine");
    loop {
        timer.tick().await;
        let answered = engine.answered();
        // Of a sink that is full it is not the engine that is behind.
        let is_held_up = sinks.iter().any(|sink| sink.holds_up());
        let is_stuck = answered == done && engine.outstanding() > 0 && !is_held_up;
        stalled = if is_stuck { stalled + 1 } else { 0 };
        done = answered;
        health.set("engine", engine_condition(answered, stalled));
        health.set("sinks", sinks_condition(&sinks));
        health.set("disk", disk_condition(&queue));
        for source in &sources {
            health.set_source(source.name(), source_condition(source, (&kafka, &kubernetes)));
        }
    }
}

fn engine_condition(answered: u64, stalled: u32) -> Condition {
    if answered == 0 {
        return Condition::Unwell("no epoch is answered yet".to_owned());
    }
    if stalled >= STALLED_LOOKS {
        let seconds = EVERY.as_secs_f64() * f64::from(stalled);
        return Condition::Unwell(format!("no epoch was answered for {seconds:.0} s"));
    }
    Condition::Well
}

/// A source whose brokers or cluster are away brings nothing, and who is ready has connected sources; one
/// that waits for requests, or for files to grow, is as well as it can be.
fn source_condition(
    source: &SourceSettings,
    (kafka, kubernetes): (&KafkaBooks, &KubernetesBooks),
) -> Condition {
    let (is_connected, problem) = match source.kind {
        SourceKind::Kafka(_) => kafka.connection(source.name()),
        SourceKind::Kubernetes(_) => kubernetes.connection(source.name()),
        _ => return Condition::Well,
    };
    match (is_connected, problem) {
        (true, _) => match &source.kind {
            SourceKind::Kafka(settings) if kafka.reads_nothing(source.name()) => {
                let topics = settings.topics.join("`, `");
                Condition::Noted(format!(
                    "reads no partition of `{topics}`: there is no such topic, or other members \
                     of group `{}` read all of it",
                    settings.group
                ))
            }
            _ => Condition::Well,
        },
        (false, Some(problem)) => Condition::Unwell(format!("is not connected: {problem}")),
        (false, None) => Condition::Unwell("is not connected yet".to_owned()),
    }
}

/// A sink that is away for a while is not a reason to send requests elsewhere, and is told of; one
/// that cannot carry any more is.
fn sinks_condition(sinks: &[Arc<Outbox>]) -> Condition {
    if let Some(sink) = sinks.iter().find(|sink| sink.is_broken()) {
        let problem = sink.problem().unwrap_or_default();
        return Condition::Unwell(format!("sink `{}` is broken: {problem}", sink.name()));
    }
    let notes: Vec<String> = sinks.iter().filter_map(|sink| note(sink)).collect();
    match notes.is_empty() {
        true => Condition::Well,
        false => Condition::Noted(notes.join("; ")),
    }
}

/// What there is to say of a sink that does not take what it is told.
fn note(sink: &Outbox) -> Option<String> {
    let (name, waiting) = (sink.name(), sink.counts().waiting);
    let problem = sink.problem();
    if sink.holds_up() {
        let problem = problem.map_or(String::new(), |problem| format!(": {problem}"));
        return Some(format!(
            "sink `{name}` is full and holds everything up, {waiting} wait{problem}"
        ));
    }
    let problem = problem.filter(|_| waiting > 0)?;
    Some(format!("{waiting} wait for sink `{name}`: {problem}"))
}

/// Whether what senders bring can be kept.
fn disk_condition(queue: &Queue) -> Condition {
    match queue.is_full() {
        true => Condition::Unwell("there is no room on the disk, and senders wait".to_owned()),
        false => Condition::Well,
    }
}
