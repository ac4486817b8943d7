//! Instants as they stand on wires, to nanoseconds since the Unix epoch.

use super::json::Json;

/// Nanoseconds in a second.
pub const NANOS: i64 = 1_000_000_000;

/// What every instant after the year 2262 counts as: nanoseconds go no further.
pub const END_OF_TIME: i64 = i64::MAX;

/// The whole second an instant lies in, rounded towards the past.
#[inline]
pub fn seconds_of(nanoseconds: i64) -> i64 {
    nanoseconds.div_euclid(NANOS)
}

/// The first whole second not before an instant.
#[inline]
pub fn seconds_after(nanoseconds: i64) -> i64 {
    seconds_of(nanoseconds) + i64::from(nanoseconds.rem_euclid(NANOS) != 0)
}

/// An instant given as RFC 3339, as integer nanoseconds, or as a string of those.
#[inline]
pub fn instant(value: Json<'_, '_>) -> Option<i64> {
    match value.str() {
        Some(text) => instant_text(text),
        None => value.int(),
    }
}

/// An instant given as text: RFC 3339 or integer nanoseconds.
#[inline]
pub fn instant_text(text: &str) -> Option<i64> {
    rfc3339(text.as_bytes()).or_else(|| text.trim().parse().ok())
}

/// An instant as people write it into files: RFC 3339, the same without a zone for UTC, or a whole
/// number of seconds, milliseconds, microseconds or nanoseconds, told apart by its size.
pub fn instant_in_any_unit(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        // The years 1973 to 5138 in each unit.
        let scale = match number.unsigned_abs() {
            0..100_000_000_000 => NANOS,
            100_000_000_000..100_000_000_000_000 => 1_000_000,
            100_000_000_000_000..100_000_000_000_000_000 => 1_000,
            _ => 1,
        };
        return number.checked_mul(scale);
    }
    match text.len() {
        19 => rfc3339(format!("{text}Z").as_bytes()),
        _ => rfc3339(text.as_bytes()),
    }
}

/// Like [`instant_text`], with the year 1 that Go writes for "no time" as absent.
pub fn go_instant(text: &str) -> Option<i64> {
    if text.starts_with("0001-01-01T00:00:00") { None } else { instant_text(text) }
}

/// Parses RFC 3339, any offset and up to nanoseconds; further digits are cut off.
///
/// Written by hand because it runs once for every event: the general parsers
/// cost as much as half the rest of a decoder.
#[inline]
pub fn rfc3339(text: &[u8]) -> Option<i64> {
    let (head, rest) = text.split_first_chunk::<19>()?;
    if head[4] != b'-' || head[7] != b'-' || head[13] != b':' || head[16] != b':' {
        return None;
    }
    if !matches!(head[10], b'T' | b't' | b' ') {
        return None;
    }
    let year = i64::from(pair(head[0], head[1])?) * 100 + i64::from(pair(head[2], head[3])?);
    let (month, day) = (pair(head[5], head[6])?, pair(head[8], head[9])?);
    let (hour, minute) = (pair(head[11], head[12])?, pair(head[14], head[15])?);
    let second = pair(head[17], head[18])?;
    // A leap second is the second after it, as on Unix clocks.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, rest) = fraction(rest)?;
    let offset = offset(rest)?;
    let time = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second) - offset;
    let seconds = days_from_civil(year, month, day)? * 86_400 + time;
    match seconds.checked_mul(NANOS).and_then(|nanoseconds| nanoseconds.checked_add(fraction)) {
        // A time that is too far ahead to be counted is one all the same.
        None if seconds > 0 => Some(END_OF_TIME),
        found => found,
    }
}

#[inline]
fn pair(tens: u8, units: u8) -> Option<u32> {
    let (tens, units) = (tens.wrapping_sub(b'0'), units.wrapping_sub(b'0'));
    (tens <= 9 && units <= 9).then(|| u32::from(tens) * 10 + u32::from(units))
}

