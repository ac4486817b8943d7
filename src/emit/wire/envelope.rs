//! The CloudEvents 1.0 envelope, and the line that every sink carries.

use super::{Revision, RevisionEvent, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// Who sends.
pub const SOURCE: &str = "causeway";
/// What every `type` begins with; the event follows, as in `causeway.incident.v1.opened`.
pub const TYPE_PREFIX: &str = "causeway.incident.v1.";
/// Name of the schema of an envelope; `causeway schema revision` prints the schema itself.
pub const SCHEMA: &str = "urn:causeway:schema:revision:1.0";
/// Name of the schema of `data`, which is a part of [`SCHEMA`].
pub const DATA_SCHEMA: &str = "urn:causeway:schema:revision:1.0#/$defs/Revision";

/// A revision in a CloudEvents 1.0 structured-mode envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// Always `1.0`.
    #[schemars(regex(pattern = r"^1\.0$"))]
    pub specversion: SmolStr,
    /// `<incident_id>/<revision>`: with `source` unique, and the same on redelivery.
    pub id: SmolStr,
    /// Always `causeway`.
    pub source: SmolStr,
    /// `causeway.incident.v1.` and the event.
    #[serde(rename = "type")]
    pub kind: SmolStr,
    /// The incident's public id.
    pub subject: SmolStr,
    /// When the revision was made: its `updated_at`.
    pub time: Time,
    /// Always `application/json`.
    pub datacontenttype: SmolStr,
    /// Name of the schema of `data`.
    pub dataschema: SmolStr,
    /// The revision.
    pub data: Arc<Revision>,
}

impl Envelope {
    /// Wraps a revision; nothing but the revision decides the bytes.
    pub fn wrap(revision: Arc<Revision>) -> Envelope {
        Envelope {
            specversion: SmolStr::new_static("1.0"),
            id: id_of(&revision),
            source: SmolStr::new_static(SOURCE),
            kind: type_of(revision.event),
            subject: revision.incident_id.clone(),
            time: revision.updated_at,
            datacontenttype: SmolStr::new_static("application/json"),
            dataschema: SmolStr::new_static(DATA_SCHEMA),
            data: revision,
        }
    }

    /// The envelope as one line, without the newline.
    pub fn line(&self) -> String {
        // Every map key is a string and every number finite, so writing cannot fail.
        serde_json::to_string(self).unwrap_or_else(|error| unreachable!("envelope: {error}"))
    }
}

fn id_of(revision: &Revision) -> SmolStr {
    format_smolstr!("{}/{}", revision.incident_id, revision.revision)
}

/// The CloudEvents `type` of an event.
pub fn type_of(event: RevisionEvent) -> SmolStr {
    format_smolstr!("{TYPE_PREFIX}{}", event.word())
}

/// A revision ready to be sent: written once, shared by the store and all sinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What matchers look at.
    pub revision: Arc<Revision>,
    /// The CloudEvents id, `<incident_id>/<revision>`: the key of idempotence.
    pub id: SmolStr,
    /// The envelope as one line of JSON, without the newline.
    pub line: Arc<str>,
}

impl Message {
    /// Wraps and writes a revision.
    pub fn new(revision: impl Into<Arc<Revision>>) -> Message {
        let envelope = Envelope::wrap(revision.into());
        let line = envelope.line().into();
        Message { revision: envelope.data, id: envelope.id, line }
    }

    /// The message again whose line is known.
    pub fn again(revision: Arc<Revision>, line: Arc<str>) -> Message {
        Message { id: id_of(&revision), revision, line }
    }

    /// The message that a line was.
    ///
    /// # Errors
    /// When it is none.
    pub fn of_line(line: Arc<str>) -> serde_json::Result<Message> {
        let Envelope { id, data: revision, .. } = serde_json::from_str(&line)?;
        Ok(Message { revision, id, line })
    }
}
