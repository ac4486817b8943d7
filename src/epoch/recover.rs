//! Reading the journal again after a start: the same epochs, so the same answers.

use super::entry::{DRAIN, Entry, EntryError, Run, entries};
use crate::ingest::reception::{Receipt, Reception};
use crate::ingest::record::Head;
use crate::journal::storage::Storage;
use crate::journal::{Frame, JournalError, Reader, Torn};
use crate::runtime::{EpochInput, Feeder, RuntimeError};
use causeway_dataflows::model::{ContextEvent, Seconds};
use causeway_dataflows::ops::epochs::Tick;
use crossbeam_channel::Sender;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::path::Path;

/// Why the journal could not be read again.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// It cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It was read and not understood.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Journals do not belong together.
    #[error(
        "the journal of process {journal} goes on with epoch {epoch}, that of process 0 with \
         {expected}; name those of processes that ran together"
    )]
    Apart {
        /// The place of the journal.
        journal: usize,
        /// Its epoch.
        epoch: u64,
        /// The epoch of the first journal.
        expected: u64,
    },
    /// The engine stopped.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// What the journal held.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Epochs.
    pub epochs: u64,
    /// Submissions.
    pub submissions: u64,
    /// Submissions whose source is there no more, by its name.
    pub left_out: BTreeMap<SmolStr, u64>,
    /// The tick of the last epoch.
    pub tick: Option<Seconds>,
    /// Who wrote it, each with the first of its epochs, in order.
    pub runs: Vec<(u64, Run)>,
    /// The torn end, if it has one: that of a process that was killed, or that writes now.
    pub torn: Option<Torn>,
}

/// Who listens while the journal is read.
pub struct Listeners<'a> {
    /// The reception of a source, by the place of the journal and its name; `None` when there is
    /// none any more.
    pub reception: &'a dyn Fn(usize, &SmolStr) -> Option<&'a Reception>,
    /// Context events that no source sent.
    pub context: &'a mut dyn FnMut(&ContextEvent),
    /// Every submission as it came, also one whose source is there no more.
    pub submission: &'a mut dyn FnMut(&Head, &[u8]),
    /// What a sender was told, or would have been.
    pub answered: &'a mut dyn FnMut(&Head, &Receipt),
}

/// Feeds the epochs of a journal `from` one on, all when there is none, to the engine again,
/// in order, each with its tick, which is noted for the emitting side before. Nothing is written
/// to the journal, which may be that of a process that runs.
///
/// Of processes that computed together each has a journal: what they took into an epoch is fed
/// with it. The first journal decides which epochs there are; one that another one lacks was
/// without input there.
///
/// # Errors
/// When the journal cannot be read or understood, or the engine stopped.
pub fn recover<Note: From<Tick>>(
    directories: &[impl AsRef<Path>],
    from: Option<u64>,
    feeder: &mut Feeder,
    notes: &Sender<Note>,
    listeners: &mut Listeners<'_>,
) -> Result<Recovered, RecoverError> {
    let open = |directory: &Path| match from {
        Some(from) => Reader::open(directory, from),
        None => Reader::open_oldest(directory),
    };
    let readers: Result<Vec<Reader>, _> = directories.iter().map(|d| open(d.as_ref())).collect();
    recover_from(readers?, feeder, notes, listeners)
}

/// The same for journals in any storage.
///
/// # Errors
/// As those of [`recover`].
pub fn recover_from<S: Storage, Note: From<Tick>>(
    mut readers: Vec<Reader<S>>,
    feeder: &mut Feeder,
    notes: &Sender<Note>,
    listeners: &mut Listeners<'_>,
) -> Result<Recovered, RecoverError> {
    let Some((reader, others)) = readers.split_first_mut() else { return Ok(Recovered::default()) };
    let mut recovered = Recovered::default();
    while let Some(frame) = reader.next_frame()? {
        let tick = Tick { now: frame.now, drain: frame.flags & DRAIN != 0 };
        let mut input = EpochInput::default();
        decode(&frame, 0, &mut input, &mut recovered, listeners)?;
        for (at, other) in others.iter_mut().enumerate() {
            let Some(theirs) = other.next_frame()? else { continue };
            if theirs.epoch != frame.epoch {
                let (epoch, expected) = (theirs.epoch, frame.epoch);
                return Err(RecoverError::Apart { journal: at + 1, epoch, expected });
            }
            decode(&theirs, at + 1, &mut input, &mut recovered, listeners)?;
        }
        notes.send(tick.into()).map_err(|_| RuntimeError::Stopped)?;
        feeder.submit(tick, input)?;
        recovered.epochs += 1;
        recovered.tick = Some(frame.now);
    }
    recovered.torn = reader.torn().cloned();
    Ok(recovered)
}

fn decode(
    frame: &Frame,
    journal: usize,
    input: &mut EpochInput,
    recovered: &mut Recovered,
    listeners: &mut Listeners<'_>,
) -> Result<(), EntryError> {
    for entry in entries(frame)? {
        match entry {
            // All that compute together are of one version and one configuration.
            Entry::Run(run) if journal == 0 => recovered.runs.push((frame.epoch, run)),
            Entry::Run(_) => {}
            Entry::Context(events) => {
                events.iter().for_each(|event| (listeners.context)(event));
                input.context.extend(events);
            }
            Entry::Submission(head, body) => {
                (listeners.submission)(&head, &body);
                let Some(reception) = (listeners.reception)(journal, &head.source) else {
                    *recovered.left_out.entry(head.source.clone()).or_default() += 1;
                    continue;
                };
                let (decoded, receipt) = reception.again(&head, &body);
                recovered.submissions += 1;
                input.add_of(journal as u32, decoded);
                (listeners.answered)(&head, &receipt);
            }
        }
    }
    Ok(())
}

/// Who wrote the first frame of the journal in `directory`, if there is one.
///
/// # Errors
/// When it cannot be read or understood.
pub fn first_run(directory: &Path) -> Result<Option<Run>, RecoverError> {
    let Some(frame) = Reader::open_oldest(directory)?.next_frame()? else { return Ok(None) };
    let run = entries(&frame)?.into_iter().find_map(|entry| match entry {
        Entry::Run(run) => Some(run),
        Entry::Submission(..) | Entry::Context(_) => None,
    });
    Ok(run)
}
