//! Files and directories into one tree.
//!
//! Paths are taken in the order given, a directory's files in the order of
//! their names. Mappings merge key by key. Between two `-c` arguments the later
//! wins; inside a directory the files are peers, and a value set in two of
//! them is an error, because nobody could tell which was meant.

use super::error::{ConfigError, Problem};
use super::node::{Entry, Node, Place, Raw, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest configuration file, bytes: far above any that people write.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Reads and merges `paths`; where two disagree, the first stays and a problem is noted.
pub(super) fn read(paths: &[PathBuf], problems: &mut Vec<Problem>) -> Result<Node, ConfigError> {
    // What is missing is missing in all of them.
    let names: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
    let mut whole = empty(&names.join(", "));
    for path in paths {
        let layer = match path.is_dir() {
            true => read_directory(path, problems)?,
            false => read_file(path)?,
        };
        merge(&mut whole, layer, "", true, problems);
    }
    Ok(whole)
}

/// Parses `text` as if it stood in `name`.
pub(super) fn parse(name: &str, text: &str) -> Result<Node, Problem> {
    let file: Arc<str> = name.into();
    let options = serde_saphyr::options! { strict_booleans: true };
    match serde_saphyr::from_str_with_options::<Option<Raw>>(text, options) {
        Ok(Some(raw)) => {
            let node = raw.within(&file);
            match node.value {
                Value::Map(_) | Value::Null => Ok(node),
                _ => Err(Problem::new(
                    format!("the file holds {}", node.kind()),
                    "write a mapping with `version: 1` at its top",
                )
                .at(&node.place)),
            }
        }
        Ok(None) => Ok(empty(name)),
        Err(error) => {
            let (line, column) =
                error.location().map_or((0, 0), |found| (found.line(), found.column()));
            let (message, remedy) = reworded(&error.without_snippet().to_string());
            Err(Problem::new(message, remedy).at(&Place { file, line, column }))
        }
    }
}

/// The reader's message without the place, which is told in front, and without its own advice,
/// which is for programmers.
fn reworded(message: &str) -> (String, &'static str) {
    let line = message.lines().next().unwrap_or("not YAML");
    let line = line.split(" at line ").next().unwrap_or(line);
    match line.split_once(", set DuplicateKeyPolicy") {
        Some((line, _)) => (line.to_owned(), "keep one of the two"),
        None => (line.to_owned(), "correct the YAML"),
    }
}

fn empty(name: &str) -> Node {
    let place = Place { file: name.into(), line: 0, column: 0 };
    Node { value: Value::Map(Vec::new()), place, expanded: false }
}

fn read_file(path: &Path) -> Result<Node, ConfigError> {
    let refuse = |source| ConfigError::Read { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(refuse)?.len();
    if bytes > FILE_BYTES_MAX {
        let text = format!("larger than {FILE_BYTES_MAX} bytes");
        return Err(refuse(std::io::Error::new(std::io::ErrorKind::FileTooLarge, text)));
    }
    let text = std::fs::read_to_string(path).map_err(refuse)?;
    Ok(parse(&path.to_string_lossy(), &text)?)
}

fn read_directory(path: &Path, problems: &mut Vec<Problem>) -> Result<Node, ConfigError> {
    let refuse = |source| ConfigError::Read { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(refuse)? {
        let file = entry.map_err(refuse)?.path();
        let is_yaml = file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if is_yaml && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        let place = Place { file: path.to_string_lossy().into(), line: 0, column: 0 };
        return Err(Problem::new(
            "the directory holds no file that ends in .yaml or .yml",
            "name a file or fill the directory",
        )
        .at(&place)
        .into());
    }
    let mut whole = empty(&path.to_string_lossy());
    for file in files {
        merge(&mut whole, read_file(&file)?, "", false, problems);
    }
    Ok(whole)
}

/// Lays `over` on `under`; `wins` says whether it may replace what is there.
fn merge(under: &mut Node, over: Node, key: &str, wins: bool, problems: &mut Vec<Problem>) {
    match (&mut under.value, over.value) {
        (Value::Map(base), Value::Map(entries)) => {
            for entry in entries {
                merge_entry(base, entry, key, wins, problems);
            }
        }
        (_, Value::Null) => {}
        (_, value) => {
            let node = Node { value, place: over.place, expanded: over.expanded };
            // Peers may repeat each other word for word: every file has its `version`.
            if !wins && under.value != Value::Null && under.value != node.value {
                let problem = Problem::new(
                    format!("also set at {}", under.place),
                    "keep one of the two, or pass the one that shall win as a later -c",
                );
                problems.push(problem.on(key).at(&node.place));
                return;
            }
            *under = node;
        }
    }
}

fn merge_entry(
    base: &mut Vec<Entry>,
    entry: Entry,
    key: &str,
    wins: bool,
    problems: &mut Vec<Problem>,
) {
    let below = match key.is_empty() {
        true => entry.key.clone(),
        false => format!("{key}.{}", entry.key),
    };
    match base.iter_mut().find(|held| held.key == entry.key) {
        Some(held) => merge(&mut held.node, entry.node, &below, wins, problems),
        None => base.push(entry),
    }
}
