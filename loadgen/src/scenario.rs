//! One storm from seed to bytes.

use crate::faults::{self, Plan};
use crate::instant::{Ms, START};
use crate::profile::Profile;
use crate::storm::{Reason, Storm};
use crate::truth::{self, Class, Label, Truth, Verdict, event_id, incident_id};
use crate::wire::native;
use crate::world::World;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Services in production.
const SERVICES: usize = 300;
/// Bytes collected before they are written.
const CHUNK: usize = 1 << 20;

/// A storm, complete: the estate, what went wrong in it, and every event.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What sort of storm.
    pub profile: Profile,
    /// What it was made from.
    pub seed: u64,
    /// When it ends; it begins at [`START`]. Stragglers arrive later.
    pub end: Ms,
    /// The estate.
    pub world: World,
    /// Faults and changes.
    pub plan: Plan,
    /// Everything that is seen of them.
    pub storm: Storm,
    /// The change that a counterfactual twin lacks.
    pub(crate) without_change: Option<u32>,
    /// By fault: its place in the truth.
    pub(crate) places: Vec<Option<u32>>,
}

/// A file of a scenario could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}; check that the directory exists and has room")]
pub struct WriteError {
    /// Which file or directory.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// How much of what a scenario holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Lines, redelivered ones included.
    pub events: u64,
    /// Lines that say what an earlier one of their alert said.
    pub repeated: u64,
    /// Lines that are alerts.
    pub alert_events: u64,
    /// Runs of alerts of faults that users saw.
    pub alerts_incident: u64,
    /// Runs of alerts that belong to nothing; those of unseen faults included.
    pub alerts_background: u64,
    /// Runs of checks that fire most of the time.
    pub alerts_chronic: u64,
    /// Runs of checks that flap.
    pub alerts_flap: u64,
    /// Faults that users saw.
    pub incidents: u64,
    /// Faults that nobody saw.
    pub hidden_faults: u64,
    /// Changes, true and decoy.
    pub changes: u64,
}

impl Scenario {
    /// Builds the storm of `profile` and `seed`, in its natural size or with about
    /// `events` lines at the same rates.
    ///
    /// The number of lines is exact unless the alerts alone are more.
    pub fn build(profile: Profile, seed: u64, events: Option<u64>) -> Scenario {
        let natural = profile.rates();
        let rates = natural.scaled_to(events.unwrap_or(natural.events));
        let end = START + rates.span;
        let mut world = World::build(seed, SERVICES, &rates, START, end);
        let plan = faults::plan(&mut world, &rates, seed, START, end);
        let storm = Storm::build(seed, &world, &plan, &rates, (START, end));
        let places = truth::places(&plan);
        Scenario { profile, seed, end, world, plan, storm, without_change: None, places }
    }

    /// What an engine should find.
    pub fn truth(&self) -> Truth {
        let word = self.profile.word();
        truth::truth(word, self.seed, &self.world, &self.plan, &self.storm, self.without_change)
    }

    /// What each event is, in order of receipt, one for each line.
    pub fn verdicts(&self) -> impl Iterator<Item = (u32, Verdict)> {
        let judge = |event| truth::verdict(&self.storm, &self.places, event);
        self.storm.events.iter().map(move |event| (event.id, judge(event)))
    }

    /// The rows of `labels.ndjson`: one for each different event, in order of first receipt.
    pub fn labels(&self) -> impl Iterator<Item = Label> {
        let mut next = 0;
        // Ids are numbers in order of first receipt: whatever is lower is a redelivery.
        let fresh = self.verdicts().filter(move |(id, _)| {
            let fresh = *id >= next;
            next = next.max(id + 1);
            fresh
        });
        fresh.map(|(id, verdict)| Label {
            event_id: event_id(id),
            incident: verdict.incident.map(incident_id),
            class: verdict.class,
            duplicate_of: verdict.duplicate_of.map(event_id),
            suppressible: verdict.class.suppressible(),
        })
    }

    /// Events a second, on average.
    pub fn natural_rate(&self) -> f64 {
        let span = (self.end - START).max(1) as f64 / 1000.0;
        self.storm.events.len() as f64 / span
    }

