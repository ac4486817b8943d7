//! A sink that takes nothing, and who does not wait for it.

use super::process::Process;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// More than are ever under way: the sink's queue holds one, and the engine two epochs.
const ALERTS: usize = 16;
const DELIVERED: &str = "causeway_sink_delivered_total{sink=\"hook\"}";

/// What is on disk is acknowledged, whatever sinks do; what waits is shown, also after a restart,
/// and told once they take it.
// A start waits for what it tells, so the sink must have a thread of its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_waits_for_the_disk_alone() {
    let (open, _) = watch::channel(true);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let opens = open.clone();
    let hook = move || {
        let mut opened = opens.subscribe();
        async move {
            let waited = opened.wait_for(|open| *open).await;
            waited.map_or(StatusCode::GONE, |_| StatusCode::OK)
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(hook))).await });

    let process = Process::start(&format!(
        "{}sinks: {{hook: {{type: webhook, url: \"http://{address}/\", \
         allow_private: [127.0.0.0/8], timeout: 5m, queue: {{revisions: 1, full: block}}}}}}\n",
        super::QUICK
    ));
    for number in 0..ALERTS {
        down(&process, &format!("early{number}")).await;
    }
    process.until_counted(DELIVERED, ALERTS as f64).await;
    // Epochs of the journal that are read again may not hide those that wait later.
    let process = process.killed().start();
    process.until_ready().await;
    open.send_replace(false);
    for number in 0..ALERTS {
        down(&process, &format!("late{number}")).await;
    }
    for waits in ["causeway_epochs_outstanding", "causeway_epochs_waiting", "causeway_queue_bytes"]
    {
        assert!(process.counted(waits).await > 0.0, "{waits}");
    }
    open.send_replace(true);
    process.until_counted(DELIVERED, ALERTS as f64).await;
    assert_eq!(process.terminate()["ledger"]["incidents"], 2 * ALERTS);
}

async fn down(process: &Process, service: &str) {
    let alert = json!({"kind": "alert", "name": "Down", "severity": "error",
        "entity": format!("service:shop/{service}")});
    let (status, answer) = process.post("/v1/events", &format!("{alert}\n")).await;
    assert_eq!((status, &answer["accepted"]), (200, &json!(1)), "{answer}");
}
