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

use super::state::Snapshot;
use causeway_dataflows::pipeline::Saved;
use serde::Serialize;
use std::io::{self, Write};
use xxhash_rust::xxh3::Xxh3;

/// Version of the format that is written, and the newest that is read.
pub const VERSION: u16 = 4;
pub(super) const MAGIC: [u8; 8] = *b"CWSNAPSH";
/// Items of one block: a few MiB at most, raw.
const ITEMS: usize = 4096;
/// The same of those that hold whole incidents and revisions.
const REVISIONS: usize = 512;
/// Fast, and a third of the size.
const LEVEL: i32 = 1;

/// What a block holds; the numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
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
    /// their lists in them. Since version 3 what a track told last is empty when it is a line.
    Tracks = 19,
    Lines = 20,
    Rows = 21,
    Waiting = 22,
    /// What waits beside the snapshot behind those. Since version 4.
    Spooled = 23,
    End = 255,
}

const TAGS: [Tag; 24] = [
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
    Tag::Spooled,
    Tag::End,
];

impl Tag {
    pub(super) fn of(number: u8) -> Option<Tag> {
        TAGS.into_iter().find(|known| *known as u8 == number)
    }
}

/// Writes a snapshot; returns the bytes.
///
/// # Errors
/// When the writer refuses.
pub(super) fn write(snapshot: &Snapshot, to: impl Write) -> io::Result<u64> {
    let mut out = Out { to, at: 0, version: VERSION };
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
        out.each(Tag::Spooled, outbox.spooled.as_slice())?;
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
    version: u16,
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
        let checksum = checksum((self.version, self.at), tag as u8, lengths, &stored);
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

/// Since version 3 it covers the version as well, which would be taken for another one otherwise.
pub(super) fn checksum(
    (version, at): (u16, u64),
    tag: u8,
    lengths: [u64; 2],
    stored: &[u8],
) -> u64 {
    let version = if version < 3 { 0 } else { u64::from(version) };
    let mut hash = Xxh3::with_seed(at ^ (version << 48));
    hash.update(&[tag]);
    lengths.iter().for_each(|length| hash.update(&length.to_le_bytes()));
    hash.update(stored);
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::super::read::read;
    use super::super::state::Head;
    use super::*;
    use crate::epoch::Run;

    /// Before version 2 ledger, store and outboxes had their lists in them.
    #[test]
    fn a_snapshot_of_version_1_is_read_whole() {
        let written = super::super::tests::snapshot(7);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let mut out = Out { to: std::fs::File::create(&path).unwrap(), at: 0, version: 1 };
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
        let mut out = Out { to: std::fs::File::create(&path).unwrap(), at: 0, version: VERSION };
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
