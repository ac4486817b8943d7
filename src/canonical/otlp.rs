//! OpenTelemetry's protocol: logs, metrics and spans as one request carries them, in protocol
//! buffers or in its JSON.
//!
//! ```text
//!  JSON ─► json (by the tables of the format) ─► protocol buffers ─► logs, metrics, traces ─► intake
//! ```
//!
//! A request is a list of resources, each with scopes, each with records: log records, metrics
//! with data points, spans. The event that is counted is the log record, the data point and the
//! span. A request whose frame is torn is refused as a whole; a record that is torn costs itself
//! only.
//!
//! - Labels of a series are what of the resource tells instances apart (`resource`), the scope's
//!   name as `otel.scope.name`, and the attributes of the data point.
//! - The entity comes from these by the source's steps: service, labels, workload, host.
//! - Totals stay totals: the decoder remembers no sample, so that the same bytes are the same
//!   events again after a crash.

mod any;
mod resource;
mod logs;
mod metrics;
mod histograms;
mod peer;
mod traces;
mod json;

use super::intake::{Common, Intake, Payload};
use super::json::{Fault, Reader};
use super::native::Refusal;
use super::protobuf::{Damage, Fields, Layer, Value};
use super::reject::{Code, Quality};
use resource::Resource;
use serde::{Deserialize, Serialize};

/// Which of the three requests it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Telemetry {
    /// Log records.
    Logs,
    /// Metrics with their data points.
    Metrics,
    /// Spans.
    Traces,
}

/// The field of a request that holds resources.
const RESOURCES: u32 = 1;
/// The field of a resource's part that holds scopes, and that of a scope's part that holds records.
const PARTS: u32 = 2;

/// What stands around the record that is being read.
struct Scene<'a> {
    resource: &'a Resource<'a>,
    /// The name of the instrumentation's scope.
    scope: &'a str,
    /// The parts that the record lies in, the innermost first.
    layers: [Layer<'a>; 3],
}

impl Scene<'_> {
    /// The number of an event, its bytes and its time.
    fn common<'c>(
        &self,
        line: u64,
        payload: Payload<'c>,
        time_ns: u64,
        quality: Quality,
    ) -> Common<'c> {
        // Zero is no time.
        let time = (time_ns > 0).then(|| i64::try_from(time_ns).unwrap_or(i64::MAX));
        Common { line, payload, id: "", source: "", time, observed: None, quality }
    }
}

impl From<Damage> for Refusal {
    fn from(damage: Damage) -> Refusal {
        Refusal::new(Code::E001, "", damage.to_string())
    }
}

/// Takes the events of a request; gives their number.
pub(super) fn decode(intake: &mut Intake, telemetry: Telemetry, bytes: &[u8], first: u64) -> u64 {
    if let Err(damage) = check(bytes, &[RESOURCES, PARTS, PARTS]) {
        Refusal::from(damage).record(intake, first, Payload::Raw(bytes));
        return 1;
    }
    let mut line = first;
    for group in parts(bytes, RESOURCES) {
        let own = parts(group, 1).last().unwrap_or_default();
        let resource = Resource::read(own, intake.source().limits);
        if let Ok(resource) = &resource {
            resource.tell(intake);
        }
        for scoped in parts(group, PARTS) {
            let layers = [
                Layer { message: scoped, number: PARTS },
                Layer { message: group, number: PARTS },
                Layer { message: &[], number: RESOURCES },
            ];
            match (&resource, scope_name(scoped)) {
                (Ok(resource), Ok(scope)) => {
                    let scene = Scene { resource, scope, layers };
                    line += records(intake, telemetry, &scene, scoped, line);
                }
                (Err(refusal), _) => line += refuse_all(intake, refusal, scoped, &layers, line),
                (_, Err(damage)) => {
                    line += refuse_all(intake, &damage.into(), scoped, &layers, line);
                }
            }
        }
    }
    line - first
}

