//! The pure crate does nothing but compute, and one module of the process reads the clock.

use super::paths::{paths_from, words};
use super::{Finding, Rust};

/// Parts of the standard library that the pure crate does without.
const STD_REFUSED: [(&str, &str); 9] = [
    ("fs", "take the contents as an input"),
    ("net", "let src open sockets"),
    ("env", "take a field of Params"),
    ("thread", "let src/runtime.rs drive the dataflow"),
    ("process", "let src end the process"),
    ("time::Instant", "take the tick as an argument"),
    ("time::SystemTime", "take the tick as an argument"),
    ("collections::hash_map", "use BTreeMap"),
    ("hash::RandomState", "use xxh3"),
];

/// Words that are refused whatever path leads to them, and what to do instead.
const WORDS_REFUSED: [(&str, &str); 4] = [
    ("SystemTime", "take the tick as an argument"),
    ("Instant", "take the tick as an argument"),
    ("RandomState", "use xxh3"),
    ("DefaultHasher", "use xxh3"),
];

/// Macros that print.
const PRINTING: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// Calls that read the machine's clock or its zone.
const CLOCKS: [(&str, &str); 6] = [
    ("Instant", "now"),
    ("SystemTime", "now"),
    ("Timestamp", "now"),
    ("Zoned", "now"),
    ("TimeZone", "system"),
    ("TimeZone", "try_system"),
];

/// Files of the pure crate that may hold hash-ordered maps, each for look-ups only.
const MAPS_ALLOWED: [&str; 5] = [
    "dataflows/src/correlate/assemble.rs",
    "dataflows/src/correlate/region.rs",
    "dataflows/src/correlate/split.rs",
    "dataflows/src/correlate/tenant.rs",
    "dataflows/src/correlate/world.rs",
];

/// What walks a map in the order of its hashes.
const WALKS: [&str; 10] = [
    "iter",
    "iter_mut",
    "into_iter",
    "keys",
    "into_keys",
    "values",
    "values_mut",
    "into_values",
    "drain",
    "retain",
];

fn is_pure(rust: &Rust) -> bool {
    rust.file.path.starts_with("dataflows/src/")
}

/// Clocks, files, sockets, threads, environment and printing in the pure crate.
fn impurities(rust: &Rust) -> Vec<Finding> {
    if !is_pure(rust) {
        return Vec::new();
    }
    let code = &rust.masked.code;
    let mut found = Vec::new();
    for path in paths_from(code, "std") {
        for (refused, remedy) in STD_REFUSED.iter().filter(|(refused, _)| path.is_below(refused)) {
            let message = format!("the pure crate uses `std::{refused}`, {remedy}");
            found.push(rust.file.finding(path.at, message));
        }
    }
    let named: Vec<usize> = found.iter().map(|finding| finding.line).collect();
    for (at, word) in words(code) {
        let rest = &code[at + word.len()..];
        let remedy = WORDS_REFUSED.iter().find(|(refused, _)| *refused == word);
        let message = if let Some((_, remedy)) = remedy {
            format!("the pure crate uses `{word}`, {remedy}")
        } else if PRINTING.contains(&word) && rest.starts_with('!') {
            format!("the pure crate uses `{word}!`, return what is to be said")
        } else if word == "thread" && rest.trim_start().starts_with("::") {
            "the pure crate uses `thread::`, let src/runtime.rs drive the dataflow".to_owned()
        } else {
            continue;
        };
        let finding = rust.file.finding(at, message);
        if !named.contains(&finding.line) {
            found.push(finding);
        }
    }
    found.extend(clock_reads(rust, "take the tick as an argument"));
    found.sort_by_key(|finding| finding.line);
    found.dedup_by_key(|finding| finding.line);
    found
}

/// Calls of [`CLOCKS`].
fn clock_reads(rust: &Rust, remedy: &str) -> Vec<Finding> {
    let code = &rust.masked.code;
    let all: Vec<(usize, &str)> = words(code).collect();
    all.windows(2)
        .filter(|pair| {
            let between = &code[pair[0].0 + pair[0].1.len()..pair[1].0];
            between.trim() == "::" && CLOCKS.contains(&(pair[0].1, pair[1].1))
        })
        .map(|pair| {
            let message = format!("`{}::{}` reads the machine, {remedy}", pair[0].1, pair[1].1);
            rust.file.finding(pair[0].0, message)
        })
        .collect()
}

/// Readings of the clock in `src` outside of the one module whose purpose it is.
fn stray_clocks(rust: &Rust) -> Vec<Finding> {
    if !rust.file.path.starts_with("src/") || rust.file.path == "src/clock.rs" {
        return Vec::new();
    }
    clock_reads(rust, "ask src/clock.rs")
}

/// Hash-ordered maps in the pure crate: outside of the listed files, or walked in one of them.
fn hash_order(rust: &Rust) -> Vec<Finding> {
    if !is_pure(rust) {
        return Vec::new();
    }
    let code = &rust.masked.code;
    let mut found = Vec::new();
    for (at, word) in words(code).filter(|(_, word)| ["HashMap", "HashSet"].contains(word)) {
        if !MAPS_ALLOWED.contains(&rust.file.path.as_str()) {
            let message = format!(
                "`{word}` has no order, use BTreeMap, or list the file in tests/it/tidy/purity.rs \
                 if the map is only looked up"
            );
            found.push(rust.file.finding(at, message));
        }
    }
    for name in map_names(code) {
        found.extend(walks(rust, name));
    }
    found.sort_by_key(|finding| finding.line);
    found
}

