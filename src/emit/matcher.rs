//! Which revisions a sink wants.
//!
//! [`Matcher`] is a pure function of one revision. [`Route`] adds the memory that a
//! receiver needs: whoever was told of an incident is also told how it ends,
//! even when its last revision no longer matches.

use super::wire::{Revision, RevisionEvent, SeverityWord};
use smol_str::SmolStr;
use std::collections::{BTreeSet, VecDeque};

pub mod label;

pub use label::{LabelMatcher, LabelMatcherError};

/// A word in a matcher that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// The severity is no word of the table.
    #[error("severity {word:?} is unknown: use fatal, critical, error, warning, info or debug")]
    Severity {
        /// As written.
        word: String,
    },
    /// The event is no kind of revision.
    #[error(
        "revision kind {word:?} is unknown: use opened, updated, merged, split, resolved or withdrawn"
    )]
    Event {
        /// As written.
        word: String,
    },
    /// A label matcher cannot be read.
    #[error(transparent)]
    Label(#[from] LabelMatcherError),
}

/// Conditions on a revision; each that is given must hold, an empty list asks nothing.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    /// The least severity.
    pub severity: Option<SeverityWord>,
    /// Any of these owners.
    pub owner: Vec<SmolStr>,
    /// Any of these tenants.
    pub tenant: Vec<SmolStr>,
    /// Each must hold for some alert of the incident.
    pub labels: Vec<LabelMatcher>,
    /// Any of these kinds of revision.
    pub events: Vec<RevisionEvent>,
}

impl Matcher {
    /// Reads the words of a configuration.
    ///
    /// # Errors
    /// The first word that means nothing.
    pub fn parse(
        severity: Option<&str>,
        owner: &[String],
        tenant: &[String],
        labels: &[String],
        events: &[String],
    ) -> Result<Matcher, MatcherError> {
        let severity = severity
            .map(|word| {
                SeverityWord::parse(word)
                    .ok_or_else(|| MatcherError::Severity { word: word.to_owned() })
            })
            .transpose()?;
        let event = |word: &String| {
            RevisionEvent::parse(word).ok_or_else(|| MatcherError::Event { word: word.clone() })
        };
        let mut conditions = Vec::new();
        for text in labels {
            conditions.extend(LabelMatcher::parse_list(text)?);
        }
        Ok(Matcher {
            severity,
            owner: owner.iter().map(SmolStr::new).collect(),
            tenant: tenant.iter().map(SmolStr::new).collect(),
            labels: conditions,
            events: events.iter().map(event).collect::<Result<_, _>>()?,
        })
    }

    /// Whether every condition holds.
    pub fn matches(&self, revision: &Revision) -> bool {
        self.wants_event(revision.event) && self.concerns(revision)
    }

    /// Whether it lets every incident through, whatever becomes of it.
    fn is_for_all(&self) -> bool {
        self.severity.is_none()
            && self.tenant.is_empty()
            && self.owner.is_empty()
            && self.labels.is_empty()
    }

    fn wants_event(&self, event: RevisionEvent) -> bool {
        self.events.is_empty() || self.events.contains(&event)
    }

    /// Whether every condition on the incident, leaving aside the kind of revision, holds.
    fn concerns(&self, revision: &Revision) -> bool {
        self.severity.is_none_or(|least| revision.severity >= least)
            && any_of(&self.tenant, Some(&revision.tenant))
            && any_of(&self.owner, revision.owner.as_ref())
            && self
                .labels
                .iter()
                .all(|matcher| revision.alerts.iter().any(|alert| matcher.matches(alert)))
    }
}

fn any_of(list: &[SmolStr], value: Option<&SmolStr>) -> bool {
    list.is_empty() || value.is_some_and(|value| list.contains(value))
}

/// A matcher with the memory of whom it let through.
#[derive(Debug)]
pub struct Route {
    matcher: Matcher,
    told: BTreeSet<SmolStr>,
    order: VecDeque<SmolStr>,
    told_max: usize,
}

