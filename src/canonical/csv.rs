//! Series in CSV: a row a sample, a cell a line.
//!
//! | column | is |
//! |---|---|
//! | `timestamp` or `time` | event time: RFC 3339, `YYYY-MM-DD HH:MM:SS` in UTC, or whole seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size |
//! | `value` | the number; an empty one is no sample, and is counted |
//! | `name` | the metric, instead of the configured one |
//! | `entity` | the entity, instead of the configured one |
//! | any other | a label |
//!
//! Which column is which is configured and not read from the file, so that any part of one can be
//! decoded by itself, also from a journal. A row that is the configured header is passed over.

use super::decoded::Kind;
use super::frame::{Lines, trim};
use super::intake::{Common, Intake, Labels, Measured, Payload, SignalDraft};
use super::native::Refusal;
use super::reject::{Code, Quality};
use super::time::instant_in_any_unit;
use causeway_dataflows::model::Measure;
use csv_core::{ReadRecordResult, Reader};
use smol_str::SmolStr;
use std::sync::Arc;
use thiserror::Error;

/// What a dead letter says that it holds.
pub(super) const SCHEMA: &str = "csv";

/// What the cells of a row are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    names: Vec<SmolStr>,
    time: usize,
    value: usize,
    name: Option<usize>,
    entity: Option<usize>,
    /// The metric where no column names it.
    metric: SmolStr,
    /// The entity where no column names it.
    of: SmolStr,
}

/// Why columns make no series.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ColumnsError {
    /// One is missing.
    #[error("no column is called {0}; name it in the order of the file")]
    Missing(&'static str),
    /// One is there twice.
    #[error("two columns are called {0}; a row has one of each")]
    Twice(SmolStr),
    /// Nothing says what is measured.
    #[error("nothing says which metric it is; set `metric`, or name a column `name`")]
    Nameless,
}

impl Columns {
    /// The columns called so, in this order, of rows about `metric` and `entity`.
    ///
    /// # Errors
    /// When that makes no series.
    pub fn new(
        names: Vec<SmolStr>,
        metric: SmolStr,
        entity: SmolStr,
    ) -> Result<Columns, ColumnsError> {
        let place = |wanted: &str| names.iter().position(|name| name == wanted);
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                return Err(ColumnsError::Twice(name.clone()));
            }
        }
        let time = place("timestamp").or_else(|| place("time"));
        let time = time.ok_or(ColumnsError::Missing("timestamp"))?;
        let value = place("value").ok_or(ColumnsError::Missing("value"))?;
        let (name, of) = (place("name"), place("entity"));
        if name.is_none() && metric.is_empty() {
            return Err(ColumnsError::Nameless);
        }
        Ok(Columns { time, value, name, entity: of, names, metric, of: entity })
    }
}

/// Takes the rows of a stretch of lines; gives the number of its lines.
pub(super) fn decode(intake: &mut Intake, bytes: &[u8], first: u64) -> u64 {
    let Some(columns) = intake.source().csv.clone() else {
        let refusal = Refusal::new(Code::E003, "", "the source has no columns; configure `csv`");
        refusal.record(intake, first, Payload::Raw(bytes));
        return 1;
    };
    let mut row = Row::new();
    let mut line = first;
    for text in Lines::of(bytes) {
        let text = trim(text);
        if !text.is_empty() {
            let taken = row.read(text).and_then(|()| sample(intake, &columns, &row, line, text));
            if let Err(refusal) = taken {
                refusal.record(intake, line, Payload::Raw(text));
            }
        }
        line += 1;
    }
    line - first
}

