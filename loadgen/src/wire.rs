//! Scenario to bytes, in the formats that senders really use.
//!
//! Written by hand into byte buffers: this side must never be the bottleneck,
//! and it must not share code with the decoders that it tests.

pub mod alertmanager;
pub mod cloudevents;
pub mod native;

/// Appends `text` as the inside of a JSON string.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0..=0x1f => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
}

/// Appends a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// Appends `"key":"value"`.
pub(crate) fn push_pair(out: &mut Vec<u8>, key: &str, value: &str) {
    push_string(out, key);
    out.push(b':');
    push_string(out, value);
}

/// Appends a decimal number.
#[inline]
pub(crate) fn push_number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends `value` with as many decimals as make sense at its size; never negative, always finite.
#[inline]
pub(crate) fn push_value(out: &mut Vec<u8>, value: f32) {
    let value = f64::from(value.max(0.0));
    if value >= 1_000.0 {
        push_number(out, value.round() as u64);
        return;
    }
    let (scale, decimals) = if value >= 10.0 { (10, 1) } else { (1_000, 3) };
    let scaled = (value * f64::from(scale)).round() as u64;
    push_number(out, scaled / u64::from(scale as u32));
    let mut rest = scaled % u64::from(scale as u32);
    if rest != 0 {
        out.push(b'.');
        let mut unit = 10u64.pow(decimals - 1);
        while rest > 0 {
            out.push(b'0' + (rest / unit) as u8);
            rest %= unit;
            unit /= 10;
        }
    }
}

/// Appends an event id: `e-` and nine digits.
#[inline]
pub(crate) fn push_id(out: &mut Vec<u8>, id: u32) {
    let mut text = *b"e-000000000";
    let mut value = id;
    for digit in text[2..].iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&text);
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod number_tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_read_well() {
        for (value, expected) in [
            (0.0, "0"),
            (-3.0, "0"),
            (0.0314, "0.031"),
            (1.5, "1.5"),
            (7.0004, "7"),
            (9.9999, "10"),
            (94.26, "94.3"),
            (99.97, "100"),
            (18_200.4, "18200"),
        ] {
            assert_eq!(text(|out| push_value(out, value)), expected);
        }
    }

    #[test]
    fn strings_are_escaped() {
        let got = text(|out| push_string(out, "a\"b\\c\n\u{1f}é"));
        assert_eq!(got, "\"a\\\"b\\\\c\\u000a\\u001fé\"");
        assert_eq!(serde_json::from_str::<String>(&got).unwrap(), "a\"b\\c\n\u{1f}é");
    }

    #[test]
    fn ids_match_the_labels() {
        for id in [0, 7, 123_456_789] {
            assert_eq!(text(|out| push_id(out, id)), crate::truth::event_id(id));
        }
        assert_eq!(text(|out| push_number(out, u64::MAX)), u64::MAX.to_string());
    }
}
