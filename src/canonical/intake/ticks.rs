//! When an event was received, and what second a replay is in (SEMANTICS rules 4 to 6).

use crate::canonical::reject::{Code, Quality};
use crate::canonical::time::{END_OF_TIME, NANOS, seconds_of};
use causeway_dataflows::model::Seconds;
use serde::{Deserialize, Serialize};

/// Where receipt times and ticks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Pushed input: everything in the call was received at this instant.
    Live {
        /// The caller's clock, nanoseconds since the Unix epoch.
        receipt_ns: i64,
    },
    /// Files, standard input and logs of a live process: receipt is in the records, else in
    /// their message, else it is now.
    Followed {
        /// The caller's clock, nanoseconds since the Unix epoch.
        receipt_ns: i64,
    },
    /// Recorded input: receipt is in the records, or their event time stands for it.
    Replay,
    /// Tables that hold before the first event, such as a topology file: no ticks.
    Rows,
}

/// This many records in a row must agree on a leap before it is believed.
///
/// One record cannot move the tick by more than `leap_seconds_max`. But a
/// recording may have a long gap, and if nothing could ever cross it, all that
/// follows would be clamped to the second before it. Eight in a row that lie
/// within one leap of one another are a gap; a wrong clock among right ones
/// is interrupted by them.
const LEAPS_BELIEVED: u32 = 8;

/// The second a replay is in, as a function of the records so far.
#[derive(Clone, Debug)]
pub(super) struct Ticks {
    mode: Mode,
    /// When the current message was made, nanoseconds, if it is one of a log and says so.
    stamp_ns: Option<i64>,
    tick: Option<Seconds>,
    /// The tick comes from standing facts only, whose times may lie long ago.
    soft: bool,
    /// What came before the last move of the tick pinned it.
    was_firm: bool,
    leap_seconds_max: i64,
    leaps: u32,
    leap_last: Seconds,
}

impl Ticks {
    pub(super) fn new(leap_seconds_max: i64) -> Self {
        Ticks {
            mode: Mode::Rows,
            stamp_ns: None,
            tick: None,
            soft: true,
            was_firm: false,
            leap_seconds_max,
            leaps: 0,
            leap_last: 0,
        }
    }

    pub(super) fn is_rows(&self) -> bool {
        self.mode == Mode::Rows
    }

    pub(super) fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// Says when the message was made that the next records are in.
    pub(super) fn set_stamp(&mut self, stamp_ns: Option<i64>) {
        self.stamp_ns = stamp_ns;
    }

    /// The tick for segments: only replays have one.
    pub(super) fn tick(&self) -> Option<Seconds> {
        if self.mode == Mode::Replay { self.tick } else { None }
    }

    pub(super) fn restore(&mut self, tick: Option<Seconds>) {
        self.tick = tick;
        self.soft = tick.is_none();
        self.leaps = 0;
    }

