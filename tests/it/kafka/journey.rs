//! From a topic through the engine to a topic, and what survives on the way.

use super::broker::{Broker, Read, Sent};
use super::{about, alert, config, counts};
use crate::live::process::{Process, causeway};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn values(read: Vec<Read>) -> impl Iterator<Item = String> {
    read.into_iter().map(|message| message.value)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_message_arrives_and_refused_ones_are_kept() {
    let broker = Broker::shared();
    broker.create("forms", 2).await;
    broker.create("forms-out", 2).await;
    broker.create("forms-dead", 1).await;
    let more = "    header_labels: {x-env: env}\n    dead_letter_topic: forms-dead\n";
    let process = Process::start(&config(&broker.address(), "forms", more));
    let lines = format!("{}\n{}\n", alert("line-1"), alert("line-2"));
    let array = format!("[{}, {}]", alert("element-1"), alert("element-2"));
    let envelope = json!({"specversion": "1.0", "id": "e1", "source": "/s", "type": "t",
        "data": serde_json::from_str::<Value>(&alert("structured")).unwrap()})
    .to_string();
    let binary =
        [("ce_specversion", "1.0"), ("ce_id", "e2"), ("ce_source", "/s"), ("ce_type", "t")];
    let message = |partition, value| Sent { topic: "forms", partition, value, ..Sent::default() };
    broker.produce(&[
        message(0, &lines),
        message(1, &array),
        message(0, &envelope),
        Sent { headers: &binary, ..message(1, &alert("binary")) },
        message(1, "not an event"),
        Sent { headers: &[("x-env", "prod")], ..message(1, &alert("labelled")) },
    ]);
    let expected =
        ["binary", "element-1", "element-2", "labelled", "line-1", "line-2", "structured"];
    let told = broker.read("forms-out", about(expected.len()));
    for read in &told {
        let data: Value = serde_json::from_str(&read.value).unwrap();
        assert_eq!(read.key, data["subject"].as_str().unwrap());
        assert_eq!(read.header("idempotency-key"), data["id"].as_str().unwrap());
        assert!(read.header("content-type").starts_with("application/cloudevents+json"));
    }
    let labels: Vec<Value> = told
        .iter()
        .map(|read| serde_json::from_str::<Value>(&read.value).unwrap())
        .flat_map(|envelope| envelope["data"]["alerts"].as_array().unwrap().clone())
        .filter(|row| row["entity"] == "service:shop/labelled")
        .map(|row| row["labels"]["env"].clone())
        .collect();
    assert!(!labels.is_empty() && labels.iter().all(|label| label == "prod"), "{labels:?}");
    let counted = counts(values(told));
    assert_eq!(counted, BTreeMap::from(expected.map(|entity| (entity.to_owned(), 1))));

    let dead = broker.read("forms-dead", |dead| !dead.is_empty());
    assert_eq!(dead[0].value, "not an event");
    assert_eq!(dead[0].header("__connect.errors.topic"), "forms");
    assert_eq!(dead[0].header("__connect.errors.partition"), "1");
    assert_eq!(dead[0].header("__connect.errors.offset"), "2");
    process.until_metric("causeway_kafka_dead_letters_total{source=\"events\"} 1").await;
    let lag = "causeway_kafka_lag_messages{source=\"events\",topic=\"forms\",partition=\"1\"} 0";
    process.until_metric(lag).await;
    let data = process.data_dir();
    let listed = causeway(&["dlq", "list", "--json", "--data-dir", data.to_str().unwrap()], b"");
    let letter: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let origin = json!({"source_id": "events", "partition": "forms/1", "offset": 2});
    assert_eq!(letter["data"]["origin"], origin, "{letter}");
    let summary = process.terminate();
    assert_eq!(summary["ledger"]["rejected"], 1, "{summary}");
    assert_eq!(summary["ledger"]["accepted"], 7, "{summary}");
    assert_eq!(broker.committed("group-of-forms", "forms", 0), Some(2));
    assert_eq!(broker.committed("group-of-forms", "forms", 1), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_takes_small_batches_only_gets_small_ones() {
    let broker = Broker::shared();
    broker.create("small", 1).await;
    broker.create("small-out", 1).await;
    // The smallest of them makes some 2,000 bytes, and nothing is compressed below the limit.
    broker.limit("small-out", 6_000).await;
    let process = Process::start(&config(&broker.address(), "small", ""));
    let send = |numbers: std::ops::Range<u32>| {
        let values: Vec<String> = numbers.map(|number| alert(&format!("s-{number}"))).collect();
        let message = |value| Sent { topic: "small", value, ..Sent::default() };
        let all: Vec<Sent<'_>> = values.iter().map(|value| message(value.as_str())).collect();
        broker.produce(&all);
    };
    send(0..200);
    broker.read("small-out", about(200));
    // From now on fewer fit into one than when it was asked.
    broker.limit("small-out", 4_000).await;
    send(200..400);
    let counted = counts(values(broker.read("small-out", about(400))));
    assert_eq!(counted.len(), 400, "{counted:?}");
    let refused = "causeway_sink_failed_total{sink=\"out\"} 0";
    process.until_metric(refused).await;
    let config = process.config();
    let (_, stopped) = process.drained();
    // The topic itself is held against the journal, with the configuration and without.
    let (config, data) = (config.to_str().unwrap(), stopped.path(""));
    let address = format!("kafka://{}/small-out", broker.address());
    let by_name = ["-c", config, "--name", "out"];
    let by_address = ["-c", config, "--journal", data.to_str().unwrap(), "--sink", &address];
    for of in [&by_name[..], &by_address] {
        let checked = causeway(&[&["verify", "--json"], of].concat(), b"");
        let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
        assert!(checked.status.success() && report["told"] == report["expected"], "{report}");
        assert!(report["told"].as_u64().unwrap() >= 400, "{report}");
    }
    let other = format!("kafka://{}/small", broker.address());
    let checked = causeway(&["verify", "-c", config, "--sink", &other], b"");
    assert_eq!(checked.status.code(), Some(3), "events are no revisions");
    let none = format!("kafka://{}/small-nowhere", broker.address());
    let checked = causeway(&["verify", "-c", config, "--sink", &none], b"");
    let problem = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.code() == Some(74) && problem.contains("`small-nowhere`"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_wants_tls_and_a_password_is_read_and_written() {
    let broker = Broker::shared();
    broker.create("secure", 1).await;
    broker.create("secure-out", 1).await;
    let (address, ca) = broker.secure();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "a-password").unwrap();
    let security = format!(
        "    tls: {{ca: {}}}\n    sasl: {{mechanism: scram_sha_512, username: causeway, \
         password: \"${{file:{}}}\"}}\n",
        ca.display(),
        secret.path().display()
    );
    let yaml = format!("{}{security}", config(&address, "secure", &security));
    let process = Process::start(&yaml);
    let value = alert("secret");
    broker.produce(&[Sent { topic: "secure", value: &value, ..Sent::default() }]);
    let told = broker.read("secure-out", |told| !told.is_empty());
    assert_eq!(counts(values(told)), BTreeMap::from([("secret".to_owned(), 1)]));
    process.terminate();
}
