//! Wire types inside a snapshot: as the JSON that they are on the wire, because they leave out
//! fields, which a format without names cannot read back.

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the text of a value.
///
/// # Errors
/// When the format refuses.
pub fn serialize<T: Serialize, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    serde_json::to_string(value).map_err(S::Error::custom)?.serialize(to)
}

/// Reads a value from its text.
///
/// # Errors
/// When the format refuses, or the text is none of such a value.
pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    serde_json::from_str(&String::deserialize(from)?).map_err(D::Error::custom)
}
