//! Every mistake of a tree, not only the first.
//!
//! Typing stops at the first value that does not fit. So that value is set
//! aside and the rest is typed again, until nothing else is wrong; what then
//! comes out, with defaults for what was set aside, is only good for further
//! checks. What follows from a mistake that is told already is not told again.

use super::error::Problem;
use super::node::{Entry, Node, Value};
use super::{Config, VERSION, de};

/// Mistakes that are looked for; whoever made more has the file read again.
const PROBLEMS_MAX: usize = 100;

/// A value that could not be read and was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unread {
    /// Its dotted path in the tree.
    pub(super) path: String,
    /// Whether its key is none that is known, so that it may have been meant for another.
    pub(super) is_stray: bool,
}

/// Types `tree`, noting what is wrong; `None` when too little is left.
pub(super) fn typed(
    tree: &mut Node,
    problems: &mut Vec<Problem>,
    unread: &mut Vec<Unread>,
) -> Option<Config> {
    loop {
        let problem = match de::from_node::<Config>(tree) {
            Ok(config) => return Some(config),
            Err(problem) => problem,
        };
        let key = problem.key.clone();
        let lacks = problem.missing;
        let follows = lacks.is_some_and(|field| is_told(&key, field, unread));
        if !follows {
            problems.push(problem);
        }
        if problems.len() >= PROBLEMS_MAX {
            return None;
        }
        if key.is_empty() {
            // The version is all that the top must have.
            supply_version(tree, lacks)?;
            continue;
        }
        let is_stray = !follows && problems.last().is_some_and(Problem::is_stray);
        unread.push(Unread { path: tree.set_aside(&key)?, is_stray });
    }
}

/// Whether it is known already why `field` is not in the mapping at `key`.
pub(super) fn is_told(key: &str, field: &str, unread: &[Unread]) -> bool {
    unread.iter().any(|unread| {
        let below = match key.is_empty() {
            true => Some(unread.path.as_str()),
            false => unread.path.strip_prefix(key).and_then(|rest| rest.strip_prefix('.')),
        };
        let part = |below: &str| {
            let is_field = below.strip_prefix(field);
            is_field.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        below.is_some_and(|below| part(below) || unread.is_stray && !below.contains('.'))
    })
}

fn supply_version(tree: &mut Node, lacks: Option<&str>) -> Option<()> {
    let place = tree.place.clone();
    let Value::Map(entries) = &mut tree.value else { return None };
    lacks.filter(|field| *field == "version")?;
    entries.retain(|entry| entry.key != "version");
    let value = Value::Int(i64::from(VERSION));
    let node = Node { value, place: place.clone(), expanded: false };
    entries.push(Entry { key: "version".to_owned(), place, node });
    Some(())
}
