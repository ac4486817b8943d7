//! What comes through when processes, brokers and messages go away.

use super::broker::{Broker, PATIENCE, Read, Sent};
use super::once::expect_once;
use super::{about, alert, config, counts};
use crate::live::process::Process;
use causeway::clock::{Clock, WallClock};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Entities, each with an alert that fired once.
fn once(numbers: std::ops::Range<u32>) -> BTreeMap<String, u64> {
    numbers.map(|number| (format!("s-{number}"), 1)).collect()
}

/// One alert on each of some entities, dealt to the partitions in turn.
fn send(broker: &Broker, topic: &str, partitions: u32, numbers: std::ops::Range<u32>) {
    let values: Vec<(i32, String)> = numbers
        .map(|number| ((number % partitions) as i32, alert(&format!("s-{number}"))))
        .collect();
    let message = |(partition, value)| Sent { topic, partition, value, ..Sent::default() };
    let messages: Vec<Sent<'_>> =
        values.iter().map(|(partition, value)| message((*partition, value.as_str()))).collect();
    broker.produce(&messages);
}

/// Reads what was told until it is about so many entities.
fn told(broker: &Broker, topic: &str, entities: usize) -> BTreeMap<String, u64> {
    counts(until_told(broker, topic, entities).into_iter().map(|read| read.value))
}

