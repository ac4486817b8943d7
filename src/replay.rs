//! Recorded input from beginning to end, with time taken from the data.
//!
//! ```text
//!  chunks ─► decoder ─► segments (one tick each) ─► epochs ─► workers ─► ledger ─► revisions
//!                                                                  └───► finals ─► last rows
//! ```
//!
//! An epoch never spans a tick, and nothing here looks at a clock: the same
//! input gives the same revisions on any machine (SEMANTICS rules 4 to 6, 22).
//!
//! [`journal`] does the same with what a live process kept, whose epochs and
//! ticks are those of the journal.

mod finals;
pub mod journal;

pub use finals::Finals;
use finals::{Keeper, Kept};

use crate::canonical::{
    Counts, Decoded, Decoder, Format, Framing, Input, Leap, Mode, Origin, Reject,
};
use crate::emit::ledger::{Emission, Ledger};
use crate::emit::wire::Message;
use crate::runtime::{Collector, EpochInput, Feeder, RuntimeError, start};
use crate::snapshot::Snapshot;
use causeway_dataflows::model::{ContextEvent, Seconds};
use causeway_dataflows::ops::epochs::{Epoch, Tick};
use causeway_dataflows::params::Params;
use crossbeam_channel::{Receiver, Sender, unbounded};
use smol_str::SmolStr;
use std::thread::JoinHandle;
use thiserror::Error;

/// Epochs under way at a time: a replay's epochs are small, and latency is of no interest.
const OUTSTANDING_MAX: usize = 256;

/// Why a replay stopped.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The engine failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The side that takes answers is gone.
    #[error("the thread that writes revisions stopped; its panic is in the log above")]
    Emitter,
    /// What was told could not be written down.
    #[error(transparent)]
    Outlet(std::io::Error),
    /// The source's policy is to fail on a reject.
    #[error("line {}: {} ({}); the source policy is to fail on rejects", .0.line, .0.message, .0.code.word())]
    Rejected(Box<Reject>),
}

/// What to do with what comes out, on the emitter's thread.
pub trait Outlet: Send + 'static {
    /// Revisions of one epoch, in order; none are no call.
    fn revisions(&mut self, epoch: Epoch, messages: Vec<Message>);
    /// Whatever was told before this snapshot was taken is not told again.
    fn begins_after(&mut self, past: &Snapshot) {
        let _ = past;
    }

    /// Events refused by a decoder.
    fn rejects(&mut self, rejects: Vec<Reject>);

    /// Nothing more comes.
    ///
    /// # Errors
    /// When not all that came could be written down.
    fn close(self) -> std::io::Result<()>
    where
        Self: Sized,
    {
        Ok(())
    }
}

/// A replay under way.
pub struct Replay {
    feeder: Feeder,
    format: Format,
    decoder: Decoder,
    tenant: SmolStr,
    /// Context that applies before the first event.
    rows: Vec<ContextEvent>,
    counts: Counts,
    tick: Option<Seconds>,
    notes: Sender<Note>,
    emitter: JoinHandle<(Kept, std::io::Result<()>)>,
    params: Params,
    heard: Heard,
}

/// What became of the events themselves, topology and other rows left out.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// How many there were.
    pub received: u64,
    /// How many were refused.
    pub rejected: u64,
    /// The first that was refused, unless the source drops such.
    pub first_reject: Option<Box<Reject>>,
}

/// What the feeding side tells the emitting side.
enum Note {
    /// The tick of the next epoch.
    Epoch(Tick),
    /// Refused events.
    Rejects(Vec<Reject>),
}

impl From<Tick> for Note {
    fn from(tick: Tick) -> Note {
        Note::Epoch(tick)
    }
}

impl Replay {
    /// Starts `workers` workers; `outlet` gets what comes out.
    ///
    /// # Errors
    /// When the workers cannot be started.
    pub fn start(
        workers: usize,
        params: &Params,
        emission: Emission,
        decoder: Decoder,
        outlet: impl Outlet,
    ) -> Result<Replay, ReplayError> {
        let (feeder, collector) = start(workers, params, OUTSTANDING_MAX)?;
        let (notes, noted) = unbounded();
        let horizon = params.dedup.revise_horizon_seconds;
        let emitter = std::thread::spawn(move || {
            let keeper = Keeper::new(horizon, true);
            let (kept, outlet) = emit(collector, &noted, Ledger::new(emission), keeper, outlet);
            (kept, outlet.close())
        });
        Ok(Replay {
            feeder,
            decoder,
            format: Format::Native,
            tenant: SmolStr::new_static("default"),
            rows: Vec::new(),
            counts: Counts::default(),
            tick: None,
            notes,
            emitter,
            params: params.clone(),
            heard: Heard::default(),
        })
    }

    /// Says what the events are; native ones when nobody says so.
    pub fn set_format(&mut self, format: Format) {
        self.format = format;
    }

