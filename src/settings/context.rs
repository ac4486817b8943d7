//! Silences, maintenance windows and rules that the configuration itself holds.

use super::DEFAULT_TENANT;
use super::checker::Checker;
use crate::canonical::native::controls::Invalid;
use crate::config::Config;
use causeway_dataflows::model::Context;
use std::collections::BTreeSet;

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) -> Vec<Context> {
    let mut contexts = Vec::new();
    // A silence without a beginning holds from the beginning of time.
    let silences =
        config.silences.iter().map(|body| (body.id.as_str(), body.check(0).map(Context::Silence)));
    list(checker, "silences", silences, &mut contexts);
    let windows = config
        .maintenance
        .iter()
        .map(|body| (body.id.as_str(), body.check(DEFAULT_TENANT).map(Context::Maintenance)));
    list(checker, "maintenance", windows, &mut contexts);
    let rules = config.rules.iter().map(|body| (body.id.as_str(), body.check().map(Context::Rule)));
    list(checker, "rules", rules, &mut contexts);
    contexts
}

fn list<'a>(
    checker: &mut Checker<'_>,
    section: &str,
    items: impl Iterator<Item = (&'a str, Result<Context, Invalid>)>,
    contexts: &mut Vec<Context>,
) {
    let mut ids = BTreeSet::new();
    for (i, (id, checked)) in items.enumerate() {
        let key = format!("{section}.{i}");
        if id.is_empty() {
            checker.wrong(&key, "it has no `id`", "add `id:`, so that it can be told apart");
        } else if !ids.insert(id) {
            let message = format!("`{id}` is the id of another one");
            checker.wrong(&format!("{key}.id"), message, "rename one of the two");
        }
        match checked {
            Ok(context) => contexts.push(context),
            Err(invalid) => {
                let field = invalid.field.replace('[', ".").replace(']', "");
                let key = match field.is_empty() {
                    true => key,
                    false => format!("{key}.{field}"),
                };
                checker.wrong(&key, invalid.message, "");
            }
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
