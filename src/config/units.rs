//! Scalars with a meaning: periods, sizes, secrets, paths.

use super::de::{FILE, ONE_OR_MORE, SECRET};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A span of time written with its units: `500ms`, `30s`, `5m`, `1h30m`, `7d`; `0` needs none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

/// Milliseconds in each unit of a period, largest first.
const PERIOD_UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Period {
    /// A period of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Period(Duration::from_secs(seconds))
    }

    /// A period of whole minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Period::seconds(minutes * 60)
    }

    /// Whole seconds, any rest dropped.
    pub fn as_seconds(self) -> i64 {
        i64::try_from(self.0.as_secs()).unwrap_or(i64::MAX)
    }

    /// Reads `text`; `None` when it is not a period of at most a thousand years.
    pub fn parse(text: &str) -> Option<Period> {
        let mut rest = text.trim();
        if rest == "0" {
            return Some(Period::default());
        }
        let mut millis: u64 = 0;
        let mut any = false;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let number: u64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let (_, factor) = PERIOD_UNITS.iter().find(|(unit, _)| *unit == &rest[..letters])?;
            millis = millis.checked_add(number.checked_mul(*factor)?)?;
            rest = &rest[letters..];
            any = true;
        }
        let thousand_years = 1_000 * 366 * 24 * 3_600_000;
        (any && millis <= thousand_years).then(|| Period(Duration::from_millis(millis)))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = self.0.as_millis() as u64;
        if millis == 0 {
            return f.write_str("0s");
        }
        for (unit, factor) in PERIOD_UNITS {
            if millis >= factor {
                write!(f, "{}{unit}", millis / factor)?;
                millis %= factor;
            }
        }
        Ok(())
    }
}

/// A number of bytes written with its unit: `64KiB`, `16MiB`, `1GiB`, `500kB`; `0` needs none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Bytes in each unit of a size, those that are written back first.
const SIZE_UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl ByteSize {
    /// A size of whole mebibytes.
    pub const fn mebibytes(number: u64) -> Self {
        ByteSize(number << 20)
    }

    /// The size as a length in memory.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Reads `text`; `None` when it is not a size.
    pub fn parse(text: &str) -> Option<ByteSize> {
        let text = text.trim();
        if text == "0" {
            return Some(ByteSize(0));
        }
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = text[..digits].parse().ok()?;
        let unit = text[digits..].trim_start();
        let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
        number.checked_mul(*factor).map(ByteSize)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole =
            SIZE_UNITS.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor));
        match whole {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => f.write_str("0"),
        }
    }
}

/// A secret: it comes from a reference, and nothing prints it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

/// What stands for a secret wherever a configuration is shown.
pub const REDACTED: &str = "<redacted>";

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The secret itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// A path; relative ones are seen from the directory of the file they are written in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePath(pub PathBuf);

impl AsRef<Path> for FilePath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

/// One item or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OneOrMore<T>(pub Vec<T>);

struct Wrapped<T>(&'static str, std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Wrapped<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = Wrapped::<String>("a reference", std::marker::PhantomData);
        deserializer.deserialize_newtype_struct(SECRET, visitor).map(Secret)
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = Wrapped::<String>("a path", std::marker::PhantomData);
        let path = deserializer.deserialize_newtype_struct(FILE, visitor)?;
        Ok(FilePath(PathBuf::from(path)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = Wrapped::<Vec<T>>("one item or a list", std::marker::PhantomData);
        deserializer.deserialize_newtype_struct(ONE_OR_MORE, visitor).map(OneOrMore)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Period::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is not a period; write a number with its unit, such as 500ms, 30s, 5m or 1h30m"
            ))
        })
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        ByteSize::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is not a size; write a number with its unit, such as 64KiB or 16MiB"
            ))
        })
    }
}

macro_rules! shown_as_text {
    ($($type:ty => |$value:ident| $text:expr, $name:literal, $schema:expr;)*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $value = self;
                serializer.serialize_str(&$text)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

shown_as_text! {
    Period => |value| value.to_string(), "Period",
        json_schema!({"type": ["string", "integer"], "pattern": "^(0|([0-9]+(w|d|h|m|s|ms))+|.*\\$\\{.*)$", "maximum": 0, "minimum": 0});
    ByteSize => |value| value.to_string(), "ByteSize",
        json_schema!({"type": ["string", "integer"], "pattern": "^(0|[0-9]+ *([kKmMgGtT]i?)?[bB]|.*\\$\\{.*)$", "maximum": 0, "minimum": 0});
    Secret => |_value| REDACTED, "Secret",
        json_schema!({"type": "string", "pattern": "\\$\\{(env|file):[^}]+\\}"});
    FilePath => |value| value.0.to_string_lossy(), "FilePath", json_schema!({"type": "string"});
}

impl<T: Serialize> Serialize for OneOrMore<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMore{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({"anyOf": [item, {"type": "array", "items": item}]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_read_and_write_back() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
        ] {
            let period = Period::parse(text).unwrap();
            assert_eq!(period.0, Duration::from_millis(millis), "{text}");
            assert_eq!(Period::parse(&period.to_string()), Some(period));
        }
        assert_eq!(Period::parse("0"), Some(Period::default()));
        for bad in
            ["", "5", "m", "-5m", "5 m", "5x", "1.5h", "99999999999999999999s", "2000000000w"]
        {
            assert_eq!(Period::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_read_and_write_back() {
        for (text, bytes) in [("1KiB", 1024), ("16MiB", 16 << 20), ("500kB", 500_000), ("7B", 7)] {
            let size = ByteSize::parse(text).unwrap();
            assert_eq!(size.0, bytes, "{text}");
            assert_eq!(ByteSize::parse(&size.to_string()), Some(size));
        }
        for bad in ["", "5", "MiB", "1.5GiB", "1XB", "99999999999TiB"] {
            assert_eq!(ByteSize::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_prints_as_nothing() {
        let secret = Secret::new("hunter2");
        assert!(
            !format!("{secret:?} {}", serde_json::to_string(&secret).unwrap()).contains("hunter")
        );
    }
}
