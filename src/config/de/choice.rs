//! Choices: a word alone, a mapping whose key `type` is the word, or one whose only key is it.

use super::{Fields, TAG, Tree};
use crate::config::error::{Problem, list};
use crate::config::node::{Entry, Node};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, VariantAccess, Visitor};

/// Names of the enums whose mappings have the word as their only key; all others have it under
/// `type`.
pub(super) const KEYED: [&str; 1] = ["ActionBody"];

/// Reads a mapping whose only key is the word.
pub(super) fn keyed<'a, V: Visitor<'a>>(
    entries: &'a [Entry],
    variants: &'static [&'static str],
    visitor: V,
) -> Result<V::Value, Problem> {
    let [entry] = entries else {
        let message = format!("found {} keys where one is wanted", entries.len());
        return Err(Problem::new(message, format!("keep one of {}", list(variants))));
    };
    let word = variants.iter().find(|word| **word == entry.key).copied();
    if !entry.node.is_read() {
        // It is told already what is wrong below, so that the whole is set aside without a word.
        return Err(Problem::new("the choice is missing", "").lacking(word.unwrap_or(TAG)));
    }
    match word {
        Some(_) => visitor.visit_enum(Keyed(entry)),
        None => Err(Problem::unknown_field(&entry.key, variants).at(&entry.place)),
    }
}

/// An enum written as a mapping whose only key is the word.
struct Keyed<'a>(&'a Entry);

impl<'a> EnumAccess<'a> for Keyed<'a> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Problem> {
        let word: StrDeserializer<'_, Problem> = StrDeserializer::new(&self.0.key);
        Ok((seed.deserialize(word).map_err(|problem| problem.at(&self.0.place))?, self))
    }
}

impl<'a> VariantAccess<'a> for Keyed<'a> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        Err(Problem::new("this choice takes nothing", "write the word alone"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Problem> {
        let node = &self.0.node;
        seed.deserialize(Tree { node })
            .map_err(|problem| problem.at(&node.place).under(&self.0.key))
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, _: V) -> Result<V::Value, Problem> {
        Err(Problem::custom("a configuration has no tuples"))
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        Tree { node: &self.0.node }
            .deserialize_map(visitor)
            .map_err(|problem| problem.at(&self.0.node.place).under(&self.0.key))
    }
}

/// An enum: a word alone, or a mapping whose key `type` is the word.
pub(super) struct Choice<'a> {
    pub(super) choice: &'a Node,
    pub(super) content: &'a Node,
}

impl<'a> EnumAccess<'a> for Choice<'a> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Problem> {
        let under = |problem: Problem| match self.content.entries() {
            Some(_) => problem.at(&self.choice.place).under(TAG),
            None => problem.at(&self.choice.place),
        };
        Ok((seed.deserialize(Tree { node: self.choice }).map_err(under)?, self))
    }
}

impl<'a> VariantAccess<'a> for Choice<'a> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        match self.content.entries() {
            Some(entries)
                if entries.iter().any(|entry| entry.key != TAG && entry.node.is_read()) =>
            {
                Err(Problem::new("this choice takes no keys", "leave only `type`"))
            }
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Problem> {
        let entries = self.content.entries().unwrap_or_default();
        seed.deserialize(serde::de::value::MapAccessDeserializer::new(Fields::of(
            entries,
            Some(TAG),
        )))
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, _: V) -> Result<V::Value, Problem> {
        Err(Problem::custom("a configuration has no tuples"))
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_map(Fields::of(self.content.entries().unwrap_or_default(), Some(TAG)))
    }
}
