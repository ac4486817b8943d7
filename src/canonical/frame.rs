//! Where one event ends and the next begins, in bytes that need not be sound.

use std::io::BufRead;

/// Iterator over lines without their line feeds; carriage returns are left to JSON's white space.
pub struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    /// The lines of `bytes`.
    pub fn of(bytes: &'a [u8]) -> Self {
        Lines { rest: bytes }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let whole = self.rest;
        // Reading from a slice cannot fail, and finds the line feed a word at a time.
        let taken = self.rest.skip_until(b'\n').unwrap_or(whole.len());
        let line = &whole[..taken];
        Some(line.strip_suffix(b"\n").unwrap_or(line))
    }
}

/// Without JSON's white space at both ends.
#[inline]
pub fn trim(bytes: &[u8]) -> &[u8] {
    let text = trim_start(bytes);
    let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(0, |at| at + 1);
    &text[..end]
}

/// Without JSON's white space at the beginning.
#[inline]
pub fn trim_start(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_blank(byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// How many lines end in `bytes`.
pub fn line_feeds(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Cuts a JSON array into the texts of its elements.
///
/// Only brackets and strings are looked at, so that a broken element costs its
/// own reject and not that of the whole array. `None` when `bytes` does not
/// begin with a bracket.
pub fn elements(bytes: &[u8]) -> Option<Elements<'_>> {
    let rest = trim(bytes).strip_prefix(b"[")?;
    Some(Elements { rest, next: Next::First })
}

/// Whether an array closes before the end of the line on which it opens; what is behind its
/// closing bracket does not count.
pub fn closes_on_its_line(text: &[u8]) -> bool {
    let Some(line) = Lines::of(text).next().and_then(|line| line.strip_prefix(b"[")) else {
        return false;
    };
    let (mut scan, mut rest) = (ElementScan::default(), line);
    while let Some(at) = scan.stop(rest) {
        if rest[at] == b']' {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// An element of an array, or what stands where the array should have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// The text between two commas; empty where there is nothing between them.
    Text(&'a [u8]),
    /// The array was not closed, or something follows it.
    Torn(&'a [u8]),
}

/// Finds where the elements of an array end, in bytes that may come in pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ElementScan {
    depth: u32,
    quoted: bool,
    escaped: bool,
}

impl ElementScan {
    /// The place of the next comma or closing bracket of the array itself; `bytes` go on
    /// behind what was looked at last.
    pub fn stop(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.quoted => self.escaped = true,
                b'"' => self.quoted = !self.quoted,
                _ if self.quoted => {}
                b'[' | b'{' => self.depth = self.depth.saturating_add(1),
                b']' | b',' if self.depth == 0 => return Some(at),
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }

    /// Whether no string and no bracket of an element is open.
    fn is_level(self) -> bool {
        self.depth == 0 && !self.quoted
    }
}

/// Iterator over the elements of an array.
pub struct Elements<'a> {
    rest: &'a [u8],
    next: Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    First,
    Further,
    Tail,
    /// The array ended behind a whole element.
    Torn,
    End,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        if matches!(self.next, Next::First | Next::Further) {
            let (text, stop) = self.take_one();
            let lonely = self.next == Next::First && text.is_empty();
            self.next = match stop {
                Stop::Comma => Next::Further,
                Stop::Bracket => Next::Tail,
                Stop::EndOfWhole => Next::Torn,
                Stop::End => Next::End,
            };
            match stop {
                Stop::End => return Some(Element::Torn(text)),
                Stop::Bracket if lonely => {}
                _ => return Some(Element::Text(text)),
            }
        }
        if self.next == Next::Torn {
            self.next = Next::End;
            return Some(Element::Torn(self.rest));
        }
        let tail = trim(self.rest);
        let torn = self.next == Next::Tail && !tail.is_empty();
        self.next = Next::End;
        torn.then_some(Element::Torn(tail))
    }
}

/// What an element ended with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Comma,
    Bracket,
    /// The end of the bytes, behind a whole object: only the array is torn.
    EndOfWhole,
    End,
}

impl<'a> Elements<'a> {
    /// A stretch of an array, with its end or without; `is_first` when it begins the array.
    pub fn stretch(bytes: &'a [u8], is_first: bool) -> Self {
        Elements { rest: bytes, next: if is_first { Next::First } else { Next::Further } }
    }

    /// What was not looked at yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The text up to the next comma or closing bracket of the array, and what stopped it.
    fn take_one(&mut self) -> (&'a [u8], Stop) {
        let bytes = self.rest;
        let mut scan = ElementScan::default();
        if let Some(at) = scan.stop(bytes) {
            self.rest = &bytes[at + 1..];
            let stop = if bytes[at] == b',' { Stop::Comma } else { Stop::Bracket };
            return (trim(&bytes[..at]), stop);
        }
        self.rest = &[];
        let text = trim(bytes);
        let is_whole = scan.is_level() && text.first() == Some(&b'{') && text.ends_with(b"}");
        (text, if is_whole { Stop::EndOfWhole } else { Stop::End })
    }
}

/// Whether the string around byte `at` is a key: after its closing quote comes a colon.
pub fn is_key(text: &[u8], at: usize) -> bool {
    let mut at = at;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => return trim(&text[at + 1..]).first() == Some(&b':'),
            _ => {}
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        elements(text.as_bytes())
            .unwrap()
            .map(|element| match element {
                Element::Text(text) => show(text),
                Element::Torn(text) => format!("torn:{}", show(text)),
            })
            .collect()
    }

    #[test]
    fn an_array_comes_apart() {
        assert_eq!(cut("[]"), [""; 0]);
        assert_eq!(cut(" [ ] \n"), [""; 0]);
        assert_eq!(cut(r#"[{"a":[1,2]}, "x,]\"," , 3]"#), [r#"{"a":[1,2]}"#, r#""x,]\",""#, "3"]);
        assert_eq!(cut("[1,]"), ["1", ""]);
    }

    #[test]
    fn what_is_torn_is_told_apart() {
        assert_eq!(cut("["), ["torn:"]);
        assert_eq!(cut("[1,{"), ["1", "torn:{"]);
        assert_eq!(cut(r#"[{"a":1}, {"b":2} "#), [r#"{"a":1}"#, r#"{"b":2}"#, "torn:"]);
        assert_eq!(cut(r#"[{"a":"}"#), [r#"torn:{"a":"}"#]);
        assert_eq!(cut("[1] x"), ["1", "torn:x"]);
        assert_eq!(cut("[] []"), ["torn:[]"]);
        assert_eq!(cut(r#"["a, 2]"#), [r#"torn:"a, 2]"#]);
        assert!(elements(b"{}").is_none());
    }

    #[test]
    fn keys_are_followed_by_colons() {
        let text = br#"{"k\"ey" : "value"}"#;
        assert!(is_key(text, 3) && !is_key(text, 13) && !is_key(text, 99));
    }

    #[test]
    fn lines_end_at_line_feeds() {
        let lines: Vec<_> = Lines::of(b"a\r\n\nbc").map(trim).collect();
        assert_eq!(lines, [&b"a"[..], b"", b"bc"]);
        assert_eq!(Lines::of(b"a\n").count(), 1);
        assert_eq!(Lines::of(b"").count(), 0);
    }
}
