//! Rows of CSV as samples, and a series from a file to its alert.

use super::{Bench, LIVE};
use crate::live::process::causeway;
use causeway::canonical::csv::Columns;
use causeway::canonical::{Format, Source};
use std::fmt::Write as _;
use std::sync::Arc;

fn bench(columns: &[&str], metric: &str, entity: &str) -> Bench {
    let mut source = Source::named("test");
    let names = columns.iter().map(|name| (*name).into()).collect();
    source.csv = Some(Arc::new(Columns::new(names, metric.into(), entity.into()).unwrap()));
    Bench::new(source, Format::Csv, LIVE)
}

/// Each sample as `entity name{labels} time value`, and each reject as `line code message`.
fn read(bench: &mut Bench, text: &str) -> (Vec<String>, Vec<String>) {
    let decoded = bench.decode(text.as_bytes());
    let mut taken = Vec::new();
    for batch in decoded.segments.iter().flat_map(|segment| &segment.heard) {
        for sample in &batch.samples {
            let of = &batch.identities[sample.stamp.identity as usize];
            let labels: Vec<String> =
                of.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let (labels, time) = (labels.join(","), sample.stamp.time);
            taken.push(format!(
                "{} {}{{{labels}}} {time} {}",
                of.entity.text, of.name, sample.value
            ));
        }
    }
    let rejects = decoded.rejects.iter();
    let refused = rejects.map(|r| format!("{} {} {}", r.line, r.code, r.message)).collect();
    assert_eq!(decoded.counts.received, decoded.counts.accepted + decoded.counts.rejected);
    (taken, refused)
}

#[test]
fn rows_are_samples_of_the_configured_series() {
    let mut bench = bench(&["timestamp", "value", "region"], "cpu", "host:db-1");
    let text = "timestamp,value,region\r\n\
                2026-11-23 07:01:00,0.5,eu\n\
                1795417320,\"7\",\"us, east\"\n\n\
                2026-11-23T07:02:00Z,1e3,\n";
    let (taken, refused) = read(&mut bench, text);
    assert_eq!(refused, [""; 0]);
    assert_eq!(
        taken,
        [
            "host:db-1 cpu{region=eu} 1795417260 0.5",
            "host:db-1 cpu{region=us, east} 1795417320 7",
            "host:db-1 cpu{} 1795417320 1000",
        ]
    );
}

#[test]
fn rows_may_name_metric_and_entity_themselves() {
    let mut bench = bench(&["entity", "name", "time", "value"], "cpu", "host:other");
    let text = "host:a,load,1795417320,1\n,,1795417320,2\n";
    let (taken, refused) = read(&mut bench, text);
    assert_eq!(refused, [""; 0]);
    assert_eq!(taken, ["host:a load{} 1795417320 1", "host:other cpu{} 1795417320 2"]);
}

#[test]
fn what_is_no_row_is_refused_with_its_line() {
    let mut bench = bench(&["timestamp", "value"], "cpu", "host:db-1");
    let text =
        "1795417320,1\nyesterday,1\n1795417320,many\n1795417320\n1795417320,\"1\n1795417320,\n";
    let (taken, refused) = read(&mut bench, text);
    assert_eq!(taken.len(), 1, "the last is counted and no sample: {taken:?}");
    assert_eq!(
        refused,
        [
            "2 E004 no time: write YYYY-MM-DD HH:MM:SS, RFC 3339, or whole seconds since 1970",
            "3 E004 the value is no number",
            "4 E004 1 cells, but there are 2 columns: timestamp, value",
            "5 E004 a quoted cell does not end in its line",
        ]
    );
}

#[test]
fn a_file_of_samples_is_replayed_to_its_alert() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let mut text = String::from("timestamp,value\n");
    for row in 0..2_400i64 {
        let fault = if row >= 2_300 { 60.0 } else { 0.0 };
        let value = 20.0 + (row * 37 % 100) as f64 / 100.0 + fault;
        writeln!(text, "{},{value}", 1_795_000_000 + row * 300).unwrap();
    }
    std::fs::write(path("cpu.csv"), text).unwrap();
    let config = "version: 1\nsources:\n  samples: {type: file, path: cpu.csv, format: csv, \
                  csv: {metric: cpu, entity: \"host:db-1\"}}\n";
    std::fs::write(path("c.yaml"), config).unwrap();
    let (config, rows, alerts) = (path("c.yaml"), path("cpu.csv"), path("alerts.ndjson"));
    let output =
        causeway(&["replay", "-c", &config, "--alerts", &alerts, "--summary", "json", &rows], b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = std::fs::read_to_string(alerts).unwrap();
    let rows: Vec<serde_json::Value> =
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 1, "{told}");
    assert_eq!((&rows[0]["entity"], &rows[0]["name"]), (&"host:db-1".into(), &"cpu".into()));
    assert_eq!(rows[0]["first"], "2026-11-26T10:46:40Z", "{told}");
}