    /// Counts.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats { events: self.storm.events.len() as u64, ..Stats::default() };
        for (_, verdict) in self.verdicts() {
            stats.alert_events += u64::from(verdict.class != Class::Context);
            stats.repeated += u64::from(verdict.class == Class::Duplicate);
        }
        for (episode, first) in self.storm.episodes.iter().zip(&self.storm.firsts) {
            if first[0] == u32::MAX {
                continue;
            }
            match episode.reason {
                Reason::Fault(_) => stats.alerts_incident += 1,
                Reason::Hidden | Reason::Background => stats.alerts_background += 1,
                Reason::Chronic => stats.alerts_chronic += 1,
                Reason::Flap => stats.alerts_flap += 1,
            }
        }
        stats.incidents = self.plan.faults.iter().filter(|f| f.visible).count() as u64;
        stats.hidden_faults = self.plan.faults.len() as u64 - stats.incidents;
        stats.changes = self.plan.changes.len() as u64;
        stats
    }

    /// Writes `events.ndjson` in order of receipt.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn events_ndjson(&self, out: &mut impl Write) -> io::Result<()> {
        let writer = native::Writer::new(self);
        in_chunks(out, self.storm.events.iter(), |buffer, event| writer.push_line(buffer, event))
    }

    /// The topology before the first event, as the catalogue tells it.
    pub fn topology_ndjson(&self) -> Vec<u8> {
        let mut out = Vec::new();
        native::push_topology(&mut out, self);
        out
    }

    /// Writes `labels.ndjson`.
    ///
    /// # Errors
    /// What `out` fails with.
    pub fn labels_ndjson(&self, out: &mut impl Write) -> io::Result<()> {
        in_chunks(out, self.labels(), |buffer, label| push_label(buffer, &label))
    }

    /// Writes the four files of the scenario into `dir`, which is made if it is missing.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_dir(&self, dir: &Path) -> Result<(), WriteError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| WriteError { path, source }
        };
        std::fs::create_dir_all(dir).map_err(failed(dir))?;
        let path = dir.join("events.ndjson");
        let mut file = File::create(&path).map_err(failed(&path))?;
        self.events_ndjson(&mut file).map_err(failed(&path))?;
        let path = dir.join("labels.ndjson");
        let mut file = File::create(&path).map_err(failed(&path))?;
        self.labels_ndjson(&mut file).map_err(failed(&path))?;
        let path = dir.join("topology.ndjson");
        std::fs::write(&path, self.topology_ndjson()).map_err(failed(&path))?;
        let path = dir.join("truth.json");
        let text = serde_json::to_vec_pretty(&self.truth()).map_err(io::Error::from);
        text.and_then(|text| std::fs::write(&path, text)).map_err(failed(&path))
    }
}

/// Renders items into a buffer that is written whenever it is full.
fn in_chunks<T>(
    out: &mut impl Write,
    items: impl Iterator<Item = T>,
    push: impl Fn(&mut Vec<u8>, T),
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(CHUNK + 4096);
    for item in items {
        push(&mut buffer, item);
        if buffer.len() >= CHUNK {
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    out.write_all(&buffer)?;
    out.flush()
}

fn push_label(out: &mut Vec<u8>, label: &Label) {
    let optional = |out: &mut Vec<u8>, key: &str, value: &Option<String>| {
        out.extend_from_slice(key.as_bytes());
        match value {
            Some(value) => {
                out.push(b'"');
                out.extend_from_slice(value.as_bytes());
                out.push(b'"');
            }
            None => out.extend_from_slice(b"null"),
        }
    };
    out.extend_from_slice(b"{\"event_id\":\"");
    out.extend_from_slice(label.event_id.as_bytes());
    optional(out, "\",\"incident\":", &label.incident);
    out.extend_from_slice(b",\"class\":\"");
    out.extend_from_slice(label.class.word().as_bytes());
    optional(out, "\",\"duplicate_of\":", &label.duplicate_of);
    out.extend_from_slice(if label.suppressible {
        b",\"suppressible\":true}\n"
    } else {
        b",\"suppressible\":false}\n"
    });
}

#[cfg(test)]
mod tests;
