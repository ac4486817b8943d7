//! What review should not have to look for: layering, sizes, purity, provenance, prose.
//!
//! Each check is a function from text to findings. One test runs it over the tree, another
//! feeds it a bad snippet, so that a check that has gone blind fails too. A finding names
//! file, line and remedy; a test shows all of them at once.

mod layers;
mod mask;
mod paths;
mod purity;
mod shape;
mod texts;

use mask::Masked;
use std::fs;
use std::path::{Path, PathBuf};

/// Something that is not as it should be.
#[derive(Debug, PartialEq)]
struct Finding {
    /// Relative to the workspace.
    path: String,
    /// From 1.
    line: usize,
    /// What is wrong, and how it is put right.
    message: String,
}

/// A text file of the workspace.
struct Text {
    /// Relative to the workspace, with forward slashes.
    path: String,
    text: String,
}

impl Text {
    /// A snippet as if it stood at `path`, for the checks of the checks.
    fn snippet(path: &str, text: &str) -> Text {
        Text { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// A finding at a byte of the file.
    fn finding(&self, at: usize, message: impl Into<String>) -> Finding {
        let line = 1 + self.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
        Finding { path: self.path.clone(), line, message: message.into() }
    }
}

/// A Rust file with its code and its comments told apart.
struct Rust {
    file: Text,
    masked: Masked,
}

impl Rust {
    fn new(file: Text) -> Rust {
        let masked = mask::mask(&file.text);
        Rust { file, masked }
    }

    /// A snippet as if it stood at `path`, for the checks of the checks.
    fn snippet(path: &str, text: &str) -> Rust {
        Rust::new(Text::snippet(path, text))
    }
}

/// The root of the workspace: the package that these tests belong to.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Folders that hold nothing people wrote.
const SKIPPED: [&str; 3] = ["target", ".git", "causeway-data"];

/// Every file below `folder`, in the order of their paths.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("a readable entry")).collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let kind = entry.file_type().expect("a file type");
        let name = entry.file_name();
        if kind.is_dir() && !SKIPPED.iter().any(|skipped| name == *skipped) {
            found.extend(files_below(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

/// The path as findings show it.
fn relative(path: &Path) -> String {
    let inside = path.strip_prefix(root()).expect("a path of the workspace");
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// Every file of the workspace that is text.
fn texts() -> Vec<Text> {
    files_below(&root())
        .into_iter()
        .filter_map(|path| {
            let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let text = String::from_utf8(bytes).ok()?;
            Some(Text { path: relative(&path), text })
        })
        .collect()
}

/// Every Rust file of the workspace.
fn sources() -> Vec<Rust> {
    let found: Vec<Rust> = texts().into_iter().filter(Text::is_rust).map(Rust::new).collect();
    assert!(found.iter().any(|rust| rust.file.path == "src/main.rs"), "the walk misses src");
    found
}

/// Fails with one line for each finding.
fn expect_none(findings: Vec<Finding>) {
    let lines: Vec<String> = findings
        .iter()
        .map(|found| format!("{}:{}: {}", found.path, found.line, found.message))
        .collect();
    assert!(lines.is_empty(), "{} findings\n{}", lines.len(), lines.join("\n"));
}

/// Fails unless `findings` lie on exactly these lines.
fn expect_lines(findings: &[Finding], expected: &[usize]) {
    let lines: Vec<usize> = findings.iter().map(|found| found.line).collect();
    assert_eq!(lines, expected, "{findings:#?}");
    for found in findings {
        assert!(found.message.contains(", "), "no remedy in: {}", found.message);
    }
}

#[test]
fn findings_fail_and_name_their_place() {
    let file = Text::snippet("src/a.rs", "one\ntwo\n");
    let found = file.finding(4, "two is wrong, write 2");
    let caught = std::panic::catch_unwind(|| expect_none(vec![found]));
    let message = caught.expect_err("a finding must fail");
    let message = message.downcast_ref::<String>().expect("a message");
    assert!(message.contains("src/a.rs:2: two is wrong, write 2"), "{message}");
}
