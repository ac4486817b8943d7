//! Topology, silences, maintenance windows and rules, changed while the process runs.
//!
//! What is sent here is written as the native events that any source could
//! send, decoded by the same decoder and handed on the same way. So a change has
//! one meaning wherever it comes from, and `PUT` twice is `PUT` once.

use super::Console;
use super::params::Params;
use crate::canonical::frame::{Element, Lines, elements, trim};
use crate::canonical::{Format, Framing, Kind};
use crate::ingest::http::answer::{Answer, Problem, json_of};
use crate::ingest::http::auth::{Caller, CanOperate};
use crate::ingest::http::body::{self, is_json_or_lines, media_type, unsupported};
use crate::ingest::http::events::receive;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use std::io::Write;

mod listing;
mod topology;

pub use listing::{
    ListedMaintenance, ListedRule, ListedSilence, ListedStatement, MaintenanceList, RuleList,
    SilenceList, TOPOLOGY_PARAMS, TopologyPage, list_maintenance, list_rules, list_silences,
    list_topology, silence_state,
};

pub use topology::{delete_topology, put_topology};

/// Events as they are written here: each line one, or an array of some that belong together.
const NATIVE_LINES: (Format, Framing) = (Format::Native, Framing::Lines);
/// Things that one request may delete by their ids.
const IDS_MAX: usize = 10_000;

macro_rules! controls {
    ($($kind:ident, $word:literal, $kinds:ident:
       $put_all:ident $delete_all:ident $put_one:ident $delete_one:ident;)*) => {$(
        const $kinds: &[Kind] = &[Kind::$kind];

        #[doc = concat!("`PUT` of one ", $word, ", of lines or of an array; each has its `id`.")]
        pub async fn $put_all(
            State(console): State<Console>,
            CanOperate(caller): CanOperate,
            headers: HeaderMap,
            body: Body,
        ) -> Result<Response, Problem> {
            json_format(&media_type(&headers)?)?;
            let bytes = body::read(&console.http, &headers, body).await?;
            let events = upserts(&console, $word, &bytes);
            hand_on(&console, &caller, NATIVE_LINES, $kinds, events).await
        }

        #[doc = concat!("`PUT` of the ", $word, " whose id is in the path.")]
        pub async fn $put_one(
            State(console): State<Console>,
            CanOperate(caller): CanOperate,
            Path(id): Path<String>,
            headers: HeaderMap,
            body: Body,
        ) -> Result<Response, Problem> {
            json_format(&media_type(&headers)?)?;
            let bytes = body::read(&console.http, &headers, body).await?;
            let bytes = with_id(&bytes, &id)?;
            let events = upserts(&console, $word, &bytes);
            hand_on(&console, &caller, NATIVE_LINES, $kinds, events).await
        }

        #[doc = concat!("`DELETE ?id=…`, which may repeat: takes each ", $word, " back.")]
        pub async fn $delete_all(
            State(console): State<Console>,
            CanOperate(caller): CanOperate,
            params: Params,
        ) -> Result<Response, Problem> {
            params.only(&["id"])?;
            let ids: Vec<&str> = params.all("id").collect();
            if ids.is_empty() || ids.len() > IDS_MAX {
                let detail = format!("name from 1 to {IDS_MAX} by ?id=…");
                return Err(Problem::bad_request(detail));
            }
            let events = deletions(&console, $word, &ids);
            hand_on(&console, &caller, NATIVE_LINES, $kinds, events).await
        }

        #[doc = concat!("`DELETE` of the ", $word, " whose id is in the path.")]
        pub async fn $delete_one(
            State(console): State<Console>,
            CanOperate(caller): CanOperate,
            Path(id): Path<String>,
        ) -> Result<Response, Problem> {
            let events = deletions(&console, $word, &[&id]);
            hand_on(&console, &caller, NATIVE_LINES, $kinds, events).await
        }
    )*};
}

controls! {
    Silence, "silence", SILENCES:
        put_silences delete_silences put_silence delete_silence;
    Maintenance, "maintenance", MAINTENANCE:
        put_maintenance delete_maintenance put_window delete_window;
    Rule, "rule", RULES:
        put_rules delete_rules put_rule delete_rule;
}

