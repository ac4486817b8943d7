//! Native NDJSON: EVENT.md section 6, one object a line.
//!
//! What an event shares with others of its check or series is rendered once;
//! a line is then a few copies with an id, two times and a value in between.

mod context;
pub(crate) mod parts;

use super::{push_escaped, push_id, push_number, push_pair, push_string, push_value};
use crate::instant::{Ms, push_rfc3339};
use crate::rng::mix;
use crate::scenario::Scenario;
use crate::storm::{Event, LOGS_QUIET, LOGS_TROUBLE, METRICS, SENDERS, Series, What};
use parts::AlertParts;

/// Renders the events of one scenario.
pub struct Writer<'a> {
    scenario: &'a Scenario,
    /// By check.
    alerts: Vec<AlertParts>,
    /// By series: everything but what changes.
    series: Vec<Vec<u8>>,
}

impl<'a> Writer<'a> {
    /// Prepares what the events of `scenario` share.
    pub fn new(scenario: &'a Scenario) -> Self {
        let world = &scenario.world;
        let alerts = scenario.storm.checks.iter().map(|c| AlertParts::new(world, *c)).collect();
        let series = scenario.storm.series.iter().map(|s| parts::series(world, *s)).collect();
        Writer { scenario, alerts, series }
    }

    /// Appends `event` as one line, line feed included.
    pub fn push_line(&self, out: &mut Vec<u8>, event: &Event) {
        self.push_object(out, event);
        out.push(b'\n');
    }

    /// Appends `event` as one JSON object.
    pub fn push_object(&self, out: &mut Vec<u8>, event: &Event) {
        out.extend_from_slice(b"{\"schema\":\"event/1.0\",\"id\":\"");
        push_id(out, event.id);
        out.extend_from_slice(b"\",\"source\":\"");
        out.extend_from_slice(SENDERS[usize::from(event.sender)].as_bytes());
        match event.what {
            What::Firing | What::Resolved => self.push_alert(out, event),
            What::Metric
            | What::Log
            | What::LogTrouble
            | What::Span
            | What::SpanFailed
            | What::Heartbeat => self.push_signal(out, event),
            What::ChangeStarted | What::ChangeFinished => {
                push_times(out, "change", event);
                let change = &self.scenario.plan.changes[event.subject as usize];
                let done = event.what == What::ChangeFinished;
                context::push_change(out, &self.scenario.world, change, done);
            }
            What::Update => {
                let update = self.scenario.world.updates[event.subject as usize];
                push_times(out, context::kind(update.fact), event);
                context::push_fact(out, &self.scenario.world, update.fact, update.upsert);
            }
        }
        out.push(b'}');
    }

    fn push_alert(&self, out: &mut Vec<u8>, event: &Event) {
        let check = self.scenario.storm.episodes[event.subject as usize].check;
        let parts = &self.alerts[check as usize];
        let firing = event.what == What::Firing;
        out.extend_from_slice(&parts.name);
        push_rfc3339(out, event.time);
        out.extend_from_slice(b"\",\"observed_time\":\"");
        push_rfc3339(out, event.observed);
        out.extend_from_slice(if firing {
            b"\",\"status\":\"firing"
        } else {
            b"\",\"status\":\"resolved"
        });
        out.extend_from_slice(&parts.subject);
        if firing {
            out.extend_from_slice(&parts.before_value);
            push_value(out, event.value);
            out.extend_from_slice(&parts.after_value);
            push_value(out, event.value);
            out.push(b'"');
        } else {
            out.extend_from_slice(&parts.over);
        }
        out.extend_from_slice(&parts.links);
    }

    fn push_signal(&self, out: &mut Vec<u8>, event: &Event) {
        let series = self.scenario.storm.series[event.subject as usize];
        out.extend_from_slice(match event.what {
            What::Metric => b"\",\"kind\":\"metric\",\"time\":",
            What::Span | What::SpanFailed => b"\",\"kind\":\"span\",\"time\":",
            What::Heartbeat => b"\",\"kind\":\"heartbeat\",\"time\":",
            _ => b"\",\"kind\":\"log\",\"time\":",
        });
        push_nanos(out, event.time);
        out.extend_from_slice(b",\"observed_time\":");
        push_nanos(out, event.observed);
        out.extend_from_slice(&self.series[event.subject as usize]);
        match event.what {
            What::Metric => {
                out.extend_from_slice(b",\"value\":");
                push_value(out, event.value);
            }
            What::Log | What::LogTrouble => self.push_log(out, event, series),
            What::Span | What::SpanFailed => self.push_span(out, event, series),
            _ => {}
        }
    }

