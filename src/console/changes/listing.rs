//! Silences, maintenance windows and rules as they stand.

mod topology;

use crate::canonical::native::controls::{
    ActionBody, InstantBody, MaintenanceBody, RuleBody, SeverityBody, SilenceBody,
};
use crate::canonical::native::interval::{IntervalBody, RangeBody, TimesBody};
use crate::canonical::native::matcher::MatcherBody;
use crate::console::Console;
use crate::console::registry::Entry;
use crate::emit::wire::Time;
use crate::ingest::http::answer::json_of;
use crate::ingest::http::auth::CanRead;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use causeway_dataflows::model::{Maintenance, Matcher, Rule, RuleAction, Silence, TimeInterval};
use schemars::JsonSchema;
use serde::Serialize;

pub use topology::{ListedStatement, TOPOLOGY_PARAMS, TopologyPage, list_topology};

macro_rules! lists {
    ($($(#[$doc:meta])* $list:ident of $listed:ident: $body:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, JsonSchema)]
        pub struct $list {
            /// In the order of their ids.
            pub items: Vec<$listed>,
        }

        /// One of them with what is known about it.
        #[derive(Clone, Debug, Serialize, JsonSchema)]
        pub struct $listed {
            /// Whose it is.
            pub tenant: String,
            /// The source that said so: `api`, `config`, or one of the configured.
            pub source: String,
            /// When that was said.
            pub updated_at: Time,
            /// `pending`, `active` or `expired`.
            pub state: &'static str,
            /// What was said.
            #[serde(flatten)]
            pub body: $body,
        }
    )*};
}

lists! {
    /// Silences.
    SilenceList of ListedSilence: SilenceBody;
    /// Maintenance windows.
    MaintenanceList of ListedMaintenance: MaintenanceBody;
    /// Rules.
    RuleList of ListedRule: RuleBody;
}

/// `GET /v1/silences`.
pub async fn list_silences(State(console): State<Console>, CanRead(caller): CanRead) -> Response {
    let now = console.http.clock.now_seconds();
    let entries = console.registry.silences(caller.tenant.as_ref());
    let items = entries.iter().map(|entry| ListedSilence {
        tenant: entry.tenant.to_string(),
        source: entry.source.to_string(),
        updated_at: Time::from_nanos(entry.time_ns),
        state: state(entry.body.starts, entry.body.ends, now),
        body: silence_body(&entry.body),
    });
    json_of(StatusCode::OK, &SilenceList { items: items.collect() })
}

/// `GET /v1/maintenance`.
pub async fn list_maintenance(
    State(console): State<Console>,
    CanRead(caller): CanRead,
) -> Response {
    let now = console.http.clock.now_seconds();
    let entries = console.registry.maintenance(caller.tenant.as_ref());
    let items = entries.iter().map(|entry| ListedMaintenance {
        tenant: entry.tenant.to_string(),
        source: entry.source.to_string(),
        updated_at: Time::from_nanos(entry.time_ns),
        state: state(entry.body.starts, entry.body.ends, now),
        body: window_body(&entry.body),
    });
    json_of(StatusCode::OK, &MaintenanceList { items: items.collect() })
}

/// `GET /v1/rules`.
pub async fn list_rules(State(console): State<Console>, CanRead(caller): CanRead) -> Response {
    let entries = console.registry.rules(caller.tenant.as_ref());
    let items = entries.iter().map(|entry| ListedRule {
        tenant: entry.tenant.to_string(),
        source: entry.source.to_string(),
        updated_at: Time::from_nanos(entry.time_ns),
        state: "active",
        body: rule_body(&entry.body),
    });
    json_of(StatusCode::OK, &RuleList { items: items.collect() })
}

/// The word for where a silence is in its life.
pub fn silence_state(entry: &Entry<Silence>, now: i64) -> &'static str {
    state(entry.body.starts, entry.body.ends, now)
}