fn sample(
    intake: &mut Intake,
    columns: &Arc<Columns>,
    row: &Row,
    line: u64,
    text: &[u8],
) -> Result<(), Refusal> {
    let (found, wanted) = (row.ends.len(), columns.names.len());
    if columns.names.iter().map(SmolStr::as_str).eq(row.cells().map(str::trim)) {
        return Ok(());
    }
    if found != wanted {
        let names = columns.names.join(", ");
        return Err(Refusal::invalid(
            "",
            format!("{found} cells, but there are {wanted} columns: {names}"),
        ));
    }
    let stamp = row.cell(columns.time).trim();
    let time = instant_in_any_unit(stamp).ok_or_else(|| {
        Refusal::invalid(
            &columns.names[columns.time],
            "no time: write YYYY-MM-DD HH:MM:SS, RFC 3339, or whole seconds since 1970",
        )
    })?;
    let given = |place: Option<usize>, other| match place.map(|place| row.cell(place).trim()) {
        Some("") | None => other,
        Some(cell) => cell,
    };
    let (name, entity) = (given(columns.name, &columns.metric), given(columns.entity, &columns.of));
    if name.is_empty() {
        return Err(Refusal::invalid("name", "the metric has no name"));
    }
    let (payload, quality) = (Payload::Raw(text), Quality::default());
    let mut common =
        Common { line, payload, id: "", source: "", time: Some(time), observed: None, quality };
    let value = match row.cell(columns.value).trim() {
        "" => f64::NAN,
        cell => cell.parse().map_err(|_| Refusal::invalid("value", "the value is no number"))?,
    };
    if !value.is_finite() {
        common.quality.note(Code::W109);
        intake.count_signal(common, Kind::Metric);
        return Ok(());
    }
    let roles = [Some(columns.time), Some(columns.value), columns.name, columns.entity];
    let mut labels = Labels::new();
    for (place, name) in columns.names.iter().enumerate() {
        let cell = row.cell(place).trim();
        if !roles.contains(&Some(place)) && !cell.is_empty() {
            labels.push(name, cell, &mut common.quality);
        }
    }
    let measured = Measured::Sample { value, measure: Measure::Level };
    intake.signal(common, SignalDraft { name, entity, labels, measured }, None);
    Ok(())
}

/// The cells of a row, quotes taken off.
struct Row {
    reader: Reader,
    line: Vec<u8>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Row {
    fn new() -> Row {
        // Not its default, which has no table of transitions.
        Row { reader: Reader::new(), line: Vec::new(), text: Vec::new(), ends: Vec::new() }
    }

    /// Reads a line.
    fn read(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if let Err(error) = std::str::from_utf8(line) {
            let message = format!("invalid UTF-8 at byte {}", error.valid_up_to());
            return Err(Refusal::new(Code::E001, "", message));
        }
        if line.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
            return Err(Refusal::invalid("", "a quoted cell does not end in its line"));
        }
        self.reader.reset();
        self.line.clear();
        self.line.extend_from_slice(line);
        // What ends a row is its line feed.
        self.line.push(b'\n');
        // No row has more text or cells than its line has bytes.
        self.text.resize(self.line.len(), 0);
        self.ends.resize(self.line.len(), 0);
        let (result, _, written, cells) =
            self.reader.read_record(&self.line, &mut self.text, &mut self.ends);
        if result != ReadRecordResult::Record {
            return Err(Refusal::invalid("", "the line is no row of cells"));
        }
        self.text.truncate(written);
        self.ends.truncate(cells);
        Ok(())
    }

    fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|place| self.cell(place))
    }

    fn cell(&self, place: usize) -> &str {
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        std::str::from_utf8(&self.text[begin..self.ends[place]]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str) -> Vec<String> {
        let mut row = Row::new();
        assert!(row.read(line.as_bytes()).is_ok(), "{line}");
        row.cells().map(str::to_owned).collect()
    }

    #[test]
    fn cells_may_be_quoted_and_empty() {
        assert_eq!(cells("a,b,"), ["a", "b", ""]);
        assert_eq!(cells("\"a,\"\"b\",c,\"\""), ["a,\"b", "c", ""]);
        assert_eq!(cells("x"), ["x"]);
        assert!(Row::new().read(b"\"a,b").is_err());
        assert!(Row::new().read(b"a,\xff").is_err());
    }

    #[test]
    fn columns_that_make_no_series_are_refused() {
        let of = |names: &[&str], metric: &str| {
            let names = names.iter().map(SmolStr::new).collect();
            Columns::new(names, metric.into(), SmolStr::default()).map(|_| ())
        };
        assert_eq!(of(&["timestamp", "value"], "cpu"), Ok(()));
        assert_eq!(of(&["time", "name", "value"], ""), Ok(()));
        assert_eq!(of(&["timestamp", "value"], ""), Err(ColumnsError::Nameless));
        assert_eq!(of(&["value"], "cpu"), Err(ColumnsError::Missing("timestamp")));
        assert_eq!(of(&["time", "value", "x", "x"], "cpu"), Err(ColumnsError::Twice("x".into())));
    }
}
