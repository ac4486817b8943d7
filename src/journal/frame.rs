//! Frames: what went into one epoch, as bytes and back.

use bytes::Bytes;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

/// How a frame begins.
const MAGIC: [u8; 4] = *b"CWfr";
/// Length of a frame's header, bytes.
pub(super) const HEADER_BYTES: usize = 64;
/// Where the header's checksum lies: behind all that it covers.
const CHECKSUM_AT: usize = HEADER_BYTES - 8;
/// Length of a part's entry in the table that begins a payload: tag and length.
const ENTRY_BYTES: usize = 5;

/// What went into one epoch, as it is read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The epoch.
    pub epoch: u64,
    /// Its tick, seconds since the Unix epoch.
    pub now: i64,
    /// The caller's.
    pub flags: u8,
    /// In the order in which they were appended.
    pub parts: Vec<Part>,
}

/// A part of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What the bytes are; the caller's.
    pub tag: u8,
    /// A slice of the frame's payload, which lives as long as any of its parts.
    pub bytes: Bytes,
}

/// What goes into one epoch, borrowed for being appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRef<'a> {
    /// The epoch.
    pub epoch: u64,
    /// Its tick, seconds since the Unix epoch.
    pub now: i64,
    /// The caller's.
    pub flags: u8,
    /// Any number of them.
    pub parts: &'a [PartRef<'a>],
}

/// A part of a frame that is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartRef<'a> {
    /// What the bytes are; the caller's.
    pub tag: u8,
    /// At most 4 GiB less one byte.
    pub bytes: &'a [u8],
}

impl Frame {
    /// The parts, borrowed as an append takes them.
    pub fn part_refs(&self) -> Vec<PartRef<'_>> {
        self.parts.iter().map(|part| PartRef { tag: part.tag, bytes: &part.bytes }).collect()
    }

    /// The frame of a payload whose checksum holds; `None` when its table does not add up,
    /// which no damage but a writer's mistake can bring about.
    pub(super) fn of(header: &Header, payload: Vec<u8>) -> Option<Frame> {
        let payload = Bytes::from(payload);
        let mut at = (header.parts as usize).checked_mul(ENTRY_BYTES)?;
        let table = payload.get(..at)?;
        let mut parts = Vec::with_capacity(table.len() / ENTRY_BYTES);
        for entry in table.chunks_exact(ENTRY_BYTES) {
            let [tag, length @ ..] = entry else { return None };
            let end = at.checked_add(u32::from_le_bytes(length.try_into().ok()?) as usize)?;
            if end > payload.len() {
                return None;
            }
            parts.push(Part { tag: *tag, bytes: payload.slice(at..end) });
            at = end;
        }
        let whole = at == payload.len();
        whole.then_some(Frame { epoch: header.epoch, now: header.now, flags: header.flags, parts })
    }
}

/// What a frame says of itself before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) epoch: u64,
    pub(super) now: i64,
    pub(super) flags: u8,
    /// Number of parts.
    pub(super) parts: u32,
    /// Epochs below this one were durable when the frame was written.
    pub(super) durable: u64,
    /// Length of table and bodies.
    pub(super) payload_bytes: u64,
    /// Checksum of table and bodies.
    pub(super) payload_checksum: u64,
}

impl Header {
    /// The header as it stands at byte `at` of a segment with that salt.
    pub(super) fn encode(&self, salt: u64, at: u64) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.parts.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.now.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.durable.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.payload_checksum.to_le_bytes());
        bytes[48] = self.flags;
        let checksum = checksum(&bytes[..CHECKSUM_AT], salt.wrapping_add(at));
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The header at byte `at` of a segment with that salt, if the checksum holds.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES], salt: u64, at: u64) -> Option<Header> {
        if !bytes.starts_with(&MAGIC) {
            return None;
        }
        let number = |at: usize| number(bytes, at);
        if number(CHECKSUM_AT) != checksum(&bytes[..CHECKSUM_AT], salt.wrapping_add(at)) {
            return None;
        }
        Some(Header {
            epoch: number(8),
            now: number(16) as i64,
            flags: bytes[48],
            parts: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            durable: number(24),
            payload_bytes: number(32),
            payload_checksum: number(40),
        })
    }

    /// Whether a header may begin with these bytes.
    pub(super) fn may_begin(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// Length of header and payload.
    pub(super) fn frame_bytes(&self) -> u64 {
        (HEADER_BYTES as u64).saturating_add(self.payload_bytes)
    }
}

/// Length on disk of a frame, bytes; `None` when a part or their number is too large.
pub(super) fn frame_bytes(frame: &FrameRef<'_>) -> Option<u64> {
    u32::try_from(frame.parts.len()).ok()?;
    let mut bytes = HEADER_BYTES as u64;
    for part in frame.parts {
        bytes += ENTRY_BYTES as u64 + u64::from(u32::try_from(part.bytes.len()).ok()?);
    }
    Some(bytes)
}

/// Puts header and table of a frame into `head`, behind which its bodies follow. That it
/// fits has been asked of [`frame_bytes`].
pub(super) fn encode(frame: &FrameRef<'_>, durable: u64, salt: u64, at: u64, head: &mut Vec<u8>) {
    head.clear();
    head.resize(HEADER_BYTES, 0);
    for part in frame.parts {
        head.push(part.tag);
        head.extend((part.bytes.len() as u32).to_le_bytes());
    }
    let bodies: u64 = frame.parts.iter().map(|part| part.bytes.len() as u64).sum();
    let mut sum = PayloadSum::new(salt);
    sum.update(&head[HEADER_BYTES..]);
    frame.parts.iter().for_each(|part| sum.update(part.bytes));
    let header = Header {
        epoch: frame.epoch,
        now: frame.now,
        flags: frame.flags,
        parts: frame.parts.len() as u32,
        durable,
        payload_bytes: (head.len() - HEADER_BYTES) as u64 + bodies,
        payload_checksum: sum.digest(),
    };
    head[..HEADER_BYTES].copy_from_slice(&header.encode(salt, at));
}

/// The checksum of a payload that comes in pieces.
pub(super) struct PayloadSum(Xxh3);

impl PayloadSum {
    pub(super) fn new(salt: u64) -> Self {
        PayloadSum(Xxh3::with_seed(salt))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn digest(&self) -> u64 {
        self.0.digest()
    }
}

/// The checksum of a header or a slot.
pub(super) fn checksum(bytes: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}

/// The number at byte `at`.
///
/// # Panics
/// When there are fewer than eight bytes; `at` is always one of a fixed layout.
pub(super) fn number(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}
