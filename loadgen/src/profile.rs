//! The kinds of storm on offer, and the rates that make each of them.

use crate::instant::{MINUTE, Ms};
use std::fmt;
use std::str::FromStr;

/// What sort of storm to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// One fault at a time, far apart: what proves that the plumbing works, and nothing more.
    Easy,
    /// A busy shift: some faults overlap, half the noise of [`Profile::Stress`].
    Moderate,
    /// A bad day: many faults at once in much unrelated noise.
    Stress,
    /// Stress at moderate noise while pods, edges and routes change under it.
    Churn,
    /// Faults come in pairs that share a hub.
    Adversarial,
    /// No fault at all: noise, flaps and harmless deploys.
    Quiet,
}

/// The text is not the name of a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown profile {0:?}; use easy, moderate, stress, churn, adversarial or quiet")]
pub struct UnknownProfile(pub String);

impl Profile {
    /// Every profile, easiest first, the one without faults last.
    pub const ALL: [Profile; 6] = [
        Profile::Easy,
        Profile::Moderate,
        Profile::Stress,
        Profile::Churn,
        Profile::Adversarial,
        Profile::Quiet,
    ];

    /// The word on the command line and in `truth.json`.
    pub fn word(self) -> &'static str {
        match self {
            Profile::Easy => "easy",
            Profile::Moderate => "moderate",
            Profile::Stress => "stress",
            Profile::Churn => "churn",
            Profile::Adversarial => "adversarial",
            Profile::Quiet => "quiet",
        }
    }

    /// What this profile is made of.
    pub(crate) fn rates(self) -> Rates {
        let stress = Rates {
            span: 90 * MINUTE,
            events: 1_000_000,
            faults: 30.0,
            concurrent: 0.4,
            background: 250.0,
            flaws: 1.0,
            chronic: 60,
            flapping: 0.055,
            pods_per_hour: 0.05,
            edges_per_hour: 0.01,
            reroutes: 0.1,
            quiet_changes: 0.0,
            paired: false,
        };
        match self {
            Profile::Stress => stress,
            Profile::Easy => Rates {
                span: 240 * MINUTE,
                concurrent: 0.0,
                background: 160.0,
                flaws: 0.5,
                chronic: 30,
                reroutes: 0.05,
                ..stress
            },
            Profile::Moderate => Rates {
                span: 180 * MINUTE,
                concurrent: 0.2,
                background: 250.0,
                flaws: 0.5,
                chronic: 40,
                ..stress
            },
            Profile::Churn => Rates {
                concurrent: 0.2,
                background: 160.0,
                pods_per_hour: 0.6,
                edges_per_hour: 0.12,
                reroutes: 0.5,
                ..stress
            },
            Profile::Adversarial => Rates { concurrent: 0.5, paired: true, ..stress },
            Profile::Quiet => {
                Rates { faults: 0.0, concurrent: 0.0, reroutes: 0.0, quiet_changes: 30.0, ..stress }
            }
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Profile::ALL.into_iter().find(|p| p.word() == word);
        found.ok_or_else(|| UnknownProfile(word.to_owned()))
    }
}

/// The make-up of a profile over its natural span; counts are per span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// How long the storm lasts.
    pub span: Ms,
    /// Lines written in that span.
    pub events: u64,
    /// Faults with an effect that users see.
    pub faults: f64,
    /// Share of faults that begin 5 to 120 s after another.
    pub concurrent: f64,
    /// Alerts that belong to nothing.
    pub background: f64,
    /// How flawed the observation is: catalogue, clocks, rules that are missing; 1 is a bad day's.
    pub flaws: f64,
    /// Checks that fire most of the time; a property of the estate, not of the span.
    pub chronic: usize,
    /// Share of checks that flap.
    pub flapping: f64,
    /// Share of pods replaced in an hour.
    pub pods_per_hour: f64,
    /// Share of call edges that appear, and that go, in an hour.
    pub edges_per_hour: f64,
    /// Share of incidents during which somebody routes around the trouble.
    pub reroutes: f64,
    /// Harmless changes where there are no faults to multiply.
    pub quiet_changes: f64,
    /// Whether concurrent faults share a hub.
    pub paired: bool,
}

impl Rates {
    /// The shortest span that a fault can play out in, and a flap be seen to flap in.
    const SPAN_MIN: Ms = 12 * MINUTE;

    /// The same rates over the span in which `events` lines are written.
    pub fn scaled_to(self, events: u64) -> Rates {
        let natural = events as f64 / self.events as f64;
        let span = ((self.span as f64 * natural) as Ms).max(Rates::SPAN_MIN);
        let ratio = span as f64 / self.span as f64;
        Rates {
            span,
            events,
            faults: self.faults * ratio,
            background: self.background * ratio,
            quiet_changes: self.quiet_changes * ratio,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_both_ways() {
        for profile in Profile::ALL {
            assert_eq!(profile.to_string().parse(), Ok(profile));
        }
        let error = "calm".parse::<Profile>().unwrap_err().to_string();
        assert!(error.contains("\"calm\"") && error.contains("quiet"), "{error}");
    }

    #[test]
    fn scaling_keeps_the_rates() {
        let rates = Profile::Stress.rates();
        let twice = rates.scaled_to(rates.events * 2);
        assert_eq!(twice.span, rates.span * 2);
        assert!((twice.faults - 60.0).abs() < 1e-9 && (twice.background - 500.0).abs() < 1e-9);
        assert_eq!(rates.scaled_to(10).span, Rates::SPAN_MIN);
    }
}
