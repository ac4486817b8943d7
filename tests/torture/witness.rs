//! The witness: holds what sinks were told against what was sent and what the journal leads to.
//!
//! It knows nothing of the program but the lines, so that it can be wrong only by itself;
//! its own tests put one of each fault into good lines and expect it to be named.

use super::again::Again;
use super::known::Known;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An incident and the number of a revision of it.
type Revision = (String, u64);

/// What one sink was told, over all runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// The line of each revision.
    lines: BTreeMap<Revision, String>,
    /// Lines that came again.
    pub(super) repeated: u64,
    /// Lines that a kill tore.
    pub(super) torn: u64,
    pub(super) findings: Vec<String>,
}

impl Told {
    /// Lines that are all whole.
    pub(super) fn of_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Told {
        let mut told = Told::default();
        for line in lines {
            match revision(line) {
                Some(revision) => told.enter(revision, line),
                None => told.findings.push(format!("torn where nothing may be: {line}")),
            }
        }
        told
    }

    /// Standard output of all runs; `ends` says how long it was when each was killed.
    pub(super) fn of_stdout(bytes: &[u8], ends: &BTreeSet<usize>) -> Told {
        let mut told = Told::default();
        let mut torn = Vec::new();
        let mut at = 0;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let line = piece.strip_suffix(b"\n").unwrap_or(piece);
            let end = at + line.len();
            at += piece.len();
            let text = String::from_utf8_lossy(line);
            match revision(&text) {
                Some(revision) => told.enter(revision, &text),
                None if line.is_empty() => {}
                None if ends.contains(&end) => torn.push(text.into_owned()),
                None => told.findings.push(format!("torn where nobody was killed: {text}")),
            }
        }
        told.torn = torn.len() as u64;
        // What was torn was not confirmed, so it comes again, and begins as it began.
        for begun in torn.iter().filter(|begun| !begun.contains('\u{fffd}')) {
            if !told.lines.values().any(|line| line.starts_with(begun.as_str())) {
                told.findings.push(format!("torn and never told whole: {begun}"));
            }
        }
        told
    }

    fn enter(&mut self, (id, number): Revision, line: &str) {
        if let Some(before) = self.lines.get(&(id.clone(), number)) {
            self.repeated += 1;
            if before != line {
                self.findings.push(format!("{id} {number} in two ways:\n{before}\n{line}"));
            }
            return;
        }
        // Seen first in order: a number that is new comes right behind the one before it.
        if number != 1 && !self.lines.contains_key(&(id.clone(), number - 1)) {
            self.findings.push(format!("{id} {number} came before {}", number - 1));
        }
        self.lines.insert((id, number), line.to_owned());
    }

    /// How many revisions there are.
    pub(super) fn revisions(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Everything that the journal leads to was told, to the byte, and nothing else.
    pub(super) fn hold_against(&self, again: &Told, what: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (revision, line) in &again.lines {
            match self.lines.get(revision) {
                None => found.push(format!("{what}: {revision:?} was never told")),
                Some(told) if told != line => {
                    found.push(format!("{what}: {revision:?} differs:\n{told}\n{line}"));
                }
                Some(_) => {}
            }
        }
        let phantoms = self.lines.keys().filter(|revision| !again.lines.contains_key(*revision));
        found.extend(phantoms.map(|revision| format!("{what}: {revision:?} is a phantom")));
        found
    }

    /// The count of each alert in the last revision of its incident.
    fn counts(&self) -> Result<BTreeMap<String, u64>, String> {
        let mut last: BTreeMap<&str, &str> = BTreeMap::new();
        for ((id, _), line) in &self.lines {
            last.insert(id, line);
        }
        let mut counts = BTreeMap::new();
        for (id, line) in last {
            let envelope: Value = serde_json::from_str(line).unwrap();
            for alert in envelope["data"]["alerts"].as_array().unwrap() {
                let entity = alert["entity"].as_str().unwrap().to_owned();
                if counts.insert(entity.clone(), alert["count"].as_u64().unwrap()).is_some() {
                    return Err(format!("{entity} is in two places, one of them {id}"));
                }
            }
        }
        Ok(counts)
    }

    /// Each acknowledged event counts once, in the alert that it belongs to, and no other does.
    pub(super) fn hold_to(&self, known: &Known) -> Vec<String> {
        let counts = match self.counts() {
            Ok(counts) => counts,
            Err(finding) => return vec![finding],
        };
        let mut found = Vec::new();
        for (entity, sent) in &known.alerts {
            let suppressed = known.controls.suppress(sent.name);
            match (counts.get(entity), suppressed) {
                (None, true) => {}
                (None, false) if sent.sure == 0 => {}
                (None, false) => found.push(format!("lost: {entity}, {sent:?}")),
                (Some(_), true) => found.push(format!("told though suppressed: {entity}")),
                (Some(count), false) => found.extend(miscount(entity, *count, sent)),
            }
        }
        let phantoms = counts.keys().filter(|entity| is_phantom(entity, known));
        found.extend(phantoms.map(|entity| format!("phantom: {entity}")));
        found
    }
}

/// Whether nobody sent an alert about an entity; about sources the program has alerts of its own,
/// as when what a file holds was not read for long.
fn is_phantom(entity: &str, known: &Known) -> bool {
    !entity.starts_with("source:") && !known.alerts.contains_key(entity)
}

