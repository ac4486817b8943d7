//! The file of a snapshot, read: whole, or refused with the place that is wrong.

use super::error::SnapshotError;
use super::file::{MAGIC, Tag, VERSION, checksum};
use super::state::{Emission, Head, Snapshot, Sources};
use causeway_dataflows::pipeline::Saved;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Seek};
use std::path::Path;

/// More than any block has, raw; a length beyond it is damage, not a reason to allocate.
const RAW_MAX: u64 = 16 << 30;
const HEADLESS: &str = "it does not say what it is";
const WAITING: &str = "what waits is of no sink";
const BEHIND_END: &str = "there is more behind its end";

/// Reads a snapshot's blocks without understanding them: one is in memory at a time.
///
/// # Errors
/// When it cannot be read, is damaged, or a newer program wrote it.
pub(super) fn check(path: &Path) -> Result<(), SnapshotError> {
    In::open(path)?.each(|_| true, |_, _| Ok(()))
}

/// Reads what a snapshot is one of, and nothing else of it.
///
/// # Errors
/// When it cannot be read, is damaged, or a newer program wrote it.
pub(super) fn head(path: &Path) -> Result<Head, SnapshotError> {
    let mut reader = In::open(path)?;
    let header = reader.header()?;
    match reader.block(&header)? {
        block if block.tag == Tag::Head => reader.value(&block),
        _ => Err(reader.damaged(HEADLESS)),
    }
}

/// Reads a snapshot: what the emitting side told on a thread of its own, as it is half of it.
///
/// # Errors
/// When it cannot be read, is damaged, or a newer program wrote it.
pub(super) fn read(path: &Path) -> Result<Snapshot, SnapshotError> {
    std::thread::scope(|scope| {
        let told = scope.spawn(|| read_told(path));
        let rest = read_rest(path);
        let told = told.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (head, engine, sources) = rest?;
        Ok(Snapshot { head, engine, emission: told?, sources })
    })
}

fn is_told(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Ledger
            | Tag::Tracks
            | Tag::Incidents
            | Tag::Counts
            | Tag::Tally
            | Tag::Store
            | Tag::Lines
            | Tag::Rows
            | Tag::Outbox
            | Tag::Waiting
            | Tag::Spooled
            | Tag::Sequence
    )
}

