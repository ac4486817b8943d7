//! Timestamps at the beginning of log lines, of any usual form.

/// A timestamp that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stamp {
    /// Behind it, its brackets and zone included.
    pub(super) end: usize,
    pub(super) form: Form,
}

/// What a timestamp looks like, as far as what follows depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// `Jun 14 15:16:01`: a host and a program follow.
    Syslog,
    /// Seconds or milliseconds since 1970.
    Epoch,
    /// A date without a time of day.
    Date,
    /// A time of day without a date.
    Clock,
    /// Date and time of day.
    Full,
}

/// The timestamp that begins at `at`, if one does.
pub(super) fn stamp(bytes: &[u8], at: usize) -> Option<Stamp> {
    if bytes.get(at) == Some(&b'[') {
        let found = bare(bytes, at + 1)?;
        let closed = bytes.get(found.end) == Some(&b']');
        let form = match found.form {
            Form::Epoch | Form::Date => return None,
            Form::Syslog => Form::Full,
            form => form,
        };
        return closed.then_some(Stamp { end: found.end + 1, form });
    }
    let found = bare(bytes, at)?;
    // What goes on is a word that only looks like a time.
    let next = bytes.get(found.end).copied().unwrap_or(b' ');
    matches!(next, b' ' | b'\t' | b',' | b'|' | b':' | b']' | b';').then_some(found)
}

fn bare(bytes: &[u8], at: usize) -> Option<Stamp> {
    let first = *bytes.get(at)?;
    if first.is_ascii_digit() {
        numeric(bytes, at)
    } else if first.is_ascii_uppercase() {
        named(bytes, at)
    } else {
        None
    }
}

/// A number of at most `most` digits at `at`: its value and its end.
fn number(bytes: &[u8], at: usize, most: usize) -> Option<(u64, usize)> {
    let rest = bytes.get(at..)?;
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 || length > most {
        return None;
    }
    let value = rest[..length].iter().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0'));
    Some((value, at + length))
}

/// The end of a time of day at `at`, its fraction and zone included.
fn clock(bytes: &[u8], at: usize) -> Option<usize> {
    let (hour, next) = number(bytes, at, 2)?;
    let separator = *bytes.get(next)?;
    if !matches!(separator, b':' | b'.') {
        return None;
    }
    let (minute, next) = number(bytes, next + 1, 2)?;
    if bytes.get(next) != Some(&separator) {
        return None;
    }
    let (second, mut next) = number(bytes, next + 1, 2)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    if matches!(bytes.get(next), Some(b'.' | b',' | b':'))
        && let Some((_, end)) = number(bytes, next + 1, 9)
    {
        next = end;
    }
    Some(zone(bytes, next))
}

/// The end of a zone at `at`, else `at`.
fn zone(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let start = bytes.len() - rest.len();
    if rest.starts_with(b"Z") {
        return if start == at { at + 1 } else { at };
    }
    for name in [b"UTC", b"GMT", b"CET", b"EST", b"PST"] {
        if rest.starts_with(name) && !rest.get(3).is_some_and(u8::is_ascii_alphanumeric) {
            return start + 3;
        }
    }
    if !matches!(rest.first(), Some(b'+' | b'-')) {
        return at;
    }
    match number(bytes, start + 1, 4) {
        Some((_, end)) if end == start + 5 => end,
        Some((_, end)) if end == start + 3 && bytes.get(end) == Some(&b':') => {
            number(bytes, end + 1, 2).map_or(at, |(_, end)| end)
        }
        _ => at,
    }
}

/// A timestamp that begins with a digit.
fn numeric(bytes: &[u8], at: usize) -> Option<Stamp> {
    if let Some(found) = date(bytes, at) {
        return Some(found);
    }
    if let Some(end) = clock(bytes, at) {
        return Some(Stamp { end, form: Form::Clock });
    }
    let (value, end) = number(bytes, at, 13)?;
    match end - at {
        10 | 13 => epoch(bytes, value, end, end - at),
        8 if plausible_day(value) => time_after(bytes, end),
        6 => compact(bytes, value, end),
        _ => None,
    }
}

fn epoch(bytes: &[u8], value: u64, end: usize, digits: usize) -> Option<Stamp> {
    let seconds = if digits == 13 { value / 1000 } else { value };
    // 1998 to 2040.
    if !(900_000_000..2_200_000_000).contains(&seconds) {
        return None;
    }
    let fraction = bytes.get(end) == Some(&b'.');
    let end = if fraction { number(bytes, end + 1, 9).map_or(end, |(_, end)| end) } else { end };
    Some(Stamp { end, form: Form::Epoch })
}

