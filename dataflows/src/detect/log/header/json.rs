//! Lines that are one JSON object, or pairs of `key=value`.

/// Keys under which loggers put the message, the usual first.
const KEYS: [&str; 5] = ["\"msg\":", "\"message\":", "\"MESSAGE\":", "\"log\":", "\"body\":"];

/// The text of the message in a JSON object, its escapes as they are.
pub(super) fn message(line: &str) -> Option<&str> {
    for key in KEYS {
        let Some(at) = line.find(key) else { continue };
        let Some(text) = line[at + key.len()..].trim_start().strip_prefix('"') else { continue };
        let mut escaped = false;
        let end = text.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        return Some(&text[..end]);
    }
    None
}

/// What is behind the time and level of a line of pairs.
pub(super) fn logfmt(line: &str) -> Option<&str> {
    let mut rest = line;
    let mut timed = false;
    while let Some((key, value)) = pair(rest) {
        match key {
            "ts" | "time" | "t" | "timestamp" => timed = true,
            "level" | "lvl" | "severity" | "caller" | "source" | "logger" => {}
            _ => break,
        }
        rest = rest[key.len() + 1 + value..].trim_start();
    }
    timed.then_some(rest)
}

/// The key and the length of the value of a pair that begins here.
fn pair(text: &str) -> Option<(&str, usize)> {
    let at = text.bytes().position(|byte| !byte.is_ascii_lowercase())?;
    if at == 0 || text.as_bytes()[at] != b'=' {
        return None;
    }
    let value = &text[at + 1..];
    let length = match value.strip_prefix('"') {
        Some(quoted) => quoted.find('"')? + 2,
        None => value.find(' ').unwrap_or(value.len()),
    };
    Some((&text[..at], length))
}
