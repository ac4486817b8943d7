//! Exactly once: transactions, kills between them, and who is fenced off.

use super::broker::{Broker, PATIENCE, Read, Sent};
use super::{QUICK, about, alert, config, counts};
use crate::live::process::Process;
use rdkafka::producer::{BaseProducer, Producer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener as Port;
use tokio::net::{TcpListener, TcpStream};

fn exactly_once(broker: &Broker, topic: &str) -> String {
    let yaml = config(&broker.address(), topic, "");
    let more = format!("    guarantee: exactly_once\n    state_topic: {topic}-state\n");
    format!("{yaml}{more}")
}

async fn create(broker: &Broker, topic: &str) {
    broker.create(topic, 2).await;
    broker.create(&format!("{topic}-out"), 2).await;
    broker.create(&format!("{topic}-state"), 1).await;
}

fn send(broker: &Broker, topic: &str, numbers: std::ops::Range<u32>) {
    let values: Vec<String> = numbers.map(|number| alert(&format!("s-{number}"))).collect();
    let message = |value| Sent { topic, value, ..Sent::default() };
    let messages: Vec<Sent<'_>> = values.iter().map(|value| message(value.as_str())).collect();
    broker.produce(&messages);
}

/// Reads what is committed until it is about so many entities.
fn told(broker: &Broker, topic: &str, entities: usize) -> Vec<Read> {
    broker.read(&format!("{topic}-out"), about(entities))
}

/// Every revision once.
pub(super) fn expect_once(told: &[Read]) {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for read in told {
        *seen.entry(read.header("idempotency-key")).or_default() += 1;
    }
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_is_read_once_whatever_is_killed_or_lost() {
    let broker = Broker::shared();
    create(broker, "once").await;
    let mut process = Process::start(&exactly_once(broker, "once"));
    for round in 0..4u32 {
        send(broker, "once", round * 30..round * 30 + 30);
        // Killed as soon as something of the round is committed, in the middle of the rest.
        told(broker, "once", (round * 30 + 1) as usize);
        let stopped = process.killed();
        if round == 2 {
            // Only the topic itself still knows how far the sink has come.
            std::fs::remove_file(stopped.path("sinks").join("out.position")).unwrap();
        }
        process = stopped.start();
    }
    let read = told(broker, "once", 120);
    expect_once(&read);
    let counted = counts(read.into_iter().map(|read| read.value));
    assert!(counted.len() == 120 && counted.values().all(|count| *count == 1), "{counted:?}");
    let summary = process.terminate();
    assert_eq!(summary["ledger"]["received"], 120, "{summary}");
    expect_once(&told(broker, "once", 120));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_claims_the_same_id_fences_off_the_one_before() {
    let broker = Broker::shared();
    create(broker, "fenced").await;
    let process = Process::start(&exactly_once(broker, "fenced"));
    send(broker, "fenced", 0..5);
    told(broker, "fenced", 5);
    let state = broker.read("fenced-state", |state| !state.is_empty());
    let last: Value = serde_json::from_str(&state.last().unwrap().value).unwrap();
    assert!(last["number"].as_u64().unwrap() > 0, "{last}");
    let mut config = broker.config();
    config.set("transactional.id", &state[0].key);
    let rival: BaseProducer = config.create().unwrap();
    rival.init_transactions(PATIENCE).unwrap();
    send(broker, "fenced", 5..10);
    // It cannot tell anybody any more, and says so.
    let broken = async || {
        let (status, ready) = process.get("/readyz?verbose").await;
        (status, ready.to_string().contains("sink `out` is broken"))
    };
    while broken().await != (503, true) {}
    assert_eq!(counts(told(broker, "fenced", 5).into_iter().map(|read| read.value)).len(), 5);
    // What was read is not lost: a restart claims the id back and tells the rest.
    let process = process.killed().start();
    let read = told(broker, "fenced", 10);
    expect_once(&read);
    process.terminate();
}

/// Everything that comes in at a port goes to the broker, for as long as the runtime runs.
async fn lead_on(port: u16, broker: String) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let mut to = TcpStream::connect(&broker).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_away_at_the_start_are_waited_for() {
    let broker = Broker::shared();
    create(broker, "later").await;
    let port = Port::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut process = Process::start(&format!(
        "{QUICK}sources:\n  http: {{type: http}}\nsinks:\n  out: {{type: kafka, brokers: \
         \"127.0.0.1:{port}\", topic: later-out, guarantee: exactly_once, state_topic: \
         later-state}}\n"
    ));
    let (status, _) = process.post("/v1/events", &alert("s-0")).await;
    assert_eq!(status, 200);
    let noted = |ready: &Value| {
        let part = "for sink `out`: topic `later-out` or state topic `later-state`: ";
        ready.to_string().contains(part)
    };
    while !noted(&process.get("/readyz?verbose").await.1) {}
    process = process.killed().start();
    process.post("/v1/events", &alert("s-1")).await;
    lead_on(port, broker.address()).await;
    let read = told(broker, "later", 2);
    expect_once(&read);
    // One that knows nothing of its own, and cannot ask at its start, passes over what it was told.
    let stopped = process.killed();
    std::fs::remove_file(stopped.path("sinks").join("out.position")).unwrap();
    let another = Port::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let stopped = stopped.reconfigure(&format!(":{port}\""), &format!(":{another}\""));
    let process = stopped.start();
    process.post("/v1/events", &alert("s-2")).await;
    while !noted(&process.get("/readyz?verbose").await.1) {}
    lead_on(another, broker.address()).await;
    expect_once(&told(broker, "later", 3));
    process.terminate();
}
