//! What holds for any input: books balance, cuts do not matter, neighbours do not notice.

use super::{Bench, LIVE, shown};
use causeway::canonical::{Decoded, Format, Framing, Mode, Source};
use proptest::prelude::*;

const FORMATS: [Format; 7] = [
    Format::Native,
    Format::Alertmanager,
    Format::Webhook,
    Format::CloudEvents,
    Format::CdEvents,
    Format::Backstage,
    Format::Kubernetes,
];

fn samples() -> Vec<String> {
    let text = include_str!("../../../fixtures/wire/native/good_alert.ndjson");
    let contract = include_str!("../../../fixtures/wire/native/good_contract.ndjson");
    let bad = include_str!("../../../fixtures/wire/native/bad_alert.ndjson");
    let signals = include_str!("../../../fixtures/wire/native/good_signal.ndjson");
    let bad_signals = include_str!("../../../fixtures/wire/native/bad_signal.ndjson");
    let texts = [text, contract, bad, signals, bad_signals];
    let lines = texts.into_iter().flat_map(str::lines);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Lines of the fixtures in any order, some with a few bytes changed.
fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let line = (any::<prop::sample::Index>(), prop::collection::vec(edit(), 0..3)).prop_map(
        |(which, edits)| {
            let samples = samples();
            let mut line = samples[which.index(samples.len())].clone().into_bytes();
            for (at, byte) in edits {
                let at = at.index(line.len());
                line[at] = byte;
            }
            line
        },
    );
    prop::collection::vec(line, 1..20)
}

/// Any byte but a line feed, which would make two lines of one.
fn edit() -> impl Strategy<Value = (prop::sample::Index, u8)> {
    let bytes = prop_oneof![
        Just(b'"'),
        Just(b'\\'),
        Just(b'{'),
        Just(b']'),
        Just(0xff),
        (0u8..=255).prop_filter("a line feed cuts", |byte| *byte != b'\n'),
    ];
    (any::<prop::sample::Index>(), bytes)
}

/// All records and rejects of a few calls as text, without the shape of the calls.
fn flat(all: &[Decoded]) -> Vec<String> {
    let mut rows = Vec::new();
    for decoded in all {
        for segment in &decoded.segments {
            let tick = segment.tick;
            for batch in &segment.alerts {
                let events = batch.events.iter();
                rows.extend(events.map(|e| format!("{tick:?} {}", shown::alert(batch, e))));
            }
            for batch in &segment.heard {
                let stamps = (batch.samples.iter().map(|sample| &sample.stamp))
                    .chain(batch.lines.iter().map(|line| &line.stamp))
                    .chain(batch.calls.iter().map(|call| &call.stamp));
                rows.extend(stamps.map(|stamp| {
                    let of = &batch.identities[stamp.identity as usize];
                    let labels: Vec<_> = of.labels.iter().collect();
                    format!(
                        "{} {} {labels:?} at {} from {}",
                        of.entity, of.name, stamp.time, of.source
                    )
                }));
            }
            rows.extend(segment.context.iter().map(|e| format!("{tick:?} {}", shown::context(e))));
        }
        rows.extend(
            decoded.rejects.iter().map(|r| format!("{} {} {:?}", r.line, r.code, r.payload)),
        );
    }
    rows.sort();
    rows
}

/// A line decoded the short way, where it can be, and from its tape.
fn both_ways(line: &[u8]) -> (Decoded, Decoded) {
    // After so many lines that cannot take the short way it is not tried for a while.
    let change = r#"{"source":"s","kind":"entity","entity":"host:a/b"}"#;
    let mut long = Bench::native();
    long.decode([change; 64].join("\n").as_bytes());
    long.next_line = 1;
    (Bench::native().decode(line), long.decode(line))
}

