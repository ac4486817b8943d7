//! Takes the header off a raw log line: time, host, process, level, logger, thread.
//!
//! No format is configured. A line that begins with no timestamp (or, as some machines write
//! it, has one within its first fields) has no header and stays whole, which is what bodies
//! of the product look like. What follows a timestamp is header as long as it looks like a
//! field: a number before a level, a level, a logger with its colon, a thread in brackets, a
//! program with its process, a padded column. The host of syslog is remembered, so that a
//! line without a program loses it too. Nothing is copied: the message is a slice of the line.

mod fields;
mod json;
mod level;
mod names;
#[cfg(test)]
mod tests;
mod time;

use fields::Fields;
use time::{Form, Stamp, stamp};
use xxhash_rust::xxh3::xxh3_64;

/// Fields before a timestamp, at most.
const BEFORE_MAX: usize = 4;

/// Takes headers off the lines of one source, in their order.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Headers {
    /// Hash of the host that the last line of syslog named; 0 before.
    host: u64,
}

impl Headers {
    /// The message of `line`.
    pub fn strip<'a>(&mut self, line: &'a str) -> &'a str {
        let line = line.trim();
        if line.starts_with('{') && line.ends_with('}') {
            return json::message(line).unwrap_or(line);
        }
        if let Some(message) = json::logfmt(line) {
            return message;
        }
        let bytes = line.as_bytes();
        let start = priority(bytes);
        if let Some(end) = klog(bytes, start) {
            return line[end..].trim_start();
        }
        let Some((first, before)) = first_stamp(bytes, start) else { return line };
        let found = last_stamp(bytes, first);
        let mut fields = Fields::new(bytes, found.end);
        if bytes[..start].ends_with(b">1 ") {
            fields.structured();
        } else if found.form == Form::Syslog || start > 0 {
            self.syslog(&mut fields);
        } else {
            fields.any(before > 1 && first.form == Form::Epoch);
        }
        line[fields.end()..].trim_start()
    }

    /// Host and program, as syslog has them.
    fn syslog(&mut self, fields: &mut Fields<'_>) {
        let from = fields.at();
        let Some(host) = fields.token() else { return };
        let host = xxh3_64(host);
        if fields.program() || host == self.host {
            self.host = host;
        } else {
            fields.back(from);
            fields.any(false);
        }
    }
}

/// Behind `<13>` or `<13>1 `, as syslog begins on the wire.
fn priority(bytes: &[u8]) -> usize {
    let Some(b'<') = bytes.first() else { return 0 };
    let digits = bytes[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=3).contains(&digits) || bytes.get(1 + digits) != Some(&b'>') {
        return 0;
    }
    let end = digits + 2;
    if bytes[end..].starts_with(b"1 ") { end + 2 } else { end }
}

/// Behind `I0728 17:01:02.123456   1 file.go:123] `, as glog and klog begin.
fn klog(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = &bytes[start..];
    let begins = matches!(rest.first(), Some(b'I' | b'W' | b'E' | b'F' | b'D'))
        && rest.len() > 20
        && rest[1..5].iter().all(u8::is_ascii_digit);
    if !begins {
        return None;
    }
    let clock = rest.iter().position(|byte| *byte == b' ')? + 1;
    let found = stamp(rest, clock).filter(|found| found.form == Form::Clock)?;
    let tail = &rest[found.end..];
    let close = tail.iter().take(120).position(|byte| *byte == b']')?;
    Some(start + found.end + close + 1)
}

/// The first timestamp, and how many fields stand before it.
fn first_stamp(bytes: &[u8], start: usize) -> Option<(Stamp, usize)> {
    let mut at = start;
    let mut numbered = false;
    for before in 0..=BEFORE_MAX {
        if let Some(found) = stamp(bytes, at) {
            let proven = match found.form {
                // A record's number, then fields, then seconds; or a label, then seconds.
                Form::Epoch => before < 2 || numbered,
                Form::Clock => before == 0,
                Form::Date => false,
                Form::Full | Form::Syslog => true,
            };
            if proven {
                return Some((found, before));
            }
        }
        let end = fields::token_end(bytes, at);
        let text = &bytes[at..end];
        if before == 0 {
            numbered = text.len() > 2 && text.iter().all(u8::is_ascii_digit);
        }
        if !numbered && !names::is_label(text) {
            return None;
        }
        at = fields::skip_blank(bytes, end);
        if at >= bytes.len() {
            return None;
        }
    }
    None
}

/// The last of the timestamps that `first` begins: some machines write three.
fn last_stamp(bytes: &[u8], first: Stamp) -> Stamp {
    let mut last = first;
    let mut at = fields::skip_blank(bytes, first.end);
    for _ in 0..3 {
        if first.form != Form::Epoch || last.form == Form::Syslog || at >= bytes.len() {
            break;
        }
        let found = stamp(bytes, at);
        match found.filter(|found| !matches!(found.form, Form::Clock | Form::Epoch)) {
            Some(found) => {
                last = found;
                at = fields::skip_blank(bytes, found.end);
            }
            None => {
                let end = fields::token_end(bytes, at);
                if matches!(bytes[end - 1], b':' | b']' | b',') {
                    break;
                }
                at = fields::skip_blank(bytes, end);
            }
        }
    }
    last
}
