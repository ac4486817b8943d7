//! What fields look like.

/// A name of a logger or program, or a thread, at most.
pub(super) const NAME_BYTES_MAX: usize = 320;

/// Whether `token` can stand before a timestamp: a dash, a number, a host, a file, a label.
pub(super) fn is_label(token: &[u8]) -> bool {
    if token == b"-" {
        return true;
    }
    let named = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(*byte, b'-' | b'_' | b'.' | b':' | b'/')
    };
    let closed = token.last().is_none_or(|byte| matches!(byte, b':' | b'.' | b','));
    let capitals = token.iter().all(|byte| !byte.is_ascii_lowercase());
    let digits = token.iter().any(u8::is_ascii_digit);
    !closed && token.iter().all(named) && (capitals || digits)
}

/// Whether `token` is a field rather than a word of a sentence.
pub(super) fn is_field(token: &[u8]) -> bool {
    let digits = token.iter().any(u8::is_ascii_digit) && token.last() != Some(&b':');
    let capitals = token.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    let bracketed = matches!(token, [b'[', .., b']'] | [b'(', .., b')']);
    let dotted = is_name(token) && token.contains(&b'.');
    digits || capitals || bracketed || dotted || token == b"-"
}

/// Whether `token` is the name of a logger, a program or a host.
pub(super) fn is_name(token: &[u8]) -> bool {
    let inside = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(*byte, b'_' | b'.' | b'$' | b'-' | b'/' | b'@' | b'#' | b'<' | b'>' | b'*')
    };
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || matches!(*byte, b'/' | b'_');
    token.first().is_some_and(begins)
        && token.len() <= NAME_BYTES_MAX
        && token.iter().all(inside)
        && token.last() != Some(&b'.')
}

/// Words with a colon that are the beginning of a message.
const SPOKEN: [&[u8]; 10] = [
    b"error",
    b"warning",
    b"failed",
    b"failure",
    b"exception",
    b"note",
    b"notice",
    b"caution",
    b"info",
    b"fatal",
];

/// Whether `name`, which has a colon behind it, is a logger's.
pub(super) fn is_logger(name: &[u8]) -> bool {
    is_name(name) && !SPOKEN.iter().any(|spoken| spoken.eq_ignore_ascii_case(name))
}
