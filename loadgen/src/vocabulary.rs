//! The alert rules of the estate, written for this generator.
//!
//! Three sorts, and the difference is what a storm can be read by. Root rules
//! are specific to a kind of fault and rare. Symptom rules are generic: any
//! trouble downstream makes them fire. Chores fire again and again without
//! anybody being hurt.

mod chores;
mod code;
mod resources;
mod symptoms;

use crate::faults::{FaultKind, Symptom};

/// What part of an entity a rule watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The service as a whole.
    Service,
    /// One pod of it.
    Pod,
    /// Its deployment.
    Deployment,
    /// Its load balancer.
    Lb,
    /// Its name.
    Dns,
    /// A machine.
    Host,
    /// A failure domain.
    Zone,
    /// A data store.
    Database,
    /// A queue.
    Queue,
    /// Somebody else's service.
    External,
}

/// How bad a rule says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For the record.
    Info,
    /// Soon.
    Warning,
    /// Now.
    Error,
    /// Now, and wake somebody.
    Critical,
    /// Users are gone.
    Fatal,
}

impl Severity {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Critical => "critical",
            Severity::Fatal => "fatal",
        }
    }
}

/// When a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Anything it depends on is in trouble.
    Symptom(Symptom),
    /// Users are hurt; only where users enter.
    Indicator,
    /// It is itself struck by one of these.
    Root(&'static [FaultKind]),
    /// No reason that matters.
    Chore,
}

/// One alert rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// What it watches.
    pub scope: Scope,
    /// How bad.
    pub severity: Severity,
    /// When it fires.
    pub role: Role,
    /// A line for people: `{e}` is the entity's name, `{v}` the value.
    pub summary: &'static str,
    /// A typical value when it fires.
    pub value: f32,
    /// A label of the rule's own and the values it takes; empty when it has none.
    pub label: (&'static str, &'static [&'static str]),
}

const NO_LABEL: (&str, &[&str]) = ("", &[]);

/// A rule without a label of its own.
const fn rule(
    name: &'static str,
    scope: Scope,
    severity: Severity,
    role: Role,
    value: f32,
    summary: &'static str,
) -> Rule {
    Rule { name, scope, severity, role, summary, value, label: NO_LABEL }
}

impl Rule {
    /// The same with a label of its own.
    const fn with(self, key: &'static str, values: &'static [&'static str]) -> Rule {
        Rule { label: (key, values), ..self }
    }
}

/// Index of a rule in [`rules`].
pub type RuleId = u16;

/// Every rule, in an order that never changes.
const TABLES: [&[Rule]; 4] =
    [symptoms::SYMPTOMS, resources::RESOURCE_ROOTS, code::CODE_ROOTS, chores::CHORES];

/// Every rule with its index.
pub fn rules() -> impl Iterator<Item = (RuleId, &'static Rule)> {
    (0u16..).zip(TABLES.into_iter().flatten())
}

/// A rule by its index.
///
/// # Panics
/// When the index is not one that [`rules`] gave.
pub fn rule_by(id: RuleId) -> &'static Rule {
    let mut at = usize::from(id);
    for table in TABLES {
        if at < table.len() {
            return &table[at];
        }
        at -= table.len();
    }
    panic!("no rule has index {id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_vocabulary_of_a_hundred_and_twenty() {
        let names: BTreeSet<&str> = rules().map(|(_, r)| r.name).collect();
        assert_eq!(names.len(), rules().count(), "a name is used twice");
        assert!((115..=150).contains(&names.len()), "{}", names.len());
        for (id, rule) in rules() {
            assert_eq!(rule_by(id).name, rule.name);
            assert!(rule.summary.contains("{v}") && rule.summary.contains("{e}"), "{}", rule.name);
            assert_eq!(rule.summary.matches("{v}").count(), 1, "{}", rule.name);
            assert!(rule.label.0.is_empty() == rule.label.1.is_empty());
            assert!(!rule.summary.contains(['"', '\\']), "{}", rule.name);
        }
    }

    #[test]
    fn every_kind_of_fault_has_two_rules_of_its_own() {
        for kind in FaultKind::ALL {
            let own = rules().filter(|(_, r)| match r.role {
                Role::Root(kinds) => kinds.contains(&kind),
                _ => false,
            });
            assert!(own.count() >= 2, "{kind:?}");
        }
    }

    #[test]
    fn every_symptom_shows_at_a_service() {
        use crate::faults::Symptom::{Backlog, Down, Errors, Latency};
        for symptom in [Latency, Errors, Down, Backlog] {
            let shows =
                rules().any(|(_, r)| r.role == Role::Symptom(symptom) && r.scope == Scope::Service);
            assert!(shows, "{symptom:?}");
        }
    }
}
