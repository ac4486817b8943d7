//! The checker against sinks whose faults are known.

use super::{Acked, Checker, Expected, Found, Report};
use crate::canonical::{Format, Framing, Message, Mode, Origin};
use crate::emit::wire::sample;
use crate::ingest::record::Head;
use proptest::prelude::*;
use proptest::sample::Index;

/// What a journal leads to: two incidents that take turns, and one that the sink does not want.
const TOLD: [(&str, u64); 7] = [
    ("inc-a", 1),
    ("inc-b", 1),
    ("inc-a", 2),
    ("inc-unwanted", 1),
    ("inc-b", 2),
    ("inc-a", 3),
    ("inc-b", 3),
];

fn line(id: &str, revision: u64) -> String {
    sample::message(id, revision).line.to_string()
}

fn wanted() -> Vec<String> {
    let wanted = TOLD.iter().filter(|(id, _)| *id != "inc-unwanted");
    wanted.map(|(id, revision)| line(id, *revision)).collect()
}

fn check_files(files: &[&str], is_unfinished: bool) -> Report {
    let mut expected = Expected::new();
    for (epoch, (id, revision)) in TOLD.iter().enumerate() {
        let message = sample::message(id, *revision);
        let key = (&message.revision.incident_id, *revision);
        expected.add(epoch as u64 / 2, key, message.line.as_bytes(), *id != "inc-unwanted");
    }
    let mut checker = Checker::new(expected);
    for (at, file) in files.iter().enumerate() {
        checker.read(&format!("f{at}"), file.as_bytes()).unwrap();
    }
    checker.finish(is_unfinished)
}

