//! What is seen where one looks.

use crate::model::{
    Alert, AlertBatch, AlertEvent, AlertRow, Context, ContextEvent, Group, Identity, Incident,
    Measure, Rated, Seconds, SeriesRow, Severity, SignalBatch, Stamp,
};
use smol_str::SmolStr;
use std::sync::Arc;

/// What is seen.
#[derive(Clone, Debug)]
pub enum Row {
    /// An alert event with its id and summary.
    Event(Arc<Identity>, AlertEvent, SmolStr, SmolStr),
    /// A signal.
    Signal(Arc<Identity>, Seconds, Heard),
    /// Topology, a change or an instruction.
    Context(Arc<ContextEvent>),
    /// A folded alert.
    Alert(Arc<Alert>),
    /// The same with entity, suppression and rarity.
    Rated(Arc<Rated>),
    /// What became of an alert.
    Disposed(Arc<AlertRow>),
    /// A group.
    Group(Arc<Group>),
    /// An incident.
    Incident(Arc<Incident>),
    /// The state of a series.
    Series(Box<SeriesRow>),
}

/// What a signal says.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A number of a metric.
    Sample(Measure, f64),
    /// A bucket of a histogram: its bound, and what was at most that since some start.
    Bucket(f64, f64),
    /// A line of a log.
    Line(Severity, SmolStr),
    /// A call: nanoseconds that it took, and whether it failed.
    Call(u64, bool),
    /// A sign of life.
    Beat,
}

impl Row {
    /// Whose it is.
    pub fn tenant(&self) -> &str {
        match self {
            Row::Event(identity, ..) | Row::Signal(identity, ..) => &identity.tenant,
            Row::Context(event) => &event.tenant,
            Row::Alert(alert) => &alert.identity.tenant,
            Row::Rated(rated) => &rated.row.alert.identity.tenant,
            Row::Disposed(row) => &row.alert.identity.tenant,
            Row::Group(group) => &group.tenant,
            Row::Incident(incident) => &incident.tenant,
            Row::Series(series) => &series.identity.tenant,
        }
    }

    /// Whether it speaks of the entity.
    pub(super) fn is_of(&self, entity: &str) -> bool {
        match self {
            Row::Event(identity, ..) | Row::Signal(identity, ..) => identity.entity.text == entity,
            Row::Context(event) => match &event.body {
                Context::Entity(update) => update.entity.text == entity,
                Context::Relation(edge) => edge.from.text == entity || edge.to.text == entity,
                Context::Change(change) => change.entity.text == entity,
                _ => false,
            },
            Row::Alert(alert) => alert.identity.entity.text == entity,
            Row::Rated(rated) => rated.row.entity.text == entity,
            Row::Disposed(row) => row.entity.text == entity,
            Row::Group(group) => {
                group.members.iter().any(|member| member.row.entity.text == entity)
            }
            Row::Incident(incident) => {
                incident.members.iter().any(|member| member.row.entity.text == entity)
            }
            Row::Series(series) => series.identity.entity.text == entity,
        }
    }
}

/// The events of batches.
pub fn events(batches: &[AlertBatch]) -> impl Iterator<Item = Row> {
    batches.iter().flat_map(|batch| {
        batch.events.iter().map(|event| {
            let identity = &batch.identities[event.identity as usize];
            let (id, summary) = (batch.id(event).into(), batch.summary(event).into());
            Row::Event(identity.clone(), *event, id, summary)
        })
    })
}

/// The signals of batches.
pub fn signals(batches: &[SignalBatch]) -> impl Iterator<Item = Row> {
    batches.iter().flat_map(|batch| {
        let row = |stamp: &Stamp, heard| {
            let identity = batch.identities[stamp.identity as usize].clone();
            Row::Signal(identity, stamp.time, heard)
        };
        let samples = batch.samples.iter();
        let buckets = batch.buckets.iter();
        let lines = batch.lines.iter();
        let calls = batch.calls.iter();
        samples
            .map(move |of| row(&of.stamp, Heard::Sample(of.measure, of.value)))
            .chain(buckets.map(move |of| row(&of.stamp, Heard::Bucket(of.bound, of.count))))
            .chain(
                lines
                    .map(move |of| row(&of.stamp, Heard::Line(of.severity, batch.text(of).into()))),
            )
            .chain(calls.map(move |of| row(&of.stamp, Heard::Call(of.duration_ns, of.failed))))
            .chain(batch.beats.iter().map(move |stamp| row(stamp, Heard::Beat)))
    })
}
