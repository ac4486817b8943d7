//! A key taken apart: words, and what stands between them.

use super::super::mask::WILD;
use xxhash_rust::xxh3::xxh3_64;

/// Words of a key that are looked at; what is behind belongs to the last.
pub(super) const SLOTS_MAX: usize = 128;

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Kind {
    /// A parameter that the masker took out; it takes words with digits as well.
    Wild,
    /// A parameter that was found by comparing; it takes any word.
    Open,
    /// Has digits or a parameter in it.
    Mixed,
    /// Capitals alone: mostly one of a few states.
    Capitals,
    /// Parts with at least two dots between: packages, classes.
    Dotted,
    /// Any other word.
    Word,
}

/// A word of a key.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Slot {
    pub(super) hash: u64,
    start: u32,
    end: u32,
    pub(super) kind: Kind,
    /// What it looks like without its digits; the same as the hash where it has none.
    pub(super) skeleton: u64,
    /// Stands behind `=`.
    pub(super) value: bool,
    /// Stands where names do: in quotes, behind a word such as `user`.
    pub(super) named: bool,
}

/// A key with its words.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Parsed {
    key: Box<[u8]>,
    slots: Box<[Slot]>,
    separators: u64,
}

impl Parsed {
    /// Takes `key` apart.
    pub(super) fn of(key: &[u8]) -> Parsed {
        let mut slots = Vec::new();
        let mut between = Vec::new();
        let mut at = 0;
        while at < key.len() {
            let length = word_length(key, at);
            if length == 0 {
                between.push(key[at]);
                at += 1;
                continue;
            }
            let end = if slots.len() + 1 == SLOTS_MAX { key.len() } else { at + length };
            let value = at > 0 && key[at - 1] == b'=';
            let named = is_named(key, at, end, slots.last());
            slots.push(Slot { value, named, ..Slot::new(key, at, end) });
            between.push(WILD);
            at = end;
        }
        Parsed { key: key.into(), slots: slots.into(), separators: xxh3_64(&between) }
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.slots.len() * size_of::<Slot>()
    }

    /// Leaves the text alone; what was merged is not compared any more.
    pub(super) fn forget_slots(&mut self) {
        self.slots = Box::default();
    }

    /// Hash of what stands between the words.
    pub(super) fn separators(&self) -> u64 {
        self.separators
    }

    /// How many constants agree, when every word of `other` fits.
    pub(super) fn takes(&self, other: &Parsed) -> Option<usize> {
        if self.slots.len() != other.slots.len() {
            return None;
        }
        let mut constants = 0;
        for (own, word) in self.slots.iter().zip(&other.slots) {
            let fits = match own.kind {
                Kind::Open => true,
                Kind::Wild => matches!(word.kind, Kind::Wild | Kind::Mixed | Kind::Dotted),
                _ => {
                    constants += 1;
                    own.hash == word.hash
                }
            };
            if !fits {
                return None;
            }
        }
        Some(constants)
    }

    /// Words that are not the same.
    pub(super) fn distance(&self, other: &Parsed) -> usize {
        self.slots.iter().zip(&other.slots).filter(|(own, word)| own.hash != word.hash).count()
    }

    /// The same with parameters at `places`; `open` says of which kind.
    pub(super) fn opened(&self, places: &[(usize, Kind)]) -> Parsed {
        let mut key = Vec::with_capacity(self.key.len());
        let mut done = 0;
        for (place, _) in places {
            let slot = &self.slots[*place];
            key.extend_from_slice(&self.key[done..slot.start as usize]);
            key.push(WILD);
            done = slot.end as usize;
        }
        key.extend_from_slice(&self.key[done..]);
        let mut opened = Parsed::of(&key);
        for (slot, own) in opened.slots.iter_mut().zip(&self.slots) {
            if own.kind == Kind::Open {
                slot.kind = Kind::Open;
            }
        }
        for (place, kind) in places {
            if let Some(slot) = opened.slots.get_mut(*place) {
                slot.kind = *kind;
            }
        }
        opened
    }
}

impl Slot {
    fn new(key: &[u8], start: usize, end: usize) -> Slot {
        let word = &key[start..end];
        let last = word.rsplit(|byte| *byte == b'.').next().unwrap_or(word);
        let capitals =
            last.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'-'));
        let kind = if word == [WILD] {
            Kind::Wild
        } else if word.iter().any(|byte| byte.is_ascii_digit() || *byte == WILD) {
            Kind::Mixed
        } else if capitals {
            Kind::Capitals
        } else if word.iter().filter(|byte| **byte == b'.').count() > 1 {
            Kind::Dotted
        } else {
            Kind::Word
        };
        let hash = if kind == Kind::Wild { 0 } else { xxh3_64(word) };
        let skeleton = if kind == Kind::Mixed { skeleton(word) } else { hash };
        Slot {
            hash,
            start: start as u32,
            end: end as u32,
            kind,
            skeleton,
            value: false,
            named: false,
        }
    }

    /// Whether it is a value by its looks.
    pub(super) fn is_soft(&self) -> bool {
        matches!(self.kind, Kind::Wild | Kind::Open | Kind::Mixed)
    }

    /// Whether this and `other` are two values of one parameter by their looks alone.
    pub(super) fn is_alike(&self, other: &Slot) -> bool {
        use Kind::{Dotted, Mixed, Open, Wild};
        match (self.kind, other.kind) {
            (Mixed, Mixed) => self.skeleton == other.skeleton,
            (Dotted, Dotted) => true,
            (Wild | Open, Wild | Open | Mixed | Dotted) | (Mixed | Dotted, Wild | Open) => true,
            _ => false,
        }
    }
}

/// Words behind which a name stands.
const NAMING: [&[u8]; 10] = [
    b"user",
    b"username",
    b"account",
    b"host",
    b"hostname",
    b"file",
    b"device",
    b"interface",
    b"named",
    b"called",
];

fn is_named(key: &[u8], start: usize, end: usize, before: Option<&Slot>) -> bool {
    let previous = if start == 0 { b' ' } else { key[start - 1] };
    let next = key.get(end).copied().unwrap_or(b' ');
    let named = before.is_some_and(|slot| {
        let word = &key[slot.start as usize..slot.end as usize];
        slot.end as usize + 1 == start && previous == b' ' && NAMING.contains(&word)
    });
    let quoted = matches!(previous, b'"' | b'\'') && next == previous;
    quoted || named
}

fn skeleton(word: &[u8]) -> u64 {
    let mut text = Vec::with_capacity(word.len());
    for byte in word {
        let digit = byte.is_ascii_digit();
        if !digit || text.last() != Some(&b'0') {
            text.push(if digit { b'0' } else { *byte });
        }
    }
    xxh3_64(&text)
}

/// The length of the word at `at`; 0 when a separator stands there.
fn word_length(key: &[u8], at: usize) -> usize {
    let inside = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || byte >= 0x80
            || byte == WILD
            || matches!(byte, b'_' | b'-' | b'/' | b'\\' | b'~' | b'$' | b'%')
    };
    let mut length = 0;
    while let Some(&byte) = key.get(at + length) {
        // A dot holds a word together only between its parts; leaders and ends do not.
        let dot =
            byte == b'.' && length > 0 && key.get(at + length + 1).is_some_and(|b| inside(*b));
        if !inside(byte) && !dot {
            break;
        }
        length += 1;
    }
    length
}
