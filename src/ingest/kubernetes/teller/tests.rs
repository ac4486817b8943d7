use super::*;
use crate::canonical::json::Reader;
use crate::canonical::kubernetes::objects;

fn object(json: &Value) -> Object {
    let mut found = None;
    let text = json.to_string();
    Reader::new(64)
        .parse(text.as_bytes(), |root| {
            objects(root, &mut |_, _, object| found = object.ok().flatten());
        })
        .unwrap();
    found.unwrap()
}

fn pod(name: &str, node: &str) -> Object {
    object(&json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": [
            {"kind": "ReplicaSet", "name": "cart-7f9c5d6b4", "controller": true}]},
        "spec": {"nodeName": node}
    }))
}

fn replica_set() -> Object {
    object(&json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "cart-7f9c5d6b4", "namespace": "shop", "ownerReferences": [
            {"kind": "Deployment", "name": "cart", "controller": true}]}
    }))
}

fn teller(standing: Vec<Standing>) -> Teller {
    let scopes = Scope::all(&[]);
    Teller::new(&SmolStr::new("eu"), scopes, 100, standing)
}

fn place(kind: &str) -> usize {
    Scope::all(&[]).iter().position(|scope| scope.kind() == kind).unwrap()
}

/// Lists all kinds; those that are named have these objects.
fn list(teller: &mut Teller, objects: &[Object]) {
    for (place, scope) in Scope::all(&[]).iter().enumerate() {
        let of = objects.iter().filter(|object| object.key.kind == scope.kind());
        teller.take(Update::Begins(place));
        teller.take(Update::Page(place, of.cloned().collect()));
        teller.take(Update::Listed(place));
    }
}

/// Lines as `op from relation to`, with the time to live in hours.
fn shown(lines: &[String]) -> Vec<String> {
    let show = |line: &String| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["source"], "kubernetes/eu");
        let word = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let hours = line["ttl"]
            .as_u64()
            .map_or(String::new(), |ttl| format!(" for {}h", ttl / 3_600_000_000_000));
        let what = match word("kind").as_str() {
            "entity" => word("entity"),
            _ => format!("{} {} {}", word("from"), word("relation"), word("to")),
        };
        format!("{} {what}{hours}", word("op"))
    };
    let mut shown: Vec<String> = lines.iter().map(show).collect();
    shown.sort();
    shown
}

const HOME: &str = "k8s.deployment:shop/cart alias_of service:shop/cart";

#[test]
fn a_pod_that_is_replaced_changes_nothing_but_its_own_name() {
    let mut teller = teller(Vec::new());
    let both =
        [replica_set(), pod("cart-7f9c5d6b4-aaaaa", "n1"), pod("cart-7f9c5d6b4-bbbbb", "n1")];
    list(&mut teller, &both);
    let first = shown(&teller.news(1_000));
    assert_eq!(
        first,
        [
            "upsert k8s.deployment:shop/cart alias_of service:shop/cart",
            "upsert k8s.pod:shop/cart-7f9c5d6b4-aaaaa alias_of service:shop/cart",
            "upsert k8s.pod:shop/cart-7f9c5d6b4-bbbbb alias_of service:shop/cart",
            "upsert service:shop/cart",
            "upsert service:shop/cart runs_on host:n1",
        ]
    );
    // One goes: the other still runs on the node.
    teller.take(Update::Event(Event::Gone, both[1].clone()));
    let gone = ["upsert k8s.pod:shop/cart-7f9c5d6b4-aaaaa alias_of service:shop/cart for 24h"];
    assert_eq!(shown(&teller.news(2_000)), gone);
    teller.take(Update::Event(Event::Put, pod("cart-7f9c5d6b4-ccccc", "n2")));
    assert_eq!(
        shown(&teller.news(3_000)),
        [
            "upsert k8s.pod:shop/cart-7f9c5d6b4-ccccc alias_of service:shop/cart",
            "upsert service:shop/cart runs_on host:n2",
        ]
    );
    teller.take(Update::Event(Event::Gone, both[2].clone()));
    assert_eq!(
        shown(&teller.news(4_000)),
        [
            "upsert k8s.pod:shop/cart-7f9c5d6b4-bbbbb alias_of service:shop/cart for 24h",
            "upsert service:shop/cart runs_on host:n1 for 2h",
        ]
    );
    assert!(teller.news(5_000).is_empty());
}

#[test]
fn nothing_is_said_before_all_is_known() {
    let mut teller = teller(Vec::new());
    let pods = place("Pod");
    teller.take(Update::Page(pods, vec![pod("cart-7f9c5d6b4-aaaaa", "n1")]));
    teller.take(Update::Listed(pods));
    assert!(teller.news(1).is_empty() && !teller.is_complete());
    for (place, _) in Scope::all(&[]).iter().enumerate().filter(|(place, _)| *place != pods) {
        teller.take(Update::Absent(place));
    }
    // Nobody may read ReplicaSets: the name has to do.
    assert!(shown(&teller.news(2)).contains(&format!("upsert {HOME}")));
}

#[test]
fn what_vanished_while_nobody_looked_is_taken_back() {
    let relation = |from: &str, to: &str| {
        use causeway_dataflows::model::RelationKind::AliasOf;
        Statement::Relation(from.into(), AliasOf, to.into())
    };
    let standing = |statement, confidence_ppm, is_ageing| Standing {
        statement,
        confidence_ppm,
        is_ageing,
        time_ns: 7_000,
    };
    let cart = "service:shop/cart";
    let mut teller = teller(vec![
        standing(Statement::Entity(cart.into()), 0, false),
        standing(Statement::Entity("service:shop/pay".into()), 0, false),
        standing(relation("k8s.deployment:shop/cart", cart), 1_000_000, false),
        standing(relation("k8s.pod:shop/pay-1", "service:shop/pay"), 1_000_000, false),
        standing(relation("k8s.pod:shop/pay-0", "service:shop/pay"), 1_000_000, true),
        standing(relation("k8s.pod:shop/cart-7f9c5d6b4-aaaaa", cart), 1_000_000, true),
    ]);
    list(&mut teller, &[replica_set(), pod("cart-7f9c5d6b4-aaaaa", "")]);
    // The clock was put back since.
    let lines = teller.news(1_000);
    assert!(lines.iter().all(|line| line.contains("\"time\":7001")), "{lines:?}");
    assert_eq!(
        shown(&lines),
        [
            "delete service:shop/pay",
            "upsert k8s.pod:shop/cart-7f9c5d6b4-aaaaa alias_of service:shop/cart",
            "upsert k8s.pod:shop/pay-1 alias_of service:shop/pay for 24h",
        ]
    );
    // Listed again, it is there no more.
    teller.take(Update::Begins(place("Pod")));
    teller.take(Update::Listed(place("Pod")));
    let gone = ["upsert k8s.pod:shop/cart-7f9c5d6b4-aaaaa alias_of service:shop/cart for 24h"];
    assert_eq!(shown(&teller.news(1_000)), gone);
}

#[test]
fn objects_beyond_the_bound_are_left_out_and_counted() {
    let mut teller = Teller::new(&SmolStr::new("eu"), Scope::all(&[]), 2, Vec::new());
    let pods: Vec<Object> = (0..4).map(|at| pod(&format!("cart-{at}"), "n1")).collect();
    list(&mut teller, &pods);
    teller.take(Update::Event(Event::Put, pod("cart-1", "n2")));
    assert_eq!((teller.objects(), teller.dropped()), (2, 2));
}
