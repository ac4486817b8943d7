//! Provenance of fixtures, traces of one machine, and the shape of prose.

use super::{Finding, Text, files_below, relative, root};
use std::collections::BTreeMap;

/// Folders of a machine that only its owner has; a path that begins so works nowhere else.
const MACHINE_FOLDERS: [&str; 5] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("C:\\Us", "ers\\"),
];

/// Hosts that serve packages: which one is used is the builder's configuration.
const REGISTRY_HOSTS: [&str; 7] = [
    concat!("crates", ".io"),
    concat!("registry.npm", "js.org"),
    concat!("pypi", ".org"),
    concat!("files.python", "hosted.org"),
    concat!("proxy.golang", ".org"),
    concat!("registry-1.docker", ".io"),
    concat!("deb.debian", ".org"),
];

/// Files that cannot do without the name of a registry: what was locked, and what is allowed.
const REGISTRY_FILES: [&str; 2] = ["Cargo.lock", "deny.toml"];

/// Prose whose sentences have a line each.
const PROSE: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "STYLE.md"];

/// Short forms whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 10] =
    ["e.g", "i.e", "etc", "vs", "cf", "approx", "incl", "resp", "no", "fig"];

/// Folders of `fixtures` that hold files but do not say whence, by path and texts.
fn unattributed(files: &[(String, Option<&str>)]) -> Vec<Finding> {
    let mut readmes: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for (path, text) in files {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let known = readmes.entry(folder).or_default();
        if name == "README.md" {
            *known = *text;
        }
    }
    let mut found = Vec::new();
    for (folder, readme) in readmes.into_iter().filter(|(folder, _)| folder.contains('/')) {
        let path = format!("{folder}/README.md");
        let mut say = |message: &str| {
            found.push(Finding { path: path.clone(), line: 1, message: message.to_owned() });
        };
        let Some(text) = readme.map(str::to_lowercase) else {
            say("the folder has no README.md, write one that names origin and licence");
            continue;
        };
        if !text.contains("origin") {
            say("the README.md does not name the origin, say where the files are from");
        }
        if !text.contains("licence") && !text.contains("license") {
            say("the README.md does not name the licence, say under which the files are used");
        }
    }
    found
}

/// Paths that exist on one machine only; wire samples keep those that their senders wrote.
fn machine_paths(file: &Text) -> Vec<Finding> {
    if file.path.starts_with("fixtures/") {
        return Vec::new();
    }
    let begins = |at: usize| {
        let before = file.text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-}~>*".contains(c))
    };
    MACHINE_FOLDERS
        .iter()
        .flat_map(|folder| file.text.match_indices(folder))
        .filter(|(at, _)| begins(*at))
        .map(|(at, folder)| {
            let message = format!("`{folder}` is a path of one machine, make it relative");
            file.finding(at, message)
        })
        .collect()
}

/// Hosts of package registries.
fn registry_hosts(file: &Text) -> Vec<Finding> {
    if REGISTRY_FILES.contains(&file.path.as_str()) {
        return Vec::new();
    }
    REGISTRY_HOSTS
        .iter()
        .flat_map(|host| file.text.match_indices(host))
        .map(|(at, host)| {
            let message = format!("`{host}` is a registry, leave it to the builder's settings");
            file.finding(at, message)
        })
        .collect()
}

/// Lines of prose that hold more than one sentence.
fn crowded_lines(file: &Text) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in file.text.lines().enumerate() {
        let text = line.trim_start();
        if text.starts_with("```") || text.starts_with("~~~") {
            fenced = !fenced;
            continue;
        }
        let indented = line.starts_with("    ") && !text.starts_with(['-', '*']);
        if fenced || indented || text.starts_with('|') || !has_two_sentences(text) {
            continue;
        }
        let message = "the line holds two sentences, give each its own line".to_owned();
        found.push(Finding { path: file.path.clone(), line: index + 1, message });
    }
    found
}

