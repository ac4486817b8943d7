//! Sizes of files and functions, and nothing left unfinished.

use super::paths::words;
use super::{Finding, Rust, Text};

/// STYLE.md section 1.
const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// A file too long to be read at a sitting.
fn long_file(rust: &Rust) -> Vec<Finding> {
    let lines = rust.file.text.lines().count();
    if lines <= FILE_LINES_MAX {
        return Vec::new();
    }
    let message = format!(
        "the file has {lines} lines where {FILE_LINES_MAX} are allowed, \
         move a self-contained part to a module of its own"
    );
    vec![Finding { path: rust.file.path.clone(), line: FILE_LINES_MAX + 1, message }]
}

/// Functions too long to be seen at a glance, counted from `fn` to the closing brace.
fn long_functions(rust: &Rust) -> Vec<Finding> {
    let code = &rust.masked.code;
    let mut found = Vec::new();
    for (at, word) in words(code) {
        let Some(body) = (word == "fn").then(|| body(code, at)).flatten() else { continue };
        let lines = 1 + code[at..body.1].matches('\n').count();
        if lines > FUNCTION_LINES_MAX {
            let message = format!(
                "the function has {lines} lines where {FUNCTION_LINES_MAX} are allowed, \
                 give one of its steps a name and a function"
            );
            found.push(rust.file.finding(at, message));
        }
    }
    found
}

/// The first and last byte of the body of the function whose `fn` is at `at`; `None` when it
/// has none, being a pointer type or a method that a trait asks for.
fn body(code: &str, at: usize) -> Option<(usize, usize)> {
    let named =
        code[at + "fn".len()..].trim_start().starts_with(|c: char| c.is_alphabetic() || c == '_');
    if !named {
        return None;
    }
    let mut depth = 0;
    let mut open = None;
    for (offset, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => {
                depth -= 1;
            }
            b';' if depth == 0 && open.is_none() => return None,
            b'{' => {
                if depth == 0 && open.is_none() {
                    open = Some(offset);
                }
                depth += 1;
            }
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return open.map(|open| (open, offset));
                }
            }
            _ => {}
        }
    }
    None
}

/// Marks of unfinished work: in code, attributes and comments of Rust, anywhere elsewhere.
fn unfinished(file: &Text, code: &str, comments: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, word) in words(code) {
        if matches!(word, "todo" | "unimplemented") && code[at + word.len()..].starts_with('!') {
            found.push(file.finding(at, format!("`{word}!` is left, write what belongs here")));
        }
        if word == "ignore" && code[..at].trim_end().ends_with("#[") {
            found.push(file.finding(at, "the test is ignored, make it pass or delete it"));
        }
    }
    for (at, word) in words(comments) {
        if ["FIX", "TO"].into_iter().zip(["ME", "DO"]).any(|(a, b)| word == format!("{a}{b}")) {
            let message = format!("`{word}` is left, do it now or open an issue instead");
            found.push(file.finding(at, message));
        }
    }
    found
}

fn unfinished_rust(rust: &Rust) -> Vec<Finding> {
    unfinished(&rust.file, &rust.masked.code, &rust.masked.comments)
}

/// Files other than Rust in which such a mark is one; prose may speak about it.
fn is_machine_read(file: &Text) -> bool {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let read = ["toml", "yml", "yaml", "json", "sh", "mk"];
    !file.path.starts_with("fixtures/")
        && (name == "Makefile"
            || file.path.starts_with(".ci/")
            || name.rsplit_once('.').is_some_and(|(_, ending)| read.contains(&ending)))
}

#[test]
fn files_are_short() {
    super::expect_none(super::sources().iter().flat_map(long_file).collect());
}

#[test]
fn a_long_file_is_found() {
    let long = Rust::snippet("src/a.rs", &"fn a() {}\n".repeat(401));
    super::expect_lines(&long_file(&long), &[401]);
    let short = Rust::snippet("src/a.rs", &"fn a() {}\n".repeat(400));
    super::expect_lines(&long_file(&short), &[]);
}

#[test]
fn functions_are_short() {
    super::expect_none(super::sources().iter().flat_map(long_functions).collect());
}

#[test]
fn a_long_function_is_found() {
    let function = |lines: usize| format!("fn a(x: [u8; 4]) {{\n{}}}\n", "x;\n".repeat(lines - 2));
    let check = |text: String, expected: &[usize]| {
        super::expect_lines(&long_functions(&Rust::snippet("src/a.rs", &text)), expected);
    };
    check(function(70), &[]);
    check(function(71), &[1]);
    check(format!("trait T {{\nfn t();\n{}}}\n", function(70)), &[]);
    check(format!("trait T {{\nfn t();\n{}}}\n", function(71)), &[3]);
    check(format!("struct S {{ f: fn(u8), g: u8 }}\n{}", "a!();\n".repeat(80)), &[]);
    check(format!("fn a() -> &'static str {{ \"}}\" }}\n{}", function(71)), &[2]);
    check(format!("fn a<F>()\nwhere F: Fn(u8) -> u8,\n{{\n{}}}\n", "x;\n".repeat(70)), &[1]);
    check(format!("type F = fn(u8);\nstruct S {{\n{}}}\n", "a: u8,\n".repeat(80)), &[]);
}

#[test]
fn nothing_is_unfinished() {
    let mut found: Vec<_> = super::sources().iter().flat_map(unfinished_rust).collect();
    for file in super::texts().iter().filter(|file| is_machine_read(file)) {
        found.extend(unfinished(file, "", &file.text));
    }
    super::expect_none(found);
}

#[test]
fn unfinished_work_is_found() {
    // In two pieces each, so that whoever searches for what is unfinished does not find these.
    let (mark, todo) = (concat!("FIX", "ME"), concat!("to", "do!()"));
    let (undone, ignore) = (concat!("unimple", "mented!"), concat!("#[ig", "nore"));
    let bad = format!("{todo}\n{undone}(\"x\")\n{ignore}]\n{ignore} = \"slow\"]\n// {mark}: x\n");
    super::expect_lines(&unfinished_rust(&Rust::snippet("src/a.rs", &bad)), &[1, 2, 3, 4, 5]);
    let good = format!("let todo = \"{todo} {mark}\"; // {todo} is refused\nignore(x);\n");
    super::expect_lines(&unfinished_rust(&Rust::snippet("src/a.rs", &good)), &[]);
    let script = Text::snippet(".ci/run", &format!("make\n# {mark}\n"));
    assert!(is_machine_read(&script) && !is_machine_read(&Text::snippet("README.md", "")));
    super::expect_lines(&unfinished(&script, "", &script.text), &[2]);
}
