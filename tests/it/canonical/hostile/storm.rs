//! Spoilt records of every format between good ones (RELIABILITY R7); `torture` says how many.

use super::super::{Bench, LIVE, shown};
use super::mutate::{Dice, spoil};
use causeway::canonical::{Decoded, Decoder, Format, Framing, Mode, Reject, Source};
use std::fs;
use std::path::Path;

/// Spoilt records in one call; a good one stands before and after each.
const BATCH: usize = 50;
/// Identities that a decoder of this test may remember, so that forgetting is part of it.
const IDENTITIES_MAX: usize = 64;

/// Lines without an id that are told apart; all of a batch, or the ids of good ones change.
const ORDINALS_MAX: usize = 512;

/// A format under test.
struct Subject {
    folder: &'static str,
    format: Format,
    /// The good record with this number.
    good: fn(usize) -> String,
    /// What separates records.
    between: &'static str,
}

const SUBJECTS: [Subject; 6] = [
    Subject { folder: "native", format: Format::Native, good: good_native, between: "\n" },
    Subject {
        folder: "alertmanager",
        format: Format::Alertmanager,
        good: good_posted,
        between: "\n",
    },
    Subject { folder: "webhook", format: Format::Webhook, good: good_webhook, between: "\n" },
    Subject {
        folder: "cloudevents",
        format: Format::CloudEvents,
        good: good_cloudevent,
        between: "\n",
    },
    Subject { folder: "cdevents", format: Format::CdEvents, good: good_cdevent, between: "\n" },
    Subject {
        folder: "backstage",
        format: Format::Backstage,
        good: good_document,
        between: "\n---\n",
    },
];

fn good_native(number: usize) -> String {
    format!(
        r#"{{"id":"good-{number}","kind":"alert","name":"Good","time":"2026-11-23T07:01:30Z","severity":"error","entity":"host:good-{number}"}}"#
    )
}

fn good_posted(number: usize) -> String {
    format!(
        r#"[{{"labels":{{"alertname":"Good","severity":"error","entity":"host:good-{number}"}},"startsAt":"2026-11-23T07:01:30Z"}}]"#
    )
}

fn good_webhook(number: usize) -> String {
    let alert = good_posted(number).replace("{\"labels\"", "{\"status\":\"firing\",\"labels\"");
    format!(r#"{{"version":"4","receiver":"good","status":"firing","alerts":{alert}}}"#)
}

fn good_cloudevent(number: usize) -> String {
    let data = good_native(number);
    format!(
        r#"{{"specversion":"1.0","id":"ce-{number}","source":"/good","type":"dev.causeway.event.v1","data":{data}}}"#
    )
}

fn good_cdevent(number: usize) -> String {
    format!(
        r#"{{"context":{{"version":"0.4.1","id":"cd-{number}","source":"/good","type":"dev.cdevents.incident.detected.0.2.0","timestamp":"2026-11-23T07:01:30Z"}},"subject":{{"id":"good-{number}","type":"incident","content":{{"service":{{"id":"shop/good"}}}}}}}}"#
    )
}

fn good_document(number: usize) -> String {
    format!(
        "kind: Component\nmetadata: {{name: good-{number}, namespace: good}}\nspec: {{type: service, owner: group:good/team}}"
    )
}

/// The records of the fixtures of a format, good and bad, each as its sender would write it.
fn samples(subject: &Subject) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire").join(subject.folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let mut records = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("ndjson") => records.extend(text.lines().map(|line| line.as_bytes().to_vec())),
            Some("json") => records.push(text.replace('\n', " ").into_bytes()),
            Some("yaml") => records.extend(text.split("\n---\n").map(|d| d.as_bytes().to_vec())),
            _ => {}
        }
    }
    records.retain(|record| !record.is_empty());
    assert!(records.len() >= 2, "{}", subject.folder);
    records
}

