//! Files that grow: appended to, truncated, rotated by rename, or new.
//!
//! The file system is polled, because notifications differ between systems and
//! are silent on network mounts. A file is known by its device, inode and birth,
//! so a rename keeps it and a new file of the same name is another: the old one
//! is read to its end before its handle is dropped. A compressed file does not
//! grow; it is read once. A file copied or compressed under a name that the
//! pattern also matches is a new file and is read again: let the pattern match
//! only the files that are written to.

use super::{FileError, matching};
use crate::ingest::chunk::{Chunk, ChunkLimits, Chunker};
use crate::ingest::compressed::{Compression, decompressed, head_of};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Seek};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// Files followed at a time: well under the usual limit of 1,024 open files, which
/// connections share.
const FILES_MAX: usize = 512;
/// Looks at a file that lost its name before it is given up: its writer may not have
/// noticed the rotation yet. At the usual four a second these are five seconds.
const QUIET_POLLS_MAX: u32 = 20;

/// What a file is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    device: u64,
    inode: u64,
    born_ns: u128,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        // An inode may be used again once its file is gone; the birth tells the two apart
        // where the file system records it.
        let born = metadata.created().ok();
        let born = born.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            born_ns: born.map_or(0, |since| since.as_nanos()),
        }
    }
}

/// One followed file.
enum Tail {
    /// It may grow.
    Growing { file: File, chunker: Chunker<File>, quiet_polls: u32 },
    /// It is compressed and was read, or is no file that can be read.
    Done,
}

/// Follows what some patterns match.
pub struct Follower {
    source_id: String,
    patterns: Vec<PathBuf>,
    limits: ChunkLimits,
    tails: BTreeMap<Identity, Tail>,
}

impl Follower {
    /// Follows the files that `patterns` match now or later, each from its beginning.
    pub fn new(source_id: &str, patterns: Vec<PathBuf>, limits: ChunkLimits) -> Self {
        Follower { source_id: source_id.to_owned(), patterns, limits, tails: BTreeMap::new() }
    }

