//! Findings from the whole of what was heard: sorted, and judged in one pass.

#[cfg(test)]
mod tests;

use crate::detect::beat::Rhythm;
use crate::detect::histogram::{self, Point};
use crate::detect::log::{LogService, Miner, Templates};
use crate::detect::metric::{Accumulation, Counter, MetricModel, Reading, Series};
use crate::detect::{lines, samples};
use crate::model::{Finding, Identity, Measure, Seconds, SignalBatch, Stamp};
use crate::params::{DetectParams, LineParams};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

const MINUTE: Seconds = 60;
const NAMES: [&str; 3] = ["CallRequestRate", "CallErrorRatio", "CallDuration"];

/// What stands: by name and entity and second what is said, nothing of an end.
pub type Stands = BTreeMap<(String, Seconds), Option<String>>;

/// A line: when, what, how bad.
type Line = (Seconds, SmolStr, u8);

/// All that was heard of one identity.
struct Heard<'a> {
    identity: &'a Identity,
    samples: Vec<(Seconds, Measure, f64)>,
    beats: BTreeSet<Seconds>,
    /// Points of histograms whose time was not over when their buckets came.
    points: BTreeMap<Seconds, Point>,
    /// Calls of minutes that were not over when they came: seconds that each took, and whether
    /// it failed.
    calls: BTreeMap<Seconds, Vec<(u64, bool)>>,
    /// Lines of such minutes.
    lines: BTreeMap<Seconds, Vec<Line>>,
}

/// Everything that must stand at `now` after `batches`, each with the tick that brought it.
///
/// Late samples and beats are taken to lie within their bounds.
pub fn findings(batches: &[(Seconds, SignalBatch)], now: Seconds, params: &DetectParams) -> Stands {
    let mut stands = Stands::new();
    for mut heard in by_identity(batches, params).into_values() {
        let identity = heard.identity;
        heard.samples.sort_by(|a, b| a.0.cmp(&b.0).then(a.2.total_cmp(&b.2)));
        let (model, warm_up) = (&params.samples.model, params.samples.warm_up_seconds);
        judge((&identity.name, identity), &heard.samples, model, warm_up, &mut stands);
        quantiles(identity, &heard.points, now, params, &mut stands);
        beats(identity, &heard.beats, now, params, &mut stands);
        calls(identity, &heard.calls, now, params, &mut stands);
        read(identity, heard.lines, now, &params.lines, &mut stands);
    }
    stands
}

/// What is heard of an identity, from now on.
fn of<'a, 'b>(
    all: &'b mut BTreeMap<u128, Heard<'a>>,
    batch: &'a SignalBatch,
    stamp: &Stamp,
) -> &'b mut Heard<'a> {
    let identity = &batch.identities[stamp.identity as usize];
    all.entry(identity.fingerprint.0).or_insert_with(|| Heard {
        identity,
        samples: Vec::new(),
        beats: BTreeSet::new(),
        points: BTreeMap::new(),
        calls: BTreeMap::new(),
        lines: BTreeMap::new(),
    })
}

fn minute_of(time: Seconds) -> Seconds {
    time.div_euclid(MINUTE) * MINUTE
}

fn by_identity<'a>(
    batches: &'a [(Seconds, SignalBatch)],
    params: &DetectParams,
) -> BTreeMap<u128, Heard<'a>> {
    let mut all = BTreeMap::new();
    for (tick, batch) in batches {
        let is_over = |minute, wait| minute < minute_of(*tick - wait);
        for sample in &batch.samples {
            let sample_of = (sample.stamp.time, sample.measure, sample.value);
            of(&mut all, batch, &sample.stamp).samples.push(sample_of);
        }
        for bucket in &batch.buckets {
            let heard = of(&mut all, batch, &bucket.stamp);
            if bucket.stamp.time > *tick - params.samples.wait_seconds {
                // A point of too many is as well the one that is left of it.
                let _ = heard.points.entry(bucket.stamp.time).or_default().add(bucket);
            }
        }
        for stamp in &batch.beats {
            of(&mut all, batch, stamp).beats.insert(stamp.time);
        }
        for call in &batch.calls {
            let (heard, minute) = (of(&mut all, batch, &call.stamp), minute_of(call.stamp.time));
            if !is_over(minute, params.calls.wait_seconds) {
                let calls = heard.calls.entry(minute).or_default();
                calls.push((call.duration_ns / 1000, call.failed));
            }
        }
        for line in &batch.lines {
            let (heard, minute) = (of(&mut all, batch, &line.stamp), minute_of(line.stamp.time));
            if !is_over(minute, params.lines.wait_seconds) {
                let text = SmolStr::new(batch.text(line));
                let lines = heard.lines.entry(minute).or_default();
                lines.push((line.stamp.time, text, line.severity.0));
            }
        }
    }
    all
}

/// Puts up what is said of an identity at a second.
fn say(name: &str, identity: &Identity, time: Seconds, said: Option<Finding>, to: &mut Stands) {
    let key = (format!("{name} {}", identity.entity), time);
    to.insert(key, said.map(|finding| finding.to_string()));
}