/// An alert may say what a metric or a span says; that it is stepped over is no reason to take what
/// is no JSON. The first was found by `make torture`.
#[test]
fn what_an_alert_does_not_need_is_checked_as_well() {
    for part in [
        r#""metric":{"type""gauge","unit":"%"}"#,
        r#""metric":{"type":"gauge","unit"}"#,
        r#""metric":{"a":1,}"#,
        r#""span":{"status":"error" "peer":"p"}"#,
        r#""span":{"a":[1 2]}"#,
        r#""labels":{"a":"b" "c":"d"}"#,
        r#""body":{"a" 1}"#,
        r#""other":{"a" 1}"#,
    ] {
        let line = format!(r#"{{"kind":"alert","name":"N","entity":"host:a/b",{part}}}"#);
        let (short, long) = both_ways(line.as_bytes());
        assert_eq!((short.counts.accepted, long.counts.accepted), (0, 0), "{line}");
        assert_eq!(flat(&[short]), flat(&[long]));
        let sound = line.replace(part, r#""metric":{"a":[1,{"b":2}]},"span":{"peer":"p"}"#);
        assert_eq!(both_ways(sound.as_bytes()).0.counts.accepted, 1, "{sound}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_counted_and_nothing_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        replay in any::<bool>(),
        body in any::<bool>(),
    ) {
        for format in FORMATS {
            let mode = if replay { Mode::Replay } else { LIVE };
            let mut bench = Bench::new(Source::named("test"), format, mode);
            bench.framing = if body { Framing::Body } else { Framing::Lines };
            bench.decode(&bytes);
        }
    }

    #[test]
    fn almost_good_bytes_are_counted_in_every_format(lines in lines()) {
        let text = lines.join(&b'\n');
        for format in FORMATS {
            for framing in [Framing::Lines, Framing::Body] {
                let mut bench = Bench::new(Source::named("test"), format, Mode::Replay);
                bench.framing = framing;
                bench.decode(&text);
            }
        }
    }

    #[test]
    fn cuts_between_lines_do_not_matter(
        lines in lines(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let whole = Bench::replay().decode(&lines.join(&b'\n'));
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(lines.len())).collect();
        at.extend([0, lines.len()]);
        at.sort_unstable();
        let mut bench = Bench::replay();
        let parts: Vec<_> = at
            .windows(2)
            .map(|pair| {
                let mut part = lines[pair[0]..pair[1]].join(&b'\n');
                part.extend(if part.is_empty() { &b""[..] } else { b"\n" });
                bench.decode(&part)
            })
            .collect();
        prop_assert_eq!(flat(&[whole]), flat(&parts));
    }

    #[test]
    fn a_broken_line_costs_only_itself(
        lines in lines(),
        at in any::<prop::sample::Index>(),
        junk in prop::collection::vec((0u8..=255).prop_filter("", |b| *b != b'\n'), 0..60),
    ) {
        // Whatever the junk is, it must not be an event of its own.
        let broken: Vec<u8> = [&b"{\"kind\":"[..], &junk, b"\""].concat();
        let at = at.index(lines.len() + 1);
        let mut with = lines.clone();
        with.insert(at, broken.clone());
        let before = Bench::native().decode(&lines.join(&b'\n'));
        let after = Bench::native().decode(&with.join(&b'\n'));
        prop_assert_eq!(after.counts.received, before.counts.received + 1);
        prop_assert_eq!(after.counts.rejected, before.counts.rejected + 1);
        let said = |decoded: &Decoded| -> Vec<String> {
            let batches = decoded.segments.iter().flat_map(|segment| &segment.alerts);
            batches.flat_map(|batch| batch.events.iter().map(|e| shown::alert(batch, e))).collect()
        };
        prop_assert_eq!(said(&before), said(&after));
    }

    #[test]
    fn the_way_that_a_line_takes_makes_no_difference(lines in lines()) {
        for line in lines {
            let (short, long) = both_ways(&line);
            prop_assert_eq!(format!("{:?}", short.counts), format!("{:?}", long.counts));
            prop_assert_eq!(flat(&[short]), flat(&[long]));
        }
    }

    #[test]
    fn workers_only_deal(lines in lines(), workers in 1usize..5) {
        let text = lines.join(&b'\n');
        let one = Bench::native().decode(&text);
        let many =
            Bench::with_workers(Source::named("test"), Format::Native, LIVE, workers).decode(&text);
        prop_assert_eq!(flat(&[one]), flat(&[many]));
    }

    #[test]
    fn what_was_decoded_before_does_not_matter_to_live_input(
        first in lines(),
        second in lines(),
        generation in 1usize..4,
    ) {
        let mut source = Source::named("test");
        source.limits.identities_max = generation;
        let mut warm = Bench::new(source, Format::Native, LIVE);
        warm.decode(&first.join(&b'\n'));
        warm.next_line = 1;
        let text = second.join(&b'\n');
        prop_assert_eq!(flat(&[warm.decode(&text)]), flat(&[Bench::native().decode(&text)]));
    }
}
