//! The words of the system as types: what stages receive from one another.
//!
//! Everything here is plain data with a total order, so that it can live in a
//! differential collection: no floats, no clocks, no interior mutability.
//! Strings that only people read travel in [`Identity`] behind an `Arc`; what
//! the engine compares and places by is a 64- or 128-bit hash that is the same
//! in every process.

pub mod ids;
pub mod severity;
pub mod labels;
pub mod event;
pub mod signal;
pub mod series;
pub mod context;
pub mod authority;
pub mod known;
pub mod finding;
pub mod alert;
pub mod incident;
pub mod group;

pub use alert::{
    Alert, AlertCount, AlertRow, Annotated, Disposition, Pin, Rated, Reason, Status, Suppression,
};
pub use authority::{Authority, Care, Claim, settled};
pub use context::{
    Change, ChangeKind, ChangePhase, Context, ContextEvent, Criticality, EntityUpdate, Feedback,
    Maintenance, Matcher, MatcherOp, ModelUpdate, Op, Relation, RelationKind, Rule, RuleAction,
    Silence, TimeInterval,
};
pub use event::{AlertBatch, AlertEvent, AlertFlags, Identity, SourceIndex};
pub use finding::Finding;
pub use group::{Group, GroupChange, GroupEdge, GroupEntity, GroupMember};
pub use ids::{
    AlertKey, EntityId, EntityRef, EventId, Fingerprint, IncidentKey, NameId, Seconds, push_part,
};
pub use incident::{
    Because, Candidate, Cause, Counterfactual, Degraded, DegradedSource, Explanation, Feature, Hop,
    Incident, Member, MemberChange,
};
pub use known::{Edge, Live, PlacedChange, Profile};
pub use labels::Labels;
pub use series::{FigureRow, Kept, SeriesRow, TemplateRow};
pub use severity::Severity;
pub use signal::{
    BUCKET_ENDINGS, Bucket, Call, Counted, DELAY_SECONDS, Line, Measure, Sample, SignalBatch,
    SourceTally, Stamp, Tally, Unread, Watched, bound_text,
};
