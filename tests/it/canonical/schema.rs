//! The schema of the native form says what the decoder does.

use super::Bench;
use crate::committed::expect_committed;
use causeway::canonical::native::schema::{schema, schema_text};
use causeway::canonical::{Code, Kind};
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

/// The events of the native fixtures whose names begin with `beginning`, by file and line;
/// what is not JSON is left out.
fn events(beginning: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let entries = fs::read_dir(fixtures().join("wire/native")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if !stem.starts_with(beginning) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = match path.extension().unwrap().to_str() {
            Some("json") => vec![&text],
            Some("ndjson") => text.lines().collect(),
            _ => continue,
        };
        for (number, line) in (1..).zip(lines) {
            match serde_json::from_str(line) {
                Ok(Value::Array(list)) => {
                    found.extend(list.into_iter().map(|event| (format!("{stem}:{number}"), event)));
                }
                Ok(event) => found.push((format!("{stem}:{number}"), event)),
                Err(_) => {}
            }
        }
    }
    found
}

/// What becomes of one event: whether it is taken, and whether without a repair.
fn taken(event: &Value) -> (bool, bool) {
    let counts = Bench::native().text(&event.to_string()).counts;
    (counts.accepted == 1, counts.accepted == 1 && counts.repaired.total() == 0)
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    expect_committed(&fixtures().join("schema/event.json"), &schema_text());
}

#[test]
fn the_schema_has_every_kind() {
    let schema = schema();
    let words: Vec<&str> =
        Kind::ALL.into_iter().filter(|kind| *kind != Kind::Other).map(Kind::word).collect();
    let conditions = schema["allOf"].as_array().unwrap().iter();
    let seen: Vec<_> = conditions.map(|c| &c["if"]["properties"]["kind"]["const"]).collect();
    let mut sorted = words.clone();
    sorted.sort_unstable();
    let mut found: Vec<_> = seen.iter().map(|word| word.as_str().unwrap()).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, sorted);
    for word in words {
        let problems = validator().iter_errors(&json!({"kind": word})).count();
        let alone = ["alert", "log", "heartbeat"].contains(&word);
        assert_eq!(problems == 0, alone, "{word}");
    }
}

#[test]
fn good_samples_are_valid() {
    let validator = validator();
    let events = events("good");
    assert!(events.len() > 60, "{}", events.len());
    for (place, event) in events {
        let problems: Vec<String> = validator
            .iter_errors(&event)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{place}: {problems:#?}");
    }
}

/// Bad samples that are JSON and whose fault no schema can see.
const UNSEEN: [&str; 15] = [
    // Good neighbours of bad lines.
    "bad_alert:1",
    "bad_alert:11",
    "bad_replay:2",
    // The decoder's own bounds and the sender's token.
    "bad_alert:8",
    "bad_alert:9",
    // A replay that has no time yet.
    "bad_replay:1",
    // An order of two instants, two texts that are equal.
    "bad_entity:4",
    "bad_entity:5",
    "bad_maintenance:1",
    "bad_relation:4",
    "bad_silence:7",
    // Languages of their own: expressions, calendars, time zones, words of severity.
    "bad_maintenance:3",
    "bad_maintenance:4",
    "bad_rule:4",
    "bad_silence:3",
];

#[test]
fn bad_samples_are_refused_where_a_schema_can_see_why() {
    let validator = validator();
    let mut valid: Vec<String> = events("bad")
        .into_iter()
        .filter(|(_, event)| validator.is_valid(event))
        .map(|(place, _)| place)
        .collect();
    valid.sort();
    let mut unseen = UNSEEN.to_vec();
    unseen.sort_unstable();
    assert_eq!(valid, unseen);
}

/// The least event of each kind, and paths to what it cannot do without.
fn least() -> Vec<(Value, &'static [&'static str])> {
    let time = "2026-11-23T07:01:00Z";
    vec![
        (json!({"kind": "alert", "time": time}), &["/kind"]),
        (json!({"kind": "log", "time": time}), &["/kind"]),
        (json!({"kind": "heartbeat", "time": time}), &["/kind"]),
        (json!({"kind": "metric", "time": time, "name": "cpu"}), &["/kind", "/name"]),
        (
            json!({"kind": "metric", "time": time, "metric": {"name": "cpu"}}),
            &["/kind", "/metric", "/metric/name"],
        ),
        (json!({"kind": "span", "time": time, "span": {}}), &["/kind", "/span"]),
        (
            json!({"kind": "change", "time": time, "entity": "host:a", "change": {"id": "c"}}),
            &["/kind", "/entity", "/change", "/change/id"],
        ),
        (json!({"kind": "entity", "time": time, "entity": "host:a"}), &["/kind", "/entity"]),
        (
            json!({"kind": "relation", "time": time, "from": "host:a", "to": "host:b", "relation": "calls"}),
            &["/kind", "/from", "/to", "/relation"],
        ),
        (
            json!({"kind": "feedback", "time": time, "feedback": {"incident_id": "i", "verdict": "missed"}}),
            &["/kind", "/feedback", "/feedback/incident_id", "/feedback/verdict"],
        ),
        (
            json!({"kind": "silence", "time": time, "silence": {"id": "s", "matchers": ["a=b"], "endsAt": "2026-11-24T00:00:00Z"}}),
            &["/kind", "/silence", "/silence/id", "/silence/matchers", "/silence/endsAt"],
        ),
        (
            json!({"kind": "maintenance", "time": time, "maintenance": {"id": "m"}}),
            &["/kind", "/maintenance", "/maintenance/id"],
        ),
        (
            json!({"kind": "rule", "time": time, "rule": {"id": "r", "matchers": ["a=b"], "action": "suppress"}}),
            &["/kind", "/rule", "/rule/id", "/rule/matchers", "/rule/action"],
        ),
        (
            json!({"kind": "model", "time": time, "model": {"version": "v"}}),
            &["/kind", "/model", "/model/version"],
        ),
        (
            json!({"kind": "silence", "op": "delete", "time": time, "silence": {"id": "s"}}),
            &["/kind", "/silence", "/silence/id"],
        ),
    ]
}

