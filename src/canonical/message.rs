//! Messages of a log such as Kafka's: several in one call, each with a position of its own.

use super::reject::Origin;
use super::{Decoded, Decoder, Format, Framing, Input, cloudevents};
use serde::{Deserialize, Serialize};

/// One message: a part of the bytes of a call, and what came beside it.
///
/// The names in the journal are short, because there is one of these for each message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// How many of the bytes are its own.
    #[serde(rename = "n")]
    pub bytes: u32,
    /// Its position in the partition.
    #[serde(rename = "o")]
    pub offset: u64,
    /// Its own timestamp, milliseconds since the Unix epoch.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub stamp_ms: Option<i64>,
    /// Attributes of a CloudEvent in binary mode, named `ce-…`.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, String)>,
    /// Labels for the alerts in it that do not have them.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
}

impl Decoder {
    /// Decodes messages that lie in `bytes` one behind the other, each a complete body.
    ///
    /// What an event becomes depends on its message alone and not on those beside it, so it
    /// makes no difference how many are taken at a time.
    pub fn decode_messages(
        &mut self,
        bytes: &[u8],
        messages: &[Message],
        input: &Input<'_>,
    ) -> Decoded {
        self.intake.begin(input.tenant, input.mode, input.origin);
        let mut rest = bytes;
        for message in messages {
            let (body, behind) = rest.split_at((message.bytes as usize).min(rest.len()));
            rest = behind;
            let origin = Origin { offset: Some(message.offset), ..input.origin.clone() };
            self.intake.begin_message(message, origin);
            self.message(input.format, message, body);
        }
        self.intake.end_messages();
        self.intake.set_lines(messages.len() as u64);
        self.intake.finish()
    }

    fn message(&mut self, format: Format, message: &Message, body: &[u8]) {
        if !message.attributes.is_empty() {
            let headers: Vec<(&str, &str)> = message
                .attributes
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            cloudevents::binary(&mut self.intake, &mut self.reader, &headers, body, 1);
            return;
        }
        self.whole(format, Framing::Body, body, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::{Mode, Source};
    use smol_str::SmolStr;
    use std::sync::Arc;

    const RECEIPT_NS: i64 = 1_795_417_200_000_000_000;

    fn message(offset: u64, body: &str, labels: &[(&str, &str)]) -> (Message, String) {
        let owned = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
        let message = Message {
            bytes: body.len() as u32,
            offset,
            stamp_ms: Some(1_795_417_100_000 + offset as i64),
            attributes: Vec::new(),
            labels: labels.iter().map(owned).collect(),
        };
        (message, body.to_owned())
    }

    /// Every event and reject of the messages, decoded so many at a time.
    fn decoded(messages: &[(Message, String)], at_a_time: usize) -> Vec<String> {
        let mut decoder = Decoder::new(Arc::new(Source::named("orders")), 1, None);
        let origin = Origin { partition: Some("t/0".into()), ..Origin::default() };
        let tenant = SmolStr::new("default");
        let input = Input {
            format: Format::Native,
            framing: Framing::Body,
            tenant: &tenant,
            mode: Mode::Followed { receipt_ns: RECEIPT_NS },
            origin: &origin,
            first_line: 1,
        };
        let mut found = Vec::new();
        for group in messages.chunks(at_a_time) {
            let bytes: String = group.iter().map(|(_, body)| body.as_str()).collect();
            let heads: Vec<Message> = group.iter().map(|(head, _)| head.clone()).collect();
            let decoded = decoder.decode_messages(bytes.as_bytes(), &heads, &input);
            for batch in decoded.segments.iter().flat_map(|segment| &segment.alerts) {
                for event in &batch.events {
                    let identity = &batch.identities[event.identity as usize];
                    found.push(format!(
                        "{} at {} {:?}",
                        batch.id(event),
                        event.observed,
                        identity.labels.iter().collect::<Vec<_>>()
                    ));
                }
            }
            let reject = |reject: &crate::canonical::Reject| {
                format!("{:?} line {}: {}", reject.origin.offset, reject.line, reject.code)
            };
            found.extend(decoded.rejects.iter().map(reject));
        }
        found.sort();
        found
    }

    #[test]
    fn what_an_event_becomes_does_not_hang_on_its_neighbours() {
        let alert = r#"{"kind":"alert","name":"a","severity":"error","entity":"service:s/x"}"#;
        let messages = [
            message(5, alert, &[]),
            message(6, alert, &[("env", "prod")]),
            message(8, &format!("{alert}\n\nnot json\n"), &[("env", "test")]),
            message(9, "", &[]),
            message(10, &format!("[{alert}, {alert}]"), &[]),
            message(11, alert, &[]),
        ];
        let alone = decoded(&messages, 1);
        assert_eq!(alone.len(), 7, "{alone:?}");
        assert!(alone.iter().any(|found| found == "Some(8) line 3: E001"), "{alone:?}");
        let labelled = |label: &str| alone.iter().filter(|found| found.contains(label)).count();
        assert_eq!((labelled("prod"), labelled("test")), (1, 1), "{alone:?}");
        // The timestamps are a hundred seconds before the receipt.
        assert!(alone.iter().filter(|found| found.contains("at 1795417100")).count() == 6);
        for at_a_time in 2..=messages.len() {
            assert_eq!(decoded(&messages, at_a_time), alone, "{at_a_time} at a time");
        }
    }
}
