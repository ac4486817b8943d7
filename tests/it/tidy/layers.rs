//! Imports run one way: model, params, ops, the stages, the pipeline, the process.

use super::paths::{paths_from, words};
use super::{Finding, Rust, Text};

/// The modules of the pure crate that are no stages; every other one is.
const MODEL: &str = "model";
const PARAMS: &str = "params";
const OPS: &str = "ops";
const PIPELINE: &str = "pipeline";
const ORACLE: &str = "oracle";

/// The module of the pure crate that `path` belongs to; `None` for the root and other crates.
fn module(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("dataflows/src/")?;
    let module = inside.split('/').next()?;
    let module = module.strip_suffix(".rs").unwrap_or(module);
    (module != "lib").then_some(module)
}

/// Whether `from` may use `to`, both modules of the pure crate.
fn may_use(from: &str, to: &str) -> bool {
    match from {
        MODEL => to == MODEL,
        PARAMS => [MODEL, PARAMS].contains(&to),
        OPS => [MODEL, PARAMS, OPS].contains(&to),
        PIPELINE => true,
        ORACLE => to != PIPELINE,
        stage => [MODEL, PARAMS, OPS, stage].contains(&to),
    }
}

/// Uses of a module that the using module must not know.
fn upward_imports(rust: &Rust) -> Vec<Finding> {
    let Some(own) = module(&rust.file.path) else { return Vec::new() };
    let code = &rust.masked.code;
    let depth = rust.file.path.matches('/').count() - 1;
    let from_root = paths_from(code, "crate").into_iter().map(|path| (path.at, path.segments));
    // `super` leads out of the module as well, when it is said often enough.
    let from_super = paths_from(code, "super").into_iter().filter_map(|path| {
        let supers = 1 + path.segments.iter().take_while(|segment| *segment == "super").count();
        let above = path.segments.get(supers - 1..)?.to_vec();
        (supers >= depth && above.first().is_some_and(|name| is_module(name)))
            .then_some((path.at, above))
    });
    from_root
        .chain(from_super)
        .filter(|(_, segments)| segments.first().is_some_and(|to| !may_use(own, to)))
        .map(|(at, segments)| {
            let to = &segments[0];
            let message = format!(
                "`{own}` uses `{to}`, move what both need to `{MODEL}` or `{OPS}` \
                 or let `{PIPELINE}` pass it in"
            );
            rust.file.finding(at, message)
        })
        .collect()
}

/// Whether the pure crate has a module of that name.
fn is_module(name: &str) -> bool {
    let folder = super::root().join("dataflows/src");
    folder.join(format!("{name}.rs")).is_file()
}

/// Operators in the oracle, which must recompute without what it checks.
fn oracle_operators(rust: &Rust) -> Vec<Finding> {
    if module(&rust.file.path) != Some(ORACLE) {
        return Vec::new();
    }
    let engine = ["timely", "differential_dataflow", "operator"];
    words(&rust.masked.code)
        .filter(|(_, word)| engine.contains(word))
        .map(|(at, word)| {
            let message =
                format!("the oracle uses `{word}`, recompute from pure functions and the model");
            rust.file.finding(at, message)
        })
        .collect()
}

/// Uses of a crate of this workspace that the using crate must not know.
fn crate_imports(rust: &Rust) -> Vec<Finding> {
    let refused: &[&str] = match rust.file.path.split('/').next() {
        Some("loadgen") => &["causeway", "causeway_dataflows"],
        Some("dataflows") => &["causeway", "causeway_loadgen"],
        _ => &[],
    };
    words(&rust.masked.code)
        .filter(|(_, word)| refused.contains(word))
        .map(|(at, word)| {
            let message = format!("this crate uses `{word}`, repeat the few lines it needs");
            rust.file.finding(at, message)
        })
        .collect()
}

