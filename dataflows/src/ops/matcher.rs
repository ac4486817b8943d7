//! Matchers as Alertmanager defines them, compiled once for each silence, window or rule.
//!
//! An absent label is an empty one, regular expressions are anchored at both ends, and all
//! matchers of a list must hold. Beside its labels an alert has five pseudo labels:
//!
//! - `alertname`: the identity's name.
//! - `entity`: a positive matcher holds when the entity as given or the resolved one satisfies
//!   it; a negative matcher holds only when both do.
//! - `source` and `tenant`.
//! - `severity`: the label of that name if the alert carries one, else the severity's word.
//!
//! Regular expressions have the syntax of the `regex` crate. Where that differs from Go's (no
//! `\Q..\E`, a literal brace needs a backslash) the pattern is refused, never reinterpreted;
//! only `\d`, `\w`, `\s` and `\b` are wider here, since they know all of Unicode.

mod parse;
#[cfg(test)]
mod tests;

use crate::model::{EntityRef, Identity, Matcher, MatcherOp, Severity};
use regex::{Regex, RegexBuilder};
use smol_str::SmolStr;
use thiserror::Error;

pub use parse::{format_matchers, parse_matchers};

/// The most memory one compiled pattern may take, bytes.
///
/// A Unicode `\w` takes 50 KB, so some twenty of them fit; the usual literal and `.*` takes
/// 1.3 KB, and a pattern over the limit is refused within 30 ms.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Why a matcher cannot be used.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum MatcherError {
    /// Nothing stands before the operator.
    #[error("matcher `{text}` has no label name, write name=\"value\"")]
    NoName {
        /// Where it was found.
        text: String,
    },
    /// What follows the name is no operator.
    #[error("matcher `{text}` has no operator, write one of =, !=, =~, !~ after the label name")]
    NoOperator {
        /// Where it was expected.
        text: String,
    },
    /// A quote is opened and not closed.
    #[error("matcher `{text}` has no closing double quote")]
    UnclosedQuote {
        /// From the opening quote on.
        text: String,
    },
    /// A double quote stands where none may.
    #[error("matcher `{text}` has an unescaped double quote, write \\\" within a value")]
    StrayQuote {
        /// The matcher's value and what follows.
        text: String,
    },
    /// A value is followed by something other than a comma.
    #[error("text `{text}` follows a matcher's closing quote, put a comma between matchers")]
    NoComma {
        /// What follows.
        text: String,
    },
    /// Braces do not pair.
    #[error("matcher list `{text}` has a brace without its partner, quote values that hold braces")]
    UnpairedBrace {
        /// The list.
        text: String,
    },
    /// The pattern is no regular expression, or too large a one.
    #[error("matcher on label `{name}` has an unusable regular expression `{pattern}`, correct it")]
    Pattern {
        /// Which label.
        name: SmolStr,
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: regex::Error,
    },
    /// A silence without matchers would have no meaning.
    #[error("matcher list is empty, name at least one label")]
    NoMatchers,
    /// A silence that matches the alert without any labels matches every alert.
    #[error("every matcher matches the empty value, at least one must not")]
    AllMatchEmpty,
}

/// All matchers of one silence, maintenance window or rule, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// Cheap ones first; the order cannot change the answer since all must hold.
    tests: Vec<Test>,
    errors: Vec<MatcherError>,
}

impl Compiled {
    /// Compiles `matchers`; those that cannot be compiled are kept as [`Compiled::errors`].
    pub fn new(matchers: &[Matcher]) -> Compiled {
        let mut compiled = Compiled::default();
        for matcher in matchers {
            match Test::new(matcher) {
                Ok(test) => compiled.tests.push(test),
                Err(error) => compiled.errors.push(error),
            }
        }
        compiled.tests.sort_by_key(|test| matches!(test.pattern, Pattern::Regex(_)));
        compiled
    }

    /// The matchers that could not be compiled; while there is one, nothing matches.
    pub fn errors(&self) -> &[MatcherError] {
        &self.errors
    }

