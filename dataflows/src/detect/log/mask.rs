//! Takes the parameters out of a message in one pass over its bytes.
//!
//! Numbers, hexadecimal, addresses with and without port, hardware addresses, UUIDs, paths,
//! URLs, host names, dates, times, sizes and ids that mix letters with digits become one
//! [`WILD`] byte each; runs of them with only list separators between become one, so that a
//! list of any length gives one key. What is left is the key that a template is looked up by.

#[cfg(test)]
mod tests;
mod word;

use word::{Verdict, Word};

/// Stands for a parameter in a key; no text holds it, control bytes of input become spaces.
pub const WILD: u8 = 1;

/// Messages are cut here; what is behind does not tell two templates apart any more.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// A message without its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Masked<'a> {
    /// Literal bytes with [`WILD`] for parameters, white space as single spaces.
    pub key: &'a [u8],
    /// Tells apart how long the lists were that became one [`WILD`]; 0 when there was none.
    pub shape: u64,
    /// Whether the message was longer than [`MESSAGE_BYTES_MAX`].
    pub cut: bool,
}

/// Masks messages; keeps its buffer from one to the next.
#[derive(Clone, Debug, Default)]
pub struct Masker {
    key: Vec<u8>,
    shape: u64,
    /// Where the key goes on after the last wild, while only separators of lists follow it.
    run: Option<usize>,
    /// A space is due before what comes next.
    space: bool,
    /// Whether lists stay as they are.
    whole: bool,
}

/// What a byte is to the masker.
mod class {
    pub(super) const LETTER: u8 = 1;
    pub(super) const DIGIT: u8 = 2;
    /// Holds parts of a word together.
    pub(super) const JOINT: u8 = 4;
    pub(super) const SPACE: u8 = 8;
    /// Stands between the entries of a list.
    pub(super) const LIST: u8 = 16;
    pub(super) const WORD: u8 = LETTER | DIGIT | JOINT;

    pub(super) const OF: [u8; 256] = {
        let mut of = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            of[byte] = match byte as u8 {
                b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => LETTER,
                b'0'..=b'9' => DIGIT,
                b'.' | b'_' | b'-' | b'/' | b'\\' | b'~' | b'$' | b'%' => JOINT,
                0..=b' ' | 0x7f => SPACE,
                b',' | b';' | b':' | b'|' | b'#' | b'+' | b'&' => LIST,
                _ => 0,
            };
            byte += 1;
        }
        of
    };
}

pub(super) fn class_of(byte: u8) -> u8 {
    class::OF[byte as usize]
}

pub(super) fn is_word(byte: u8) -> bool {
    class_of(byte) & class::WORD != 0
}

impl Masker {
    /// The key of `message`, its lists folded.
    pub fn mask(&mut self, message: &str) -> Masked<'_> {
        self.pass(message, false)
    }

    /// The same with lists as long as they are, for people.
    pub fn mask_whole(&mut self, message: &str) -> Masked<'_> {
        self.pass(message, true)
    }

    fn pass(&mut self, message: &str, whole: bool) -> Masked<'_> {
        self.key.clear();
        (self.shape, self.run, self.space, self.whole) = (0, None, false, whole);
        let cut = message.len() > MESSAGE_BYTES_MAX;
        let end = if cut { message.floor_char_boundary(MESSAGE_BYTES_MAX) } else { message.len() };
        let bytes = &message.as_bytes()[..end];
        let mut at = 0;
        while at < bytes.len() {
            at = self.step(bytes, at);
        }
        Masked { key: &self.key, shape: self.shape, cut }
    }

    /// Takes what begins at `at`, and says where the next thing does.
    fn step(&mut self, bytes: &[u8], at: usize) -> usize {
        let byte = bytes[at];
        let class = class_of(byte);
        if class & class::WORD != 0 {
            return self.word(bytes, at);
        }
        if class == class::SPACE {
            self.space = !self.key.is_empty();
            return at + 1;
        }
        if byte == b'<'
            && let Some(end) = word::under(bytes, at)
        {
            self.wild();
            return end;
        }
        if byte == b':'
            && (at == 0 || !is_word(bytes[at - 1]))
            && let Some(end) = word::short_address(bytes, at)
        {
            self.wild();
            return end;
        }
        if byte == b'+' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
            return at + 1;
        }
        self.punctuation(byte, class);
        if self.opens_nothing(bytes, at) {
            self.wild();
        }
        at + 1
    }

    /// Whether the bracket or quote at `at` closes at once, where a parameter can be empty.
    fn opens_nothing(&self, bytes: &[u8], at: usize) -> bool {
        let close = match bytes[at] {
            b'(' => b')',
            b'[' => b']',
            quote @ (b'"' | b'\'') => quote,
            _ => return false,
        };
        let free = at > 0 && matches!(bytes[at - 1], b' ' | b'=');
        free && bytes.get(at + 1) == Some(&close)
    }

    fn word(&mut self, bytes: &[u8], at: usize) -> usize {
        // Most words are letters alone.
        let mut end = at;
        while end < bytes.len() && class_of(bytes[end]) == class::LETTER {
            end += 1;
        }
        let next = bytes.get(end).copied().unwrap_or(b' ');
        if end > at && !is_word(next) && next != b':' {
            if let Some(end) = word::date(bytes, at, end) {
                self.wild();
                return end;
            }
            if end - at >= 8 && bytes[at..end].iter().all(u8::is_ascii_hexdigit) {
                self.wild();
                return end;
            }
            self.literal(&bytes[at..end]);
            return end;
        }
        let word = Word::scan(bytes, at);
        match word.verdict(bytes) {
            Verdict::Literal => self.literal(&bytes[at..word.end]),
            Verdict::Wild => {
                self.wild();
                return word::unit(bytes, word.end);
            }
            Verdict::Tail(tail) => self.tail(&bytes[at..tail]),
        }
        word.end
    }

    /// A name with its number; one more of the same in a list is folded as numbers are.
    fn tail(&mut self, name: &[u8]) {
        let listed = self.run.filter(|run| {
            let before = &self.key[..run - 1];
            !self.whole && *run > name.len() && before.ends_with(name) && {
                let start = before.len() - name.len();
                start == 0 || !is_word(before[start - 1])
            }
        });
        if listed.is_none() {
            self.literal(name);
        }
        self.wild();
    }

    fn gap(&mut self) {
        if self.space {
            self.key.push(b' ');
            self.space = false;
        }
    }

    fn literal(&mut self, text: &[u8]) {
        self.gap();
        self.key.extend_from_slice(text);
        self.run = None;
    }

    fn punctuation(&mut self, byte: u8, class: u8) {
        self.gap();
        self.key.push(byte);
        if class != class::LIST {
            self.run = None;
        }
    }

    fn wild(&mut self) {
        self.gap();
        if let Some(start) = self.run
            && !self.whole
        {
            for byte in &self.key[start..] {
                let mixed = self.shape ^ u64::from(*byte);
                self.shape = mixed.rotate_left(5).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            }
            let place = self.shape ^ start as u64;
            self.shape = place.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            self.key.truncate(start);
        } else if self.key.last() != Some(&WILD) {
            self.key.push(WILD);
        }
        self.run = Some(self.key.len());
    }
}
