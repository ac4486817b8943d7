//! What the journal keeps of a delivery: enough to decode it again to the very same events.

use super::chunk::CutLine;
use super::reception::Delivery;
use crate::canonical::{Format, Framing, Kind, Message, Mode, Origin};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A delivery as it was received, and who decoded it when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// A [`Head`], as JSON.
    pub head: Vec<u8>,
    /// The bytes, decompressed.
    pub body: Vec<u8>,
}

/// All of a delivery but its bytes. What is left out is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The name of the source.
    pub source: SmolStr,
    /// Which of its decoders: each remembers what it has read.
    pub decoder: usize,
    /// Where receipt times came from, and the instant.
    pub mode: Mode,
    /// What the bytes are.
    pub format: Format,
    /// How they hold events.
    pub framing: Framing,
    /// Whose they are.
    pub tenant: SmolStr,
    /// Where they came from; of a request, its number.
    pub origin: Origin,
    /// The messages that the bytes are made of, where they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// The number of the first line.
    pub first_line: u64,
    /// Attributes of a CloudEvent in binary mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<(String, String)>>,
    /// Lines that were cut because they were too long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<CutLine>,
    /// Kinds of events that may be in it; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// The key under which it was sent, so that it counts once across a crash as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyUsed>,
}

/// An Idempotency-Key and what it was used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUsed {
    /// The operation.
    pub operation: SmolStr,
    /// The key.
    pub text: SmolStr,
    /// The hash of what was sent, hexadecimal: another body under the key is a mistake.
    pub body: SmolStr,
}

impl KeyUsed {
    /// A key used for a body of that hash.
    pub fn new(operation: &str, text: &SmolStr, body: u128) -> KeyUsed {
        let body = SmolStr::new(format!("{body:032x}"));
        KeyUsed { operation: operation.into(), text: text.clone(), body }
    }

    /// The hash of the body; `None` when the text is none.
    pub fn body_hash(&self) -> Option<u128> {
        u128::from_str_radix(&self.body, 16).ok()
    }
}

impl Head {
    /// When it was received, nanoseconds since the Unix epoch; zero for what has no such time.
    pub fn receipt_ns(&self) -> i64 {
        match self.mode {
            Mode::Live { receipt_ns } | Mode::Followed { receipt_ns } => receipt_ns,
            Mode::Replay | Mode::Rows => 0,
        }
    }

    /// The attributes as a delivery borrows them.
    pub fn header_pairs(&self) -> Option<Vec<(&str, &str)>> {
        let headers = self.headers.as_ref()?.iter();
        Some(headers.map(|(name, value)| (name.as_str(), value.as_str())).collect())
    }

    /// The delivery, with its bytes.
    pub fn delivery<'a>(
        &'a self,
        bytes: &'a [u8],
        headers: Option<&'a [(&'a str, &'a str)]>,
    ) -> Delivery<'a> {
        Delivery {
            bytes,
            format: self.format,
            framing: self.framing,
            headers,
            tenant: &self.tenant,
            origin: Some(&self.origin),
            messages: &self.messages,
            first_line: self.first_line,
            cut: &self.cut,
            kinds: &self.kinds,
            is_resent: true,
            key: self.key.as_ref(),
        }
    }
}

impl Record {
    /// What is kept of `delivery`, read by `decoder` of `source`.
    pub(super) fn of(
        delivery: &Delivery<'_>,
        source: &SmolStr,
        decoder: usize,
        mode: Mode,
        origin: &Origin,
    ) -> Record {
        let owned = |headers: &[(&str, &str)]| {
            headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        let head = Head {
            source: source.clone(),
            decoder,
            mode,
            format: delivery.format,
            framing: delivery.framing,
            tenant: delivery.tenant.clone(),
            origin: origin.clone(),
            messages: delivery.messages.to_vec(),
            first_line: delivery.first_line,
            headers: delivery.headers.map(owned),
            cut: delivery.cut.to_vec(),
            kinds: delivery.kinds.to_vec(),
            key: delivery.key.cloned(),
        };
        let head = serde_json::to_vec(&head).unwrap_or_default();
        Record { head, body: delivery.bytes.to_vec() }
    }
}