fn check(lines: &[String]) -> Report {
    check_files(&[&text(lines)], false)
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// How many of each kind: lost, duplicate, phantom, reordered, malformed; then torn.
fn counts(report: &Report) -> [u64; 6] {
    let Report { lost, duplicate, phantom, reordered, malformed, torn, .. } = report;
    assert_eq!(report.clean, report.is_clean());
    [lost, duplicate, phantom, reordered, malformed, torn].map(|found| found.count)
}

fn places(found: &Found) -> Vec<String> {
    found.first.iter().map(ToString::to_string).collect()
}

#[test]
fn a_sink_that_has_all_is_clean() {
    let report = check(&wanted());
    assert!(report.clean, "{}", report.to_text());
    assert_eq!((report.expected, report.told, report.lines), (6, 6, 6));
    assert_eq!(counts(&report), [0; 6]);
}

#[test]
fn each_fault_is_named_with_its_place() {
    let all = wanted();
    let with = |at: usize, line: String| {
        let mut lines = all.clone();
        lines.insert(at, line);
        lines
    };
    let mut lost = all.clone();
    lost.remove(2);
    let mut reordered = all.clone();
    reordered.swap(2, 4);
    let mut replaced = all.clone();
    replaced[2] = all[2].replace("cart", "CART");
    let other = all[2].replace("cart", "CART");
    let broken = all[2].replacen(':', ";", 1);
    let cases: [(Vec<String>, [u64; 6], &str); 11] = [
        (lost, [1, 0, 0, 0, 0, 0], "inc-a/2: expected as revision 3 of all, epoch 1"),
        (replaced, [0, 1, 0, 0, 0, 0], "f0:3: inc-a/2: other bytes than expected"),
        (
            with(5, other),
            [0, 1, 0, 0, 0, 0],
            "f0:6: inc-a/2: told before with other bytes, which are the expected ones",
        ),
        (with(1, line("inc-c", 1)), [0, 0, 1, 0, 0, 0], "f0:2: inc-c/1: no such incident"),
        (with(6, line("inc-a", 4)), [0, 0, 1, 0, 0, 0], "f0:7: inc-a/4: the incident has 3"),
        (with(0, line("inc-a", 0)), [0, 0, 1, 0, 0, 0], "f0:1: inc-a/0: the incident has 3"),
        (
            with(3, line("inc-unwanted", 1)),
            [0, 0, 1, 0, 0, 0],
            "f0:4: inc-unwanted/1: a revision that this sink does not ask for",
        ),
        (reordered, [0, 0, 0, 1, 0, 0], "f0:5: inc-a/2: first told behind revision 3"),
        (with(3, "hello".to_owned()), [0, 0, 0, 0, 1, 0], "f0:4: no revision"),
        (with(3, broken), [0, 0, 0, 0, 1, 0], "f0:4: no revision"),
        (
            with(3, "{\"a\":".to_owned()),
            [0, 0, 0, 0, 1, 0],
            "f0:4: breaks off, and does not begin as a revision does",
        ),
    ];
    for (lines, expected, place) in cases {
        let report = check(&lines);
        assert_eq!(counts(&report), expected, "{place}: {}", report.to_text());
        assert!(!report.clean);
        let all: Vec<String> = report.wrong().iter().flat_map(|(_, found)| places(found)).collect();
        assert!(all.len() == 1 && all[0].starts_with(place), "{all:?} is not {place}");
    }
}

#[test]
fn a_line_with_other_bytes_does_not_stand_for_the_one_that_is_missing_twice() {
    // The revision was told otherwise first, then as expected, then otherwise again.
    let mut lines = wanted();
    lines.insert(2, lines[2].replace("cart", "CART"));
    lines.push(lines[2].clone());
    let report = check(&lines);
    assert_eq!(counts(&report), [0, 2, 0, 0, 0, 0], "{}", report.to_text());
    assert_eq!(report.told, 6);
}

#[test]
fn a_torn_line_is_the_beginning_of_one_that_is_expected() {
    let all = wanted();
    let torn = |line: &str| {
        let mut lines = all.clone();
        lines.insert(3, line.to_owned());
        counts(&check(&lines))
    };
    for bytes in [1, 10, 30, 40, all[3].len() / 2, all[3].len() - 1] {
        assert_eq!(torn(&all[3][..bytes]), [0, 0, 0, 0, 0, 1], "{bytes}");
    }
    // A beginning that goes on otherwise than the whole, which follows.
    let half = &all[3][..all[3].len() / 2];
    let spoilt = format!("{}x", &half[..half.len() - 1]);
    assert_eq!(torn(&spoilt), [0, 0, 0, 0, 1, 0]);
    let unwanted = line("inc-unwanted", 1);
    assert_eq!(torn(&unwanted[..unwanted.len() / 2]), [0, 0, 0, 0, 1, 0]);
    let stranger = line("inc-c", 1);
    assert_eq!(torn(&stranger[..stranger.len() / 2]), [0, 0, 0, 0, 1, 0]);
    assert_eq!(torn(&stranger[..stranger.find("inc-c").unwrap() + 5]), [0, 0, 0, 0, 1, 0]);
}

#[test]
fn what_is_not_told_yet_is_lost_only_when_the_process_is_done() {
    let all = wanted();
    let begun = format!("{}{}", text(&all[..4]), &all[4][..50]);
    assert_eq!(counts(&check_files(&[&begun], false)), [2, 0, 0, 0, 0, 1]);
    let report = check_files(&[&begun], true);
    assert_eq!((counts(&report), report.pending), ([0, 0, 0, 0, 0, 1], 2));
    // A gap before the last that was told is lost in any case.
    let gap = text(&[&all[..2], &all[3..5]].concat());
    let report = check_files(&[&gap], true);
    assert_eq!((counts(&report), report.pending), ([1, 0, 0, 0, 0, 0], 1));
    assert_eq!(check_files(&[""], true).pending, 6);
}

#[test]
fn findings_are_counted_beyond_those_that_are_shown() {
    let mut lines = wanted();
    lines.extend((1..=25).map(|at| format!("nothing {at}")));
    let report = check(&lines);
    assert_eq!((report.malformed.count, report.malformed.first.len()), (25, 10));
    assert!(report.to_text().contains("and 15 more"), "{}", report.to_text());
}

/// A sink as runs leave it that are killed one after the other: each tells from some place
/// that was told already, up to some place within a line.
fn runs(all: &[String], kills: &[(Index, Index, Index)]) -> Vec<String> {
    let mut files = Vec::new();
    let (mut file, mut told, mut is_first) = (String::new(), 0, true);
    for (back, forth, bytes) in kills {
        if !is_first {
            file.push('\n');
        }
        let from = told - back.index(told + 1).min(told);
        let upto = from + forth.index(all.len() - from + 1);
        file.push_str(&text(&all[from..upto]));
        told = told.max(upto);
        if let Some(next) = all.get(upto) {
            file.push_str(&next[..bytes.index(next.len())]);
        }
        if bytes.index(4) == 0 {
            // The next run was given another file.
            files.push(std::mem::take(&mut file));
            is_first = true;
        } else {
            is_first = false;
        }
    }
    if !is_first {
        file.push('\n');
    }
    file.push_str(&text(&all[told..]));
    files.push(file);
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn kills_leave_a_clean_sink_and_one_fault_in_it_is_found(
        kills in prop::collection::vec(any::<(Index, Index, Index)>(), 0..5),
        which in any::<Index>(),
        fault in 0..4_usize,
    ) {
        let all = wanted();
        let files = runs(&all, &kills);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let report = check_files(&files, false);
        prop_assert!(report.clean, "{files:#?}\n{}", report.to_text());
        let at = which.index(all.len());
        let (spoilt, expected) = match fault {
            // Every line of one revision goes.
            0 => (all[at].clone(), ""),
            1 => (format!("{}\n", all[at]), "x\n"),
            2 => (all[at].clone(), "cart"),
            _ => (String::new(), "phantom"),
        };
        let whole = files.join("\u{0}");
        let changed = match (fault, expected) {
            (0, _) => whole.replace(&format!("{spoilt}\n"), ""),
            (1, junk) => whole.replacen(&spoilt, &format!("{spoilt}{junk}"), 1),
            (2, word) => whole.replacen(&spoilt, &spoilt.replace(word, "CART"), 1),
            _ => format!("{whole}{}\n", line("inc-c", 1)),
        };
        prop_assert_ne!(&changed, &whole);
        let files: Vec<&str> = changed.split('\u{0}').collect();
        let report = check_files(&files, false);
        let found = counts(&report);
        let kind = [0, 4, 1, 2][fault];
        prop_assert_eq!(found[kind], 1, "{}", report.to_text());
        let others: u64 = found[..5].iter().sum::<u64>() - 1;
        prop_assert_eq!(others, 0, "{}", report.to_text());
    }
}

fn head(framing: Framing, headers: Option<Vec<(String, String)>>) -> Head {
    Head {
        source: "http".into(),
        decoder: 0,
        mode: Mode::Live { receipt_ns: 0 },
        format: Format::Native,
        framing,
        tenant: "default".into(),
        origin: Origin::default(),
        first_line: 1,
        headers,
        messages: Vec::new(),
        cut: Vec::new(),
        kinds: Vec::new(),
        key: None,
    }
}

/// The lines of what was acknowledged that no delivery holds.
fn unmet(acked: &str, deliveries: &[(Head, &str)]) -> Vec<u64> {
    let mut acked = Acked::read(acked.as_bytes()).unwrap();
    deliveries.iter().for_each(|(head, body)| acked.meet(head, body.as_bytes()));
    acked.lost(&"acked".into()).first.iter().filter_map(|finding| finding.line).collect()
}

#[test]
fn what_was_acknowledged_is_found_however_it_was_sent() {
    let lines = "{\"id\":\"e-1\",\"source\":\"a\"}\n{\"name\":\"no id\"}\n\"e-3\"\n\ne-4\n";
    assert_eq!(unmet(lines, &[]), [1, 2, 3, 5]);
    let sent = |framing, body| (head(framing, None), body);
    let (all, body) = (Framing::Lines, Framing::Body);
    let array = Framing::Elements { first: 3 };
    for (deliveries, expected) in [
        (vec![sent(all, "{\"id\":\"e-1\",\"source\":\"a\"}\r\n")], &[2, 3, 5][..]),
        (vec![sent(all, "junk\n{\"source\": \"a\", \"id\": \"e-1\"}")], &[2, 3, 5]),
        (vec![sent(all, "{\"source\":\"b\",\"id\":\"e-1\"}")], &[1, 2, 3, 5]),
        (vec![sent(body, "{\"name\":\"no id\"}")], &[1, 3, 5]),
        (vec![sent(body, "{\n \"id\": \"e-3\"\n}\n")], &[1, 2, 5]),
        (vec![sent(body, " [{\"id\":\"e-3\"}, 7, {\"id\":\"e-4\"}, {")], &[1, 2]),
        (vec![sent(array, "{\"id\":\"e-3\"},\n{\"id\":\"e-4\"}]")], &[1, 2]),
        (vec![sent(all, "[{\"id\":\"e-3\"}]\n{\"id\":\"e-4\"}")], &[1, 2]),
        (vec![sent(body, "[{\"id\":\"e-3\"}]\n{\"id\":\"e-4\"}")], &[1, 2]),
        (vec![sent(body, "null\n{\"id\":\"e-3\"}\n{\"id\":\"e-4\"}")], &[1, 2]),
        (vec![sent(all, "{\"id\":\"e-3\"}"), sent(all, "{\"id\":\"e-4\"}")], &[1, 2]),
    ] {
        assert_eq!(unmet(lines, &deliveries), expected, "{deliveries:?}");
    }
    let named = [("ce-id", "e-1"), ("ce-source", "a")];
    let named = named.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    assert_eq!(unmet(lines, &[(head(body, Some(named)), "")]), [2, 3, 5]);
    // Messages of a log lie one behind the other, whatever parts them.
    let message = |bytes, attributes: &[(&str, &str)]| Message {
        bytes,
        attributes: attributes.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect(),
        ..Message::default()
    };
    let messages = vec![
        message(12, &[]),
        message(2, &[("ce-id", "e-1"), ("ce-source", "a")]),
        message(16, &[]),
    ];
    let head = Head { messages, ..head(body, None) };
    assert_eq!(unmet(lines, &[(head, "{\"id\":\"e-3\"}{}[{\"id\":\"e-4\"}]\n")]), [2]);
    assert_eq!(Acked::read("e-1\ne-1\n".as_bytes()).unwrap().count(), 2);
}
