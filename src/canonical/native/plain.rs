//! The short way for the lines that come by the million: alerts and signals of plain fields.
//!
//! A line takes it when it has no escapes and nothing odd: fields and labels
//! are strings, instants and severity strings or integers, and what is nested
//! otherwise is only stepped over. Null is absent. Everything else, whether sound or broken,
//! is left to the tape, which gives the same answer for every line that both
//! take; a test holds them to that.
//!
//! Labels are stepped over at first: most lines spell their alert as a line
//! before them did, and then the hash of that spelling is all that is wanted.

use super::fields::{Field, field_of};
use super::lookup::{Lookup, known_schema};
use super::signal::{Own, nanoseconds};
use super::walk::{Span, Value, Walk};
use crate::canonical::decoded::Kind;
use crate::canonical::intake::{Labels, SeverityGiven};
use crate::canonical::reject::Quality;
use crate::canonical::time::instant_text;
use causeway_dataflows::model::push_part;

/// A line taken apart.
pub(super) struct Plain<'a> {
    text: &'a str,
    /// Where the texts of fields begin and end; an end of zero for absent ones.
    texts: [(u32, u32); Field::PLAIN],
    /// Instants and severity given as integers, by [`integer_place`].
    integers: [Option<i64>; 4],
    /// What it tells of: an alert or a signal.
    pub(super) kind: Kind,
    /// Where the labels are.
    labels: Option<Span>,
    /// Where the metric is.
    metric: Option<Span>,
    /// Where the span is.
    span: Option<Span>,
    /// The number of a metric.
    value: Option<f64>,
    unknown: u64,
}

impl<'a> Plain<'a> {
    /// Takes a line apart, if it is an alert or a signal and plain; `marks` is its structure.
    #[inline]
    pub(super) fn of(text: &'a str, marks: &[u32], keys_max: usize) -> Option<Self> {
        let mut plain = Plain {
            text,
            texts: [(0, 0); Field::PLAIN],
            integers: [None; 4],
            kind: Kind::Other,
            labels: None,
            metric: None,
            span: None,
            value: None,
            unknown: 0,
        };
        let mut walk = Walk { text, marks, at: 0 };
        walk.members(keys_max, |walk, key| plain.member(walk, key))?;
        let alone = walk.at == marks.len();
        plain.kind = short_kind(plain.text(Field::Kind))?;
        alone.then_some(plain)
    }

    #[inline]
    fn member(&mut self, walk: &mut Walk<'a, '_>, key: &'a str) -> Option<()> {
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
            // Of two the last holds, but the first must be sound as well: the tape sees to that.
            if self.labels.is_some() {
                return None;
            }
            self.labels = Some(walk.flat()?);
            return Some(());
        }
        // What the tape would call mistyped is left to it.
        let byte = walk.byte()?;
        field.may_begin(byte).then_some(())?;
        match field {
            Field::Metric if byte == b'{' => {
                self.metric = Some(walk.flat()?);
                return Some(());
            }
            Field::Metric => self.metric = None,
            Field::Span if byte == b'{' => {
                self.span = Some(walk.flat()?);
                return Some(());
            }
            Field::Span => self.span = None,
            // A value that is no number is worth a word.
            Field::Value if byte == b'"' => return None,
            Field::Value => {
                self.value = walk.number()?;
                return Some(());
            }
            _ => {}
        }
        walk.skip()
    }

    /// Writes what says which alert a line without a key of its source is about and who speaks,
    /// so that no two different lists of parts are the same bytes.
    #[inline]
    pub(super) fn spell(&self, out: &mut Vec<u8>) {
        const OFTEN: [Field; 3] = [Field::Name, Field::Entity, Field::Source];
        const RARELY: [Field; 5] =
            [Field::Service, Field::Env, Field::Region, Field::Host, Field::Instance];
        let rare = RARELY.iter().any(|field| self.texts[*field as usize].1 > 0);
        out.push(u8::from(rare));
        let mut part = |field: Field| {
            let text = self.text(field);
            push_part(out, text.as_bytes());
        };
        OFTEN.into_iter().for_each(&mut part);
        if rare {
            RARELY.into_iter().for_each(&mut part);
        }
        if let Some(span) = self.labels {
            out.extend_from_slice(&self.text.as_bytes()[span.start as usize..span.end as usize]);
        }
    }

    /// Whether what was only stepped over is sound: of a signal nobody takes it apart later.
    #[inline]
    pub(super) fn is_sound(&self, marks: &[u32]) -> bool {
        self.labels.is_none_or(|labels| self.is_span_sound(labels, marks))
            && self.is_sound_beside_labels(marks)
    }

    /// The same without labels: those of an alert are taken apart, or are spelled as some that were.
    #[inline]
    pub(super) fn is_sound_beside_labels(&self, marks: &[u32]) -> bool {
        [self.metric, self.span].iter().flatten().all(|span| self.is_span_sound(*span, marks))
    }

    fn is_span_sound(&self, span: Span, marks: &[u32]) -> bool {
        let mut walk = Walk { text: self.text, marks, at: span.mark as usize };
        walk.skip().is_some() && walk.is_behind(&span)
    }

    /// Whether there is a span.
    pub(super) fn has_span(&self) -> bool {
        self.span.is_some()
    }

    /// What the metric or the span says; `None` where the tape has to look.
    pub(super) fn own(&self, marks: &[u32], keys_max: usize) -> Option<Own<'a>> {
        let mut own = Own { value: self.value, ..Own::default() };
        let part = if self.kind == Kind::Span { self.span } else { self.metric };
        let Some(part) = part else { return Some(own) };
        let mut walk = Walk { text: self.text, marks, at: part.mark as usize };
        walk.members(keys_max, |walk, key| {
            let text = match key {
                "name" => &mut own.name,
                "type" => &mut own.r#type,
                "temporality" => &mut own.temporality,
                "status" => &mut own.status,
                "peer" => &mut own.peer,
                "unit" => {
                    own.unit = Some(walk.string()?);
                    return Some(());
                }
                "monotonic" => {
                    own.monotonic = walk.bool()?;
                    return Some(());
                }
                "duration_ns" => {
                    own.duration_ns = walk.number()?.and_then(nanoseconds);
                    return Some(());
                }
                _ => return walk.skip(),
            };
            *text = walk.string()?;
            Some(())
        })?;
        walk.is_behind(&part).then_some(own)
    }

    /// The labels, taken apart; `None` when they are none of the short way's.
    pub(super) fn labels(
        &self,
        marks: &[u32],
        keys_max: usize,
        quality: &mut Quality,
    ) -> Option<Labels<'a>> {
        let mut labels = Labels::new();
        if let Some(span) = self.labels {
            let mut walk = Walk { text: self.text, marks, at: span.mark as usize };
            walk.members(keys_max, |walk, key| {
                labels.push(key, walk.string()?, quality);
                Some(())
            })?;
            walk.is_behind(&span).then_some(())?;
        }
        Some(labels)
    }
}

/// The kinds that take the short way.
#[inline]
fn short_kind(word: &str) -> Option<Kind> {
    Some(match word {
        "alert" => Kind::Alert,
        "metric" => Kind::Metric,
        "log" => Kind::Log,
        "span" => Kind::Span,
        "heartbeat" => Kind::Heartbeat,
        _ => return None,
    })
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
