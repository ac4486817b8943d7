//! Words and paths in code whose comments and literals are blank.

/// Every word of `code` with the byte it begins at.
pub(super) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let begin = at + code[at..].find(is_part)?;
        let length = code[begin..].find(|c| !is_part(c)).unwrap_or(code.len() - begin);
        at = begin + length;
        Some((begin, &code[begin..at]))
    })
}

/// A path that begins with the root asked for, and the byte of its last segment.
#[derive(Debug, PartialEq)]
pub(super) struct PathUse {
    pub(super) at: usize,
    /// Without the root.
    pub(super) segments: Vec<String>,
}

impl PathUse {
    /// Whether the path is `prefix` or lies below it; segments are joined by `::`.
    pub(super) fn is_below(&self, prefix: &str) -> bool {
        let mut own = self.segments.iter();
        prefix.split("::").all(|segment| own.next().is_some_and(|other| other == segment))
    }
}

/// Every path of `code` that begins with the word `root`, braces of `use` unfolded.
pub(super) fn paths_from(code: &str, root: &str) -> Vec<PathUse> {
    let mut found = Vec::new();
    for (at, _) in words(code).filter(|(_, word)| *word == root) {
        // In `a::root::b` the word is not the path's beginning, in `::root::b` it is.
        let before = code[..at].trim_end();
        let outer = before.strip_suffix("::").map(str::trim_end);
        if outer.is_some_and(|outer| outer.ends_with(|c: char| c.is_alphanumeric() || c == '_')) {
            continue;
        }
        if let Some(rest) = after_colons(code, at + root.len()) {
            unfold(code, rest, &mut Vec::new(), &mut found);
        }
    }
    found
}

/// The byte behind the next `::`, if only blanks precede it.
fn after_colons(code: &str, at: usize) -> Option<usize> {
    let at = skip_blanks(code, at);
    code[at..].starts_with("::").then_some(at + 2)
}

fn skip_blanks(code: &str, at: usize) -> usize {
    at + code[at..].len() - code[at..].trim_start().len()
}

/// Reads the tree behind `::` and returns the byte behind it.
fn unfold(code: &str, at: usize, prefix: &mut Vec<String>, found: &mut Vec<PathUse>) -> usize {
    let mut at = skip_blanks(code, at);
    if code[at..].starts_with('{') {
        at += 1;
        loop {
            at = skip_blanks(code, at);
            match code[at..].chars().next() {
                None => return at,
                Some('}') => return at + 1,
                Some(',') => at += 1,
                Some(_) => {
                    let end = unfold(code, at, prefix, found);
                    // Behind a rename, or anything else, the next item begins at a comma.
                    let next = code[end..].find([',', '}']).unwrap_or(code.len() - end);
                    at = end + next;
                }
            }
        }
    }
    let Some((begin, word)) = words(&code[at..]).next().filter(|(begin, _)| *begin == 0) else {
        found.push(PathUse { at, segments: prefix.clone() });
        return at;
    };
    let begin = at + begin;
    let end = begin + word.len();
    prefix.push(word.to_owned());
    let end = match after_colons(code, end) {
        Some(rest) => unfold(code, rest, prefix, found),
        None => {
            found.push(PathUse { at: begin, segments: prefix.clone() });
            end
        }
    };
    prefix.pop();
    end
}

#[test]
fn paths_are_unfolded() {
    let check = |code: &str, expected: &[&str]| {
        let found = paths_from(code, "crate");
        let joined: Vec<String> = found.iter().map(|path| path.segments.join("::")).collect();
        assert_eq!(joined, expected, "{code}");
    };
    check("use crate::a::b;", &["a::b"]);
    check("use crate::{a, b::{c, d as e, f::*}, g};", &["a", "b::c", "b::d", "b::f", "g"]);
    check("crate :: a :: <u8> :: b()", &["a"]);
    check("pub(crate) fn f() { crate::a::b(x, crate::c) }", &["a::b", "c"]);
    check("x::crate::a; mycrate::b; $crate::c", &["c"]);
    check("use crate::{\n    a,\n    b,\n};", &["a", "b"]);
    let found = paths_from("use std::{fs::File, io};", "std");
    assert!(found[0].is_below("fs") && found[0].is_below("fs::File"));
    assert!(!found[1].is_below("fs") && !found[1].is_below("io::Read"));
}

#[test]
fn words_are_whole() {
    let found: Vec<_> = words("a_b(c1)::d").map(|(_, word)| word).collect();
    assert_eq!(found, ["a_b", "c1", "d"]);
}
