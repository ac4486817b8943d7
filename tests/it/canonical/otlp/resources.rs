//! What resources say of the topology beside what they send.

use super::bench;
use super::samples::{line, logs, resource};
use crate::canonical::{Bench, LIVE, RECEIPT, shown};
use causeway::canonical::otlp::Telemetry;
use causeway::canonical::{Decoded, Format, Mode, Source};
use prost::Message;

fn sent(pairs: &[(&str, &str)]) -> Vec<u8> {
    logs(resource(pairs), vec![line("hello")]).encode_to_vec()
}

/// What was found out, each as it is kept.
fn found(decoded: &Decoded) -> Vec<String> {
    let events = decoded.segments.iter().flat_map(|segment| &segment.context);
    let mut found: Vec<String> = events.map(shown::context).collect();
    found.sort();
    found
}

/// The same without when, and by what id.
fn said(pairs: &[(&str, &str)]) -> Vec<String> {
    let decoded = bench(Telemetry::Logs).decode(&sent(pairs));
    assert_eq!((decoded.counts.accepted, decoded.counts.context), (1, 0), "nobody sent it");
    let what = |line: &String| line.split(" ppm ").next().unwrap().to_owned();
    found(&decoded).iter().map(what).collect()
}

const POD: [(&str, &str); 6] = [
    ("service.name", "cart"),
    ("service.namespace", "shop"),
    ("k8s.namespace.name", "shop"),
    ("k8s.deployment.name", "cart-v2"),
    ("k8s.pod.name", "cart-v2-x"),
    ("host.name", "cart-v2-x"),
];

#[test]
fn a_resource_says_where_it_runs_and_by_which_names_it_goes() {
    let names = [
        "relation k8s.deployment:shop/cart-v2 alias_of service:shop/cart",
        "relation k8s.pod:shop/cart-v2-x alias_of service:shop/cart",
    ];
    assert_eq!(said(&POD), names, "the name of a pod is no host");
    let placed = said(&[&POD[..], &[("k8s.node.name", "n1")]].concat());
    assert_eq!(placed, [&names[..], &["relation service:shop/cart runs_on host:n1"]].concat());
    let workload = [POD[2], POD[3], POD[4]];
    let alias = "relation k8s.pod:shop/cart-v2-x alias_of k8s.deployment:shop/cart-v2";
    assert_eq!(said(&workload), [alias]);
    let host = [POD[0], POD[1], ("host.name", "web-1")];
    assert_eq!(said(&host), ["relation service:shop/cart runs_on host:web-1"]);
    assert_eq!(said(&[("host.name", "web-1")]), [""; 0]);
    assert_eq!(said(&[("telemetry.sdk.language", "rust")]), [""; 0]);
}

#[test]
fn it_is_said_once_a_stretch_and_by_every_decoder_alike() {
    let bytes = sent(&POD);
    let mut decoder = bench(Telemetry::Logs);
    let first = found(&decoder.decode(&bytes));
    assert_eq!(first.len(), 2);
    let stretch = RECEIPT.div_euclid(600) * 600;
    assert!(first[0].contains(&format!("ppm 900000 ttl 86400 at {stretch} ")), "{first:?}");
    assert!(first[0].ends_with(" from resources"), "{first:?}");
    assert_eq!(found(&decoder.decode(&bytes)), [""; 0], "it was said");
    let at = |seconds: i64| Mode::Live { receipt_ns: seconds * 1_000_000_000 };
    let mut other = bench(Telemetry::Logs);
    other.mode = at(stretch + 599);
    assert_eq!(found(&other.decode(&bytes)), first, "the same event, whoever says it");
    decoder.mode = at(stretch + 600);
    let next = found(&decoder.decode(&bytes));
    assert!(next.len() == 2 && next[0].contains(&format!(" at {} ", stretch + 600)), "{next:?}");
}

#[test]
fn a_source_may_want_nothing_of_it() {
    let source = Source { resources: false, ..Source::named("test") };
    let mut bench = Bench::new(source, Format::Otlp(Telemetry::Logs), LIVE);
    assert_eq!(found(&bench.decode(&sent(&POD))), [""; 0]);
}
