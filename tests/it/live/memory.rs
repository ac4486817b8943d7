//! A process that may not hold more memory than it is given.

use super::QUICK;
use super::process::Process;
use serde_json::json;

/// Alerts that are heard of once, mild ones on entities of their own, so that nothing is told.
fn flood(batch: u32) -> String {
    let text = "x".repeat(1000);
    let line = |at: u32| {
        json!({"source": "flood", "kind": "alert", "name": format!("Alert{batch}-{at}"),
               "severity": "info", "entity": format!("service:shop/s-{batch}-{at}"),
               "summary": text, "labels": {"a": text, "b": text, "c": text}})
    };
    (0..500).map(|at| format!("{}\n", line(at))).collect()
}

#[tokio::test]
async fn near_the_limit_senders_are_turned_away_and_readers_are_not() {
    const LIMIT: u64 = 256 << 20;
    let process = Process::start(&format!("{QUICK}memory_limit: 256MiB\n"));
    let mut accepted = 0;
    let refused = loop {
        let (status, answer) = process.post("/v1/events", &flood(accepted / 500)).await;
        if status != 200 {
            assert_eq!(status, 429, "{answer}");
            if answer["detail"].as_str().unwrap().contains("`memory_limit` is near") {
                break answer;
            }
            continue;
        }
        accepted += 500;
        assert!(accepted < 200_000, "{accepted} alerts of 4 KB are in {LIMIT} bytes");
    };
    assert_eq!(refused["status"], 429);
    process.until_metric("causeway_memory_short 1").await;
    process.until_metric(&format!("causeway_memory_limit_bytes {LIMIT}")).await;
    process.until_metric("causeway_memory_shortages_total 1").await;
    assert_eq!(process.get("/v1/alerts?limit=1").await.0, 200);
    assert_eq!(process.get("/readyz").await.0, 200);
    let held = process.peak_memory_bytes();
    assert!(held <= LIMIT, "{held} bytes were held");
    assert_eq!(process.terminate()["ledger"]["accepted"], accepted);
}