fn without(event: &Value, path: &str) -> Value {
    let mut event = event.clone();
    let (parent, key) = path.rsplit_once('/').unwrap();
    let removed = event.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
    assert!(removed.is_some(), "{path}");
    event
}

#[test]
fn what_is_required_is_required_by_both() {
    let validator = validator();
    for (event, required) in least() {
        assert!(validator.is_valid(&event) && taken(&event).0, "{event}");
        for path in required {
            let less = without(&event, path);
            assert!(!validator.is_valid(&less), "valid without {path}: {less}");
            assert!(!taken(&less).0, "taken without {path}: {less}");
        }
    }
}

/// What may stand in a field's place, most of it wrong for most fields.
fn values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(17),
        json!(-1),
        json!(0.5),
        json!(1.5),
        json!(1_795_417_310_000_000_000u64),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("17"),
        json!("delete"),
        json!("HIGH"),
        json!("default"),
        json!("event/1"),
        json!("event/1.+5"),
        json!("2026-11-23T07:01:00.5+01:00"),
        json!("2026-11-23T07:01:00"),
        json!("y".repeat(300)),
        json!([]),
        json!([""]),
        json!(["a=b", {"name": "a", "value": "b"}]),
        json!([5]),
        json!({}),
        json!({"id": 5}),
        json!({"id": "s", "name": "n"}),
        json!({"name": 5, "unit": 5, "phase": 5, "id": "c"}),
        json!({"severity": "error"}),
        json!({"severity": 30}),
    ]
}

/// Every field that the decoder knows, and those of bodies.
const PATHS: [&str; 68] = [
    "/schema",
    "/id",
    "/source",
    "/kind",
    "/name",
    "/time",
    "/observed_time",
    "/end_time",
    "/status",
    "/severity",
    "/summary",
    "/body",
    "/entity",
    "/service",
    "/env",
    "/region",
    "/host",
    "/instance",
    "/fingerprint",
    "/tenant",
    "/labels",
    "/trace_id",
    "/span_id",
    "/op",
    "/type",
    "/owner",
    "/criticality",
    "/aliases",
    "/from",
    "/to",
    "/relation",
    "/confidence",
    "/ttl",
    "/change",
    "/feedback",
    "/metric",
    "/value",
    "/span",
    "/silence",
    "/maintenance",
    "/rule",
    "/model",
    "/severity_text",
    "/attributes",
    "/links",
    "/origin",
    "/quality",
    "/lifecycle",
    "/valid_from",
    "/valid_to",
    "/discovered_by",
    "/start_time",
    "/log",
    "/brand_new",
    "/change/phase",
    "/change/risk",
    "/feedback/note",
    "/silence/matchers",
    "/silence/startsAt",
    "/silence/endsAt",
    "/silence/createdBy",
    "/maintenance/entities",
    "/maintenance/starts_at",
    "/maintenance/time_intervals",
    "/rule/action",
    "/model/version",
    "/model/weights",
    "/labels/nested",
];

fn put(event: &Value, path: &str, value: &Value) -> Option<Value> {
    let mut event = event.clone();
    let (parent, key) = path.rsplit_once('/').unwrap();
    event.pointer_mut(parent)?.as_object_mut()?.insert(key.to_owned(), value.clone());
    Some(event)
}

#[test]
fn whatever_is_taken_without_a_repair_is_valid() {
    let validator = validator();
    let mut bases = least();
    let all = json!({"id": "i", "labels": {"a": "b"}, "entity": "host:a", "severity": "error"});
    for (event, _) in &mut bases {
        let given: &Map<String, Value> = all.as_object().unwrap();
        for (key, value) in given {
            event.as_object_mut().unwrap().entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    let (mut clean, mut wrong) = (0, Vec::new());
    for (base, _) in &bases {
        for path in PATHS {
            for value in values() {
                let Some(event) = put(base, path, &value) else { continue };
                if taken(&event).1 {
                    clean += 1;
                    if let Err(error) = validator.validate(&event) {
                        wrong.push(format!("{event}\n    {}: {error}", error.instance_path()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {clean}\n{}", wrong.len(), wrong.join("\n"));
    assert!(clean > 4_000, "{clean}");
}

#[test]
fn a_value_of_another_type_is_noted_and_counts_as_absent() {
    for (field, value) in [("name", "5"), ("summary", "{}"), ("links", "\"x\""), ("op", "true")] {
        let line = format!(
            r#"{{"id":"1","kind":"alert","time":"2026-11-23T07:01:00Z","severity":"error","entity":"host:a","{field}":{value}}}"#
        );
        let counts = Bench::native().text(&line).counts;
        assert_eq!((counts.folded, counts.repaired.of(Code::W106)), (1, 1), "{field}");
        let counts = Bench::native().text(&line.replace(value, "null")).counts;
        assert_eq!((counts.folded, counts.repaired.total()), (1, 0), "{field}");
    }
}
