//! The short way for the lines that come by the million: alerts of plain fields.
//!
//! A line takes it when it has no escapes and nothing odd: fields and labels
//! are strings, instants and severity strings or integers, and what is nested
//! otherwise is only stepped over. Null is absent. Everything else, whether sound or broken,
//! is left to the tape, which gives the same answer for every line that both
//! take; a test holds them to that.

use super::fields::{Field, field_of};
use super::lookup::{Lookup, known_schema};
use crate::canonical::intake::{Labels, SeverityGiven};
use crate::canonical::reject::Quality;
use crate::canonical::time::instant_text;

/// An alert line taken apart.
pub(super) struct Plain<'a> {
    text: &'a str,
    /// Where the texts of fields begin and end; an end of zero for absent ones.
    texts: [(u32, u32); Field::PLAIN],
    /// Instants and severity given as integers, by [`integer_place`].
    integers: [Option<i64>; 4],
    /// The identity labels.
    pub(super) labels: Labels<'a>,
    /// What was cut.
    pub(super) quality: Quality,
    unknown: u64,
}

impl<'a> Plain<'a> {
    /// Takes a line apart, if it is an alert and plain; `marks` is its structure.
    #[inline]
    pub(super) fn of(text: &'a str, marks: &[u32], keys_max: usize) -> Option<Self> {
        let mut plain = Plain {
            text,
            texts: [(0, 0); Field::PLAIN],
            integers: [None; 4],
            labels: Labels::new(),
            quality: Quality::default(),
            unknown: 0,
        };
        let mut walk = Walk { text, marks, at: 0 };
        walk.members(keys_max, |walk, key| plain.member(walk, key, keys_max))?;
        let alone = walk.at == marks.len();
        (alone && plain.text(Field::Kind) == "alert").then_some(plain)
    }

    #[inline]
    fn member(&mut self, walk: &mut Walk<'a, '_>, key: &'a str, keys_max: usize) -> Option<()> {
        let Some(field) = field_of(key) else {
            self.unknown += 1;
            return walk.skip();
        };
        let place = field as usize;
        if place < Field::PLAIN {
            let integer = integer_place(field);
            if let Some(integer) = integer {
                self.integers[integer] = None;
            }
            if walk.byte()? == b'"' {
                self.texts[place] = walk.bounds()?;
                return Some(());
            }
            self.texts[place] = (0, 0);
            match walk.value()? {
                Value::Integer(number) if integer.is_some() => {
                    self.integers[integer?] = Some(number);
                }
                Value::Null => {}
                // A fraction may still be a whole number; a body may be anything.
                _ if field == Field::Body => {}
                _ => return None,
            }
            return Some(());
        }
        if field == Field::Labels {
            self.labels = Labels::new();
            self.quality = Quality::default();
            return walk.members(keys_max, |walk, key| {
                self.labels.push(key, walk.string()?, &mut self.quality);
                Some(())
            });
        }
        // What the tape would call mistyped is left to it.
        field.may_begin(walk.byte()?).then_some(())?;
        walk.skip()
    }
}

/// Fields that may be integers.
#[inline]
fn integer_place(field: Field) -> Option<usize> {
    match field {
        Field::Time => Some(0),
        Field::ObservedTime => Some(1),
        Field::EndTime => Some(2),
        Field::Severity => Some(3),
        _ => None,
    }
}

impl<'a> Lookup<'a> for Plain<'a> {
    #[inline]
    fn text(&self, field: Field) -> &'a str {
        let (start, end) = self.texts[field as usize];
        &self.text[start as usize..end as usize]
    }

    #[inline]
    fn instant(&self, field: Field) -> Option<i64> {
        match self.text(field) {
            "" => self.integers[integer_place(field)?],
            text => instant_text(text),
        }
    }

    #[inline]
    fn severity(&self) -> SeverityGiven<'a> {
        if self.texts[Field::Severity as usize].1 > 0 {
            return SeverityGiven::Word(self.text(Field::Severity));
        }
        let number = integer_place(Field::Severity).and_then(|place| self.integers[place]);
        number.map_or(SeverityGiven::Absent, SeverityGiven::Number)
    }

    #[inline]
    fn check_schema(&self) -> Result<(), &'a str> {
        if self.texts[Field::Schema as usize].1 == 0 {
            return Ok(());
        }
        known_schema(self.text(Field::Schema))
    }

    #[inline]
    fn unknown(&self) -> u64 {
        self.unknown
    }
}

/// What a value that is no string is.
enum Value {
    Integer(i64),
    /// A number that is no integer of 64 bits as it stands.
    Fraction,
    Null,
    /// A truth value, an object or an array.
    Other,
}

/// A walk over a text along its structure.
struct Walk<'a, 'm> {
    text: &'a str,
    marks: &'m [u32],
    at: usize,
}

