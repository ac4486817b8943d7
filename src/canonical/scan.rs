//! Where the structure of a JSON text is, without a tape.
//!
//! The parser works in two stages: vector instructions find quotes, brackets,
//! colons and commas outside strings, and check UTF-8 and quoting on the way;
//! then a tape is built from those positions, which takes three quarters of
//! the time. A nesting limit of zero stops it between the two. For the lines
//! that come by the million the positions are all we need.

use simd_json::{Buffers, ErrorType, INPUT_PADDING, Tape};

/// Finds the structure of texts one after the other in the same memory.
pub struct Scanner {
    padded: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

/// Longer texts are left to the tape.
const TEXT_BYTES_MAX: usize = 64 << 10;

impl Default for Scanner {
    fn default() -> Self {
        let text_bytes = 4096;
        Scanner {
            padded: vec![b' '; text_bytes + INPUT_PADDING],
            buffers: Buffers::with_max_depth(text_bytes, 0),
            tape: Tape(Vec::new()),
        }
    }
}

impl Scanner {
    /// Bytes that are kept between texts.
    pub(super) fn kept_bytes(&self) -> usize {
        self.padded.capacity() + size_of_val(self.buffers.structural_indexes())
    }

    /// The text and the positions of its structure: of every bracket, colon, comma
    /// and opening quote outside strings, and of the first byte of everything else
    /// that is no white space.
    ///
    /// `None` when the text is not UTF-8, a string in it is not closed or holds a
    /// control character, it begins with neither `{` nor `[`, or it has a
    /// backslash: strings are then not what they look like.
    #[inline]
    pub fn structure<'s, 'a>(&'s mut self, text: &'a [u8]) -> Option<(&'a str, &'s [u32])> {
        if text.len() > TEXT_BYTES_MAX || has_backslash(text) {
            return None;
        }
        let words = std::str::from_utf8(text).ok()?;
        let length = text.len();
        if self.padded.len() < length + INPUT_PADDING {
            self.padded.resize(length + INPUT_PADDING, b' ');
        }
        self.padded[..length].copy_from_slice(text);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let end = length + INPUT_PADDING;
        let padded = &mut self.padded[..end];
        let stopped = simd_json::fill_tape_padded(padded, length, &mut self.buffers, &mut tape);
        let found = match stopped {
            Err(error) => matches!(error.error(), ErrorType::DepthLimitExceeded),
            Ok(()) => false,
        };
        self.tape = tape.reset();
        found.then(|| (words, self.buffers.structural_indexes()))
    }
}

/// Looks at blocks as wholes, so that the compiler can compare many bytes at once.
#[inline]
fn has_backslash(text: &[u8]) -> bool {
    let any = |block: &[u8]| block.iter().fold(false, |found, byte| found | (*byte == b'\\'));
    let (blocks, rest) = text.as_chunks::<64>();
    blocks.iter().fold(false, |found, block| found | any(block)) | any(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(text: &str) -> Option<String> {
        let mut scanner = Scanner::default();
        let (words, positions) = scanner.structure(text.as_bytes())?;
        Some(positions.iter().map(|at| words.as_bytes()[*at as usize] as char).collect())
    }

    #[test]
    fn structure_is_found_outside_strings() {
        assert_eq!(marks(r#"{"a":"x,y", "b" : [1,true]}"#).as_deref(), Some(r#"{":",":[1,t]}"#));
        assert_eq!(marks(r#"{"a" x}"#).as_deref(), Some(r#"{"x}"#));
        assert_eq!(marks("{").as_deref(), Some("{"));
        let long = format!(r#"{{"a":"{}"}}"#, "é,".repeat(500));
        assert_eq!(marks(&long).as_deref(), Some(r#"{":"}"#));
    }

    #[test]
    fn what_has_no_structure() {
        for text in ["", " ", "7", r#""a""#, r#"{"a"#, r#"{"a\"":1}"#, "{\"a\nb\":1}"] {
            assert_eq!(marks(text), None, "{text}");
        }
        assert!(Scanner::default().structure(b"{\"a\":\"\xff\"}").is_none());
    }
}