    /// Whether all matchers hold for the alert of `identity` whose entity resolved to `entity`.
    ///
    /// An empty list matches nothing, as Alertmanager refuses a silence without matchers. A
    /// list with a broken matcher matches nothing either, negative or not: an instruction that
    /// is not understood must not hide alerts.
    pub fn matches(&self, identity: &Identity, entity: &EntityRef, severity: Severity) -> bool {
        self.errors.is_empty()
            && !self.tests.is_empty()
            && self.tests.iter().all(|test| test.holds(identity, entity, severity))
    }
}

/// One matcher, compiled.
#[derive(Clone, Debug)]
struct Test {
    subject: Subject,
    negative: bool,
    pattern: Pattern,
}

/// Which of an alert's words a matcher looks at.
#[derive(Clone, Debug)]
enum Subject {
    Name,
    Entity,
    Source,
    Tenant,
    Severity,
    Label(SmolStr),
}

#[derive(Clone, Debug)]
enum Pattern {
    Text(SmolStr),
    Regex(Regex),
}

impl Test {
    fn new(matcher: &Matcher) -> Result<Test, MatcherError> {
        if matcher.name.is_empty() {
            return Err(MatcherError::NoName { text: parse::snippet(&matcher.to_string()) });
        }
        let subject = match matcher.name.as_str() {
            "alertname" => Subject::Name,
            "entity" => Subject::Entity,
            "source" => Subject::Source,
            "tenant" => Subject::Tenant,
            "severity" => Subject::Severity,
            _ => Subject::Label(matcher.name.clone()),
        };
        let negative = matches!(matcher.op, MatcherOp::NotEqual | MatcherOp::NotRegex);
        let pattern = match matcher.op {
            MatcherOp::Equal | MatcherOp::NotEqual => Pattern::Text(matcher.value.clone()),
            MatcherOp::Regex | MatcherOp::NotRegex => Pattern::Regex(anchored(matcher)?),
        };
        Ok(Test { subject, negative, pattern })
    }

    fn holds(&self, identity: &Identity, entity: &EntityRef, severity: Severity) -> bool {
        let label = |key: &str| identity.label(key);
        let found = match &self.subject {
            Subject::Name => self.pattern.fits(&identity.name),
            Subject::Entity => {
                self.pattern.fits(&identity.entity.text) || self.pattern.fits(&entity.text)
            }
            Subject::Source => self.pattern.fits(&identity.source),
            Subject::Tenant => self.pattern.fits(&identity.tenant),
            Subject::Severity => self.pattern.fits(label("severity").unwrap_or(severity.word())),
            Subject::Label(key) => self.pattern.fits(label(key).unwrap_or_default()),
        };
        found != self.negative
    }
}

impl Pattern {
    fn fits(&self, value: &str) -> bool {
        match self {
            Pattern::Text(text) => text == value,
            Pattern::Regex(regex) => regex.is_match(value),
        }
    }
}

fn anchored(matcher: &Matcher) -> Result<Regex, MatcherError> {
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX)
            .build()
            .map_err(|source| MatcherError::Pattern {
                name: matcher.name.clone(),
                pattern: parse::snippet(&matcher.value),
                source,
            })
    };
    // The pattern must be one by itself: `a)|(?:b` would close the anchoring group and leave
    // both of its halves anchored at one end only.
    if matcher.value.contains(')') {
        build(&matcher.value)?;
    }
    build(&format!("^(?:{})$", matcher.value))
}

/// Whether `matcher` can be compiled.
///
/// # Errors
/// [`MatcherError::NoName`] or [`MatcherError::Pattern`].
pub fn validate(matcher: &Matcher) -> Result<(), MatcherError> {
    Test::new(matcher).map(|_| ())
}

/// Whether `matchers` make a silence that Alertmanager would accept: at least one matcher, all
/// of them valid, and one that an alert without the label would not satisfy.
///
/// # Errors
/// The first matcher's error, [`MatcherError::NoMatchers`] or [`MatcherError::AllMatchEmpty`].
pub fn validate_silence(matchers: &[Matcher]) -> Result<(), MatcherError> {
    if matchers.is_empty() {
        return Err(MatcherError::NoMatchers);
    }
    let mut all_match_empty = true;
    for matcher in matchers {
        let test = Test::new(matcher)?;
        all_match_empty &= test.pattern.fits("") != test.negative;
    }
    if all_match_empty { Err(MatcherError::AllMatchEmpty) } else { Ok(()) }
}
