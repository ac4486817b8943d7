//! Turns a tree of nodes into the types of the configuration.
//!
//! Written here instead of taking the YAML reader's own because three things
//! are wanted that a streaming reader cannot give: references expanded between
//! parsing and typing, several files merged with every value still knowing its
//! own place, and errors that carry the dotted key.

mod choice;

use super::error::{Problem, UNKNOWN_KEY, list};
use super::node::{Entry, Node, Value};
use choice::{Choice, KEYED, keyed};
use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use std::path::Path;

/// Name of the newtype whose text must come from a reference.
pub(super) const SECRET: &str = "$causeway::Secret";
/// Name of the newtype that is a path relative to the file it is written in.
pub(super) const FILE: &str = "$causeway::FilePath";
/// Name of the newtype that is one text or a list of them.
pub(super) const ONE_OR_MORE: &str = "$causeway::OneOrMore";
/// The key that chooses the variant of an enum written as a mapping.
const TAG: &str = "type";

/// Reads a `T` from `node`.
///
/// # Errors
/// The first problem, with its place and dotted key.
pub(super) fn from_node<'a, T: Deserialize<'a>>(node: &'a Node) -> Result<T, Problem> {
    T::deserialize(Tree { node }).map_err(|problem| problem.at(&node.place))
}

#[derive(Clone, Copy)]
struct Tree<'a> {
    node: &'a Node,
}

impl<'a> Tree<'a> {
    /// The text of a scalar where text is wanted.
    fn text(self) -> Result<std::borrow::Cow<'a, str>, Problem> {
        match &self.node.value {
            Value::Text(text) => Ok(text.as_str().into()),
            Value::Int(number) => Ok(number.to_string().into()),
            Value::Bool(_) | Value::Float(_) => Err(Problem::new(
                format!("found {} where text is wanted", self.node.kind()),
                "put it in quotes",
            )),
            _ => Err(self.wanted("text")),
        }
    }

    fn wanted(self, what: &str) -> Problem {
        Problem::new(
            format!("found {} where {what} is wanted", self.node.kind()),
            format!("write {what}"),
        )
    }

    /// Numbers and booleans that a reference gave arrive as text.
    fn typed(self) -> Value {
        match &self.node.value {
            Value::Text(text) if self.node.expanded => {
                let text = text.trim();
                match (text.parse::<bool>(), text.parse::<i64>(), text.parse::<f64>()) {
                    (Ok(value), _, _) => Value::Bool(value),
                    (_, Ok(value), _) => Value::Int(value),
                    (_, _, Ok(value)) if value.is_finite() => Value::Float(value),
                    _ => self.node.value.clone(),
                }
            }
            other => other.clone(),
        }
    }

    fn number<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.typed() {
            Value::Int(value) if value < 0 => visitor.visit_i64(value),
            Value::Int(value) => visitor.visit_u64(value as u64),
            Value::Float(value) => visitor.visit_f64(value),
            _ => Err(self.wanted("a number")),
        }
    }

    fn items(self) -> Result<&'a [Node], Problem> {
        match &self.node.value {
            Value::List(items) => Ok(items),
            Value::Null => Ok(&[]),
            _ => Err(self.wanted("a list")),
        }
    }

    fn fields(self) -> Result<&'a [Entry], Problem> {
        match &self.node.value {
            Value::Map(entries) => Ok(entries),
            Value::Null => Ok(&[]),
            _ => Err(self.wanted("a mapping")),
        }
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Problem> {
            self.number(visitor)
        }
    )*};
}

impl<'a> Deserializer<'a> for Tree<'a> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.node.value {
            Value::Null | Value::Unread => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(_) | Value::Float(_) => self.number(visitor),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items::of(items)),
            Value::Map(entries) => visitor.visit_map(Fields::of(entries, None)),
        }
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.typed() {
            Value::Bool(value) => visitor.visit_bool(value),
            _ => Err(self.wanted("`true` or `false`")),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_str(&self.text()?)
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_string(self.text()?.into_owned())
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match name {
            SECRET if !self.node.expanded => Err(Problem::new(
                "a secret stands here in the clear",
                "refer to it with `${env:NAME}` or `${file:/path}`",
            )),
            FILE => {
                let path = beside(Path::new(&*self.node.place.file), &self.text()?);
                visitor.visit_newtype_struct(StrDeserializer::new(&path))
            }
            ONE_OR_MORE => match &self.node.value {
                Value::Text(_) => {
                    let items = Items::of(std::slice::from_ref(self.node));
                    visitor
                        .visit_newtype_struct(serde::de::value::SeqAccessDeserializer::new(items))
                }
                _ => visitor.visit_newtype_struct(self),
            },
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_seq(Items::of(self.items()?))
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_map(Fields::of(self.fields()?, None))
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_map(Fields { known: fields, ..Fields::of(self.fields()?, None) })
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match &self.node.value {
            Value::Text(_) => visitor.visit_enum(Choice { choice: self.node, content: self.node }),
            Value::Map(entries) if KEYED.contains(&name) => keyed(entries, variants, visitor),
            Value::Map(_) => match self.node.get(TAG) {
                Some(choice) => visitor.visit_enum(Choice { choice, content: self.node }),
                None => Err(Problem::new(
                    "key `type` is missing",
                    format!("add `type:` with one of {}", list(variants)),
                )
                .lacking(TAG)),
            },
            _ => Err(self.wanted("text")),
        }
    }

    /// Only asked for what a type has no field for; here that is always an error.
    fn deserialize_ignored_any<V: Visitor<'a>>(self, _visitor: V) -> Result<V::Value, Problem> {
        Err(Problem::new(UNKNOWN_KEY, "remove it"))
    }

    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

/// `path` as seen from the directory of the file it is written in.
pub(super) fn beside(file: &Path, path: &str) -> String {
    match file.parent() {
        Some(parent) if Path::new(path).is_relative() && !parent.as_os_str().is_empty() => {
            parent.join(path).to_string_lossy().into_owned()
        }
        _ => path.to_owned(),
    }
}

struct Items<'a> {
    rest: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'a> Items<'a> {
    fn of(items: &'a [Node]) -> Self {
        Items { rest: items.iter().enumerate() }
    }
}

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        let Some((i, node)) = self.rest.find(|(_, node)| node.is_read()) else { return Ok(None) };
        seed.deserialize(Tree { node })
            .map(Some)
            .map_err(|problem| problem.at(&node.place).under(&i.to_string()))
    }
}

struct Fields<'a> {
    rest: std::slice::Iter<'a, Entry>,
    without: Option<&'static str>,
    /// Keys that may be meant by one that is ignored, when they are told.
    known: &'static [&'static str],
    current: Option<&'a Entry>,
}

impl<'a> Fields<'a> {
    fn of(entries: &'a [Entry], without: Option<&'static str>) -> Self {
        Fields { rest: entries.iter(), without, known: &[], current: None }
    }
}

impl<'a> MapAccess<'a> for Fields<'a> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let without = self.without;
        self.current =
            self.rest.find(|entry| Some(entry.key.as_str()) != without && entry.node.is_read());
        let Some(entry) = self.current else { return Ok(None) };
        seed.deserialize(StrDeserializer::new(&entry.key))
            .map(Some)
            .map_err(|problem: Problem| problem.at(&entry.place))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let entry = self.current.ok_or_else(|| Problem::custom("a value without a key"))?;
        seed.deserialize(Tree { node: &entry.node }).map_err(|problem| {
            problem.among(&entry.key, self.known).at(&entry.node.place).under(&entry.key)
        })
    }
}
