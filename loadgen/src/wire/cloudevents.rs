//! CloudEvents 1.0 in JSON: structured, one event a line, and batched, an array.
//!
//! The `data` is the native event. The envelope repeats its id, source and
//! time, as the specification asks.

use super::native::Writer;
use super::{push_id, push_pair};
use crate::instant::push_rfc3339;
use crate::scenario::Scenario;
use crate::storm::{Event, SENDERS};

/// The media type of [`push_structured`].
pub const STRUCTURED: &str = "application/cloudevents+json";
/// The media type of [`push_batch`].
pub const BATCHED: &str = "application/cloudevents-batch+json";
/// The `type` of every event.
pub const TYPE: &str = "causeway.event.v1";

/// Appends `event` as one CloudEvent, without a line feed.
pub fn push_structured(out: &mut Vec<u8>, writer: &Writer<'_>, event: &Event) {
    out.extend_from_slice(b"{\"specversion\":\"1.0\",\"id\":\"");
    push_id(out, event.id);
    out.extend_from_slice(b"\",");
    push_pair(out, "source", SENDERS[usize::from(event.sender)]);
    out.push(b',');
    push_pair(out, "type", TYPE);
    out.extend_from_slice(b",\"time\":\"");
    push_rfc3339(out, event.time);
    out.extend_from_slice(b"\",\"datacontenttype\":\"application/json\",\"data\":");
    writer.push_object(out, event);
    out.push(b'}');
}

/// Appends `events` as one batch, without a line feed.
pub fn push_batch(out: &mut Vec<u8>, writer: &Writer<'_>, events: &[Event]) {
    out.push(b'[');
    for (i, event) in events.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_structured(out, writer, event);
    }
    out.push(b']');
}

/// All events of `scenario` in batches of `size`.
pub fn batches(scenario: &Scenario, size: usize) -> impl Iterator<Item = Vec<u8>> {
    let writer = Writer::new(scenario);
    scenario.storm.events.chunks(size.max(1)).map(move |events| {
        let mut out = Vec::new();
        push_batch(&mut out, &writer, events);
        out
    })
}