/// Whether a full stop is followed by a blank and a capital, code and short forms aside.
fn has_two_sentences(line: &str) -> bool {
    let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("x");
    prose.match_indices(". ").any(|(at, _)| {
        let capital = prose[at + 2..].chars().next().is_some_and(char::is_uppercase);
        let word = prose[..at].rsplit([' ', '(']).next().unwrap_or_default();
        let lower = word.to_lowercase();
        // A number opens an item of a list, a single letter is an initial.
        let opens_item = word.chars().all(|c| c.is_ascii_digit()) && prose.starts_with(word);
        let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
        capital && !opens_item && !initial && !ABBREVIATIONS.contains(&lower.as_str())
    })
}

#[test]
fn fixtures_name_their_origin_and_licence() {
    let folder = root().join("fixtures");
    let paths = if folder.is_dir() { files_below(&folder) } else { Vec::new() };
    let texts: Vec<_> =
        paths.iter().map(|path| (relative(path), std::fs::read_to_string(path).ok())).collect();
    let files: Vec<_> = texts.iter().map(|(path, text)| (path.clone(), text.as_deref())).collect();
    super::expect_none(unattributed(&files));
}

#[test]
fn fixtures_without_provenance_are_found() {
    let said = |files: &[(&str, &str)]| {
        let files: Vec<_> =
            files.iter().map(|(path, text)| (path.to_string(), Some(*text))).collect();
        unattributed(&files).len()
    };
    let good = ("fixtures/a/README.md", "Origin: written here.\nLicence: Apache-2.0.\n");
    assert_eq!(said(&[good, ("fixtures/a/x.json", "{}")]), 0);
    assert_eq!(said(&[("fixtures/a/x.json", "{}")]), 1);
    assert_eq!(said(&[good, ("fixtures/a/b/x.json", "{}")]), 1);
    assert_eq!(said(&[("fixtures/a/README.md", "Origin: here.\n")]), 1);
    assert_eq!(said(&[("fixtures/a/README.md", "Files.\n")]), 2);
    let found = unattributed(&[("fixtures/a/x.json".to_owned(), None)]);
    super::expect_lines(&found, &[1]);
    assert_eq!(found[0].path, "fixtures/a/README.md");
}

#[test]
fn no_path_belongs_to_one_machine() {
    super::expect_none(super::texts().iter().flat_map(machine_paths).collect());
}

#[test]
fn a_path_of_one_machine_is_found() {
    let bad = MACHINE_FOLDERS.map(|folder| format!("open \"{folder}x\"\n")).concat();
    super::expect_lines(&machine_paths(&Text::snippet("Makefile", &bad)), &[1, 2, 3, 4, 5]);
    super::expect_lines(&machine_paths(&Text::snippet("fixtures/a/x.log", &bad)), &[]);
    let good = format!("api{0}x ~{0}x {{dir}}{0}x", MACHINE_FOLDERS[0]);
    super::expect_lines(&machine_paths(&Text::snippet("src/a.rs", &good)), &[]);
}

#[test]
fn no_registry_is_named() {
    super::expect_none(super::texts().iter().flat_map(registry_hosts).collect());
}

#[test]
fn a_registry_is_found() {
    let bad = REGISTRY_HOSTS.map(|host| format!("https://{host}/x\n")).concat();
    let found = registry_hosts(&Text::snippet("README.md", &bad));
    super::expect_lines(&found, &[1, 2, 3, 4, 5, 6, 7]);
    super::expect_lines(&registry_hosts(&Text::snippet("Cargo.lock", &bad)), &[]);
}

#[test]
fn prose_has_a_sentence_a_line() {
    let texts = super::texts();
    let prose = texts.iter().filter(|file| PROSE.contains(&file.path.as_str()));
    super::expect_none(prose.flat_map(crowded_lines).collect());
}

#[test]
fn a_crowded_line_is_found() {
    let check = |text: &str, expected: &[usize]| {
        super::expect_lines(&crowded_lines(&Text::snippet("README.md", text)), expected);
    };
    check("One.\nTwo. Three.\n- Four. Five.\n", &[2, 3]);
    check("| a | One. Two. |\n```\nOne. Two.\n```\nOne. Two.\n", &[5]);
    check("1. One\n2. Two. Three.\n", &[2]);
    check("Such as e.g. This, i.e. That, by A. Turing, vs. Others.\n", &[]);
    check("A `b. C` d.\nVersion 1.2 of X.\nThe end. `Code` follows.\n", &[]);
    check("    indented. Code\n", &[]);
}
