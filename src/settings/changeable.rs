//! What of a configuration a process takes over while it runs.
//!
//! Changeable is what nothing that is under way depends on, and what is an input of the engine
//! anyway. Whatever decides what an input becomes is not: the journal would hold epochs of
//! both kinds, and one configuration alone could not lead to what was told.

use crate::config::{Problem, Written};

/// Changeable keys; those below them are as well.
const CHANGEABLE: [&str; 13] = [
    "dead_letters",
    "input_queue",
    "logging.filter",
    "maintenance",
    "rules",
    "server.hosts",
    "server.insecure",
    "server.jwt",
    "server.limits",
    "server.tls",
    "server.tokens",
    "silences",
    "topology",
];
/// Of a sink, whatever its name.
const CHANGEABLE_OF_SINK: [&str; 2] = ["match", "queue"];

/// A problem for each key at which `new` differs from `old` in what cannot change while the
/// process runs.
pub fn fixed(old: &Written, new: &Written) -> Vec<Problem> {
    let keys = old.differing(new).into_iter().filter(|key| !is_changeable(key));
    let keys = keys.chain(old.attached_differing(new));
    let problem = |key: String| {
        let (_, place) = new.locate(&key);
        let message = "it cannot change while the process runs";
        Problem::new(message, "restart to change it, or put back what it was").on(key).at(&place)
    };
    keys.map(problem).collect()
}

fn is_changeable(key: &str) -> bool {
    let holds = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let of_sink = || {
        let (_, below) = key.strip_prefix("sinks.")?.split_once('.')?;
        Some(CHANGEABLE_OF_SINK.iter().any(|outer| holds(outer, below)))
    };
    CHANGEABLE.iter().any(|outer| holds(outer, key)) || of_sink() == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_is_fixed_and_what_is_told_apart_by_name_is_not() {
        for key in [
            "topology",
            "topology.3",
            "silences.0.comment",
            "server.tokens",
            "server.limits.body",
            "sinks.pager.match.severity",
            "sinks.pager.queue.full",
            "logging.filter",
            "dead_letters.age",
        ] {
            assert!(is_changeable(key), "{key}");
        }
        for key in [
            "data_dir",
            "workers",
            "server.listen",
            "server",
            "sources.http.lateness",
            "sinks.pager",
            "sinks.pager.matching",
            "sinks.match",
            "journal.forget",
            "logging.format",
            "correlation.hops",
            "slos.0.objective",
            "emission.settle",
            "rulesets",
        ] {
            assert!(!is_changeable(key), "{key}");
        }
    }
}
