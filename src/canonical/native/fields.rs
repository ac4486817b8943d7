//! The fields of a native event, found in one pass over its tape.

use crate::canonical::json::Json;

/// What the value of a field must be to be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A string.
    Text,
    /// A string or a number: instants.
    Scalar,
    /// An object.
    Object,
    /// An array.
    Array,
    /// Whoever reads the field looks for itself, or nobody reads it.
    Any,
}

impl Shape {
    #[inline]
    fn fits(self, value: Json<'_, '_>) -> bool {
        match self {
            Shape::Text => value.str().is_some(),
            Shape::Scalar => value.str().is_some() || value.float().is_some(),
            Shape::Object => value.is_object(),
            Shape::Array => value.is_array(),
            Shape::Any => true,
        }
    }
}

impl Field {
    /// Whether a value that begins with `byte` may be what the field holds, or null.
    #[inline]
    pub(super) fn may_begin(self, byte: u8) -> bool {
        byte == b'n'
            || match Field::SHAPES[self as usize] {
                Shape::Text => byte == b'"',
                Shape::Scalar => matches!(byte, b'"' | b'-' | b'0'..=b'9'),
                Shape::Object => byte == b'{',
                Shape::Array => byte == b'[',
                Shape::Any => true,
            }
    }
}

macro_rules! fields {
    ($($variant:ident = $name:literal $shape:ident,)*) => {
        /// A field of the envelope or the body of a kind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Field {
            $(#[doc = $name] $variant,)*
        }

        impl Field {
            /// How many there are.
            const COUNT: usize = [$($name),*].len();

            /// What their values must be, in the order of their numbers.
            const SHAPES: [Shape; Field::COUNT] = [$(Shape::$shape),*];

            /// How many fields the short way keeps: those before the labels.
            pub(super) const PLAIN: usize = Field::Labels as usize;

            #[cfg(test)]
            const ALL: [(Field, &'static str); Field::COUNT] = [$((Field::$variant, $name)),*];
        }
    };
}

fields! {
    // What an event on the short way may have; `Field::PLAIN` of them.
    Schema = "schema" Any,
    Id = "id" Text,
    Source = "source" Text,
    Kind = "kind" Text,
    Name = "name" Text,
    Time = "time" Scalar,
    ObservedTime = "observed_time" Scalar,
    EndTime = "end_time" Scalar,
    Status = "status" Text,
    Severity = "severity" Any,
    Summary = "summary" Text,
    Body = "body" Any,
    Entity = "entity" Text,
    Service = "service" Text,
    Env = "env" Text,
    Region = "region" Text,
    Host = "host" Text,
    Instance = "instance" Text,
    Fingerprint = "fingerprint" Text,
    Tenant = "tenant" Text,
    TraceId = "trace_id" Text,
    Labels = "labels" Object,
    SpanId = "span_id" Text,
    Op = "op" Text,
    Type = "type" Text,
    Owner = "owner" Text,
    Criticality = "criticality" Text,
    Aliases = "aliases" Array,
    From = "from" Text,
    To = "to" Text,
    Relation = "relation" Text,
    Confidence = "confidence" Any,
    Ttl = "ttl" Any,
    Change = "change" Object,
    Feedback = "feedback" Object,
    Metric = "metric" Object,
    Value = "value" Any,
    Span = "span" Object,
    Silence = "silence" Object,
    Maintenance = "maintenance" Object,
    Rule = "rule" Object,
    Model = "model" Object,
    // Known to the schema, and read by nobody yet.
    SeverityText = "severity_text" Text,
    Attributes = "attributes" Object,
    Links = "links" Array,
    Origin = "origin" Object,
    Quality = "quality" Any,
    Lifecycle = "lifecycle" Text,
    ValidFrom = "valid_from" Scalar,
    ValidTo = "valid_to" Scalar,
    DiscoveredBy = "discovered_by" Text,
    StartTime = "start_time" Scalar,
    Log = "log" Object,
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
    /// A field has a value of another type than the schema's, which counts as absent.
    pub(super) mistyped: bool,
}

impl<'t, 'i> Fields<'t, 'i> {
    /// Looks through the object `root` once; of equal keys the last holds, and
    /// `null` is absent.
    #[inline]
    pub(super) fn of(root: Json<'t, 'i>) -> Self {
        let mut fields = Fields { root, at: [0; Field::COUNT], unknown: 0, mistyped: false };
        // Values end where the object does, not where the tape does.
        let whole = root.size();
        for (key, value) in root.members() {
            match field_of(key) {
                Some(field) => {
                    let index = whole - value.nodes().len();
                    let absent = value.is_null();
                    fields.mistyped |= !absent && !Field::SHAPES[field as usize].fits(value);
                    fields.at[field as usize] = if absent { 0 } else { index as u32 };
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
