//! A sink that takes nothing, and who does not wait for it.

use super::backup::{backup, listed, restore};
use super::process::{Process, Stopped};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// More than are ever under way: the sink's queue holds one, and the engine two epochs.
const ALERTS: usize = 16;
const WAITING: &str = "causeway_sink_waiting{sink=\"hook\"}";
const DELIVERED: &str = "causeway_sink_delivered_total{sink=\"hook\"}";

/// What is on disk is acknowledged, whatever sinks do; what waits is shown, also after a restart,
/// and told once they take it.
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
         allow_private: [127.0.0.0/8], timeout: 5m, queue: {{revisions: 1, disk: 0, full: block}}}}}}\n",
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

/// A webhook's receiver, which knows no such address while it is not `open`; what it took.
async fn receiver(open: &watch::Sender<bool>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let (opens, bodies) = (open.clone(), Arc::new(Mutex::new(Vec::new())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Arc::clone(&bodies);
    let hook = move |body: String| {
        let (is_open, taken) = (*opens.subscribe().borrow(), Arc::clone(&taken));
        async move {
            if !is_open {
                return StatusCode::NOT_FOUND;
            }
            taken.lock().unwrap().push(body);
            StatusCode::OK
        }
    };
    let router = Router::new().route("/", post(hook));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, bodies)
}

/// A start that finds out about it when workers are there already ends all the same.
fn end_where_what_waits_cannot_be_opened(stopped: Stopped) {
    let entries = std::fs::read_dir(stopped.path("sinks")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.extension().is_some_and(|ending| ending == "spool")) {
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
    }
    let (code, log) = stopped.refused();
    assert_eq!(code, Some(74), "{log}");
    assert!(log.contains(".spool: Is a directory"), "{log}");
}

/// A sink is away over a kill, with hardly any room in memory, and none on disk or some: the start
/// ends without it, other sinks are told, and it is told everything once it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_ends_before_a_sink_that_is_away() {
    for disk in ["0", "1MiB"] {
        let (open, _) = watch::channel(false);
        let (address, bodies) = receiver(&open).await;
        let mut process = Process::start(&format!(
            "{}journal: {{snapshot_bytes: 1B}}\nsinks:\n  stdout: {{type: stdout}}\n  \
             hook: {{type: webhook, url: \"http://{address}/\", backoff_max: 10ms, \
             allow_private: [127.0.0.0/8], queue: {{revisions: 1, disk: {disk}}}}}\n",
            super::QUICK
        ));
        for number in 0..ALERTS {
            down(&process, &format!("early{number}")).await;
        }
        for late in 0..2 {
            process = process.killed().start();
            process.until_ready().await;
            if disk != "0" {
                let told = (ALERTS + late) as f64;
                process.until_counted(WAITING, told).await;
                process.until_counted("causeway_sink_delivered_total{sink=\"stdout\"}", 1.0).await;
                let note = format!(
                    "[+] sinks ok, but {told} wait for sink `hook`: the receiver answered 404 Not Found; \
                     check `url`\n"
                );
                while !process.get("/readyz?verbose").await.1.as_str().unwrap().contains(&note) {}
            }
            down(&process, &format!("late{late}")).await;
        }
        if disk != "0" {
            // A copy holds what waits as well.
            process.until_counted("causeway_snapshots_written_total", 1.0).await;
            let ((_, killed), place) = (process.drained(), tempfile::tempdir().unwrap());
            let copy = place.path().join("copy");
            let manifest = listed(&backup(&killed.path(""), &copy));
            let files = manifest["files"].as_array().unwrap().iter();
            let spools = files.filter(|file| file["name"].as_str().unwrap().ends_with(".spool"));
            assert!(spools.count() > 0, "{manifest}");
            end_where_what_waits_cannot_be_opened(killed.copy(&[]));
            let restored = killed.elsewhere(|data| drop(listed(&restore(&copy, data))));
            process = restored.start();
            process.until_counted(WAITING, (ALERTS + 2) as f64).await;
        }
        open.send_replace(true);
        process.until_metric(&format!("{WAITING} 0")).await;
        let summary = process.terminate();
        assert_eq!(summary["ledger"]["incidents"], ALERTS + 2);
        let bodies: Vec<String> = std::mem::take(&mut bodies.lock().unwrap());
        let subject = |body: &String| {
            let body: Value = serde_json::from_str(body).unwrap();
            (body["subject"].as_str().unwrap().to_owned(), body["data"]["revision"].as_u64())
        };
        let mut told: Vec<_> = bodies.iter().map(subject).collect();
        told.sort();
        told.dedup();
        let first = told.iter().filter(|(_, revision)| *revision == Some(1)).count();
        assert_eq!(first, ALERTS + 2, "{told:?}");
    }
}
