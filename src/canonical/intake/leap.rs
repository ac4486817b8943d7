//! Single lines that move the clock of a replay so far that those after them are late.
//!
//! A line may lie up to a day ahead of its neighbours (SEMANTICS rule 6). One whose
//! clock was wrong looks the same as one after a quiet night, except that what follows
//! it goes on where the lines before it were. So what was late and would not have been
//! without the leap is counted for each leap, and the worst is told of at the end.

use super::*;

/// A line that moved the clock ahead by more than the lateness bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leap {
    /// The file.
    pub partition: Option<SmolStr>,
    /// The line in it.
    pub line: u64,
    /// The second the replay was in before it.
    pub from: Seconds,
    /// The second it moved to.
    pub to: Seconds,
    /// Events after it that are late because of it.
    pub late: u64,
}

/// The leaps of a replay.
#[derive(Debug, Default)]
pub(super) struct Leaps {
    last: Option<Leap>,
    /// The second the replay would be in without the last.
    without: Seconds,
    worst: Option<Leap>,
}

impl Leaps {
    /// Notes a leap.
    #[cold]
    pub(super) fn note(&mut self, leap: Leap) {
        self.settle();
        self.without = leap.from;
        self.last = Some(leap);
    }

    /// Counts a late event for the leap that made it so.
    #[cold]
    pub(super) fn late(&mut self, time: Seconds, bound: Seconds) {
        let Some(leap) = &mut self.last else { return };
        if self.without.saturating_sub(time) <= bound {
            leap.late += 1;
            self.without = self.without.max(time);
        }
    }

    fn settle(&mut self) {
        let late = |leap: &Option<Leap>| leap.as_ref().map_or(0, |leap| leap.late);
        if let Some(last) = self.last.take()
            && last.late > late(&self.worst)
        {
            self.worst = Some(last);
        }
    }

    /// The leap that made the most events late, if any did.
    pub(super) fn worst(&mut self) -> Option<Leap> {
        self.settle();
        self.worst.clone()
    }
}
