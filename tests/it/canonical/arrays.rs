//! Files and streams that hold one JSON array of events.

use super::{Bench, LIVE};
use causeway::canonical::{Code, Format, Source};
use causeway::ingest::chunk::{Chunk, ChunkLimits, Chunker};
use causeway::ingest::compressed::decompressed;
use std::fmt::Write as _;
use std::io::{Cursor, Read, Write as _};

const LINE_MAX: usize = 200;

/// A stream as it comes from a pipe, one byte at a time.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let taken = into.len().min(1);
        self.0.read(&mut into[..taken])
    }
}

/// How many events were taken, and each reject as `line code message`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    taken: u64,
    refused: Vec<String>,
}

impl Outcome {
    fn add(&mut self, bench: &mut Bench, chunk: &Chunk) {
        bench.framing = chunk.framing;
        bench.next_line = chunk.first_line;
        let decoded = bench.decode(&chunk.bytes);
        self.taken += decoded.counts.accepted;
        let rejects = decoded.rejects.iter();
        self.refused.extend(rejects.map(|r| format!("{} {} {}", r.line, r.code, r.message)));
    }
}

fn bench(line_max: usize) -> Bench {
    let mut source = Source::named("test");
    source.limits.event_bytes_max = line_max;
    Bench::new(source, Format::Native, LIVE)
}

fn read(mut chunker: Chunker<impl Read>, line_max: usize) -> Outcome {
    let (mut bench, mut outcome) = (bench(line_max), Outcome::default());
    while let Some(chunk) = chunker.next_chunk().unwrap() {
        outcome.add(&mut bench, &chunk);
    }
    if let Some(chunk) = chunker.finish() {
        outcome.add(&mut bench, &chunk);
    }
    assert_eq!(chunker.finish(), None);
    outcome
}

/// The same comes out however the stream is cut.
fn check(text: &str, taken: u64, refused: &[&str]) {
    let expected = Outcome { taken, refused: refused.iter().map(|&text| text.into()).collect() };
    for chunk_bytes in [1, 7, 64, 150, 1 << 10, 1 << 20] {
        let limits = ChunkLimits { chunk_bytes, line_bytes_max: LINE_MAX };
        let chunker = Chunker::new(text.as_bytes(), "test", None, limits);
        assert_eq!(read(chunker, LINE_MAX), expected, "chunks of {chunk_bytes}: {text}");
        let chunker = Chunker::new(Drops(text.as_bytes()), "test", None, limits).eager();
        assert_eq!(read(chunker, LINE_MAX), expected, "drops, chunks of {chunk_bytes}: {text}");
    }
}

const GOOD: &str = r#"{"kind":"heartbeat","name":"x,]\"[{"}"#;
const TORN: &str = "the input ends here and the array is not closed: `]` is missing";

#[test]
fn an_array_over_lines_is_taken_element_by_element() {
    check(&format!("[\n  {GOOD},\n  {GOOD}\n]\n"), 2, &[]);
    check(&format!("\u{feff}\n [\n{GOOD}\n]"), 1, &[]);
    check("[\n]\n", 0, &[]);
    check("[]", 0, &[]);
    check(" \n\n", 0, &[]);
    check("\u{feff}", 0, &[]);
    let spread = GOOD.replace(',', ",\n\t").replace("x,\n\t]", "x,]");
    check(&format!("[{spread},{spread}]"), 2, &[]);
}

#[test]
fn an_element_that_is_refused_says_where_it_is_and_its_neighbours_stay() {
    check(
        &format!(
            "[\n{GOOD},\n{{\"kind\":\n\"nonsense\" \n,\"x\":[1,2]}},\n[{GOOD}],\n,{GOOD}\n]\n"
        ),
        2,
        &[
            &format!("3 E004 element 2: {}", unknown_kind()),
            "6 E001 element 3: an event is a JSON object",
            "7 E001 element 4: invalid JSON near byte 0",
        ],
    );
}

