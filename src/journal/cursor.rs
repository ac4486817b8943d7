//! A place in one segment, moved from frame to frame.
//!
//! What is allocated is bounded by what the file still holds, never by a length alone that
//! was read from it.

use super::error::{Corruption, Damage, JournalError};
use super::frame::{HEADER_BYTES, Header, PayloadSum};
use super::segment::{self, Opening, VERSION};
use super::storage::{Storage, StorageFile, read_full};
use std::io;
use std::path::PathBuf;

/// Bytes that are read at a time where no frame is needed as a whole.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// A place in one segment.
#[derive(Debug)]
pub(super) struct Cursor<F> {
    pub(super) file: F,
    pub(super) path: PathBuf,
    pub(super) header: segment::Header,
    /// Where the next frame begins.
    pub(super) offset: u64,
    /// Its epoch.
    pub(super) epoch: u64,
    /// Length of the file when it was last asked for.
    bytes: u64,
}

/// What opening a segment finds.
pub(super) enum Opened<F> {
    /// A segment, with the place of its first frame.
    Segment(Cursor<F>),
    /// No file.
    None,
    /// A file of so many bytes that does not begin as a segment does.
    Damaged(u64),
}

/// What becomes of the payload of a frame that is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// It is passed over.
    Skip,
    /// It is compared with its checksum, in bounded memory.
    Check,
    /// It is compared and kept.
    Read,
}

/// What lies at a place.
pub(super) enum Look {
    /// A frame, now passed, with its payload if that was wanted.
    Frame(Header, Vec<u8>),
    /// The end of the file.
    End,
    /// What may be torn.
    Bad(Damage),
}

impl<F: StorageFile> Cursor<F> {
    /// The first frame of the segment that begins with an epoch.
    ///
    /// # Errors
    /// When the disk refuses, the version is not known or the segment is another.
    pub(super) fn open<S: Storage<File = F>>(
        storage: &S,
        first: u64,
    ) -> Result<Opened<F>, JournalError> {
        let name = segment::name(first);
        let path = storage.path(&name);
        let refuse = |source| JournalError::Io { action: "read", path: path.clone(), source };
        let file = match storage.open(&name, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Opened::None),
            opened => opened.map_err(refuse)?,
        };
        let mut bytes = [0; segment::HEADER_BYTES];
        let read = read_full(&file, 0, &mut bytes).map_err(refuse)?;
        match segment::opening(&bytes[..read]) {
            Opening::Damaged => Ok(Opened::Damaged(file.bytes().map_err(refuse)?)),
            Opening::Version(found) => Err(JournalError::Version { path, found, known: VERSION }),
            Opening::Header(header) if header.first != first => {
                let damage = Damage::Name { found: header.first };
                let corruption =
                    Corruption { path, offset: 0, epoch: first, damage, witness: None };
                Err(JournalError::Corrupt(Box::new(corruption)))
            }
            Opening::Header(header) => {
                let (offset, bytes) = (segment::HEADER_BYTES as u64, 0);
                let cursor = Cursor { file, path, header, offset, epoch: first, bytes };
                Ok(Opened::Segment(cursor))
            }
        }
    }

    /// Looks at what lies here, and passes it if it is a frame.
    ///
    /// # Errors
    /// When the disk refuses, or what lies here cannot come of a crash.
    pub(super) fn look(&mut self, want: Want) -> Result<Look, JournalError> {
        let left = self.left(HEADER_BYTES as u64)?;
        if left == 0 {
            return Ok(Look::End);
        }
        let mut bytes = [0; HEADER_BYTES];
        if self.read(self.offset, &mut bytes)? < HEADER_BYTES {
            return Ok(Look::Bad(Damage::Cut { wanted: HEADER_BYTES as u64, left }));
        }
        let Some(header) = Header::decode(&bytes, self.header.salt, self.offset) else {
            return Ok(Look::Bad(Damage::FrameHeader));
        };
        if header.epoch != self.epoch {
            return Err(self.corrupt(Damage::Epoch { found: header.epoch }, None));
        }
        let left = self.left(header.frame_bytes())?;
        if left < header.frame_bytes() {
            return Ok(Look::Bad(Damage::Cut { wanted: header.frame_bytes(), left }));
        }
        let Some(payload) = self.payload(&header, want)? else {
            return Ok(Look::Bad(Damage::Payload));
        };
        self.offset += header.frame_bytes();
        self.epoch = self.epoch.saturating_add(1);
        Ok(Look::Frame(header, payload))
    }

    /// The payload, empty unless it is to be read; `None` when its checksum does not hold.
    fn payload(&self, header: &Header, want: Want) -> Result<Option<Vec<u8>>, JournalError> {
        let begin = self.offset + HEADER_BYTES as u64;
        let end = self.offset + header.frame_bytes();
        let mut sum = PayloadSum::new(self.header.salt);
        let mut payload = Vec::new();
        match want {
            Want::Skip => return Ok(Some(payload)),
            Want::Check => {
                self.chunks(begin, end, |_, chunk| {
                    sum.update(chunk);
                    true
                })?;
            }
            Want::Read => {
                // The file holds that much: it was asked for just before.
                payload.resize((end - begin) as usize, 0);
                let read = self.read(begin, &mut payload)?;
                sum.update(&payload[..read]);
            }
        }
        Ok((sum.digest() == header.payload_checksum).then_some(payload))
    }

    /// Reads from `begin` up to `end`, or the end of the file, in chunks, and gives each to
    /// `take` with its place, until that has enough.
    pub(super) fn chunks(
        &self,
        begin: u64,
        end: u64,
        mut take: impl FnMut(u64, &[u8]) -> bool,
    ) -> Result<(), JournalError> {
        let mut chunk = vec![0; CHUNK_BYTES.min(end.saturating_sub(begin) as usize)];
        let mut at = begin;
        while at < end {
            let wanted = chunk.len().min((end - at) as usize);
            let read = self.read(at, &mut chunk[..wanted])?;
            if read == 0 || !take(at, &chunk[..read]) {
                break;
            }
            at += read as u64;
        }
        Ok(())
    }

    /// The length of the file as it is now.
    pub(super) fn refresh(&mut self) -> Result<u64, JournalError> {
        self.bytes = self.file.bytes().map_err(|source| self.refuse(source))?;
        Ok(self.bytes)
    }

    /// Bytes from here to the end, which is looked for anew when there are fewer than wanted.
    fn left(&mut self, wanted: u64) -> Result<u64, JournalError> {
        if self.bytes.saturating_sub(self.offset) < wanted {
            self.refresh()?;
        }
        Ok(self.bytes.saturating_sub(self.offset))
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<usize, JournalError> {
        read_full(&self.file, at, into).map_err(|source| self.refuse(source))
    }

    fn refuse(&self, source: io::Error) -> JournalError {
        JournalError::Io { action: "read", path: self.path.clone(), source }
    }

    /// That what lies here is damaged.
    pub(super) fn corrupt(&self, damage: Damage, witness: Option<String>) -> JournalError {
        let (path, offset, epoch) = (self.path.clone(), self.offset, self.epoch);
        JournalError::Corrupt(Box::new(Corruption { path, offset, epoch, damage, witness }))
    }
}
