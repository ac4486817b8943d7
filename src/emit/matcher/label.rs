//! One condition on a label, in Prometheus syntax.

use crate::emit::wire::AlertRow;
use causeway_dataflows::model::{Matcher, MatcherOp};
use regex::{Regex, RegexBuilder};
use smol_str::SmolStr;
use std::fmt;

/// Bytes that one compiled expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A text that is no label matcher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelMatcherError {
    /// It cannot be read.
    #[error("label matcher {text:?} cannot be read: write it as name=\"value\" or name=~\"regex\"")]
    Syntax {
        /// As written.
        text: String,
    },
    /// Its expression cannot be compiled.
    #[error("label matcher {text:?} has no valid regular expression: {problem}")]
    Expression {
        /// As written.
        text: String,
        /// What the compiler says.
        problem: String,
    },
}

/// `name="value"`, `name!="value"`, `name=~"regex"` or `name!~"regex"`; an absent label is empty.
///
/// Beside its labels an alert has `alertname`, `entity`, `source`, `severity`, `status`
/// and `tenant`; a label of the same name goes before.
#[derive(Clone, Debug)]
pub struct LabelMatcher {
    name: SmolStr,
    test: Test,
    negated: bool,
}

#[derive(Clone, Debug)]
enum Test {
    Equal(SmolStr),
    Regex(Box<Regex>),
}

impl LabelMatcher {
    /// Reads one matcher or a list in braces, such as `{env="prod",team=~"a|b"}`.
    ///
    /// # Errors
    /// When the text is neither, or an expression does not compile.
    pub fn parse_list(text: &str) -> Result<Vec<LabelMatcher>, LabelMatcherError> {
        let inside = match text.trim().strip_prefix('{') {
            Some(rest) => rest.strip_suffix('}').ok_or_else(|| syntax(text))?,
            None => text,
        };
        let mut matchers = Vec::new();
        let mut rest = inside.trim();
        while !rest.is_empty() {
            let (matcher, after) = parse_one(rest, text)?;
            matchers.push(matcher);
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(more) => more.trim_start(),
                None if after.is_empty() => after,
                None => return Err(syntax(text)),
            };
        }
        if matchers.is_empty() { Err(syntax(text)) } else { Ok(matchers) }
    }

    /// Compiles a matcher that was read elsewhere.
    ///
    /// # Errors
    /// When its expression does not compile.
    pub fn compile(matcher: &Matcher) -> Result<LabelMatcher, LabelMatcherError> {
        let (regex, negated) = match matcher.op {
            MatcherOp::Equal => (false, false),
            MatcherOp::NotEqual => (false, true),
            MatcherOp::Regex => (true, false),
            MatcherOp::NotRegex => (true, true),
        };
        let test = match regex {
            true => Test::Regex(compile(&matcher.value, &matcher.value)?),
            false => Test::Equal(matcher.value.clone()),
        };
        Ok(LabelMatcher { name: matcher.name.clone(), test, negated })
    }

    /// Whether the condition holds for an alert.
    pub fn matches(&self, alert: &AlertRow) -> bool {
        self.holds(value_of(alert, &self.name))
    }

    fn holds(&self, value: &str) -> bool {
        let same = match &self.test {
            Test::Equal(wanted) => wanted == value,
            Test::Regex(regex) => regex.is_match(value),
        };
        same != self.negated
    }
}

impl fmt::Display for LabelMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, value) = match (&self.test, self.negated) {
            (Test::Equal(value), false) => ("=", value.as_str()),
            (Test::Equal(value), true) => ("!=", value.as_str()),
            (Test::Regex(regex), false) => ("=~", inner(regex)),
            (Test::Regex(regex), true) => ("!~", inner(regex)),
        };
        write!(f, "{}{sign}{value:?}", self.name)
    }
}

/// The expression as written, without the anchors put around it.
fn inner(regex: &Regex) -> &str {
    let text = regex.as_str();
    text.strip_prefix("^(?s:").and_then(|rest| rest.strip_suffix(")$")).unwrap_or(text)
}

fn value_of<'a>(alert: &'a AlertRow, name: &str) -> &'a str {
    match alert.labels.get(name) {
        Some(value) => value,
        None => match name {
            "alertname" => &alert.name,
            "entity" => &alert.entity,
            "source" => &alert.source,
            "severity" => alert.severity.word(),
            "status" => alert.status.word(),
            "tenant" => &alert.tenant,
            _ => "",
        },
    }
}

