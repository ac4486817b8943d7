//! How events lie in bytes: lines, bodies, and stretches of an array.

use super::frame::{
    Element, Elements, Lines, closes_on_its_line, elements, line_feeds, trim, trim_start,
};
use super::intake::Payload;
use super::json::Fault;
use super::reject::Code;
use super::{Decoder, Format};
use serde::{Deserialize, Serialize};

/// How the bytes hold events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// Lines, each an event or an array of them, cut at a line feed; one over the limit may
    /// be cut short.
    Lines,
    /// A complete body: lines, one array, or one object over several lines.
    Body,
    /// A stretch of an array that is the value of a whole stream: its opening bracket is
    /// left out, and where it goes on a closing one stands for the comma.
    Elements {
        /// The number of its first element in the array, from 1.
        first: u64,
    },
}

impl Decoder {
    /// Decodes what `bytes` hold and says how many lines or elements they were.
    pub(super) fn framed(
        &mut self,
        format: Format,
        framing: Framing,
        bytes: &[u8],
        first_line: u64,
    ) -> u64 {
        match framing {
            Framing::Lines => self.lines(format, bytes, first_line, true),
            Framing::Body => self.body(format, bytes, first_line),
            Framing::Elements { first } => self.stretch(format, bytes, first_line, first),
        }
    }

    /// Lines; `may_be_cut` when one over the limit may have been cut before it came here.
    fn lines(&mut self, format: Format, bytes: &[u8], first: u64, may_be_cut: bool) -> u64 {
        let mut line = first;
        for text in Lines::of(bytes) {
            let text = trim(text);
            match text.first() {
                None => {}
                Some(b'[') if may_be_cut && self.is_over(text) => self.oversize(line, text),
                Some(b'[') => {
                    for (at, element) in elements(text).into_iter().flatten().enumerate() {
                        self.intake.set_element(Some(at as u64 + 1));
                        self.element(format, line, element);
                    }
                    self.intake.set_element(None);
                }
                // Where wrappers may be larger than events, lines still may not.
                Some(_) if may_be_cut && self.is_over(text) => self.oversize(line, text),
                Some(_) => self.text(format, line, text),
            }
            line += 1;
        }
        line - first
    }

    fn body(&mut self, format: Format, bytes: &[u8], first: u64) -> u64 {
        let text = trim(bytes);
        let line = Lines::of(text).next().map(trim).unwrap_or_default();
        // What goes on behind a line that is an array by itself consists of lines.
        let is_first_of_several = line.len() < text.len() && closes_on_its_line(line);
        if let Some(elements) = elements(text).filter(|_| !is_first_of_several) {
            let mut line = first;
            for element in elements {
                self.element(format, line, element);
                line += 1;
            }
            return line - first;
        }
        if self.is_one_object(format, line, text) {
            self.text(format, first, text);
            return 1;
        }
        self.lines(format, bytes, first, false)
    }

    /// Whether a body that is not an array is one object over several lines: its first line is
    /// not one by itself. What does not begin as an object is none, whatever is wrong with it.
    fn is_one_object(&mut self, format: Format, first: &[u8], text: &[u8]) -> bool {
        let is_one_line = first.len() == text.len();
        if is_one_line || !text.starts_with(b"{") || text.len() > self.text_bytes_max(format) {
            return false;
        }
        let mut whole = |text| match self.reader.parse(text, |root| root.is_object()) {
            Ok(object) => object,
            Err(fault) => matches!(fault, Fault::Depth | Fault::Number(_)),
        };
        !whole(first) && whole(text)
    }

    fn stretch(&mut self, format: Format, bytes: &[u8], first_line: u64, first: u64) -> u64 {
        let mut elements = Elements::stretch(bytes, first == 1);
        let (mut line, mut number) = (first_line, first);
        loop {
            let ahead = elements.rest();
            let Some(element) = elements.next() else { break };
            let own_line = line + line_feeds(&ahead[..ahead.len() - trim_start(ahead).len()]);
            line += line_feeds(&ahead[..ahead.len() - elements.rest().len()]);
            self.intake.set_element(Some(number));
            number += 1;
            match element {
                Element::Text(text) | Element::Torn(text) if self.is_over(text) => {
                    self.oversize(own_line, text);
                }
                Element::Torn(text) => {
                    let message = "the input ends here and the array is not closed: `]` is missing";
                    self.intake.reject(own_line, Payload::Raw(text), Code::E001, "", message);
                }
                Element::Text(text) => self.text(format, own_line, text),
            }
        }
        self.intake.set_element(None);
        line - first_line
    }

    fn element(&mut self, format: Format, line: u64, element: Element<'_>) {
        match element {
            Element::Text(text) => self.text(format, line, text),
            Element::Torn(text) => {
                let message = "the array is not closed, or something follows it";
                self.intake.reject(line, Payload::Raw(text), Code::E001, "", message);
            }
        }
    }

    fn is_over(&self, text: &[u8]) -> bool {
        text.len() > self.intake.source().limits.event_bytes_max
    }

    /// Refuses what is too large for an event, or was cut because it is.
    #[cold]
    pub(super) fn oversize(&mut self, line: u64, text: &[u8]) {
        let message = format!("{} bytes are more than event_bytes_max", text.len());
        self.intake.reject(line, Payload::Raw(text), Code::E002, "", message);
    }
}
