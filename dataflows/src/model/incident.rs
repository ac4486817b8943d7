//! Incidents: members, probable cause, explanation.

use super::alert::{AlertRow, Pin};
use super::context::{ChangeKind, RelationKind};
use super::ids::{AlertKey, EntityRef, EventId, IncidentKey, Seconds};
use super::severity::Severity;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// One incident as it stands, a pure function of the inputs up to an epoch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incident {
    /// The hash of its earliest alert.
    pub key: IncidentKey,
    /// Whose it is.
    pub tenant: SmolStr,
    /// Onset of the earliest alert.
    pub opened: Seconds,
    /// When the last member ended; `None` while one fires.
    pub resolved: Option<Seconds>,
    /// The highest severity among its members.
    pub severity: Severity,
    /// Who answers for the probable cause, if a catalogue says.
    pub owner: Option<EntityRef>,
    /// In order of onset.
    pub members: Vec<Member>,
    /// Changes near its candidates, most recent first.
    pub changes: Vec<MemberChange>,
    /// Who or what did it, probably.
    pub cause: Cause,
    /// Why we say so.
    pub explanation: Explanation,
    /// What it is worth less for.
    pub degraded: Degraded,
}

/// What an incident is worth less for. It was a truth value once, and the first two are written
/// as those were, so that what was remembered then can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Degraded {
    /// Nothing.
    #[default]
    No,
    /// Its candidate group was over the size bound and had to be cut.
    Cut,
    /// Alerts of it come from sources that do badly.
    Doubted {
        /// Whether it had to be cut as well.
        is_cut: bool,
        /// What probabilities of candidates were multiplied by, parts per million.
        factor_ppm: u32,
        /// Those sources, in order of their names.
        sources: Vec<DegradedSource>,
    },
}

impl Degraded {
    /// By whether its candidate group had to be cut.
    pub fn cut(is_cut: bool) -> Degraded {
        if is_cut { Degraded::Cut } else { Degraded::No }
    }

    /// Whether its candidate group had to be cut.
    pub fn is_cut(&self) -> bool {
        matches!(self, Degraded::Cut | Degraded::Doubted { is_cut: true, .. })
    }
}

/// A source that does badly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DegradedSource {
    /// Its name, as its alerts have it.
    pub source: SmolStr,
    /// What was found, in order.
    pub findings: Vec<SmolStr>,
    /// How many of the incident's alerts are its own.
    pub alerts: u32,
}

/// One alert of an incident.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// The alert's key.
    pub key: AlertKey,
    /// The alert with its resolved entity and severity.
    pub row: Arc<AlertRow>,
    /// Why it is in.
    pub because: Because,
    /// Surprise (ALGORITHMS.md 4.4), in thousandths of a nat.
    pub surprise_milli: u32,
}

/// Why an alert belongs to its incident.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Because {
    /// It is on the entity the group grew from.
    Anchor,
    /// Its entity depends, over alerting entities, on the anchor.
    Depends {
        /// The next entity towards the anchor.
        via: EntityRef,
        /// Relation between the two.
        relation: RelationKind,
        /// Hops to the anchor.
        hops: u8,
        /// Its onset less that of the nearest alert on `via`, seconds.
        lag: i64,
    },
    /// It joined a standing incident of an earlier slice over the entity named.
    Continues {
        /// The entity they share or over which they touch.
        via: EntityRef,
    },
    /// Alone in its incident.
    Alone,
    /// A rule groups it with the others.
    Pinned {
        /// The rule and the values that they share.
        pin: Arc<Pin>,
    },
}

/// A change near an incident's candidates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemberChange {
    /// The change's own id.
    pub change_id: SmolStr,
    /// What it touched.
    pub entity: EntityRef,
    /// Deploy, config, …
    pub kind: ChangeKind,
    /// When.
    pub time: Seconds,
    /// What it says of itself.
    pub summary: SmolStr,
    /// The event that told of it.
    pub event_id: EventId,
}

/// A named input of the scorer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Rarity of the entity's own alerts.
    Own,
    /// The part of its alerts that a worse-off dependency explains.
    Explained,
    /// How much of it its siblings share.
    Peer,
    /// Surprise of its log lines.
    Log,
    /// Others' log lines that name it.
    Mention,
    /// How large its deviation is against the symptom's; from signals.
    Impact,
    /// Share of the incident that its causal cone covers.
    Cover,
    /// How much earlier than the others it began.
    Onset,
    /// A recent change on it or on what it uses.
    Change,
    /// How often it was the cause of incidents like this.
    History,
    /// How well an alerting dependency accounts for it.
    Symptom,
    /// It raised no alert itself.
    Silent,
    /// It is a remote view of something else: a load balancer, a proxy.
    Proxy,
    /// How particular the names of its alerts are.
    Specific,
    /// How many entities it would explain.
    Support,
    /// The prior of its level: host, service, pod, …
    Level,
}

impl Feature {
    /// Every feature, in the order of contributions.
    pub const ALL: [Feature; 16] = [
        Feature::Own,
        Feature::Explained,
        Feature::Peer,
        Feature::Log,
        Feature::Mention,
        Feature::Impact,
        Feature::Cover,
        Feature::Onset,
        Feature::Change,
        Feature::History,
        Feature::Symptom,
        Feature::Silent,
        Feature::Proxy,
        Feature::Specific,
        Feature::Support,
        Feature::Level,
    ];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Feature::Own => "own",
            Feature::Explained => "explained",
            Feature::Peer => "peer",
            Feature::Log => "log",
            Feature::Mention => "mention",
            Feature::Impact => "impact",
            Feature::Cover => "cover",
            Feature::Onset => "onset",
            Feature::Change => "change",
            Feature::History => "history",
            Feature::Symptom => "symptom",
            Feature::Silent => "silent",
            Feature::Proxy => "proxy",
            Feature::Specific => "specific",
            Feature::Support => "support",
            Feature::Level => "level",
        }
    }
}

/// Ranked candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// Best first.
    pub candidates: Vec<Candidate>,
    /// Probability that it is none of them, parts per million.
    pub unknown_ppm: u32,
    /// The version of the weights.
    pub model: SmolStr,
}

/// One entity that may be the cause.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Candidate {
    /// Which entity.
    pub entity: EntityRef,
    /// Probability, parts per million; with `unknown_ppm` they sum to 1,000,000.
    pub probability_ppm: u32,
    /// Log-odds, thousandths.
    pub score_milli: i64,
    /// What each feature adds to the score, thousandths; zero ones left out.
    pub contributions: Vec<(Feature, i64)>,
}

/// The reasoning in a form that can be checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Explanation {
    /// From symptom to cause.
    pub path: Vec<Hop>,
    /// The smallest change of evidence found that makes another candidate the first.
    pub counterfactual: Option<Counterfactual>,
}

/// One step of the reasoning path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hop {
    /// The effect.
    pub from: EntityRef,
    /// The cause.
    pub to: EntityRef,
    /// How they are related.
    pub relation: RelationKind,
    /// Onset of the effect less onset of the cause, milliseconds; zero when one is silent.
    pub lag_ms: i64,
    /// First events of the alerts on both sides.
    pub evidence: Vec<EventId>,
}

/// Without the evidence named, the answer would be another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Counterfactual {
    /// What would have to be gone: event ids.
    pub without: Vec<EventId>,
    /// The feature that would fall.
    pub feature: Feature,
    /// Who would be first then; `None` means unknown.
    pub instead: Option<EntityRef>,
    /// With which probability, parts per million.
    pub probability_ppm: u32,
}