/// Dependencies of `loadgen` and `dataflows` on a crate of this workspace.
fn manifest_imports(file: &Text) -> Vec<Finding> {
    if !["loadgen/Cargo.toml", "dataflows/Cargo.toml"].contains(&file.path.as_str()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut at = 0;
    for line in file.text.split_inclusive('\n') {
        let key = line.trim_start().trim_start_matches(['[', '"']);
        let key = key.rsplit_once("dependencies.").map_or(key, |(_, name)| name);
        if key.starts_with("causeway") {
            found.push(file.finding(at, "this crate depends on another of ours, drop the line"));
        }
        at += line.len();
    }
    found
}

#[test]
fn imports_run_one_way() {
    let sources = super::sources();
    assert!(sources.iter().any(|rust| module(&rust.file.path) == Some(MODEL)));
    super::expect_none(sources.iter().flat_map(upward_imports).collect());
}

#[test]
fn an_import_against_the_current_is_found() {
    let check = |path: &str, text: &str, expected: &[usize]| {
        super::expect_lines(&upward_imports(&Rust::snippet(path, text)), expected);
    };
    let stages = "use crate::model::Alert;\nuse crate::{params, dedup::{Key, Run}};\n";
    check("dataflows/src/suppress/window.rs", stages, &[2, 2]);
    check("dataflows/src/dedup.rs", stages, &[]);
    check("dataflows/src/pipeline.rs", stages, &[]);
    check("dataflows/src/oracle/dedup.rs", stages, &[]);
    check("dataflows/src/oracle.rs", "use crate::pipeline::x;\n", &[1]);
    check("dataflows/src/ops/join.rs", "x(\ncrate::dedup::y())\n", &[2]);
    check("dataflows/src/params.rs", "use crate::ops::x;\n", &[1]);
    check("dataflows/src/model/alert.rs", "use crate::params::Params;\n", &[1]);
    check("dataflows/src/model/alert.rs", "use super::context::Change;\n", &[]);
    check("dataflows/src/suppress.rs", "use super::dedup::Key;\n", &[1]);
    check("dataflows/src/suppress/a.rs", "use super::super::dedup::Key;\n", &[1]);
    check("dataflows/src/suppress/a.rs", "use super::dedup::Key;\n", &[]);
    check("dataflows/src/suppress.rs", "// crate::dedup\nlet x = \"crate::dedup\";\n", &[]);
    check("src/runtime.rs", "use crate::dedup::x;\n", &[]);
}

#[test]
fn the_oracle_is_made_without_operators() {
    super::expect_none(super::sources().iter().flat_map(oracle_operators).collect());
}

#[test]
fn an_operator_in_the_oracle_is_found() {
    let bad = "use timely::x;\nuse crate::dedup::operator::Dedup;\nuse crate::dedup::fold::runs;\n";
    let check = |path: &str, expected: &[usize]| {
        super::expect_lines(&oracle_operators(&Rust::snippet(path, bad)), expected);
    };
    check("dataflows/src/oracle/dedup.rs", &[1, 2]);
    check("dataflows/src/dedup.rs", &[]);
}

#[test]
fn crates_know_only_those_below() {
    let mut found: Vec<_> = super::sources().iter().flat_map(crate_imports).collect();
    let texts = super::texts();
    assert!(texts.iter().any(|file| file.path == "loadgen/Cargo.toml"));
    found.extend(texts.iter().flat_map(manifest_imports));
    super::expect_none(found);
}

#[test]
fn a_crate_that_knows_another_is_found() {
    let bad = "use causeway_dataflows::model::Alert;\nuse causeway::config;\n// causeway\n";
    let check = |path: &str, expected: &[usize]| {
        super::expect_lines(&crate_imports(&Rust::snippet(path, bad)), expected);
    };
    check("loadgen/src/storm.rs", &[1, 2]);
    check("dataflows/tests/it.rs", &[2]);
    check("src/replay.rs", &[]);
    let manifest = "[package]\nname = \"causeway-loadgen\"\n[dependencies]\n\
                    causeway-dataflows = { path = \"../dataflows\" }\n[dependencies.causeway]\n";
    let file = Text::snippet("loadgen/Cargo.toml", manifest);
    super::expect_lines(&manifest_imports(&file), &[4, 5]);
}
