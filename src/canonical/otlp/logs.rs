//! Log records: a line with its severity, of the entity that wrote it.

use super::super::decoded::Kind;
use super::super::intake::{Intake, Labels, Measured, Payload, SeverityGiven, SignalDraft};
use super::super::native::Refusal;
use super::super::protobuf::Fields;
use super::super::reject::{Code, Quality};
use super::{Scene, any};
use std::borrow::Cow;

#[derive(Default)]
struct Record<'a> {
    time_ns: u64,
    observed_ns: u64,
    severity: u64,
    severity_text: &'a str,
    body: &'a [u8],
    event: &'a str,
    trace_id: &'a [u8],
}

impl<'a> Record<'a> {
    #[inline]
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut record = Record::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, value) => record.time_ns = value.fixed64()?,
                (2, value) => record.severity = value.varint()?,
                (3, value) => record.severity_text = value.text()?,
                (5, value) => record.body = value.bytes()?,
                (9, value) => record.trace_id = value.bytes()?,
                (11, value) => record.observed_ns = value.fixed64()?,
                (12, value) => record.event = value.text()?,
                _ => {}
            }
        }
        Ok(record)
    }

    fn severity(&self) -> SeverityGiven<'a> {
        match (self.severity, self.severity_text) {
            (0, "") => SeverityGiven::Absent,
            (0, word) => SeverityGiven::Word(word),
            (number, _) => SeverityGiven::Number(i64::try_from(number).unwrap_or(i64::MAX)),
        }
    }
}

/// Takes one.
pub(super) fn take(
    intake: &mut Intake,
    scene: &Scene<'_>,
    bytes: &[u8],
    line: u64,
) -> Result<(), Refusal> {
    let record = Record::read(bytes)?;
    let body = match record.body {
        [] => Cow::Borrowed(record.event),
        body => any::text(body, intake.source().limits.depth_max)?,
    };
    let mut quality = Quality::default();
    check_trace(record.trace_id, &mut quality);
    let time_ns = if record.time_ns > 0 { record.time_ns } else { record.observed_ns };
    let payload = Payload::Part { layers: &scene.layers, bytes };
    let spelling = intake.spelling(|out| {
        out.push(Kind::Log as u8);
        out.extend_from_slice(&scene.resource.hash.to_le_bytes());
    });
    let mut labels = Labels::new();
    if !intake.knows_series(spelling) {
        any::push(&mut labels, &scene.resource.labels, &mut quality);
    }
    let common = scene.common(line, payload, time_ns, quality);
    let measured = Measured::Line { severity: record.severity(), body: &body };
    let draft = SignalDraft { name: "", entity: "", labels, measured };
    intake.signal(common, draft, Some(spelling));
    Ok(())
}

/// All zeros, or nothing, mean no trace; anything else must be sixteen bytes.
pub(super) fn check_trace(trace_id: &[u8], quality: &mut Quality) {
    if !matches!(trace_id.len(), 0 | 16) {
        quality.note(Code::W111);
    }
}
