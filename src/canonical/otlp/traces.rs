//! Spans: a call of an operation, with how long it took, whether it failed, and whom it asked.

use super::super::decoded::Kind;
use super::super::intake::{Intake, Labels, Measured, Payload, SignalDraft};
use super::super::native::Refusal;
use super::super::protobuf::Fields;
use super::super::reject::{Code, Quality};
use super::logs::check_trace;
use super::peer::Peer;
use super::{Scene, any};
use causeway_dataflows::model::push_part;

/// Kinds of spans that ask somebody else, as the format numbers them.
const CLIENT: u64 = 3;
const PRODUCER: u64 = 4;
/// The code of a span that failed.
const ERROR: u64 = 2;

#[derive(Default)]
struct Span<'a> {
    trace_id: &'a [u8],
    name: &'a str,
    kind: u64,
    start_ns: u64,
    end_ns: u64,
    failed: bool,
    attributes: usize,
}

impl<'a> Span<'a> {
    #[inline]
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut span = Span::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, value) => span.trace_id = value.bytes()?,
                (5, value) => span.name = value.text()?,
                (6, value) => span.kind = value.varint()?,
                (7, value) => span.start_ns = value.fixed64()?,
                (8, value) => span.end_ns = value.fixed64()?,
                (9, value) => {
                    value.bytes()?;
                    span.attributes += 1;
                }
                (15, value) => {
                    for field in Fields::of(value.bytes()?) {
                        if let (3, code) = field? {
                            span.failed = code.varint()? == ERROR;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(span)
    }
}

/// Takes one.
pub(super) fn take(
    intake: &mut Intake,
    scene: &Scene<'_>,
    bytes: &[u8],
    line: u64,
) -> Result<(), Refusal> {
    let span = Span::read(bytes)?;
    if span.attributes > intake.source().limits.keys_max {
        return Err(Refusal::new(Code::E006, "attributes", "the span has too many keys"));
    }
    let mut quality = Quality::default();
    check_trace(span.trace_id, &mut quality);
    let payload = Payload::Part { layers: &scene.layers, bytes };
    // An end before the beginning is none, and without one nothing is known of how long it took.
    let Some(duration_ns) = span.end_ns.checked_sub(span.start_ns).filter(|_| span.end_ns > 0)
    else {
        quality.note(Code::W108);
        let common = scene.common(line, payload, span.start_ns, quality);
        intake.count_signal(common, Kind::Span);
        return Ok(());
    };
    let peer = match span.kind {
        CLIENT | PRODUCER => {
            let peer = Peer::read(super::parts(bytes, 9))?;
            peer.entity(scene.resource.namespace())
        }
        _ => String::new(),
    };
    let spelling = intake.spelling(|out| {
        out.push(Kind::Span as u8);
        out.extend_from_slice(&scene.resource.hash.to_le_bytes());
        for text in [span.name, &peer] {
            push_part(out, text.as_bytes());
        }
    });
    let mut labels = Labels::new();
    if !intake.knows_series(spelling) {
        any::push(&mut labels, &scene.resource.labels, &mut quality);
    }
    let common = scene.common(line, payload, span.start_ns, quality);
    let measured = Measured::Call { duration_ns, failed: span.failed, peer: &peer };
    let draft = SignalDraft { name: span.name, entity: "", labels, measured };
    intake.signal(common, draft, Some(spelling));
    Ok(())
}