fn read_told(path: &Path) -> Result<Emission, SnapshotError> {
    let mut emission = Emission::default();
    In::open(path)?.each(is_told, |reader, block| {
        match block.tag {
            Tag::Ledger => emission.ledger = reader.value(&block)?,
            Tag::Tracks => reader.more(&block, &mut emission.ledger.tracks)?,
            Tag::Incidents => reader.more(&block, &mut emission.incidents)?,
            Tag::Counts => reader.more(&block, &mut emission.counts)?,
            Tag::Tally => emission.tally = reader.value(&block)?,
            Tag::Store => emission.store = reader.value(&block)?,
            Tag::Lines => reader.more(&block, &mut emission.store.incidents)?,
            Tag::Rows => reader.more(&block, &mut emission.store.alerts)?,
            Tag::Outbox => emission.outboxes.push(reader.value(&block)?),
            Tag::Waiting => match emission.outboxes.last_mut() {
                Some(outbox) => reader.more(&block, &mut outbox.waiting)?,
                None => return Err(reader.damaged(WAITING)),
            },
            Tag::Spooled => match emission.outboxes.last_mut() {
                Some(outbox) => outbox.spooled = Some(reader.value(&block)?),
                None => return Err(reader.damaged(WAITING)),
            },
            Tag::Sequence => emission.sequence = reader.value(&block)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(emission)
}

fn read_rest(path: &Path) -> Result<(Head, Saved, Sources), SnapshotError> {
    let (mut head, mut saved, mut sources) = (None, Saved::default(), Sources::default());
    let mut reader = In::open(path)?;
    reader.each(
        |tag| !is_told(tag),
        |reader, block| {
            match block.tag {
                Tag::Head => head = Some(reader.value(&block)?),
                Tag::EarlierWatches => tracing::warn!(
                    snapshot = %path.display(),
                    "what was learned of series is of an earlier format and is learned anew"
                ),
                Tag::Watches => reader.more(&block, &mut saved.watches)?,
                Tag::Keys => reader.more(&block, &mut saved.keys)?,
                Tag::Things => reader.more(&block, &mut saved.things)?,
                Tag::Seen => saved.history.seen.push(reader.value(&block)?),
                Tag::Ratings => reader.more(&block, &mut saved.history.ratings)?,
                Tag::Tenant => saved.tenants.push(reader.value(&block)?),
                Tag::Findings => reader.more(&block, &mut saved.findings)?,
                Tag::Source => sources.sources.push(reader.value(&block)?),
                Tag::Idempotency => reader.more(&block, &mut sources.keys)?,
                _ => {}
            }
            Ok(())
        },
    )?;
    match head {
        Some(head) => Ok((head, saved, sources)),
        None => Err(reader.damaged(HEADLESS)),
    }
}

struct In<'a, R> {
    from: R,
    path: &'a Path,
    version: u16,
    /// Where the next block begins.
    at: u64,
    left: u64,
}

/// What is before the bytes of a block.
struct Header {
    tag: u8,
    stored_len: u64,
    raw_len: u64,
    sum: u64,
}

struct Block {
    at: u64,
    tag: Tag,
    raw: Vec<u8>,
}

impl<'a> In<'a, io::BufReader<std::fs::File>> {
    fn open(path: &'a Path) -> Result<Self, SnapshotError> {
        let refuse = |source| SnapshotError::Io { action: "read", path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(refuse)?;
        let left = file.metadata().map_err(refuse)?.len();
        let mut reader = In { from: io::BufReader::new(file), path, version: 0, at: 0, left };
        reader.begin()?;
        Ok(reader)
    }
}

impl<R: Read + Seek> In<'_, R> {
    /// Visits the blocks that are `wanted`, up to the end, and passes over the others.
    fn each(
        &mut self,
        wanted: impl Fn(Tag) -> bool,
        mut visit: impl FnMut(&Self, Block) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        loop {
            let header = self.header()?;
            // One that nobody knows has a checksum that does not hold, or is of no version.
            if Tag::of(header.tag).is_some_and(|tag| tag != Tag::End && !wanted(tag)) {
                self.pass(&header)?;
                continue;
            }
            let block = self.block(&header)?;
            if block.tag == Tag::End {
                break;
            }
            visit(self, block)?;
        }
        match self.left {
            0 => Ok(()),
            _ => Err(self.damaged(BEHIND_END)),
        }
    }

    fn pass(&mut self, header: &Header) -> Result<(), SnapshotError> {
        let path = || self.path.to_owned();
        self.from.seek_relative(header.stored_len as i64).map_err(|source| SnapshotError::Io {
            action: "read",
            path: path(),
            source,
        })?;
        self.left -= header.stored_len;
        self.at += 25 + header.stored_len;
        Ok(())
    }

    fn damaged(&self, problem: impl ToString) -> SnapshotError {
        let path = self.path.to_owned();
        SnapshotError::Damaged { path, offset: self.at, problem: problem.to_string() }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), SnapshotError> {
        if self.left < into.len() as u64 {
            return Err(self.damaged("it ends too early"));
        }
        self.left -= into.len() as u64;
        let path = || self.path.to_owned();
        self.from.read_exact(into).map_err(|source| SnapshotError::Io {
            action: "read",
            path: path(),
            source,
        })
    }

    fn begin(&mut self) -> Result<(), SnapshotError> {
        if self.take::<8>()? != MAGIC {
            return Err(self.damaged("it does not begin like a snapshot"));
        }
        let found = u16::from_le_bytes(self.take()?);
        if found > VERSION {
            return Err(SnapshotError::Version { path: self.path.to_owned(), found });
        }
        if found == 0 {
            return Err(self.damaged("it has no format version"));
        }
        (self.version, self.at) = (found, 10);
        Ok(())
    }

    fn header(&mut self) -> Result<Header, SnapshotError> {
        let [tag] = self.take()?;
        let mut number = || Ok(u64::from_le_bytes(self.take()?));
        let (stored_len, raw_len, sum) = (number()?, number()?, number()?);
        if stored_len > self.left || raw_len > RAW_MAX {
            return Err(self.damaged("a block's length does not hold"));
        }
        Ok(Header { tag, stored_len, raw_len, sum })
    }

    fn block(&mut self, header: &Header) -> Result<Block, SnapshotError> {
        let Header { tag, stored_len, raw_len, sum } = *header;
        let mut stored = vec![0; stored_len as usize];
        self.fill(&mut stored)?;
        if checksum((self.version, self.at), tag, [stored_len, raw_len], &stored) != sum {
            return Err(self.damaged("a block's checksum does not hold"));
        }
        let Some(tag) = Tag::of(tag) else {
            return Err(self.damaged(format!("a block has the unknown tag {tag}")));
        };
        let raw = zstd::bulk::decompress(&stored, raw_len as usize)
            .map_err(|error| self.damaged(format!("a block cannot be unpacked: {error}")))?;
        let at = self.at;
        self.at += 25 + stored_len;
        Ok(Block { at, tag, raw })
    }

    fn more<T: DeserializeOwned>(
        &self,
        block: &Block,
        items: &mut Vec<T>,
    ) -> Result<(), SnapshotError> {
        items.append(&mut self.value::<Vec<T>>(block)?);
        Ok(())
    }

    fn value<T: DeserializeOwned>(&self, block: &Block) -> Result<T, SnapshotError> {
        postcard::from_bytes(&block.raw).map_err(|error| SnapshotError::Damaged {
            path: self.path.to_owned(),
            offset: block.at,
            problem: format!("a block of kind {:?} cannot be read: {error}", block.tag),
        })
    }
}
