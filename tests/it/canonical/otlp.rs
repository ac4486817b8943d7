//! OpenTelemetry's protocol and remote write: what senders encode by other programs than ours.

mod logs;
mod metrics;
mod traces;
mod hostile;
mod resources;
pub(crate) mod samples;
pub(crate) mod written;

use super::{Bench, LIVE};
use causeway::canonical::otlp::Telemetry;
use causeway::canonical::{Decoded, Format, Source};
use prost::Message;

/// Everything that was heard, a line each, in order of arrival: entity, name, labels, and what it
/// was; then repairs and refusals.
pub(super) fn heard(decoded: &Decoded) -> Vec<String> {
    let mut found = Vec::new();
    for batch in decoded.segments.iter().flat_map(|segment| &segment.heard) {
        let who = |at: u32| {
            let own = &batch.identities[at as usize];
            let labels: Vec<String> =
                own.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("{} {} {{{}}}", own.entity.text, own.name, labels.join(","))
        };
        for sample in &batch.samples {
            let who = who(sample.stamp.identity);
            found.push(format!("{who} {:?} {}", sample.measure, sample.value));
        }
        for bucket in &batch.buckets {
            let (who, grows) =
                (who(bucket.stamp.identity), if bucket.grows { " so far" } else { "" });
            found.push(format!("{who} {} at most {}{grows}", bucket.count, bucket.bound));
        }
        for line in &batch.lines {
            let text = batch.text(line);
            found.push(format!("{} {:?} {text}", who(line.stamp.identity), line.severity));
        }
        for call in &batch.calls {
            let failed = if call.failed { "failed" } else { "went well" };
            found.push(format!("{} {} ns {failed}", who(call.stamp.identity), call.duration_ns));
        }
    }
    for (code, count) in decoded.counts.repaired.iter() {
        found.push(format!("repaired {code} {count}"));
    }
    let reject = |reject: &causeway::canonical::Reject| {
        format!("refused {} {} {}: {}", reject.line, reject.code, reject.field, reject.message)
    };
    found.extend(decoded.rejects.iter().map(reject));
    found
}

/// A decoder of requests in protocol buffers, live, with every default.
pub(super) fn bench(telemetry: Telemetry) -> Bench {
    Bench::new(Source::named("test"), Format::Otlp(telemetry), LIVE)
}

/// Decodes a message and the same bytes once more: what a journal leads to must be the same, from a
/// decoder that knows its series and from one that does not.
#[track_caller]
pub(super) fn decoded(telemetry: Telemetry, message: &impl Message) -> (Decoded, Vec<String>) {
    let bytes = message.encode_to_vec();
    let mut first = bench(telemetry);
    let decoded = first.decode(&bytes);
    let found = heard(&decoded);
    first.next_line = 1;
    assert_eq!(heard(&first.decode(&bytes)), found, "again by the same decoder");
    assert_eq!(heard(&bench(telemetry).decode(&bytes)), found, "by another decoder");
    (decoded, found)
}
