//! What a check found, for people and for programs.

use crate::emit::schema::schema_of;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use smol_str::SmolStr;
use std::fmt::{self, Write};

/// Findings of one kind that are kept; all are counted.
const SHOWN_MAX: usize = 10;

/// What became of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// Whether nothing is wrong.
    pub clean: bool,
    /// Epochs of the journal, as whoever read it says.
    pub epochs: u64,
    /// Over the alerts and incidents that the journal leads to, as in a summary, likewise.
    pub digest: String,
    /// Revisions that the sink should hold.
    pub expected: u64,
    /// Those of them that it holds.
    pub told: u64,
    /// Lines that say once more what was told, byte for byte: allowed.
    pub retold: u64,
    /// Expected revisions behind the last that was told, of a process that is not done: allowed.
    pub pending: u64,
    /// Lines for revisions that were told before the journal begins: not checked.
    pub earlier: u64,
    /// Lines of the sink.
    pub lines: u64,
    /// Empty ones: allowed, a run that follows another begins with one.
    pub blank: u64,
    /// Beginnings of lines as a kill leaves them: allowed.
    pub torn: Found,
    /// Expected revisions of which there is no line.
    pub lost: Found,
    /// Lines for an expected revision that say something else.
    pub duplicate: Found,
    /// Lines for revisions that nobody expects.
    pub phantom: Found,
    /// Revisions that first appear behind a later one of their incident.
    pub reordered: Found,
    /// Lines that are no revision and that no kill can have left.
    pub malformed: Found,
    /// Things that a sender was told were taken.
    pub acked: u64,
    /// Those of them that the journal does not hold.
    pub lost_input: Found,
    /// Why what the journal leads to may not be what was told.
    pub doubts: Vec<String>,
}

/// Findings of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Found {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: Vec<Finding>,
}

/// One finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The file with the line; none for what is nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<SmolStr>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<SmolStr>,
    /// Its revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// What it is.
    pub detail: String,
}

impl Found {
    pub(super) fn add(&mut self, finding: impl FnOnce() -> Finding) {
        self.count += 1;
        if self.first.len() < SHOWN_MAX {
            self.first.push(finding());
        }
    }
}

impl Finding {
    pub(super) fn revision(id: &str, revision: u64, detail: impl Into<String>) -> Finding {
        let incident_id = Some(SmolStr::new(id));
        Finding {
            incident_id,
            revision: Some(revision),
            detail: detail.into(),
            ..Finding::default()
        }
    }

    pub(super) fn at(self, file: &SmolStr, line: u64) -> Finding {
        Finding { file: Some(file.clone()), line: Some(line), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(file), Some(line)) = (&self.file, self.line) {
            write!(f, "{file}:{line}: ")?;
        }
        if let (Some(id), Some(revision)) = (&self.incident_id, self.revision) {
            write!(f, "{id}/{revision}: ")?;
        }
        f.write_str(&self.detail)
    }
}

/// The JSON Schema of a report.
pub fn schema() -> Value {
    schema_of::<Report>("urn:causeway:schema:verification:1.0")
}

impl Report {
    /// Whether nothing is wrong with the sink or the input; what is allowed aside.
    pub fn is_clean(&self) -> bool {
        self.wrong().iter().all(|(_, found)| found.count == 0)
    }

    /// The kinds that must not be.
    pub fn wrong(&self) -> [(&'static str, &Found); 6] {
        [
            ("lost", &self.lost),
            ("duplicate", &self.duplicate),
            ("phantom", &self.phantom),
            ("reordered", &self.reordered),
            ("malformed", &self.malformed),
            ("lost input", &self.lost_input),
        ]
    }

    /// The report for people, with every kind and its first findings.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{:<11} {} revisions, from {} epochs\n{:<11} {} in {} lines; {} retold, {} torn, {} blank",
            "expected",
            self.expected,
            self.epochs,
            "told",
            self.told,
            self.lines,
            self.retold,
            self.torn.count,
            self.blank,
        );
        if self.earlier > 0 {
            let _ = write!(text, "; {} from before the journal, not checked", self.earlier);
        }
        if self.pending > 0 {
            let _ = write!(text, "; {} still to come", self.pending);
        }
        if self.acked > 0 {
            let _ = write!(text, "\n{:<11} {}", "acked", self.acked);
        }
        text.push('\n');
        for (word, found) in self.wrong() {
            let _ = writeln!(text, "{word:<11} {}", found.count);
            for finding in &found.first {
                let _ = writeln!(text, "  {finding}");
            }
            let more = found.count - found.first.len() as u64;
            if more > 0 {
                let _ = writeln!(text, "  and {more} more");
            }
        }
        text.push_str(if self.is_clean() { "clean\n" } else { "NOT CLEAN\n" });
        text
    }
}
