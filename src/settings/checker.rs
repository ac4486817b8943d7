//! Collects problems with their places.

use crate::config::units::Period;
use crate::config::{ConfigError, Problem, Written};
use std::path::Path;

/// What every part of the check needs.
pub(super) struct Checker<'a> {
    written: &'a Written,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(written: &'a Written) -> Self {
        Checker { written, problems: Vec::new() }
    }

    /// Notes that the value at `key` is wrong.
    pub(super) fn wrong(
        &mut self,
        key: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let place = self.written.place(key);
        self.problems.push(Problem::new(message, remedy).on(key).at(&place));
    }

    /// The problems in the order of the file, or none.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        // Stable, so problems of one line stay in the order in which they were found.
        self.problems.sort_by_key(|problem| {
            let place = problem.place.as_ref();
            place.map(|place| (place.file.clone(), place.line, place.column))
        });
        Err(ConfigError::Invalid(self.problems))
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
