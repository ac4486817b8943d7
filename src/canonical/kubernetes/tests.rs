use super::*;
use crate::canonical::{Decoder, Format, Framing, Input, Mode, Origin, Source};
use std::path::Path;
use std::sync::Arc;

/// What a body says, each as `from relation to`, or the entity.
fn said(bytes: &[u8], mode: Mode) -> Vec<String> {
    let input = Input {
        format: Format::Kubernetes,
        framing: Framing::Body,
        tenant: &SmolStr::new("default"),
        mode,
        origin: &Origin::default(),
        first_line: 1,
    };
    let decoded = Decoder::new(Arc::new(Source::named("eu")), 1, None).decode(bytes, &input);
    assert_eq!(decoded.rejects, []);
    let events = decoded.segments.into_iter().flat_map(|segment| segment.context);
    let show = |event: causeway_dataflows::model::ContextEvent| {
        assert_eq!(event.source, "kubernetes/eu");
        match event.body {
            Context::Entity(update) => format!("{:?} {}", event.op, update.entity),
            Context::Relation(of) => {
                let (kind, ttl) = (of.kind.word(), of.ttl_seconds);
                let sure = of.confidence_ppm;
                format!("{} {kind} {} {sure} {ttl}", of.from, of.to)
            }
            other => panic!("{other:?}"),
        }
    };
    events.map(show).collect()
}

const LIVE: Mode = Mode::Live { receipt_ns: 1_795_417_320_000_000_000 };

fn pod(name: &str, owner: (&str, &str), more: &str) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}","namespace":"shop",
        "ownerReferences":[{{"kind":"{}","name":"{}","controller":true}}]{more}}}}}"#,
        owner.0, owner.1
    )
}

fn workload_of(text: &str, name: &str) -> String {
    let alias = format!("k8s.pod:shop/{name} alias_of ");
    let said = said(text.as_bytes(), LIVE);
    let found: Vec<&String> = said.iter().filter(|line| line.starts_with(&alias)).collect();
    assert_eq!(found.len(), 1, "{said:?}");
    found[0][alias.len()..].to_owned()
}

#[test]
fn the_end_of_a_name_goes_only_where_its_owner_is_not_known() {
    let replica_set = ("ReplicaSet", "web-6d4cf56db6");
    let alone = pod("web-6d4cf56db6-7l2mn", replica_set, "");
    assert_eq!(workload_of(&alone, "web-6d4cf56db6-7l2mn"), "service:shop/web 800000 0");
    let set = |owner: &str| {
        format!(
            r#"{{"apiVersion":"apps/v1","kind":"ReplicaSet",
            "metadata":{{"name":"web-6d4cf56db6","namespace":"shop"{owner}}}}}"#
        )
    };
    // It is there and nobody's, so the name is all its own.
    let own = format!("{alone}\n{}", set(""));
    let whole = "service:shop/web-6d4cf56db6 1000000 0";
    assert_eq!(workload_of(&own, "web-6d4cf56db6-7l2mn"), whole);
    let owner = r#","ownerReferences":[{"kind":"Rollout","name":"site","controller":true}]"#;
    let owned = format!("{}\n{alone}", set(owner));
    assert_eq!(workload_of(&owned, "web-6d4cf56db6-7l2mn"), "service:shop/site 1000000 0");
    // The label knows the hash better than its letters do.
    let hash = r#","labels":{"pod-template-hash":"abc"}"#;
    let labelled = pod("a-abc-x", ("ReplicaSet", "a-abc"), hash);
    assert_eq!(workload_of(&labelled, "a-abc-x"), "service:shop/a 800000 0");
    let named = pod("a-orders-x", ("ReplicaSet", "a-orders"), "");
    assert_eq!(workload_of(&named, "a-orders-x"), "service:shop/a-orders 1000000 0");
    let job = pod("report-29000000-k5kfx", ("Job", "report-29000000"), "");
    assert_eq!(workload_of(&job, "report-29000000-k5kfx"), "service:shop/report 800000 0");
}