fn unknown_kind() -> String {
    let decoded = Bench::native().text(r#"{"kind":"nonsense"}"#);
    decoded.rejects[0].message.clone()
}

#[test]
fn an_element_over_the_limit_is_refused_alone() {
    let long = format!(r#"{{"kind":"heartbeat","name":"{}","x":[1, {{}}]}}"#, " ".repeat(300));
    let over = "E002 element 2: 201 bytes are more than event_bytes_max";
    let expected = |line: u64, text: &str| {
        for chunk_bytes in [1, 7, 64] {
            let limits = ChunkLimits { chunk_bytes, line_bytes_max: LINE_MAX };
            let chunker = Chunker::new(text.as_bytes(), "test", None, limits);
            let outcome = read(chunker, LINE_MAX);
            assert_eq!((outcome.taken, outcome.refused), (2, vec![format!("{line} {over}")]));
        }
    };
    expected(3, &format!("[\n{GOOD},\n{long},\n{GOOD}\n]\n"));
    expected(1, &format!("[{GOOD},{long},{GOOD}]"));
}

#[test]
fn an_array_that_is_not_closed_says_so_and_keeps_what_came_before() {
    check(&format!("[\n{GOOD},\n{GOOD}\n"), 2, &[&format!("4 E001 element 3: {TORN}")]);
    check(&format!("[\n{GOOD},\n"), 1, &[&format!("3 E001 element 2: {TORN}")]);
    let half = &GOOD[..20];
    check(&format!("[\n{GOOD},\n{half}"), 1, &[&format!("3 E001 element 2: {TORN}")]);
    check("[\n", 0, &[&format!("2 E001 element 1: {TORN}")]);
    let long = "9".repeat(2 * LINE_MAX);
    let limits = ChunkLimits { chunk_bytes: 64, line_bytes_max: LINE_MAX };
    let text = format!("[\n{GOOD},\n{long}\n");
    let outcome = read(Chunker::new(text.as_bytes(), "test", None, limits), LINE_MAX);
    assert_eq!(outcome.taken, 1);
    let over = "3 E002 element 2: 201 bytes are more than event_bytes_max".to_owned();
    assert_eq!(outcome.refused, [over, format!("4 E001 element 3: {TORN}")]);
}

#[test]
fn what_follows_an_array_is_read_on() {
    check(
        &format!("[\n{GOOD}\n]\n{GOOD}\n[{GOOD},3]\n"),
        3,
        &["5 E001 element 2: an event is a JSON object"],
    );
    check(&format!("[\n{GOOD}\n] [\n{GOOD}\n,{GOOD}]"), 3, &[]);
    check(&format!("[\n{GOOD}\n]]\n{GOOD}\n"), 2, &["3 E001 invalid JSON near byte 0"]);
}

#[test]
fn a_line_over_the_limit_that_begins_an_array_is_too_large() {
    let pair = format!("{GOOD}, {GOOD}");
    for blanks in 0..9 {
        // Wherever the cut falls, a blank included.
        let array = format!("[{}{pair}, {pair}, {pair}]", " ".repeat(blanks));
        let text = format!("{GOOD}\n{array}\n{GOOD}\n");
        let limits = ChunkLimits { chunk_bytes: 16, line_bytes_max: LINE_MAX };
        let outcome = read(Chunker::new(text.as_bytes(), "test", None, limits), LINE_MAX);
        assert_eq!(outcome.taken, 2, "{:?}", outcome.refused);
        assert_eq!(outcome.refused, ["2 E002 201 bytes are more than event_bytes_max"]);
    }
}

/// Three thousand events on one line of more than a mebibyte.
fn large() -> String {
    let mut text = String::from("[");
    for number in 0..3_000 {
        let comma = if number == 0 { "" } else { "," };
        let summary = "s".repeat(400);
        let _ =
            write!(text, r#"{comma}{{"kind":"heartbeat","id":"{number}","summary":"{summary}"}}"#);
    }
    text + "]\n"
}

#[test]
fn an_array_of_any_size_streams_compressed_or_not() {
    let text = large();
    assert!(text.len() > 1 << 20);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for bytes in [text.into_bytes(), gzip.finish().unwrap(), zstd] {
        let stream = decompressed(Cursor::new(bytes)).unwrap();
        let limits = ChunkLimits::lines_of(1 << 20);
        let outcome = read(Chunker::new(stream, "test", None, limits), 1 << 20);
        assert_eq!(outcome, Outcome { taken: 3_000, refused: Vec::new() });
    }
}

#[test]
fn memory_is_bounded_by_a_chunk_and_an_element() {
    let element = format!("{GOOD},\n");
    let body = std::io::repeat(b'x').take(40 << 20);
    let stream = [b"[\n", element.as_bytes()].concat();
    let stream = Cursor::new(stream).chain(body).chain(&b",\n"[..]).chain(GOOD.as_bytes());
    let limits = ChunkLimits { chunk_bytes: 1 << 10, line_bytes_max: 4 << 10 };
    let mut chunker = Chunker::new(stream.chain(&b"]"[..]), "test", None, limits);
    let (mut bench, mut outcome, mut cut) = (bench(4 << 10), Outcome::default(), Vec::new());
    while let Some(chunk) = chunker.next_chunk().unwrap() {
        assert!(chunk.bytes.capacity() <= 8 << 10);
        cut.extend(chunk.cut.iter().map(|cut| (cut.line, cut.bytes)));
        outcome.add(&mut bench, &chunk);
    }
    assert_eq!((outcome.taken, outcome.refused.len()), (2, 1));
    assert!(outcome.refused[0].starts_with(&format!("3 {} element 2", Code::E002)));
    assert_eq!(cut, [(3, 40 << 20)]);
}

#[test]
fn elements_before_damage_come_first() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    gzip.write_all(large().as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    let torn = whole[..whole.len() / 2].to_vec();
    let stream = decompressed(Cursor::new(torn)).unwrap();
    let mut chunker = Chunker::new(stream, "test", None, ChunkLimits::lines_of(1 << 20));
    let (mut bench, mut outcome) = (bench(1 << 20), Outcome::default());
    let damage = loop {
        match chunker.next_chunk() {
            Ok(chunk) => outcome.add(&mut bench, &chunk.unwrap()),
            Err(damage) => break damage,
        }
    };
    assert_eq!(damage.kind(), std::io::ErrorKind::UnexpectedEof);
    assert!(outcome.taken > 1_000 && outcome.refused.is_empty());
}
