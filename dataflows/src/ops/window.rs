//! When a maintenance window holds, and the next instant at which that may change.
//!
//! Intervals are Alertmanager's `time_intervals`. They speak of local time, so the calendar is
//! searched on the local clock and every step is moved to UTC with the offset that holds there:
//! a local hour that is skipped is in no window, one that is repeated is in it twice.
//!
//! Time zones come from the database built into the program, never from the machine, so that
//! every worker and every replay agree. Nothing here reads a clock.

mod calendar;
#[cfg(test)]
mod tests;

use crate::model::{Maintenance, Seconds, TimeInterval};
use calendar::Calendar;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use smallvec::SmallVec;
use smol_str::SmolStr;
use std::sync::LazyLock;
use thiserror::Error;

/// 0001-01-03, the first instant that is looked at; before it everything is as it is there.
const FIRST: Seconds = -62_135_424_000;
/// 9998-12-30, the last instant that is looked at; after it everything is as it is there.
const LAST: Seconds = 253_370_592_000;

/// No two offsets of one zone differ by more, seconds: each is within 25:59:59 of UTC.
const SHIFT_MAX: Seconds = 2 * 26 * 3600;

/// How many boundaries without a change are passed before a search stops for a while.
///
/// Only intervals that hand over to one another without a gap need more than a few; at the
/// price of one look-up each, some twenty microseconds buy weeks of quiet.
const STEPS_MAX: usize = 64;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Why an interval cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WindowError {
    /// The zone is not in the database.
    #[error("time zone `{location}` is unknown, use an IANA name such as Europe/Berlin or UTC")]
    UnknownLocation {
        /// As written.
        location: SmolStr,
    },
    /// A range has an end outside of what its field can be.
    #[error("{field} range {begin} to {end} is out of bounds, use {bounds}")]
    OutOfBounds {
        /// Which list.
        field: &'static str,
        /// The range's first value.
        begin: i32,
        /// The range's last value.
        end: i32,
        /// What is allowed.
        bounds: &'static str,
    },
    /// A range ends before it begins, so nothing is in it.
    #[error("{field} range {begin} to {end} is empty, split it in two or swap its ends")]
    EmptyRange {
        /// Which list.
        field: &'static str,
        /// The range's first value.
        begin: i32,
        /// The range's last value.
        end: i32,
    },
}

/// Whether `interval` can be used: its zone is known and each of its ranges can hold an instant.
///
/// Accepts all that Alertmanager accepts but the zone `Local`, which would make the answer
/// depend on the machine, and also month-end ranges such as 29 to -1 that some months lack.
///
/// # Errors
/// The first fault, in the order zone, times, weekdays, days of month, months, years.
pub fn validate(interval: &TimeInterval) -> Result<(), WindowError> {
    if zone(&interval.location).is_none() {
        return Err(WindowError::UnknownLocation { location: interval.location.clone() });
    }
    for &(begin, end) in &interval.times {
        check("times", begin.into(), end.into(), 0..=1440, "minutes 0 to 1440")?;
        if begin == end {
            let (begin, end) = (begin.into(), end.into());
            return Err(WindowError::EmptyRange { field: "times", begin, end });
        }
    }
    for &(begin, end) in &interval.weekdays {
        check("weekdays", begin.into(), end.into(), 0..=6, "0 (Sunday) to 6")?;
    }
    for &(begin, end) in &interval.days_of_month {
        check_days(begin.into(), end.into())?;
    }
    for &(begin, end) in &interval.months {
        check("months", begin.into(), end.into(), 1..=12, "1 to 12")?;
    }
    for &(begin, end) in &interval.years {
        check("years", begin.into(), end.into(), 1..=9998, "1 to 9998")?;
    }
    Ok(())
}

fn check(
    field: &'static str,
    begin: i32,
    end: i32,
    allowed: std::ops::RangeInclusive<i32>,
    bounds: &'static str,
) -> Result<(), WindowError> {
    if !allowed.contains(&begin) || !allowed.contains(&end) {
        return Err(WindowError::OutOfBounds { field, begin, end, bounds });
    }
    if begin > end { Err(WindowError::EmptyRange { field, begin, end }) } else { Ok(()) }
}

fn check_days(begin: i32, end: i32) -> Result<(), WindowError> {
    let field = "days of month";
    let valid = |day: i32| day != 0 && (-31..=31).contains(&day);
    if !valid(begin) || !valid(end) {
        let bounds = "1 to 31, or -31 to -1 from the month's end";
        return Err(WindowError::OutOfBounds { field, begin, end, bounds });
    }
    // In the longest month, negative days reach furthest: what is empty there is always empty.
    let day = |day: i32| if day < 0 { day + 32 } else { day };
    if day(begin) > day(end) || (begin < 0 && end > 0) {
        return Err(WindowError::EmptyRange { field, begin, end });
    }
    Ok(())
}