impl Route {
    /// How many incidents are remembered; at 24 to 64 bytes an id this stays below 16 MiB.
    pub const TOLD_MAX: usize = 100_000;

    /// A route that has let nothing through yet.
    pub fn new(matcher: Matcher) -> Route {
        Route::bounded(matcher, Route::TOLD_MAX)
    }

    /// A route that remembers `told_max` incidents; beyond it the earliest is forgotten,
    /// whose end is then judged by its own fields.
    pub fn bounded(matcher: Matcher, told_max: usize) -> Route {
        Route { matcher, told: BTreeSet::new(), order: VecDeque::new(), told_max }
    }

    /// Whether a revision goes to this sink; remembers the answer.
    ///
    /// An incident that was let through before is let through again as long as its
    /// kind of revision is wanted, so that nobody waits for an end that was filtered.
    pub fn admit(&mut self, revision: &Revision) -> bool {
        let known = self.told.contains(&revision.incident_id);
        let concerned = known || self.matcher.concerns(revision);
        if revision.event.ends_the_id() {
            self.told.remove(&revision.incident_id);
        } else if concerned && !known {
            self.remember(revision.incident_id.clone());
        }
        concerned && self.matcher.wants_event(revision.event)
    }

    /// After a restart: what this sink was last told, without telling it again.
    pub fn restore(&mut self, revision: &Revision) {
        let known = self.told.contains(&revision.incident_id);
        if !known && !revision.event.ends_the_id() && self.matcher.concerns(revision) {
            self.remember(revision.incident_id.clone());
        }
    }

    /// The incidents that were let through, the earliest first.
    pub fn told(&self) -> Vec<SmolStr> {
        self.order.iter().filter(|id| self.told.contains(*id)).cloned().collect()
    }

    /// Remembers incidents that were let through before.
    pub fn tell(&mut self, ids: Vec<SmolStr>) {
        ids.into_iter().for_each(|id| self.remember(id));
    }

    /// Lets through what another matcher admits from now on. Whoever was told of an incident by
    /// the one before still hears how it ends; where that one let all of them through they are
    /// those that are `open`.
    pub fn rematch(&mut self, matcher: Matcher, open: impl FnOnce() -> Vec<SmolStr>) {
        let was_for_all = self.matcher.is_for_all();
        self.matcher = matcher;
        if self.matcher.is_for_all() {
            self.told.clear();
            self.order.clear();
        } else if was_for_all {
            self.tell(open());
        }
    }

