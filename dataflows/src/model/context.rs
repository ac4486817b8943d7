//! Everything that is not an alert or a signal: topology, changes, silences,
//! maintenance, rules, models, feedback. All of them are inputs that can be
//! taken back.

use super::ids::{EntityRef, EventId, Seconds};
use super::severity::Severity;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// One context event with what every event has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContextEvent {
    /// Whose data it is.
    pub tenant: SmolStr,
    /// Who says so.
    pub source: SmolStr,
    /// The event's id.
    pub id: EventId,
    /// Event time, nanoseconds since the Unix epoch. Of two events about one
    /// thing the later (time, id) holds, whatever the order of arrival.
    pub time_ns: i64,
    /// Receipt, nanoseconds since the Unix epoch.
    pub observed_ns: i64,
    /// Whether the thing is there, or gone.
    pub op: Op,
    /// The thing.
    pub body: Context,
}

/// Insert-or-replace, for ever or for a while, or remove.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// It holds from now on.
    #[default]
    Upsert,
    /// It holds no longer.
    Delete,
    /// It holds from one instant until before another, whole seconds; the least and the greatest
    /// number stand for no bound.
    Within {
        /// From.
        from: Seconds,
        /// Until, exclusive.
        until: Seconds,
    },
}

impl Op {
    /// From when until before when the thing holds, whatever else ends it.
    pub fn span(self) -> (Seconds, Seconds) {
        match self {
            Op::Upsert => (Seconds::MIN, Seconds::MAX),
            Op::Delete => (Seconds::MAX, Seconds::MAX),
            Op::Within { from, until } => (from, until),
        }
    }
}

/// What a context event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Context {
    /// A node of the topology.
    Entity(EntityUpdate),
    /// An edge of the topology.
    Relation(Relation),
    /// What people or machines did.
    Change(Change),
    /// Matchers that keep alerts out of incidents for a while.
    Silence(Silence),
    /// A planned window.
    Maintenance(Maintenance),
    /// A standing instruction about alerts.
    Rule(Rule),
    /// Weights of the scorer.
    Model(ModelUpdate),
    /// A person's verdict on an incident.
    Feedback(Feedback),
}

/// How much hangs on an entity.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Little.
    Low,
    /// As usual.
    #[default]
    Medium,
    /// Much.
    High,
    /// Everything.
    Critical,
}

impl Criticality {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Criticality::Low => "low",
            Criticality::Medium => "medium",
            Criticality::High => "high",
            Criticality::Critical => "critical",
        }
    }
}

/// A node of the topology; also carries who owns it and its other names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityUpdate {
    /// Which entity.
    pub entity: EntityRef,
    /// `service`, `host`, …; the reference's own prefix when not given.
    pub kind: SmolStr,
    /// Who answers for it.
    pub owner: Option<EntityRef>,
    /// How much hangs on it.
    pub criticality: Criticality,
    /// Other references that mean this entity.
    pub aliases: Vec<EntityRef>,
}

/// What an edge means; always from the dependent to what it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// Sends requests to.
    Calls,
    /// Is a process on.
    RunsOn,
    /// Is an instance or a component of.
    PartOf,
    /// Is answered for by; never carries a fault.
    OwnedBy,
    /// Reads from.
    Reads,
    /// Writes to.
    Writes,
    /// Passes traffic on to.
    RoutesTo,
    /// Needs, in a way not said.
    DependsOn,
    /// Two alerts on one entity; never in a topology, only in a path.
    Same,
    /// Is another name of; no edge, but whatever names the one is about the other.
    AliasOf,
}

impl RelationKind {
    /// The relation that a word means.
    pub fn parse(word: &str) -> Option<RelationKind> {
        Some(match word {
            "calls" => RelationKind::Calls,
            "runs_on" => RelationKind::RunsOn,
            "part_of" => RelationKind::PartOf,
            "owned_by" => RelationKind::OwnedBy,
            "reads" => RelationKind::Reads,
            "writes" => RelationKind::Writes,
            "routes_to" => RelationKind::RoutesTo,
            "depends_on" => RelationKind::DependsOn,
            "alias_of" => RelationKind::AliasOf,
            _ => return None,
        })
    }

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            RelationKind::Calls => "calls",
            RelationKind::RunsOn => "runs_on",
            RelationKind::PartOf => "part_of",
            RelationKind::OwnedBy => "owned_by",
            RelationKind::Reads => "reads",
            RelationKind::Writes => "writes",
            RelationKind::RoutesTo => "routes_to",
            RelationKind::DependsOn => "depends_on",
            RelationKind::Same => "same",
            RelationKind::AliasOf => "alias_of",
        }
    }
}

/// An edge of the topology.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Relation {
    /// The dependent.
    pub from: EntityRef,
    /// What it depends on.
    pub to: EntityRef,
    /// How.
    pub kind: RelationKind,
    /// How sure the source is, parts per million.
    pub confidence_ppm: u32,
    /// How long it holds without being said again, seconds; zero for ever.
    pub ttl_seconds: u32,
}