fn syntax(text: &str) -> LabelMatcherError {
    LabelMatcherError::Syntax { text: text.to_owned() }
}

/// Reads the first matcher of `rest`; `whole` is for the message.
fn parse_one<'a>(rest: &'a str, whole: &str) -> Result<(LabelMatcher, &'a str), LabelMatcherError> {
    let wrong = || syntax(whole);
    let (name, rest) = match rest.strip_prefix('"') {
        Some(inside) => quoted(inside).ok_or_else(wrong)?,
        None => {
            let end = rest.find(['=', '!']).ok_or_else(wrong)?;
            (rest[..end].trim_end().to_owned(), &rest[end..])
        }
    };
    let signs = [("=~", true, false), ("!~", true, true), ("!=", false, true), ("=", false, false)];
    let rest = rest.trim_start();
    let (regex, negated, rest) = signs
        .into_iter()
        .find_map(|(sign, regex, negated)| Some((regex, negated, rest.strip_prefix(sign)?)))
        .ok_or_else(wrong)?;
    let rest = rest.trim_start();
    let (value, rest) = match rest.strip_prefix('"') {
        Some(inside) => quoted(inside).ok_or_else(wrong)?,
        None => {
            let end = rest.find(',').unwrap_or(rest.len());
            (rest[..end].trim_end().to_owned(), &rest[end..])
        }
    };
    if name.is_empty() || name.contains(['"', '{', '}', ',', ' ']) {
        return Err(wrong());
    }
    let test = if regex { Test::Regex(compile(&value, whole)?) } else { Test::Equal(value.into()) };
    Ok((LabelMatcher { name: name.into(), test, negated }, rest))
}

/// Anchored at both ends, as Prometheus does; grouped, so that no alternative escapes the anchors.
fn compile(pattern: &str, whole: &str) -> Result<Box<Regex>, LabelMatcherError> {
    RegexBuilder::new(&format!("^(?s:{pattern})$"))
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map(Box::new)
        .map_err(|error| LabelMatcherError::Expression {
            text: whole.to_owned(),
            problem: error.to_string().lines().last().unwrap_or_default().trim().to_owned(),
        })
}

/// A quoted text after its first quote, and what follows the last.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                same @ ('"' | '\\') => value.push(same),
                // `\d` in an expression: few people double the backslash.
                other => value.extend(['\\', other]),
            },
            _ => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match LabelMatcher::parse_list(text) {
            Ok(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn all_forms_are_read() {
        for (text, expected) in [
            (r#"env="prod""#, r#"env="prod""#),
            ("env = prod", r#"env="prod""#),
            (r#"{env!="prod", team=~"a|b",}"#, r#"env!="prod" team=~"a|b""#),
            (r#"env="prod",zone!~"eu-.*""#, r#"env="prod" zone!~"eu-.*""#),
            (r#""odd.name"="a \"b\"""#, r#"odd.name="a \"b\"""#),
            (r#"pod=~"cart-\d+""#, r#"pod=~"cart-\\d+""#),
            (r#"env="""#, r#"env="""#),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in ["", "{}", "env", r#"{env="a""#, r#"env="a" b"#, r#"="a""#, r#"env="a"#] {
            assert!(shown(text).contains("cannot be read"), "{text}: {}", shown(text));
        }
        assert!(shown(r#"env=~"(""#).contains("no valid regular expression"));
        assert!(shown(r#"env=~"(\\w{1000}){1000}""#).contains("no valid regular expression"));
    }

    #[test]
    fn matchers_of_the_engine_are_compiled() {
        for (op, expected) in [
            (MatcherOp::Equal, r#"env="a|b""#),
            (MatcherOp::NotEqual, r#"env!="a|b""#),
            (MatcherOp::Regex, r#"env=~"a|b""#),
            (MatcherOp::NotRegex, r#"env!~"a|b""#),
        ] {
            let matcher = Matcher { name: "env".into(), op, value: "a|b".into() };
            assert_eq!(LabelMatcher::compile(&matcher).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn expressions_are_anchored() {
        let list = LabelMatcher::parse_list(r#"env=~"prod|dev""#).unwrap();
        let matcher = &list[0];
        assert!(matcher.holds("prod") && matcher.holds("dev"));
        assert!(!matcher.holds("production") && !matcher.holds("my-dev") && !matcher.holds(""));
    }
}
