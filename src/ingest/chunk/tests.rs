//! Lines in chunks, whatever the stream does.

use super::*;

/// A stream that yields its parts one `read` at a time, an empty part being an end for now.
struct Parts(Vec<Vec<u8>>);

impl Read for Parts {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(part) = self.0.first_mut() else { return Ok(0) };
        let taken = part.len().min(into.len());
        into[..taken].copy_from_slice(&part[..taken]);
        part.drain(..taken);
        if part.is_empty() {
            self.0.remove(0);
        }
        Ok(taken)
    }
}

fn limits(chunk_bytes: usize, line_bytes_max: usize) -> ChunkLimits {
    ChunkLimits { chunk_bytes, line_bytes_max }
}

/// Each chunk as `first_line@offset text`, cut lines as `line:bytes`.
fn check(input: &[u8], limits: ChunkLimits, expected: &[&str]) {
    let mut chunker = Chunker::new(input, "s", None, limits);
    let mut found = Vec::new();
    while let Some(chunk) = chunker.next_chunk().unwrap() {
        found.push(chunk);
    }
    found.extend(chunker.finish());
    let found: Vec<String> = found
        .iter()
        .map(|chunk| {
            let text = String::from_utf8_lossy(&chunk.bytes).replace('\n', "|");
            let cut: String =
                chunk.cut.iter().map(|cut| format!(" {}:{}", cut.line, cut.bytes)).collect();
            format!("{}@{} {text}{cut}", chunk.first_line, chunk.origin.offset.unwrap())
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn chunks_end_at_line_feeds() {
    check(b"", limits(8, 8), &[]);
    check(b"ab\ncd\nef\ngh\n", limits(8, 8), &["1@0 ab|cd|", "3@6 ef|gh|"]);
    check(b"ab\ncd", limits(8, 8), &["1@0 ab|", "2@3 cd"]);
    check(b"\n\n\n", limits(8, 8), &["1@0 |||"]);
}

#[test]
fn a_line_longer_than_a_chunk_is_whole() {
    check(b"a\n0123456789\nb\n", limits(4, 12), &["1@0 a|", "2@2 0123456789|b|"]);
}

#[test]
fn a_line_over_the_limit_is_cut_and_its_neighbours_stay() {
    check(
        b"a\n0123456789abcdef\nb\nc",
        limits(4, 6),
        &["1@0 a|", "2@2 0123456| 2:16", "3@19 b|", "4@21 c"],
    );
    check(b"0123456789\n", limits(4, 6), &["1@0 0123456| 1:10"]);
    check(b"0123456789", limits(4, 6), &["1@0 0123456| 1:10"]);
}

#[test]
fn memory_is_bounded_by_a_chunk_and_a_line() {
    let mut chunker =
        Chunker::new(io::repeat(b'x').take(100 << 20), "s", None, limits(1 << 10, 4 << 10));
    let chunk = chunker.next_chunk().unwrap().unwrap();
    assert_eq!(chunk.cut, [CutLine { line: 1, bytes: 100 << 20 }]);
    assert_eq!(chunk.bytes.len(), (4 << 10) + 2);
    assert!(chunker.carry.capacity() <= 8 << 10, "{}", chunker.carry.capacity());
    assert_eq!(chunker.next_chunk().unwrap(), None);
}

#[test]
fn whole_lines_before_damage_come_first() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    for number in 0..5_000 {
        writeln!(encoder, "line {number} {}", u64::wrapping_mul(number, 0x9e37_79b9_7f4a_7c15))
            .unwrap();
    }
    let whole = encoder.finish().unwrap();
    let torn = &whole[..whole.len() / 2];
    let stream = flate2::read::MultiGzDecoder::new(torn);
    let mut chunker = Chunker::new(stream, "s", None, limits(1 << 20, 1 << 10));
    let chunk = chunker.next_chunk().unwrap().unwrap();
    assert!(line_feeds(&chunk.bytes) > 1_000 && chunk.bytes.ends_with(b"\n"));
    assert!(chunker.next_chunk().is_err());
}

#[test]
fn an_eager_reader_returns_what_is_there() {
    let parts = Parts(vec![b"ab\nc".to_vec(), b"d\n".to_vec(), b"e".to_vec()]);
    let mut chunker = Chunker::new(parts, "s", None, limits(1 << 10, 64)).eager();
    assert_eq!(chunker.next_chunk().unwrap().unwrap().bytes, b"ab\n");
    assert_eq!(chunker.next_chunk().unwrap().unwrap().bytes, b"cd\n");
    assert_eq!(chunker.next_chunk().unwrap(), None);
    assert_eq!(chunker.finish().unwrap().bytes, b"e");
}

#[test]
fn a_stream_that_grows_continues_where_it_paused() {
    let parts = Parts(vec![b"ab\nc".to_vec(), vec![], b"d\nef".to_vec(), vec![], b"\n".to_vec()]);
    let mut chunker = Chunker::new(parts, "s", None, limits(1 << 10, 64));
    assert_eq!(chunker.next_chunk().unwrap().unwrap().bytes, b"ab\n");
    assert_eq!(chunker.next_chunk().unwrap().unwrap().bytes, b"cd\n");
    assert_eq!(chunker.position(), 8);
    let last = chunker.next_chunk().unwrap().unwrap();
    assert_eq!((last.bytes.as_slice(), last.first_line), (&b"ef\n"[..], 3));
}
