//! Running a history through the engine, and through the oracle beside it.

use super::history::{Heard, History, START, context_event, push_alert};
use causeway::runtime::{EpochInput, EpochOutput, Past, resume, start};
use causeway_dataflows::cause::kinds::Kinds;
use causeway_dataflows::model::{
    AlertBatch, AlertCount, AlertKey, AlertRow, ContextEvent, Incident, IncidentKey, Seconds,
};
use causeway_dataflows::ops::epochs::Tick;
use causeway_dataflows::oracle::{alerts, expected};
use causeway_dataflows::params::Params;
use causeway_dataflows::pipeline::Saved;
use causeway_dataflows::{cause, explain};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What stands.
#[derive(Debug, Default)]
pub struct Standing {
    pub rows: BTreeMap<AlertKey, Arc<AlertRow>>,
    pub incidents: BTreeMap<IncidentKey, Arc<Incident>>,
    pub counts: BTreeMap<AlertKey, AlertCount>,
}

impl Standing {
    fn apply(&mut self, output: EpochOutput) -> Result<(), String> {
        for (row, diff) in output.rows {
            let key = row.alert.key;
            if diff < 0 && self.rows.remove(&key).as_ref() != Some(&row) {
                return Err(format!("row {key:?} was taken back and did not stand"));
            }
            if diff > 0 && self.rows.insert(key, row).is_some() {
                return Err(format!("row {key:?} was put up twice"));
            }
        }
        for (incident, diff) in output.incidents {
            let key = incident.key;
            if diff < 0 && self.incidents.remove(&key).as_ref() != Some(&incident) {
                return Err(format!("incident {key} was taken back and did not stand"));
            }
            if diff > 0 && self.incidents.insert(key, incident).is_some() {
                return Err(format!("incident {key} was put up twice"));
            }
        }
        self.counts.extend(output.counts.into_iter().map(|count| (count.key, count)));
        Ok(())
    }
}

/// One epoch of a history.
pub struct Epoch {
    pub tick: Tick,
    pub heard: Vec<(Seconds, usize, Heard)>,
}

pub fn epochs(history: &History) -> Vec<Epoch> {
    let mut epochs: Vec<Epoch> = Vec::new();
    let mut cut = true;
    let mut tick = START;
    for (place, (at, heard, cut_after)) in history.steps.iter().enumerate() {
        if cut || *at > tick {
            tick = tick.max(*at);
            epochs.push(Epoch { tick: Tick { now: tick, drain: false }, heard: Vec::new() });
        }
        if let Some(epoch) = epochs.last_mut() {
            epoch.heard.push((*at, place, heard.clone()));
        }
        cut = *cut_after;
    }
    // Every wheel fires at the end; with everything taken back, every horizon passes too.
    let after = if history.take_back { [2000, 40_000] } else { [2000, 2000] };
    for after in after {
        epochs.push(Epoch { tick: Tick { now: tick + after, drain: true }, heard: Vec::new() });
    }
    epochs
}

pub fn input(epoch: &Epoch, workers: usize) -> EpochInput {
    let mut batches = vec![AlertBatch::default(); workers];
    let mut context = Vec::new();
    for (at, place, heard) in &epoch.heard {
        match heard {
            Heard::Alert { .. } => push_alert(&mut batches, heard, *at),
            Heard::Context(about, present) => {
                context.push(context_event(about, *present, *at, *place));
            }
        }
    }
    EpochInput { alerts: batches, context, ..EpochInput::default() }
}

pub fn params(history: &History) -> Params {
    let mut params = Params::default();
    if !history.take_back {
        // The oracle does not forget, so neither may the engine.
        params.dedup.revise_horizon_seconds = 100_000;
    }
    params
}

