//! The topology, put and taken back.
//!
//! Each source has its own statement about an entity or a relation, and the
//! engine merges what they say. So a deletion is one of a source's statement; one
//! that names no source is written here as one for each that has such a statement.

use super::{NATIVE_LINES, hand_on, json_format, texts, told, write_flat, write_line, write_torn};
use crate::canonical::frame::Element;
use crate::canonical::kubernetes::is_kubernetes;
use crate::canonical::time::instant_text;
use crate::canonical::{Code, Format, Framing, Kind};
use crate::console::Console;
use crate::console::registry::Thing;
use crate::ingest::http::answer::{Answer, Problem, REJECTS_LISTED_MAX, RejectedLine};
use crate::ingest::http::auth::CanOperate;
use crate::ingest::http::body::{self, media_type};
use crate::ingest::http::events::receive;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use causeway_dataflows::model::RelationKind;
use serde_json::{Map, Value};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Kinds that belong into a topology.
const TOPOLOGY: &[Kind] = &[Kind::Entity, Kind::Relation];
/// Statements that one request may delete.
const STATEMENTS_MAX: usize = 100_000;
/// Bytes of a reference that count, as for the decoder.
const REFERENCE_BYTES_MAX: usize = 256;

/// `PUT /v1/topology`: entities and relations as native events, a Backstage catalogue, or objects
/// of Kubernetes.
///
/// What is sent is added or replaced, one by one; what is not sent stays.
pub async fn put_topology(
    State(console): State<Console>,
    CanOperate(caller): CanOperate,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let format = match media_type(&headers)?.as_str() {
        "application/yaml" | "application/x-yaml" | "text/yaml" => Format::Backstage,
        other => json_format(other)?,
    };
    let bytes = body::read(&console.http, &headers, body).await?;
    let format = if is_kubernetes(&bytes) { Format::Kubernetes } else { format };
    hand_on(&console, &caller, (format, Framing::Body), TOPOLOGY, bytes).await
}

/// `DELETE /v1/topology`: the same events, each as a deletion of what its `source` says, or
/// without one of what any source says.
pub async fn delete_topology(
    State(console): State<Console>,
    CanOperate(caller): CanOperate,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    json_format(&media_type(&headers)?)?;
    let bytes = body::read(&console.http, &headers, body).await?;
    let tenant = caller.tenant_or_default();
    let deletions = Deletions::of(&console, &tenant, &bytes);
    let events = Bytes::from(deletions.events);
    let receipt = receive(&console.reception, tenant, NATIVE_LINES, TOPOLOGY, events).await?;
    // A line may be several events, which are refused for the same reason.
    let mut rejected: BTreeMap<u64, RejectedLine> =
        deletions.refused.into_iter().map(|refused| (refused.line, refused)).collect();
    for refused in &receipt.rejects {
        rejected.entry(refused.line).or_insert_with(|| RejectedLine::of(refused));
    }
    let taken = deletions.lines.iter().filter(|line| !rejected.contains_key(line)).count();
    let unrecorded = receipt.counts.rejected.saturating_sub(receipt.rejects.len() as u64);
    let omitted = rejected.len().saturating_sub(REJECTS_LISTED_MAX) as u64;
    Ok(told(&Answer {
        accepted: (taken as u64).min(receipt.counts.accepted),
        duplicate: receipt.counts.duplicate,
        removed: Some(receipt.counts.accepted),
        rejected: rejected.into_values().take(REJECTS_LISTED_MAX).collect(),
        rejected_omitted: omitted + unrecorded,
        reason: None,
    }))
}

/// What a request to delete comes to.
#[derive(Default)]
struct Deletions {
    /// A line of events for each line or element of the request, so that each keeps its number.
    events: Vec<u8>,
    /// Numbers of those that are deletions of something that stands.
    lines: Vec<u64>,
    /// Those that are not.
    refused: Vec<RejectedLine>,
    statements: usize,
}

impl Deletions {
    fn of(console: &Console, tenant: &str, bytes: &[u8]) -> Self {
        let mut deletions = Deletions::default();
        for (element, line) in texts(bytes).into_iter().zip(1..) {
            if let Err((code, message)) = deletions.add(console, tenant, line, element) {
                let code = code.word().to_owned();
                deletions.refused.push(RejectedLine { line, code, message });
                deletions.events.push(b'\n');
            }
        }
        deletions
    }

