//! What a decoder yields, as text: one line for each thing.

use causeway::canonical::{Decoded, Segment};
use causeway_dataflows::model::{
    AlertBatch, AlertEvent, AlertFlags, Context, ContextEvent, Matcher, MatcherOp, Op,
};
use std::fmt::Write;

/// Everything, books first.
pub(super) fn all(decoded: &Decoded) -> String {
    let mut text = books(decoded);
    for segment in &decoded.segments {
        text.push_str(&one_segment(segment));
    }
    text.push_str(&rejects(decoded));
    text
}

fn books(decoded: &Decoded) -> String {
    let counts = &decoded.counts;
    let mut text = format!(
        "received {} accepted {} rejected {} duplicate {} late {}\n\
         folded {} signals {} context {} lines {} unknown_fields {}\n",
        counts.received,
        counts.accepted,
        counts.rejected,
        counts.duplicate,
        counts.late,
        counts.folded,
        counts.signals,
        counts.context,
        decoded.lines,
        counts.unknown_fields,
    );
    for (code, count) in counts.repaired.iter() {
        let _ = writeln!(text, "repaired {code} {count}");
    }
    text
}

fn one_segment(segment: &Segment) -> String {
    let mut text = match segment.tick {
        Some(tick) => format!("tick {tick}\n"),
        None => "no tick\n".to_owned(),
    };
    for batch in &segment.alerts {
        for event in &batch.events {
            let _ = writeln!(text, "  {}", alert(batch, event));
        }
    }
    for event in &segment.context {
        let _ = writeln!(text, "  {}", context(event));
    }
    for (kind, count) in segment.signals.iter() {
        let _ = writeln!(text, "  signal {} {count}", kind.word());
    }
    text
}

/// The alert events of a call without where they went or came from, in a fixed order.
pub(super) fn alert_lines(decoded: &Decoded) -> Vec<String> {
    let batches = decoded.segments.iter().flat_map(|segment| &segment.alerts);
    batches.flat_map(|batch| batch.events.iter().map(|event| alert(batch, event))).collect()
}

/// An alert event with everything about it.
///
/// Times are relative to receipt or to event time, because that is what rules speak of.
pub(super) fn alert(batch: &AlertBatch, event: &AlertEvent) -> String {
    let identity = &batch.identities[event.identity as usize];
    // The entity made up for an alert without one names the source too.
    let entity = match identity.entity.kind() {
        "unknown" => "unknown",
        _ => &identity.entity.text,
    };
    assert_eq!(identity.fingerprint, event.fingerprint);
    let labels: Vec<_> =
        identity.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut text = format!(
        "alert {:?} {} {} {} {{{}}} at {}",
        event.fingerprint,
        identity.name,
        entity,
        event.severity,
        labels.join(","),
        event.time,
    );
    if event.observed != event.time {
        let _ = write!(text, " seen +{}", event.observed - event.time);
    }
    if event.onset != event.time {
        let _ = write!(text, " since {}", event.onset - event.time);
    }
    if event.ends != i64::MAX {
        let _ = write!(text, " until +{}", event.ends - event.time);
    }
    if event.flags.has(AlertFlags::RESOLVED) {
        text.push_str(" RESOLVED");
    }
    if event.flags.has(AlertFlags::LATE) {
        text.push_str(" LATE");
    }
    let _ = write!(text, " id {}", batch.id(event));
    if !batch.summary(event).is_empty() {
        let _ = write!(text, " {:?}", batch.summary(event));
    }
    let _ = write!(text, " from {}", identity.source);
    text
}

pub(super) fn context(event: &ContextEvent) -> String {
    let op = match event.op {
        Op::Upsert => String::new(),
        Op::Delete => " DELETE".to_owned(),
        op @ Op::Within { .. } => format!(" within {:?}", op.span()),
    };
    let time = event.time_ns as f64 / 1e9;
    format!("{}{op} at {time} id {} from {}", body(&event.body), event.id, event.source)
}

fn body(body: &Context) -> String {
    match body {
        Context::Entity(e) => format!(
            "entity {} type {} owner {:?} {:?} aliases {:?}",
            e.entity, e.kind, e.owner, e.criticality, e.aliases
        ),
        Context::Relation(r) => format!(
            "relation {} {} {} ppm {} ttl {}",
            r.from,
            r.kind.word(),
            r.to,
            r.confidence_ppm,
            r.ttl_seconds
        ),
        Context::Change(c) => format!(
            "change {} {} {:?} {:?} risk {} emergency {} version {:?} {:?}",
            c.change_id, c.entity, c.kind, c.phase, c.risk, c.emergency, c.version, c.summary
        ),
        Context::Silence(s) => format!(
            "silence {} {} from {} to {} by {:?} {:?}",
            s.silence_id,
            matchers(&s.matchers),
            s.starts,
            s.ends,
            s.created_by,
            s.comment
        ),
        Context::Maintenance(m) => format!(
            "maintenance {} {:?} {} from {} to {} {:?} {:?}",
            m.maintenance_id,
            m.entities,
            matchers(&m.matchers),
            m.starts,
            m.ends,
            m.intervals,
            m.comment
        ),
        Context::Rule(r) => format!("rule {} {} {:?}", r.rule_id, matchers(&r.matchers), r.action),
        Context::Model(m) => format!("model {} {:?}", m.version, m.weights_milli),
        Context::Feedback(f) => format!(
            "feedback {} {} {:?} by {:?} {:?}",
            f.incident_id, f.verdict, f.correct_entity, f.actor, f.note
        ),
    }
}

fn matchers(matchers: &[Matcher]) -> String {
    let sign = |op| match op {
        MatcherOp::Equal => "=",
        MatcherOp::NotEqual => "!=",
        MatcherOp::Regex => "=~",
        MatcherOp::NotRegex => "!~",
    };
    let shown: Vec<_> =
        matchers.iter().map(|m| format!("{}{}{:?}", m.name, sign(m.op), m.value)).collect();
    format!("{{{}}}", shown.join(","))
}

fn rejects(decoded: &Decoded) -> String {
    let mut text = String::new();
    for reject in &decoded.rejects {
        let field = if reject.field.is_empty() { "-" } else { &reject.field };
        let start = String::from_utf8_lossy(&reject.payload[..reject.payload.len().min(40)]);
        let _ = writeln!(
            text,
            "reject line {} {} {field}: {} | {} bytes {start:?}",
            reject.line, reject.code, reject.message, reject.payload_bytes
        );
    }
    text
}
