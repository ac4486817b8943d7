//! Lines for a terminal: colours when wanted, bars, wrapping.

use crate::emit::wire::SeverityWord;

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Bold,
    Dim,
    Red,
    Yellow,
    Green,
    Cyan,
}

/// Paints or leaves as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brush {
    pub(super) color: bool,
}

impl Brush {
    pub(super) fn paint(self, look: Look, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match look {
            Look::Bold => 1,
            Look::Dim => 2,
            Look::Red => 31,
            Look::Green => 32,
            Look::Yellow => 33,
            Look::Cyan => 36,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    pub(super) fn severity(self, severity: SeverityWord, text: &str) -> String {
        match severity {
            SeverityWord::Fatal | SeverityWord::Critical => self.paint(Look::Red, text),
            SeverityWord::Error | SeverityWord::Warning => self.paint(Look::Yellow, text),
            SeverityWord::Info | SeverityWord::Debug => self.paint(Look::Dim, text),
        }
    }
}

/// A bar of `width` cells of which `share` (0 to 1) are full; something is never nothing.
pub(super) fn bar(share: f64, width: usize) -> String {
    let cells = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    let cells = if share > 0.0 { cells.max(1) } else { 0 };
    let mut bar = "█".repeat(cells);
    bar.push_str(&"·".repeat(width - cells));
    bar
}

/// Breaks text at spaces so that no line is longer than `width`, where words allow.
///
/// A number stays with its unit: "3" at the end of a line reads as something else than "3 min";
/// and "< 1 %" is one thing.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match pieces.last_mut() {
            Some(piece)
                if piece.ends_with(['<', '>'])
                    || is_unit(word) && piece.ends_with(|c: char| c.is_ascii_digit()) =>
            {
                piece.push(' ');
                piece.push_str(word);
            }
            _ => pieces.push(word.to_owned()),
        }
    }
    let mut lines = vec![String::new()];
    for piece in pieces {
        let line = lines.last_mut().map(|line| (line.chars().count(), line));
        match line {
            Some((0, line)) => line.push_str(&piece),
            Some((used, line)) if used + 1 + piece.chars().count() <= width => {
                line.push(' ');
                line.push_str(&piece);
            }
            _ => lines.push(piece),
        }
    }
    lines
}

fn is_unit(word: &str) -> bool {
    let bare = word.trim_end_matches(|c: char| c.is_ascii_punctuation() && c != '%');
    matches!(bare, "%" | "ms" | "s" | "min" | "h" | "d")
}

/// The sentences of a text: each ends with a full stop, and the next begins with a capital,
/// a digit or the name of an entity.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(at) = rest[from..].find(". ").map(|at| from + at) {
        let next = rest[at + 2..].split(' ').next().unwrap_or_default();
        let begins = next.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit())
            || next.contains(':');
        if begins {
            sentences.push(&rest[..=at]);
            rest = &rest[at + 2..];
            from = 0;
        } else {
            from = at + 2;
        }
    }
    sentences.push(rest);
    sentences
}

/// Text filled up with spaces to `width` characters.
pub(super) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}
