//! Public samples of other projects, where they are at hand: they are read, never copied.
//!
//! `CAUSEWAY_SHARED_DATA` names the folder; without it `../shared/data` beside
//! the workspace is tried.

use super::{Bench, LIVE, shown};
use causeway::canonical::{Decoded, Format, Framing, Source};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

fn samples() -> Option<PathBuf> {
    let data = match std::env::var_os("CAUSEWAY_SHARED_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let samples = data.join("event-formats");
    if samples.is_dir() {
        return Some(samples);
    }
    eprintln!("\n*** NOT CHECKED: public samples are not at {} ***\n", samples.display());
    None
}

fn decode(format: Format, bytes: &[u8]) -> Decoded {
    let mut bench = Bench::new(Source::named("test"), format, LIVE);
    bench.framing = Framing::Body;
    bench.decode(bytes)
}

#[test]
fn cloudevents_of_the_specification() {
    let Some(samples) = samples() else { return };
    let folder = samples.join("cloudevents");
    let counts: Vec<_> = (1..=8)
        .map(|number| {
            let path = folder.join(format!("example_{number:02}.json"));
            let counts = decode(Format::CloudEvents, &fs::read(&path).unwrap()).counts;
            assert_eq!(counts.rejected, 0, "{}", path.display());
            counts.signals
        })
        .collect();
    assert_eq!(counts, [1, 1, 1, 1, 1, 1, 2, 0]);
}

fn payloads(file: &str) -> Option<Vec<(String, Value)>> {
    let path = samples()?.join("keep").join(file);
    let all: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let alerts = all["ALERTS"].as_object().unwrap();
    Some(alerts.iter().map(|(name, alert)| (name.clone(), alert["payload"].clone())).collect())
}

#[test]
fn prometheus_payloads() {
    let Some(payloads) = payloads("prometheus.alerts.json") else { return };
    let named: Vec<_> = payloads
        .into_iter()
        .map(|(name, mut payload)| {
            payload["labels"]["alertname"] = Value::from(name);
            payload
        })
        .collect();
    let decoded = decode(Format::Alertmanager, &serde_json::to_vec(&named).unwrap());
    assert_eq!((decoded.counts.folded, decoded.counts.rejected), (named.len() as u64, 0));
    let shown = shown::alert_lines(&decoded);
    let cpu = shown.iter().find(|line| line.contains("HighCPUUsage")).unwrap();
    assert!(cpu.contains("service:default/example2 critical"), "{cpu}");
    assert!(cpu.contains("CPU usage is over 90%"), "{cpu}");
}

#[test]
fn grafana_payloads() {
    let Some(payloads) = payloads("grafana.alerts.json") else { return };
    let alerts: Vec<_> = payloads.into_iter().map(|(_, payload)| payload).collect();
    let body = json!({"receiver": "r", "orgId": 1, "status": "firing", "alerts": alerts});
    let decoded = decode(Format::Webhook, &serde_json::to_vec(&body).unwrap());
    assert_eq!((decoded.counts.folded, decoded.counts.rejected), (alerts.len() as u64, 0));
    assert!(shown::alert_lines(&decoded)[0].contains("High Memory Usage"));
}
