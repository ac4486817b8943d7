//! `causeway templates`: the templates of a log, line by line.

use super::rows::{create, open, same_file, writer};
use super::{Failure, exit};
use anyhow::Context as _;
use causeway_dataflows::detect::log::header::Headers;
use causeway_dataflows::detect::log::miner::{Limits, MergeModel, Miner, Templates as _};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Flags of `templates`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Lines are read with their headers, in any of the usual formats; which one it is need not be said.
A template is what lines have in common once time, host, process, level and logger are taken
off, with `<*>` where they differ. Templates can change as more lines are seen, so ids are
written at the end, as they stand then: lines of one template have one id. An id is a hash of
the template's constant text, equal from run to run. Eight bytes a line are kept until then.

Examples:
  causeway templates app.log --out templates.csv
  zcat old/*.gz | causeway templates - --out templates.csv")]
pub struct Args {
    /// The log: plain, .gz or .zst, or `-` for standard input.
    file: PathBuf,
    /// CSV to write: line (from 1), template_id, template; `-` is standard output.
    #[arg(long)]
    out: PathBuf,
}

/// Bytes of a line that are looked at; the rest of a longer one is skipped and counted.
const LINE_BYTES_MAX: usize = 64 << 10;
/// One file's templates: more than a service is given, because it may hold many services.
const LIMITS: Limits =
    Limits { templates_max: 65_536, bytes_max: 256 << 20, shelf_max: 512, forms_max: 1 << 20 };

/// Writes the templates, and says on standard error what there was.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let io = Failure::with(exit::IO);
    let lines = open(&args.file).map_err(&io)?;
    if same_file(&args.file, &args.out) {
        let text = format!("--out {} is the log itself; name another file", args.out.display());
        return Err(Failure { code: exit::USAGE, error: anyhow::Error::msg(text) });
    }
    let broken = || {
        let log = args.file.display();
        format!("log {log} ends within its compression or cannot be read on; copy it again")
    };
    let mined = mine(lines).with_context(broken).map_err(&io)?;
    let out = create(&args.out).map_err(&io)?;
    let unwritten = || format!("cannot write on in {}; make room", args.out.display());
    let templates = write(&mined, out).with_context(unwritten).map_err(&io)?;
    eprintln!("{} lines, {templates} templates, to {}", mined.ids.len(), args.out.display());
    mined.notes().iter().for_each(|note| eprintln!("note: {note}"));
    Ok(ExitCode::SUCCESS)
}

/// What a log came to.
struct Mined {
    miner: Miner,
    /// As they were when the line was read.
    ids: Vec<u64>,
    /// Lines that were not UTF-8.
    unclean: u64,
    /// Lines that were cut.
    cut: u64,
}

impl Mined {
    /// What people should know of.
    fn notes(&self) -> Vec<String> {
        let counts = self.miner.counts();
        let mut notes = Vec::new();
        if self.unclean > 0 {
            notes.push(format!(
                "lines that are not UTF-8: {}; what is not became U+FFFD",
                self.unclean
            ));
        }
        if self.cut > 0 {
            notes.push(format!("lines that were cut at {LINE_BYTES_MAX} bytes: {}", self.cut));
        }
        if counts.overflowed > 0 {
            notes.push(format!(
                "keys that found no room for a template and went to the nearest: {}; split the \
                 log by service",
                counts.overflowed
            ));
        }
        notes
    }
}

fn mine(stream: Box<dyn Read + Send>) -> io::Result<Mined> {
    let mut stream = BufReader::with_capacity(1 << 20, stream);
    let mut headers = Headers::default();
    let miner = Miner::new(MergeModel::default(), LIMITS);
    let mut mined = Mined { miner, ids: Vec::new(), unclean: 0, cut: 0 };
    let mut line = Vec::new();
    while next_line(&mut stream, &mut line)? {
        if line.len() > LINE_BYTES_MAX {
            mined.cut += 1;
            line.truncate(LINE_BYTES_MAX);
        }
        let text = String::from_utf8_lossy(&line);
        mined.unclean += u64::from(matches!(text, std::borrow::Cow::Owned(_)));
        mined.ids.push(mined.miner.of(headers.strip(&text)).id);
    }
    Ok(mined)
}

/// Reads a line without its end; false at the end of the stream. Of a line that is too long
/// one byte more than is looked at is kept.
fn next_line(stream: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let buffer = stream.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let text = &buffer[..end.unwrap_or(buffer.len())];
        let room = (LINE_BYTES_MAX + 1).saturating_sub(line.len());
        line.extend_from_slice(&text[..text.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        stream.consume(used);
        if end.is_some() {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(true);
        }
    }
}

/// Writes one row a line; gives the number of templates.
fn write(mined: &Mined, out: impl Write) -> csv::Result<usize> {
    let mut rows: BTreeMap<u64, [String; 2]> = BTreeMap::new();
    let mut current: BTreeMap<u64, u64> = BTreeMap::new();
    let mut out = writer(out);
    out.write_record(["line", "template_id", "template"])?;
    for (line, id) in (1u64..).zip(&mined.ids) {
        let id = *current.entry(*id).or_insert_with(|| mined.miner.current(*id));
        let [id, text] = rows
            .entry(id)
            .or_insert_with(|| [format!("{id:016x}"), mined.miner.text(id).unwrap_or_default()]);
        out.write_record([&line.to_string(), &*id, &*text])?;
    }
    out.flush()?;
    Ok(rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_ends_taken_off() {
        let long = "x".repeat(LINE_BYTES_MAX * 2);
        let text = format!("a\r\n\n{long}\nlast");
        let mut stream = BufReader::with_capacity(1000, text.as_bytes());
        let mut line = Vec::new();
        let mut lengths = Vec::new();
        while next_line(&mut stream, &mut line).unwrap() {
            lengths.push(line.len());
        }
        assert_eq!(lengths, [1, 0, LINE_BYTES_MAX + 1, 4]);
    }
}
