//! What can be wrong with a configuration, told so that it can be put right.

use super::node::Place;
use std::fmt;
use std::path::PathBuf;

/// Why no settings came of the files given; the process exits with 78.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or directory could not be read.
    #[error("cannot read configuration {}: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something in the files is wrong; every problem found is listed, then their number.
    #[error("{}", Lines(.0))]
    Invalid(Vec<Problem>),
}

impl ConfigError {
    /// The exit code of `sysexits.h` for a bad configuration.
    pub const EXIT_CODE: u8 = 78;

    /// All of `problems`, in the order of the file.
    pub(crate) fn invalid(mut problems: Vec<Problem>) -> Self {
        // Stable, so problems of one line stay in the order in which they were found.
        problems.sort_by_key(|problem| {
            let place = problem.place.as_ref();
            place.map(|place| (place.file.clone(), place.line, place.column))
        });
        ConfigError::Invalid(problems)
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        ConfigError::Invalid(vec![problem])
    }
}

/// What is said of a key that nobody knows.
pub(super) const UNKNOWN_KEY: &str = "unknown key";

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as far as it is known.
    pub place: Option<Place>,
    /// The offending key with the keys above it, dotted; empty for the whole file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it; empty when the message says it all.
    pub remedy: String,
    /// The key that is not there, when that is the problem.
    pub(super) missing: Option<&'static str>,
}

impl Problem {
    /// A problem whose place and key are filled in on the way up.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Problem {
            place: None,
            key: String::new(),
            message: message.into(),
            remedy: remedy.into(),
            missing: None,
        }
    }

    /// Whether the problem is a key that nobody knows.
    pub(super) fn is_stray(&self) -> bool {
        self.message == UNKNOWN_KEY
    }

    /// The same problem; when it is a key that nobody knows, which of `known` may be meant.
    #[must_use]
    pub(super) fn among(mut self, key: &str, known: &[&str]) -> Self {
        if self.is_stray() && self.key.is_empty() && !known.is_empty() {
            self.remedy = one_of("the keys here are", key, known);
        }
        self
    }

    /// The same problem, which is that `field` is not there.
    #[must_use]
    pub(super) fn lacking(mut self, field: &'static str) -> Self {
        self.missing = Some(field);
        self
    }

    /// The same problem at `key`.
    #[must_use]
    pub fn on(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// The same problem at `place`, unless it already has one nearer to it.
    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    /// The same problem one level further out, under `part`.
    #[must_use]
    pub fn under(mut self, part: &str) -> Self {
        self.key = match self.key.is_empty() {
            true => part.to_owned(),
            false => format!("{part}.{}", self.key),
        };
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

impl serde::de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        // A type of ours puts its remedy after the first semicolon.
        let text = message.to_string();
        match text.split_once("; ") {
            Some((message, remedy)) => Problem::new(message, remedy),
            None => Problem::new(text, ""),
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let remedy = one_of("the keys here are", field, expected);
        Problem::new(UNKNOWN_KEY, remedy).on(field)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Problem::new(format!("`{variant}` is not a choice"), one_of("choose", variant, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Problem::new(format!("key `{field}` is missing"), format!("add `{field}:` here"))
            .lacking(field)
    }

    fn invalid_type(found: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Problem::new(format!("found {found}"), format!("write {}", plain(expected)))
    }

    fn invalid_value(found: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Problem::new(format!("found {found}"), format!("write {}", plain(expected)))
    }
}

/// What a type of the language is called by people.
fn plain(expected: &dyn serde::de::Expected) -> String {
    let text = expected.to_string();
    let largest = match text.as_str() {
        "u8" => u64::from(u8::MAX),
        "u16" => u64::from(u16::MAX),
        "u32" => u64::from(u32::MAX),
        "u64" | "usize" => return "a whole number from 0 up".to_owned(),
        "i64" => return "a whole number".to_owned(),
        _ => return text,
    };
    format!("a whole number from 0 to {largest}")
}

fn one_of(lead: &str, word: &str, choices: &[&str]) -> String {
    if let Some(near) = nearest(word, choices) {
        return format!("did you mean `{near}`?");
    }
    match choices.is_empty() {
        true => "remove it".to_owned(),
        false => format!("{lead} {}", list(choices)),
    }
}

/// Words, each set apart.
pub(super) fn list(words: &[&str]) -> String {
    let listed: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    listed.join(", ")
}

/// The choice that `word` is most likely a slip of: at most a third of its letters differ.
pub(crate) fn nearest<'a>(word: &str, choices: &[&'a str]) -> Option<&'a str> {
    choices
        .iter()
        .map(|choice| (edits(word, choice), *choice))
        .filter(|(distance, _)| *distance <= word.chars().count().div_ceil(3))
        .min()
        .map(|(_, choice)| choice)
}

/// Levenshtein distance, one row at a time.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        // One is counted at a glance.
        match self.0.len() {
            0 | 1 => Ok(()),
            count => write!(f, "\n{count} mistakes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        assert_eq!(nearest("latness", &["lateness", "quiet"]), Some("lateness"));
        assert_eq!(nearest("colour", &["lateness", "quiet"]), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
