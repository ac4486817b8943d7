//! Finding one revision in a file of incidents.

use crate::emit::wire::Revision;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Ids that a message lists.
const LISTED_MAX: usize = 5;

/// An incident cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The file cannot be read.
    #[error("incident file {path:?} cannot be read: name one that a sink wrote with --file")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The line of the incident is not what a sink writes.
    #[error("line {line} of {path:?} names the incident but is no revision: {problem}")]
    Decode {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What the decoder says.
        problem: String,
    },
    /// No incident has that id.
    #[error("incident {wanted:?} is not in {path:?}: {hint}")]
    NotFound {
        /// As asked.
        wanted: String,
        /// The file.
        path: PathBuf,
        /// What there is instead.
        hint: String,
    },
    /// Several ids begin like that.
    #[error("incident {wanted:?} may be any of {}: write more of the id", ids.join(", "))]
    Ambiguous {
        /// As asked.
        wanted: String,
        /// Some of those it may be.
        ids: Vec<String>,
    },
    /// The incident is there, but not that revision.
    #[error("incident {id} has no revision {wanted}: there are {}", list(have))]
    NoRevision {
        /// The incident.
        id: String,
        /// As asked.
        wanted: u64,
        /// The revisions there are.
        have: BTreeSet<u64>,
    },
}

fn list(numbers: &BTreeSet<u64>) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// Finds a revision in a file of lines, plain or compressed with zstd (`.zst`) or gzip (`.gz`).
///
/// `wanted` is an id or the beginning of one, with or without `inc-`; without a
/// number the last revision is taken.
///
/// # Errors
/// When the file cannot be read or holds no such revision.
pub fn find(path: &Path, wanted: &str, revision: Option<u64>) -> Result<Revision, ExplainError> {
    let read_error = |source| ExplainError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read_error)?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    let reader: Box<dyn Read> = match extension {
        Some("zst") => Box::new(zstd::Decoder::new(file).map_err(read_error)?),
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        _ => Box::new(file),
    };
    find_in(BufReader::with_capacity(1 << 20, reader), path, wanted, revision)
}

/// The same for any reader; `path` is for messages.
///
/// # Errors
/// As for [`find`].
pub fn find_in(
    mut reader: impl BufRead,
    path: &Path,
    wanted: &str,
    revision: Option<u64>,
) -> Result<Revision, ExplainError> {
    let mut search = Search { wanted, revision, ..Search::default() };
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        if read.map_err(|source| ExplainError::Read { path: path.to_owned(), source })? == 0 {
            break;
        }
        search.look_at(number, &line);
    }
    search.result(path)
}

/// The fields that say whether a line is the one.
#[derive(Deserialize)]
struct Head {
    incident_id: String,
    #[serde(default)]
    revision: u64,
}

#[derive(Default)]
struct Search<'a> {
    wanted: &'a str,
    revision: Option<u64>,
    /// Incidents that match, with their revisions and the line to take.
    matches: BTreeMap<String, Match>,
    /// All ids; the last ones are what a message offers.
    seen: BTreeSet<String>,
    last: Vec<String>,
    /// Lines that are no object of ours, such as one that a crash tore.
    unreadable: usize,
}

#[derive(Default)]
struct Match {
    have: BTreeSet<u64>,
    chosen: Option<(u64, usize, Vec<u8>)>,
}

impl Search<'_> {
    fn look_at(&mut self, number: usize, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let Some(head) = head(line) else {
            self.unreadable += 1;
            return;
        };
        if self.seen.insert(head.incident_id.clone()) {
            self.last.push(head.incident_id.clone());
        }
        if !matches(&head.incident_id, self.wanted) {
            return;
        }
        let found = self.matches.entry(head.incident_id).or_default();
        found.have.insert(head.revision);
        let is_wanted = self.revision.is_none_or(|wanted| wanted == head.revision);
        let is_newer = found.chosen.as_ref().is_none_or(|(chosen, ..)| head.revision >= *chosen);
        if is_wanted && is_newer {
            found.chosen = Some((head.revision, number, line.to_vec()));
        }
    }

    fn result(mut self, path: &Path) -> Result<Revision, ExplainError> {
        let wanted = self.wanted.to_owned();
        // An id that is the beginning of another is still itself.
        let exact = self.matches.remove_entry(self.wanted);
        if exact.is_none() && self.matches.len() > 1 {
            let ids = self.matches.into_keys().take(LISTED_MAX).collect();
            return Err(ExplainError::Ambiguous { wanted, ids });
        }
        let Some((id, found)) = exact.or_else(|| self.matches.pop_first()) else {
            return Err(ExplainError::NotFound {
                wanted,
                path: path.to_owned(),
                hint: self.hint(),
            });
        };
        let Some((_, line, text)) = found.chosen else {
            let wanted = self.revision.unwrap_or_default();
            return Err(ExplainError::NoRevision { id, wanted, have: found.have });
        };
        decode(&text).map_err(|error| ExplainError::Decode {
            path: path.to_owned(),
            line,
            problem: error.to_string(),
        })
    }

    fn hint(&self) -> String {
        let unreadable = match self.unreadable {
            0 => String::new(),
            number => format!("; {number} lines are no incidents"),
        };
        if self.last.is_empty() {
            return format!("it holds no incidents{unreadable}");
        }
        let latest: Vec<&str> =
            self.last.iter().rev().take(LISTED_MAX).map(String::as_str).collect();
        format!(
            "it holds {}, the latest are {}{unreadable}",
            crate::emit::wire::words::phrase::count(self.seen.len(), "incident"),
            latest.join(", ")
        )
    }
}

fn matches(id: &str, wanted: &str) -> bool {
    !wanted.is_empty()
        && (id.starts_with(wanted)
            || id.strip_prefix("inc-").is_some_and(|rest| rest.starts_with(wanted)))
}

fn head(line: &[u8]) -> Option<Head> {
    #[derive(Deserialize)]
    struct Wrapped {
        data: Head,
    }
    serde_json::from_slice::<Wrapped>(line)
        .map(|wrapped| wrapped.data)
        .or_else(|_| serde_json::from_slice(line))
        .ok()
}

/// Reads a revision, bare or in its envelope.
fn decode(line: &[u8]) -> Result<Revision, serde_json::Error> {
    let value: Value = serde_json::from_slice(line)?;
    match value {
        Value::Object(mut fields) if fields.contains_key("specversion") => {
            serde_json::from_value(fields.remove("data").unwrap_or_default())
        }
        bare => serde_json::from_value(bare),
    }
}
