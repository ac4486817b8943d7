//! The explanation on a terminal, for somebody who has just been woken.
//!
//! What is hurt and how sure we are comes first and fits on one screen; the
//! evidence follows below it.

use super::paint::{Brush, Look, bar, pad, sentences, wrap};
use crate::emit::wire::words::{event_heading, phrase};
use crate::emit::wire::{CandidateRow, Milli, Ppm, Revision, RevisionEvent, StatusWord};
use std::cmp::Reverse;

/// Candidates shown; more are in the JSON.
const CANDIDATES_MAX: usize = 5;
/// Changes shown.
const CHANGES_MAX: usize = 8;
/// Members shown.
const MEMBERS_MAX: usize = 25;
/// Cells of a bar.
const BAR_CELLS: usize = 24;
/// Narrower than this nothing reads well, so lines run over instead.
const WIDTH_MIN: usize = 40;

struct Page<'a> {
    revision: &'a Revision,
    brush: Brush,
    width: usize,
    text: String,
}

pub(super) fn render(revision: &Revision, width: usize, color: bool) -> String {
    let brush = Brush { color };
    let width = width.max(WIDTH_MIN);
    let mut page = Page { revision, brush, width, text: String::new() };
    page.headline();
    page.story();
    page.cause();
    page.path();
    page.reasons();
    page.changes();
    page.members();
    page.history();
    page.text
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn section(&mut self, title: &str) {
        let title = self.brush.paint(Look::Bold, title);
        self.text.push('\n');
        self.line(&title);
    }

    fn indented(&mut self, indent: usize, text: &str) {
        for line in wrap(text, self.width - indent) {
            self.line(&format!("{}{line}", " ".repeat(indent)));
        }
    }

    fn clock(&self, time: crate::emit::wire::Time) -> String {
        phrase::clock(time, self.revision.opened_at)
    }

    fn headline(&mut self) {
        let revision = self.revision;
        let word = revision.severity.word().to_uppercase();
        let severity = self.brush.severity(revision.severity, &word);
        let id = self.brush.paint(Look::Bold, &revision.incident_id);
        let state = match (revision.event, revision.resolved_at) {
            (RevisionEvent::Opened | RevisionEvent::Updated | RevisionEvent::Split, Some(_)) => {
                "over"
            }
            (event, _) => event_heading(event),
        };
        self.line(&format!("{severity}  {id}  revision {}, {state}", revision.revision));
        for line in wrap(&revision.title, self.width) {
            let line = self.brush.paint(Look::Bold, &line);
            self.line(&line);
        }
        let date = revision.opened_at.to_string();
        let date = date.split('T').next().unwrap_or_default();
        let began = self.clock(revision.opened_at);
        let time = match revision.resolved_at {
            Some(end) => {
                let length = (end.0 - revision.opened_at.0).max(0).unsigned_abs();
                format!("{date} {began} to {} ({})", self.clock(end), phrase::duration(length))
            }
            None => format!("since {date} {began}"),
        };
        let owner = revision.owner.as_deref().unwrap_or("nobody known");
        let facts = format!("{time}, owner {owner}, tenant {}", revision.tenant);
        for line in wrap(&facts, self.width) {
            let line = self.brush.paint(Look::Dim, &line);
            self.line(&line);
        }
    }

    /// One sentence a paragraph, its first line set off to the left.
    fn story(&mut self) {
        self.text.push('\n');
        for sentence in sentences(&self.revision.explanation.text) {
            for (at, line) in wrap(sentence, self.width - 4).into_iter().enumerate() {
                self.line(&format!("{}{line}", if at == 0 { "  " } else { "    " }));
            }
        }
    }

    fn cause(&mut self) {
        let cause = &self.revision.cause;
        if cause.candidates.is_empty() {
            return;
        }
        self.section("Probable cause");
        for (rank, candidate) in cause.candidates.iter().take(CANDIDATES_MAX).enumerate() {
            let look = if rank == 0 { Look::Green } else { Look::Dim };
            self.chance(candidate.probability, look, &candidate.entity);
        }
        let rest = cause.candidates.iter().skip(CANDIDATES_MAX);
        let (count, ppm) = rest.fold((0, 0), |(n, sum), c| (n + 1, sum + c.probability.0));
        if count > 0 {
            self.chance(Ppm(ppm), Look::Dim, &format!("{count} others together"));
        }
        self.chance(cause.unknown, Look::Dim, "none of these");
    }

    fn chance(&mut self, share: Ppm, look: Look, name: &str) {
        let bar = self.brush.paint(look, &bar(share.fraction(), BAR_CELLS));
        self.line(&format!("{:>7}  {bar}  {name}", share.shown()));
    }

    fn path(&mut self) {
        let hops = &self.revision.explanation.path;
        let Some(first) = hops.first() else { return };
        self.section("From symptom to cause");
        let last = hops.len() - 1;
        self.line(&format!("  {}", self.brush.paint(Look::Yellow, &first.from)));
        for (at, hop) in hops.iter().enumerate() {
            let lag = match hop.lag_ms {
                0 => String::new(),
                lag if lag > 0 => format!(", {} earlier", phrase::duration(lag.unsigned_abs())),
                lag => format!(", {} later", phrase::duration(lag.unsigned_abs())),
            };
            let verb = phrase::verb(&hop.relation);
            let look = if at == last { Look::Green } else { Look::Yellow };
            let to = self.brush.paint(look, &hop.to);
            let evidence = match hop.evidence.as_slice() {
                [] => String::new(),
                ids => format!("  [{}]", ids.join(", ")),
            };
            let evidence = self.brush.paint(Look::Dim, &evidence);
            let indent = " ".repeat(4 + 2 * at);
            self.line(&format!("{indent}└─ {verb}{lag} ─▶ {to}{evidence}"));
        }
    }

    fn reasons(&mut self) {
        let Some(first) = self.revision.cause.candidates.first() else { return };
        if !first.contributions.is_empty() {
            self.section(&format!("Why {}", first.entity));
            self.contributions(first);
        }
        let Some(counterfactual) = &self.revision.explanation.counterfactual else { return };
        self.section("What would change the answer");
        let instead = match &counterfactual.instead {
            Some(entity) => format!("{entity} would come first"),
            None => "the cause would count as unknown".to_owned(),
        };
        let sentence = format!(
            "Without {} `{}` would fall, and {instead} with {}.",
            counterfactual.without.join(", "),
            counterfactual.feature,
            counterfactual.probability.shown(),
        );
        self.indented(2, &sentence);
    }

    fn contributions(&mut self, candidate: &CandidateRow) {
        let mut rows: Vec<(&str, Milli)> =
            candidate.contributions.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        rows.sort_by_key(|(name, value)| (Reverse(value.0.unsigned_abs()), *name));
        let most = rows.first().map_or(1, |(_, value)| value.0.unsigned_abs().max(1)) as f64;
        let mut sum = 0;
        for (name, value) in rows {
            sum += value.0;
            let look = if value.0 >= 0 { Look::Green } else { Look::Red };
            let words = phrase::reason(name);
            let cells = bar(value.0.unsigned_abs() as f64 / most, 10);
            let cells = self.brush.paint(look, &cells);
            self.line(&format!("  {}  {:>+6.2}  {cells}  {words}", pad(name, 10), value.units()));
        }
        // What no feature accounts for is the model's constant.
        let rest = Milli(candidate.score.0 - sum);
        if rest.0 != 0 {
            self.line(&format!("  {}  {:>+6.2}", pad("base", 10), rest.units()));
        }
        self.line(&format!("  {}  {:>6.2}", pad("score", 10), candidate.score.units()));
    }

    fn changes(&mut self) {
        let changes = &self.revision.changes;
        if changes.is_empty() {
            return;
        }
        self.section("Recent changes");
        for change in changes.iter().take(CHANGES_MAX) {
            let gap = self.revision.opened_at.0.saturating_sub(change.time.0);
            let side = if gap >= 0 { "before" } else { "after" };
            let kind = change.kind.replace('_', " ");
            let mut text = format!("{kind} {} on {}", change.change_id, change.entity);
            if !change.summary.is_empty() {
                text.push_str(&format!(": {}", change.summary));
            }
            let gap = phrase::duration(gap.unsigned_abs());
            let text =
                format!("{}  {text} ({gap} {side} the first alert)", self.clock(change.time));
            self.indented(2, &text);
        }
        self.more(changes.len(), CHANGES_MAX);
    }

    fn members(&mut self) {
        let alerts = &self.revision.alerts;
        if alerts.is_empty() {
            return;
        }
        self.section(&phrase::count(alerts.len(), "alert"));
        for (row, member) in alerts.iter().zip(&self.revision.explanation.members).take(MEMBERS_MAX)
        {
            let severity = pad(row.severity.word(), 8);
            let severity = self.brush.severity(row.severity, &severity);
            let times = match row.count {
                1 => "once".to_owned(),
                count => format!("{count} times"),
            };
            let state = match row.status {
                StatusWord::Firing => self.brush.paint(Look::Red, "firing"),
                StatusWord::Resolved => "over".to_owned(),
            };
            let (time, name) = (self.clock(row.first), &row.name);
            self.line(&format!("  {time}  {severity}  {name} on {}, {times}, {state}", row.entity));
            if !row.summary.is_empty() {
                self.indented(16, &row.summary);
            }
            for line in wrap(&member.because, self.width - 16) {
                let line = self.brush.paint(Look::Dim, &line);
                self.line(&format!("{}{line}", " ".repeat(16)));
            }
        }
        self.more(alerts.len(), MEMBERS_MAX);
    }

    fn more(&mut self, all: usize, shown: usize) {
        if all > shown {
            let line = format!("  and {} more; --json has them all", all - shown);
            let line = self.brush.paint(Look::Dim, &line);
            self.line(&line);
        }
    }

    /// Where the incident came from, and what is new since the revision before.
    fn history(&mut self) {
        let (lineage, difference) = (&self.revision.lineage, &self.revision.difference);
        let mut notes = Vec::new();
        if let Some(id) = &lineage.split_from {
            notes.push(format!("It was a part of {id}."));
        }
        if !lineage.merged_from.is_empty() {
            notes.push(format!("It took over {}.", lineage.merged_from.join(", ")));
        }
        if let Some(id) = &lineage.merged_into {
            notes.push(format!("It is part of {id} now."));
        }
        if self.revision.revision > 1 {
            for (ids, what) in [
                (&difference.alerts_added, "came"),
                (&difference.alerts_removed, "went"),
                (&difference.alerts_changed, "changed"),
            ] {
                if !ids.is_empty() {
                    notes.push(format!("{} {what}.", phrase::count(ids.len(), "alert")));
                }
            }
            let nothing = || "nothing".to_owned();
            notes.extend(difference.fields.iter().map(|change| {
                let from = change.from.clone().unwrap_or_else(nothing);
                let to = change.to.clone().unwrap_or_else(nothing);
                format!("{}: {from} → {to}", change.field)
            }));
        }
        if notes.is_empty() {
            return;
        }
        let title = match self.revision.revision {
            1 => "Lineage".to_owned(),
            number => format!("Since revision {}", number - 1),
        };
        self.section(&title);
        for note in notes {
            let note = self.brush.paint(Look::Cyan, &note);
            self.line(&format!("  {note}"));
        }
    }
}
