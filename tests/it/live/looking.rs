//! Looking into a running process: what it keeps of series, and what passes its stages.

use super::process::{Process, causeway};
use serde_json::Value;

const CART: &str = "service:shop/cart";

fn sample(entity: &str, value: f64) -> String {
    let now = jiff::Timestamp::now();
    format!(
        r#"{{"kind":"metric","name":"latency","time":"{now}","entity":"{entity}","value":{value},"labels":{{"route":"/pay"}}}}"#
    )
}

fn alert(entity: &str) -> String {
    format!(
        r#"{{"kind":"alert","name":"Slow","status":"firing","severity":"error","entity":"{entity}"}}"#
    )
}

/// Asks until all that was acknowledged is in the engine too.
async fn series(process: &Process, query: &str, number: usize) -> Vec<Value> {
    loop {
        let (status, list) = process.get(&format!("/v1/series{query}")).await;
        assert_eq!(status, 200, "{list}");
        let items = list["items"].as_array().unwrap().clone();
        if items.len() >= number {
            return items;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn series_are_listed_with_what_is_known_of_them() {
    let process = Process::start(super::QUICK);
    let lines = [
        sample(CART, 2.0),
        sample("service:shop/pay", 7.0),
        format!(r#"{{"kind":"log","entity":"{CART}","severity":"info","body":"order 17 taken"}}"#),
        format!(r#"{{"kind":"heartbeat","entity":"{CART}"}}"#),
    ];
    assert_eq!(process.post("/v1/events", &lines.join("\n")).await.0, 200);
    let all = series(&process, "", 5).await;
    let kinds: Vec<&str> = all.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["heartbeat", "log", "metric", "metric", "source"]);
    let figure = &all[4]["figures"]["violations"];
    assert_eq!((&figure["value"], &figure["samples"]), (&0.0.into(), &4.into()));
    let items = series(&process, &format!("?entity={CART}&kind=metric"), 1).await;
    assert_eq!(items.len(), 1);
    let figure = &items[0]["figures"]["value"];
    assert_eq!((&figure["value"], &figure["samples"]), (&2.0.into(), &1.into()));
    assert_eq!(items[0]["labels"]["route"], "/pay");
    let (_, list) = process.get("/v1/series?limit=1").await;
    assert_eq!((list["items"].as_array().unwrap().len(), &list["left_out"]), (1, &4.into()));
    let (status, problem) = process.get("/v1/series?color=red").await;
    assert_eq!((status, problem["status"].as_u64()), (400, Some(400)));

    let url = process.url("");
    let shown = causeway(&["series", "--url", &url, "--entity", CART], b"");
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success() && text.contains("latency{route=\"/pay\"}"), "{text}");
    assert!(text.contains("warms up until") && text.contains("too little is known"), "{text}");
    process.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_shows_what_passes() {
    let process = Process::start(super::QUICK);
    let stages = ["canonical", "dedup", "suppress", "correlate", "explain"];
    let mut looks = Vec::new();
    for stage in stages {
        let request = process
            .client()
            .get(process.url(&format!("/v1/tap?stage={stage}&limit=1&entity={CART}")));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/x-ndjson");
        looks.push(response);
    }
    let lines = [alert("service:shop/pay"), alert(CART)].join("\n");
    assert_eq!(process.post("/v1/events", &lines).await.0, 200);
    for (look, stage) in looks.into_iter().zip(stages) {
        let text = look.text().await.unwrap();
        let row: Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!((&row["stage"], &row["diff"]), (&stage.into(), &1.into()), "{text}");
        assert!(text.contains(CART), "{text}");
    }
    let (status, problem) = process.get("/v1/tap?stage=lunch").await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("canonical, detect, dedup"), "{problem}");
    process.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_shows_rows_until_there_are_enough() {
    let process = Process::start(super::QUICK);
    let url = process.url("");
    let looking =
        std::thread::spawn(move || causeway(&["tap", "dedup", "--url", &url, "--limit", "2"], b""));
    let mut number = 0;
    while !looking.is_finished() {
        assert_eq!(process.post("/v1/events", &alert(&format!("host:{number}"))).await.0, 200);
        number += 1;
    }
    let output = looking.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2, "{text}");
    assert!(rows.iter().all(|row| row["kind"] == "alert" && row["stage"] == "dedup"), "{text}");
    let unknown = causeway(&["tap", "lunch", "--url", &process.url("")], b"");
    assert_eq!(unknown.status.code(), Some(2));
    process.terminate();
}
