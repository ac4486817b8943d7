//! JSON as a tape: parsed once, looked at in place, its memory used again.
//!
//! A [`Reader`] copies each text into its own padded buffer, because the parser
//! unescapes strings in place and reads past the end: what the caller gave
//! stays as it was, for hashes and dead letters. A [`Json`] is one value of
//! the tape.

use causeway_dataflows::model::push_part;
use simd_json::{Buffers, Error, ErrorType, INPUT_PADDING, Node, StaticNode, Tape};
use xxhash_rust::xxh3::xxh3_128;

/// Why a text is not JSON that we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It breaks JSON's grammar near this byte.
    Grammar(usize),
    /// It has a number that no 64 bits hold, or one of the words that are none, near this byte.
    Number(usize),
    /// It is not UTF-8 from this byte on.
    Utf8(usize),
    /// It nests deeper than allowed.
    Depth,
}

/// A longer text's memory is given back: its tape can take 24 times its length.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// Parses texts one after the other into the same memory.
pub struct Reader {
    depth_max: usize,
    padded: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

impl Reader {
    /// A reader that refuses texts nested deeper than `depth_max`.
    pub fn new(depth_max: usize) -> Self {
        let text_bytes = 4096;
        Reader {
            depth_max,
            padded: vec![b' '; text_bytes + INPUT_PADDING],
            buffers: Buffers::with_max_depth(text_bytes, depth_max),
            tape: Tape(Vec::with_capacity(256)),
        }
    }

    /// Bytes that are kept between texts, without the parser's own buffers, which grow
    /// with these.
    pub(super) fn kept_bytes(&self) -> usize {
        self.padded.capacity() + self.tape.0.capacity() * size_of::<Node<'static>>()
    }

    /// Parses `text` and hands its root to `then`.
    ///
    /// # Errors
    /// When `text` is not one JSON value.
    #[inline]
    pub fn parse<R>(
        &mut self,
        text: &[u8],
        then: impl for<'t, 'i> FnOnce(Json<'t, 'i>) -> R,
    ) -> Result<R, Fault> {
        let length = text.len();
        if self.padded.len() < length + INPUT_PADDING {
            self.padded.resize(length + INPUT_PADDING, b' ');
        }
        self.padded[..length].copy_from_slice(text);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(
            &mut self.padded[..length + INPUT_PADDING],
            length,
            &mut self.buffers,
            &mut tape,
        );
        let answer = match parsed {
            Ok(()) if !tape.0.is_empty() => Ok(then(Json(&tape.0))),
            Ok(()) => Err(Fault::Grammar(0)),
            Err(error) => Err(fault_of(&error, text)),
        };
        self.tape = tape.reset();
        if length > KEPT_BYTES_MAX {
            *self = Reader::new(self.depth_max);
        }
        answer
    }
}

#[cold]
fn fault_of(error: &Error, text: &[u8]) -> Fault {
    let at = error.index().min(text.len());
    match error.error() {
        ErrorType::InvalidUtf8 => {
            let valid = std::str::from_utf8(text).map_or_else(|e| e.valid_up_to(), |_| at);
            Fault::Utf8(valid)
        }
        ErrorType::DepthLimitExceeded => Fault::Depth,
        ErrorType::InvalidNumber => Fault::Number(at),
        _ => match text.get(at) {
            Some(b'N' | b'I' | b'n' | b'i') => Fault::Number(at),
            _ => Fault::Grammar(at),
        },
    }
}

/// One value of a parsed text; the slice begins at its node and may go on behind it.
#[derive(Clone, Copy, Debug)]
pub struct Json<'t, 'i>(&'t [Node<'i>]);

