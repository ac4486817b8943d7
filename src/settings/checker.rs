//! Collects problems with their places.

use crate::config::units::Period;
use crate::config::{Attached, ConfigError, Problem, Written};
use std::path::Path;

/// What every part of the check needs.
pub(super) struct Checker<'a> {
    written: &'a Written,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(written: &'a Written) -> Self {
        Checker { written, problems: written.problems().to_vec() }
    }

    /// Notes that the value at `key` is wrong, unless it is a default for one that is known to be.
    pub(super) fn wrong(
        &mut self,
        key: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (key, place) = self.written.locate(key);
        if !self.written.is_default_of_unread(&key) {
            self.problems.push(Problem::new(message, remedy).on(key).at(&place));
        }
    }

    /// Files that the configuration names and that are checked with it.
    pub(super) fn attached(&self) -> &'a [Attached] {
        self.written.attached()
    }

    /// Whether all of `keys` could be read: where not, defaults stand for them, and what they
    /// say about others is no mistake of the file.
    pub(super) fn knows(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.written.is_read(key))
    }

    /// Notes that the mapping at `key` has no `field`, unless that follows from a mistake that
    /// is known.
    pub(super) fn missing(&mut self, key: &str, field: &str, message: &str, remedy: &str) {
        if self.may_want(key, field) {
            self.wrong(key, message, remedy);
        }
    }

    /// Whether the mapping at `key` may be asked for `field`: not when it was written and could
    /// not be read, perhaps under another name.
    pub(super) fn may_want(&self, key: &str, field: &str) -> bool {
        self.written.is_missing(key, field)
    }

    /// The problems in the order of the file, or none.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(ConfigError::invalid(self.problems)),
        }
    }

    pub(super) fn positive(&mut self, key: &str, number: usize) {
        if number == 0 {
            self.wrong(key, "it is zero", "write a number from 1 up");
        }
    }

    pub(super) fn some_time(&mut self, key: &str, period: Period) {
        if period.0.is_zero() {
            self.wrong(key, "it is zero", "write a period such as 5m");
        }
    }

    /// A period that the engine counts in seconds.
    pub(super) fn whole_seconds(&mut self, key: &str, period: Period) -> i64 {
        if period.0.subsec_nanos() != 0 {
            self.wrong(key, format!("{period} is not a whole number of seconds"), "round it");
        }
        period.as_seconds()
    }

    /// A name that counters, files and requests can carry.
    pub(super) fn name(&mut self, key: &str, name: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            self.wrong(
                key,
                format!("`{name}` cannot be a name"),
                "use up to 64 letters, digits, `-` and `_`",
            );
        }
    }

    /// A file name that may be a glob.
    pub(super) fn pattern(&mut self, key: &str, path: &Path) {
        if path.as_os_str().is_empty() {
            self.wrong(key, "it is empty", "name a file or a glob");
        } else if let Err(error) = glob::Pattern::new(&path.to_string_lossy()) {
            self.wrong(
                key,
                format!("`{}` is not a glob: {error}", path.display()),
                "write `[[]` for a plain `[`",
            );
        }
    }
}
