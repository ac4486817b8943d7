//! Two pages for a person with a browser: the standing incidents, and one of them.
//!
//! Plain HTML without scripts. Event text is always text: everything that came
//! from outside is escaped, and the content security policy would stop what
//! slipped through.

use super::Console;
use super::incidents::find;
use crate::emit::store::{IncidentQuery, IncidentState};
use crate::emit::wire::{AlertRow, CauseRow, Revision, StatusWord, Time};
use crate::ingest::http::answer::Problem;
use crate::ingest::http::auth::CanRead;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use std::fmt::{self, Write};

/// Incidents on the first page; the rest is behind the API.
const LISTED_MAX: usize = 200;
/// Alerts on an incident's page.
const ALERTS_MAX: usize = 500;
/// Nothing but this server's own style; no scripts at all.
const POLICY: &str = "default-src 'self'; script-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("pages/style.css");

/// `GET /style.css`.
pub async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "max-age=3600")], STYLE)
        .into_response()
}

/// `GET /`.
pub async fn index(State(console): State<Console>, CanRead(caller): CanRead) -> Response {
    let query = IncidentQuery {
        tenant: caller.tenants(),
        state: vec![IncidentState::Open],
        limit: Some(LISTED_MAX),
        ..IncidentQuery::default()
    };
    let page = console.store.incidents(&query);
    let now = Time::from_nanos(console.http.clock.now_ns());
    let mut rows: Vec<_> = page.items.iter().map(|message| &*message.revision).collect();
    rows.sort_by_key(|revision| std::cmp::Reverse((revision.severity, revision.opened_at)));
    let mut body = String::new();
    let _ = write!(body, "<h1>{}</h1>", headline(rows.len(), page.next.is_some()));
    if !rows.is_empty() {
        body.push_str(
            "<table><thead><tr><th>Severity<th>Incident<th>Probable cause<th>Owner<th>Alerts<th>Since</tr></thead><tbody>",
        );
        rows.iter().for_each(|revision| index_row(&mut body, revision, now));
        body.push_str("</tbody></table>");
    }
    let _ = write!(
        body,
        "<footer>{} UTC. <a href=\"/v1/incidents\">As JSON</a>, <a href=\"/v1/incidents/stream\">live</a>, <a href=\"/openapi.json\">API</a>, <a href=\"/metrics\">metrics</a></footer>",
        clock(now)
    );
    html("Incidents", true, &body)
}

fn headline(count: usize, more: bool) -> String {
    match (count, more) {
        (0, _) => "No standing incidents".to_owned(),
        (1, _) => "1 standing incident".to_owned(),
        (count, false) => format!("{count} standing incidents"),
        (count, true) => format!("The newest {count} standing incidents"),
    }
}

fn index_row(body: &mut String, revision: &Revision, now: Time) {
    let severity = revision.severity.word();
    let id = Escaped(&revision.incident_id);
    let _ = write!(
        body,
        "<tr class=\"{severity}\"><td>{severity}<td><a href=\"/incidents/{id}\">{}</a><td>{}<td>{}<td class=\"n\">{}<td><time title=\"{}\">{}</time></tr>",
        Escaped(&revision.title),
        Escaped(&cause_text(&revision.cause)),
        Escaped(revision.owner.as_deref().unwrap_or("")),
        revision.alerts.len(),
        revision.opened_at,
        ago(revision.opened_at, now),
    );
}

fn cause_text(cause: &CauseRow) -> String {
    match cause.candidates.first() {
        Some(first) if first.probability >= cause.unknown => {
            format!("{} ({})", first.entity, first.probability.shown())
        }
        _ => "unknown".to_owned(),
    }
}

/// `GET /incidents/{id}`.
pub async fn incident(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let standing = find(&console, &caller, &id)?;
    let revision = &*standing.latest.revision;
    let mut body = String::from("<p><a href=\"/\">All incidents</a></p>");
    let _ = write!(
        body,
        "<h1 class=\"{0}\">{1}</h1><p>{0}, {2}, revision {3}, since {4} UTC{5}</p>",
        revision.severity.word(),
        Escaped(&revision.title),
        standing.state().word(),
        revision.revision,
        clock(revision.opened_at),
        revision
            .owner
            .as_ref()
            .map_or(String::new(), |owner| format!(", owner {}", Escaped(owner))),
    );
    let _ = write!(body, "<p class=\"text\">{}</p>", Escaped(&revision.explanation.text));
    candidates(&mut body, revision);
    path(&mut body, revision);
    changes(&mut body, revision);
    members(&mut body, revision);
    let id = Escaped(&revision.incident_id);
    let _ = write!(
        body,
        "<footer><a href=\"/v1/incidents/{id}\">As JSON, with all revisions</a></footer>"
    );
    Ok(html(&revision.title, false, &body))
}