fn miscount(entity: &str, count: u64, sent: &super::known::Sent) -> Option<String> {
    let right = (sent.sure..=sent.sure + sent.maybe).contains(&count);
    (!right).then(|| format!("{entity} counts {count}, {sent:?}"))
}

/// The same of what the journal leads to, alerts that are kept out of incidents included.
pub(super) fn hold_journal_to(again: &Again, known: &Known) -> Vec<String> {
    let mut found = Vec::new();
    for (entity, sent) in &known.alerts {
        match again.alerts.get(entity) {
            None if sent.sure == 0 => {}
            None => found.push(format!("journal: lost {entity}, {sent:?}")),
            Some((count, suppressed)) => {
                found.extend(miscount(entity, *count, sent));
                if *suppressed != known.controls.suppress(sent.name) {
                    found.push(format!("journal: {entity} is suppressed: {suppressed}"));
                }
            }
        }
    }
    let phantoms = again.alerts.keys().filter(|entity| is_phantom(entity, known));
    found.extend(phantoms.map(|entity| format!("journal: phantom {entity}")));
    let sure = known.accepted + known.followed + known.changes;
    if !(sure..=sure + known.accepted_maybe).contains(&again.accepted) {
        found.push(format!("journal: {} accepted, {sure} acknowledged", again.accepted));
    }
    let refused = known.rejected..=known.rejected + known.rejected_maybe;
    if !refused.contains(&again.rejected) {
        found.push(format!("journal: {} refused, {refused:?} told", again.rejected));
    }
    found
}

/// Incident and number of a line that is a whole revision.
fn revision(line: &str) -> Option<Revision> {
    let envelope: Value = serde_json::from_str(line).ok()?;
    let data = &envelope["data"];
    Some((data["incident_id"].as_str()?.to_owned(), data["revision"].as_u64()?))
}

#[cfg(test)]
mod tests {
    use super::super::known::Sent;
    use super::*;
    use serde_json::json;

    fn line(id: &str, revision: u64, alerts: &[(&str, u64)]) -> String {
        let alerts: Vec<Value> = alerts
            .iter()
            .map(|(entity, count)| json!({"entity": entity, "count": count}))
            .collect();
        json!({"data": {"incident_id": id, "revision": revision, "alerts": alerts}}).to_string()
    }

    fn good() -> Vec<String> {
        vec![line("i", 1, &[("a", 1)]), line("j", 1, &[("b", 1)]), line("i", 2, &[("a", 2)])]
    }

    fn told(lines: &[String]) -> Told {
        Told::of_lines(lines.iter().map(String::as_str))
    }

    fn known() -> Known {
        let sent = |sure, maybe| Sent { name: 0, sure, maybe };
        let alerts = [("a", sent(2, 0)), ("b", sent(1, 1)), ("c", sent(0, 1))];
        let alerts = alerts.map(|(entity, sent)| (entity.to_owned(), sent));
        Known { alerts: BTreeMap::from(alerts), ..Known::default() }
    }

    #[test]
    fn good_lines_are_good() {
        let told = told(&good());
        assert_eq!(told.findings, [""; 0]);
        assert_eq!(told.hold_to(&known()), [""; 0]);
        assert_eq!(told.hold_against(&told, "x"), [""; 0]);
    }

    #[test]
    fn one_of_each_fault_is_found() {
        let named = |findings: Vec<String>, word: &str| {
            let found = findings.iter().any(|finding| finding.contains(word));
            assert!(found, "no `{word}` in {findings:?}");
        };
        let lost = &good()[1..2];
        named(told(lost).hold_to(&known()), "lost: a");
        named(told(lost).hold_against(&told(&good()), "x"), "never told");
        let twice = [good(), vec![line("i", 3, &[("a", 3)])]].concat();
        named(told(&twice).hold_to(&known()), "a counts 3");
        named(told(&twice).hold_against(&told(&good()), "x"), "phantom");
        let phantom = [good(), vec![line("k", 1, &[("z", 1)])]].concat();
        named(told(&phantom).hold_to(&known()), "phantom: z");
        let mut reordered = good();
        reordered.swap(0, 2);
        named(told(&reordered).findings, "came before");
        let unequal = [good(), vec![line("i", 1, &[("a", 9)])]].concat();
        named(told(&unequal).findings, "in two ways");
        let two_places = [good(), vec![line("k", 1, &[("a", 2)])]].concat();
        named(told(&two_places).hold_to(&known()), "in two places");
        let mut suppressed = known();
        suppressed.controls.rules.insert(0);
        named(told(&good()).hold_to(&suppressed), "though suppressed");
    }

    #[test]
    fn a_line_may_be_torn_where_a_process_was_killed() {
        let whole = line("i", 1, &[("a", 1)]);
        let text = format!("{}\n{whole}\n", &whole[..20]);
        let at = BTreeSet::from([20]);
        let read = |text: &str, at: &BTreeSet<usize>| Told::of_stdout(text.as_bytes(), at);
        assert_eq!((read(&text, &at).findings.len(), read(&text, &at).torn), (0, 1));
        assert!(read(&text, &BTreeSet::new()).findings[0].contains("nobody was killed"));
        let gone = format!("{}\n", &whole[..20]);
        assert!(read(&gone, &at).findings[0].contains("never told whole"));
    }
}
