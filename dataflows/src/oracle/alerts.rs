//! Alerts from the set of all events, one event after the other.

#[cfg(test)]
mod tests;

use crate::dedup::flap::{Flap, FlapModel};
use crate::model::{
    Alert, AlertBatch, AlertEvent, AlertFlags, AlertKey, EventId, Fingerprint, Identity, Seconds,
    Status,
};
use crate::params::Params;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An event with the strings that batches keep apart.
#[derive(Clone, Debug)]
pub struct Told {
    /// The event.
    pub event: AlertEvent,
    /// Its id.
    pub id: EventId,
    /// The words behind its fingerprint.
    pub identity: Arc<Identity>,
}

/// The events of a batch.
pub fn told(batch: &AlertBatch) -> impl Iterator<Item = Told> + '_ {
    batch.events.iter().map(|event| Told {
        event: *event,
        id: batch.event_id(event),
        identity: batch.identities[event.identity as usize].clone(),
    })
}

/// The run that the next event may continue.
struct Open {
    alert: Alert,
    last: Seconds,
    deadline: Seconds,
    count: u64,
    flaps_until: Seconds,
}

/// All alerts at `tick`, summaries left out, in order of key.
pub fn alerts(events: &[Told], tick: Seconds, params: &Params) -> Vec<Arc<Alert>> {
    let mut keys: BTreeMap<Fingerprint, Vec<&Told>> = BTreeMap::new();
    for told in events {
        keys.entry(told.event.fingerprint).or_default().push(told);
    }
    let mut alerts: Vec<Arc<Alert>> = Vec::new();
    for events in keys.values() {
        one_key(events, tick, params, &mut |alert| alerts.push(Arc::new(alert)));
    }
    alerts.sort_by_key(|alert| alert.key);
    alerts
}

/// Order within a second: firing, late, resolved; then by id.
fn place(told: &Told) -> (Seconds, u8, &EventId) {
    let event = &told.event;
    if event.flags.has(AlertFlags::LATE) {
        (event.observed, 1, &told.id)
    } else {
        (event.time, 2 * u8::from(event.flags.has(AlertFlags::RESOLVED)), &told.id)
    }
}

fn one_key(events: &[&Told], tick: Seconds, params: &Params, emit: &mut impl FnMut(Alert)) {
    // The source that spoke first decides the policy.
    let source = params.sources[events[0].event.source as usize];
    let model = FlapModel::new(params.dedup.flap);
    let mut events = events.to_vec();
    events.sort_by_key(|told| place(told));
    let mut flap = Flap::default();
    let mut open: Option<Open> = None;
    let mut floor = Seconds::MIN;
    for told in events {
        let (second, sort, _) = place(told);
        if let Some(run) = open.take_if(|run| run.deadline < second) {
            floor = run.last + 1;
            close(run, &mut flap, &model, emit);
        }
        match (sort, &mut open) {
            (0, Some(run)) => {
                run.count += 1;
                run.last = second;
                run.deadline = told.event.ends.min(second.saturating_add(source.quiet_seconds));
                run.alert.severity = told.event.severity;
                run.alert.key.onset = run.alert.key.onset.min(told.event.onset.max(floor));
            }
            (0, None) => open = Some(begin(told, source.quiet_seconds, floor, &mut flap, &model)),
            (1, Some(run)) if source.fold_late => run.count += 1,
            (2, Some(_)) => {
                if let Some(mut run) = open.take() {
                    floor = run.last + 1;
                    run.deadline = second;
                    close(run, &mut flap, &model, emit);
                }
            }
            _ => {}
        }
    }
    match open {
        Some(run) if run.deadline < tick => close(run, &mut flap, &model, emit),
        Some(run) => {
            let flapping = tick < run.flaps_until;
            emit(Alert { flapping, magnitude: magnitude(run.count), ..run.alert });
        }
        None => {}
    }
}

fn begin(told: &Told, quiet: Seconds, floor: Seconds, flap: &mut Flap, model: &FlapModel) -> Open {
    let event = &told.event;
    Open {
        alert: Alert {
            key: AlertKey { onset: event.onset.max(floor), fingerprint: event.fingerprint },
            first: event.time,
            severity: event.severity,
            status: Status::Firing,
            magnitude: 0,
            flapping: false,
            first_event_id: told.id.clone(),
            summary: SmolStr::default(),
            identity: told.identity.clone(),
        },
        last: event.time,
        deadline: event.ends.min(event.time.saturating_add(quiet)),
        count: 1,
        flaps_until: flap.transition(event.time, model).unwrap_or(Seconds::MIN),
    }
}

fn close(run: Open, flap: &mut Flap, model: &FlapModel, emit: &mut impl FnMut(Alert)) {
    flap.transition(run.deadline, model);
    emit(Alert {
        status: Status::Resolved { at: run.deadline, last: run.last },
        flapping: run.deadline < run.flaps_until,
        magnitude: magnitude(run.count),
        ..run.alert
    });
}

fn magnitude(count: u64) -> u8 {
    count.max(1).ilog2() as u8
}
