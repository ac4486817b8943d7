//! Streams that hold one JSON array: cut between its elements, in bounded memory.
//!
//! Whether a stream is one is decided by its first byte that is not blank. An
//! array that closes on the line on which it opens is a line like others; any
//! other is cut between elements, of which only brackets and strings are looked
//! at, so that a broken element costs its own reject. Behind its closing bracket
//! the same is decided again.

use super::{Chunk, Chunker, CutLine};
use crate::canonical::Framing;
use crate::canonical::frame::{ElementScan, closes_on_its_line, line_feeds, trim_start};
use std::io::{self, Read};

/// What some editors begin a text with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How a stream holds events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Only blanks were seen.
    Undecided,
    /// A line each, to the end of the stream.
    Lines,
    /// An array has begun.
    Array(Place),
}

/// Where in an array the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the next element, from 1.
    next: u64,
    /// What the bytes in hand that were looked at say.
    scan: ElementScan,
    /// How many they are.
    scanned: usize,
    /// The element is too long and is being skipped.
    skipping: bool,
}

impl Place {
    fn before(next: u64) -> Self {
        Place { next, scan: ElementScan::default(), scanned: 0, skipping: false }
    }
}

impl<R: Read> Chunker<R> {
    /// The next elements; `None` when there are none for now, or when the stream proves to
    /// consist of lines.
    pub(super) fn next_stretch(&mut self) -> io::Result<Option<Chunk>> {
        loop {
            let before = (self.shape, self.done);
            let found = match self.shape {
                Shape::Lines => return Ok(None),
                Shape::Undecided => self.decide(),
                Shape::Array(place) if place.skipping => {
                    self.skip(place);
                    None
                }
                Shape::Array(place) => self.elements_in_hand(place),
            };
            if found.is_some() {
                return Ok(found);
            }
            if (self.shape, self.done) != before {
                continue;
            }
            if let Shape::Array(place) = self.shape
                && self.hand().len() > self.limits.line_bytes_max
            {
                return Ok(Some(self.cut_element(place)));
            }
            if !self.read_on()? {
                return Ok(None);
            }
        }
    }

    /// What ends an array that the stream does not close.
    pub(super) fn torn(&mut self) -> Option<Chunk> {
        let Shape::Array(place) = self.shape else { return None };
        let bytes = self.hand().to_vec();
        let next = place.next + u64::from(place.skipping);
        let chunk = self.stretch(bytes, next);
        self.consume(self.hand().len());
        self.shape = Shape::Undecided;
        Some(chunk)
    }

    fn hand(&self) -> &[u8] {
        &self.carry[self.done..]
    }

    /// Reads more behind what is in hand; `false` when there is nothing for now.
    fn read_on(&mut self) -> io::Result<bool> {
        let mut bytes = std::mem::take(&mut self.carry);
        bytes.drain(..self.done);
        self.done = 0;
        let before = bytes.len();
        let filled = self.refill(&mut bytes);
        let grew = bytes.len() > before;
        self.carry = bytes;
        match filled {
            Err(damage) if grew => self.damage = Some(damage),
            Err(damage) => return Err(damage),
            Ok(_) => {}
        }
        Ok(grew)
    }

    /// Decides by the first byte that is not blank. Blank lines are handed on as they are.
    fn decide(&mut self) -> Option<Chunk> {
        let hand = self.hand();
        if self.offset == 0
            && hand.len() < BYTE_ORDER_MARK.len()
            && BYTE_ORDER_MARK.starts_with(hand)
        {
            return None;
        }
        let mark = match self.offset == 0 && hand.starts_with(BYTE_ORDER_MARK) {
            true => BYTE_ORDER_MARK.len(),
            false => 0,
        };
        let text = &hand[mark..];
        let blank = text.len() - trim_start(text).len();
        match text.get(blank) {
            None => {
                let end = super::last_line_feed(hand)?;
                let lines = hand[..end].to_vec();
                self.done += end;
                Some(self.chunk(lines, Vec::new()))
            }
            Some(b'[') if !closes_on_its_line(self.at_most_a_line(&text[blank..])) => {
                self.consume(mark + blank + 1);
                self.shape = Shape::Array(Place::before(1));
                None
            }
            Some(_) => {
                self.carry.drain(..self.done);
                self.done = 0;
                self.shape = Shape::Lines;
                None
            }
        }
    }