/// What stands after the whole history.
pub fn run(history: &History, workers: usize) -> Standing {
    let (mut feeder, mut collector) =
        start(workers, &params(history), 1 << 20).expect("the engine starts");
    for epoch in epochs(history) {
        feeder.submit(epoch.tick, input(&epoch, workers)).expect("the engine takes an epoch");
    }
    drop(feeder);
    let mut standing = Standing::default();
    while let Some(output) = collector.next_epoch() {
        standing.apply(output).expect("the collections hold each thing once");
    }
    standing
}

/// What is remembered after the whole history.
pub fn remembered(history: &History) -> Past {
    let (mut feeder, mut collector) = start(1, &params(history), 1 << 20).unwrap();
    let epochs = epochs(history);
    let (last, before) = epochs.split_last().unwrap();
    for epoch in before {
        feeder.submit(epoch.tick, input(epoch, 1)).unwrap();
    }
    let epoch = feeder.submit_and_save(last.tick, input(last, 1)).unwrap();
    drop(feeder);
    let answered = std::iter::from_fn(|| collector.next_epoch());
    assert!(answered.last().unwrap().is_cut);
    let (after, shares) = collector.saved().unwrap();
    assert_eq!(after, epoch);
    Past { epoch, tick: last.tick, saved: Saved::of_shares(shares) }
}

/// Runs a history twice: from the beginning, saving after some epoch; and from what was saved.
/// Everything that the second answers must be what the first did.
fn check_restart(history: &History, cut: usize, workers: (usize, usize)) -> Result<(), String> {
    let mut params = params(history);
    // Keys are handed out while the epochs after the cut change them.
    params.saving_slice = 1;
    let epochs = epochs(history);
    let cut = cut % epochs.len();
    let (mut feeder, mut collector) =
        start(workers.0, &params, 1 << 20).map_err(|error| error.to_string())?;
    for (at, epoch) in epochs.iter().enumerate() {
        let input = input(epoch, workers.0);
        let fed = if at == cut {
            feeder.submit_and_save(epoch.tick, input)
        } else {
            feeder.submit(epoch.tick, input)
        };
        fed.map_err(|error| error.to_string())?;
    }
    drop(feeder);
    let mut standing = Standing::default();
    let mut later = Vec::new();
    while let Some(output) = collector.next_epoch() {
        let at = output.epoch as usize;
        if output.is_cut != (at == cut) {
            return Err(format!("epoch {at}: whether it is a cut is {}", output.is_cut));
        }
        if at > cut { later.push(output) } else { standing.apply(output)? }
    }
    let saved = collector.saved();
    if saved.as_ref().is_none_or(|(epoch, _)| *epoch != cut as u64) || collector.saved().is_some() {
        return Err(format!("saved after {:?}", saved.map(|(epoch, _)| epoch)));
    }
    let saved = saved.map(|(_, shares)| Saved::of_shares(shares));
    let bytes = postcard::to_stdvec(&saved).map_err(|error| error.to_string())?;
    let saved = postcard::from_bytes::<Option<Saved>>(&bytes).map_err(|error| error.to_string())?;
    let past = Past {
        epoch: cut as u64,
        tick: epochs[cut].tick,
        saved: saved.ok_or("nothing was saved")?,
    };
    let (mut feeder, mut collector) =
        resume(workers.1, &params, 1 << 20, past).map_err(|error| error.to_string())?;
    for epoch in &epochs[cut + 1..] {
        let input = input(epoch, workers.1);
        feeder.submit(epoch.tick, input).map_err(|error| error.to_string())?;
    }
    drop(feeder);
    let first = collector.next_epoch().ok_or("nothing was put up")?;
    let mut again = Standing::default();
    if (first.epoch, first.counts.len(), first.sealed.len()) != (cut as u64, 0, 0) {
        return Err(format!("the first answer is {first:?}"));
    }
    again.apply(first)?;
    same("row", &again.rows, &standing.rows)?;
    same("incident", &again.incidents, &standing.incidents)?;
    for expected in later {
        let got = collector.next_epoch().ok_or("an epoch is missing")?;
        if format!("{got:?}") != format!("{expected:?}") {
            return Err(format!("epoch {}:\n again {got:#?}\n first {expected:#?}", got.epoch));
        }
    }
    match collector.next_epoch() {
        Some(more) => Err(format!("one epoch too many: {more:?}")),
        None => Ok(()),
    }
}

