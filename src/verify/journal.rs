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
use causeway_dataflows::ops::epochs::Epoch;
use std::path::Path;

/// What is asked of a journal.
pub struct Asked<'a> {
    /// The settings of the run.
    pub settings: &'a Settings,
    /// Worker threads, which decide nothing but speed.
    pub workers: usize,
    /// What the sink wants.
    pub wanted: Matcher,
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
}

/// Runs the journal in `directory` again and keeps what should be told to the sink.
///
/// # Errors
/// When the journal cannot be read or understood, or the engine stops.
pub fn lead(directory: &Path, asked: Asked<'_>) -> Result<Led, JournalReplayError> {
    let Asked { settings, workers, wanted, since, mut acked } = asked;
    let plan = Plan { settings, workers, rows: false };
    let collect = Collect { expected: Expected::new(), route: Route::new(wanted), since };
    let mut submission = |head: &Head, body: &[u8]| {
        if let Some(acked) = &mut acked {
            acked.meet(head, body);
        }
    };
    let replayed = replay(directory, &plan, collect, &mut submission)?;
    Ok(Led {
        expected: replayed.outlet.expected,
        digest: replayed.tally.digest().to_string(),
        recovered: replayed.recovered,
    })
}

struct Collect {
    expected: Expected,
    route: Route,
    since: Epoch,
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

    fn rejects(&mut self, _: Vec<Reject>) {}
}
