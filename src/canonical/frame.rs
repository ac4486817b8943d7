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
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !blank(byte)).map_or(start, |at| at + 1);
    &bytes[start..end]
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

/// An element of an array, or what stands where the array should have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// The text between two commas; empty where there is nothing between them.
    Text(&'a [u8]),
    /// The array was not closed, or something follows it.
    Torn(&'a [u8]),
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
    End,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        if matches!(self.next, Next::First | Next::Further) {
            let (text, stop) = self.take_one();
            let lonely = self.next == Next::First && text.is_empty();
            self.next = match stop {
                Some(b',') => Next::Further,
                Some(_) => Next::Tail,
                None => Next::End,
            };
            match stop {
                None => return Some(Element::Torn(text)),
                Some(b']') if lonely => {}
                Some(_) => return Some(Element::Text(text)),
            }
        }
        let tail = trim(self.rest);
        let torn = self.next == Next::Tail && !tail.is_empty();
        self.next = Next::End;
        torn.then_some(Element::Torn(tail))
    }
}

impl<'a> Elements<'a> {
    /// The text up to the next comma or closing bracket of the array, and which of the two it was.
    fn take_one(&mut self) -> (&'a [u8], Option<u8>) {
        let (mut depth, mut quoted, mut at) = (0u32, false, 0);
        let bytes = self.rest;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'[' | b'{' => depth += 1,
                b']' | b',' if depth == 0 => {
                    self.rest = &bytes[at + 1..];
                    return (trim(&bytes[..at]), Some(byte));
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        self.rest = &[];
        (trim(bytes), None)
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