/// Decodes events and answers with what became of them.
async fn hand_on(
    console: &Console,
    caller: &Caller,
    form: (Format, Framing),
    kinds: &'static [Kind],
    events: Bytes,
) -> Result<Response, Problem> {
    let tenant = caller.tenant_or_default();
    let receipt = receive(&console.reception, tenant, form, kinds, events).await?;
    Ok(told(&Answer::of(&receipt)))
}

fn told(answer: &Answer) -> Response {
    json_of(answer.status(), answer)
}

/// Hands one event on that was made here.
pub(super) async fn hand_on_one(
    console: &Console,
    caller: &Caller,
    event: &Value,
) -> Result<crate::ingest::reception::Receipt, Problem> {
    let mut events = Vec::new();
    write_line(&mut events, event);
    let tenant = caller.tenant_or_default();
    receive(&console.reception, tenant, NATIVE_LINES, SILENCES, Bytes::from(events)).await
}

fn json_format(media_type: &str) -> Result<Format, Problem> {
    match is_json_or_lines(media_type) {
        true => Ok(Format::Native),
        false => Err(unsupported("send application/json or application/x-ndjson")),
    }
}

/// The bodies in a request: the elements of an array, else one object, else lines, blank
/// ones included so that each keeps its number.
fn texts(bytes: &[u8]) -> Vec<Element<'_>> {
    let text = trim(bytes);
    if let Some(elements) = elements(text) {
        return elements.collect();
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok() {
        return vec![Element::Text(text)];
    }
    Lines::of(bytes).map(|line| Element::Text(trim(line))).collect()
}

/// What stands where an array should have ended, so that it is refused in its place.
fn write_torn(events: &mut Vec<u8>, text: &[u8]) {
    events.push(if text.is_empty() { b'[' } else { b']' });
    write_flat(events, text);
}

/// Each body as an event; a body that is no JSON stays as it is, to be refused in its place.
fn upserts(console: &Console, kind: &str, bytes: &[u8]) -> Bytes {
    let now = console.http.clock.now_ns();
    let mut events = Vec::with_capacity(bytes.len() * 2);
    for element in texts(bytes) {
        let text = match element {
            Element::Text(text) => text,
            Element::Torn(text) => {
                write_torn(&mut events, text);
                continue;
            }
        };
        if serde_json::from_slice::<serde::de::IgnoredAny>(text).is_err() {
            write_flat(&mut events, text);
            continue;
        }
        let head = format!("{{\"kind\":\"{kind}\",\"op\":\"upsert\",\"time\":{now},\"{kind}\":");
        events.extend_from_slice(head.as_bytes());
        events.extend(text.iter().map(flat));
        events.extend_from_slice(b"}\n");
    }
    Bytes::from(events)
}

fn deletions(console: &Console, kind: &str, ids: &[&str]) -> Bytes {
    let now = console.http.clock.now_ns();
    let mut events = Vec::new();
    for id in ids {
        write_line(
            &mut events,
            &json!({"kind": kind, "op": "delete", "time": now, kind: {"id": id}}),
        );
    }
    Bytes::from(events)
}

/// The one body of a request with the id of its path.
fn with_id(bytes: &[u8], id: &str) -> Result<Vec<u8>, Problem> {
    let Ok(Value::Object(mut body)) = serde_json::from_slice::<Value>(bytes) else {
        return Err(Problem::bad_request("the body is not one JSON object"));
    };
    if body.get("id").is_some_and(|own| own != id && own != "") {
        return Err(Problem::bad_request("the id in the body is not that of the path"));
    }
    body.insert("id".to_owned(), Value::from(id));
    Ok(serde_json::to_vec(&body).unwrap_or_default())
}

fn write_line(events: &mut Vec<u8>, event: &Value) {
    // Writing to a vector cannot fail.
    let _ = writeln!(events, "{event}");
}

/// Inside JSON's strings line ends are escaped, so every other one is white space.
fn write_flat(events: &mut Vec<u8>, text: &[u8]) {
    events.extend(text.iter().map(flat));
    events.push(b'\n');
}

fn flat(byte: &u8) -> u8 {
    if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }
}
