//! `causeway detect`: how strange each row of a series is, in one causal pass.

use super::rows::{create, open, same_file, writer};
use super::{Failure, exit};
use crate::canonical::time::{instant_in_any_unit, seconds_of};
use anyhow::{Context as _, anyhow};
use causeway_dataflows::detect::metric::{MetricModel, Season, Series};
use csv::{Reader, ReaderBuilder, StringRecord};
use std::io::{self, Read, Write};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

/// Flags of `detect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes timestamp,value,score,alert for each row, the first two as they stand in the input. A
row's score, 0 to 1, depends on rows up to it alone; alert is 1 where it reaches 0.5, for
every series alike. A row without a value, or with one that is no number, scores 0.

Timestamps are `YYYY-MM-DD HH:MM:SS` in UTC, RFC 3339, or whole seconds, milliseconds,
microseconds or nanoseconds since 1970.

Examples:
  causeway detect --csv cpu.csv --out scores.csv
  causeway detect --csv cpu.csv --column p99 --season 3600 --out -

Exit codes: 0 done, 65 a row means nothing, 74 a file cannot be read or written.")]
pub struct Args {
    /// The series: CSV with a header, a row a sample; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Column of the values.
    #[arg(long, default_value = "value")]
    column: String,
    /// Column of the timestamps.
    #[arg(long, default_value = "timestamp", value_name = "COLUMN")]
    time: String,
    /// Seconds after which the series repeats; `auto` is by hour of the day, working days and
    /// weekends apart.
    #[arg(long, default_value = "auto", value_parser = season, value_name = "auto|SECONDS")]
    season: Season,
    /// Where to write the scores; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Scores the series.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let io = Failure::with(exit::IO);
    let input = open(&args.csv).map_err(&io)?;
    if same_file(&args.csv, &args.out) {
        let error = anyhow!("--out is the input itself; give another file");
        return Err(Failure { code: exit::USAGE, error });
    }
    let out = create(&args.out).map_err(&io)?;
    let model = MetricModel { season: args.season, ..MetricModel::default() };
    match score(args, &model, input, out) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            // A reader that has seen enough, such as `head`, is no failure.
            Some(io::ErrorKind::BrokenPipe) => Ok(ExitCode::SUCCESS),
            Some(_) => Err(io(error)),
            None => Err(Failure { code: exit::DATA, error }),
        },
    }
}

fn score(
    args: &Args,
    model: &MetricModel,
    input: impl Read,
    out: impl Write,
) -> anyhow::Result<()> {
    let mut rows = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
    let columns = Columns::of(args, &mut rows)?;
    let mut out = writer(out);
    out.write_record(["timestamp", "value", "score", "alert"]).map_err(cause)?;
    let (mut series, mut row) = (Series::default(), StringRecord::new());
    while rows.read_record(&mut row).map_err(cause).with_context(|| at(args, &rows))? {
        if row.len() == 1 && row[0].trim().is_empty() {
            continue;
        }
        let (stamp, value) = columns.of_row(&row).with_context(|| place(args, &row))?;
        let figures = seconds(stamp).and_then(|seconds| Ok((seconds, number_in(value)?)));
        let (seconds, number) = figures.with_context(|| place(args, &row))?;
        let reading = series.step(model, seconds, number);
        let (whole, part) = (reading.score_ppm / 1_000_000, reading.score_ppm % 1_000_000);
        let score = format!("{whole}.{part:06}");
        let alert = if reading.alert { "1" } else { "0" };
        out.write_record([stamp, value, &score, alert]).map_err(cause)?;
    }
    out.flush()?;
    Ok(())
}

/// Where the series is in a row.
struct Columns {
    time: usize,
    value: usize,
    /// Fields of the header.
    count: usize,
}

impl Columns {
    /// What the header, the first row, says.
    fn of(args: &Args, rows: &mut Reader<impl Read>) -> anyhow::Result<Columns> {
        let (name, mut header) = (args.csv.display(), StringRecord::new());
        if !rows.read_record(&mut header).map_err(cause).with_context(|| at(args, rows))? {
            return Err(anyhow!("{name} is empty; a header comes first"));
        }
        let column = |wanted: &str, flag: &str| {
            let found = header.iter().position(|name| name.trim() == wanted);
            found.ok_or_else(|| {
                let names = header.iter().collect::<Vec<_>>().join(", ");
                anyhow!("{name}:1: no column {wanted:?} among {names}; name it with {flag}")
            })
        };
        Ok(Columns {
            time: column(&args.time, "--time")?,
            value: column(&args.column, "--column")?,
            count: header.len(),
        })
    }

    /// Timestamp and value of a row.
    fn of_row<'a>(&self, row: &'a StringRecord) -> anyhow::Result<(&'a str, &'a str)> {
        if row.iter().any(|field| field.contains('\n')) {
            return Err(anyhow!("a quoted field does not end in its line; close the quote"));
        }
        let fields = row.get(self.time).zip(row.get(self.value));
        fields.ok_or_else(|| {
            let (found, wanted) = (row.len(), self.count);
            anyhow!("{found} fields, but the header has {wanted}; complete the row")
        })
    }
}

/// The line of a row.
fn place(args: &Args, row: &StringRecord) -> String {
    format!("{}:{}", args.csv.display(), row.position().map_or(0, csv::Position::line))
}

/// The line at which reading stopped.
fn at(args: &Args, rows: &Reader<impl Read>) -> String {
    format!("{}:{}", args.csv.display(), rows.position().line())
}

/// What is behind a failure to read or write a row, so that failures of files stay those.
fn cause(error: csv::Error) -> anyhow::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        csv::ErrorKind::Utf8 { err, .. } => anyhow!("{err}; write the file in UTF-8"),
        kind => anyhow!("{kind:?}"),
    }
}

/// A season as it is given.
fn season(text: &str) -> Result<Season, String> {
    if text == "auto" {
        return Ok(Season::Auto);
    }
    let seconds: NonZeroU32 = text
        .parse()
        .map_err(|_| "give `auto`, or the whole seconds after which it repeats".to_owned())?;
    Ok(Season::Seconds(seconds))
}

/// The second that a timestamp lies in.
fn seconds(text: &str) -> anyhow::Result<i64> {
    instant_in_any_unit(text.trim()).map(seconds_of).ok_or_else(|| {
        anyhow!(
            "{text:?} is no time; write YYYY-MM-DD HH:MM:SS, RFC 3339, or whole seconds, \
             milliseconds, microseconds or nanoseconds since 1970"
        )
    })
}

/// A value; an empty one is no number.
fn number_in(text: &str) -> anyhow::Result<f64> {
    match text.trim() {
        "" => Ok(f64::NAN),
        text => text.parse().map_err(|_| {
            anyhow!("{text:?} is no number; write it with a decimal point, or leave it empty")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_come_in_many_forms() {
        for text in ["2023-11-14 22:13:20", "2023-11-14T23:13:20.5+01:00", " 1700000000123 "] {
            assert_eq!(seconds(text).unwrap(), 1_700_000_000, "{text}");
        }
        assert_eq!(seconds("-1").unwrap(), -1);
        let refused = seconds("yesterday").unwrap_err().to_string();
        assert!(refused.contains("write YYYY-MM-DD HH:MM:SS"), "{refused}");
    }
}
