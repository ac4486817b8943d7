//! How a source does, whatever the order in which its parts come.

use super::super::tests::{Bench, START, identity, stamp};
use super::*;
use crate::model::{SignalBatch, Stamp};
use crate::params::Params;

/// What a minute after the start brings: received, refused, repaired, late, and the delay of all.
type Brought = (u32, u32, u32, u32, Seconds);

fn tally(minute: i64, (received, rejected, repaired, late, delay): Brought) -> SourceTally {
    let step = DELAY_SECONDS.partition_point(|begin| *begin <= delay) as u8;
    let time = (START.div_euclid(MINUTE) + minute) * MINUTE;
    SourceTally {
        stamp: Stamp { source: 0, ..stamp(time) },
        last: time,
        received,
        rejected,
        repaired,
        late,
        delays: vec![(step, received)],
    }
}

/// Each minute in parts; a part of it some minutes later, as from a process that waited.
fn run(minutes: &[Brought], lag: i64, restarts: bool) -> Bench {
    let params = Params::default();
    let mut bench = Bench::new(&params);
    let first = START.div_euclid(MINUTE);
    for now in (first * MINUTE..(first + minutes.len() as i64 + 10) * MINUTE).step_by(10) {
        let mut sources = Vec::new();
        for (at, (received, rejected, repaired, late, delay)) in
            (0i64..).zip(minutes.iter().copied())
        {
            let part =
                |part: u32, whole: u32| if part == 0 { whole / 2 } else { whole - whole / 2 };
            for (half, arrival) in [(0, 10), (1, 20 + lag)] {
                if now == (first + at) * MINUTE + arrival {
                    let of = |whole| part(half, whole);
                    let brought = (of(received), of(rejected), of(repaired), of(late), delay);
                    sources.push(tally(at, brought));
                }
            }
        }
        let identities = vec![identity("source", "source:http", "source")];
        bench.epoch(now, SignalBatch { identities, sources, ..SignalBatch::default() });
        if restarts && now % 130 == 0 {
            bench.resume(&params, now);
        }
    }
    bench
}

const GOOD: Brought = (60, 0, 0, 0, 1);

/// Ten good minutes, three that are not, and as many good ones as it takes.
fn with(bad: Brought) -> Vec<Brought> {
    [vec![GOOD; 10], vec![bad; 3], vec![GOOD; 20]].concat()
}

/// The name of what was found, its first sentence, and how long it stood, minutes.
fn found(bench: &Bench) -> (String, String, i64) {
    let firing: Vec<_> = bench.stands.iter().filter(|(_, said)| said.is_some()).collect();
    let ended = bench.stands.iter().find(|(_, said)| said.is_none());
    let ((name, begin), said) = firing[0];
    let end = ended.map_or(0, |((_, end), _)| *end);
    (name.clone(), said.clone().unwrap_or_default(), (end - begin) / MINUTE)
}

#[test]
fn a_good_source_is_no_finding() {
    assert!(run(&with(GOOD), 0, false).stands.is_empty());
}

#[test]
fn clocks_refusals_repairs_and_lateness_are_found() {
    for (bad, name, said) in [
        (
            (60, 0, 0, 0, -40),
            "SourceSkew",
            "median delay of events of s, seconds, is -30, expected -30",
        ),
        (
            (60, 0, 0, 0, 400),
            "SourceSkew",
            "median delay of events of s, seconds, is 300, expected 180",
        ),
        ((60, 30, 30, 0, 1), "SourceRejects", "share of refused and repaired events of s is 0.2"),
        ((60, 0, 0, 60, 1), "SourceLate", "share of late events of s is 0.2"),
    ] {
        let bench = run(&with(bad), 0, false);
        let (found, first, minutes) = found(&bench);
        assert_eq!(found, format!("{name} source:http"));
        assert!(first.starts_with(said), "{first}");
        // Three of five minutes are bad, then none of the last five.
        assert!((3..=8).contains(&minutes), "{minutes}: {:?}", bench.stands);
    }
}

#[test]
fn a_few_events_say_nothing() {
    let few = [vec![(5, 0, 0, 0, 1); 10], vec![(5, 5, 0, 0, 1); 10]].concat();
    assert!(run(&few, 0, false).stands.is_empty());
}

#[test]
fn parts_that_come_later_and_restarts_change_nothing() {
    for bad in [(60, 0, 0, 0, -40), (60, 30, 30, 0, 1), (60, 0, 0, 60, 1)] {
        let prompt = run(&with(bad), 0, false).stands;
        assert_eq!(run(&with(bad), 240, true).stands, prompt);
        assert_eq!(run(&with(bad), 0, true).stands, prompt);
    }
}