/// Nothing stands once everything was taken back.
pub fn check_taken_back(history: &History) -> Result<(), String> {
    let standing = run(&history.taken_back(), 2);
    match (standing.rows.is_empty(), standing.incidents.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("alerts are left: {:?}", standing.rows)),
        (_, false) => Err(format!("incidents are left: {:?}", standing.incidents)),
    }
}

/// The same as [`check_restart`], early, in the middle, late, on other numbers of workers, as the
/// history has it.
pub fn check_restarts(history: &History) -> Result<(), String> {
    let place = history.steps.len() % 4;
    let workers = [(1, 1), (2, 1), (1, 3), (4, 4)][place];
    let cut = history.steps.len() * (place + 1) / 5;
    check_restart(history, cut, workers)?;
    // With horizons that pass, so that groups freeze and leave on both sides of the cut.
    check_restart(&history.taken_back(), cut, workers)
}

/// What the engine answers to each epoch of a history, with the epoch's tick.
pub fn outputs(history: &History) -> Vec<(EpochOutput, Tick)> {
    let (mut feeder, mut collector) =
        start(1, &params(history), 1 << 20).expect("the engine starts");
    let epochs = epochs(history);
    for epoch in &epochs {
        feeder.submit(epoch.tick, input(epoch, 1)).expect("the engine takes an epoch");
    }
    drop(feeder);
    let answers = std::iter::from_fn(|| collector.next_epoch());
    answers.zip(epochs.iter().map(|epoch| epoch.tick)).collect()
}

/// Compares the engine with the oracle after every epoch.
pub fn check_against_oracle(history: &History) -> Result<(), String> {
    let params = params(history);
    let (mut feeder, mut collector) =
        start(1, &params, 1 << 20).map_err(|error| error.to_string())?;
    let epochs = epochs(history);
    for epoch in &epochs {
        feeder.submit(epoch.tick, input(epoch, 1)).map_err(|error| error.to_string())?;
    }
    drop(feeder);
    let mut standing = Standing::default();
    let mut told = Vec::new();
    let mut context: Vec<ContextEvent> = Vec::new();
    let mut compared = 0;
    let kinds = Kinds::default();
    while let Some(output) = collector.next_epoch() {
        let epoch = &epochs[output.epoch as usize];
        standing.apply(output)?;
        let EpochInput { alerts: batches, context: heard, .. } = input(epoch, 1);
        told.extend(batches.iter().flat_map(alerts::told));
        context.extend(heard);
        let alerts = alerts::alerts(&told, epoch.tick.now, &params);
        let expected = expected(&alerts, &context, epoch.tick.now, &params);
        same("row", &standing.rows, &expected.rows)?;
        let score = |group: &_| cause::cause(group, &params.cause, &kinds);
        let incidents: BTreeMap<IncidentKey, Arc<Incident>> = expected
            .groups
            .into_iter()
            .map(|(key, group)| (key, Arc::new(explain::explain(&group, &score))))
            .collect();
        same("incident", &standing.incidents, &incidents)?;
        compared += 1;
    }
    if compared == epochs.len() { Ok(()) } else { Err(format!("{compared} epochs came back")) }
}

fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    have: &BTreeMap<K, V>,
    want: &BTreeMap<K, V>,
) -> Result<(), String> {
    for key in have.keys().chain(want.keys()) {
        let (have, want) = (have.get(key), want.get(key));
        if have != want {
            return Err(format!("{what} {key:?}:\n engine {have:#?}\n oracle {want:#?}"));
        }
    }
    Ok(())
}
