//! Streams that may be compressed with gzip or zstd.

use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufReader, Read};

/// Buffer before a decompressor.
const READ_BYTES: usize = 128 << 10;
/// Largest window of a zstd frame, as a power of two: 128 MiB, zstd's own default bound.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Opens a stream that may be compressed: gzip and zstd are known by their first bytes,
/// whatever the file is called; members and frames that follow one another are one stream.
///
/// # Errors
/// When the stream cannot be read.
pub fn decompressed(mut stream: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let head = head_of(&mut stream)?;
    let compression = Compression::of(&head);
    let whole = io::Cursor::new(head).chain(stream);
    Ok(match compression {
        Compression::None => Box::new(whole),
        Compression::Gzip => {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(READ_BYTES, whole)))
        }
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(whole)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
    })
}

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878, perhaps beginning with a frame that is to be skipped.
    Zstd,
}

impl Compression {
    /// What the first bytes of a stream say.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            _ => Compression::None,
        }
    }
}

/// The first bytes of a stream, up to four.
pub(super) fn head_of(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(4);
    stream.take(4).read_to_end(&mut head)?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn members_that_follow_one_another_are_one_stream() {
        let gzip = |text: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        let zstd = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9].to_vec();
        for stream in [
            [gzip(b"a\n"), gzip(b"b\n")].concat(),
            [skippable, zstd(b"a\n"), zstd(b"b\n")].concat(),
            b"a\nb\n".to_vec(),
        ] {
            let mut text = Vec::new();
            decompressed(io::Cursor::new(stream)).unwrap().read_to_end(&mut text).unwrap();
            assert_eq!(text, b"a\nb\n");
        }
    }
}
