//! Severity on OpenTelemetry's scale of 1 to 24 (EVENT.md section 3).

use serde::{Deserialize, Serialize};
use std::fmt;

/// A severity number, 1 (trace) to 24 (fatal).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Severity(pub u8);

impl Severity {
    /// Somebody must get up now.
    pub const FATAL: Severity = Severity(21);
    /// Users are hurt.
    pub const CRITICAL: Severity = Severity(18);
    /// Something is broken.
    pub const ERROR: Severity = Severity(17);
    /// Something may break.
    pub const WARNING: Severity = Severity(13);
    /// Worth knowing; also what an unmapped word becomes, with W105.
    pub const INFO: Severity = Severity(9);
    /// For developers.
    pub const DEBUG: Severity = Severity(5);

    /// The severity that a source's word means, case aside; `None` when the table has no row.
    pub fn parse(word: &str) -> Option<Severity> {
        let mut buffer = [0u8; 16];
        let bytes = word.trim().as_bytes();
        let lower = buffer.get_mut(..bytes.len())?;
        lower.copy_from_slice(bytes);
        lower.make_ascii_lowercase();
        let severity = match &*lower {
            b"fatal" | b"emerg" | b"emergency" | b"page" | b"disaster" | b"panic" => Self::FATAL,
            b"critical" | b"crit" | b"alert" => Self::CRITICAL,
            b"error" | b"err" | b"major" | b"high" => Self::ERROR,
            b"warning" | b"warn" | b"minor" | b"medium" => Self::WARNING,
            b"info" | b"notice" | b"none" | b"informational" | b"low" | b"ok" => Self::INFO,
            b"debug" | b"trace" => Self::DEBUG,
            _ => return None,
        };
        Some(severity)
    }

    /// A number of the scale, if it is one.
    pub fn from_number(number: i64) -> Option<Severity> {
        (1..=24).contains(&number).then_some(Severity(number as u8))
    }

    /// The word that is written back.
    pub fn word(self) -> &'static str {
        match self.0 {
            21.. => "fatal",
            18..=20 => "critical",
            17 => "error",
            13..=16 => "warning",
            9..=12 => "info",
            _ => "debug",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Debug for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_themselves() {
        for word in ["fatal", "critical", "error", "warning", "info", "debug"] {
            assert_eq!(Severity::parse(word).map(Severity::word), Some(word));
        }
        assert_eq!(Severity::parse(" Page "), Some(Severity::FATAL));
        assert_eq!(Severity::parse("a word that is much longer than any row"), None);
    }
}
