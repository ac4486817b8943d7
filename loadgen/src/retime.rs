//! A storm at another time: for a live receiver, whose now is the wall clock.

use crate::instant::{Ms, START};
use crate::scenario::Scenario;

impl Scenario {
    /// Lets the storm begin at `start` and pass `speed` times as fast.
    ///
    /// Every instant moves, in the events and in the truth; who suffers from what stays.
    /// Clock skew and lateness shrink with the rest, so a storm that is hurried is milder
    /// in those two respects.
    pub fn retime(&mut self, start: Ms, speed: f64) {
        let moved = |instant: Ms| start + ((instant - START) as f64 / speed) as Ms;
        for event in &mut self.storm.events {
            event.time = moved(event.time);
            event.observed = moved(event.observed);
        }
        for episode in &mut self.storm.episodes {
            episode.start = moved(episode.start);
            episode.end = moved(episode.end);
        }
        for fault in &mut self.plan.faults {
            fault.start = moved(fault.start);
            fault.end = moved(fault.end);
            fault.effects.iter_mut().for_each(|effect| effect.at = moved(effect.at));
        }
        for change in &mut self.plan.changes {
            change.started = moved(change.started);
            change.finished = moved(change.finished);
        }
        self.end = moved(self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    #[test]
    fn everything_moves_together() {
        let natural = Scenario::build(Profile::Easy, 3, Some(20_000));
        let mut moved = natural.clone();
        moved.retime(START + 1_000, 2.0);
        let (before, after) = (&natural.storm.events[7], &moved.storm.events[7]);
        assert_eq!(after.time, START + 1_000 + (before.time - START) / 2);
        assert_eq!(moved.end - (START + 1_000), (natural.end - START) / 2);
        assert_eq!(natural.truth().incidents.len(), moved.truth().incidents.len());
        assert_ne!(natural.truth().incidents[0].start, moved.truth().incidents[0].start);
    }
}