/// Whether `at` lies in `interval`; an interval of an unknown zone holds nothing.
///
/// Instants outside of the years 1 to 9998 are taken for the nearest one within.
pub fn contains(interval: &TimeInterval, at: Seconds) -> bool {
    Placed::new(interval).is_some_and(|placed| placed.contains(at))
}

/// Whether `m` holds at `at`: within its bounds and, if it has intervals, in one of them.
pub fn maintenance_active(m: &Maintenance, at: Seconds) -> bool {
    let recurs = || m.intervals.is_empty() || m.intervals.iter().any(|i| contains(i, at));
    m.starts <= at && at < m.ends && recurs()
}

/// The next instant later than `after` at which [`maintenance_active`] may change.
///
/// The instant is exact unless very many boundaries pass without a change; then it is an
/// earlier one from which to ask again. `None` when nothing can change any more.
pub fn next_boundary(m: &Maintenance, after: Seconds) -> Option<Seconds> {
    if m.starts >= m.ends || after >= m.ends {
        return None;
    }
    let end = (m.ends < Seconds::MAX).then_some(m.ends);
    if m.intervals.is_empty() {
        return if after < m.starts { Some(m.starts) } else { end };
    }
    let placed: SmallVec<[Placed; 4]> = m.intervals.iter().filter_map(Placed::new).collect();
    let holds = |at| placed.iter().any(|one| one.contains(at));
    let from = after.max(m.starts);
    let active = holds(from);
    if after < m.starts && active {
        return Some(m.starts);
    }
    let mut edges: SmallVec<[Option<Seconds>; 4]> =
        placed.iter().map(|one| one.next_edge(from)).collect();
    let mut at = from;
    for _ in 0..STEPS_MAX {
        let Some(next) = edges.iter().flatten().copied().min().filter(|next| *next < m.ends) else {
            // Only the end is left, and it changes nothing that does not hold.
            return end.filter(|_| active);
        };
        if holds(next) != active {
            return Some(next);
        }
        at = next;
        for (one, edge) in placed.iter().zip(&mut edges) {
            if *edge == Some(at) {
                *edge = one.next_edge(at);
            }
        }
    }
    Some(at)
}

/// The zone of that name in the built-in database; UTC for the empty name.
fn zone(location: &str) -> Option<TimeZone> {
    if location.is_empty() {
        return Some(TimeZone::UTC);
    }
    ZONES.get(location).ok().filter(|zone| !zone.is_unknown())
}

/// A calendar and the zone whose clock it is read on.
struct Placed {
    calendar: Calendar,
    zone: TimeZone,
}

impl Placed {
    fn new(interval: &TimeInterval) -> Option<Placed> {
        Some(Placed { zone: zone(&interval.location)?, calendar: Calendar::new(interval) })
    }

    fn contains(&self, at: Seconds) -> bool {
        let at = at.clamp(FIRST, LAST);
        self.calendar.contains(at + self.offset(at))
    }

    /// The offset from UTC that holds at `at`, seconds.
    fn offset(&self, at: Seconds) -> Seconds {
        self.zone.to_offset(timestamp(at)).seconds().into()
    }

    /// An instant later than `at`, before which the answer of `contains` cannot change;
    /// `None` when it never changes again.
    fn next_edge(&self, at: Seconds) -> Option<Seconds> {
        if at < FIRST {
            return Some(FIRST);
        }
        if at >= LAST {
            return None;
        }
        let offset = self.offset(at);
        let local = at + offset;
        // A shift of the clock can lead back over boundaries already passed or forward over
        // those ahead, but not by more than SHIFT_MAX. If none is so near, shifts do not matter
        // and the search leaps to where one is.
        let near = self.calendar.next_edge(local - SHIFT_MAX)?;
        if near > local + SHIFT_MAX {
            return Some(near - offset - SHIFT_MAX).filter(|edge| *edge <= LAST);
        }
        let edge = self.calendar.next_edge(local).map(|edge| edge - offset);
        let shift = self.zone.following(timestamp(at)).next().map(|t| t.timestamp().as_second());
        edge.into_iter().chain(shift).min().filter(|edge| *edge <= LAST)
    }
}

fn timestamp(at: Seconds) -> Timestamp {
    // The clamp keeps every value within jiff's range, so the default is never taken.
    Timestamp::from_second(at.clamp(FIRST, LAST)).unwrap_or_default()
}
