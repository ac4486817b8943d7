//! A recurring interval on the local clock, without time zones.
//!
//! Local time is counted in seconds since 1970-01-01 00:00 on that clock. The fields of an
//! interval become bit masks once, so that a search over centuries of days stays cheap.

use crate::model::{Seconds, TimeInterval};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use smallvec::SmallVec;

const DAY: Seconds = 86_400;

/// After so many years the Gregorian calendar repeats, weekdays included: a day not found in
/// that time does not exist.
const YEARS_MAX: i16 = 400;

/// What an interval says, compiled.
pub(super) struct Calendar {
    /// Seconds of the day, sorted and disjoint, start inclusive, end exclusive.
    times: SmallVec<[(Seconds, Seconds); 2]>,
    /// Bit 0 is Sunday.
    weekdays: u8,
    /// Bit 1 is January.
    months: u16,
    /// Bit 1 is the first; one mask for each length of month from 28 to 31 days.
    days: [u32; 4],
    /// Both ends inclusive; empty for all.
    years: SmallVec<[(i16, i16); 2]>,
}

/// All days of the week.
const EVERY_WEEKDAY: u8 = 0x7f;
/// All months.
const EVERY_MONTH: u16 = 0x1ffe;

impl Calendar {
    pub(super) fn new(interval: &TimeInterval) -> Calendar {
        let years = interval.years.iter().map(|&(begin, end)| {
            (i16::try_from(begin).unwrap_or(i16::MAX), i16::try_from(end).unwrap_or(i16::MAX))
        });
        let mut calendar = Calendar {
            times: times(&interval.times),
            weekdays: mask(&interval.weekdays, EVERY_WEEKDAY.into()) as u8,
            months: mask(&interval.months, EVERY_MONTH.into()) as u16,
            days: [28, 29, 30, 31].map(|length| days(&interval.days_of_month, length)),
            years: years.collect(),
        };
        // Ranges that hold nothing make an interval that is never; no search need find that out.
        if calendar.weekdays == 0 || calendar.months == 0 || calendar.days == [0; 4] {
            calendar.times.clear();
        }
        calendar
    }

    /// Whether local time `local` is in the interval.
    pub(super) fn contains(&self, local: Seconds) -> bool {
        let second = local.rem_euclid(DAY);
        let in_times = self.times.iter().any(|&(begin, end)| begin <= second && second < end);
        in_times && date(local.div_euclid(DAY)).is_some_and(|date| self.has(date))
    }

