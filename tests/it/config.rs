//! Every rule of the configuration has a file that keeps it and a file that breaks it.
//!
//! The messages for the broken ones are in `fixtures/config/bad/*.txt`;
//! `REWRITE=1` writes them anew, and the difference is to be read.

#![allow(clippy::unwrap_used, reason = "a panic here is a failure that names its line")]

use crate::committed::expect_committed;
use causeway::config::{Surroundings, load_text, schema};
use causeway::settings::{Settings, SourceKind};
use causeway_dataflows::ops::matcher::format_matchers;
use causeway_dataflows::params::{Indicator, SloParams};
use std::path::{Path, PathBuf};
use std::time::Duration;

const TOKEN: &str = "an-environment-token-0123456789";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config")
}

fn files(directory: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(fixtures().join(directory))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        // A program without Kafka refuses all of it.
        .filter(|path| cfg!(feature = "kafka") || !path.to_string_lossy().contains("/kafka_"))
        .collect();
    files.sort();
    files
}

fn variable(name: &str) -> Option<String> {
    match name {
        "CAUSEWAY_TEST_TOKEN" => Some(TOKEN.to_owned()),
        "CAUSEWAY_TEST_LONG" => Some(format!("{TOKEN}-{TOKEN}")),
        "CAUSEWAY_TEST_SHORT" => Some("short".to_owned()),
        _ => None,
    }
}

/// Reads files by their name within the fixtures, so that messages name no directory of a machine.
fn read(path: &Path) -> std::io::Result<String> {
    if path.file_name().is_some_and(|name| name == "token") {
        return std::fs::read_to_string(fixtures().join("token"));
    }
    match path.starts_with("openslo") && fixtures().join(path).exists() {
        true => std::fs::read_to_string(fixtures().join(path)),
        false => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    }
}

fn check(name: &str, text: &str) -> Result<(causeway::config::Config, Settings), String> {
    let around = Surroundings { variable: &variable, file: &read };
    let written = load_text(name, text, &around).map_err(|error| error.to_string())?;
    let settings = Settings::check(&written).map_err(|error| error.to_string())?;
    Ok((written.config, settings))
}

fn check_file(path: &Path) -> Result<(causeway::config::Config, Settings), String> {
    let name = path.file_name().unwrap().to_string_lossy();
    check(&name, &std::fs::read_to_string(path).unwrap())
}