/// Names of fields and variables declared as a map or table of hashbrown.
fn map_names(code: &str) -> Vec<&str> {
    let all: Vec<(usize, &str)> = words(code).collect();
    let declared = all.iter().enumerate().filter_map(|(index, (at, word))| {
        if !["HashMap", "HashSet", "HashTable"].contains(word) {
            return None;
        }
        // Between a name and its type or first value stand only these.
        let (before, name) = *all[..index].last()?;
        let between = code[before + name.len()..*at].trim();
        [":", "=", ": &", ": &mut"].contains(&between).then_some(name)
    });
    let mut names: Vec<&str> = declared.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Places where the map `name` is walked.
fn walks(rust: &Rust, name: &str) -> Vec<Finding> {
    let code = &rust.masked.code;
    let mut found = Vec::new();
    for (at, _) in words(code).filter(|(_, word)| *word == name) {
        let rest = code[at + name.len()..].trim_start();
        let method = rest.strip_prefix('.').and_then(|rest| words(rest).next());
        let called = method.is_some_and(|(_, method)| WALKS.contains(&method));
        let line = code[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let looped = code[line..at].trim_start().starts_with("for ")
            && code[line..at].contains(" in ")
            && rest.starts_with('{');
        if called || looped {
            let message = format!(
                "the map `{name}` is walked in the order of its hashes, \
                 keep a sorted list beside it or use BTreeMap"
            );
            found.push(rust.file.finding(at, message));
        }
    }
    found
}

#[test]
fn the_pure_crate_is_pure() {
    super::expect_none(super::sources().iter().flat_map(impurities).collect());
}

#[test]
fn an_impurity_is_found() {
    let check = |text: &str, expected: &[usize]| {
        let found = impurities(&Rust::snippet("dataflows/src/dedup/fold.rs", text));
        super::expect_lines(&found, expected);
        assert!(impurities(&Rust::snippet("src/dedup.rs", text)).is_empty());
    };
    check("use std::fs;\nuse std::{\n    net::TcpStream,\n    fmt,\n};\n", &[1, 3]);
    check("use std::time::Duration;\nuse std::time::{Duration, Instant};\n", &[2]);
    check("fn a(at: Instant) {}\nlet b = SystemTime::UNIX_EPOCH;\n", &[1, 2]);
    check("thread::spawn(f);\nstd::env::var(\"A\");\nx.env();\n", &[1, 2]);
    check("println!(\"a\");\neprintln!();\nwriteln!(f)?;\ndbg!(x);\n", &[1, 2, 4]);
    check("jiff::Timestamp::now();\nZoned :: now();\nTimeZone::system();\n", &[1, 2, 3]);
    check("// std::fs\nlet a = \"println!()\";\n/* SystemTime */\n", &[]);
}

#[test]
fn one_module_reads_the_clock() {
    let sources = super::sources();
    assert!(sources.iter().any(|rust| rust.file.path == "src/clock.rs"), "src/clock.rs is gone");
    super::expect_none(sources.iter().flat_map(stray_clocks).collect());
}

#[test]
fn a_stray_clock_is_found() {
    let bad = "let a = SystemTime::now();\nlet b = std::time::Instant::now();\nTimestamp::now()\n";
    let check = |path: &str, expected: &[usize]| {
        super::expect_lines(&stray_clocks(&Rust::snippet(path, bad)), expected);
    };
    check("src/runtime/worker.rs", &[1, 2, 3]);
    check("src/clock.rs", &[]);
    check("loadgen/src/send.rs", &[]);
}

#[test]
fn hashes_give_no_order() {
    let sources = super::sources();
    for allowed in MAPS_ALLOWED {
        let rust = sources.iter().find(|rust| rust.file.path == allowed);
        let used = rust.is_some_and(|rust| !map_names(&rust.masked.code).is_empty());
        assert!(used, "{allowed} holds no map, take it off the list in tests/it/tidy/purity.rs");
    }
    super::expect_none(sources.iter().flat_map(hash_order).collect());
}

#[test]
fn a_walk_over_hashes_is_found() {
    let check = |path: &str, text: &str, expected: &[usize]| {
        super::expect_lines(&hash_order(&Rust::snippet(path, text)), expected);
    };
    let held = "struct S {\n    index: HashMap<u8, u8>,\n}\nself.index.get(&1);\n";
    check("dataflows/src/dedup/key.rs", held, &[2]);
    check(MAPS_ALLOWED[0], held, &[]);
    check("src/canonical.rs", held, &[]);
    check(MAPS_ALLOWED[0], &format!("{held}self.index.keys().min();\n"), &[5]);
    check(MAPS_ALLOWED[0], &format!("{held}for (k, v) in &self.index {{\n"), &[5]);
    check("dataflows/src/dedup/key.rs", "let a = HashTable::new();\na\n    .iter();\n", &[2]);
    check("dataflows/src/dedup/key.rs", "let a: &HashTable<u8>;\na.find(1, eq);\n", &[]);
}