fn plausible_day(value: u64) -> bool {
    let (year, month, day) = (value / 10_000, value / 100 % 100, value % 100);
    (1970..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// `081109 203615`: a day and a time of six digits each.
fn compact(bytes: &[u8], value: u64, end: usize) -> Option<Stamp> {
    let (month, day) = (value / 100 % 100, value % 100);
    let (time, last) = number(bytes, end + 1, 6)?;
    let (hour, minute, second) = (time / 10_000, time / 100 % 100, time % 100);
    let plausible = bytes[end] == b' '
        && last == end + 7
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    plausible.then_some(Stamp { end: last, form: Form::Full })
}

/// What a date that ends at `end` is with the time of day behind it, if there is one.
fn time_after(bytes: &[u8], end: usize) -> Option<Stamp> {
    let separator = bytes.get(end).copied().unwrap_or(b' ');
    let next = match separator {
        b'T' | b't' | b'-' | b'_' | b':' => end + 1,
        b' ' | b'\t' | b',' => {
            let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b',');
            end + bytes[end.min(bytes.len())..].iter().take_while(blank).count().min(3)
        }
        _ => return None,
    };
    Some(match clock(bytes, next) {
        Some(end) => Stamp { end, form: Form::Full },
        None => Stamp { end, form: Form::Date },
    })
}

/// A date of two or three numbers, or with a month's name: `03-17`, `2015-10-18`, `17/06/09`.
fn date(bytes: &[u8], at: usize) -> Option<Stamp> {
    let (first, next) = number(bytes, at, 4)?;
    let separator = *bytes.get(next)?;
    if !matches!(separator, b'-' | b'/' | b'.') {
        return None;
    }
    if let Some(end) = month(bytes, next + 1) {
        let (_, end) = number(bytes, end + 1, 4)?;
        return full(time_after(bytes, end)?);
    }
    let (second, next) = number(bytes, next + 1, 2)?;
    if bytes.get(next) != Some(&separator) {
        let plausible = first <= 31 && second <= 31 && first > 0 && second > 0;
        return if plausible { full(time_after(bytes, next)?) } else { None };
    }
    let (third, end) = number(bytes, next + 1, 4)?;
    let days = [first, second, third];
    let plausible = (1..=31).contains(&second) && days.iter().filter(|n| **n > 31).count() <= 1;
    if !plausible {
        return None;
    }
    let found = time_after(bytes, end)?;
    let whole = first > 1900 || third > 1900;
    (found.form == Form::Full || whole).then_some(found)
}

fn full(found: Stamp) -> Option<Stamp> {
    (found.form == Form::Full).then_some(found)
}

/// `Jun 14 15:16:01`, `Sun Dec 04 04:47:44 2005`, `Sun, 06 Nov 1994 08:49:37 GMT`.
fn named(bytes: &[u8], at: usize) -> Option<Stamp> {
    let skip = |from: usize| {
        from + bytes[from.min(bytes.len())..].iter().take_while(|byte| **byte == b' ').count()
    };
    let weekday = is_one_of(bytes, at, &DAYS);
    let comma = usize::from(bytes.get(at + 3) == Some(&b','));
    let start = if weekday { skip(at + 3 + comma) } else { at };
    let Some(after) = month(bytes, start) else {
        let (_, next) = number(bytes, start, 2)?;
        let (_, next) = number(bytes, skip(month(bytes, skip(next))?), 4)?;
        let end = clock(bytes, skip(next))?;
        return weekday.then_some(Stamp { end, form: Form::Full });
    };
    let (_, next) = number(bytes, skip(after), 2)?;
    let next = skip(next + usize::from(bytes.get(next) == Some(&b',')));
    if let Some((year, after)) = number(bytes, next, 4)
        && year > 1900
    {
        let end = clock(bytes, skip(after))?;
        return Some(Stamp { end, form: Form::Full });
    }
    let end = clock(bytes, next)?;
    let year = number(bytes, skip(end), 4).filter(|(year, after)| {
        (1970..2100).contains(year) && matches!(bytes.get(*after), Some(b' ' | b']' | b':') | None)
    });
    let end = match year {
        Some((_, after)) if weekday => after,
        _ => end,
    };
    Some(Stamp { end, form: if weekday { Form::Full } else { Form::Syslog } })
}

const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

fn is_one_of(bytes: &[u8], at: usize, names: &[&[u8]]) -> bool {
    bytes.get(at..at + 3).is_some_and(|name| names.contains(&name))
}

/// The end of a month's short name at `at`.
fn month(bytes: &[u8], at: usize) -> Option<usize> {
    is_one_of(bytes, at, &MONTHS).then_some(at + 3)
}