    /// Whether the tick that the last record moved came from events, not only from standing facts.
    pub(super) fn was_firm(&self) -> bool {
        self.was_firm
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.mode, Mode::Live { .. } | Mode::Followed { .. })
    }

    /// Now, as far as it is known; the beginning of time for tables.
    pub(super) fn now_ns(&self) -> Option<i64> {
        match self.mode {
            Mode::Live { receipt_ns } => Some(receipt_ns),
            Mode::Followed { receipt_ns } => Some(self.followed(None, receipt_ns)),
            Mode::Replay => self.tick.map(|tick| tick.saturating_mul(NANOS)),
            Mode::Rows => Some(0),
        }
    }

    /// When a record with this event time and receipt of its own was received;
    /// `None` when a replay has nothing yet to go by.
    ///
    /// `standing` records (topology, rules) say what holds rather than what
    /// happens, so their times alone do not pin the beginning of a replay.
    #[inline]
    pub(super) fn observe(
        &mut self,
        time: Option<i64>,
        own: Option<i64>,
        standing: bool,
        quality: &mut Quality,
    ) -> Option<i64> {
        match self.mode {
            Mode::Live { receipt_ns } => Some(receipt_ns),
            Mode::Followed { receipt_ns } => Some(self.followed(own, receipt_ns)),
            Mode::Rows => Some(own.or(time).unwrap_or(0)),
            Mode::Replay => self.replayed(time, own, standing, quality),
        }
    }

    /// Its own receipt, else its message's timestamp; it cannot have been received after now.
    #[inline]
    fn followed(&self, own: Option<i64>, receipt_ns: i64) -> i64 {
        own.or(self.stamp_ns).map_or(receipt_ns, |known| known.min(receipt_ns))
    }

    fn replayed(
        &mut self,
        time: Option<i64>,
        own: Option<i64>,
        standing: bool,
        quality: &mut Quality,
    ) -> Option<i64> {
        let floor = self.tick.map(|tick| tick.saturating_mul(NANOS));
        // The end of time is no second that a recording can be in.
        let countable = |instant: &i64| *instant < END_OF_TIME;
        let (time, own) = (time.filter(countable), own.filter(countable));
        let observed = match own.or_else(|| time.max(floor)) {
            Some(observed) => observed,
            None if standing => return Some(0),
            None => return None,
        };
        let second = seconds_of(observed);
        let Some(tick) = self.tick else {
            (self.tick, self.soft) = (Some(second), standing);
            return Some(observed);
        };
        if second - tick > self.leap_seconds_max && !self.soft {
            let agrees = (second - self.leap_last).abs() <= self.leap_seconds_max;
            self.leaps = if agrees { self.leaps + 1 } else { 1 };
            self.leap_last = second;
            if self.leaps < LEAPS_BELIEVED {
                quality.note(Code::W102);
                return Some(tick.saturating_mul(NANOS));
            }
        }
        self.leaps = 0;
        self.tick = Some(tick.max(second));
        self.was_firm = !self.soft;
        self.soft &= standing;
        Some(observed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn replay() -> Ticks {
        let mut ticks = Ticks::new(DAY);
        ticks.set_mode(Mode::Replay);
        ticks
    }

    fn see(ticks: &mut Ticks, second: i64) -> (Option<i64>, bool) {
        let mut quality = Quality::default();
        let seen = ticks.observe(Some(second * NANOS), None, false, &mut quality);
        (seen.map(seconds_of), quality.has(Code::W102))
    }

    #[test]
    fn the_tick_is_the_latest_so_far() {
        let mut ticks = replay();
        assert_eq!(see(&mut ticks, 1_000), (Some(1_000), false));
        assert_eq!(see(&mut ticks, 990), (Some(1_000), false));
        assert_eq!(see(&mut ticks, 1_005), (Some(1_005), false));
        let mut quality = Quality::default();
        let own = ticks.observe(Some(0), Some(950 * NANOS), false, &mut quality);
        assert_eq!((own, ticks.tick()), (Some(950 * NANOS), Some(1_005)));
    }

    #[test]
    fn a_followed_record_keeps_its_own_receipt() {
        let mut ticks = Ticks::new(DAY);
        ticks.set_mode(Mode::Followed { receipt_ns: 100 });
        let mut seen = |own| ticks.observe(Some(7), own, false, &mut Quality::default());
        assert_eq!((seen(Some(90)), seen(Some(110)), seen(None)), (Some(90), Some(100), Some(100)));
    }

    #[test]
    fn the_timestamp_of_a_message_stands_in_for_the_receipt_of_its_records() {
        let mut ticks = Ticks::new(DAY);
        ticks.set_mode(Mode::Followed { receipt_ns: 100 });
        ticks.set_stamp(Some(80));
        let mut seen = |own| ticks.observe(Some(7), own, false, &mut Quality::default());
        assert_eq!((seen(Some(90)), seen(None)), (Some(90), Some(80)));
        assert_eq!(ticks.now_ns(), Some(80));
        ticks.set_stamp(Some(120));
        assert_eq!(ticks.now_ns(), Some(100), "a producer's clock may run ahead");
    }

    #[test]
    fn one_leap_is_not_believed_and_eight_are() {
        let mut ticks = replay();
        see(&mut ticks, 1_000);
        assert_eq!(see(&mut ticks, 1_000 + DAY), (Some(1_000 + DAY), false));
        let far = 1_000 + 50 * DAY;
        for _ in 0..7 {
            assert_eq!(see(&mut ticks, far), (Some(1_000 + DAY), true));
        }
        see(&mut ticks, 2_000 + DAY);
        for _ in 0..7 {
            assert_eq!(see(&mut ticks, far), (Some(2_000 + DAY), true));
        }
        assert_eq!(see(&mut ticks, far), (Some(far), false));
        assert_eq!(ticks.tick(), Some(far));
    }

    #[test]
    fn standing_facts_do_not_pin_the_beginning() {
        let mut ticks = replay();
        let mut quality = Quality::default();
        assert_eq!(ticks.observe(None, None, false, &mut quality), None);
        assert_eq!(ticks.observe(None, None, true, &mut quality), Some(0));
        ticks.observe(Some(5 * NANOS), None, true, &mut quality);
        assert_eq!(see(&mut ticks, 900 * DAY), (Some(900 * DAY), false));
        assert_eq!(see(&mut ticks, 990 * DAY), (Some(900 * DAY), true));
        assert!(quality.is_clean());
    }
}