/// The same for a request in JSON.
pub(super) fn decode_json(
    intake: &mut Intake,
    reader: &mut Reader,
    telemetry: Telemetry,
    text: &[u8],
    first: u64,
) -> u64 {
    let written = match reader.parse(text, |root| json::write(telemetry, root)) {
        Ok(Ok(written)) => written,
        Ok(Err(message)) => {
            Refusal::new(Code::E001, "", message).record(intake, first, Payload::Raw(text));
            return 1;
        }
        Err(fault) => {
            let (code, message) = match fault {
                Fault::Depth => (Code::E006, "nested deeper than depth_max".to_owned()),
                Fault::Utf8(at) => (Code::E001, format!("invalid UTF-8 at byte {at}")),
                Fault::Grammar(at) | Fault::Number(at) => {
                    (Code::E001, format!("invalid JSON near byte {at}"))
                }
            };
            Refusal::new(code, "", message).record(intake, first, Payload::Raw(text));
            return 1;
        }
    };
    // What is refused of it is kept as the request that it would be alone.
    intake.set_schema(telemetry.schema());
    decode(intake, telemetry, &written, first)
}

impl Telemetry {
    /// What a dead letter says that it holds, of a request in JSON.
    pub(super) fn json_schema(self) -> &'static str {
        match self {
            Telemetry::Logs => "otlp_logs_json",
            Telemetry::Metrics => "otlp_metrics_json",
            Telemetry::Traces => "otlp_traces_json",
        }
    }

    /// What a dead letter says that it holds.
    pub(super) fn schema(self) -> &'static str {
        match self {
            Telemetry::Logs => "otlp_logs",
            Telemetry::Metrics => "otlp_metrics",
            Telemetry::Traces => "otlp_traces",
        }
    }
}

/// Holds the frame of a request against what is there, down to its records.
fn check(bytes: &[u8], levels: &[u32]) -> Result<(), Damage> {
    let Some((wanted, inner)) = levels.split_first() else { return Ok(()) };
    for field in Fields::of(bytes) {
        match field? {
            (number, value) if number == *wanted => check(value.bytes()?, inner)?,
            _ => {}
        }
    }
    Ok(())
}

/// The messages under a number, in a message whose frame is sound.
fn parts(bytes: &[u8], wanted: u32) -> impl Iterator<Item = &[u8]> {
    Fields::of(bytes).filter_map(move |field| match field {
        Ok((number, Value::Bytes(bytes))) if number == wanted => Some(bytes),
        _ => None,
    })
}

fn scope_name(scoped: &[u8]) -> Result<&str, Damage> {
    let scope = parts(scoped, 1).last().unwrap_or_default();
    let mut name = "";
    for field in Fields::of(scope) {
        if let (1, value) = field? {
            name = value.text()?;
        }
    }
    Ok(name)
}

fn records(
    intake: &mut Intake,
    telemetry: Telemetry,
    scene: &Scene<'_>,
    scoped: &[u8],
    first: u64,
) -> u64 {
    let event_bytes_max = intake.source().limits.event_bytes_max;
    let mut line = first;
    for record in parts(scoped, PARTS) {
        if telemetry != Telemetry::Metrics && record.len() > event_bytes_max {
            oversize(intake, line, Payload::Part { layers: &scene.layers, bytes: record });
            line += 1;
            continue;
        }
        let taken = match telemetry {
            Telemetry::Logs => logs::take(intake, scene, record, line),
            Telemetry::Traces => traces::take(intake, scene, record, line),
            Telemetry::Metrics => {
                line += metrics::take(intake, scene, record, line);
                continue;
            }
        };
        if let Err(refusal) = taken {
            let payload = Payload::Part { layers: &scene.layers, bytes: record };
            refusal.record(intake, line, payload);
        }
        line += 1;
    }
    line - first
}

#[cold]
fn oversize(intake: &mut Intake, line: u64, payload: Payload<'_>) {
    let message = "the record is larger than event_bytes_max";
    intake.reject(line, payload, Code::E002, "", message);
}

/// Refuses every record of a scope because of what stands around them.
#[cold]
fn refuse_all(
    intake: &mut Intake,
    refusal: &Refusal,
    scoped: &[u8],
    layers: &[Layer<'_>],
    first: u64,
) -> u64 {
    let mut line = first;
    for record in parts(scoped, PARTS) {
        let payload = Payload::Part { layers, bytes: record };
        intake.reject(line, payload, refusal.code, &refusal.field, refusal.message.clone());
        line += 1;
    }
    line - first
}
