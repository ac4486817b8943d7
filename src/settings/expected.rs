//! What has to come regularly.

use super::DEFAULT_TENANT;
use super::checker::Checker;
use super::detection::word;
use super::selector;
use super::source::SourceSettings;
use crate::config::detection;
use causeway_dataflows::model::{Context, Matcher, Rule, RuleAction};
use causeway_dataflows::ops::matcher::validate_silence;
use causeway_dataflows::params::{Expected, ExpectedParams};
use smol_str::SmolStr;
use std::collections::BTreeSet;

pub(super) fn check(
    checker: &mut Checker<'_>,
    given: &[detection::Expected],
    sources: &[SourceSettings],
) -> Vec<ExpectedParams> {
    let mut all = Vec::new();
    let mut names = BTreeSet::new();
    for (at, expected) in given.iter().enumerate() {
        let key = format!("detection.expected.{at}");
        let below = |field: &str| format!("{key}.{field}");
        checker.name(&below("name"), &expected.name);
        if !names.insert(&expected.name) {
            let message = format!("`{}` is the name of another one", expected.name);
            checker.wrong(&below("name"), message, "rename one of the two");
        }
        checker.some_time(&below("every"), expected.every);
        let entity = match (expected.entity.as_str(), &expected.heartbeat, &expected.source) {
            ("", Some(entity), _) => entity.clone(),
            ("", None, Some(source)) => format!("source:{source}"),
            ("", None, None) => format!("expected:{}", expected.name),
            (entity, ..) => entity.to_owned(),
        };
        let params = ExpectedParams {
            name: SmolStr::new(&expected.name),
            tenant: SmolStr::new_static(DEFAULT_TENANT),
            entity: SmolStr::new(entity),
            every_seconds: checker.whole_seconds(&below("every"), expected.every),
            tolerance_seconds: checker.whole_seconds(&below("tolerance"), expected.tolerance),
            severity: word(checker, &below("severity"), &expected.severity),
            what: match what(checker, &key, expected, sources) {
                Some(what) => what,
                None => continue,
            },
        };
        all.push(params);
    }
    all
}

/// What has to come; nothing when that is not said.
fn what(
    checker: &mut Checker<'_>,
    key: &str,
    expected: &detection::Expected,
    sources: &[SourceSettings],
) -> Option<Expected> {
    let detection::Expected { alert, series, heartbeat, source, .. } = expected;
    match (alert.is_empty(), series, heartbeat, source) {
        (false, None, None, None) => {
            let matchers = matchers(alert).and_then(|matchers| {
                validate_silence(&matchers).map_err(|error| error.to_string())?;
                Ok(matchers)
            });
            let note = |message| checker.wrong(&format!("{key}.alert"), message, "correct it");
            matchers.map_err(note).ok().map(Expected::Alert)
        }
        (true, Some(text), None, None) => {
            let note = |(message, remedy): (String, &str)| {
                checker.wrong(&format!("{key}.series"), message, remedy);
            };
            selector::series(text).map_err(note).ok().map(Expected::Series)
        }
        (true, None, Some(entity), None) => Some(Expected::Heartbeat(SmolStr::new(entity))),
        (true, None, None, Some(name)) => {
            let index = sources.iter().position(|source| source.name().as_str() == name);
            let Some(index) = index.and_then(|index| u16::try_from(index).ok()) else {
                let message = format!("`{name}` is no source");
                checker.wrong(&format!("{key}.source"), message, "name one of `sources`");
                return None;
            };
            Some(Expected::Source(index, SmolStr::new(name)))
        }
        _ => {
            let message = "it needs one of `alert`, `series`, `heartbeat` and `source`";
            checker.wrong(key, message, "say what has to come");
            None
        }
    }
}

fn matchers(
    given: &[crate::canonical::native::matcher::MatcherBody],
) -> Result<Vec<Matcher>, String> {
    given.iter().map(|matcher| matcher.check()).collect()
}

/// Rules that keep alerts which always fire out of incidents: that they fire is no news.
pub(super) fn rules(given: &[detection::Expected]) -> impl Iterator<Item = Context> {
    given.iter().filter(|expected| !expected.alert.is_empty()).filter_map(|expected| {
        Some(Context::Rule(Rule {
            rule_id: SmolStr::new(format!("expected/{}", expected.name)),
            matchers: matchers(&expected.alert).ok()?,
            action: RuleAction::Suppress,
        }))
    })
}
