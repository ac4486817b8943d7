//! What the envelope and an alert ask of an event, whichever way it was read.

use super::fields::{Field, Fields};
use crate::canonical::intake::SeverityGiven;
use crate::canonical::json::Json;
use crate::canonical::time;

/// An event's fields by name.
pub(super) trait Lookup<'a> {
    /// The text of `field`; empty when absent or no string.
    fn text(&self, field: Field) -> &'a str;

    /// The instant of `field`, if it is one.
    fn instant(&self, field: Field) -> Option<i64>;

    /// The severity as a word or a number.
    fn severity(&self) -> SeverityGiven<'a>;

    /// Whether the schema is one that is read, or absent; else what it is called.
    fn check_schema(&self) -> Result<(), &'a str>;

    /// Keys that the schema does not have.
    fn unknown(&self) -> u64;
}

impl<'a> Lookup<'a> for Fields<'a, 'a> {
    #[inline]
    fn text(&self, field: Field) -> &'a str {
        self.get(field).and_then(Json::str).unwrap_or_default()
    }

    #[inline]
    fn instant(&self, field: Field) -> Option<i64> {
        self.get(field).and_then(time::instant)
    }

    #[inline]
    fn severity(&self) -> SeverityGiven<'a> {
        match self.get(Field::Severity) {
            None => SeverityGiven::Absent,
            Some(value) => match value.str() {
                Some(word) => SeverityGiven::Word(word),
                None => value.int().map_or(SeverityGiven::Absent, SeverityGiven::Number),
            },
        }
    }

    #[inline]
    fn check_schema(&self) -> Result<(), &'a str> {
        match self.get(Field::Schema).map(Json::str) {
            None => Ok(()),
            Some(word) => known_schema(word.unwrap_or_default()),
        }
    }

    #[inline]
    fn unknown(&self) -> u64 {
        self.unknown
    }
}

/// A minor version only adds, so any `event/1.x` is read.
#[inline]
pub(super) fn known_schema(word: &str) -> Result<(), &str> {
    // Rust would take a sign before the digits.
    let number = |m: &str| !m.starts_with('+') && m.parse::<u16>().is_ok();
    let minor = |word: &str| word.strip_prefix("event/1.").is_some_and(number);
    if word == "event/1.0" || word == "event/1" || minor(word) { Ok(()) } else { Err(word) }
}