    /// Writes one line; what makes no sense is left to the decoder to refuse.
    fn add(
        &mut self,
        console: &Console,
        tenant: &str,
        line: u64,
        element: Element<'_>,
    ) -> Result<(), (Code, String)> {
        let text = match element {
            Element::Text(text) => text,
            Element::Torn(text) => {
                write_torn(&mut self.events, text);
                return Ok(());
            }
        };
        if text.first() == Some(&b'[') {
            // Its elements would be taken for events that are no deletions.
            let message = "an array within lines or an array: send each deletion by itself";
            return Err((Code::E001, message.to_owned()));
        }
        let Ok(Value::Object(mut event)) = serde_json::from_slice::<Value>(text) else {
            write_flat(&mut self.events, text);
            return Ok(());
        };
        event.insert("op".to_owned(), Value::from("delete"));
        // An envelope of another standard would hide the `op`, and add what it holds.
        if event.get("kind").is_none_or(Value::is_null) {
            event.insert("kind".to_owned(), Value::from(""));
        }
        let Some(thing) = thing(&event).filter(|_| is_own(&event, tenant)) else {
            write_line(&mut self.events, &Value::Object(event));
            return Ok(());
        };
        let now_ns = console.http.clock.now_ns();
        let found = standing(console, tenant, &thing, word(&event, "source"), now_ns)
            .map_err(|message| (Code::E004, message))?;
        self.statements += found.len();
        if self.statements > STATEMENTS_MAX {
            let message = format!(
                "more than {STATEMENTS_MAX} statements in one request; send the rest in another"
            );
            return Err((Code::E002, message));
        }
        let said = |(source, time_ns): &(SmolStr, i64)| deletion(&event, source, *time_ns, now_ns);
        let events: Vec<Value> = found.iter().map(said).collect();
        write_line(&mut self.events, &Value::Array(events));
        self.lines.push(line);
        Ok(())
    }
}

/// The sources whose statements a deletion is about, with when they made them.
fn standing(
    console: &Console,
    tenant: &str,
    thing: &Thing,
    source: &str,
    now_ns: i64,
) -> Result<Vec<(SmolStr, i64)>, String> {
    let mut found = console.registry.sources_of(tenant, thing, now_ns);
    if found.is_empty() {
        return Err("nothing such stands; GET /v1/topology lists what does".to_owned());
    }
    if !source.is_empty() {
        let others: Vec<String> =
            found.iter().take(5).map(|(source, _)| format!("`{source}`")).collect();
        found.retain(|(own, _)| own == source);
        if found.is_empty() {
            return Err(format!(
                "nothing such stands under this source, only under {}; name one of those, or leave \
                 source out for all; GET /v1/topology lists what stands",
                others.join(", ")
            ));
        }
    }
    Ok(found)
}

/// The deletion of one source's statement. It is later than the statement, for the later word
/// holds: what is sent is often the statement itself, its time included.
fn deletion(event: &Map<String, Value>, source: &str, said_ns: i64, now_ns: i64) -> Value {
    let mut event = event.clone();
    event.insert("source".to_owned(), Value::from(source));
    let given = match event.get("time") {
        Some(Value::String(text)) => instant_text(text),
        Some(Value::Number(number)) => number.as_i64(),
        _ => None,
    };
    if given.is_none_or(|given| given <= said_ns) {
        event.insert("time".to_owned(), Value::from(now_ns.max(said_ns.saturating_add(1))));
    }
    Value::Object(event)
}

/// What a whole event is about.
fn thing(event: &Map<String, Value>) -> Option<Thing> {
    let reference = |name| {
        let text = word(event, name);
        let text = &text[..text.floor_char_boundary(REFERENCE_BYTES_MAX)];
        (!text.is_empty()).then(|| SmolStr::new(text))
    };
    Some(match word(event, "kind") {
        "entity" => Thing::Entity(reference("entity")?),
        "relation" => Thing::Relation(
            reference("from")?,
            reference("to")?,
            RelationKind::parse(word(event, "relation"))?,
        ),
        _ => return None,
    })
}

/// Whether the decoder will not refuse it as another tenant's.
fn is_own(event: &Map<String, Value>, tenant: &str) -> bool {
    let given = word(event, "tenant");
    given.is_empty() || given == tenant
}

fn word<'a>(event: &'a Map<String, Value>, name: &str) -> &'a str {
    event.get(name).and_then(Value::as_str).unwrap_or_default()
}
