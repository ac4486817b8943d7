//! `causeway templates` as anybody would call it.

use crate::live::process::causeway;
use flate2::{Compression, write::GzEncoder};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

const LOG: &str = "\
2024-05-01 10:11:12,131 INFO [main] org.example.Server: listening on 10.0.0.7:8080
2024-05-01 10:11:13,007 INFO [main] org.example.Server: login of user ann took 12 ms
2024-05-01 10:11:14,001 WARN [main] org.example.Server: login of user bob took 7 ms
2024-05-01 10:11:15,219 INFO [main] org.example.Server: login of user cem took 9 ms
2024-05-01 10:11:16,310 INFO [main] org.example.Server: listening on 10.0.0.8:8080, \"again\"
";

/// A row of the output.
#[derive(Debug, PartialEq)]
struct Row {
    line: usize,
    id: String,
    template: String,
}

/// Runs the command and reads what it wrote; panics with its complaint if it fails.
fn rows(log: &Path, out: &Path) -> (Vec<Row>, String) {
    let output =
        causeway(&["templates", log.to_str().unwrap(), "--out", out.to_str().unwrap()], b"");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    (parsed(&fs::read_to_string(out).unwrap()), told)
}

fn parsed(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("line,template_id,template"));
    lines
        .map(|line| {
            let mut cells = line.splitn(3, ',');
            let mut cell = || cells.next().unwrap().to_owned();
            let (line, id, template) = (cell().parse().unwrap(), cell(), cell());
            let template = match template.strip_prefix('"') {
                Some(rest) => rest.strip_suffix('"').unwrap().replace("\"\"", "\""),
                None => template,
            };
            Row { line, id, template }
        })
        .collect()
}

fn written(directory: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = directory.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn lines_of_one_template_have_one_id() {
    let directory = tempfile::tempdir().unwrap();
    let log = written(directory.path(), "app.log", LOG.as_bytes());
    let (rows, told) = rows(&log, &directory.path().join("out.csv"));
    let found: Vec<(usize, &str)> = rows.iter().map(|row| (row.line, &*row.template)).collect();
    let login = "login of user <*> took <*> ms";
    assert_eq!(
        found,
        [
            (1, "listening on <*>"),
            (2, login),
            (3, login),
            (4, login),
            (5, "listening on <*>, \"again\""),
        ]
    );
    let ids: BTreeSet<&str> = rows.iter().map(|row| &*row.id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.len() == 16), "{ids:?}");
    assert_eq!(rows[1].id, rows[3].id);
    assert!(told.contains("5 lines, 3 templates"), "{told}");
}

#[test]
fn runs_and_compressions_agree() {
    let directory = tempfile::tempdir().unwrap();
    let log = written(directory.path(), "app.log", LOG.as_bytes());
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(LOG.as_bytes()).unwrap();
    let packed = written(directory.path(), "app.gz", &encoder.finish().unwrap());
    let (plain, _) = rows(&log, &directory.path().join("a.csv"));
    let (packed, _) = rows(&packed, &directory.path().join("b.csv"));
    assert_eq!(plain, packed);
    let out = directory.path().join("c.csv");
    let output = causeway(&["templates", "-", "--out", out.to_str().unwrap()], LOG.as_bytes());
    assert!(output.status.success());
    assert_eq!(parsed(&fs::read_to_string(out).unwrap()), plain);
}

#[test]
fn strange_lines_have_rows_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = b"plain 1\r\n\r\nbad \xff\xfe 2\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', 200_000));
    bytes.extend(b"\nend, \"3\"");
    let log = written(directory.path(), "strange.log", &bytes);
    let (rows, told) = rows(&log, &directory.path().join("out.csv"));
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(rows[0].template, "plain <*>");
    assert_eq!(rows[1].template, "");
    assert_eq!(rows[2].template, "bad \u{fffd}\u{fffd} <*>");
    assert_eq!(rows[4].template, "end, \"<*>\"");
    assert!(told.contains("lines that are not UTF-8: 1"), "{told}");
    assert!(told.contains("lines that were cut at 65536 bytes: 1"), "{told}");
}

#[test]
fn an_empty_log_has_no_rows() {
    let directory = tempfile::tempdir().unwrap();
    let log = written(directory.path(), "empty.log", b"");
    assert_eq!(rows(&log, &directory.path().join("out.csv")).0, []);
}

#[test]
fn what_cannot_be_done_is_said_with_its_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let log = written(directory.path(), "app.log", LOG.as_bytes());
    let refused = |log: &str, out: &str, code: i32, words: &[&str]| {
        let output = causeway(&["templates", log, "--out", out], b"");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        for word in words {
            assert!(told.contains(word), "no {word} in: {told}");
        }
    };
    let (log, missing) = (log.to_str().unwrap(), directory.path().join("none.log"));
    let missing = missing.to_str().unwrap();
    refused(missing, "out.csv", 74, &[missing, "correct the path"]);
    refused(log, log, 2, &[log, "name another file"]);
    let nowhere = directory.path().join("no/folder/out.csv");
    refused(log, nowhere.to_str().unwrap(), 74, &["no/folder/out.csv", "can be written"]);
    let torn = written(directory.path(), "torn.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1]);
    let out = directory.path().join("torn.csv");
    let words = ["torn.gz", "copy it again"];
    refused(torn.to_str().unwrap(), out.to_str().unwrap(), 74, &words);
    assert!(!out.exists(), "nothing half done is left");
}