/// A record may not end early what it is in: lines end at line feeds, documents at markers.
fn contain(subject: &Subject, mut record: Vec<u8>) -> Vec<u8> {
    if subject.format != Format::Backstage {
        record.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
        return record;
    }
    for at in 0..record.len() {
        let at_start = at == 0 || record[at - 1] == b'\n';
        if at_start && record[at..].starts_with(b"---") {
            record[at] = b'+';
        }
    }
    record
}

/// A good record, a spoilt one, a good one, …; a good one last.
fn interleave(subject: &Subject, spoilt: &[Vec<u8>]) -> Vec<u8> {
    let mut text = Vec::new();
    for (number, record) in spoilt.iter().enumerate() {
        text.extend_from_slice((subject.good)(number).as_bytes());
        text.extend_from_slice(subject.between.as_bytes());
        text.extend_from_slice(record);
        text.extend_from_slice(subject.between.as_bytes());
    }
    text.extend_from_slice((subject.good)(spoilt.len()).as_bytes());
    text
}

/// What became of the good records.
fn good_rows(decoded: &Decoded) -> Vec<String> {
    let mut rows = Vec::new();
    for segment in &decoded.segments {
        for batch in &segment.alerts {
            let alerts = batch.events.iter().map(|event| shown::alert(batch, event));
            rows.extend(alerts.filter(|row| row.contains("good-")));
        }
        let context = segment.context.iter().map(shown::context);
        rows.extend(context.filter(|row| row.contains("good-")));
    }
    rows
}

/// What holds for every reject, whatever was wrong.
fn check_rejects(decoded: &Decoded, first_line: u64) {
    let counts = &decoded.counts;
    assert!(counts.balanced(), "{counts:?}");
    assert_eq!(decoded.rejects.len() as u64 + counts.rejects_unrecorded, counts.rejected);
    for reject in &decoded.rejects {
        assert!(reject.code.refuses(), "{reject:?}");
        assert!((first_line..first_line + decoded.lines).contains(&reject.line), "{reject:?}");
        assert!(!reject.message.is_empty() && reject.message.len() <= 1_024, "{reject:?}");
        assert!(reject.field.len() <= 256, "{reject:?}");
        assert!(reject.payload.len() <= Reject::PAYLOAD_BYTES_MAX);
        assert!(reject.payload_bytes >= reject.payload.len() as u64);
    }
}

fn source() -> Source {
    let mut source = Source::named("test");
    source.limits.identities_max = IDENTITIES_MAX;
    source.limits.ordinals_max = ORDINALS_MAX;
    source.limits.ids_max = 256;
    source
}

/// Sends spoilt records of one format in batches, and gives their number.
fn storm(subject: &Subject, seed: u64, records: usize) -> usize {
    let samples = samples(subject);
    let mut dice = Dice::new(seed);
    let mut bench = Bench::new(source(), subject.format, LIVE);
    let mut sent = 0;
    while sent < records {
        let spoilt: Vec<Vec<u8>> = (0..BATCH)
            .map(|at| {
                let (record, other) = (dice.below(samples.len()), dice.below(samples.len()));
                let serial = (sent + at) as u64;
                contain(subject, spoil(&mut dice, &samples[record], &samples[other], serial))
            })
            .collect();
        let expected = good_rows(&bench.decode(&interleave(subject, &vec![Vec::new(); BATCH])));
        assert!(expected.len() > BATCH, "{}", subject.folder);
        let first_line = bench.next_line;
        let text = interleave(subject, &spoilt);
        let decoded = bench.decode(&text);
        check_rejects(&decoded, first_line);
        if good_rows(&decoded) != expected {
            return blame(subject, &spoilt);
        }
        if subject.format != Format::Backstage {
            assert_eq!(decoded.lines, 2 * BATCH as u64 + 1);
            let good = |reject: &Reject| (reject.line - first_line).is_multiple_of(2);
            assert!(!decoded.rejects.iter().any(good), "{:?}", decoded.rejects);
        }
        check_kept(&bench.decoder);
        sent += BATCH;
        elsewhere(subject, &text);
    }
    sent
}

