//! The labels of an alert, packed: a million alerts hold them, and few are ever read.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Bytes of a name or a value that are kept. What decoders hand in is far shorter.
const PART_BYTES_MAX: usize = 0xD7FF;

/// Names with their values, in one allocation.
///
/// Every part is preceded by its length, written as the one character whose code it is: a
/// single byte for nearly all of them, and the whole stays text.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Labels(Box<str>);

impl Labels {
    /// Packs `pairs`, in their order.
    pub fn pack<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Labels {
        let bytes = pairs.clone().map(|(name, value)| room(name) + room(value)).sum();
        let mut packed = String::with_capacity(bytes);
        for (name, value) in pairs {
            push_part(&mut packed, name);
            push_part(&mut packed, value);
        }
        Labels(packed.into_boxed_str())
    }

    /// Name and value of each, in the order they were packed in.
    pub fn iter(&self) -> Iter<'_> {
        Iter(&self.0)
    }

    /// The value of the label `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        Some(self.iter().find(|(own, _)| *own == name)?.1)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Labels one after the other.
#[derive(Clone, Debug)]
pub struct Iter<'a>(&'a str);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.part()?, self.part()?))
    }
}

impl<'a> Iter<'a> {
    fn part(&mut self) -> Option<&'a str> {
        let mut chars = self.0.chars();
        let len = u32::from(chars.next()?) as usize;
        let (part, rest) = chars.as_str().split_at_checked(len)?;
        self.0 = rest;
        Some(part)
    }
}

fn fitting(part: &str) -> &str {
    &part[..part.floor_char_boundary(PART_BYTES_MAX)]
}

/// The length as a character; every number up to the bound is the code of one.
fn length(part: &str) -> char {
    char::from_u32(part.len() as u32).unwrap_or_default()
}

fn room(part: &str) -> usize {
    let part = fitting(part);
    length(part).len_utf8() + part.len()
}

fn push_part(packed: &mut String, part: &str) {
    let part = fitting(part);
    packed.push(length(part));
    packed.push_str(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_finds_its_value() {
        let labels = Labels::pack([("env", "prod"), ("pod", "p-1")].into_iter());
        assert_eq!((labels.get("pod"), labels.get("prod"), labels.len()), (Some("p-1"), None, 2));
        assert_eq!(format!("{labels:?}"), r#"{"env": "prod", "pod": "p-1"}"#);
        assert!(Labels::default().is_empty() && Labels::default().iter().next().is_none());
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let long = "ä".repeat(PART_BYTES_MAX);
        let labels = Labels::pack([("a", long.as_str()), ("b", "c")].into_iter());
        assert_eq!(labels.get("a").map(str::len), Some(PART_BYTES_MAX - 1));
        assert_eq!(labels.get("b"), Some("c"));
    }

    #[test]
    fn text_that_is_no_list_ends_instead_of_failing() {
        assert_eq!(Labels("zzz".into()).iter().count(), 0);
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out_again(pairs: Vec<(String, String)>) {
            let given = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let packed = Labels::pack(given.clone());
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), given.clone().collect::<Vec<_>>());
            let room: usize = given.map(|(name, value)| room(name) + room(value)).sum();
            prop_assert_eq!(packed.0.len(), room, "one allocation, made to measure");
        }
    }
}
