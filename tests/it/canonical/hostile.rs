//! Input made to hurt: it costs its own reject, and nothing else.

mod mutate;
pub(crate) mod storm;

use super::{Bench, LIVE, shown};
use causeway::canonical::{Code, Decoded, Format, Framing, Source};
use causeway::ingest::chunk::{ChunkLimits, Chunker};
use std::io::Read;

const GOOD: &str = r#"{"id":"g","kind":"alert","name":"G","time":"2026-11-23T07:01:30Z","severity":"error","entity":"host:a"}"#;

/// The line between two good ones, which must come through.
fn between(line: &[u8]) -> Decoded {
    let text = [GOOD.as_bytes(), line, GOOD.as_bytes()].join(&b'\n');
    let decoded = Bench::native().decode(&text);
    assert!(decoded.counts.folded >= 2);
    decoded
}

fn code(line: &[u8]) -> Code {
    let decoded = between(line);
    assert_eq!(decoded.counts.rejected, 1);
    assert_eq!(decoded.rejects[0].line, 2);
    assert_eq!(decoded.rejects[0].payload_bytes, line.len() as u64);
    decoded.rejects[0].code
}

#[test]
fn a_hundred_megabytes_in_one_line() {
    let mut line = br#"{"kind":"alert","name":""#.to_vec();
    line.resize(100_000_000, b'x');
    line.extend_from_slice(b"\"}");
    let decoded = between(&line);
    assert_eq!(decoded.rejects[0].code, Code::E002);
    assert!(decoded.rejects[0].payload.len() <= 256 << 10);
}

#[test]
fn depth() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for depth in [65, 1_000, 100_000] {
            let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let line = format!(r#"{{"kind":"alert","attributes":{value}}}"#);
            assert_eq!(code(line.as_bytes()), Code::E006, "{open} {depth}");
            let torn = format!(r#"{{"kind":"alert","attributes":{}"#, open.repeat(depth));
            assert_eq!(code(torn.as_bytes()), Code::E006, "{open} {depth}");
        }
    }
    assert_eq!(between("[".repeat(100_000).as_bytes()).counts.rejected, 1);
}