#[inline]
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', digits)) = text.split_first() else { return Some((0, text)) };
    let (mut value, mut unit, mut at) = (0i64, NANOS, 0);
    while let Some(digit) = digits.get(at).map(|byte| byte.wrapping_sub(b'0')) {
        if digit > 9 {
            break;
        }
        unit /= 10;
        value += i64::from(digit) * unit;
        at += 1;
    }
    (at > 0).then(|| (value, &digits[at..]))
}

#[inline]
fn offset(text: &[u8]) -> Option<i64> {
    match *text {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (pair(h1, h2)?, pair(m1, m2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60;
            Some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, counted
/// in years that begin in March so that the leap day is a year's last.
#[inline]
fn days_from_civil(year: i64, month: u32, day: u32) -> Option<i64> {
    const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *LENGTHS.get(month.wrapping_sub(1) as usize)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if day == 0 || day > length || (month == 2 && day == 29 && !leap) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = i64::from((153 * ((month + 9) % 12) + 2) / 5 + day - 1);
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_jiff(text: &str) -> Option<i64> {
        let stamp: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(stamp.as_nanosecond()).ok()
    }

    #[test]
    fn instants_come_in_many_forms() {
        for text in [
            "2023-11-14 22:13:20",
            "2023-11-14T22:13:20",
            "2023-11-14T23:13:20+01:00",
            "1700000000",
            "1700000000000",
            "1700000000000000",
            "1700000000000000000",
        ] {
            assert_eq!(instant_in_any_unit(text), Some(1_700_000_000 * NANOS), "{text}");
        }
        assert_eq!(
            (instant_in_any_unit("yesterday"), instant_in_any_unit("-1")),
            (None, Some(-NANOS))
        );
    }

    #[test]
    fn agrees_with_a_general_parser() {
        for text in [
            "2026-11-23T07:01:58.106Z",
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999999Z",
            "2000-02-29T12:00:00+05:30",
            "1900-03-01T00:00:00-11:59",
            "2262-04-11T23:47:16.854775807Z",
            "2024-12-31t23:59:59z",
            "2026-11-23 07:01:58.1Z",
        ] {
            assert_eq!(rfc3339(text.as_bytes()), by_jiff(text), "{text}");
            assert!(rfc3339(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries() {
        let mut day = jiff::civil::date(1899, 12, 28);
        for _ in 0..146_100 {
            let expected = day.since(jiff::civil::date(1970, 1, 1)).unwrap().get_days();
            let ours = days_from_civil(day.year().into(), day.month() as u32, day.day() as u32);
            assert_eq!(ours, Some(i64::from(expected)), "{day}");
            day = day.tomorrow().unwrap();
        }
    }

    #[test]
    fn what_is_no_instant() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T07:01:58",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T07:01:58.Z",
            "2026-11-23T07:01:58+0100",
            "0001-01-01T00:00:00Z",
            "2026-11-23T07:01:58Zjunk",
        ] {
            assert_eq!(rfc3339(text.as_bytes()), None, "{text}");
        }
        assert_eq!(instant_text(" 1795417318000000000 "), Some(1_795_417_318_000_000_000));
        assert_eq!(go_instant("0001-01-01T00:00:00Z"), None);
    }

    #[test]
    fn what_lies_beyond_counting_is_the_end_of_time() {
        for text in
            ["2262-04-11T23:47:16.854775808Z", "2999-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
        {
            assert_eq!(rfc3339(text.as_bytes()), Some(END_OF_TIME), "{text}");
        }
    }

    #[test]
    fn seconds_round_both_ways() {
        assert_eq!((seconds_of(-1), seconds_after(-1)), (-1, 0));
        assert_eq!((seconds_of(NANOS), seconds_after(NANOS)), (1, 1));
        assert_eq!((seconds_of(NANOS + 1), seconds_after(NANOS + 1)), (1, 2));
    }
}
