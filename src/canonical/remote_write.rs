//! Prometheus' remote write, versions 1.0 and 2.0, as the protocol buffers in its snappy block.
//!
//! A sample is one event, and so is a native histogram.
//!
//! | series | measure |
//! |---|---|
//! | of a counter, or named `…_total`, `…_count` or `…_sum` | total |
//! | everything else | level |
//! | `…_bucket` with a label `le` | a bucket of the histogram that has the other labels |
//! | native histogram | totals `<name>_count` and `<name>_sum`, and buckets; levels when it is a gauge |
//!
//! Version 2.0 says of each series what it is; where it does not, and in 1.0, which says so in
//! requests of their own, the name decides. A sample that marks the end of its series
//! is counted and no number. Exemplars and texts of metadata are passed over.

mod native;
mod series;

use super::intake::{Intake, Payload};
use super::native::Refusal;
use super::protobuf::{Damage, Fields, Layer, Value};
use super::reject::Code;
use serde::{Deserialize, Serialize};
use series::Series;

/// The version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// `prometheus.WriteRequest`.
    #[serde(rename = "1.0")]
    One,
    /// `io.prometheus.write.v2.Request`.
    #[serde(rename = "2.0")]
    Two,
}

impl Version {
    /// The field of a request that holds series.
    fn series(self) -> u32 {
        match self {
            Version::One => 1,
            Version::Two => 5,
        }
    }

    /// The field of a series that holds histograms.
    fn histograms(self) -> u32 {
        match self {
            Version::One => 4,
            Version::Two => 3,
        }
    }

    /// What a dead letter says that it holds.
    pub(super) fn schema(self) -> &'static str {
        match self {
            Version::One => "remote_write_v1",
            Version::Two => "remote_write_v2",
        }
    }
}

/// The field of a series that holds samples.
const SAMPLES: u32 = 2;
/// The field of a request of version 2.0 that holds the texts to which its series refer.
const SYMBOLS: u32 = 4;

/// Takes the events of a request; gives their number.
pub(super) fn decode(intake: &mut Intake, version: Version, bytes: &[u8], first: u64) -> u64 {
    let symbols = match frame(bytes, version) {
        Ok(symbols) => symbols,
        Err(damage) => {
            Refusal::from(damage).record(intake, first, Payload::Raw(bytes));
            return 1;
        }
    };
    // The texts of a request stand around each of its series.
    let around = if version == Version::Two { bytes } else { &[] };
    let mut line = first;
    for own in series_of(bytes, version) {
        let layers = [
            Layer { message: own, number: SAMPLES },
            Layer { message: around, number: version.series() },
        ];
        let limits = intake.source().limits;
        let read = match own.len() > limits.event_bytes_max {
            true => Err(Refusal::new(Code::E002, "", "the series is larger than event_bytes_max")),
            false => Series::read(own, version, &symbols, limits.keys_max),
        };
        for (at, bytes) in events(own, version) {
            let layers = [Layer { number: at, ..layers[0] }, layers[1]];
            let payload = Payload::Part { layers: &layers, bytes };
            let taken = match &read {
                Err(refusal) => Err(refusal.clone()),
                Ok(series) if at == SAMPLES => series.sample(intake, bytes, (line, payload)),
                Ok(series) => series.histogram(intake, bytes, (line, payload)),
            };
            if let Err(refusal) = taken {
                refusal.record(intake, line, payload);
            }
            line += 1;
        }
    }
    line - first
}

/// The numbers of the events that are histograms, from 1 as decoding counts them; a damaged
/// request has none.
pub fn histograms(bytes: &[u8], version: Version) -> Vec<u64> {
    if frame(bytes, version).is_err() {
        return Vec::new();
    }
    let all = series_of(bytes, version).flat_map(|own| events(own, version));
    (1..).zip(all).filter(|(_, (at, _))| *at != SAMPLES).map(|(line, _)| line).collect()
}

/// Holds the frame of a request against what is there; gives the texts to which it refers.
fn frame(bytes: &[u8], version: Version) -> Result<Vec<&str>, Damage> {
    let mut symbols = Vec::new();
    for field in Fields::of(bytes) {
        let (number, value) = field?;
        if number == version.series() {
            for field in Fields::of(value.bytes()?) {
                match field? {
                    (number, value) if number == SAMPLES || number == version.histograms() => {
                        value.bytes()?;
                    }
                    _ => {}
                }
            }
        } else if number == SYMBOLS && version == Version::Two {
            symbols.push(value.text()?);
        }
    }
    Ok(symbols)
}

fn series_of(bytes: &[u8], version: Version) -> impl Iterator<Item = &[u8]> {
    messages(bytes).filter(move |(number, _)| *number == version.series()).map(|(_, own)| own)
}

/// The samples and histograms of a series, with the fields that they are in.
fn events(series: &[u8], version: Version) -> impl Iterator<Item = (u32, &[u8])> {
    messages(series)
        .filter(move |(number, _)| *number == SAMPLES || *number == version.histograms())
}

fn messages(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    Fields::of(bytes).filter_map(|field| match field {
        Ok((number, Value::Bytes(bytes))) => Some((number, bytes)),
        _ => None,
    })
}