#[test]
fn a_name_that_several_bear_is_nobodys() {
    let deployment = |name: &str| {
        format!(
            r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"{name}",
            "namespace":"shop","labels":{{"app.kubernetes.io/name":"redis"}}}}}}"#
        )
    };
    let alias = "service:shop/redis alias_of service:shop/cache 1000000 0".to_owned();
    let one = said(deployment("cache").as_bytes(), LIVE);
    assert!(one.contains(&alias), "{one:?}");
    let two = said(format!("{}{}", deployment("cache"), deployment("queue")).as_bytes(), LIVE);
    assert!(!two.iter().any(|line| line.contains("redis")), "{two:?}");
    let taken = said(format!("{}{}", deployment("cache"), deployment("redis")).as_bytes(), LIVE);
    assert!(!taken.contains(&alias), "{taken:?}");
}

#[test]
fn what_is_gone_holds_on_for_a_while_but_not_in_a_file() {
    let object = pod("db-0", ("StatefulSet", "db"), "").replace('\n', "");
    let text = format!(r#"{{"type":"DELETED","object":{object}}}"#);
    let gone = said(text.as_bytes(), LIVE);
    let alias = "k8s.pod:shop/db-0 alias_of service:shop/db 1000000 86400".to_owned();
    assert!(gone.contains(&alias), "{gone:?}");
    assert!(gone.contains(&"Delete service:shop/db".to_owned()), "{gone:?}");
    assert_eq!(said(text.as_bytes(), Mode::Rows), [""; 0]);
    let again = format!(r#"{text}{{"type":"ADDED","object":{object}}}"#);
    assert!(!said(again.as_bytes(), LIVE).iter().any(|line| line.ends_with("86400")));
}

#[test]
fn the_order_of_objects_makes_no_difference() {
    let text = include_str!("../../../fixtures/wire/kubernetes/good_pods.json");
    let list: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut turned = list.clone();
    turned["items"].as_array_mut().unwrap().reverse();
    assert_eq!(said(text.as_bytes(), LIVE), said(turned.to_string().as_bytes(), LIVE));
    // Printed one behind the other, as kubectl does it when it watches.
    let objects = list["items"].as_array().unwrap().iter().map(|item| {
        let mut item = item.clone();
        (item["apiVersion"], item["kind"]) = ("v1".into(), "Pod".into());
        serde_json::to_string_pretty(&item).unwrap()
    });
    let printed: Vec<String> = objects.collect();
    assert_eq!(said(text.as_bytes(), LIVE), said(printed.join("\n").as_bytes(), LIVE));
}

#[test]
fn a_file_is_known_by_how_it_begins() {
    let of = |name: &str, text: &str| Format::of_topology(Path::new(name), text.as_bytes());
    let pod = pod("a", ("StatefulSet", "a"), "");
    for (name, text) in [
        ("a.json", pod.as_str()),
        ("a", &format!("[{pod}]")),
        ("a.ndjson", &format!(r#"{{"type":"ADDED","object":{pod}}}"#)),
        ("a.yaml", "# head\n---\nkind: Pod\napiVersion: v1\n"),
        ("a.yaml", "kind: List\napiVersion: \"v1\"\n"),
    ] {
        assert_eq!(of(name, text), Format::Kubernetes, "{text}");
    }
    for (name, text, expected) in [
        ("a.yaml", "apiVersion: backstage.io/v1alpha1\nkind: Component\n", Format::Backstage),
        ("a.yml", "kind: Component\nmetadata:\n  apiVersion: v1\n", Format::Backstage),
        ("a.ndjson", r#"{"kind":"entity","entity":"service:a/b"}"#, Format::Native),
        ("a.ndjson", r#"{"kind":"relation","type":"ADDED","from":"a:b"}"#, Format::Native),
        ("a.ndjson", "", Format::Native),
        ("a.json", "[]", Format::Native),
    ] {
        assert_eq!(of(name, text), expected, "{text}");
    }
}