    /// What became of the events so far.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Takes in rows that hold before the first event, such as a topology.
    ///
    /// # Errors
    /// When the source's policy is to fail on a reject.
    pub fn rows(
        &mut self,
        bytes: &[u8],
        origin: &Origin,
        format: Format,
    ) -> Result<(), ReplayError> {
        let call = (format, Framing::Body, Mode::Rows);
        let decoded = self.decode(bytes, origin, call, 1)?;
        for segment in decoded.segments {
            self.rows.extend(segment.context);
        }
        Ok(())
    }

    /// Takes in context that holds before the first event and comes from no file.
    pub fn standing(&mut self, events: Vec<ContextEvent>) {
        self.rows.extend(events);
    }

    /// The line that made the most others late by moving the clock, if one did.
    pub fn worst_leap(&mut self) -> Option<Leap> {
        self.decoder.worst_leap()
    }

    /// Takes in a stretch of whole lines, or of an array, that begins on `first_line`.
    ///
    /// # Errors
    /// When the engine stopped, or the source's policy is to fail on a reject.
    pub fn events(
        &mut self,
        bytes: &[u8],
        origin: &Origin,
        framing: Framing,
        first_line: u64,
    ) -> Result<(), ReplayError> {
        let call = (self.format, framing, Mode::Replay);
        let decoded = self.decode(bytes, origin, call, first_line)?;
        for segment in decoded.segments {
            let Some(tick) = segment.tick else {
                // What stands before the first event has no tick of its own.
                self.rows.extend(segment.context);
                continue;
            };
            self.tick = Some(tick);
            let mut context = std::mem::take(&mut self.rows);
            context.extend(segment.context);
            let input = EpochInput { alerts: segment.alerts, signals: segment.heard, context };
            self.submit(Tick { now: tick, drain: false }, input)?;
        }
        Ok(())
    }

    fn decode(
        &mut self,
        bytes: &[u8],
        origin: &Origin,
        (format, framing, mode): (Format, Framing, Mode),
        first_line: u64,
    ) -> Result<Decoded, ReplayError> {
        let tenant = &self.tenant;
        let input = Input { format, framing, tenant, mode, origin, first_line };
        let mut decoded = self.decoder.decode(bytes, &input);
        self.counts += &decoded.counts;
        let rejects = std::mem::take(&mut decoded.rejects);
        if mode == Mode::Replay {
            self.heard.received += decoded.counts.received;
            self.heard.rejected += decoded.counts.rejected;
            let first = || rejects.first().map(|first| Box::new(first.clone()));
            self.heard.first_reject = self.heard.first_reject.take().or_else(first);
        }
        if decoded.failed
            && let Some(first) = rejects.first()
        {
            return Err(ReplayError::Rejected(Box::new(first.clone())));
        }
        if !rejects.is_empty() {
            self.notes.send(Note::Rejects(rejects)).map_err(|_| ReplayError::Emitter)?;
        }
        Ok(decoded)
    }

    fn submit(&mut self, tick: Tick, input: EpochInput) -> Result<(), ReplayError> {
        self.notes.send(Note::Epoch(tick)).map_err(|_| ReplayError::Emitter)?;
        self.feeder.submit(tick, input)?;
        Ok(())
    }

    /// Fires every wheel, waits for the last answer, and returns what stands.
    ///
    /// # Errors
    /// When the engine stopped before its end.
    pub fn finish(mut self) -> Result<(Finals, Counts), ReplayError> {
        let rows = std::mem::take(&mut self.rows);
        let sources = &self.params.sources;
        let quiet = sources.iter().map(|s| s.quiet_seconds).max().unwrap_or(0);
        let lateness = sources.iter().map(|s| s.lateness_seconds).max().unwrap_or(0);
        // Every alert lapses by then, one from a clock five minutes ahead included.
        let after = quiet + lateness + self.params.dedup.disorder_seconds + 300;
        let end = self.tick.unwrap_or(0) + after;
        self.submit(
            Tick { now: end, drain: false },
            EpochInput { context: rows, ..EpochInput::default() },
        )?;
        self.submit(Tick { now: end, drain: true }, EpochInput::default())?;
        drop(self.feeder);
        drop(self.notes);
        let (kept, written) = self.emitter.join().map_err(|_| ReplayError::Emitter)?;
        written.map_err(ReplayError::Outlet)?;
        Ok((kept.finals.unwrap_or_default(), self.counts))
    }
}

fn emit<O: Outlet>(
    mut collector: Collector,
    notes: &Receiver<Note>,
    mut ledger: Ledger,
    mut keeper: Keeper,
    mut outlet: O,
) -> (Kept, O) {
    while let Some(output) = collector.next_epoch() {
        let tick = loop {
            match notes.recv() {
                Ok(Note::Epoch(tick)) => break tick,
                Ok(Note::Rejects(rejects)) => outlet.rejects(rejects),
                Err(_) => return (keeper.finish(ledger.told), outlet),
            }
        };
        let told = ledger.apply(&output, tick);
        keeper.apply(&output, tick.now);
        if !told.is_empty() {
            outlet.revisions(output.epoch, told);
        }
    }
    while let Ok(note) = notes.recv() {
        if let Note::Rejects(rejects) = note {
            outlet.rejects(rejects);
        }
    }
    (keeper.finish(ledger.told), outlet)
}
