//! Bodies of `POST /api/v2/alerts`, as a Prometheus would send them.
//!
//! Only alerts are sent this way. The entity travels as a label of that name,
//! and an alert that fires says how long it holds without being repeated.

use super::native::parts::{labels, over_summary, runbook, summary};
use super::{push_escaped, push_pair, push_string, push_value};
use crate::instant::{MINUTE, Ms, push_rfc3339};
use crate::scenario::Scenario;
use crate::storm::{Event, What};
use crate::vocabulary::rule_by;

/// Prometheus lets an alert lapse four of its repeat intervals after it was last sent.
const HOLDS: Ms = 4 * MINUTE;

/// One request.
#[derive(Clone, Debug)]
pub struct Post {
    /// When its last alert was received in the scenario, which is when it is due.
    pub due: Ms,
    /// How many alerts it carries.
    pub alerts: usize,
    /// A JSON array of alerts.
    pub body: Vec<u8>,
}

/// The alerts of `scenario` in order of receipt, `size` in a request.
pub fn posts(scenario: &Scenario, size: usize) -> impl Iterator<Item = Post> {
    let writer = Writer::new(scenario);
    let alert = |e: &&Event| matches!(e.what, What::Firing | What::Resolved);
    let mut alerts = scenario.storm.events.iter().filter(alert).peekable();
    std::iter::from_fn(move || {
        let mut post = Post { due: alerts.peek()?.observed, alerts: 0, body: vec![b'['] };
        for event in alerts.by_ref().take(size.max(1)) {
            if post.alerts > 0 {
                post.body.push(b',');
            }
            writer.push_alert(&mut post.body, event);
            post.alerts += 1;
            post.due = event.observed;
        }
        post.body.push(b']');
        Some(post)
    })
}

/// An alert, cut where something changes from event to event.
struct Parts {
    /// Labels, and annotations up to the summary.
    head: Vec<u8>,
    summary: (String, String),
    over: String,
    /// From the end of the summary to the generator.
    tail: Vec<u8>,
    generator: Vec<u8>,
}

/// Renders alerts of one scenario.
struct Writer<'a> {
    scenario: &'a Scenario,
    checks: Vec<Parts>,
    /// By episode: when it began by its sender's clock.
    since: Vec<Ms>,
}

impl<'a> Writer<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let storm = &scenario.storm;
        let skew = |check: u32| scenario.world.node(storm.checks[check as usize].node).skew;
        let since = storm.episodes.iter().map(|e| e.start + skew(e.check)).collect();
        let checks = storm.checks.iter().map(|check| {
            let rule = rule_by(check.rule);
            let node = scenario.world.node(check.node);
            let mut head = b"{\"labels\":{".to_vec();
            push_pair(&mut head, "alertname", rule.name);
            head.push(b',');
            push_pair(&mut head, "entity", &node.reference);
            for (key, value) in labels(&scenario.world, *check) {
                head.push(b',');
                push_pair(&mut head, key, &value);
            }
            head.push(b',');
            push_pair(&mut head, "severity", rule.severity.word());
            head.extend_from_slice(b"},\"annotations\":{");
            push_pair(&mut head, "runbook_url", &runbook(rule));
            head.extend_from_slice(b",\"summary\":\"");
            let mut generator = b"\",\"generatorURL\":".to_vec();
            push_string(
                &mut generator,
                &format!("https://prometheus.example/graph?g0.expr={}", rule.name),
            );
            Parts {
                head,
                summary: summary(rule, node.short()),
                over: over_summary(node.short()),
                tail: b"\"},\"startsAt\":\"".to_vec(),
                generator,
            }
        });
        Writer { scenario, checks: checks.collect(), since }
    }

    fn push_alert(&self, out: &mut Vec<u8>, event: &Event) {
        let episode = self.scenario.storm.episodes[event.subject as usize];
        let parts = &self.checks[episode.check as usize];
        out.extend_from_slice(&parts.head);
        let firing = event.what == What::Firing;
        if firing {
            push_escaped(out, &parts.summary.0);
            push_value(out, event.value);
            push_escaped(out, &parts.summary.1);
        } else {
            push_escaped(out, &parts.over);
        }
        out.extend_from_slice(&parts.tail);
        push_rfc3339(out, self.since[event.subject as usize]);
        out.extend_from_slice(b"\",\"endsAt\":\"");
        push_rfc3339(out, if firing { event.time + HOLDS } else { event.time });
        out.extend_from_slice(&parts.generator);
        out.push(b'}');
    }
}
