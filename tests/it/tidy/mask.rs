//! Tells code from comments and literals, so that a word in a string is not taken for code.

/// Two views of a Rust source, each with its length and line breaks.
pub(super) struct Masked {
    /// Comments and the insides of strings and characters are blanks.
    pub(super) code: String,
    /// All but comments is blanks.
    pub(super) comments: String,
}

/// What a stretch of source is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Splits `source` into its code and its comments.
pub(super) fn mask(source: &str) -> Masked {
    let bytes = source.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut comments = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (kind, end) = stretch(bytes, at);
        for &byte in &bytes[at..end] {
            let blank = if byte == b'\n' { b'\n' } else { b' ' };
            code.push(if kind == Kind::Code { byte } else { blank });
            comments.push(if kind == Kind::Comment { byte } else { blank });
        }
        at = end;
    }
    let text = |bytes| String::from_utf8(bytes).expect("only whole stretches are blanked");
    Masked { code: text(code), comments: text(comments) }
}

/// The kind of what begins at `at`, and where it ends; code comes byte by byte.
fn stretch(bytes: &[u8], at: usize) -> (Kind, usize) {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        return (Kind::Comment, at + length);
    }
    if rest.starts_with(b"/*") {
        return (Kind::Comment, at + block_comment(rest));
    }
    let in_word = at > 0 && is_word(bytes[at - 1]);
    if rest[0] == b'r'
        && (!in_word || is_literal_prefix(bytes, at))
        && let Some(length) = raw_string(rest)
    {
        return (Kind::Literal, at + length);
    }
    match rest[0] {
        b'"' => (Kind::Literal, at + quoted(rest, b'"')),
        b'\'' => match character(rest) {
            Some(length) => (Kind::Literal, at + length),
            None => (Kind::Code, at + 1),
        },
        _ => (Kind::Code, at + 1),
    }
}

/// Whether the `r` at `at` follows the `b` or `c` of a byte or C string.
fn is_literal_prefix(bytes: &[u8], at: usize) -> bool {
    matches!(bytes[at - 1], b'b' | b'c') && (at < 2 || !is_word(bytes[at - 2]))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of the raw string that begins here, if one does; `r#name` is none.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    let open = 1 + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let inside = &rest[open + 1..];
    let found = inside.windows(close.len()).position(|window| window == close);
    Some(found.map_or(rest.len(), |length| open + 1 + length + close.len()))
}

/// The length of a literal with escapes, both quotes included.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a character literal; `None` for a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return Some(quoted(rest, b'\''));
    }
    let first = *rest.get(1)?;
    let length = match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    (rest.get(1 + length) == Some(&b'\'')).then_some(length + 2)
}

#[test]
fn code_comments_and_literals_are_told_apart() {
    let check = |source: &str, code: &str, comments: &str| {
        let masked = mask(source);
        assert_eq!(masked.code.split_whitespace().collect::<Vec<_>>().join(" "), code, "{source}");
        let words = masked.comments.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words, comments, "{source}");
        assert_eq!(masked.code.len(), source.len());
        assert_eq!(masked.code.matches('\n').count(), source.matches('\n').count());
    };
    check("let a = 1; // b \"c\"\nd", "let a = 1; d", "// b \"c\"");
    check("a /* b /* c */ d */ e", "a e", "/* b /* c */ d */");
    check("a(\"// \\\" b\") c", "a( ) c", "");
    check("a(r#\"b \" // c\"#) d", "a( ) d", "");
    check("a(br\"b\\\") d", "a(b ) d", "");
    check("r#type r\"x\" for\"y\"", "r#type for", "");
    check("<'a> 'b' '\\'' '\"' '/' 'ä' \"x\" &'static c", "<'a> &'static c", "");
    check("// Grüße\na", "a", "// Grüße");
}