fn until_told(broker: &Broker, topic: &str, entities: usize) -> Vec<Read> {
    broker.read(&format!("{topic}-out"), about(entities))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_by_kills() {
    let broker = Broker::shared();
    broker.create("kills", 3).await;
    broker.create("kills-out", 2).await;
    let mut process = Process::start(&config(&broker.address(), "kills", ""));
    for round in 0..3u32 {
        // The first half has come through, the second is anywhere when the process is killed.
        send(broker, "kills", 3, round * 40..round * 40 + 20);
        told(broker, "kills", (round * 40 + 20) as usize);
        send(broker, "kills", 3, round * 40 + 20..round * 40 + 40);
        process = process.killed().start();
    }
    assert_eq!(told(broker, "kills", 120), once(0..120));
    // Its journal may have held all of it before the group let it in, and who is not in the group
    // cannot tell it anything.
    process.until_metric("causeway_kafka_partitions_assigned{source=\"events\"} 3").await;
    let summary = process.terminate();
    assert_eq!(summary["ledger"]["received"], 120, "{summary}");
    for partition in 0..3 {
        let committed = broker.committed("group-of-kills", "kills", partition);
        assert_eq!(committed, Some(40), "partition {partition}");
    }
}

/// Kills a broker so many times under a process that reads and writes through it, each time with
/// something on its way, and leaves it away for so long; nothing of it is lost or counted twice,
/// and the sink that tells exactly once does.
pub(crate) async fn kill_brokers(kills: u32, outage: Duration) {
    let mut broker = Broker::start();
    broker.create("restarts", 2).await;
    for topic in ["restarts-out", "restarts-once", "restarts-state"] {
        broker.create(topic, 1).await;
    }
    let once_more = format!(
        "  once:\n    type: kafka\n    brokers: {}\n    topic: restarts-once\n    \
         guarantee: exactly_once\n    state_topic: restarts-state\n",
        broker.address()
    );
    let process = Process::start(&(config(&broker.address(), "restarts", "") + &once_more));
    let both = |broker: &Broker, entities: u32| {
        let read = ["restarts-out", "restarts-once"]
            .map(|topic| broker.read(topic, about(entities as usize)));
        expect_once(&read[1]);
        read
    };
    for kill in 0..kills {
        let from = kill * 40;
        send(&broker, "restarts", 2, from..from + 20);
        both(&broker, from + 20);
        // On its way when the broker is killed; what it had not acknowledged is sent once more.
        send(&broker, "restarts", 2, from + 20..from + 40);
        broker.restart(outage);
    }
    send(&broker, "restarts", 2, kills * 40..kills * 40 + 20);
    let all = kills * 40 + 20;
    for read in both(&broker, all) {
        assert_eq!(counts(read.into_iter().map(|read| read.value)), once(0..all));
    }
    let summary = process.terminate();
    assert_eq!(summary["ledger"]["received"], all, "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_to_start_at_is_that_of_the_messages() {
    let broker = Broker::shared();
    broker.create("times", 1).await;
    broker.create("times-out", 1).await;
    let now_ms = WallClock.now_ns() / 1_000_000;
    let values: Vec<String> = (0..4).map(|number| alert(&format!("s-{number}"))).collect();
    let stamps = [100_000, 80_000, 20_000, 10_000].map(|ago| now_ms - ago);
    let message = |(value, stamp_ms): (&String, i64)| {
        broker.produce(&[Sent {
            topic: "times",
            value,
            stamp_ms: Some(stamp_ms),
            ..Sent::default()
        }]);
    };
    values.iter().zip(stamps).for_each(message);
    let start = jiff::Timestamp::from_millisecond(now_ms - 50_000).unwrap();
    let process =
        Process::start(&config(&broker.address(), "times", &format!("    start: \"{start}\"\n")));
    let read = until_told(broker, "times", 2);
    assert_eq!(counts(read.iter().map(|read| read.value.clone())), once(2..4));
    // They have no time of their own, so their message's counts, to the second.
    for read in &read {
        let envelope: Value = serde_json::from_str(&read.value).unwrap();
        let row = &envelope["data"]["alerts"][0];
        let number: usize =
            row["entity"].as_str().unwrap().rsplit('-').next().unwrap().parse().unwrap();
        let first: jiff::Timestamp = row["first"].as_str().unwrap().parse().unwrap();
        assert_eq!(first.as_second(), stamps[number].div_euclid(1_000), "{row}");
    }
    process.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_deleted_before_they_are_read_are_counted_as_lost() {
    let broker = Broker::shared();
    broker.create("deleted", 1).await;
    broker.create("deleted-out", 1).await;
    let process = Process::start(&config(&broker.address(), "deleted", ""));
    send(broker, "deleted", 1, 0..5);
    told(broker, "deleted", 5);
    let stopped = process.killed();
    send(broker, "deleted", 1, 5..10);
    broker.forget("deleted", 0, 8).await;
    let process = stopped.start();
    let mut expected = once(0..5);
    expected.extend(once(8..10));
    assert_eq!(told(broker, "deleted", 7), expected);
    process.until_metric("causeway_kafka_messages_lost_total{source=\"events\"} 3").await;
    process.terminate();
}

/// Two members share the partitions, and one goes on for both when the other leaves.
async fn shared_by_two(topic: &str, protocol: &str) {
    let broker = Broker::shared();
    broker.create(topic, 2).await;
    broker.create(&format!("{topic}-out"), 1).await;
    let yaml = config(&broker.address(), topic, &format!("    group_protocol: {protocol}\n"));
    let assigned =
        |count: u32| format!("causeway_kafka_partitions_assigned{{source=\"events\"}} {count}");
    let first = Process::start(&yaml);
    tokio::time::timeout(PATIENCE, first.until_metric(&assigned(2))).await.unwrap();
    send(broker, topic, 2, 0..10);
    told(broker, topic, 10);
    let second = Process::start(&yaml);
    for member in [&first, &second] {
        tokio::time::timeout(PATIENCE, member.until_metric(&assigned(1))).await.unwrap();
    }
    send(broker, topic, 2, 10..20);
    assert_eq!(told(broker, topic, 20), once(0..20));
    let of_second = second.terminate();
    assert_eq!(of_second["ledger"]["received"], 5, "{of_second}");
    if protocol == "consumer" {
        tokio::time::timeout(PATIENCE, first.until_metric(&assigned(2))).await.unwrap();
        send(broker, topic, 2, 20..30);
        assert_eq!(told(broker, topic, 30), once(0..30));
    }
    first.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_classic_group_share_partitions() {
    shared_by_two("classic", "classic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_group_that_the_broker_leads_share_partitions() {
    shared_by_two("led", "consumer").await;
}