    /// No more of a text than a line may have: more need not be looked at.
    fn at_most_a_line<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[..text.len().min(self.limits.line_bytes_max)]
    }

    /// All elements that end within what is in hand.
    fn elements_in_hand(&mut self, mut place: Place) -> Option<Chunk> {
        if place.scanned == 0 {
            // So that an element begins on its own line, and blanks are not held for ever.
            self.consume(self.hand().len() - trim_start(self.hand()).len());
        }
        let hand = &self.carry[self.done..];
        let (mut end, mut count, mut closed) = (None, 0, false);
        while let Some(at) = place.scan.stop(&hand[place.scanned..]) {
            end = Some(place.scanned + at);
            place.scanned += at + 1;
            count += 1;
            closed = hand[place.scanned - 1] == b']';
            if closed {
                break;
            }
        }
        let Some(end) = end else {
            place.scanned = hand.len();
            self.shape = Shape::Array(place);
            return None;
        };
        let mut bytes = hand[..end].to_vec();
        bytes.push(b']');
        let chunk = self.stretch(bytes, place.next);
        self.consume(end + 1);
        // What is behind the last comma is looked at again: it is less than one element.
        let next = Place::before(place.next + count);
        self.shape = if closed { Shape::Undecided } else { Shape::Array(next) };
        Some(chunk)
    }

    /// The head of an element over the limit; its tail is skipped.
    fn cut_element(&mut self, place: Place) -> Chunk {
        let (line, begin) = (self.next_line, self.offset);
        let mut chunk = self.stretch(self.head_of(self.hand()), place.next);
        self.shape = Shape::Array(Place { skipping: true, ..place });
        let ended = loop {
            let Shape::Array(place @ Place { skipping: true, .. }) = self.shape else { break true };
            self.skip(place);
            match self.is_skipping().then(|| self.read_on()) {
                None | Some(Ok(true)) => {}
                Some(Ok(false)) => break false,
                Some(Err(damage)) => {
                    self.damage = Some(damage);
                    break false;
                }
            }
        };
        // When the stream pauses inside the element, its length is what was seen of it.
        let bytes = self.offset - begin - u64::from(ended);
        chunk.cut.push(CutLine { line, bytes });
        chunk
    }

    fn is_skipping(&self) -> bool {
        matches!(self.shape, Shape::Array(Place { skipping: true, .. }))
    }

    /// Drops what is in hand of an element that is skipped, up to its end.
    fn skip(&mut self, mut place: Place) {
        let hand = &self.carry[self.done..];
        let Some(at) = place.scan.stop(&hand[place.scanned..]) else {
            self.consume(hand.len());
            self.shape = Shape::Array(Place { scanned: 0, ..place });
            return;
        };
        let end = place.scanned + at;
        let closed = hand[end] == b']';
        self.consume(end + 1);
        let next = Place::before(place.next + 1);
        self.shape = if closed { Shape::Undecided } else { Shape::Array(next) };
    }

    /// Moves on behind some bytes in hand.
    fn consume(&mut self, count: usize) {
        self.next_line += line_feeds(&self.carry[self.done..self.done + count]);
        self.offset += count as u64;
        self.done += count;
    }

    /// Wraps up elements that begin where the stream is.
    fn stretch(&self, bytes: Vec<u8>, first: u64) -> Chunk {
        Chunk {
            origin: self.origin(),
            first_line: self.next_line,
            framing: Framing::Elements { first },
            bytes,
            cut: Vec::new(),
        }
    }
}
