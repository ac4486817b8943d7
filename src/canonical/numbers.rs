//! Numbers that JSON cannot hold, made into what it can.

/// A text whose numbers are all JSON's.
pub struct Repaired {
    /// The text.
    pub text: Vec<u8>,
    /// Values that became `null` because they are no finite number.
    pub dropped: u32,
}

/// Replaces `NaN`, `Infinity` and numbers beyond the range of a double by
/// `null`, and integers beyond 64 bits by the nearest double. `None` when there
/// was nothing of the kind, so that the text is broken otherwise.
pub fn repair(text: &[u8]) -> Option<Repaired> {
    let mut repaired = Repaired { text: Vec::with_capacity(text.len() + 16), dropped: 0 };
    let (mut at, mut changed) = (0, false);
    while let Some(&byte) = text.get(at) {
        let end = match byte {
            b'"' => string_end(text, at),
            byte if is_token(byte) => token_end(text, at),
            _ => at + 1,
        };
        let piece = &text[at..end];
        match if is_token(byte) { replacement(piece) } else { None } {
            Some(Replacement::Null) => {
                repaired.dropped += 1;
                changed = true;
                repaired.text.extend_from_slice(b"null");
            }
            Some(Replacement::Number(number)) => {
                changed = true;
                repaired.text.extend_from_slice(number.as_bytes());
            }
            None => repaired.text.extend_from_slice(piece),
        }
        at = end;
    }
    changed.then_some(repaired)
}

enum Replacement {
    Null,
    Number(String),
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

fn token_end(text: &[u8], at: usize) -> usize {
    text[at..].iter().position(|byte| !is_token(*byte)).map_or(text.len(), |length| at + length)
}

fn string_end(text: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(&byte) = text.get(end) {
        end += 1;
        match byte {
            b'\\' => end += 1,
            b'"' => return end,
            _ => {}
        }
    }
    text.len()
}

fn replacement(token: &[u8]) -> Option<Replacement> {
    let text = std::str::from_utf8(token).ok()?;
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    if ["nan", "inf", "infinity"].iter().any(|word| bare.eq_ignore_ascii_case(word)) {
        return Some(Replacement::Null);
    }
    // Rust reads a superset of JSON's numbers; what begins otherwise is left as it is.
    if text.starts_with('+') || !bare.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    if !number.is_finite() {
        return Some(Replacement::Null);
    }
    let integer = bare.bytes().all(|byte| byte.is_ascii_digit());
    let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    (integer && !fits).then(|| Replacement::Number(format!("{number:e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<(String, u32)> {
        let repaired = repair(text.as_bytes())?;
        Some((String::from_utf8(repaired.text).unwrap(), repaired.dropped))
    }

    #[test]
    fn what_is_no_finite_number_becomes_null() {
        let text = r#"{"a":NaN,"b":[-Infinity,1e999,-1e999],"c":"NaN \" 1e999","d":nan}"#;
        let expected = r#"{"a":null,"b":[null,null,null],"c":"NaN \" 1e999","d":null}"#;
        assert_eq!(shown(text), Some((expected.to_owned(), 5)));
    }

    #[test]
    fn large_integers_become_doubles() {
        let text = r#"{"a":123456789012345678901234567890,"b":18446744073709551615}"#;
        let expected = r#"{"a":1.2345678901234568e29,"b":18446744073709551615}"#;
        assert_eq!(shown(text), Some((expected.to_owned(), 0)));
    }

    #[test]
    fn other_breakage_is_not_touched() {
        for text in [r#"{"a":01x}"#, r#"{"a":1}"#, r#"{"a":nope}"#, "\"unclosed NaN", "{\"a\":+1}"]
        {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