impl<'t, 'i> Json<'t, 'i> {
    /// The value that begins at `nodes`.
    #[inline]
    pub(super) fn at(nodes: &'t [Node<'i>]) -> Self {
        Json(nodes)
    }

    /// The nodes from this value on.
    #[inline]
    pub(super) fn nodes(self) -> &'t [Node<'i>] {
        self.0
    }

    /// How many nodes the value takes, itself included.
    #[inline]
    pub(super) fn size(self) -> usize {
        match self.0.first() {
            Some(Node::Object { count, .. } | Node::Array { count, .. }) => count + 1,
            _ => 1,
        }
    }

    /// The text, if it is a string.
    #[inline]
    pub fn str(self) -> Option<&'i str> {
        match self.0.first() {
            Some(Node::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The integer it is: as a number, or as a number without a fraction.
    pub fn int(self) -> Option<i64> {
        match self.0.first() {
            Some(Node::Static(StaticNode::I64(number))) => Some(*number),
            Some(Node::Static(StaticNode::U64(number))) => i64::try_from(*number).ok(),
            Some(Node::Static(StaticNode::F64(number))) => {
                // Below 2^63 the conversion is exact; a NaN fails the comparison.
                let whole = number.fract() == 0.0 && number.abs() < 9.2e18;
                whole.then_some(*number as i64)
            }
            _ => None,
        }
    }

    /// The number it is.
    pub fn float(self) -> Option<f64> {
        match self.0.first() {
            Some(Node::Static(StaticNode::I64(number))) => Some(*number as f64),
            Some(Node::Static(StaticNode::U64(number))) => Some(*number as f64),
            Some(Node::Static(StaticNode::F64(number))) => Some(*number),
            _ => None,
        }
    }

    /// The truth value it is.
    pub fn bool(self) -> Option<bool> {
        match self.0.first() {
            Some(Node::Static(StaticNode::Bool(truth))) => Some(*truth),
            _ => None,
        }
    }

    /// Whether it is `null`.
    #[inline]
    pub fn is_null(self) -> bool {
        matches!(self.0.first(), Some(Node::Static(StaticNode::Null)) | None)
    }

    /// Whether it is an object.
    #[inline]
    pub fn is_object(self) -> bool {
        matches!(self.0.first(), Some(Node::Object { .. }))
    }

    /// Whether it is an array.
    #[inline]
    pub fn is_array(self) -> bool {
        matches!(self.0.first(), Some(Node::Array { .. }))
    }

    /// Keys of the object or elements of the array; zero for everything else.
    #[inline]
    pub fn len(self) -> usize {
        match self.0.first() {
            Some(Node::Object { len, .. } | Node::Array { len, .. }) => *len,
            _ => 0,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The object's keys and values in the order of the text; nothing for everything else.
    #[inline]
    pub fn members(self) -> Members<'t, 'i> {
        match self.0 {
            [Node::Object { count, .. }, rest @ ..] => Members(&rest[..*count]),
            _ => Members(&[]),
        }
    }

    /// The array's elements; nothing for everything else.
    pub fn elements(self) -> Elements<'t, 'i> {
        match self.0 {
            [Node::Array { count, .. }, rest @ ..] => Elements(&rest[..*count]),
            _ => Elements(&[]),
        }
    }

    /// The value under `key`; of several the last, and `null` is no value.
    pub fn get(self, key: &str) -> Option<Json<'t, 'i>> {
        let found = self.members().filter(|(name, _)| *name == key).last()?;
        (!found.1.is_null()).then_some(found.1)
    }

    /// The text under `key`, unless it is empty.
    pub fn text(self, key: &str) -> Option<&'i str> {
        self.get(key)?.str().filter(|text| !text.is_empty())
    }

    /// A hash of the value that does not depend on white space.
    pub fn digest(self, scratch: &mut Vec<u8>) -> u128 {
        scratch.clear();
        for node in &self.0[..self.size()] {
            match node {
                Node::String(text) => {
                    scratch.push(1);
                    push_part(scratch, text.as_bytes());
                }
                Node::Object { len, .. } => {
                    scratch.push(2);
                    scratch.extend_from_slice(&(*len as u32).to_le_bytes());
                }
                Node::Array { len, .. } => {
                    scratch.push(3);
                    scratch.extend_from_slice(&(*len as u32).to_le_bytes());
                }
                Node::Static(StaticNode::I64(number)) => {
                    scratch.push(4);
                    scratch.extend_from_slice(&number.to_le_bytes());
                }
                Node::Static(StaticNode::U64(number)) => {
                    scratch.push(5);
                    scratch.extend_from_slice(&number.to_le_bytes());
                }
                Node::Static(StaticNode::F64(number)) => {
                    scratch.push(6);
                    scratch.extend_from_slice(&number.to_bits().to_le_bytes());
                }
                Node::Static(StaticNode::Bool(truth)) => scratch.extend([7, u8::from(*truth)]),
                Node::Static(StaticNode::Null) => scratch.push(8),
            }
        }
        xxh3_128(scratch)
    }

    /// The same value for serde; of equal keys the last holds.
    pub fn to_value(self) -> serde_json::Value {
        use serde_json::Value;
        match self.0.first() {
            None | Some(Node::Static(StaticNode::Null)) => Value::Null,
            Some(Node::String(text)) => Value::from(*text),
            Some(Node::Static(StaticNode::Bool(truth))) => Value::from(*truth),
            Some(Node::Static(StaticNode::I64(number))) => Value::from(*number),
            Some(Node::Static(StaticNode::U64(number))) => Value::from(*number),
            Some(Node::Static(StaticNode::F64(number))) => Value::from(*number),
            Some(Node::Object { .. }) => {
                let pairs = self.members().map(|(key, value)| (key.to_owned(), value.to_value()));
                Value::Object(pairs.collect())
            }
            Some(Node::Array { .. }) => self.elements().map(Json::to_value).collect(),
        }
    }
}

/// Iterator over an object's keys and values.
pub struct Members<'t, 'i>(&'t [Node<'i>]);

impl<'t, 'i> Iterator for Members<'t, 'i> {
    type Item = (&'i str, Json<'t, 'i>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let [Node::String(key), rest @ ..] = self.0 else { return None };
        let value = Json(rest);
        self.0 = rest.get(value.size()..).unwrap_or(&[]);
        Some((key, value))
    }
}

/// Iterator over an array's elements.
pub struct Elements<'t, 'i>(&'t [Node<'i>]);

impl<'t, 'i> Iterator for Elements<'t, 'i> {
    type Item = Json<'t, 'i>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let value = Json(self.0);
        self.0 = self.0.get(value.size()..).unwrap_or(&[]);
        Some(value)
    }
}