/// What sort of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// New version.
    Deploy,
    /// New version of something already there.
    Upgrade,
    /// Back to an earlier version.
    Rollback,
    /// Taken away.
    Remove,
    /// Configuration.
    Config,
    /// A switch in the program.
    FeatureFlag,
    /// Machines, networks.
    Infra,
    /// Schema or data.
    DbMigration,
    /// More or fewer instances.
    Scale,
    /// Rights.
    Access,
    /// Planned work.
    Maintenance,
    /// A repair.
    IncidentFix,
    /// Anything else.
    Other,
}

/// How far a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangePhase {
    /// Announced.
    Planned,
    /// Under way.
    Started,
    /// Done.
    Finished,
    /// Did not work.
    Failed,
    /// Called off.
    Cancelled,
}

/// What people or machines did to an entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Change {
    /// The change's own id: phases of one change share it.
    pub change_id: SmolStr,
    /// What it touched.
    pub entity: EntityRef,
    /// What sort.
    pub kind: ChangeKind,
    /// How far.
    pub phase: ChangePhase,
    /// `high`, `medium` or `low` risk as 3, 2, 1; zero when not said.
    pub risk: u8,
    /// An emergency change, made in a hurry.
    pub emergency: bool,
    /// The version it brought.
    pub version: SmolStr,
    /// What it says of itself.
    pub summary: SmolStr,
}

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MatcherOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends.
    Regex,
    /// `!~`
    NotRegex,
}

/// One condition on a label, as Alertmanager defines it: an absent label is an empty one.
///
/// Beside its labels an alert has `alertname`, `entity`, `source` and `severity`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Matcher {
    /// Which label.
    pub name: SmolStr,
    /// How to compare.
    pub op: MatcherOp,
    /// With what.
    pub value: SmolStr,
}

/// Keeps matching alerts out of incidents between two instants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Silence {
    /// Its id.
    pub silence_id: SmolStr,
    /// All must hold.
    pub matchers: Vec<Matcher>,
    /// From, whole seconds.
    pub starts: i64,
    /// Until, whole seconds, exclusive.
    pub ends: i64,
    /// Who.
    pub created_by: SmolStr,
    /// Why.
    pub comment: SmolStr,
}

/// A recurring window in Alertmanager's `time_intervals` syntax; every list that is
/// not empty must contain the instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimeInterval {
    /// Minutes of the day, start inclusive, end exclusive.
    pub times: Vec<(u16, u16)>,
    /// Days of the week, 0 is Sunday, both ends inclusive.
    pub weekdays: Vec<(u8, u8)>,
    /// Days of the month, 1 to 31, or -1 the last; both ends inclusive.
    pub days_of_month: Vec<(i8, i8)>,
    /// Months, 1 to 12, both ends inclusive.
    pub months: Vec<(u8, u8)>,
    /// Years, both ends inclusive.
    pub years: Vec<(u16, u16)>,
    /// IANA time zone; UTC when empty.
    pub location: SmolStr,
}

/// A planned window during which matching alerts are expected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Maintenance {
    /// Its id.
    pub maintenance_id: SmolStr,
    /// Entities it covers, besides what the matchers say; empty for all that match.
    pub entities: Vec<EntityRef>,
    /// All must hold.
    pub matchers: Vec<Matcher>,
    /// From, whole seconds; `i64::MIN` for no bound.
    pub starts: i64,
    /// Until, whole seconds, exclusive; `i64::MAX` for no bound.
    pub ends: i64,
    /// Within the bounds, only when one of these holds; empty for always.
    pub intervals: Vec<TimeInterval>,
    /// Why.
    pub comment: SmolStr,
}

/// What a rule does to alerts that match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// Keep them out of incidents.
    Suppress,
    /// Give them this severity.
    Severity(Severity),
    /// Group them by the values of these labels and not by topology.
    GroupBy(Vec<SmolStr>),
}

/// A standing instruction about alerts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Its id; of several rules that set a severity, or group, the least id holds.
    pub rule_id: SmolStr,
    /// All must hold.
    pub matchers: Vec<Matcher>,
    /// What to do.
    pub action: RuleAction,
}

/// A version of the scorer's weights.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelUpdate {
    /// Name and version, which incidents carry.
    pub version: SmolStr,
    /// Weight by feature or level name, thousandths; names not listed keep their default.
    pub weights_milli: Vec<(SmolStr, i64)>,
}

/// A person's verdict on an incident.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Feedback {
    /// The incident's public id.
    pub incident_id: SmolStr,
    /// `correct`, `false_positive`, `missed`, `wrong_cause` or `bad_grouping`.
    pub verdict: SmolStr,
    /// Who it really was.
    pub correct_entity: Option<EntityRef>,
    /// Who says so.
    pub actor: SmolStr,
    /// What they add.
    pub note: SmolStr,
}
