//! Wire types inside a snapshot: as the JSON that they are on the wire, because they leave out
//! fields, which a format without names cannot read back.

use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A value as it was kept, or the text of one that was read back: what it says is found out when
/// somebody wants to know, as that takes longer than reading it.
#[derive(Clone)]
pub enum AsJson<T> {
    /// To be written.
    Value(T),
    /// As read.
    Text(Box<str>),
}

impl<T> AsJson<T> {
    /// Nothing, in place of what is kept somewhere else.
    pub fn elsewhere() -> AsJson<T> {
        AsJson::Text(Box::default())
    }

    /// Whether it is kept somewhere else.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self, AsJson::Text(text) if text.is_empty())
    }
}

impl<T: DeserializeOwned> AsJson<T> {
    /// The value.
    ///
    /// # Errors
    /// When the text is none of such a value.
    pub fn read(self) -> serde_json::Result<T> {
        match self {
            AsJson::Value(value) => Ok(value),
            AsJson::Text(text) => serde_json::from_str(&text),
        }
    }
}

impl<T: Serialize> Serialize for AsJson<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            AsJson::Value(value) => {
                serde_json::to_string(value).map_err(S::Error::custom)?.serialize(to)
            }
            AsJson::Text(text) => text.serialize(to),
        }
    }
}

impl<'de, T> Deserialize<'de> for AsJson<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Box::deserialize(from).map(AsJson::Text)
    }
}

impl<T: Serialize> fmt::Debug for AsJson<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AsJson::Value(value) => {
                f.write_str(&serde_json::to_string(value).map_err(|_| fmt::Error)?)
            }
            AsJson::Text(text) => f.write_str(text),
        }
    }
}
