//! Messages of one partition, copied side by side until they are worth a call of the decoder.

use crate::canonical::{Format, Message};
use rdkafka::message::{BorrowedMessage, Headers, Message as _};
use std::collections::BTreeMap;

/// Bytes of a batch, unless one message is larger: as for a chunk of a file.
const BYTES_MAX: usize = 1 << 20;
/// Messages of a batch; what is kept of each is about as much as a small message.
const MESSAGES_MAX: usize = 8_192;

/// Header of Kafka's binding of CloudEvents that says which version it is.
const VERSION_HEADER: &str = "ce_specversion";

/// How headers of a message are read.
#[derive(Clone, Debug)]
pub(super) struct HeaderRules {
    /// Headers that become labels, with the labels' names.
    pub(super) labels: BTreeMap<String, String>,
    /// Whether CloudEvents in binary mode may come.
    pub(super) binary: bool,
}

impl HeaderRules {
    pub(super) fn new(labels: BTreeMap<String, String>, format: Format) -> HeaderRules {
        let binary = !format.is_mixed();
        HeaderRules { labels, binary }
    }
}

/// Messages in order, ready for the decoder.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) messages: Vec<Message>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether it is to be handed on before more comes.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BYTES_MAX || self.messages.len() >= MESSAGES_MAX
    }

    /// The offset of the first message.
    pub(super) fn first(&self) -> Option<u64> {
        self.messages.first().map(|message| message.offset)
    }

    /// The offset behind the last message.
    pub(super) fn next(&self) -> Option<u64> {
        self.messages.last().map(|message| message.offset + 1)
    }

    pub(super) fn push(&mut self, message: &BorrowedMessage<'_>, rules: &HeaderRules) {
        let payload = message.payload().unwrap_or_default();
        self.bytes.extend_from_slice(payload);
        let mut taken = Message {
            bytes: u32::try_from(payload.len()).unwrap_or(u32::MAX),
            offset: u64::try_from(message.offset()).unwrap_or(0),
            stamp_ms: message.timestamp().to_millis(),
            ..Message::default()
        };
        if let Some(headers) = message.headers() {
            let pairs: Vec<(&str, &str)> = headers.iter().filter_map(text).collect();
            if rules.binary {
                taken.attributes = attributes(&pairs);
            }
            taken.labels = labels(&pairs, rules);
        }
        self.messages.push(taken);
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.messages.clear();
        // One huge message is no reason to hold its room for ever.
        self.bytes.shrink_to(2 * BYTES_MAX);
    }
}

/// A header whose value is text, as those of CloudEvents are.
fn text<'a>(header: rdkafka::message::Header<'a, &'a [u8]>) -> Option<(&'a str, &'a str)> {
    Some((header.key, std::str::from_utf8(header.value?).ok()?))
}

/// The attributes of a CloudEvent in binary mode, named as HTTP names them; none when it is
/// not one. An envelope in the value wins, because then the headers are copies at best.
fn attributes(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let value = |wanted: &str| headers.iter().rfind(|(name, _)| *name == wanted);
    let structured = value("content-type").is_some_and(|(_, kind)| {
        kind.trim_start().to_ascii_lowercase().starts_with("application/cloudevents")
    });
    if structured || value(VERSION_HEADER).is_none() {
        return Vec::new();
    }
    let attribute = |(name, value): &(&str, &str)| {
        let name = name.strip_prefix("ce_")?;
        // The decoder reads them as HTTP's, where a percent sign begins an escape.
        Some((format!("ce-{name}"), value.replace('%', "%25")))
    };
    headers.iter().filter_map(attribute).collect()
}

/// Labels in the order of their headers' names, so that equal headers make equal labels.
fn labels(headers: &[(&str, &str)], rules: &HeaderRules) -> Vec<(String, String)> {
    let found = |(header, label): (&String, &String)| {
        let (_, value) = headers.iter().rfind(|(name, _)| *name == header.as_str())?;
        (!value.is_empty()).then(|| (label.clone(), (*value).to_owned()))
    };
    rules.labels.iter().filter_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_mode_is_told_by_its_headers() {
        let binary = [("ce_specversion", "1.0"), ("ce_id", "50%"), ("x", "y")];
        let expected = [("ce-specversion", "1.0"), ("ce-id", "50%25")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(attributes(&binary), expected);
        assert_eq!(attributes(&[("ce_id", "a")]), []);
        let kind = "Application/CloudEvents+json; charset=utf-8";
        assert_eq!(attributes(&[("content-type", kind), ("ce_specversion", "1.0")]), []);
    }

    #[test]
    fn headers_become_labels_as_configured() {
        let rules = HeaderRules::new(
            BTreeMap::from([("x-env".into(), "env".into()), ("x-none".into(), "none".into())]),
            Format::Native,
        );
        let found = labels(&[("x-env", "old"), ("x-env", "prod"), ("x-none", "")], &rules);
        assert_eq!(found, [("env".to_owned(), "prod".to_owned())]);
    }
}
