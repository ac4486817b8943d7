//! One series: its labels, what its numbers are, and its samples and histograms.

use super::Version;
use super::native::Native;
use crate::canonical::decoded::Kind;
use crate::canonical::intake::{Common, Intake, Labels, Measured, Payload, SignalDraft, Spelling};
use crate::canonical::native::Refusal;
use crate::canonical::protobuf::{Damage, Fields};
use crate::canonical::reject::{Code, Quality};
use causeway_dataflows::model::{Measure, push_part};
use smallvec::SmallVec;

/// The bits of the number that marks the end of a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// The kind of a histogram that says how much there is, not how much there was.
const GAUGE_HISTOGRAM: u64 = 4;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// A series.
pub(super) struct Series<'a> {
    name: &'a str,
    /// The other labels.
    labels: SmallVec<[(&'a str, &'a str); 16]>,
    /// What its samples are.
    measure: Measure,
    /// The bound of a bucket, whose series is the histogram.
    bound: Option<f64>,
}

/// The number of an event, and its bytes.
type Numbered<'a> = (u64, Payload<'a>);

impl<'a> Series<'a> {
    pub(super) fn read(
        bytes: &'a [u8],
        version: Version,
        symbols: &[&'a str],
        keys_max: usize,
    ) -> Result<Self, Refusal> {
        let mut labels = SmallVec::new();
        let mut kind = 0;
        match version {
            Version::One => {
                for field in Fields::of(bytes) {
                    if let (1, value) = field? {
                        labels.push(label(value.bytes()?)?);
                    }
                }
            }
            Version::Two => {
                let mut references = SmallVec::<[u64; 32]>::new();
                for field in Fields::of(bytes) {
                    match field? {
                        (1, value) => value.each_varint(|number| references.push(number))?,
                        (5, value) => kind = metadata_kind(value.bytes()?)?,
                        _ => {}
                    }
                }
                labels = referred(&references, symbols)?;
            }
        }
        if labels.len() > keys_max {
            return Err(Refusal::new(Code::E006, "labels", "the series has too many labels"));
        }
        let named = labels.iter().position(|(key, _)| *key == "__name__");
        let name = named.map_or("", |at| labels.remove(at).1);
        if name.is_empty() {
            return Err(Refusal::invalid("__name__", "the series has no name"));
        }
        let bound = match labels.iter().position(|(key, _)| *key == "le") {
            Some(at) if name.ends_with("_bucket") && kind != GAUGE_HISTOGRAM => {
                let (_, text) = labels.remove(at);
                let bound = text.parse().ok().filter(|bound: &f64| !bound.is_nan());
                let message = format!("{text} is no bound of a bucket");
                Some(bound.ok_or_else(|| Refusal::invalid("le", message))?)
            }
            _ => None,
        };
        Ok(Series { name, labels, measure: measure(name, kind), bound })
    }

    pub(super) fn sample(
        &self,
        intake: &mut Intake,
        bytes: &[u8],
        event: Numbered<'_>,
    ) -> Result<(), Refusal> {
        let (mut value, mut time_ms) = (0.0f64, 0);
        for field in Fields::of(bytes) {
            match field? {
                (1, field) => value = field.double()?,
                (2, field) => time_ms = field.varint()? as i64,
                _ => {}
            }
        }
        let mut quality = Quality::default();
        let is_number = value.is_finite();
        if !is_number && value.to_bits() != STALE {
            quality.note(Code::W109);
        }
        if !is_number {
            intake.count_signal(common(event, time_ms, quality), Kind::Metric);
            return Ok(());
        }
        let bucket = self.bound.map(|bound| [(bound, value)]);
        let measured = match &bucket {
            Some(buckets) => Measured::Buckets { buckets, grows: false },
            None => Measured::Sample { value, measure: self.measure },
        };
        let (draft, spelling) = self.draft(intake, (self.name, measured), &mut quality);
        intake.signal(common(event, time_ms, quality), draft, Some(spelling));
        Ok(())
    }

    pub(super) fn histogram(
        &self,
        intake: &mut Intake,
        bytes: &[u8],
        event: Numbered<'_>,
    ) -> Result<(), Refusal> {
        let found = Native::read(bytes)?;
        let mut quality = Quality::default();
        if found.sum.to_bits() == STALE {
            intake.count_signal(common(event, found.time_ms, quality), Kind::Metric);
            return Ok(());
        }
        let measure = if found.is_gauge { Measure::Level } else { Measure::Total };
        let buckets = if found.is_gauge { Vec::new() } else { found.ascending() };
        let names = ["_count", "_sum", "_bucket"].map(|ending| format!("{}{ending}", self.name));
        let mut parts = SmallVec::<[(&str, Measured<'_>); 3]>::new();
        for (name, value) in names.iter().zip([found.count, found.sum]) {
            match value.is_finite() {
                true => parts.push((name, Measured::Sample { value, measure })),
                false => quality.note(Code::W109),
            }
        }
        if !buckets.is_empty() {
            parts.push((&names[2], Measured::Buckets { buckets: &buckets, grows: true }));
        }
        let mut drafts = SmallVec::<[(SignalDraft<'_>, Option<Spelling>); 3]>::new();
        for part in parts {
            let (draft, spelling) = self.draft(intake, part, &mut quality);
            drafts.push((draft, Some(spelling)));
        }
        let common = common(event, found.time_ms, quality);
        match drafts.is_empty() {
            true => intake.count_signal(common, Kind::Metric),
            false => intake.signals(common, &drafts),
        }
        Ok(())
    }

    /// A number of the series under `name`, with its labels unless it is known.
    fn draft<'d>(
        &'d self,
        intake: &mut Intake,
        (name, measured): (&'d str, Measured<'d>),
        quality: &mut Quality,
    ) -> (SignalDraft<'d>, Spelling) {
        let spelling = intake.spelling(|out| {
            // No kind has this number: series of other protocols are spelled otherwise.
            out.push(u8::MAX - u8::from(matches!(measured, Measured::Buckets { .. })));
            for text in std::iter::once(&name).chain(self.labels.iter().flat_map(|(k, v)| [k, v])) {
                push_part(out, text.as_bytes());
            }
        });
        let mut labels = Labels::new();
        if !intake.knows_series(spelling) {
            for (key, value) in &self.labels {
                labels.push(key, value, quality);
            }
        }
        (SignalDraft { name, entity: "", labels, measured }, spelling)
    }
}

fn common(event: Numbered<'_>, time_ms: i64, quality: Quality) -> Common<'_> {
    let (line, payload) = event;
    let time = (time_ms != 0).then(|| time_ms.saturating_mul(NANOS_PER_MILLI));
    Common { line, payload, id: "", source: "", time, observed: None, quality }
}

fn label(bytes: &[u8]) -> Result<(&str, &str), Refusal> {
    let (mut key, mut value) = ("", "");
    for field in Fields::of(bytes) {
        match field? {
            (1, text) => {
                key = text.text().map_err(|damage| match damage {
                    Damage::Utf8 => Refusal::new(Code::E005, "", "invalid UTF-8 in a label's name"),
                    Damage::Torn => damage.into(),
                })?;
            }
            (2, text) => value = text.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn referred<'a>(
    references: &[u64],
    symbols: &[&'a str],
) -> Result<SmallVec<[(&'a str, &'a str); 16]>, Refusal> {
    let symbol = |reference: u64| {
        let found = usize::try_from(reference).ok().and_then(|at| symbols.get(at));
        let message = "the series refers to a text that the request does not have";
        found.copied().ok_or_else(|| Refusal::new(Code::E001, "labels_refs", message))
    };
    let (pairs, rest) = references.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Refusal::new(Code::E001, "labels_refs", "a label has a name and no value"));
    }
    pairs.iter().map(|[key, value]| Ok((symbol(*key)?, symbol(*value)?))).collect()
}

fn metadata_kind(bytes: &[u8]) -> Result<u64, Damage> {
    let mut kind = 0;
    for field in Fields::of(bytes) {
        if let (1, value) = field? {
            kind = value.varint()?;
        }
    }
    Ok(kind)
}

/// What the samples of a series are, by the kind of its metric, else by its name.
fn measure(name: &str, kind: u64) -> Measure {
    const COUNTER: u64 = 1;
    const HISTOGRAM: u64 = 3;
    const SUMMARY: u64 = 5;
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
    let total = match kind {
        0 => ends(&["_total", "_count", "_sum"]),
        COUNTER => true,
        HISTOGRAM | SUMMARY => ends(&["_count", "_sum"]),
        _ => false,
    };
    if total { Measure::Total } else { Measure::Level }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_decides_and_else_the_name() {
        for (name, kind, is_total) in [
            ("requests_total", 0, true),
            ("latency_count", 0, true),
            ("up", 0, false),
            ("requests", 1, true),
            ("queue_total", 2, false),
            ("latency", 5, false),
            ("latency_sum", 3, true),
        ] {
            assert_eq!(measure(name, kind) == Measure::Total, is_total, "{name} {kind}");
        }
    }
}
