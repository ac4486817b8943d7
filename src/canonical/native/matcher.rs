//! Matchers as Alertmanager writes them, as objects or as text.
//!
//! `{"name":"env","value":"prod","isRegex":false,"isEqual":true}` or
//! `env="prod"`, `pod=~"cart-.*"`, `team!=payments`, `zone!~"eu-.*"`.

use causeway_dataflows::model::{Matcher, MatcherOp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Matchers that one silence, window or rule may have.
pub const MATCHERS_MAX: usize = 64;
/// Bytes that a compiled expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// One matcher on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MatcherBody {
    /// Prometheus syntax: `name=~"regex"`.
    Text(#[schemars(regex(pattern = r"=|!~"))] String),
    /// Alertmanager's API.
    Parts {
        /// The label.
        #[schemars(length(min = 1))]
        name: String,
        /// What it is compared with.
        value: String,
        /// Whether the value is a regular expression, anchored at both ends.
        #[serde(rename = "isRegex", default)]
        is_regex: bool,
        /// Whether it must match, or must not.
        #[serde(rename = "isEqual", default = "yes")]
        is_equal: bool,
    },
}

fn yes() -> bool {
    true
}

impl MatcherBody {
    /// The wire form of a matcher.
    pub fn of(matcher: &Matcher) -> Self {
        MatcherBody::Parts {
            name: matcher.name.to_string(),
            value: matcher.value.to_string(),
            is_regex: matches!(matcher.op, MatcherOp::Regex | MatcherOp::NotRegex),
            is_equal: matches!(matcher.op, MatcherOp::Equal | MatcherOp::Regex),
        }
    }

    /// The matcher, if it makes sense.
    ///
    /// # Errors
    /// What is wrong, when the text is no matcher or the expression is none.
    pub fn check(&self) -> Result<Matcher, String> {
        let matcher = match self {
            MatcherBody::Text(text) => parse(text)?,
            MatcherBody::Parts { name, value, is_regex, is_equal } => {
                let op = match (is_regex, is_equal) {
                    (false, true) => MatcherOp::Equal,
                    (false, false) => MatcherOp::NotEqual,
                    (true, true) => MatcherOp::Regex,
                    (true, false) => MatcherOp::NotRegex,
                };
                Matcher { name: SmolStr::new(name), op, value: SmolStr::new(value) }
            }
        };
        if matcher.name.is_empty() {
            return Err("a matcher has no label name".to_owned());
        }
        if matches!(matcher.op, MatcherOp::Regex | MatcherOp::NotRegex) {
            check_regex(&matcher.value)?;
        }
        Ok(matcher)
    }
}

/// Checks a list; sorted and without repeats, so that equal lists are equal.
///
/// # Errors
/// The place of the matcher at fault, and what is wrong with it.
pub fn check_all(bodies: &[MatcherBody]) -> Result<Vec<Matcher>, (usize, String)> {
    if bodies.len() > MATCHERS_MAX {
        return Err((MATCHERS_MAX, format!("there are more than {MATCHERS_MAX} matchers")));
    }
    let mut matchers = Vec::with_capacity(bodies.len());
    for (at, body) in bodies.iter().enumerate() {
        matchers.push(body.check().map_err(|message| (at, message))?);
    }
    matchers.sort();
    matchers.dedup();
    Ok(matchers)
}

fn check_regex(pattern: &str) -> Result<(), String> {
    // Grouped, so that an alternative cannot escape the anchors.
    regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map(|_| ())
        .map_err(|error| {
            let last = error.to_string();
            let last = last.lines().last().unwrap_or_default().trim().to_owned();
            format!("{pattern:?} is no regular expression: {last}")
        })
}

fn parse(text: &str) -> Result<Matcher, String> {
    let wrong = || format!("{text:?} is no matcher such as name=\"value\" or name=~\"regex\"");
    let (name, rest) = match text.trim().strip_prefix('"') {
        Some(rest) => quoted(rest).ok_or_else(wrong)?,
        None => {
            let at = text.trim().find(['=', '!']).ok_or_else(wrong)?;
            let (name, rest) = text.trim().split_at(at);
            (name.trim().to_owned(), rest)
        }
    };
    let rest = rest.trim_start();
    let (op, rest) = [
        ("=~", MatcherOp::Regex),
        ("!~", MatcherOp::NotRegex),
        ("!=", MatcherOp::NotEqual),
        ("=", MatcherOp::Equal),
    ]
    .into_iter()
    .find_map(|(sign, op)| Some((op, rest.strip_prefix(sign)?)))
    .ok_or_else(wrong)?;
    let rest = rest.trim();
    let value = match rest.strip_prefix('"') {
        Some(inside) => match quoted(inside).ok_or_else(wrong)? {
            (value, "") => value,
            _ => return Err(wrong()),
        },
        None if rest.contains(['"', ' ', '{', '}', ',']) => return Err(wrong()),
        None => rest.to_owned(),
    };
    Ok(Matcher { name: SmolStr::new(name), op, value: SmolStr::new(value) })
}

/// A quoted text after its first quote, and what follows the last.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                same @ ('"' | '\\') => value.push(same),
                // Expressions are full of backslashes, and few people double them.
                other => value.extend(['\\', other]),
            },
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match MatcherBody::Text(text.to_owned()).check() {
            Ok(matcher) => format!("{} {:?} {}", matcher.name, matcher.op, matcher.value),
            Err(message) => format!("error: {message}"),
        }
    }

    #[test]
    fn text_forms() {
        assert_eq!(shown(r#"env="prod""#), "env Equal prod");
        assert_eq!(shown(r#" pod =~ "cart-\d+" "#), r"pod Regex cart-\d+");
        assert_eq!(shown("team!=payments"), "team NotEqual payments");
        assert_eq!(shown(r#""odd name"!~"a\"b""#), "odd name NotRegex a\"b");
        assert_eq!(shown(r#"env="""#), "env Equal ");
    }

    #[test]
    fn what_is_no_matcher() {
        for text in ["", "env", "=x", r#"env="a" b"#, r#"env="a"#, "env~x"] {
            assert!(shown(text).starts_with("error"), "{text}: {}", shown(text));
        }
        assert!(shown(r#"env=~"(""#).contains("no regular expression"));
        assert!(shown(r#"env=~"(\\w{1000}){1000}""#).contains("no regular expression"));
    }

    #[test]
    fn objects_have_alertmanagers_defaults() {
        let body: MatcherBody = serde_json::from_str(r#"{"name":"a","value":"b"}"#).unwrap();
        let matcher = body.check().unwrap();
        assert_eq!(matcher.op, MatcherOp::Equal);
        let text = serde_json::to_string(&MatcherBody::of(&matcher)).unwrap();
        assert_eq!(text, r#"{"name":"a","value":"b","isRegex":false,"isEqual":true}"#);
    }
}
