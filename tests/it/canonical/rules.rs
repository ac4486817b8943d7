//! One test for each rule that a fixture cannot show well.

use super::{Bench, LIVE, RECEIPT, shown};
use causeway::canonical::{
    Code, Decoder, EntityStep, Format, Framing, Input, Mode, OnReject, OnRepair, Origin, Source,
};
use causeway_dataflows::model::{Seconds, Severity};
use smol_str::SmolStr;
use std::sync::Arc;

fn alert(id: &str, labels: &str) -> String {
    format!(
        r#"{{"id":"{id}","kind":"alert","name":"N","time":"2026-11-23T07:01:30Z","severity":"error","entity":"host:a","labels":{{{labels}}}}}"#
    ) + "\n"
}

fn fingerprints(bench: &mut Bench, text: &str) -> Vec<u128> {
    let decoded = bench.text(text);
    let batches = decoded.segments.iter().flat_map(|segment| &segment.alerts);
    batches.flat_map(|batch| &batch.events).map(|event| event.fingerprint.0).collect()
}

#[test]
fn a_redundant_pair_of_senders_has_one_fingerprint() {
    let mut source = Source::named("test");
    source.replica_labels = vec!["prometheus_replica".into()];
    let mut bench = Bench::new(source, Format::Native, LIVE);
    let first = alert("1", r#""prometheus_replica":"a","x":"1""#);
    let second = alert("2", r#""x":"1","prometheus_replica":"b""#)
        .replace("\"id\"", "\"source\":\"s\",\"id\"");
    let seen = fingerprints(&mut bench, &(first + &second));
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], seen[1]);
    let kept = fingerprints(&mut Bench::native(), &alert("1", r#""prometheus_replica":"a""#));
    assert_ne!(seen[0], kept[0]);
}

#[test]
fn label_order_and_escapes_do_not_matter_and_tenants_do() {
    let plain = fingerprints(&mut Bench::native(), &alert("1", r#""a":"1","b":"é""#));
    let other = fingerprints(&mut Bench::native(), &alert("2", r#""b":"\u00e9","a":"1""#));
    assert_eq!(plain, other);
    let mut bench = Bench::native();
    bench.tenant = SmolStr::new("other");
    assert_ne!(plain, fingerprints(&mut bench, &alert("1", r#""a":"1","b":"é""#)));
}

#[test]
fn a_strict_source_takes_no_repairs() {
    let line = r#"{"id":"1","kind":"alert","name":"N","time":"2026-11-23T07:01:30Z","severity":"odd","entity":"host:a"}"#;
    for strict in [true, false] {
        let mut source = Source::named("test");
        source.strict = strict;
        source.on_repair = if strict { OnRepair::Accept } else { OnRepair::DeadLetter };
        let decoded = Bench::new(source, Format::Native, LIVE).text(line);
        assert_eq!(decoded.counts.rejected_by.of(Code::W105), 1);
        assert_eq!(decoded.rejects[0].code, Code::W105);
        let alerts = decoded.segments.iter().flat_map(|segment| &segment.alerts);
        assert_eq!(alerts.map(|batch| batch.events.len()).sum::<usize>(), 0);
    }
}

#[test]
fn rejects_are_kept_dropped_or_fatal_and_always_counted() {
    for (policy, kept, failed) in
        [(OnReject::DeadLetter, 3, false), (OnReject::Drop, 0, false), (OnReject::Fail, 3, true)]
    {
        let mut source = Source::named("test");
        source.on_reject = policy;
        source.limits.rejects_max = 3;
        let decoded = Bench::new(source, Format::Native, LIVE).text("x\n\nx\nx\nx\nx\n");
        assert_eq!(decoded.counts.rejected, 5);
        assert_eq!((decoded.rejects.len(), decoded.failed), (kept, failed));
        let unrecorded = if policy == OnReject::Drop { 0 } else { 2 };
        assert_eq!(decoded.counts.rejects_unrecorded, unrecorded);
        assert_eq!(decoded.lines, 6);
        let lines: Vec<_> = decoded.rejects.iter().map(|reject| reject.line).collect();
        assert_eq!(lines, [1, 3, 4][..kept]);
    }
}

#[test]
fn severities_follow_the_sources_own_words_first() {
    let mut source = Source::named("test");
    source.severities.insert("p1".into(), Severity::FATAL);
    source.severities.insert("error".into(), Severity::INFO);
    let mut bench = Bench::new(source, Format::Native, LIVE);
    let one = |word| alert("1", "").replace("\"error\"", &format!("\"{word}\""));
    let decoded = bench.text(&(one("P1") + &one("Error") + &one("warn")));
    let severities: Vec<_> =
        decoded.segments[0].alerts[0].events.iter().map(|event| event.severity).collect();
    assert_eq!(severities, [Severity::FATAL, Severity::INFO, Severity::WARNING]);
    assert_eq!(decoded.counts.repaired.total(), 0);
}

#[test]
fn the_order_of_looking_for_entities_is_configurable() {
    let line = r#"{"id":"1","kind":"alert","name":"N","time":"2026-11-23T07:01:30Z","severity":"error","labels":{"job":"node","instance":"db-1:9100"}}"#;
    let mut source = Source::named("test");
    source.entity_order = vec![EntityStep::Host, EntityStep::ServiceLabel];
    let decoded = Bench::new(source, Format::Native, LIVE).text(line);
    assert_eq!(decoded.segments[0].alerts[0].identities[0].entity.text, "host:db-1");
}

#[test]
fn ids_are_deduplicated_on_request_and_across_decoders() {
    let mut source = Source::named("test");
    source.dedupe_ids = true;
    let shared = Decoder::shared_ids(&source);
    let source = Arc::new(source);
    let lines = alert("1", "")
        + &alert("2", "")
        + &alert("1", "")
        + "{\"kind\":\"heartbeat\",\"id\":\"1\"}\n{\"kind\":\"heartbeat\"}\n{\"kind\":\"heartbeat\"}\n";
    let mut counts = Vec::new();
    for receipt in [RECEIPT, RECEIPT + 299, RECEIPT + 301] {
        let mut decoder = Decoder::new(Arc::clone(&source), 1, Some(Arc::clone(&shared)));
        let input = Input {
            format: Format::Native,
            framing: Framing::Lines,
            tenant: &SmolStr::new_static("default"),
            mode: Mode::Live { receipt_ns: receipt * 1_000_000_000 },
            origin: &Origin::default(),
            first_line: 1,
        };
        let decoded = decoder.decode(lines.as_bytes(), &input);
        assert!(decoded.counts.balanced());
        counts.push((decoded.counts.accepted, decoded.counts.duplicate));
    }
    assert_eq!(counts, [(4, 2), (2, 4), (4, 2)]);
}

#[test]
fn lines_without_ids_all_count_and_their_ids_do_not_depend_on_cuts() {
    let line = alert("1", "").replace(r#""id":"1","#, "");
    let ids = |chunks: &[String]| -> Vec<String> {
        let mut bench = Bench::replay();
        let shown = chunks.iter().flat_map(|chunk| shown::alert_lines(&bench.text(chunk)));
        shown.collect()
    };
    let whole = ids(&[line.repeat(3)]);
    assert_eq!(whole, ids(&[line.clone(), line.repeat(2)]));
    let distinct: std::collections::BTreeSet<_> = whole.iter().collect();
    assert_eq!(distinct.len(), 3);
}

#[test]
fn alertmanager_resends_are_firing_events_with_their_own_time() {
    let body = r#"[{"labels":{"alertname":"N","severity":"error","service":"cart"},"startsAt":"2026-11-23T06:58:00Z"}]"#;
    let mut bench = Bench::new(Source::named("am"), Format::Alertmanager, LIVE);
    let times = |bench: &mut Bench| -> (Seconds, Seconds, Seconds) {
        let decoded = bench.text(body);
        let event = decoded.segments[0].alerts[0].events[0];
        (event.time, event.onset, event.ends)
    };
    let starts = RECEIPT - 240;
    assert_eq!(times(&mut bench), (RECEIPT, starts, RECEIPT + 300));
    bench.mode = Mode::Live { receipt_ns: (RECEIPT + 61) * 1_000_000_000 };
    assert_eq!(times(&mut bench), (RECEIPT + 61, RECEIPT + 61, RECEIPT + 361));
}

#[test]
fn a_clock_that_runs_ahead_is_noticed() {
    let mut bench = Bench::native();
    let ahead = alert("1", "").replace("07:01:30", "07:02:30");
    let mut skewed = 0;
    for _ in 0..10 {
        skewed = bench.text(&ahead.repeat(10)).counts.repaired.of(Code::W113);
    }
    assert!(bench.decoder.skew_ns() < -2_000_000_000);
    assert_eq!(skewed, 10);
    let mut good = Bench::native();
    good.text(&alert("1", "").repeat(100));
    assert!(good.decoder.skew_ns() > 0);
}

#[test]
fn alerts_are_dealt_by_fingerprint() {
    let mut bench = Bench::with_workers(Source::named("test"), Format::Native, LIVE, 3);
    let lines: String =
        (0..60).map(|n| alert(&n.to_string(), &format!(r#""n":"{}""#, n % 20))).collect();
    let decoded = bench.text(&lines);
    let batches = &decoded.segments[0].alerts;
    assert_eq!(batches.len(), 3);
    for (at, batch) in batches.iter().enumerate() {
        assert_eq!(batch.worker, at as u64);
        assert!(!batch.events.is_empty());
        assert!(batch.events.iter().all(|e| e.fingerprint.low64() % 3 == at as u64));
    }
    let identities: usize = batches.iter().map(|batch| batch.identities.len()).sum();
    assert_eq!(identities, 20);
}

#[test]
fn binary_cloudevents() {
    let mut bench = Bench::new(Source::named("test"), Format::CloudEvents, LIVE);
    let headers = [
        ("Ce-SpecVersion", "1.0"),
        ("ce-id", "b%2D1"),
        ("ce-source", "/collector"),
        ("ce-type", "dev.causeway.event.v1"),
        ("ce-time", "2026-11-23T07:01:00Z"),
        ("content-type", "application/json"),
    ];
    let mut decode = |headers: &[(&str, &str)], body: &str| {
        let input = Input {
            format: Format::CloudEvents,
            framing: Framing::Body,
            tenant: &SmolStr::new_static("default"),
            mode: LIVE,
            origin: &Origin::default(),
            first_line: 1,
        };
        let decoded = bench.decoder.decode_binary(headers, body.as_bytes(), &input);
        assert!(decoded.counts.balanced());
        decoded
    };
    let body = r#"{"kind":"alert","name":"N","severity":"error","entity":"host:a"}"#;
    let decoded = decode(&headers, body);
    let lines = shown::alert_lines(&decoded);
    assert!(lines[0].ends_with("id b-1 from /collector"), "{}", lines[0]);
    assert_eq!(decode(&headers, "<xml/>").counts.signals, 1);
    assert_eq!(decode(&headers, "").counts.signals, 1);
    let refused = decode(&headers[1..], body);
    assert_eq!(refused.rejects[0].field, "specversion");
}

#[test]
fn envelopes_are_told_apart_in_native_input() {
    let text = concat!(
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"kind":"heartbeat"}}"#,
        "\n",
        r#"{"context":{"type":"dev.cdevents.service.deployed.0.2.0","id":"2"},"subject":{"id":"cart"}}"#,
        "\n",
        r#"{"context":{"type":"x"},"subject":{}}"#,
    );
    let counts = Bench::native().text(text).counts;
    assert_eq!((counts.signals, counts.context, counts.rejected), (1, 1, 1));
}

#[test]
fn an_object_over_several_lines_is_one_event_only_in_a_body() {
    let text = "{\n\"kind\": \"heartbeat\"\n}\n";
    let mut bench = Bench::native();
    assert_eq!(bench.text(text).counts.rejected, 3);
    bench.framing = Framing::Body;
    assert_eq!(bench.text(text).counts.signals, 1);
    let lines = "{\"kind\":\n{\"kind\":\"heartbeat\"}\n";
    let counts = bench.text(lines).counts;
    assert_eq!((counts.signals, counts.rejected), (1, 1));
}

#[test]
fn a_body_of_several_lines_is_judged_line_by_line_whatever_its_first_line_is() {
    const GOOD: &str = r#"{"kind":"heartbeat"}"#;
    for (first, signals, rejected) in [
        ("null", 2, 1),
        ("nonsense", 2, 1),
        ("Infinity", 2, 1),
        ("1", 2, 1),
        ("\"text\"", 2, 1),
        ("true", 2, 1),
        ("[]", 2, 0),
        ("[1]", 2, 1),
        ("[] 1", 2, 1),
        (r#"[{"kind":"heartbeat"},{"kind":"heartbeat"}]"#, 4, 0),
        ("{\"kind\":", 2, 1),
        ("{\"kind\":NaN}", 2, 1),
    ] {
        let mut bench = Bench::native();
        bench.framing = Framing::Body;
        for text in [format!("{first}\n{GOOD}\n{GOOD}\n"), format!("\n {first} \r\n{GOOD}\n{GOOD}")]
        {
            let counts = bench.text(&text).counts;
            assert_eq!((counts.signals, counts.rejected), (signals, rejected), "{text}");
        }
    }
    // One array stays one, however its lines are broken.
    for array in [
        format!("[{GOOD},\n{GOOD}]\n"),
        format!("[\n{GOOD}, {GOOD}\n]"),
        format!("\n[{GOOD},{GOOD}]\n\n"),
    ] {
        let mut bench = Bench::native();
        bench.framing = Framing::Body;
        let counts = bench.text(&array).counts;
        assert_eq!((counts.signals, counts.rejected), (2, 0), "{array}");
    }
}

#[test]
fn tables_have_no_ticks() {
    let mut bench = Bench::new(Source::named("topology"), Format::Native, Mode::Rows);
    let decoded = bench.text(concat!(
        r#"{"kind":"entity","time":"2020-01-01T00:00:00Z","entity":"host:a"}"#,
        "\n",
        r#"{"kind":"entity","time":"2030-01-01T00:00:00Z","entity":"host:b"}"#,
        "\n",
        r#"{"kind":"entity","entity":"host:c"}"#,
    ));
    assert_eq!(decoded.segments.len(), 1);
    assert_eq!(decoded.segments[0].tick, None);
    let times: Vec<_> =
        decoded.segments[0].context.iter().map(|event| event.time_ns / 1_000_000_000).collect();
    assert_eq!(times, [1_577_836_800, 1_893_456_000, 0]);
}