fn state(starts: i64, ends: i64, now: i64) -> &'static str {
    match () {
        () if now >= ends => "expired",
        () if now < starts => "pending",
        () => "active",
    }
}

fn matchers(matchers: &[Matcher]) -> Vec<MatcherBody> {
    matchers.iter().map(MatcherBody::of).collect()
}

fn instant(seconds: i64) -> Option<InstantBody> {
    let open = matches!(seconds, i64::MIN | i64::MAX);
    (!open).then(|| InstantBody::Text(Time::from_seconds(seconds).to_string()))
}

fn silence_body(silence: &Silence) -> SilenceBody {
    SilenceBody {
        id: silence.silence_id.to_string(),
        matchers: matchers(&silence.matchers),
        starts_at: instant(silence.starts),
        ends_at: instant(silence.ends),
        created_by: silence.created_by.to_string(),
        comment: silence.comment.to_string(),
    }
}

fn window_body(window: &Maintenance) -> MaintenanceBody {
    MaintenanceBody {
        id: window.maintenance_id.to_string(),
        entities: window.entities.iter().map(|entity| entity.text.to_string()).collect(),
        matchers: matchers(&window.matchers),
        starts_at: instant(window.starts),
        ends_at: instant(window.ends),
        time_intervals: window.intervals.iter().map(interval_body).collect(),
        comment: window.comment.to_string(),
    }
}

fn rule_body(rule: &Rule) -> RuleBody {
    RuleBody {
        id: rule.rule_id.to_string(),
        matchers: matchers(&rule.matchers),
        action: Some(match &rule.action {
            RuleAction::Suppress => ActionBody::Suppress,
            RuleAction::Severity(severity) => {
                ActionBody::Severity(SeverityBody::Word(severity.word().to_owned()))
            }
            RuleAction::GroupBy(labels) => {
                ActionBody::GroupBy(labels.iter().map(ToString::to_string).collect())
            }
        }),
    }
}

const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

fn interval_body(interval: &TimeInterval) -> IntervalBody {
    let minute = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let day = |day: u8| WEEKDAYS[usize::from(day) % WEEKDAYS.len()].to_owned();
    IntervalBody {
        times: interval
            .times
            .iter()
            .map(|(start, end)| TimesBody { start_time: minute(*start), end_time: minute(*end) })
            .collect(),
        weekdays: ranges(&interval.weekdays, day),
        days_of_month: ranges(&interval.days_of_month, |day| day.to_string()),
        months: ranges(&interval.months, |month| month.to_string()),
        years: ranges(&interval.years, |year| year.to_string()),
        location: interval.location.to_string(),
    }
}

fn ranges<T: Copy + PartialEq>(ranges: &[(T, T)], word: impl Fn(T) -> String) -> Vec<RangeBody> {
    let one = |(from, to): &(T, T)| match from == to {
        true => RangeBody::Text(word(*from)),
        false => RangeBody::Text(format!("{}:{}", word(*from), word(*to))),
    };
    ranges.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_reads_as_the_same_again() {
        let window: MaintenanceBody = serde_json::from_str(
            r#"{"id":"m","entities":["host:web-1"],"matchers":["team=\"qa\""],
                "starts_at":"2026-11-23T22:00:00Z","time_intervals":[
                {"times":[{"start_time":"22:00","end_time":"24:00"}],"weekdays":["monday:friday","sunday"],
                 "days_of_month":["1:5","-1"],"months":["january"],"years":["2026:2027"],
                 "location":"Europe/Berlin"}],"comment":"patch day"}"#,
        )
        .unwrap();
        let checked = window.check("default").unwrap();
        assert_eq!(window_body(&checked).check("default").unwrap(), checked);
        let rule: RuleBody = serde_json::from_str(
            r#"{"id":"r","matchers":["a!~\"b|c\""],"action":{"severity":"warning"}}"#,
        )
        .unwrap();
        let checked = rule.check().unwrap();
        assert_eq!(rule_body(&checked).check().unwrap(), checked);
    }
}
