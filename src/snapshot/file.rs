//! The file of a snapshot: a header, blocks that each check themselves, an end.
//!
//! ```text
//!  "CWSNAPSH" version ─ block ─ block ─ … ─ end
//!  block: tag 1, stored bytes 8, raw bytes 8, checksum 8, then the stored bytes
//! ```
//!
//! Numbers are little-endian. What is stored is compressed with zstd; raw, it is
//! [postcard](https://postcard.jamesmunns.com/wire-format). The checksum covers the place of
//! the block, so none can stand for another, its header and its bytes. Long lists are cut into
//! several blocks, so that neither side holds one twice.

use super::error::SnapshotError;
use super::state::{Emission, Head, Snapshot, Sources};
use causeway_dataflows::pipeline::Saved;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// Version of the format that is written, and the newest that is read.
pub const VERSION: u16 = 2;
const MAGIC: [u8; 8] = *b"CWSNAPSH";
/// Items of one block: a few MiB at most, raw.
const ITEMS: usize = 4096;
/// The same of those that hold whole incidents and revisions.
const REVISIONS: usize = 512;
/// More than any block has, raw; a length beyond it is damage, not a reason to allocate.
const RAW_MAX: u64 = 16 << 30;
/// Fast, and a third of the size.
const LEVEL: i32 = 1;
const HEADLESS: &str = "it does not say what it is";
const BEHIND_END: &str = "there is more behind its end";

/// What a block holds; the numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Tag {
    Head = 1,
    Keys = 2,
    Things = 3,
    Seen = 4,
    Ratings = 5,
    Tenant = 6,
    Ledger = 7,
    Incidents = 8,
    Counts = 9,
    Tally = 10,
    Store = 11,
    Outbox = 12,
    Sequence = 13,
    Source = 14,
    Idempotency = 15,
    /// Watches as they once were; what they had learned is learned anew.
    EarlierWatches = 16,
    Watches = 17,
    Findings = 18,
    /// Of the ledger, the store, an outbox before it: since version 2, before which those had
    /// their lists in them.
    Tracks = 19,
    Lines = 20,
    Rows = 21,
    Waiting = 22,
    End = 255,
}

const TAGS: [Tag; 23] = [
    Tag::Head,
    Tag::Keys,
    Tag::Things,
    Tag::Seen,
    Tag::Ratings,
    Tag::Tenant,
    Tag::Ledger,
    Tag::Incidents,
    Tag::Counts,
    Tag::Tally,
    Tag::Store,
    Tag::Outbox,
    Tag::Sequence,
    Tag::Source,
    Tag::Idempotency,
    Tag::EarlierWatches,
    Tag::Watches,
    Tag::Findings,
    Tag::Tracks,
    Tag::Lines,
    Tag::Rows,
    Tag::Waiting,
    Tag::End,
];

/// Writes a snapshot; returns the bytes.
///
/// # Errors
/// When the writer refuses.
pub(super) fn write(snapshot: &Snapshot, to: impl Write) -> io::Result<u64> {
    let mut out = Out { to, at: 0 };
    out.put(&MAGIC)?;
    out.put(&VERSION.to_le_bytes())?;
    out.block(Tag::Head, &snapshot.head)?;
    let Saved { watches, keys, things, history, tenants, findings } = &snapshot.engine;
    out.list(Tag::Watches, watches)?;
    out.list(Tag::Keys, keys)?;
    out.list(Tag::Things, things)?;
    out.each(Tag::Seen, &history.seen)?;
    out.list(Tag::Ratings, &history.ratings)?;
    out.each(Tag::Tenant, tenants)?;
    out.list(Tag::Findings, findings)?;
    let emission = &snapshot.emission;
    out.block(Tag::Ledger, &emission.ledger.rest())?;
    out.parts(Tag::Tracks, &emission.ledger.tracks, REVISIONS)?;
    out.parts(Tag::Incidents, &emission.incidents, REVISIONS)?;
    out.list(Tag::Counts, &emission.counts)?;
    out.block(Tag::Tally, &emission.tally)?;
    out.block(Tag::Store, &emission.store.rest())?;
    out.parts(Tag::Lines, &emission.store.incidents, REVISIONS)?;
    out.parts(Tag::Rows, &emission.store.alerts, REVISIONS)?;
    for outbox in &emission.outboxes {
        out.block(Tag::Outbox, &outbox.rest())?;
        out.parts(Tag::Waiting, &outbox.waiting, REVISIONS)?;
    }
    out.block(Tag::Sequence, &emission.sequence)?;
    out.each(Tag::Source, &snapshot.sources.sources)?;
    out.list(Tag::Idempotency, &snapshot.sources.keys)?;
    out.block(Tag::End, &())?;
    out.to.flush()?;
    Ok(out.at)
}

struct Out<W> {
    to: W,
    at: u64,
}

impl<W: Write> Out<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    fn block<T: Serialize + ?Sized>(&mut self, tag: Tag, value: &T) -> io::Result<()> {
        let raw = postcard::to_stdvec(value).map_err(io::Error::other)?;
        let stored = zstd::bulk::compress(&raw, LEVEL)?;
        let lengths = [stored.len() as u64, raw.len() as u64];
        let checksum = checksum(self.at, tag as u8, lengths, &stored);
        self.put(&[tag as u8])?;
        for number in [lengths[0], lengths[1], checksum] {
            self.put(&number.to_le_bytes())?;
        }
        self.put(&stored)
    }

    fn list<T: Serialize>(&mut self, tag: Tag, items: &[T]) -> io::Result<()> {
        self.parts(tag, items, ITEMS)
    }

    fn parts<T: Serialize>(&mut self, tag: Tag, items: &[T], most: usize) -> io::Result<()> {
        items.chunks(most).try_for_each(|chunk| self.block(tag, chunk))
    }

    fn each<T: Serialize>(&mut self, tag: Tag, items: &[T]) -> io::Result<()> {
        items.iter().try_for_each(|item| self.block(tag, item))
    }
}

