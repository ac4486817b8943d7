//! References in scalars: `${env:NAME}`, `${env:NAME:-default}`, `${file:/path}`, `$$`.
//!
//! Expansion happens on the parsed tree, so a value can never become structure,
//! and the result of an expansion is not expanded again. A reference that
//! cannot be resolved is an error; an empty string is only had by asking for it.

use super::collect::Unread;
use super::de::beside;
use super::error::Problem;
use super::node::{Node, Value};
use std::io;
use std::path::Path;

/// Where references are looked up.
pub struct Surroundings<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The content of a file.
    pub file: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl Surroundings<'static> {
    /// The environment and the files of this process.
    pub fn of_process() -> Self {
        Surroundings {
            variable: &|name| std::env::var(name).ok(),
            file: &|path| std::fs::read_to_string(path),
        }
    }
}

/// Expands every scalar below `node`; problems are collected, not only the first, and what
/// they are about is set aside.
pub(super) fn expand(
    node: &mut Node,
    key: &str,
    around: &Surroundings<'_>,
    problems: &mut Vec<Problem>,
    unread: &mut Vec<Unread>,
) {
    let below = |part: &str| match key.is_empty() {
        true => part.to_owned(),
        false => format!("{key}.{part}"),
    };
    match &mut node.value {
        Value::Text(text) if text.contains('$') => {
            match expand_text(text, Path::new(&*node.place.file), around) {
                Ok((expanded, referred)) => {
                    *text = expanded;
                    node.expanded = referred;
                }
                Err(problem) => {
                    problems.push(problem.on(key).at(&node.place));
                    unread.push(Unread { path: key.to_owned(), is_stray: false });
                    node.value = Value::Unread;
                }
            }
        }
        Value::List(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                expand(item, &below(&i.to_string()), around, problems, unread);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                expand(&mut entry.node, &below(&entry.key), around, problems, unread);
            }
        }
        _ => {}
    }
}

/// The expanded text and whether any reference was in it.
fn expand_text(
    text: &str,
    from: &Path,
    around: &Surroundings<'_>,
) -> Result<(String, bool), Problem> {
    let mut out = String::with_capacity(text.len());
    let mut referred = false;
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let end = after.find('}').ok_or_else(|| {
                Problem::new("a reference has no closing brace", "write `$$` for a plain dollar")
            })?;
            out.push_str(&resolve(&after[..end], from, around)?);
            referred = true;
            rest = &after[end + 1..];
        } else {
            // A dollar before anything else is itself, as in a regular expression.
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok((out, referred))
}

fn resolve(reference: &str, from: &Path, around: &Surroundings<'_>) -> Result<String, Problem> {
    if let Some(spec) = reference.strip_prefix("env:") {
        let (name, default) = match spec.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (spec, None),
        };
        // An empty variable takes the default, as in a shell's `:-`.
        let value = (around.variable)(name);
        return match (value, default) {
            (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(Problem::new(
                format!("environment variable `{name}` is not set"),
                format!("set it or give a default with `${{env:{name}:-default}}`"),
            )),
        };
    }
    if let Some(path) = reference.strip_prefix("file:") {
        let path = beside(from, path);
        return match (around.file)(Path::new(&path)) {
            // Editors end a file with a newline that nobody means.
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => Err(Problem::new(
                format!("cannot read file `{path}`: {error}"),
                "create it or correct the path",
            )),
        };
    }
    Err(Problem::new(
        format!("`${{{reference}}}` is not a reference"),
        "write `${env:NAME}`, `${env:NAME:-default}` or `${file:/path}`, or `$$` for a plain dollar",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, bool), &str>) {
        let around = Surroundings {
            variable: &|name| match name {
                "A" => Some("x: y".into()),
                "EMPTY" => Some(String::new()),
                "NESTED" => Some("${env:A}".into()),
                _ => None,
            },
            file: &|path| match path.to_str() {
                Some("/etc/dir/secret") => Ok("s3cret\n".into()),
                _ => Err(io::Error::from(io::ErrorKind::NotFound)),
            },
        };
        let found = expand_text(text, Path::new("/etc/dir/c.yaml"), &around);
        match (found, expected) {
            (Ok((text, referred)), Ok(expected)) => assert_eq!((text.as_str(), referred), expected),
            (Err(problem), Err(part)) => assert!(problem.to_string().contains(part), "{problem}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn references_resolve_once() {
        check("a ${env:A} b", Ok(("a x: y b", true)));
        check("${env:NESTED}", Ok(("${env:A}", true)));
        check("${env:NONE:-d}${env:EMPTY:-e}${env:EMPTY}", Ok(("de", true)));
        check("${file:secret}|${file:/etc/dir/secret}", Ok(("s3cret|s3cret", true)));
    }

    #[test]
    fn a_dollar_can_be_plain() {
        check("$$ $${env:A} ^a$", Ok(("$ ${env:A} ^a$", false)));
    }

    #[test]
    fn what_does_not_resolve_is_named() {
        check("${env:NONE}", Err("`NONE` is not set"));
        check("${file:other}", Err("/etc/dir/other"));
        check("${A}", Err("`${A}` is not a reference"));
        check("${env:A", Err("no closing brace"));
    }
}
