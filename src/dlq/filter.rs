//! Which dead letters are meant.

use crate::canonical::DeadLetter;

/// Conditions on dead letters; each that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Begins the id, `dlq-` included or not.
    pub id: Option<String>,
    /// The configured source.
    pub source: Option<String>,
    /// The code.
    pub code: Option<String>,
    /// Whose.
    pub tenant: Option<String>,
    /// First refused at this instant or later, RFC 3339 in UTC.
    pub since: Option<jiff::Timestamp>,
    /// First refused before this instant.
    pub until: Option<jiff::Timestamp>,
}

impl Filter {
    /// Whether every condition holds.
    pub fn matches(&self, letter: &DeadLetter) -> bool {
        let data = &letter.data;
        let begins = |wanted: &String| {
            letter.id.starts_with(wanted.as_str())
                || letter
                    .id
                    .strip_prefix("dlq-")
                    .is_some_and(|hash| hash.starts_with(wanted.as_str()))
        };
        let time = data.first_seen.parse::<jiff::Timestamp>().ok();
        self.id.as_ref().is_none_or(begins)
            && self.source.as_ref().is_none_or(|source| data.source == source.as_str())
            && self.code.as_ref().is_none_or(|code| data.code.eq_ignore_ascii_case(code))
            && self.tenant.as_ref().is_none_or(|tenant| data.tenant == tenant.as_str())
            && self.since.is_none_or(|since| time.is_some_and(|time| time >= since))
            && self.until.is_none_or(|until| time.is_some_and(|time| time < until))
    }
}
