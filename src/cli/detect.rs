//! `causeway detect`: how strange each row of a series is, in one causal pass.

use super::{Failure, exit};
use crate::canonical::time::{NANOS, rfc3339, seconds_of};
use anyhow::{Context as _, anyhow, bail};
use causeway_dataflows::detect::metric::{MetricModel, Season, Series};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Flags of `detect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes timestamp,value,score,alert for each row, the first two as they stand in the input. A
row's score, 0 to 1, depends on rows up to it alone; alert is 1 where it reaches 0.5, for
every series alike. A row without a value, or with one that is no number, scores 0.

Timestamps are `YYYY-MM-DD HH:MM:SS` in UTC, RFC 3339, or whole seconds, milliseconds or
nanoseconds since 1970.

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
    let input = input(&args.csv).map_err(&io)?;
    if same_file(&args.csv, &args.out) {
        let error = anyhow!("--out is the input itself; give another file");
        return Err(Failure { code: exit::USAGE, error });
    }
    let mut out = output(&args.out).map_err(&io)?;
    let model = MetricModel { season: args.season, ..MetricModel::default() };
    match score(args, &model, input, &mut out) {
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
    input: impl BufRead,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let name = args.csv.display();
    let mut lines = input.lines();
    let header = lines.next().transpose().with_context(|| format!("{name}:1"))?;
    let header = header.ok_or_else(|| anyhow!("{name} is empty; a header comes first"))?;
    let header = header.trim_start_matches('\u{feff}');
    let names = fields(header).with_context(|| format!("{name}:1"))?;
    let column = |wanted: &str, flag: &str| {
        let at = names.iter().position(|name| name.trim() == wanted);
        at.ok_or_else(|| {
            let names = names.join(", ");
            anyhow!("{name}:1: no column {wanted:?} among {names}; name it with {flag}")
        })
    };
    let (time, value) = (column(&args.time, "--time")?, column(&args.column, "--column")?);
    let mut series = Series::default();
    writeln!(out, "timestamp,value,score,alert")?;
    for (number, line) in (2u64..).zip(lines) {
        let line = line.with_context(|| format!("{name}:{number}"))?;
        if line.trim().is_empty() {
            continue;
        }
        let place = || format!("{name}:{number}");
        let row = fields(&line).with_context(place)?;
        let field = |at: usize| {
            let count = row.len();
            let field = row.get(at).map(Cow::as_ref);
            field.ok_or_else(|| {
                let wanted = names.len();
                anyhow!("{count} fields, but the header has {wanted}; complete the row")
            })
        };
        let (stamp, text) = (field(time).with_context(place)?, field(value).with_context(place)?);
        let seconds = seconds(stamp).with_context(place)?;
        let reading = series.step(model, seconds, number_in(text).with_context(place)?);
        let alert = u8::from(reading.alert);
        let (whole, part) = (reading.score_ppm / 1_000_000, reading.score_ppm % 1_000_000);
        writeln!(out, "{},{},{whole}.{part:06},{alert}", quoted(stamp), quoted(text))?;
    }
    out.flush()?;
    Ok(())
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
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        // The years 1973 to 5138 in each unit.
        return Ok(match number.unsigned_abs() {
            0..100_000_000_000 => number,
            100_000_000_000..100_000_000_000_000 => number.div_euclid(1000),
            100_000_000_000_000..100_000_000_000_000_000 => number.div_euclid(1_000_000),
            _ => number.div_euclid(NANOS),
        });
    }
    let zoned = match text.len() {
        19 => Cow::Owned(format!("{text}Z")),
        _ => Cow::Borrowed(text),
    };
    let instant = rfc3339(zoned.as_bytes()).map(seconds_of);
    instant.ok_or_else(|| {
        anyhow!(
            "{text:?} is no time; write YYYY-MM-DD HH:MM:SS, RFC 3339, or whole seconds, \
             milliseconds or nanoseconds since 1970"
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

/// The fields of a row; a quoted one may hold commas, and quotes written twice.
fn fields(line: &str) -> anyhow::Result<Vec<Cow<'_, str>>> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    if !line.contains('"') {
        return Ok(line.split(',').map(Cow::Borrowed).collect());
    }
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let Some((field, after)) = rest.split_once(',') else {
                found.push(Cow::Borrowed(rest));
                return Ok(found);
            };
            found.push(Cow::Borrowed(field));
            rest = after;
            continue;
        };
        let mut field = String::new();
        let mut parts = quoted;
        let after = loop {
            let Some((text, after)) = parts.split_once('"') else {
                bail!("a quoted field does not end in its line; close the quote");
            };
            field.push_str(text);
            match after.strip_prefix('"') {
                Some(more) => {
                    field.push('"');
                    parts = more;
                }
                None => break after,
            }
        };
        found.push(Cow::Owned(field));
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(found),
            None => bail!("text follows a quoted field; put a comma between"),
        }
    }
}

/// A field as it must stand in a row.
fn quoted(field: &str) -> Cow<'_, str> {
    if field.contains([',', '"']) {
        Cow::Owned(format!("\"{}\"", field.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(field)
    }
}

fn input(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

fn output(path: &Path) -> anyhow::Result<Box<dyn Write>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufWriter::new(io::stdout().lock())));
    }
    let file = File::create(path).with_context(|| format!("{}", path.display()))?;
    Ok(Box::new(BufWriter::with_capacity(1 << 16, file)))
}

/// Whether writing would destroy what is read.
fn same_file(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    one != Path::new("-") && whole(one).is_some_and(|path| whole(other) == Some(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_come_in_many_forms() {
        for text in [
            "2023-11-14 22:13:20",
            "2023-11-14T22:13:20",
            "2023-11-14T23:13:20.5+01:00",
            "1700000000",
            " 1700000000123 ",
            "1700000000123456",
            "1700000000123456789",
        ] {
            assert_eq!(seconds(text).unwrap(), 1_700_000_000, "{text}");
        }
        assert_eq!(seconds("-1").unwrap(), -1);
        let refused = seconds("yesterday").unwrap_err().to_string();
        assert!(refused.contains("write YYYY-MM-DD HH:MM:SS"), "{refused}");
    }

    #[test]
    fn fields_may_be_quoted() {
        assert_eq!(fields("a,b,\r").unwrap(), ["a", "b", ""]);
        assert_eq!(fields("\"a,\"\"b\",c,\"\"").unwrap(), ["a,\"b", "c", ""]);
        assert_eq!(quoted("a,\"b"), "\"a,\"\"b\"");
        assert!(fields("\"a,b").unwrap_err().to_string().contains("close the quote"));
        assert!(fields("\"a\"b").unwrap_err().to_string().contains("comma between"));
    }
}
