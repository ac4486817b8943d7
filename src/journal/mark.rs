//! The mark: up to where the journal is durable, kept outside of what it speaks about.
//!
//! It is written after each sync and never synced itself, so it costs one short write. A
//! crash of the process leaves it exact, a crash of the machine may leave it older, and
//! then it claims less than is true: it is a witness, never a promise. Two slots take
//! turns, so that a torn write of one leaves the other.

use super::frame::{checksum, number};
use super::storage::{Storage, StorageFile, read_full, write_all};
use std::io::{self, IoSlice};

/// Name of the file.
pub const NAME: &str = "mark";
/// How a slot begins.
const MAGIC: [u8; 8] = *b"CWJMARK1";
/// Length of a slot, bytes.
const SLOT_BYTES: usize = 24;
/// Where the slot's checksum lies: behind all that it covers.
const CHECKSUM_AT: usize = SLOT_BYTES - 8;
/// Seed of the checksum.
const SEED: u64 = 0;
/// Where the slots begin: in sectors of their own, which a disk writes whole or not.
const SLOTS_AT: [u64; 2] = [0, 512];

/// The first epoch of which the mark does not say that it is durable.
pub(super) fn read(storage: &impl Storage) -> io::Result<u64> {
    match storage.open(NAME, false) {
        Ok(file) => Ok(slots(&file)?.into_iter().max().unwrap_or(0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn slots(file: &impl StorageFile) -> io::Result<[u64; 2]> {
    let mut found = [0; 2];
    for (at, durable) in SLOTS_AT.into_iter().zip(&mut found) {
        let mut slot = [0; SLOT_BYTES];
        let whole = read_full(file, at, &mut slot)? == SLOT_BYTES;
        let holds = number(&slot, CHECKSUM_AT) == checksum(&slot[..CHECKSUM_AT], SEED);
        if whole && holds && slot.starts_with(&MAGIC) {
            *durable = number(&slot, 8);
        }
    }
    Ok(found)
}

/// Writes the mark.
#[derive(Debug)]
pub(super) struct Mark<F> {
    /// Opened when it is first needed, and again after it failed.
    file: Option<F>,
    /// The slot that is written next.
    slot: usize,
    /// Whether it failed when it was last written.
    is_behind: bool,
}

impl<F: StorageFile> Mark<F> {
    pub(super) fn new() -> Self {
        Mark { file: None, slot: 0, is_behind: false }
    }

    /// Says that epochs below `durable` are on disk. A mark that cannot be written stays
    /// older than it could be, which is no error; the first failure of several is logged.
    pub(super) fn set(&mut self, storage: &impl Storage<File = F>, durable: u64) {
        let set = self.try_set(storage, durable);
        if let Err(error) = &set {
            self.file = None;
            if !self.is_behind {
                let path = storage.path(NAME);
                tracing::warn!(path = %path.display(), %error, "the journal's mark stays behind");
            }
        }
        self.is_behind = set.is_err();
    }

    fn try_set(&mut self, storage: &impl Storage<File = F>, durable: u64) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let file = match storage.open(NAME, true) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        storage.create(NAME)?
                    }
                    opened => opened?,
                };
                let [first, second] = slots(&file)?;
                self.slot = usize::from(second < first);
                none.insert(file)
            }
        };
        let mut slot = [0; SLOT_BYTES];
        slot[..8].copy_from_slice(&MAGIC);
        slot[8..16].copy_from_slice(&durable.to_le_bytes());
        let checksum = checksum(&slot[..CHECKSUM_AT], SEED);
        slot[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        write_all(file, SLOTS_AT[self.slot], &mut [IoSlice::new(&slot)])?;
        self.slot = 1 - self.slot;
        Ok(())
    }
}
