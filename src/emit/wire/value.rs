//! Numbers, times and words that must be written the same way every time.

use causeway_dataflows::model::{Seconds, Severity};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// An instant in milliseconds since the Unix epoch; RFC 3339 in UTC on the wire.
///
/// Whole seconds are written without a fraction, all others with three digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// The first instant that RFC 3339 can write: the beginning of the year 1.
    const LEAST_MS: i64 = -62_135_596_800_000;
    /// The last one that is written: `Timestamp::MAX` is the 30th of December 9999, 22:00.
    const MOST_MS: i64 = 253_402_207_200_000;

    /// Whole seconds since the Unix epoch.
    pub fn from_seconds(seconds: Seconds) -> Time {
        Time(seconds.saturating_mul(1000))
    }

    /// Nanoseconds since the Unix epoch, cut to milliseconds.
    pub fn from_nanos(nanos: i64) -> Time {
        Time(nanos.div_euclid(1_000_000))
    }

    /// Whole seconds since the Unix epoch, the fraction cut.
    pub fn seconds(self) -> Seconds {
        self.0.div_euclid(1000)
    }

    fn timestamp(self) -> Timestamp {
        let clamped = self.0.clamp(Self::LEAST_MS, Self::MOST_MS);
        Timestamp::from_millisecond(clamped).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = self.timestamp();
        if timestamp.subsec_millisecond() == 0 {
            write!(f, "{timestamp:.0}")
        } else {
            write!(f, "{timestamp:.3}")
        }
    }
}

impl FromStr for Time {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Time, jiff::Error> {
        Ok(Time(text.parse::<Timestamp>()?.as_nanosecond().div_euclid(1_000_000) as i64))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| D::Error::invalid_value(Unexpected::Str(&text), &"an RFC 3339 time"))
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339 in UTC, to the second or to the millisecond.",
        })
    }
}

/// A probability in parts per million; a number from 0 to 1 on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ppm(pub u32);

impl Ppm {
    /// As a fraction of one.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    /// Whole per cent for people; what is neither nothing nor everything never reads as such.
    pub fn percent(self) -> u32 {
        match self.0 {
            0 => 0,
            1_000_000.. => 100,
            ppm => ((ppm + 5_000) / 10_000).clamp(1, 99),
        }
    }

    /// What people read: `82 %`, and `< 1 %` or `> 99 %` where a whole number would say too much.
    pub fn shown(self) -> String {
        match self.0 {
            1..10_000 => "< 1 %".to_owned(),
            990_001..1_000_000 => "> 99 %".to_owned(),
            _ => format!("{} %", self.percent()),
        }
    }
}

impl Serialize for Ppm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.fraction())
    }
}

impl<'de> Deserialize<'de> for Ppm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ppm, D::Error> {
        let fraction = f64::deserialize(deserializer)?;
        if !(0.0..=1.0).contains(&fraction) {
            return Err(D::Error::invalid_value(
                Unexpected::Float(fraction),
                &"a number from 0 to 1",
            ));
        }
        Ok(Ppm((fraction * 1e6).round() as u32))
    }
}

impl JsonSchema for Ppm {
    fn schema_name() -> Cow<'static, str> {
        "Probability".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "A probability, to the millionth.",
        })
    }
}

/// A score in thousandths; a number on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Milli(pub i64);

impl Milli {
    /// In whole units.
    pub fn units(self) -> f64 {
        self.0 as f64 / 1e3
    }
}

impl Serialize for Milli {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.units())
    }
}

impl<'de> Deserialize<'de> for Milli {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Milli, D::Error> {
        Ok(Milli((f64::deserialize(deserializer)? * 1e3).round() as i64))
    }
}

impl JsonSchema for Milli {
    fn schema_name() -> Cow<'static, str> {
        "Score".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "description": "Log-odds, to the thousandth." })
    }
}

/// A severity as a word; mildest first, so that the order is the order of harm.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SeverityWord {
    /// For developers.
    Debug,
    /// Worth knowing.
    Info,
    /// Something may break.
    Warning,
    /// Something is broken.
    Error,
    /// Users are hurt.
    Critical,
    /// Somebody must get up now.
    Fatal,
}

impl SeverityWord {
    /// Every word, mildest first.
    pub const ALL: [SeverityWord; 6] = [
        SeverityWord::Debug,
        SeverityWord::Info,
        SeverityWord::Warning,
        SeverityWord::Error,
        SeverityWord::Critical,
        SeverityWord::Fatal,
    ];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            SeverityWord::Debug => "debug",
            SeverityWord::Info => "info",
            SeverityWord::Warning => "warning",
            SeverityWord::Error => "error",
            SeverityWord::Critical => "critical",
            SeverityWord::Fatal => "fatal",
        }
    }

    /// The severity that a word means; every word of EVENT.md section 3 is known.
    pub fn parse(word: &str) -> Option<SeverityWord> {
        Severity::parse(word).map(SeverityWord::from)
    }
}

impl From<Severity> for SeverityWord {
    fn from(severity: Severity) -> SeverityWord {
        match severity.0 {
            21.. => SeverityWord::Fatal,
            18..=20 => SeverityWord::Critical,
            17 => SeverityWord::Error,
            13..=16 => SeverityWord::Warning,
            9..=12 => SeverityWord::Info,
            _ => SeverityWord::Debug,
        }
    }
}

impl fmt::Display for SeverityWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Where an alert belongs, for the field `incident_id` of its row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Home {
    /// The row stands inside its incident, so the field is left out.
    #[default]
    Enclosing,
    /// In the incident of this public id.
    Incident(SmolStr),
    /// In none: suppressed, or alone by policy.
    None,
}

impl Home {
    /// Whether the field is left out.
    pub fn is_enclosing(&self) -> bool {
        *self == Home::Enclosing
    }

    /// The public id, if the row names one.
    pub fn incident(&self) -> Option<&SmolStr> {
        match self {
            Home::Incident(id) => Some(id),
            Home::Enclosing | Home::None => None,
        }
    }
}

impl Serialize for Home {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.incident().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Home {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Home, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Home::None, Home::Incident))
    }
}