    fn remember(&mut self, id: SmolStr) {
        if self.matcher.is_for_all() {
            return;
        }
        self.told.insert(id.clone());
        self.order.push_back(id);
        while self.order.len() > self.told_max {
            if let Some(earliest) = self.order.pop_front() {
                self.told.remove(&earliest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::wire::sample;

    fn matcher(labels: &[&str]) -> Matcher {
        let labels: Vec<String> = labels.iter().map(|text| (*text).to_owned()).collect();
        Matcher::parse(None, &[], &[], &labels, &[]).unwrap()
    }

    #[test]
    fn another_matcher_does_not_hide_an_end() {
        let fatal = || Matcher::parse(Some("fatal"), &[], &[], &[], &[]).unwrap();
        let opened = sample::opened();
        let id = opened.incident_id.clone();
        let mut route = Route::new(Matcher::default());
        assert!(route.admit(&opened));
        route.rematch(fatal(), || vec![id.clone()]);
        assert!(route.admit(&opened), "whoever was told of it hears of it again");
        route.rematch(fatal(), || panic!("it is remembered"));
        assert_eq!(route.told(), [id]);
        route.rematch(Matcher::default(), || panic!("all are let through"));
        assert!(route.told().is_empty());
        let mut other = Route::new(fatal());
        assert!(!other.admit(&opened));
        other.rematch(matcher(&[]), Vec::new);
        assert!(other.admit(&opened));
    }

    #[test]
    fn every_condition_must_hold() {
        let revision = sample::opened();
        let parse = |severity: Option<&str>, owner: &str, tenant: &str, event: &str| {
            let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            Matcher::parse(severity, &list(owner), &list(tenant), &[], &list(event)).unwrap()
        };
        for (matcher, expected) in [
            (parse(None, "", "", ""), true),
            (parse(Some("critical"), "", "", ""), true),
            (parse(Some("fatal"), "", "", ""), false),
            (parse(None, "team:shop/web team:shop/payments", "", ""), true),
            (parse(None, "team:shop/web", "", ""), false),
            (parse(None, "", "default", "opened resolved"), true),
            (parse(None, "", "other", ""), false),
            (parse(None, "", "", "resolved"), false),
        ] {
            assert_eq!(matcher.matches(&revision), expected, "{matcher:?}");
        }
    }

    #[test]
    fn label_conditions_may_hold_on_different_alerts() {
        let revision = sample::opened();
        for (labels, expected) in [
            (&["env=\"prod\""][..], true),
            (&["alertname=\"SloBurn\"", "alertname=\"HighLatency\""], true),
            (&["entity=~\"service:shop/(cart|db)\"", "severity=\"critical\""], true),
            (&["{env=\"prod\",alertname=\"SloBurn\"}"], true),
            (&["env=\"dev\""], false),
            (&["region=\"\""], true),
            (&["region!=\"\""], false),
        ] {
            assert_eq!(matcher(labels).matches(&revision), expected, "{labels:?}");
        }
    }

    #[test]
    fn words_that_mean_nothing_are_named() {
        let error = |severity: Option<&str>, events: &[String]| {
            Matcher::parse(severity, &[], &[], &[], events).unwrap_err().to_string()
        };
        assert!(error(Some("loud"), &[]).contains("\"loud\""));
        assert!(error(None, &["closed".to_owned()]).contains("\"closed\""));
    }

    #[test]
    fn whoever_was_told_hears_the_end() {
        let mut route =
            Route::new(Matcher { severity: Some(SeverityWord::Critical), ..Matcher::default() });
        let first = sample::opened();
        let mut milder = sample::resolved();
        milder.severity = SeverityWord::Warning;
        assert!(!route.admit(&milder), "nobody was told of it yet");
        assert!(route.admit(&first));
        assert!(route.admit(&milder));
        let mut gone = milder.clone();
        gone.event = RevisionEvent::Withdrawn;
        assert!(route.admit(&gone));
        assert!(!route.admit(&gone), "an id that ended is forgotten");
    }

    #[test]
    fn a_restored_route_goes_on_where_it_was() {
        let conditions = Matcher { severity: Some(SeverityWord::Critical), ..Matcher::default() };
        let mut milder = sample::resolved();
        milder.severity = SeverityWord::Warning;
        let mut route = Route::new(conditions);
        route.restore(&sample::opened());
        assert!(route.admit(&milder));
    }

    #[test]
    fn memory_is_bounded() {
        let conditions = Matcher { severity: Some(SeverityWord::Warning), ..Matcher::default() };
        let mut route = Route::bounded(conditions, 2);
        for id in ["inc-1", "inc-2", "inc-3"] {
            let mut revision = sample::opened();
            revision.incident_id = id.into();
            assert!(route.admit(&revision));
        }
        assert_eq!(route.told.iter().map(SmolStr::as_str).collect::<Vec<_>>(), ["inc-2", "inc-3"]);
    }

    #[test]
    fn nothing_is_remembered_where_everything_goes() {
        let mut route = Route::new(Matcher::default());
        assert!(route.admit(&sample::opened()));
        assert!(route.admit(&sample::resolved()));
        assert!(route.told.is_empty() && route.order.is_empty());
    }
}
