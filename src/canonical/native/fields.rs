//! The fields of a native event, found in one pass over its tape.

use crate::canonical::json::Json;

macro_rules! fields {
    ($($variant:ident = $name:literal,)*) => {
        /// A field of the envelope or the body of a kind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Field {
            $(#[doc = $name] $variant,)*
        }

        impl Field {
            /// How many there are.
            const COUNT: usize = [$($name),*].len();

            /// How many fields the short way keeps: those before the labels.
            pub(super) const PLAIN: usize = Field::Labels as usize;

            #[cfg(test)]
            const ALL: [(Field, &'static str); Field::COUNT] = [$((Field::$variant, $name)),*];
        }
    };
}

fields! {
    // What an alert on the short way may have; `Field::PLAIN` of them.
    Schema = "schema",
    Id = "id",
    Source = "source",
    Kind = "kind",
    Name = "name",
    Time = "time",
    ObservedTime = "observed_time",
    EndTime = "end_time",
    Status = "status",
    Severity = "severity",
    Summary = "summary",
    Body = "body",
    Entity = "entity",
    Service = "service",
    Env = "env",
    Region = "region",
    Host = "host",
    Instance = "instance",
    Fingerprint = "fingerprint",
    Tenant = "tenant",
    Labels = "labels",
    TraceId = "trace_id",
    SpanId = "span_id",
    Op = "op",
    Type = "type",
    Owner = "owner",
    Criticality = "criticality",
    Aliases = "aliases",
    From = "from",
    To = "to",
    Relation = "relation",
    Confidence = "confidence",
    Ttl = "ttl",
    Change = "change",
    Feedback = "feedback",
    Metric = "metric",
    Value = "value",
    Span = "span",
    Silence = "silence",
    Maintenance = "maintenance",
    Rule = "rule",
    Model = "model",
    // Known to the schema, and read by nobody yet.
    SeverityText = "severity_text",
    Attributes = "attributes",
    Links = "links",
    Origin = "origin",
    Quality = "quality",
    Lifecycle = "lifecycle",
    ValidFrom = "valid_from",
    ValidTo = "valid_to",
    DiscoveredBy = "discovered_by",
    StartTime = "start_time",
    Log = "log",
}

/// Tells fields apart by length first: comparing every key with fifty names one
/// after the other took longer than parsing the line.
#[inline]
pub(super) fn field_of(key: &str) -> Option<Field> {
    let field = match (key.len(), key) {
        (2, "id") => Field::Id,
        (2, "op") => Field::Op,
        (2, "to") => Field::To,
        (3, "env") => Field::Env,
        (3, "ttl") => Field::Ttl,
        (3, "log") => Field::Log,
        _ => return longer_field_of(key),
    };
    Some(field)
}

#[inline]
fn longer_field_of(key: &str) -> Option<Field> {
    Some(match key.len() {
        4 => match key {
            "kind" => Field::Kind,
            "name" => Field::Name,
            "time" => Field::Time,
            "body" => Field::Body,
            "host" => Field::Host,
            "type" => Field::Type,
            "from" => Field::From,
            "span" => Field::Span,
            "rule" => Field::Rule,
            _ => return None,
        },
        5 => match key {
            "links" => Field::Links,
            "owner" => Field::Owner,
            "value" => Field::Value,
            "model" => Field::Model,
            _ => return None,
        },
        6 => match key {
            "source" => Field::Source,
            "status" => Field::Status,
            "entity" => Field::Entity,
            "labels" => Field::Labels,
            "schema" => Field::Schema,
            "region" => Field::Region,
            "tenant" => Field::Tenant,
            "change" => Field::Change,
            "metric" => Field::Metric,
            "origin" => Field::Origin,
            _ => return None,
        },
        7 => match key {
            "summary" => Field::Summary,
            "service" => Field::Service,
            "span_id" => Field::SpanId,
            "aliases" => Field::Aliases,
            "silence" => Field::Silence,
            "quality" => Field::Quality,
            _ => return None,
        },
        _ => return longest_field_of(key),
    })
}

#[inline]
fn longest_field_of(key: &str) -> Option<Field> {
    Some(match key.len() {
        8 => match key {
            "severity" => Field::Severity,
            "end_time" => Field::EndTime,
            "instance" => Field::Instance,
            "trace_id" => Field::TraceId,
            "relation" => Field::Relation,
            "feedback" => Field::Feedback,
            "valid_to" => Field::ValidTo,
            _ => return None,
        },
        9 if key == "lifecycle" => Field::Lifecycle,
        10 => match key {
            "attributes" => Field::Attributes,
            "confidence" => Field::Confidence,
            "valid_from" => Field::ValidFrom,
            "start_time" => Field::StartTime,
            _ => return None,
        },
        11 => match key {
            "fingerprint" => Field::Fingerprint,
            "criticality" => Field::Criticality,
            "maintenance" => Field::Maintenance,
            _ => return None,
        },
        13 => match key {
            "observed_time" => Field::ObservedTime,
            "severity_text" => Field::SeverityText,
            "discovered_by" => Field::DiscoveredBy,
            _ => return None,
        },
        _ => return None,
    })
}

/// Where each field is.
pub(super) struct Fields<'t, 'i> {
    root: Json<'t, 'i>,
    /// Index of the value's node; 0, which is the root's own, for an absent field.
    at: [u32; Field::COUNT],
    /// Keys that the schema does not have.
    pub(super) unknown: u64,
}

impl<'t, 'i> Fields<'t, 'i> {
    /// Looks through the object `root` once; of equal keys the last holds, and
    /// `null` is absent.
    #[inline]
    pub(super) fn of(root: Json<'t, 'i>) -> Self {
        let mut fields = Fields { root, at: [0; Field::COUNT], unknown: 0 };
        // Values end where the object does, not where the tape does.
        let whole = root.size();
        for (key, value) in root.members() {
            match field_of(key) {
                Some(field) => {
                    let index = whole - value.nodes().len();
                    fields.at[field as usize] = if value.is_null() { 0 } else { index as u32 };
                }
                None => fields.unknown += 1,
            }
        }
        fields
    }

    /// The value of `field`.
    #[inline]
    pub(super) fn get(&self, field: Field) -> Option<Json<'t, 'i>> {
        match self.at[field as usize] {
            0 => None,
            index => Some(Json::at(&self.root.nodes()[index as usize..])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::json::Reader;
    use crate::canonical::native::lookup::Lookup;

    #[test]
    fn every_field_is_found_by_its_name() {
        for (field, name) in Field::ALL {
            assert_eq!(field_of(name), Some(field), "{name}");
        }
        assert_eq!(field_of("Id"), None);
        assert_eq!(field_of("observed_tim"), None);
    }

    #[test]
    fn the_last_of_equal_keys_holds_and_null_is_absent() {
        let text = br#"{"id":"a","x":{"id":"no"},"name":"n","id":"b","name":null,"y":[1,2]}"#;
        let seen = Reader::new(64).parse(text, |root| {
            let fields = Fields::of(root);
            (fields.text(Field::Id).to_owned(), fields.get(Field::Name).is_none(), fields.unknown)
        });
        assert_eq!(seen, Ok(("b".to_owned(), true, 2)));
    }
}