    /// Looks once at every file and hands over what is new; `false` when `take` asked to stop.
    ///
    /// # Errors
    /// When a file cannot be read; the others are read at the next call.
    pub fn poll(
        &mut self,
        take: &mut dyn FnMut(Chunk) -> ControlFlow<()>,
    ) -> Result<bool, FileError> {
        let mut named = Vec::new();
        for path in matching(&self.patterns)? {
            match std::fs::metadata(&path) {
                Ok(metadata) => named.push((Identity::of(&metadata), path)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(FileError::Read { path, source }),
            }
        }
        if named.len() > FILES_MAX {
            return Err(FileError::TooMany { found: named.len(), max: FILES_MAX });
        }
        if !self.read_unnamed(&named, take)? {
            return Ok(false);
        }
        for (identity, path) in named {
            let refuse = |source| FileError::Read { path: path.clone(), source };
            if !self.tails.contains_key(&identity)
                && !self.begin(identity, &path, take).map_err(refuse)?
            {
                return Ok(false);
            }
            let Some(tail) = self.tails.get_mut(&identity) else { continue };
            if !tail.read(take).map_err(refuse)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Polls until `stop` speaks or closes, or `take` asks to stop. Errors go to `report`,
    /// and following goes on.
    pub fn run(
        &mut self,
        every: Duration,
        stop: &Receiver<()>,
        take: &mut dyn FnMut(Chunk) -> ControlFlow<()>,
        report: &mut dyn FnMut(FileError),
    ) {
        loop {
            match self.poll(take) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => report(error),
            }
            if stop.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    /// Reads on in files that lost their name; those that stay quiet are finished, a last
    /// unfinished line included.
    fn read_unnamed(
        &mut self,
        named: &[(Identity, PathBuf)],
        take: &mut dyn FnMut(Chunk) -> ControlFlow<()>,
    ) -> Result<bool, FileError> {
        let crowded = self.tails.len() > FILES_MAX;
        let unnamed: Vec<Identity> = self
            .tails
            .keys()
            .filter(|identity| !named.iter().any(|(held, _)| held == *identity))
            .copied()
            .collect();
        for identity in unnamed {
            let Some(mut tail) = self.tails.remove(&identity) else { continue };
            let refuse = |source| FileError::Read { path: PathBuf::from("(renamed)"), source };
            if !tail.read(take).map_err(refuse)? {
                return Ok(false);
            }
            let Tail::Growing { chunker, quiet_polls, .. } = &mut tail else { continue };
            *quiet_polls += 1;
            if *quiet_polls < QUIET_POLLS_MAX && !crowded {
                self.tails.insert(identity, tail);
            } else if let Some(last) = chunker.finish()
                && take(last).is_break()
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Opens a file; a compressed one is read at once. `false` when `take` asked to stop.
    fn begin(
        &mut self,
        identity: Identity,
        path: &PathBuf,
        take: &mut dyn FnMut(Chunk) -> ControlFlow<()>,
    ) -> io::Result<bool> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            // It went away between being listed and being opened.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        let head = head_of(&mut file)?;
        file.rewind()?;
        let name = path.to_string_lossy();
        if Compression::of(&head) == Compression::None {
            let stream = file.try_clone()?;
            let chunker = Chunker::new(stream, &self.source_id, Some(&name), self.limits);
            self.tails.insert(identity, Tail::Growing { file, chunker, quiet_polls: 0 });
            return Ok(true);
        }
        // Noted first: when it proves damaged, what came before the damage is not read again.
        self.tails.insert(identity, Tail::Done);
        let stream = decompressed(file)?;
        let mut chunker = Chunker::new(stream, &self.source_id, Some(&name), self.limits);
        while let Some(chunk) = chunker.next_chunk()? {
            if take(chunk).is_break() {
                return Ok(false);
            }
        }
        Ok(!matches!(chunker.finish().map(take), Some(ControlFlow::Break(()))))
    }
}

impl Tail {
    /// Hands over what was appended; `false` when `take` asked to stop.
    fn read(&mut self, take: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> io::Result<bool> {
        let Tail::Growing { file, chunker, quiet_polls } = self else { return Ok(true) };
        if file.metadata()?.len() < chunker.position() {
            // Truncated and written anew, as `copytruncate` does. The clone shares the position.
            file.rewind()?;
            chunker.restart(file.try_clone()?);
        }
        while let Some(chunk) = chunker.next_chunk()? {
            *quiet_polls = 0;
            if take(chunk).is_break() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::path::Path;

    struct Bench {
        directory: tempfile::TempDir,
        follower: Follower,
    }

    impl Bench {
        fn new(pattern: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let patterns = vec![directory.path().join(pattern)];
            let limits = ChunkLimits { chunk_bytes: 1 << 10, line_bytes_max: 64 };
            Bench { follower: Follower::new("s", patterns, limits), directory }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn append(&self, name: &str, text: &str) {
            let mut file = File::options().create(true).append(true).open(self.path(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        /// Polls once and shows each chunk as `file line text`.
        fn check(&mut self, expected: &[&str]) {
            let mut found = Vec::new();
            self.follower
                .poll(&mut |chunk| {
                    let partition = chunk.origin.partition.unwrap();
                    let name = Path::new(partition.as_str()).file_name().unwrap().to_str().unwrap();
                    let text = String::from_utf8(chunk.bytes).unwrap().replace('\n', "|");
                    found.push(format!("{name} {} {text}", chunk.first_line));
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_file_that_grows_is_read_on() {
        let mut bench = Bench::new("*.log");
        bench.check(&[]);
        bench.append("a.log", "1\n2");
        bench.check(&["a.log 1 1|"]);
        bench.check(&[]);
        bench.append("a.log", "2\n3\n");
        bench.append("b.log", "x\n");
        bench.check(&["a.log 2 22|3|", "b.log 1 x|"]);
    }

    #[test]
    fn an_array_that_grows_is_read_on() {
        let mut bench = Bench::new("*.json");
        bench.append("a.json", "[\n1,\n");
        bench.check(&["a.json 2 1]"]);
        bench.append("a.json", "2");
        bench.check(&[]);
        bench.append("a.json", "3, 4\n]\n");
        bench.check(&["a.json 3 23, 4|]", "a.json 4 |"]);
        bench.append("a.json", "5\n");
        bench.check(&["a.json 5 5|"]);
        std::fs::write(bench.path("a.json"), "6\n").unwrap();
        bench.check(&["a.json 1 6|"]);
    }

    #[test]
    fn a_rotated_file_is_read_to_its_end() {
        let mut bench = Bench::new("a.log");
        bench.append("a.log", "1\n");
        bench.check(&["a.log 1 1|"]);
        bench.append("a.log", "2\n3");
        std::fs::rename(bench.path("a.log"), bench.path("a.log.1")).unwrap();
        bench.append("a.log", "4\n");
        bench.check(&["a.log 2 2|", "a.log 1 4|"]);
        // Its writer notices late.
        bench.append("a.log.1", "3\n5");
        bench.check(&["a.log 3 33|"]);
        for _ in 1..QUIET_POLLS_MAX - 1 {
            bench.check(&[]);
        }
        bench.check(&["a.log 4 5"]);
        assert_eq!(bench.follower.tails.len(), 1);
    }

    #[test]
    fn a_renamed_file_that_still_matches_is_not_read_twice() {
        let mut bench = Bench::new("*.log*");
        bench.append("a.log", "1\n");
        bench.check(&["a.log 1 1|"]);
        std::fs::rename(bench.path("a.log"), bench.path("a.log.1")).unwrap();
        bench.append("a.log", "2\n");
        bench.check(&["a.log 1 2|"]);
    }

    #[test]
    fn a_truncated_file_begins_anew() {
        let mut bench = Bench::new("a.log");
        bench.append("a.log", "111\n222\n33");
        bench.check(&["a.log 1 111|222|"]);
        std::fs::write(bench.path("a.log"), "4\n").unwrap();
        bench.check(&["a.log 1 4|"]);
    }

    #[test]
    fn a_compressed_file_is_read_once() {
        let mut bench = Bench::new("*");
        std::fs::write(bench.path("a.zst"), zstd::encode_all(&b"1\n2"[..], 1).unwrap()).unwrap();
        bench.check(&["a.zst 1 1|", "a.zst 2 2"]);
        bench.check(&[]);
    }

    #[test]
    fn a_damaged_file_is_reported_once() {
        let mut bench = Bench::new("*");
        let mut damaged = zstd::encode_all(&b"1\n2\n"[..], 1).unwrap();
        damaged.truncate(damaged.len() - 3);
        std::fs::write(bench.path("a.zst"), damaged).unwrap();
        let mut take = |_| ControlFlow::Continue(());
        assert!(matches!(bench.follower.poll(&mut take), Err(FileError::Read { .. })));
        bench.check(&[]);
    }

    #[test]
    fn it_stops_when_told() {
        let mut bench = Bench::new("a.log");
        bench.append("a.log", "1\n");
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let mut seen = 0;
        bench.follower.run(
            Duration::from_secs(3600),
            &stopped,
            &mut |_| {
                seen += 1;
                stop.send(()).unwrap();
                ControlFlow::Continue(())
            },
            &mut |error| panic!("{error}"),
        );
        assert_eq!(seen, 1);
    }
}
