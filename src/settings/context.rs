//! Silences, maintenance windows and rules that the configuration itself holds.

use super::DEFAULT_TENANT;
use super::checker::Checker;
use crate::canonical::native::controls::{
    ActionBody, InstantBody, Invalid, MaintenanceBody, RuleBody, SilenceBody,
};
use crate::canonical::native::interval::IntervalBody;
use crate::canonical::native::matcher::MatcherBody;
use crate::config::Config;
use causeway_dataflows::model::Context;
use std::collections::BTreeSet;

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) -> Vec<Context> {
    let mut contexts = Vec::new();
    list(checker, "silences", &config.silences, &mut contexts);
    list(checker, "maintenance", &config.maintenance, &mut contexts);
    list(checker, "rules", &config.rules, &mut contexts);
    contexts.extend(super::expected::rules(&config.detection.expected));
    contexts
}

/// What the configuration can hold for ever.
trait Held: Clone {
    fn id(&self) -> &str;
    fn check(&self) -> Result<Context, Invalid>;
    /// Puts something harmless in place of what is wrong, so that the next mistake is found.
    fn mend(&mut self, field: &str);
}

impl Held for SilenceBody {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self) -> Result<Context, Invalid> {
        // A silence without a beginning holds from the beginning of time.
        SilenceBody::check(self, 0).map(Context::Silence)
    }

    fn mend(&mut self, field: &str) {
        match field {
            "startsAt" => self.starts_at = None,
            "endsAt" => self.ends_at = Some(InstantBody::Nanoseconds(i64::MAX)),
            _ => mend_matcher(&mut self.matchers, field),
        }
    }
}

impl Held for MaintenanceBody {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self) -> Result<Context, Invalid> {
        MaintenanceBody::check(self, DEFAULT_TENANT).map(Context::Maintenance)
    }

    fn mend(&mut self, field: &str) {
        match (field, item(field, "entities"), item(field, "time_intervals")) {
            ("starts_at", ..) => self.starts_at = None,
            ("ends_at", ..) => self.ends_at = None,
            ("entities", ..) => self.entities.clear(),
            ("time_intervals", ..) => self.time_intervals.clear(),
            (_, Some(at), _) => self.entities[at].push('-'),
            (_, _, Some(at)) => self.time_intervals[at] = IntervalBody::default(),
            _ => mend_matcher(&mut self.matchers, field),
        }
    }
}

impl Held for RuleBody {
    fn id(&self) -> &str {
        &self.id
    }

    fn check(&self) -> Result<Context, Invalid> {
        RuleBody::check(self).map(Context::Rule)
    }

    fn mend(&mut self, field: &str) {
        match field {
            "action" | "action.severity" | "action.group_by" => {
                self.action = Some(ActionBody::Suppress);
            }
            _ => mend_matcher(&mut self.matchers, field),
        }
    }
}

/// The place in the list `name` that `field` names, as in `matchers[2]`.
fn item(field: &str, name: &str) -> Option<usize> {
    field.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn mend_matcher(matchers: &mut Vec<MatcherBody>, field: &str) {
    let good = MatcherBody::Text("a=\"b\"".to_owned());
    match item(field, "matchers").and_then(|at| matchers.get_mut(at)) {
        Some(matcher) => *matcher = good,
        None => *matchers = vec![good],
    }
}

fn list<B: Held>(
    checker: &mut Checker<'_>,
    section: &str,
    bodies: &[B],
    contexts: &mut Vec<Context>,
) {
    let mut ids = BTreeSet::new();
    for (i, body) in bodies.iter().enumerate() {
        let key = format!("{section}.{i}");
        if body.id().is_empty() {
            let remedy = "add `id:`, so that it can be told apart";
            checker.missing(&key, "id", "it has no `id`", remedy);
        } else if !ids.insert(body.id()) {
            let message = format!("`{}` is the id of another one", body.id());
            checker.wrong(&format!("{key}.id"), message, "rename one of the two");
        }
        contexts.extend(checked(checker, &key, body.clone()));
    }
}

/// What `body` says, with every mistake in it noted.
fn checked<B: Held>(checker: &mut Checker<'_>, key: &str, mut body: B) -> Option<Context> {
    let mut told = BTreeSet::new();
    loop {
        let invalid = match body.check() {
            Ok(context) => return Some(context),
            Err(invalid) => invalid,
        };
        body.mend(&invalid.field);
        let field = invalid.field.replace('[', ".").replace(']', "");
        if !told.insert(field.clone()) {
            return None;
        }
        let at = match field.is_empty() {
            true => key.to_owned(),
            false => format!("{key}.{field}"),
        };
        // A field may be missing, or a list be empty, because what was written cannot be read.
        if field.contains('.') || checker.may_want(key, &field) {
            checker.wrong(&at, invalid.message, "");
        }
    }
}

/// The id of the event that tells of `context`.
pub(super) fn event_id(context: &Context) -> String {
    match context {
        Context::Silence(silence) => format!("config/silence/{}", silence.silence_id),
        Context::Maintenance(window) => format!("config/maintenance/{}", window.maintenance_id),
        Context::Rule(rule) => format!("config/rule/{}", rule.rule_id),
        _ => "config".to_owned(),
    }
}
