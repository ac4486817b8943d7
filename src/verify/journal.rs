//! What a journal leads to, for one sink.

use super::acked::Acked;
use super::expected::Expected;
use crate::canonical::Reject;
use crate::emit::matcher::{Matcher, Route};
use crate::emit::wire::Message;
use crate::epoch::Recovered;
use crate::ingest::record::Head;
use crate::replay::Outlet;
use crate::replay::journal::{JournalReplayError, Plan, replay};
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use causeway_dataflows::ops::epochs::Epoch;
use smol_str::SmolStr;
use std::path::PathBuf;

/// What is asked of a journal.
pub struct Asked<'a> {
    /// The settings of the run.
    pub settings: &'a Settings,
    /// Worker threads, which decide nothing but speed.
    pub workers: usize,
    /// What the sink wants.
    pub wanted: Matcher,
    /// Its name, when it is a configured one: a snapshot knows of which incidents it was told.
    pub name: Option<SmolStr>,
    /// The first epoch of which the sink is told: it was configured anew before it.
    pub since: Epoch,
    /// What senders were told was taken.
    pub acked: Option<&'a mut Acked>,
}

/// What a journal led to.
pub struct Led {
    /// The revisions.
    pub expected: Expected,
    /// What the journal held.
    pub recovered: Recovered,
    /// The digest over what stands and stood at its end.
    pub digest: String,
    /// The first epoch that was run, when a snapshot stands for those before.
    pub from: Option<u64>,
}

/// Runs a journal again, or those of processes that computed together, and keeps what should be told to the sink.
///
/// # Errors
/// When the journal cannot be read or understood, or the engine stops.
pub fn lead(directories: &[PathBuf], asked: Asked<'_>) -> Result<Led, JournalReplayError> {
    let Asked { settings, workers, wanted, name, since, mut acked } = asked;
    let plan = Plan { settings, workers, rows: false };
    let route = Route::new(wanted);
    let collect = Collect { expected: Expected::new(), route, name, since };
    let mut submission = |head: &Head, body: &[u8]| {
        if let Some(acked) = &mut acked {
            acked.meet(head, body);
        }
    };
    let replayed = replay(directories, &plan, collect, &mut submission)?;
    Ok(Led {
        expected: replayed.outlet.expected,
        digest: replayed.tally.digest().to_string(),
        from: replayed.from,
        recovered: replayed.recovered,
    })
}

struct Collect {
    expected: Expected,
    route: Route,
    name: Option<SmolStr>,
    since: Epoch,
}

/// The incidents of which a sink was told.
fn told_to(past: &Snapshot, sink: Option<&str>) -> Vec<SmolStr> {
    let mut outboxes = past.emission.outboxes.iter();
    let own = outboxes.find(|outbox| sink.is_some_and(|sink| outbox.name == sink));
    own.map_or_else(Vec::new, |outbox| outbox.told().to_vec())
}

impl Outlet for Collect {
    fn revisions(&mut self, epoch: Epoch, messages: Vec<Message>) {
        for message in messages {
            let revision = &message.revision;
            // A sink that came later is told how what began before it ends.
            let is_wanted = self.route.admit(revision) && epoch >= self.since;
            let key = (&revision.incident_id, revision.revision);
            self.expected.add(epoch, key, message.line.as_bytes(), is_wanted);
        }
    }

    fn begins_after(&mut self, past: &Snapshot) {
        self.expected.begin_after(past);
        self.route.tell(told_to(past, self.name.as_deref()));
    }

    fn rejects(&mut self, _: Vec<Reject>) {}
}
