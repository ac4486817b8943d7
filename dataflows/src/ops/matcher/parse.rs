//! Matchers as text: `{alertname="DiskFull", host=~"db-.*"}`, with or without the braces.
//!
//! Reads what Alertmanager and amtool read: bare names and values, quoted names for labels
//! with odd characters, a trailing comma. Within quotes `\"`, `\\` and `\n` are escapes and any
//! other backslash stands for itself, so that `"\d+"` needs no doubling.

use super::MatcherError;
use crate::model::{Matcher, MatcherOp};
use smol_str::SmolStr;
use std::fmt;

/// The most characters of a faulty text that an error repeats.
const SNIPPET_CHARS_MAX: usize = 80;

/// Reads a list of matchers; `{}` and blank text are the empty list.
///
/// Patterns are not compiled here: see [`super::validate`].
///
/// # Errors
/// The first fault of form, with the text where it lies.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let trimmed = text.trim();
    let unpaired = || MatcherError::UnpairedBrace { text: snippet(trimmed) };
    let list = match trimmed.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}').ok_or_else(unpaired)?,
        None => trimmed,
    };
    let mut rest = list.trim_start();
    let mut matchers = Vec::new();
    while !rest.is_empty() {
        let (matcher, after) = parse_matcher(rest)?;
        matchers.push(matcher);
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if after.is_empty() => after,
            None => return Err(MatcherError::NoComma { text: snippet(after) }),
        };
    }
    Ok(matchers)
}

/// Writes a list that [`parse_matchers`] reads back as it was.
pub fn format_matchers(matchers: &[Matcher]) -> String {
    let words: Vec<String> = matchers.iter().map(Matcher::to_string).collect();
    format!("{{{}}}", words.join(","))
}

/// Reads one matcher and returns what follows it, blanks removed.
fn parse_matcher(text: &str) -> Result<(Matcher, &str), MatcherError> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(inside) => quoted(inside)?,
        None => {
            let end = text.find(is_reserved).unwrap_or(text.len());
            (text[..end].to_owned(), &text[end..])
        }
    };
    if name.is_empty() {
        return Err(MatcherError::NoName { text: snippet(text) });
    }
    let (op, rest) = parse_op(rest.trim_start())
        .ok_or_else(|| MatcherError::NoOperator { text: snippet(text) })?;
    let rest = rest.trim_start();
    let (value, rest) = match rest.strip_prefix('"') {
        Some(inside) => quoted(inside)?,
        None => bare(rest)?,
    };
    let matcher = Matcher { name: SmolStr::new(name), op, value: SmolStr::new(value) };
    Ok((matcher, rest.trim_start()))
}

fn parse_op(text: &str) -> Option<(MatcherOp, &str)> {
    // The longer spellings first: `=` begins `=~`.
    [MatcherOp::Regex, MatcherOp::NotRegex, MatcherOp::NotEqual, MatcherOp::Equal]
        .into_iter()
        .find_map(|op| text.strip_prefix(symbol(op)).map(|rest| (op, rest)))
}

/// Reads up to the closing quote; `text` begins behind the opening one.
fn quoted(text: &str) -> Result<(String, &str), MatcherError> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return Ok((unescape(&text[..at]), &text[at + 1..])),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Err(MatcherError::UnclosedQuote { text: snippet(text) })
}

/// Reads a value without quotes, up to the next comma.
fn bare(text: &str) -> Result<(String, &str), MatcherError> {
    let end = text.find(',').unwrap_or(text.len());
    let value = text[..end].trim_end();
    let mut escaped = false;
    let mut depth = 0i32;
    for c in value.chars() {
        match c {
            '"' if !escaped => return Err(MatcherError::StrayQuote { text: snippet(text) }),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        if depth < 0 {
            break;
        }
    }
    if depth != 0 {
        return Err(MatcherError::UnpairedBrace { text: snippet(text) });
    }
    Ok((unescape(value), &text[end..]))
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some(plain @ ('"' | '\\')) => out.push(plain),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// The characters that end a name unless it is quoted.
fn is_reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\\"'`".contains(c)
}

/// The beginning of `text`, short enough for an error message.
pub(super) fn snippet(text: &str) -> String {
    match text.char_indices().nth(SNIPPET_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn symbol(op: MatcherOp) -> &'static str {
    match op {
        MatcherOp::Equal => "=",
        MatcherOp::NotEqual => "!=",
        MatcherOp::Regex => "=~",
        MatcherOp::NotRegex => "!~",
    }
}

impl fmt::Display for MatcherOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(symbol(*self))
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() || self.name.contains(is_reserved) {
            write_quoted(f, &self.name)?;
        } else {
            f.write_str(&self.name)?;
        }
        f.write_str(symbol(self.op))?;
        write_quoted(f, &self.value)
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    use fmt::Write;
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '\\' => f.write_str("\\\\")?,
            '"' => f.write_str("\\\"")?,
            '\n' => f.write_str("\\n")?,
            _ => f.write_char(c)?,
        }
    }
    f.write_char('"')
}