fn checksum(at: u64, tag: u8, lengths: [u64; 2], stored: &[u8]) -> u64 {
    let mut hash = Xxh3::with_seed(at);
    hash.update(&[tag]);
    lengths.iter().for_each(|length| hash.update(&length.to_le_bytes()));
    hash.update(stored);
    hash.digest()
}

/// Reads a snapshot's blocks without understanding them: one is in memory at a time.
///
/// # Errors
/// When it cannot be read, is damaged, or a newer program wrote it.
pub(super) fn check(path: &Path) -> Result<(), SnapshotError> {
    let mut reader = In::open(path)?;
    while reader.block()?.tag != Tag::End {}
    match reader.left {
        0 => Ok(()),
        _ => Err(reader.damaged(BEHIND_END)),
    }
}

/// Reads what a snapshot is one of, and nothing else of it.
///
/// # Errors
/// When it cannot be read, is damaged, or a newer program wrote it.
pub(super) fn head(path: &Path) -> Result<Head, SnapshotError> {
    let mut reader = In::open(path)?;
    let block = reader.block()?;
    match block.tag {
        Tag::Head => reader.value(&block),
        _ => Err(reader.damaged(HEADLESS)),
    }
}

/// Reads a snapshot.
///
/// # Errors
/// When it cannot be read, is damaged, or a newer program wrote it.
pub(super) fn read(path: &Path) -> Result<Snapshot, SnapshotError> {
    let mut reader = In::open(path)?;
    let (mut head, mut saved) = (None, Saved::default());
    let (mut emission, mut sources) = (Emission::default(), Sources::default());
    loop {
        let block = reader.block()?;
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
                None => return Err(reader.damaged("what waits is of no sink")),
            },
            Tag::Sequence => emission.sequence = reader.value(&block)?,
            Tag::Source => sources.sources.push(reader.value(&block)?),
            Tag::Idempotency => reader.more(&block, &mut sources.keys)?,
            Tag::End => break,
        }
    }
    match head {
        Some(head) if reader.left == 0 => Ok(Snapshot { head, engine: saved, emission, sources }),
        Some(_) => Err(reader.damaged(BEHIND_END)),
        None => Err(reader.damaged(HEADLESS)),
    }
}

struct In<'a, R> {
    from: R,
    path: &'a Path,
    /// Where the next block begins.
    at: u64,
    left: u64,
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
        let mut reader = In { from: io::BufReader::new(file), path, at: 0, left };
        reader.begin()?;
        Ok(reader)
    }
}

impl<R: Read> In<'_, R> {
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
        self.at = 10;
        Ok(())
    }

    fn block(&mut self) -> Result<Block, SnapshotError> {
        let [tag] = self.take()?;
        let mut number = || Ok(u64::from_le_bytes(self.take()?));
        let (stored_len, raw_len, sum) = (number()?, number()?, number()?);
        if stored_len > self.left || raw_len > RAW_MAX {
            return Err(self.damaged("a block's length does not hold"));
        }
        let mut stored = vec![0; stored_len as usize];
        self.fill(&mut stored)?;
        if checksum(self.at, tag, [stored_len, raw_len], &stored) != sum {
            return Err(self.damaged("a block's checksum does not hold"));
        }
        let Some(tag) = TAGS.into_iter().find(|known| *known as u8 == tag) else {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch::Run;

    /// Before version 2 ledger, store and outboxes had their lists in them.
    #[test]
    fn a_snapshot_of_version_1_is_read_whole() {
        let written = super::super::tests::snapshot(7);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let mut out = Out { to: std::fs::File::create(&path).unwrap(), at: 0 };
        out.put(&MAGIC).unwrap();
        out.put(&1u16.to_le_bytes()).unwrap();
        out.block(Tag::Head, &written.head).unwrap();
        let emission = &written.emission;
        out.block(Tag::Ledger, &emission.ledger).unwrap();
        out.list(Tag::Incidents, &emission.incidents).unwrap();
        out.list(Tag::Counts, &emission.counts).unwrap();
        out.block(Tag::Tally, &emission.tally).unwrap();
        out.block(Tag::Store, &emission.store).unwrap();
        out.each(Tag::Outbox, &emission.outboxes).unwrap();
        out.block(Tag::Sequence, &emission.sequence).unwrap();
        out.block(Tag::End, &()).unwrap();
        assert_eq!(format!("{:?}", read(&path).unwrap()), format!("{written:?}"));
    }

    #[test]
    fn watches_of_an_earlier_format_are_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let mut out = Out { to: std::fs::File::create(&path).unwrap(), at: 0 };
        out.put(&MAGIC).unwrap();
        out.put(&VERSION.to_le_bytes()).unwrap();
        let word = String::new;
        let run = Run { version: word(), settings: word(), journal: word() };
        let head = Head { epoch: 7, now: 1, run, source_names: Vec::new() };
        out.block(Tag::Head, &head).unwrap();
        out.block(Tag::EarlierWatches, &[1u8, 2, 3]).unwrap();
        out.block(Tag::End, &()).unwrap();
        let read = read(&path).unwrap();
        assert_eq!((read.head, read.engine.watches.len()), (head, 0));
    }
}
