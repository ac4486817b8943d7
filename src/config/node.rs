//! The tree that a configuration file is, each node with its place.
//!
//! YAML is read into this tree first, so that references are expanded on
//! scalars only, after parsing: no value of a variable can add a key. The
//! places make every later complaint point at a line.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;
use std::sync::Arc;

/// Where something stands: a file, a line and a column, both from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named on the command line or found in a directory.
    pub file: Arc<str>,
    /// The line; zero when only the file is known.
    pub line: u64,
    /// The column in characters; zero when only the line is known.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str(&self.file),
            (line, 0) => write!(f, "{}:{line}", self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}

/// One value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What stands there.
    pub value: Value,
    /// Where it stands.
    pub place: Place,
    /// Whether a reference such as `${env:NAME}` gave the text; secrets must come so.
    pub expanded: bool,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text, quoted or not.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order written.
    Map(Vec<Entry>),
    /// Something that cannot be read; it was told of, and the rest goes on without it.
    Unread,
}

/// One key of a mapping with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// What it holds.
    pub node: Node,
}

impl Node {
    /// The entries of a mapping; `None` for anything else.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value under `key` of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let held = |entry: &&Entry| entry.key == key && entry.node.is_read();
        self.entries()?.iter().find(held).map(|entry| &entry.node)
    }

    /// Whether it was not set aside.
    pub(super) fn is_read(&self) -> bool {
        self.value != Value::Unread
    }

    /// The deepest node on a dotted path such as `sources.prom.lateness`, with the path as the
    /// file counts.
    ///
    /// List items go by number, those that were set aside left out: the path is that of a value
    /// that was typed.
    pub(super) fn deepest(&self, path: &str) -> (String, &Node) {
        let (mut written, mut node) = (String::new(), self);
        for part in path.split('.').filter(|part| !part.is_empty()) {
            let below = match &node.value {
                Value::List(items) => {
                    let mut read = items.iter().enumerate().filter(|(_, item)| item.is_read());
                    part.parse()
                        .ok()
                        .and_then(|at| read.nth(at))
                        .map(|(i, item)| (i.to_string(), item))
                }
                _ => node.get(part).map(|below| (part.to_owned(), below)),
            };
            let Some((part, below)) = below else { break };
            if !written.is_empty() {
                written.push('.');
            }
            written.push_str(&part);
            node = below;
        }
        (written, node)
    }

    /// Sets aside the deepest node on the dotted path, which counts as the file does; returns
    /// its own path, or `None` when nothing below the top is there.
    pub(super) fn set_aside(&mut self, path: &str) -> Option<String> {
        let child = match &mut self.value {
            Value::Map(entries) => entries.iter_mut().find_map(|entry| {
                let rest = path.strip_prefix(entry.key.as_str())?;
                let is_on_path = entry.node.is_read() && (rest.is_empty() || rest.starts_with('.'));
                is_on_path.then_some((entry.key.clone(), &mut entry.node, rest))
            }),
            Value::List(items) => {
                let part = path.split('.').next().unwrap_or_default();
                let item = part.parse().ok().and_then(|at: usize| items.get_mut(at));
                item.filter(|item| item.is_read())
                    .map(|item| (part.to_owned(), item, &path[part.len()..]))
            }
            _ => None,
        };
        let (part, node, rest) = child?;
        match node.set_aside(rest.strip_prefix('.').unwrap_or_default()) {
            Some(below) => Some(format!("{part}.{below}")),
            None => {
                node.value = Value::Unread;
                Some(part)
            }
        }
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null | Value::Unread => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// A node as the YAML reader yields it, before the file's name is known.
pub(super) struct Raw(Spanned<RawValue>);

enum RawValue {
    Scalar(Value),
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

impl Raw {
    /// Names the file in every place of the tree.
    pub(super) fn within(self, file: &Arc<str>) -> Node {
        let place = place_of(file, &self.0.referenced);
        let value = match self.0.value {
            RawValue::Scalar(value) => value,
            RawValue::List(items) => {
                Value::List(items.into_iter().map(|item| item.within(file)).collect())
            }
            RawValue::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, raw)| Entry {
                        place: place_of(file, &key.referenced),
                        key: key.value,
                        node: raw.within(file),
                    })
                    .collect(),
            ),
        };
        Node { value, place, expanded: false }
    }
}

fn place_of(file: &Arc<str>, location: &serde_saphyr::Location) -> Place {
    Place { file: Arc::clone(file), line: location.line(), column: location.column() }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Raw)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Int(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(match i64::try_from(value) {
            Ok(value) => Value::Int(value),
            Err(_) => Value::Float(value as f64),
        }))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Text(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Text(value)))
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(RawValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(RawValue::Map(entries))
    }
}
