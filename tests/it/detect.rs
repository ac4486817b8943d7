//! `causeway detect`: rows as they were, scores that no later row changes, errors that help.

use crate::live::process::causeway;
use crate::quality::nab_score::{Labels, PROFILES};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Output;

/// A series with a daily course, noise, and a fault near its end.
fn series(rows: usize) -> String {
    let mut text = String::from("timestamp,value\n");
    let mut state = 7u64;
    for row in 0..rows {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let noise = (state >> 40) as f64 / (1u64 << 24) as f64;
        let day = (row as f64 / 288.0 * std::f64::consts::TAU).sin();
        let fault = if row + 100 > rows && row + 80 < rows { 300.0 } else { 0.0 };
        let (days, minutes) = (row / 288, row % 288 * 5);
        let (hour, minute) = (minutes / 60, minutes % 60);
        let (month, day_of_month) = (1 + days / 28, 1 + days % 28);
        let value = 100.0 + 20.0 * day + 5.0 * noise + fault;
        writeln!(text, "2026-{month:02}-{day_of_month:02} {hour:02}:{minute:02}:00,{value:.3}")
            .unwrap();
    }
    text
}

fn detect(folder: &Path, text: &str, more: &[&str]) -> (Output, String) {
    let (input, out) = (folder.join("in.csv"), folder.join("out.csv"));
    fs::write(&input, text).unwrap();
    let mut arguments = vec!["detect", "--csv", input.to_str().unwrap()];
    arguments.extend(["--out", out.to_str().unwrap()]);
    arguments.extend(more);
    let output = causeway(&arguments, b"");
    (output, fs::read_to_string(&out).unwrap_or_default())
}

#[test]
fn rows_are_echoed_and_a_fault_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let text = series(4000);
    let (output, scores) = detect(folder.path(), &text, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines = scores.lines();
    assert_eq!(lines.next(), Some("timestamp,value,score,alert"));
    let mut alerts = Vec::new();
    for (row, (line, source)) in lines.zip(text.lines().skip(1)).enumerate() {
        let rest = line.strip_prefix(source).unwrap().strip_prefix(',').unwrap();
        let (score, alert) = rest.split_once(',').unwrap();
        let score: f64 = score.parse().unwrap();
        assert!((0.0..=1.0).contains(&score), "{line}");
        assert_eq!(alert == "1", score >= 0.5, "{line}");
        if alert == "1" {
            alerts.push(row);
        }
    }
    assert_eq!(scores.lines().count(), 4001);
    assert_eq!(alerts.first(), Some(&3901));
}

#[test]
fn no_row_knows_of_those_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = series(3000);
    let (_, whole) = detect(folder.path(), &text, &["--season", "86400"]);
    for rows in [1, 2, 100, 1999, 2950] {
        let part: String = text.split_inclusive('\n').take(rows + 1).collect();
        let (_, scores) = detect(folder.path(), &part, &["--season", "86400"]);
        let expected: String = whole.split_inclusive('\n').take(rows + 1).collect();
        assert!(scores == expected, "the first {rows} rows");
    }
}

#[test]
fn other_columns_clocks_and_gaps_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let text = "\u{feff}host,time,\"p99, ms\"\r\na,1700000000000,1\r\n\r\nb,1700000010000,\r\n\
                c,1700000005000,NaN\r\nd,1700000010000,-1e3\r\n";
    let (output, scores) = detect(folder.path(), text, &["--column", "p99, ms", "--time", "time"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = "timestamp,value,score,alert\n1700000000000,1,0.000000,0\n\
                    1700000010000,,0.000000,0\n1700000005000,NaN,0.000000,0\n";
    assert!(scores.starts_with(expected), "{scores}");
    assert_eq!(scores.lines().count(), 5);
}

#[test]
fn what_means_nothing_is_named_with_its_line_and_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("", "is empty; a header comes first"),
        ("time,value\n1,2\n", "in.csv:1: no column \"timestamp\""),
        ("timestamp,v\n1,2\n", "name it with --column"),
        ("timestamp,value\n1,2\nsoon,2\n", "in.csv:3: \"soon\" is no time; write"),
        ("timestamp,value\n1,2\n2,many\n", "in.csv:3: \"many\" is no number; write"),
        ("timestamp,value\n1,2\n2\n", "in.csv:3: 1 fields, but the header has 2"),
        ("timestamp,value\n1,\"2\n", "in.csv:2: a quoted field does not end"),
    ];
    for (text, expected) in cases {
        let (output, _) = detect(folder.path(), text, &[]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{told}");
        assert!(told.contains(expected), "{told}");
    }
    let (output, _) = detect(folder.path(), "timestamp,value\n", &["--season", "0"]);
    assert_eq!(output.status.code(), Some(2));
    let missing = folder.path().join("none.csv");
    let output = causeway(&["detect", "--csv", missing.to_str().unwrap(), "--out", "-"], b"");
    assert_eq!(output.status.code(), Some(74));
    let input = folder.path().join("in.csv");
    let input = input.to_str().unwrap();
    let output = causeway(&["detect", "--csv", input, "--out", input], b"");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_score_of_a_series_is_what_paper_and_pencil_say() {
    let labels = Labels { rows: 100, windows: vec![(40, 49), (80, 89)] };
    // Row 10 is in probation, 45 the earliest in its window, 52 shortly behind it.
    let tally = labels.tally([10, 20, 45, 47, 52]);
    let sigmoid = |at: f64| 2.0 / (1.0 + (5.0 * at).exp()) - 1.0;
    assert_eq!((tally.missed, tally.windows, tally.false_alarms), (1, 2, 2));
    assert!((tally.found - sigmoid(-0.5) / sigmoid(-1.0)).abs() < 1e-12);
    assert!((tally.wrong - (-1.0 + sigmoid(3.0 / 9.0))).abs() < 1e-12);
    let by_hand = [41.8686, 37.2424, 44.5791];
    for ((name, profile), expected) in PROFILES.into_iter().zip(by_hand) {
        let score = tally.score(profile);
        assert!((score - expected).abs() < 0.01, "{name}: {score}");
    }
    assert_eq!(labels.tally([40, 80]).score(PROFILES[0].1), 100.0);
    assert_eq!(labels.tally([]).score(PROFILES[0].1), 0.0);
}
