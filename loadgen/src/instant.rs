//! Instants as milliseconds since the Unix epoch, and their RFC 3339 spelling.

/// Milliseconds since the Unix epoch, UTC.
pub type Ms = i64;

/// One second.
pub const SECOND: Ms = 1_000;
/// One minute.
pub const MINUTE: Ms = 60 * SECOND;
/// One hour.
pub const HOUR: Ms = 60 * MINUTE;

/// When every scenario begins: 2026-11-02T08:00:00Z.
pub const START: Ms = 1_793_606_400 * SECOND;

/// Appends `instant` as RFC 3339 with milliseconds, such as `2026-11-02T08:00:00.000Z`.
pub fn push_rfc3339(out: &mut Vec<u8>, instant: Ms) {
    let days = instant.div_euclid(24 * HOUR);
    let of_day = instant.rem_euclid(24 * HOUR) as u64;
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    put(&mut text[0..4], year as u64);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], of_day / 3_600_000);
    put(&mut text[14..16], of_day / 60_000 % 60);
    put(&mut text[17..19], of_day / 1_000 % 60);
    put(&mut text[20..23], of_day % 1_000);
    out.extend_from_slice(&text);
}

/// `instant` as RFC 3339 with milliseconds.
pub fn rfc3339(instant: Ms) -> String {
    let mut out = Vec::with_capacity(24);
    push_rfc3339(&mut out, instant);
    out.into_iter().map(char::from).collect()
}

/// Fills `digits` with the decimal digits of `value`, zero-padded.
#[inline]
fn put(digits: &mut [u8], mut value: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month and day of a day number since 1970-01-01, in the proleptic Gregorian calendar.
///
/// Counted in eras of 400 years that begin on the first of March, so that the
/// leap day is the last day of its year.
fn civil(days: i64) -> (i64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u64, day as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        assert_eq!(rfc3339(START), "2026-11-02T08:00:00.000Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(rfc3339(1_709_251_199_999), "2024-02-29T23:59:59.999Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }
}