    fn push_log(&self, out: &mut Vec<u8>, event: &Event, series: Series) {
        let dice = mix(u64::from(event.id));
        let trouble = event.what == What::LogTrouble;
        let (severity, texts): (&str, &[&str]) =
            if trouble { ("error", &LOGS_TROUBLE) } else { ("info", &LOGS_QUIET) };
        // A program has a few lines that it says again and again.
        let text = texts[(series.node as usize * 5 + (dice % 4) as usize) % texts.len()];
        out.extend_from_slice(b",\"severity\":\"");
        out.extend_from_slice(severity.as_bytes());
        out.extend_from_slice(b"\",\"body\":\"");
        let peer = self.scenario.world.node(series.peer).short();
        for (i, piece) in text.split(['{', '}']).enumerate() {
            match (i % 2, piece) {
                (0, _) => push_escaped(out, piece),
                (_, "p") => push_escaped(out, peer),
                _ => push_number(out, (dice >> 8) % 5_000),
            }
        }
        out.push(b'"');
    }

    fn push_span(&self, out: &mut Vec<u8>, event: &Event, series: Series) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let world = &self.scenario.world;
        let seeds = [u64::from(event.id), !u64::from(event.id), u64::from(event.id) << 20 | 1];
        let [a, b, c] = seeds.map(mix);
        let mut push_hex = |word: u64| {
            out.extend((0..16).rev().map(|nibble| HEX[(word >> (4 * nibble)) as usize & 15]));
        };
        push_hex(a | 1);
        push_hex(b);
        out.extend_from_slice(b"\",\"span_id\":\"");
        let mut push_hex = |word: u64| {
            out.extend((0..16).rev().map(|nibble| HEX[(word >> (4 * nibble)) as usize & 15]));
        };
        push_hex(c | 1);
        out.extend_from_slice(b"\",\"span\":{\"name\":\"GET /");
        push_escaped(out, world.node(series.peer).short());
        out.extend_from_slice(b"\",\"kind\":\"client\",\"duration_ns\":");
        push_number(out, (f64::from(event.value) * 1e6) as u64);
        let failed = event.what == What::SpanFailed;
        out.extend_from_slice(if failed {
            b",\"status\":\"error\",\"peer\":"
        } else {
            b",\"status\":\"ok\",\"peer\":"
        });
        push_string(out, &world.node(series.peer).reference);
        out.push(b'}');
    }
}

/// Appends the topology as the catalogue tells it before the first event, one fact a line.
pub fn push_topology(out: &mut Vec<u8>, scenario: &Scenario) {
    // A night's import, eight hours before the storm.
    let at = crate::instant::START - 8 * crate::instant::HOUR;
    for (number, fact) in (1u64..).zip(&scenario.world.catalogue) {
        out.extend_from_slice(b"{\"schema\":\"event/1.0\",\"id\":\"t-");
        push_number(out, number);
        out.extend_from_slice(b"\",\"source\":\"catalog/import\",\"kind\":\"");
        out.extend_from_slice(context::kind(*fact).as_bytes());
        out.extend_from_slice(b"\",\"time\":\"");
        push_rfc3339(out, at);
        out.push(b'"');
        context::push_fact(out, &scenario.world, *fact, true);
        out.extend_from_slice(b"}\n");
    }
}

/// Ends the source, and appends kind and both times.
fn push_times(out: &mut Vec<u8>, kind: &str, event: &Event) {
    out.extend_from_slice(b"\",");
    push_pair(out, "kind", kind);
    out.extend_from_slice(b",\"time\":\"");
    push_rfc3339(out, event.time);
    out.extend_from_slice(b"\",\"observed_time\":\"");
    push_rfc3339(out, event.observed);
    out.push(b'"');
}

/// Appends an instant as nanoseconds since the Unix epoch.
fn push_nanos(out: &mut Vec<u8>, instant: Ms) {
    push_number(out, instant as u64);
    out.extend_from_slice(b"000000");
}

// The metric table is part of the format: a series finds its row by number.
const _: () =
    assert!(METRICS.len() < 200, "the last numbers of a series' metric mean other things");