impl<'a> Walk<'a, '_> {
    /// The byte at the current mark.
    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(*self.marks.get(self.at)? as usize).copied()
    }

    /// Where the string at the current mark begins and ends; goes on behind it.
    #[inline]
    fn bounds(&mut self) -> Option<(u32, u32)> {
        let (open, next) = (*self.marks.get(self.at)?, *self.marks.get(self.at + 1)?);
        self.at += 1;
        let bytes = self.text.as_bytes();
        let mut end = next as usize - 1;
        // Between the closing quote and the next mark is only white space.
        while *bytes.get(end)? != b'"' {
            end -= 1;
        }
        (end > open as usize).then_some((open + 1, end as u32))
    }

    /// The string at the current mark.
    #[inline]
    fn string(&mut self) -> Option<&'a str> {
        if self.byte()? != b'"' {
            return None;
        }
        let (start, end) = self.bounds()?;
        self.text.get(start as usize..end as usize)
    }

    /// The members of the object at the current mark; `each` must go behind the value.
    #[inline]
    fn members(
        &mut self,
        keys_max: usize,
        mut each: impl FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<()> {
        if self.byte()? != b'{' {
            return None;
        }
        self.at += 1;
        if self.byte()? == b'}' {
            self.at += 1;
            return Some(());
        }
        for _ in 0..keys_max {
            let key = self.string()?;
            if self.byte()? != b':' {
                return None;
            }
            self.at += 1;
            each(self, key)?;
            let after = self.byte()?;
            self.at += 1;
            match after {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
        None
    }

    /// Goes behind the value at the current mark, whatever it is.
    #[inline]
    fn skip(&mut self) -> Option<()> {
        if self.byte()? == b'"' {
            self.bounds()?;
            return Some(());
        }
        self.value()?;
        Some(())
    }

    /// The value at the current mark, which is no string; goes behind it.
    fn value(&mut self) -> Option<Value> {
        match self.byte()? {
            b'{' | b'[' => {
                self.nested()?;
                Some(Value::Other)
            }
            _ => self.bare(),
        }
    }

    /// A number, a truth value or `null`.
    fn bare(&mut self) -> Option<Value> {
        let (start, next) = (*self.marks.get(self.at)?, *self.marks.get(self.at + 1)?);
        self.at += 1;
        let token = self.text.get(start as usize..next as usize)?;
        match token.trim_ascii_end() {
            "true" | "false" => Some(Value::Other),
            "null" => Some(Value::Null),
            number => bare_number(number),
        }
    }

    /// Goes behind an object or an array, checking what the tape would check.
    fn nested(&mut self) -> Option<()> {
        // One bit a level, set for an object; deeper than the bits is the tape's business.
        const LEVELS: u32 = 32;
        let (mut objects, mut depth) = (0u64, 0u32);
        loop {
            let open = self.byte()?;
            let opened = match open {
                b'{' | b'[' => {
                    depth += 1;
                    objects = objects << 1 | u64::from(open == b'{');
                    self.at += 1;
                    self.byte()? != open + 2
                }
                b'"' => {
                    self.bounds()?;
                    false
                }
                _ => {
                    self.bare()?;
                    false
                }
            };
            if depth > LEVELS {
                return None;
            }
            if opened {
                self.key_of(objects)?;
                continue;
            }
            // A value has ended: close what it was the last of.
            loop {
                let close = if objects & 1 == 1 { b'}' } else { b']' };
                let byte = self.byte()?;
                self.at += 1;
                if byte == b',' {
                    self.key_of(objects)?;
                    break;
                }
                if byte != close {
                    return None;
                }
                objects >>= 1;
                depth -= 1;
                if depth == 0 {
                    return Some(());
                }
            }
        }
    }

    /// Goes behind the key and its colon when inside an object.
    fn key_of(&mut self, objects: u64) -> Option<()> {
        if objects & 1 == 0 {
            return Some(());
        }
        self.string()?;
        if self.byte()? != b':' {
            return None;
        }
        self.at += 1;
        Some(())
    }
}

/// Reads an integer; a fraction is only checked. Numbers that might not fit are left to the tape.
fn bare_number(token: &str) -> Option<Value> {
    let digits = token.strip_prefix('-').unwrap_or(token).as_bytes();
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 || count > 19 || (digits[0] == b'0' && count > 1) {
        return None;
    }
    if count == digits.len() {
        return token.parse().ok().map(Value::Integer);
    }
    let mut rest = &digits[count..];
    if let Some(after) = rest.strip_prefix(b".") {
        let count = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = &after[count..];
        if count == 0 {
            return None;
        }
    }
    // Exponents are rare, and some are beyond a double.
    rest.is_empty().then_some(Value::Fraction)
}
