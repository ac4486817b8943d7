//! A member of a group under whose name another one comes in.

use super::broker::{Broker, PATIENCE, Sent};
use super::{about, alert, config, wait};
use crate::live::process::Process;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::time::Duration;

const GROUP: &str = "group-of-names";
/// Exit code of a process whose only source cannot go on.
const NO_INPUT: i32 = 65;
const REBALANCES: &str = "causeway_kafka_rebalances_total{source=\"events\"}";
/// What a broker puts behind a member's name: a dash and a number that nobody else has.
const SUFFIX: usize = 1 + 36;

fn send(broker: &Broker, entity: &str) {
    let value = alert(entity);
    broker.produce(&[Sent { topic: "names", value: &value, ..Sent::default() }]);
}

/// Comes into the group under the name of the one member that it has, and is gone.
fn intrude(broker: &Broker) {
    let asking: BaseConsumer = broker.config().create().unwrap();
    let list = asking.fetch_group_list(Some(GROUP), PATIENCE).unwrap();
    let members = list.groups()[0].members();
    assert_eq!(members.len(), 1);
    let id = members[0].id();
    let mut config = broker.config();
    config.set("group.id", GROUP).set("group.instance.id", &id[..id.len() - SUFFIX]);
    config.set("partition.assignment.strategy", "cooperative-sticky");
    config.set("enable.auto.commit", "false");
    let intruder: BaseConsumer = config.create().unwrap();
    intruder.subscribe(&["names"]).unwrap();
    wait("the group to let the intruder in", || {
        let _ = intruder.poll(Duration::from_millis(100));
        intruder.assignment().unwrap().count() > 0
    });
}

/// A broker that goes away while a member joins leaves it fenced off by itself; which looks as
/// an intruder does, only that there was a broker to lose.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_fenced_off_comes_back_unless_no_broker_was_lost() {
    let mut broker = Broker::start();
    broker.create("names", 1).await;
    broker.create("names-out", 1).await;
    let process = Process::start(&config(&broker.address(), "names", ""));
    send(&broker, "before");
    broker.read("names-out", about(1));
    broker.restart(Duration::ZERO);
    send(&broker, "after");
    broker.read("names-out", about(2));
    let rebalances = process.counted(REBALANCES).await;
    intrude(&broker);
    // It learns of that at its next commit or heartbeat.
    let back = process.until_counted(REBALANCES, rebalances + 1.0);
    tokio::time::timeout(PATIENCE, back).await.unwrap();
    send(&broker, "back");
    broker.read("names-out", about(3));

    intrude(&broker);
    let log = process.failed(NO_INPUT);
    assert!(log.contains("another process reads with a copy of this data directory"), "{log}");
}
