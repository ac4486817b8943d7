//! Input made to hurt: it costs its own reject, and nothing else.

use super::Bench;
use causeway::canonical::{Code, Decoded};

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
fn a_million_values_of_one_label() {
    let mut bench = Bench::native();
    let mut seen = 0;
    for chunk in 0..100u32 {
        let lines: String = (0..1_000u32)
            .map(|n| {
                let value = chunk * 1_000 + n;
                format!(r#"{{"kind":"alert","name":"N","time":"2026-11-23T07:01:30Z","severity":"error","entity":"host:a","labels":{{"request":"{value}"}}}}"#) + "\n"
            })
            .collect();
        seen += bench.text(&lines).counts.folded;
    }
    assert_eq!(seen, 100_000);
}