fn candidates(body: &mut String, revision: &Revision) {
    body.push_str("<h2>Probable cause</h2><table><tbody>");
    for candidate in revision.cause.candidates.iter().take(5) {
        let (percent, shown) = (candidate.probability.percent(), candidate.probability.shown());
        let _ = write!(
            body,
            "<tr><td class=\"n\">{}<td><progress max=\"100\" value=\"{percent}\"></progress><td>{}</tr>",
            Escaped(&shown),
            Escaped(&candidate.entity)
        );
    }
    let (percent, shown) = (revision.cause.unknown.percent(), revision.cause.unknown.shown());
    let _ = write!(
        body,
        "<tr><td class=\"n\">{}<td><progress max=\"100\" value=\"{percent}\"></progress><td>none of them</tr></tbody></table>",
        Escaped(&shown)
    );
}

fn path(body: &mut String, revision: &Revision) {
    if revision.explanation.path.is_empty() {
        return;
    }
    body.push_str("<h2>From symptom to cause</h2><ol>");
    for hop in &revision.explanation.path {
        let _ = write!(
            body,
            "<li>{} <em>{}</em> {}, {:.1} s before it",
            Escaped(&hop.from),
            Escaped(&hop.relation.replace('_', " ")),
            Escaped(&hop.to),
            hop.lag_ms as f64 / 1000.0,
        );
    }
    body.push_str("</ol>");
}

fn changes(body: &mut String, revision: &Revision) {
    if revision.changes.is_empty() {
        return;
    }
    body.push_str("<h2>Changes near it</h2><ul>");
    for change in &revision.changes {
        let _ = write!(
            body,
            "<li>{} UTC: {} on {}: {}",
            clock(change.time),
            Escaped(&change.kind),
            Escaped(&change.entity),
            Escaped(&change.summary),
        );
    }
    body.push_str("</ul>");
}

fn members(body: &mut String, revision: &Revision) {
    let _ = write!(
        body,
        "<h2>{} alerts</h2><table><thead><tr><th>Severity<th>Alert<th>Entity<th>First<th>Events<th>Why it is here</tr></thead><tbody>",
        revision.alerts.len()
    );
    for alert in revision.alerts.iter().take(ALERTS_MAX) {
        member(body, revision, alert);
    }
    body.push_str("</tbody></table>");
    if revision.alerts.len() > ALERTS_MAX {
        let _ = write!(body, "<p>The first {ALERTS_MAX} are shown; the JSON has them all.</p>");
    }
}

fn member(body: &mut String, revision: &Revision, alert: &AlertRow) {
    let reasons = &revision.explanation.members;
    let because = reasons.iter().find(|member| member.alert_id == alert.alert_id);
    let ended = if alert.status == StatusWord::Resolved { " (ended)" } else { "" };
    let _ = write!(
        body,
        "<tr class=\"{0}\"><td>{0}{ended}<td title=\"{1}\">{2}<td>{3}<td>{4}<td class=\"n\">{5}<td>{6}</tr>",
        alert.severity.word(),
        Escaped(&alert.summary),
        Escaped(&alert.name),
        Escaped(&alert.entity),
        clock(alert.first),
        alert.count,
        Escaped(because.map_or("", |member| member.because.as_str())),
    );
}

fn html(title: &str, refresh: bool, body: &str) -> Response {
    let refresh = if refresh { "<meta http-equiv=\"refresh\" content=\"15\">" } else { "" };
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">{refresh}<title>{} - Causeway</title><link rel=\"stylesheet\" href=\"/style.css\"></head><body><main>{body}</main></body></html>\n",
        Escaped(title)
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, page).into_response()
}

/// Text that came from outside, as text.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// An instant as people write it.
fn clock(time: Time) -> String {
    let text = Time::from_seconds(time.seconds()).to_string();
    text.trim_end_matches('Z').replace('T', " ")
}

fn ago(time: Time, now: Time) -> String {
    let seconds = now.seconds().saturating_sub(time.seconds()).max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let hostile = "<script>alert('x')</script>\"&";
        let shown = Escaped(hostile).to_string();
        assert!(!shown.contains(['<', '>', '"', '\'']), "{shown}");
    }

    #[test]
    fn times_read_at_a_glance() {
        assert_eq!(clock(Time(1_700_000_000_123)), "2023-11-14 22:13:20");
        let now = Time::from_seconds(1_000_000);
        let shown: Vec<String> = [5, 120, 7_200, 300_000]
            .into_iter()
            .map(|age| ago(Time::from_seconds(1_000_000 - age), now))
            .collect();
        assert_eq!(shown, ["5 s", "2 min", "2 h", "3 d"]);
    }
}
