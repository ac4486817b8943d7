//! Lines of one writer: templates mined from them, and what is unusual about those.
//!
//! Lines wait until their minute is over and a little longer, and are then read in order of
//! time and text, so that the order in which they came does not matter. What comes later still
//! is counted and not read.

use super::log::{LogModel, LogService, Miner, Reading, ReadingKind, Templates};
use super::raise::{Out, Raised, Subject};
use super::watch::Around;
use crate::model::finding::number;
use crate::model::{Finding, Identity, Kept, Labels, Seconds, Severity, SourceIndex, Unread};
use crate::params::LineParams;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;

const MINUTE: Seconds = 60;
/// Templates that are told of to people who ask.
const FREQUENT_MAX: usize = 10;
/// Bytes of a line that a finding quotes.
const QUOTED_BYTES_MAX: usize = 200;

/// The beginning of a second's minute.
fn minute_of(time: Seconds) -> Seconds {
    time.div_euclid(MINUTE) * MINUTE
}

/// The second before which all minutes are over at a tick.
pub(super) fn over(now: Seconds, params: &LineParams) -> Seconds {
    minute_of(now - params.wait_seconds)
}

/// A line that waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Waiting {
    time: Seconds,
    text: SmolStr,
    severity: u8,
}

/// What is remembered of a writer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LineState {
    waiting: Vec<Waiting>,
    /// Minutes before this one are read.
    read: Seconds,
    miner: Miner,
    service: LogService,
}

impl LineState {
    /// Nothing heard yet.
    pub fn new(params: &LineParams) -> LineState {
        LineState {
            waiting: Vec::new(),
            read: Seconds::MIN,
            miner: Miner::new(params.merge, params.limits),
            service: LogService::default(),
        }
    }
}

/// One writer.
#[derive(Clone, Debug)]
pub struct LineWatch {
    state: LineState,
    identity: Identity,
    source: SourceIndex,
}

impl LineWatch {
    /// A writer that goes on from `state`.
    pub fn new(identity: &Identity, source: SourceIndex, state: LineState) -> LineWatch {
        LineWatch { state, identity: identity.clone(), source }
    }

    /// What has to be remembered.
    pub fn save(&self) -> LineState {
        self.state.clone()
    }

    /// What is known.
    pub fn row(&self) -> Kept {
        let LineState { waiting, miner, .. } = &self.state;
        Kept::Log {
            lines: miner.counts().messages,
            waiting: waiting.len(),
            templates: miner.standing(),
            frequent: miner.frequent(FREQUENT_MAX),
        }
    }

    /// A line that comes when minutes before `over` are; whether it is the first that waits.
    ///
    /// # Errors
    /// Why it is not read; that it is late by the tick alone, whenever minutes are read.
    pub fn line(
        &mut self,
        time: Seconds,
        severity: Severity,
        text: &str,
        (over, waiting_max): (Seconds, usize),
    ) -> Result<bool, Unread> {
        if time < over {
            return Err(Unread::Late);
        }
        if self.state.waiting.len() >= waiting_max {
            return Err(Unread::Crowded);
        }
        let text = SmolStr::new(text);
        self.state.waiting.push(Waiting { time, text, severity: severity.0 });
        Ok(self.state.waiting.len() == 1)
    }

    /// Reads minutes that are over.
    pub fn update(&mut self, around: &Around<'_>, out: &mut Out) {
        let over = over(around.now, &around.params.lines);
        if over <= self.state.read {
            return;
        }
        self.state.read = over;
        self.state.waiting.sort_unstable();
        let upto = self.state.waiting.partition_point(|line| line.time < over);
        let ready: Vec<Waiting> = self.state.waiting.drain(..upto).collect();
        for minute in ready.chunk_by(|one, next| minute_of(one.time) == minute_of(next.time)) {
            self.read(minute, &around.params.lines, out);
        }
        let (late, crowded) = self.state.service.take_left_out();
        out.watched.unread[Unread::Late as usize] += late;
        out.watched.unread[Unread::Crowded as usize] += crowded;
    }

    /// Reads the lines of a minute.
    fn read(&mut self, minute: &[Waiting], params: &LineParams, out: &mut Out) {
        let LineState { miner, service, .. } = &mut self.state;
        // The last line of each template is what a finding quotes.
        let mut quoted: BTreeMap<u64, SmolStr> = BTreeMap::new();
        let mut decided = Vec::new();
        for line in minute {
            let found = miner.of(&line.text);
            for alias in miner.take_changes() {
                service.alias(&params.model, alias.old, alias.new);
                if let Some(text) = quoted.remove(&alias.old) {
                    quoted.insert(alias.new, text);
                }
            }
            let id = miner.current(found.id);
            quoted.insert(id, line.text.clone());
            decided.extend(service.line(&params.model, line.time, id, line.severity));
        }
        let end = minute.last().map_or(0, |line| minute_of(line.time) + MINUTE);
        decided.extend(service.advance(&params.model, end));
        self.tell(decided, &quoted, &params.model, params.severity, out);
    }

    fn tell(
        &self,
        decided: Vec<Reading>,
        quoted: &BTreeMap<u64, SmolStr>,
        model: &LogModel,
        severity: u8,
        out: &mut Out,
    ) {
        for reading in decided.into_iter().filter(|reading| reading.alert) {
            let text = match quoted.get(&reading.template) {
                Some(text) => text.to_string(),
                None => self.state.miner.text(reading.template).unwrap_or_default(),
            };
            let (name, finding) = finding(&reading, &text, model);
            let template = format!("{:016x}", reading.template);
            let labels = [("template", template.as_str())];
            let identity =
                Identity { labels: Labels::pack(labels.into_iter()), ..self.identity.clone() };
            let subject = Subject::new(&identity, self.source, name, "log");
            let raised = Raised { severity: Some(Severity(severity)), finding: Some(finding) };
            // A minute is told of at its end: until then nobody could know.
            out.raise(&subject, reading.time_seconds + MINUTE, &raised, true);
        }
    }

    /// The next tick at which a minute is to be read.
    pub fn due(&self, around: &Around<'_>) -> Option<Seconds> {
        let first = self.state.waiting.iter().map(|line| line.time).min()?;
        Some(minute_of(first) + MINUTE + around.params.lines.wait_seconds)
    }
}

/// What is said of lines like `text`, and what the finding is called.
pub(crate) fn finding(reading: &Reading, text: &str, model: &LogModel) -> (&'static str, Finding) {
    let quote = &text[..text.floor_char_boundary(QUOTED_BYTES_MAX)];
    let (name, what) = match reading.kind {
        ReadingKind::Novelty => ("LogNovelty", "new line"),
        ReadingKind::Rate => ("LogRate", "lines a minute of"),
        ReadingKind::Severity => ("LogSeverity", "grave line"),
    };
    let finding = Finding {
        what: format!("{what} {quote:?}").into(),
        value: reading.value.to_string().into(),
        expected: number(reading.expected_milli as f64 / 1e3),
        score_ppm: reading.score_ppm / 1000 * 1000,
        step_milli: 0,
        model: format!("log/{}", model.version).into(),
    };
    (name, finding)
}