/// Finds the one record that its neighbours suffer from, for the message.
fn blame(subject: &Subject, spoilt: &[Vec<u8>]) -> usize {
    for record in spoilt {
        let alone = |record: &[u8]| {
            let text = interleave(subject, &[record.to_vec()]);
            good_rows(&Bench::new(source(), subject.format, LIVE).decode(&text))
        };
        let (with, without) = (alone(record), alone(b""));
        let text = String::from_utf8_lossy(&record[..record.len().min(2_000)]).into_owned();
        assert_eq!(with, without, "{}: {text:?}", subject.folder);
    }
    panic!("{}: only together do the records harm their neighbours", subject.folder);
}

/// The same bytes as a body, in a replay, and from a source that takes no repairs and
/// remembers ids: nothing but the books is the same there.
fn elsewhere(subject: &Subject, text: &[u8]) {
    for (framing, mode, strict) in [
        (Framing::Body, LIVE, false),
        (Framing::Lines, Mode::Replay, false),
        (Framing::Lines, LIVE, true),
    ] {
        let source = Source { strict, dedupe_ids: strict, ..source() };
        let mut bench = Bench::with_workers(source, subject.format, mode, 3);
        bench.framing = framing;
        let decoded = bench.decode(text);
        if !strict {
            check_rejects(&decoded, 1);
        }
        check_kept(&bench.decoder);
    }
}

/// What a decoder keeps from call to call does not grow with what it has seen.
fn check_kept(decoder: &Decoder) {
    let kept = decoder.kept();
    // Two generations, and what one batch brings.
    assert!(kept.identities <= 2 * IDENTITIES_MAX + 4 * BATCH, "{kept:?}");
    assert!(kept.ordinals <= ORDINALS_MAX && kept.ids <= 256, "{kept:?}");
    assert!(kept.buffer_bytes <= 16 << 20, "{kept:?}");
}

/// CloudEvents in binary mode: headers and body spoilt, each call a request of its own.
fn storm_of_requests(seed: u64, records: usize) -> usize {
    let subject = &SUBJECTS[0];
    let samples = samples(subject);
    let mut dice = Dice::new(seed);
    let mut bench = Bench::new(source(), Format::CloudEvents, LIVE);
    let text = |dice: &mut Dice, good: &str, serial| {
        let spoilt = spoil(dice, good.as_bytes(), b"%zz%e9%", serial);
        if dice.below(3) == 0 {
            String::from_utf8_lossy(&spoilt).into_owned()
        } else {
            good.to_owned()
        }
    };
    let head = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/a"), ("ce-type", "t")];
    let mut request = |headers: &[(&str, &str)], body: &[u8]| {
        let decoded = bench.binary(headers, body);
        check_rejects(&decoded, 1);
        check_kept(&bench.decoder);
        decoded
    };
    let good = good_rows(&request(&head, good_native(0).as_bytes()));
    for sent in 0..records {
        let serial = sent as u64;
        let headers: Vec<(&str, String)> =
            head.iter().map(|(name, value)| (*name, text(&mut dice, value, serial))).collect();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (record, other) = (dice.below(samples.len()), dice.below(samples.len()));
        let body = spoil(&mut dice, &samples[record], &samples[other], serial);
        let counts = request(&headers, &body).counts;
        assert!(counts.received > 0, "a request without an event");
        if sent.is_multiple_of(BATCH) {
            assert_eq!(good_rows(&request(&head, good_native(0).as_bytes())), good);
        }
    }
    records
}

/// Sends spoilt records of every format, so many of each, and gives their number.
pub(crate) fn storms(seed: u64, records: usize) -> usize {
    // Each format has a seed of its own, and the next run goes on with others.
    let seeds = (seed * 7).saturating_sub(6)..;
    let of_formats: usize =
        SUBJECTS.iter().zip(seeds).map(|(subject, seed)| storm(subject, seed, records)).sum();
    of_formats + storm_of_requests(seed * 7, records)
}