#[test]
fn keys_and_labels_by_the_thousand() {
    let many = |count: usize| -> String {
        (0..count).map(|n| format!(r#""k{n}":"v""#)).collect::<Vec<_>>().join(",")
    };
    let line = format!(r#"{{"kind":"alert",{}}}"#, many(2_000));
    assert_eq!(code(line.as_bytes()), Code::E006);
    let line = format!(r#"{{"kind":"alert","labels":{{{}}}}}"#, many(2_000));
    assert_eq!(code(line.as_bytes()), Code::E006);
    let line = format!(r#"{{"kind":"alert","labels":{{{}}}}}"#, many(1_000));
    let decoded = between(line.as_bytes());
    assert_eq!(decoded.counts.repaired.of(Code::W107), 1);
    let batch = &decoded.segments[0].alerts[0];
    assert_eq!(batch.identities[1].labels.len(), 64);
}

#[test]
fn invalid_utf8() {
    assert_eq!(code(b"{\"kind\":\"alert\",\"na\xffme\":\"x\"}"), Code::E005);
    assert_eq!(code(b"{\"kind\":\"alert\",\"name\":\"\xff\"}"), Code::E001);
    assert_eq!(code(b"\xff\xfe\x00"), Code::E001);
    assert_eq!(code(b"{\"kind\":\"alert\",\"name\":\"\\ud800\"}"), Code::E001);
}

#[test]
fn numbers_that_are_none() {
    for number in ["NaN", "-Infinity", "1e999", "-1e999", "99999999999999999999999999"] {
        let line = format!(r#"{{"kind":"metric","name":"m","value":{number}}}"#);
        let decoded = between(line.as_bytes());
        assert_eq!((decoded.counts.signals, decoded.counts.rejected), (1, 0), "{number}");
        let finite = number.starts_with('9');
        assert_eq!(decoded.counts.repaired.of(Code::W109), u64::from(!finite), "{number}");
    }
    assert_eq!(code(br#"{"kind":"metric","name":"m","value":1.}"#), Code::E001);
}

#[test]
fn clocks_ten_years_off() {
    for year in ["2016", "2036", "1677", "2262", "0000", "9999"] {
        let line = GOOD.replace("2026", year);
        let decoded = between(line.as_bytes());
        assert_eq!((decoded.counts.folded, decoded.counts.rejected), (3, 0), "{year}");
    }
    for time in ["-9223372036854775808", "9223372036854775807", "18446744073709551615", "1e300"] {
        let line = GOOD.replace("\"2026-11-23T07:01:30Z\"", time);
        for mut bench in [Bench::native(), Bench::replay()] {
            let decoded = bench.text(&format!("{GOOD}\n{line}\n{GOOD}\n"));
            assert_eq!((decoded.counts.folded, decoded.counts.rejected), (3, 0), "{time}");
        }
    }
}

#[test]
fn values_longer_than_their_limits() {
    let long = "é".repeat(3_000);
    for (field, id) in [("id", true), ("name", false), ("entity", false), ("summary", false)] {
        let line = format!(
            r#"{{"kind":"alert","time":"2026-11-23T07:01:30Z","severity":"error","{field}":"{long}"}}"#
        );
        let other = line.replace("ééé\"", "ééx\"");
        let decoded = between(format!("{line}\n{other}").as_bytes());
        assert_eq!(decoded.counts.repaired.of(Code::W106), 2, "{field}");
        let batch = &decoded.segments[0].alerts[0];
        let ids: Vec<_> = batch.events.iter().map(|event| batch.id(event)).collect();
        assert!(ids.iter().all(|id| id.len() <= 256));
        assert!(!id || ids[1] != ids[2], "cut ids must differ");
    }
}

#[test]
fn a_hundred_megabytes_in_one_line_of_a_stream() {
    let line = |id: &str| GOOD.replace("\"g\"", &format!("\"{id}\"")) + "\n";
    let (before, after) = (line("before"), line("after"));
    let long = std::io::repeat(b'x').take(100_000_000);
    let stream = before.as_bytes().chain(long).chain(&b"\n"[..]).chain(after.as_bytes());
    let mut chunker = Chunker::new(stream, "test", None, ChunkLimits::lines_of(1 << 20));
    let (mut bench, mut rows, mut rejects, mut longest) =
        (Bench::native(), Vec::new(), Vec::new(), 0);
    let mut cut = Vec::new();
    while let Some(chunk) = chunker.next_chunk().unwrap() {
        assert_eq!(chunk.first_line, bench.next_line);
        longest = longest.max(chunk.bytes.capacity());
        cut.extend(chunk.cut.clone());
        let decoded = bench.decode(&chunk.bytes);
        rows.extend(shown::alert_lines(&decoded));
        rejects.extend(decoded.rejects);
    }
    assert!(chunker.finish().is_none() && longest <= 3 << 20, "{longest}");
    assert_eq!(cut.iter().map(|cut| (cut.line, cut.bytes)).collect::<Vec<_>>(), [(2, 100_000_000)]);
    assert_eq!(rejects.iter().map(|r| (r.line, r.code)).collect::<Vec<_>>(), [(2, Code::E002)]);
    assert_eq!(rows, shown::alert_lines(&Bench::native().text(&(before + &after))));
}

#[test]
fn a_million_values_of_one_label() {
    const GENERATION: usize = 10_000;
    let mut source = Source::named("test");
    source.limits.identities_max = GENERATION;
    source.limits.ordinals_max = 1_000;
    let mut bench = Bench::new(source, Format::Native, LIVE);
    let mut seen = 0;
    for chunk in 0..200u32 {
        let lines: String = (0..5_000u32)
            .map(|n| {
                let value = chunk * 5_000 + n;
                format!(r#"{{"kind":"alert","name":"N","time":"2026-11-23T07:01:30Z","severity":"error","entity":"host:a","labels":{{"request":"{value}"}}}}"#) + "\n"
            })
            .collect();
        seen += bench.text(&lines).counts.folded;
        let kept = bench.decoder.kept();
        assert!(kept.identities <= 2 * (GENERATION + 5_000) && kept.ordinals <= 1_000, "{kept:?}");
        assert!(kept.buffer_bytes < 1 << 20, "{kept:?}");
    }
    assert_eq!(seen, 1_000_000);
}

/// What one document of a catalogue yields beside a good one.
fn document(text: &str) -> Decoded {
    let good = "kind: Component\nmetadata: {name: good}\nspec: {type: service}\n";
    let mut bench = Bench::new(Source::named("test"), Format::Backstage, LIVE);
    bench.framing = Framing::Body;
    let decoded = bench.text(&format!("{good}---\n{text}\n---\n{good}"));
    assert!(decoded.counts.context >= 2, "{:?}", decoded.counts);
    decoded
}

#[test]
fn catalogues_nested_and_repeated() {
    let head = "kind: Component\nmetadata: {name: a}\nspec:\n  type: ";
    for depth in [65, 1_000, 100_000] {
        for (open, close) in [("[", "]"), ("{a: ", "}")] {
            for close in [close, ""] {
                let text = format!("{head}{}1{}", open.repeat(depth), close.repeat(depth));
                assert_eq!(document(&text).counts.rejected, 1, "{open} {depth}");
            }
        }
        let indented: String = (0..depth.min(1_000)).map(|n| " ".repeat(n) + "a:\n").collect();
        assert_eq!(document(&indented).counts.rejected, 1, "{depth}");
        assert_eq!(
            document(&format!("{head}{}1", "- ".repeat(depth))).counts.rejected,
            1,
            "{depth}"
        );
    }
    // Ten to the ninth entries, said in ten lines.
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..10 {
        let before = format!("*a{}, ", n - 1).repeat(10);
        laughs += &format!("a{n}: &a{n} [{before}]\n");
    }
    assert_eq!(document(&laughs).counts.rejected, 1);
    assert_eq!(document("a: &a [*a]").counts.rejected, 1);
    let huge = format!("{head}{}", "x".repeat(2 << 20));
    assert_eq!(document(&huge).rejects[0].code, Code::E002);
}

#[test]
fn binary_events_of_hostile_headers_and_bodies() {
    let mut bench = Bench::native();
    let deep = "[".repeat(100_000);
    for value in ["", "%", "%+5%zz%", "%00%ff", &deep] {
        for body in [b"" as &[u8], b"\xff", b"[", b"[{\"kind\":\"heartbeat\"},7]", deep.as_bytes()]
        {
            let head = [
                ("ce-specversion", "1.0"),
                ("ce-id", value),
                ("CE-Source", value),
                ("ce-type", value),
            ];
            let counts = bench.binary(&head, body).counts;
            assert!(counts.received > 0, "{value:.9} {counts:?}");
        }
    }
}