/// The figures of one series, in order.
fn judge(
    (name, identity): (&str, &Identity),
    samples: &[(Seconds, Measure, f64)],
    model: &MetricModel,
    warm_up: Seconds,
    to: &mut Stands,
) {
    let (mut counter, mut series) = (Counter::default(), Series::default());
    let Some((first, ..)) = samples.first() else { return };
    // When it went off, the last strange reading, how far off that was, when it was told of.
    let mut off: Option<(Seconds, Reading, f64, Seconds)> = None;
    for (time, measure, value) in samples {
        let kind = match measure {
            Measure::Level => Accumulation::Gauge,
            Measure::Total => Accumulation::Cumulative,
            Measure::Added => Accumulation::Delta,
        };
        let Some(figure) = counter.gauge(kind, *time, *value) else { continue };
        let seasonal = series.seasonal(model, *time);
        let reading = series.step(model, *time, figure);
        let mut told = None;
        if reading.alert {
            let since = off.map_or(*time, |(since, ..)| since);
            off = Some((since, reading, figure - reading.expected, *time));
            told = Some((since, Some(reading)));
        } else if let Some((since, strange, far, last)) = off.filter(|off| *time > off.3) {
            let now = figure - seasonal.unwrap_or(strange.expected);
            let back = far == 0.0 || now * far.signum() < far.abs() / 2.0;
            if back || *time - since > i64::from(model.hold_seconds) {
                off = None;
                told = Some((since, None));
            } else if *time - last >= i64::from(model.repeat_seconds) {
                off = Some((since, strange, far, *time));
                told = Some((since, Some(strange)));
            }
        }
        let Some((_, said)) = told.filter(|(since, _)| *since >= first + warm_up) else { continue };
        let finding = said.map(|reading| samples::finding(name, figure, &reading, model));
        say(name, identity, *time, finding, to);
    }
}

/// Points of a histogram that are over, each quantile a series of its own.
fn quantiles(
    identity: &Identity,
    points: &BTreeMap<Seconds, Point>,
    now: Seconds,
    params: &DetectParams,
    to: &mut Stands,
) {
    let params = &params.samples;
    let over: Vec<_> = points.range(..=now - params.wait_seconds).collect();
    for (of, (suffix, _)) in histogram::QUANTILES.iter().enumerate() {
        let figures = over.windows(2).filter_map(|pair| {
            let [(_, before), (time, point)] = pair else { return None };
            Some((**time, Measure::Level, point.quantiles(before)?[of]))
        });
        let figures: Vec<_> = figures.collect();
        let name = histogram::name(&identity.name, suffix);
        judge((&name, identity), &figures, &params.model, params.warm_up_seconds, to);
    }
}

/// Silences between beats, and after the last.
fn beats(
    identity: &Identity,
    beats: &BTreeSet<Seconds>,
    now: Seconds,
    params: &DetectParams,
    to: &mut Stands,
) {
    let params = &params.beat;
    let mut rhythm = Rhythm::default();
    for next in beats.iter().map(|beat| Some(*beat)).chain([None]) {
        if let Some(allowed) = rhythm.silent_after(params) {
            let last = next.map_or(now, |next| next - 1).min(allowed + params.forget_seconds);
            let mut at = allowed + 1;
            while at <= last {
                say("HeartbeatMissing", identity, at, Some(rhythm.silence(allowed)), to);
                at += params.repeat_seconds;
            }
            if let Some(next) = next.filter(|next| *next > allowed) {
                say("HeartbeatMissing", identity, next, None, to);
            }
        }
        next.into_iter().for_each(|next| rhythm.beat(next, params));
    }
}

/// Minutes of calls that are over, each figure a series of its own.
fn calls(
    identity: &Identity,
    minutes: &BTreeMap<Seconds, Vec<(u64, bool)>>,
    now: Seconds,
    params: &DetectParams,
    to: &mut Stands,
) {
    let params = &params.calls;
    let over = minutes.range(..minute_of(now - params.wait_seconds));
    let mut figures: [Vec<(Seconds, Measure, f64)>; 3] = Default::default();
    for (minute, calls) in over {
        let count = calls.len() as f64;
        let failed = calls.iter().filter(|(_, failed)| *failed).count() as f64;
        let micros: u64 = calls.iter().map(|(micros, _)| micros).sum();
        let values = [count / MINUTE as f64, failed / count, micros as f64 / 1e6 / count];
        for (series, value) in figures.iter_mut().zip(values) {
            series.push((minute + MINUTE, Measure::Level, value));
        }
    }
    for (name, series) in NAMES.iter().zip(&figures) {
        // A minute is told of at its end, and the first began before its own.
        let warm_up = params.warm_up_seconds - MINUTE;
        judge((name, identity), series, &params.model, warm_up, to);
    }
}

/// Minutes of lines that are over.
fn read(
    identity: &Identity,
    minutes: BTreeMap<Seconds, Vec<Line>>,
    now: Seconds,
    params: &LineParams,
    to: &mut Stands,
) {
    let mut miner = Miner::new(params.merge, params.limits);
    let mut service = LogService::default();
    for (minute, mut lines) in minutes {
        if minute >= minute_of(now - params.wait_seconds) {
            break;
        }
        lines.sort_unstable();
        let mut quoted: BTreeMap<u64, SmolStr> = BTreeMap::new();
        let mut readings = Vec::new();
        for (time, text, severity) in lines {
            let found = miner.of(&text);
            for alias in miner.take_changes() {
                service.alias(&params.model, alias.old, alias.new);
                if let Some(text) = quoted.remove(&alias.old) {
                    quoted.insert(alias.new, text);
                }
            }
            let id = miner.current(found.id);
            quoted.insert(id, text);
            readings.extend(service.line(&params.model, time, id, severity));
        }
        readings.extend(service.advance(&params.model, minute + MINUTE));
        for reading in readings.into_iter().filter(|reading| reading.alert) {
            let quote = &quoted[&reading.template];
            let (name, finding) = lines::finding(&reading, quote, &params.model);
            say(name, identity, reading.time_seconds + MINUTE, Some(finding), to);
        }
    }
}
