//! `causeway explain` and `causeway graph`: incidents and their neighbourhood for people.
//!
//! Reads what sinks wrote and nothing else, so that an explanation can be had of
//! any file of incidents, on any machine, long after the engine is gone.

use crate::emit::wire::Revision;
use serde_json::Value;

pub mod find;
pub mod dot;
pub mod graph;
mod paint;
mod text;
#[cfg(test)]
mod tests;

pub use find::{ExplainError, find, find_in};
pub(crate) use paint::wrap;

/// How an explanation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// For a terminal.
    Text {
        /// Columns; lines are wrapped where words allow.
        width: usize,
        /// Whether to use colours.
        color: bool,
    },
    /// The revision itself, indented.
    Json,
    /// The incident's graph in the language of Graphviz.
    Dot,
}

/// Writes the explanation of one revision, with a newline at its end.
pub fn render(revision: &Revision, style: Style) -> String {
    match style {
        Style::Text { width, color } => text::render(&harmless(revision), width, color),
        Style::Dot => dot::render(&harmless(revision)),
        Style::Json => {
            // Every map key is a string and every number finite, so writing cannot fail.
            let json = serde_json::to_string_pretty(revision);
            json.unwrap_or_else(|error| unreachable!("revision: {error}")) + "\n"
        }
    }
}

/// The revision without characters that would do something to a terminal.
///
/// Texts of events come from anywhere; an escape sequence in a summary must not
/// clear the screen of whoever reads it.
fn harmless(revision: &Revision) -> Revision {
    fn walk(value: &mut Value) {
        match value {
            Value::String(text) => *text = plain(text),
            Value::Array(items) => items.iter_mut().for_each(walk),
            Value::Object(fields) => {
                let entries = std::mem::take(fields);
                for (key, mut field) in entries {
                    walk(&mut field);
                    fields.insert(plain(&key), field);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let rewritten = serde_json::to_value(revision).and_then(|mut value| {
        walk(&mut value);
        serde_json::from_value(value)
    });
    // Only free text holds such characters, and any text is valid there.
    rewritten.unwrap_or_else(|error| unreachable!("revision: {error}"))
}

/// Text with line breaks and tabs as spaces, and other characters of control made visible.
fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' | '\r' | '\t' => ' ',
            // Marks that turn the direction of text can make it read as something else.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                '\u{fffd}'
            }
            letter if letter.is_control() => '\u{fffd}',
            letter => letter,
        })
        .collect()
}