    /// A local time later than `local` before which the answer of `contains` cannot change;
    /// `None` when it never changes again.
    pub(super) fn next_edge(&self, local: Seconds) -> Option<Seconds> {
        let (day, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let today = date(day)?;
        let first = self.times.first()?.0;
        if !self.has(today) {
            return Some(number(self.next_day(today, true)?) * DAY + first);
        }
        if self.times[0] == (0, DAY) {
            return Some(number(self.next_day(today, false)?) * DAY);
        }
        let mut ends = self.times.iter().flat_map(|&(begin, end)| [begin, end]);
        if let Some(boundary) = ends.find(|boundary| *boundary > second) {
            return Some(day * DAY + boundary);
        }
        Some(number(self.next_day(today.tomorrow().ok()?, true)?) * DAY + first)
    }

    /// The first date from `date` on that is in the interval, or the first that is not.
    fn next_day(&self, mut date: Date, within: bool) -> Option<Date> {
        let mut last = date.year().saturating_add(YEARS_MAX);
        while self.has(date) != within {
            let skips_years = !self.has_year(date.year());
            date = self.leap(date)?;
            if skips_years {
                last = date.year().saturating_add(YEARS_MAX);
            } else if date.year() > last {
                return None;
            }
        }
        Some(date)
    }

    /// The next date that may differ from `date`: a day, a month or some years later.
    fn leap(&self, date: Date) -> Option<Date> {
        let every_day = self.weekdays == EVERY_WEEKDAY && self.days == days_all();
        if !self.has_year(date.year()) {
            return self.next_year(date.year());
        }
        if !self.has_month(date.month()) || every_day {
            if self.months == EVERY_MONTH && self.years.is_empty() {
                return None;
            }
            if self.months == EVERY_MONTH {
                return january(date.year() + 1);
            }
            return date.last_of_month().tomorrow().ok();
        }
        date.tomorrow().ok()
    }

    fn next_year(&self, year: i16) -> Option<Date> {
        let next = self.years.iter().filter(|(begin, end)| *begin > year && begin <= end);
        january(next.map(|(begin, _)| *begin).min()?)
    }

    fn has(&self, date: Date) -> bool {
        let length = date.days_in_month().clamp(28, 31) as usize - 28;
        self.has_year(date.year())
            && self.has_month(date.month())
            && self.weekdays >> date.weekday().to_sunday_zero_offset() & 1 == 1
            && self.days[length] >> date.day() & 1 == 1
    }

    fn has_year(&self, year: i16) -> bool {
        self.years.is_empty() || self.years.iter().any(|&(begin, end)| begin <= year && year <= end)
    }

    fn has_month(&self, month: i8) -> bool {
        self.months >> month & 1 == 1
    }
}

/// Sorts and joins ranges of minutes; the whole day when there are none.
fn times(minutes: &[(u16, u16)]) -> SmallVec<[(Seconds, Seconds); 2]> {
    if minutes.is_empty() {
        return SmallVec::from_slice(&[(0, DAY)]);
    }
    let seconds = |minute: u16| (Seconds::from(minute) * 60).min(DAY);
    let mut sorted: SmallVec<[(Seconds, Seconds); 2]> = minutes
        .iter()
        .map(|&(begin, end)| (seconds(begin), seconds(end)))
        .filter(|(begin, end)| begin < end)
        .collect();
    sorted.sort_unstable();
    sorted.dedup_by(|next, joined| {
        let touches = next.0 <= joined.1;
        if touches {
            joined.1 = joined.1.max(next.1);
        }
        touches
    });
    sorted
}

/// The values in one of the ranges as bits; `every` when there are no ranges.
fn mask(ranges: &[(u8, u8)], every: u32) -> u32 {
    if ranges.is_empty() {
        return every;
    }
    let inside = |bit: u8| ranges.iter().any(|&(begin, end)| begin <= bit && bit <= end);
    (0..16).filter(|bit| inside(*bit)).fold(0, |mask, bit| mask | 1 << bit) & every
}

/// The days in one of the ranges, in a month of `length` days, as bits.
///
/// A range that begins after the month's end is not in it; one that only ends there is cut.
fn days(ranges: &[(i8, i8)], length: i32) -> u32 {
    let from_end = |day: i8| if day < 0 { length + 1 + i32::from(day) } else { i32::from(day) };
    let inside = |day: i32| {
        ranges.is_empty()
            || ranges.iter().any(|&(begin, end)| from_end(begin) <= day && day <= from_end(end))
    };
    (1..=length).filter(|day| inside(*day)).fold(0, |mask, day| mask | 1 << day)
}

/// The masks of an interval that does not speak of days.
fn days_all() -> [u32; 4] {
    [0x1fff_fffe, 0x3fff_fffe, 0x7fff_fffe, 0xffff_fffe]
}

fn date(day: Seconds) -> Option<Date> {
    let midnight = Timestamp::from_second(day.checked_mul(DAY)?).ok()?;
    Some(Offset::UTC.to_datetime(midnight).date())
}

/// The days since 1970-01-01.
fn number(date: Date) -> Seconds {
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
    // Dates here come from timestamps or lie before year 10000, so the conversion holds.
    midnight.map_or(Seconds::MAX / DAY, |at| at.as_second().div_euclid(DAY))
}

fn january(year: i16) -> Option<Date> {
    Date::new(year, 1, 1).ok()
}
