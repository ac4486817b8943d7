//! Bytes as hexadecimal digits, and back.

/// Two digits a byte, in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// So many bytes, of exactly their digits.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_bytes_and_nothing_else_is() {
        assert_eq!(unhex(&hex(&[0, 10, 255])), Some([0, 10, 255]));
        assert_eq!(unhex("0AfF"), Some([10, 255]));
        for wrong in ["0aff0", "0a", "0agg", "\u{e9}\u{e9}"] {
            assert_eq!(unhex::<2>(wrong), None, "{wrong}");
        }
    }
}
