//! Revisions that a sink was not allowed to deliver: one line each, as they would have been sent.
//!
//! A receiver that refuses a revision for what it is refuses it each time. So the sink goes on
//! with the next one, and this one is kept for whoever mends the receiver and sends it by hand.

use super::wire::Message;
use crate::disk::naming;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What the name of such a file ends with.
pub const ENDING: &str = ".refused.ndjson";

/// A larger file is set aside, and replaces the one that was before.
const BYTES_MAX: u64 = 64 << 20;

/// The file of one sink.
pub struct Refused {
    path: PathBuf,
    bytes_max: u64,
    file: Option<(File, u64)>,
}

impl Refused {
    /// That of a sink in a directory, made once something is refused.
    pub fn at(directory: &Path, sink: &str) -> Refused {
        let path = directory.join(format!("{sink}{ENDING}"));
        Refused { path, bytes_max: BYTES_MAX, file: None }
    }

    /// Keeps a revision; what cannot be kept is in the log.
    pub fn keep(&mut self, sink: &str, message: &Message) {
        let path = self.path.display().to_string();
        match self.write(&message.line) {
            Ok(()) => tracing::info!(sink, id = %message.id, path, "the refused revision is kept"),
            Err(error) => {
                self.file = None;
                let (id, line) = (&message.id, &*message.line);
                tracing::error!(sink, %id, %error, line, "a refused revision cannot be kept");
            }
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let (mut file, bytes) = match self.file.take() {
            Some((file, bytes)) if bytes < self.bytes_max => (file, bytes),
            Some(_) => {
                let aside = self.path.with_extension("1.ndjson");
                fs::rename(&self.path, &aside).map_err(naming(&self.path))?;
                (self.open()?, 0)
            }
            None => {
                let file = self.open()?;
                let bytes = file.metadata().map_err(naming(&self.path))?.len();
                (file, bytes)
            }
        };
        let mut text = String::with_capacity(line.len() + 1);
        text.push_str(line);
        text.push('\n');
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        written.map_err(naming(&self.path))?;
        self.file = Some((file, bytes + text.len() as u64));
        Ok(())
    }

    fn open(&self) -> io::Result<File> {
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory).map_err(naming(directory))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        file.map_err(naming(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::wire::sample;

    #[test]
    fn lines_are_kept_as_they_are_within_bounds() {
        let directory = tempfile::tempdir().unwrap();
        let sinks = directory.path().join("sinks");
        let path = sinks.join("pager.refused.ndjson");
        let lines: Vec<_> = (1..=5).map(|number| sample::message("inc-1", number)).collect();
        let keep = |refused: &mut Refused, message| refused.keep("pager", message);
        let mut refused = Refused::at(&sinks, "pager");
        keep(&mut refused, &lines[0]);
        let mut again = Refused { bytes_max: 1, ..Refused::at(&sinks, "pager") };
        keep(&mut again, &lines[1]);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{}\n{}\n", lines[0].line, lines[1].line));
        keep(&mut again, &lines[2]);
        keep(&mut again, &lines[3]);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", lines[3].line));
        let aside = path.with_extension("1.ndjson");
        assert_eq!(fs::read_to_string(&aside).unwrap(), format!("{}\n", lines[2].line));
        fs::remove_dir_all(directory.path()).unwrap();
        fs::write(directory.path(), "a file").unwrap();
        keep(&mut Refused::at(&sinks, "pager"), &lines[4]);
    }
}
