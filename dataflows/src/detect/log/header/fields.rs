//! The fields between a timestamp and the message.

use super::level::{Spelling, level};
use super::names::{NAME_BYTES_MAX, is_field, is_logger, is_name};

/// Walks over fields.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Behind the blanks at `at`.
pub(super) fn skip_blank(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| matches!(**byte, b' ' | b'\t')).count()
}

/// Behind the word at `at`.
pub(super) fn token_end(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| !matches!(**byte, b' ' | b'\t')).count()
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        let closing = |byte: &&u8| matches!(**byte, b',' | b':' | b';');
        let at = at + bytes[at..].iter().take_while(closing).count();
        Fields { bytes, at }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn back(&mut self, at: usize) {
        self.at = at;
    }

    /// Where the message begins.
    pub(super) fn end(&self) -> usize {
        self.at.min(self.bytes.len())
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// What begins at `start`, as far as a name can reach.
    fn window(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.bytes.len().min(start + NAME_BYTES_MAX)]
    }

    /// The next word, which is passed.
    pub(super) fn token(&mut self) -> Option<&'a [u8]> {
        let (token, end) = self.peek(self.at);
        self.at = end;
        (!token.is_empty()).then_some(token)
    }

    /// The next word behind `from`, and where it ends.
    fn peek(&self, from: usize) -> (&'a [u8], usize) {
        let start = skip_blank(self.bytes, from);
        let end = token_end(self.bytes, start);
        (&self.bytes[start..end], end)
    }

    /// A program with its process: `cron[12]: `, `su(pam)[3]: `, `kernel: `, `A B[4] (c.d): `.
    pub(super) fn program(&mut self) -> bool {
        let start = skip_blank(self.bytes, self.at);
        let window = self.window(start);
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-/() @+#".contains(byte);
        let Some(stop) = window.iter().position(|byte| !plain(byte)) else { return false };
        let name = &window[..stop];
        if name.is_empty() || matches!(name[0], b' ' | b'-') {
            return false;
        }
        let mut words = name.split(|byte| *byte == b' ');
        let last = words.next_back().unwrap_or(name);
        let before = words.count();
        let mut end = stop;
        if window[stop] == b'[' {
            let digits = window[stop + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if window.get(stop + 1 + digits) != Some(&b']') || before > 3 {
                return false;
            }
            end = stop + 2 + digits;
            // A service in brackets between process and colon.
            if window[end..].starts_with(b" (")
                && let Some(close) = window[end..].iter().position(|byte| *byte == b')')
            {
                end += close + 1;
            }
        } else if before > 1 || (before == 1 && !last.first().is_some_and(u8::is_ascii_digit)) {
            // Without a process one word, or a word and its version.
            return false;
        }
        let closed = matches!(window.get(end + 1), None | Some(b' ' | b'\t'));
        if window.get(end) != Some(&b':') || !closed {
            return false;
        }
        self.at = start + end + 1;
        true
    }

    /// Host, program, process, id and structured data of RFC 5424.
    pub(super) fn structured(&mut self) {
        for _ in 0..4 {
            self.token();
        }
        let start = skip_blank(self.bytes, self.at);
        self.at = match self.bytes.get(start) {
            Some(b'-') => start + 1,
            Some(b'[') => {
                let close = self.bytes[start..].windows(2).position(|pair| pair == b"] ");
                close.map_or(self.bytes.len(), |close| start + close + 1)
            }
            _ => start,
        };
    }

    /// Whatever follows a timestamp that is not syslog's.
    pub(super) fn any(&mut self, numbered: bool) {
        if self.rest().starts_with(b"|") {
            return self.piped();
        }
        if numbered {
            return self.flag();
        }
        self.dash();
        let named = self.pass_to_level();
        let start = skip_blank(self.bytes, self.at);
        let padded = start - self.at > 1;
        let (token, end) = self.peek(start);
        let after = skip_blank(self.bytes, end);
        let column = padded
            || after - end > 1
            || self.bytes[end..].starts_with(b"\t")
            || token.ends_with(b":");
        let spelled = level(token);
        match spelled {
            Some(Spelling::Plain) => self.at = end,
            Some(Spelling::Loose) if column => self.at = end,
            Some(Spelling::Letter) if self.peek(end).0.contains(&b':') || named.is_some() => {
                self.at = end;
            }
            _ => return self.unlevelled(),
        }
        self.after_level(named == Some(true), spelled == Some(Spelling::Letter));
    }

    /// A single digit behind the seconds of a numbered record.
    fn flag(&mut self) {
        let (token, end) = self.peek(self.at);
        if token.len() == 1 && token[0].is_ascii_digit() {
            self.at = end;
        }
    }

    /// `|Name|123|`: names until a number, at most four.
    fn piped(&mut self) {
        for _ in 0..4 {
            let Some(rest) = self.rest().strip_prefix(b"|") else { return };
            let Some(length) = rest.iter().position(|byte| *byte == b'|') else { break };
            let field = &rest[..length];
            if length == 0 || length > NAME_BYTES_MAX || field.contains(&b' ') {
                break;
            }
            self.at += 1 + length;
            if field.iter().all(u8::is_ascii_digit) {
                break;
            }
        }
        self.at += 1;
    }

    /// A dash between fields.
    fn dash(&mut self) {
        let (token, end) = self.peek(self.at);
        if matches!(token, b"-" | b"---" | b"|" | b":") {
            self.at = end;
        }
    }

    /// Passes what stands before a level, when one follows, and says whether there was a name.
    fn pass_to_level(&mut self) -> Option<bool> {
        let mut at = self.at;
        let mut named = false;
        for skipped in 0..5 {
            let (token, end) = self.peek(at);
            let spelled = level(token);
            let number = token.iter().all(u8::is_ascii_digit);
            let letter = spelled == Some(Spelling::Letter) && skipped > 0 && !named;
            if token.is_empty() {
                return None;
            }
            if spelled == Some(Spelling::Plain) || letter {
                self.at = at;
                return Some(named);
            }
            // One host or logger may stand first, the rest must look like fields.
            if !(is_field(token) || (skipped == 0 && is_name(token))) {
                return None;
            }
            named |= !number && token != b"-";
            at = end;
        }
        None
    }

    /// What follows a level: thread, logger, columns.
    fn after_level(&mut self, named: bool, tagged: bool) {
        self.dash();
        if tagged {
            return self.tag();
        }
        self.process();
        let named = self.column() || named;
        if self.peek(self.at).0 == b"---" {
            self.dash();
        }
        let threaded = self.thread();
        let before = self.at;
        self.logger(named && !threaded);
        if before != self.at || threaded {
            self.dash();
        }
    }

    /// Up to the colon of a tag, which may hold spaces.
    fn tag(&mut self) {
        let start = skip_blank(self.bytes, self.at);
        let window = self.window(start);
        let colon = window.windows(2).position(|pair| pair == b": ");
        let colon = colon.or_else(|| window.ends_with(b":").then(|| window.len() - 1));
        if let Some(colon) = colon
            && window[..colon].iter().filter(|byte| **byte == b' ').count() < 16
        {
            self.at = start + colon + 1;
        }
    }

    /// `1234` before `---`, `[pid 12:tid 3]`, `123#456:`.
    fn process(&mut self) {
        let (token, end) = self.peek(self.at);
        let number = !token.is_empty() && token.iter().all(u8::is_ascii_digit);
        let nginx = token.ends_with(b":")
            && token.contains(&b'#')
            && token.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'#' | b':'));
        if (number && self.peek(end).0 == b"---") || nginx {
            self.at = end;
        } else if token == b"[pid"
            && let Some(close) = self.bytes[end..].iter().position(|byte| *byte == b']')
        {
            self.at = end + close + 1;
        }
    }

    /// A padded column with one name.
    fn column(&mut self) -> bool {
        let start = skip_blank(self.bytes, self.at);
        let end = token_end(self.bytes, start);
        let padded = start - self.at > 1 || self.rest().starts_with(b"\t");
        let after = skip_blank(self.bytes, end);
        let closed = after - end > 1 || self.bytes[end..].starts_with(b"\t");
        let passed = padded && closed && is_name(&self.bytes[start..end]);
        if passed {
            self.at = end;
        }
        passed
    }

    /// A thread in brackets, when a logger or a dash follows it.
    fn thread(&mut self) -> bool {
        let start = skip_blank(self.bytes, self.at);
        let Some(end) = self.bracketed(start) else { return false };
        let (next, after) = self.peek(end);
        let logger = matches!(next, [name @ .., b':'] if is_logger(name));
        let column = is_name(next) && matches!(self.peek(after).0, b":" | b"-");
        let sourced = matches!(next, [b'(', .., b')'] | [b'(', .., b')', b':']);
        let passed = logger || column || sourced || matches!(next, b"-" | b":");
        if passed {
            self.at = end;
        }
        passed
    }

    /// Behind the bracket that opens at `start`, those inside it included.
    fn bracketed(&self, start: usize) -> Option<usize> {
        let window = self.window(start);
        if window.first() != Some(&b'[') {
            return None;
        }
        let mut depth = 0;
        let close = window.iter().position(|byte| {
            depth += i32::from(*byte == b'[') - i32::from(*byte == b']');
            depth == 0
        })?;
        Some(start + close + 1)
    }

    /// A logger with a colon or a dash behind it, or with a request in brackets.
    fn logger(&mut self, named: bool) {
        let (token, end) = self.peek(self.at);
        if let [name @ .., b':'] = token {
            if !named && is_logger(name) {
                self.at = end;
            }
            return;
        }
        if matches!(token, [b'(', .., b')']) {
            self.at = end;
            return;
        }
        if !is_name(token) {
            return;
        }
        let (next, after) = self.peek(end);
        if matches!(next, b"-" | b":") {
            self.at = after;
        } else if token.contains(&b'.') && next.starts_with(b"[") {
            self.at = end;
            let start = skip_blank(self.bytes, end);
            if let Some(close) = self.bracketed(start)
                && !self.bytes[start..close].windows(2).any(|pair| pair == b": ")
            {
                self.at = close;
            }
        }
    }

    /// No level: a program with its process, or with a dash behind it.
    fn unlevelled(&mut self) {
        let (first, end) = self.peek(self.at);
        let (second, after) = self.peek(end);
        let (third, last) = self.peek(after);
        if !is_name(first) {
            return;
        }
        if second == b"-" {
            self.at = after;
        } else if third == b"-" && second.starts_with(b"*") {
            self.at = last;
        } else if second.ends_with(b"]:") {
            let from = self.at;
            self.at = end;
            if !self.program() {
                self.at = from;
            }
        }
    }
}
