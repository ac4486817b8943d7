//! What leaves the process: schemas and the rows that must stay valid under them.

use crate::committed::expect_committed;
use causeway::emit::schema::{SchemaKind, schema, schema_text};
use causeway::emit::wire::{AlertRow, Envelope};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schema")
}

/// The committed examples of a kind, by name.
fn examples(kind: SchemaKind) -> Vec<(String, String)> {
    let directory = fixtures().join("examples").join(kind.word());
    let mut examples: Vec<(String, String)> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()))
        .collect();
    examples.sort();
    assert!(!examples.is_empty());
    examples
}

#[test]
fn committed_schemas_are_those_of_the_types() {
    for kind in SchemaKind::ALL {
        let path = fixtures().join(format!("{}.json", kind.word()));
        expect_committed(&path, &schema_text(&schema(kind)));
    }
    let report = schema_text(&causeway::verify::schema());
    expect_committed(&fixtures().join("verification.json"), &report);
    let manifest = schema_text(&causeway::backup::schema());
    expect_committed(&fixtures().join("backup.json"), &manifest);
}

#[test]
fn every_row_ever_published_is_still_valid() {
    for kind in [SchemaKind::Revision, SchemaKind::Alert] {
        let validator = jsonschema::validator_for(&schema(kind)).unwrap();
        for (name, text) in examples(kind) {
            let value: Value = serde_json::from_str(&text).unwrap();
            let problems: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(problems.is_empty(), "{name}: {problems:#?}");
        }
    }
}

#[test]
fn every_row_ever_published_reads_and_writes_back_the_same() {
    fn check<T: DeserializeOwned + Serialize>(kind: SchemaKind) {
        for (name, text) in examples(kind) {
            let row: T = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(serde_json::to_string(&row).unwrap(), text.trim_end(), "{name}");
        }
    }
    check::<Envelope>(SchemaKind::Revision);
    check::<AlertRow>(SchemaKind::Alert);
}

#[test]
fn a_schema_refuses_what_no_version_wrote() {
    let validator = jsonschema::validator_for(&schema(SchemaKind::Revision)).unwrap();
    let examples = examples(SchemaKind::Revision);
    let (_, text) = examples.iter().find(|(name, _)| name.contains("opened")).unwrap();
    let good: Value = serde_json::from_str(text).unwrap();
    assert!(validator.is_valid(&good));
    let breaks: [(&str, fn(&mut Value)); 7] = [
        ("no title", |v| drop(v["data"].as_object_mut().unwrap().remove("title"))),
        ("no resolved_at", |v| drop(v["data"].as_object_mut().unwrap().remove("resolved_at"))),
        ("revision zero", |v| v["data"]["revision"] = 0.into()),
        ("an unknown event", |v| v["data"]["event"] = "closed".into()),
        ("a severity as a number", |v| v["data"]["severity"] = 17.into()),
        ("a probability above one", |v| v["data"]["cause"]["unknown"] = 1.5.into()),
        ("a short fingerprint", |v| v["data"]["alerts"][0]["fingerprint"] = "ab".into()),
    ];
    for (what, change) in breaks {
        let mut value = good.clone();
        change(&mut value);
        assert!(!validator.is_valid(&value), "{what} is accepted");
    }
}