#[test]
fn good_files_pass_and_show_themselves_again() {
    let files = files("good");
    assert!(files.len() >= 50, "{}", files.len());
    for path in files {
        let (config, _) = check_file(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let shown = config.show();
        assert!(!shown.contains(TOKEN), "{} shows a secret:\n{shown}", path.display());
        // Shown without secrets, it reads as the same configuration again.
        if !shown.contains("<redacted>") {
            let (again, _) = check("shown", &shown).unwrap_or_else(|e| panic!("{e}\n{shown}"));
            // What was a default before is configured now.
            let unmarked = shown.replace(" # the default: none is configured", "");
            assert_eq!(again.show(), unmarked, "{}", path.display());
        }
    }
}

#[test]
fn what_runs_by_default_is_shown() {
    let (config, settings) = check("c", "version: 1\n").unwrap();
    let shown = config.show();
    let default = "# the default: none is configured";
    assert!(shown.contains(&format!("\nsources: {default}\n  http:\n")), "{shown}");
    assert!(shown.contains(&format!("\nsinks: {default}\n  stdout:\n")), "{shown}");
    assert_eq!((settings.sources.len(), settings.sinks.len()), (1, 1));
    let (config, _) = check("c", "version: 1\nsinks: {out: {type: stdout}}\n").unwrap();
    let shown = config.show();
    assert!(shown.contains("\nsinks:\n  out:\n") && !shown.contains("  stdout:\n"), "{shown}");
}

#[test]
fn bad_files_are_refused_with_their_message() {
    let rewrite = std::env::var_os("REWRITE").is_some();
    for path in files("bad") {
        let found = match check_file(&path) {
            Ok(_) => panic!("{} passes", path.display()),
            Err(message) => message + "\n",
        };
        let good = fixtures().join("good").join(path.file_name().unwrap());
        assert!(good.exists(), "{} has no good file beside it", path.display());
        let expected = path.with_extension("txt");
        if rewrite {
            std::fs::write(&expected, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&expected).unwrap();
        assert_eq!(found, expected, "{}; REWRITE=1 rewrites", path.display());
    }
}

/// What OpenSLO documents say is what the engine is told.
#[test]
fn slos_of_openslo_are_read() {
    let text = std::fs::read_to_string(fixtures().join("good/slo_files.yaml")).unwrap();
    let (_, settings) = check("slo_files.yaml", &text).unwrap();
    let slos = &settings.params.detect.budget.slos;
    let told: Vec<_> = slos
        .iter()
        .map(|slo| (&*slo.name, &*slo.entity, slo.budget_ppm, slo.window_seconds / 86_400))
        .collect();
    let cart = ("cart-availability", "service:shop/cart", 1_000, 28);
    assert_eq!(told, [cart, ("checkout-orders", "service:default/checkout", 5_000, 30)]);
    let shown = |slo: &SloParams| match &slo.indicator {
        Indicator::Ratio { total, part, part_is_good } => {
            (format_matchers(total), format_matchers(part), *part_is_good)
        }
        other => panic!("{other:?}"),
    };
    let total = r#"{alertname="http_requests_total",job="cart"}"#;
    let bad = r#"{alertname="http_requests_total",job="cart",code=~"5.."}"#;
    assert_eq!(shown(&slos[0]), (total.to_owned(), bad.to_owned(), false));
    assert!(shown(&slos[1]).2, "it names the good ones");
}

#[test]
fn the_schema_is_the_committed_one_and_accepts_what_passes() {
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    expect_committed(&fixtures().join("schema.json"), &text);
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for path in files("good") {
        let text = std::fs::read_to_string(&path).unwrap();
        let value: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
    for name in ["unknown_key", "unknown_section", "unknown_type", "wrong_kind", "period"] {
        let path = fixtures().join("bad").join(name).with_extension("yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let value: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert!(!validator.is_valid(&value), "{name} passes the schema");
    }
}

#[test]
fn every_field_of_the_schema_is_described() {
    fn walk(value: &serde_json::Value, path: &str, bare: &mut Vec<String>) {
        let described = value.get("description").is_some();
        if let Some(properties) = value.get("properties").and_then(|p| p.as_object())
            // A choice written as a mapping of one key is described as a whole.
            && !(described && properties.len() == 1)
        {
            for (name, property) in properties {
                // The tag of a choice is described by its choices.
                if property.get("description").is_none() && name != "type" {
                    bare.push(format!("{path}.{name}"));
                }
            }
        }
        match value {
            serde_json::Value::Object(map) => {
                map.iter().for_each(|(key, value)| walk(value, &format!("{path}.{key}"), bare));
            }
            serde_json::Value::Array(items) => {
                items.iter().for_each(|value| walk(value, path, bare));
            }
            _ => {}
        }
    }
    let mut bare = Vec::new();
    walk(&schema(), "", &mut bare);
    assert!(bare.is_empty(), "{bare:?}");
}

#[test]
fn the_defaults_are_those_of_the_documents() {
    let settings = Settings::defaults();
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:9190");
    assert_eq!(settings.data_dir, Path::new("causeway-data"));
    assert_eq!(settings.sources.len(), 1);
    assert_eq!(settings.sources[0].kind, SourceKind::Http { prefix: None });
    assert_eq!(settings.params.sources[0], Default::default());
    assert_eq!(settings.params.correlate, Default::default());
    assert_eq!(settings.params.dedup.flap, Default::default());
    assert_eq!(settings.params.history, Default::default());
    assert_eq!(settings.emission.settle, Duration::from_secs(2));
    assert_eq!(settings.sinks.len(), 1);
}

#[test]
fn the_configuration_of_the_readme_is_one() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let blocks = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let ours: Vec<&str> = blocks.filter(|block| block.starts_with("version: 1")).collect();
    assert_eq!(ours.len(), 1);
    // Whatever variables it names, here they are all set.
    let variable = |name: &str| Some(format!("{TOKEN}-{name}"));
    let around = Surroundings { variable: &variable, file: &read };
    let settings = Settings::check(&load_text("README.md", ours[0], &around).unwrap()).unwrap();
    assert_eq!((settings.sources.len(), settings.sinks.len()), (2, 2));
}

#[test]
fn layers_merge_and_the_later_wins() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("base.yaml"), "version: 1\nworkers: 2\nsources:\n  a: {type: stdin}\n")
        .unwrap();
    std::fs::create_dir(path("conf.d")).unwrap();
    std::fs::write(path("conf.d/10.yaml"), "version: 1\nsources:\n  a: {quiet: 1m}\n").unwrap();
    std::fs::write(path("conf.d/20.yml"), "version: 1\nworkers: 3\n").unwrap();
    std::fs::write(path("conf.d/README.md"), "not read").unwrap();
    let around = Surroundings::of_process();
    let (written, settings) =
        Settings::load(&[path("base.yaml"), path("conf.d")], &around).unwrap();
    assert_eq!((written.config.workers, settings.sources[0].params.quiet_seconds), (3, 60));

    std::fs::write(path("conf.d/30.yaml"), "version: 1\nworkers: 4\n").unwrap();
    let error = Settings::load(&[path("conf.d")], &around).unwrap_err().to_string();
    assert!(error.contains("30.yaml:2:10: workers: also set at") && error.contains("20.yml:2:10"));
    for (name, text) in [("empty.yaml", ""), ("bare.yaml", "workers: 1\n")] {
        std::fs::write(path(name), text).unwrap();
        let error = Settings::load(&[path(name)], &around).unwrap_err().to_string();
        assert!(error.contains(&format!("{name}: key `version` is missing")), "{error}");
    }
    let error = Settings::load(&[path("none.yaml")], &around).unwrap_err().to_string();
    assert!(error.contains("none.yaml"), "{error}");
}

#[test]
fn paths_are_seen_from_the_file_they_are_written_in() {
    let text = "version: 1\ntopology: [a.ndjson, /b.ndjson]\ndata_dir: data\n";
    let (_, settings) = check("/etc/causeway/c.yaml", text).unwrap();
    assert_eq!(settings.data_dir, Path::new("/etc/causeway/data"));
    assert_eq!(settings.topology, [Path::new("/etc/causeway/a.ndjson"), Path::new("/b.ndjson")]);
}

#[test]
fn a_variable_cannot_become_structure() {
    let hostile = |_: &str| Some("x\nserver:\n  insecure: true".to_owned());
    let around = Surroundings { variable: &hostile, file: &read };
    let written = load_text("c", "version: 1\ndata_dir: ${env:X}\n", &around).unwrap();
    assert!(!written.config.server.insecure);
    assert!(written.config.data_dir.0.to_string_lossy().contains("insecure"));
}
