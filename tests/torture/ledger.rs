//! LEDGER.md: what was tortured so far, a row a run and a requirement, and the sums of it.
//!
//! The rows are kept by hand of this tool alone; the sums above them are made of the rows
//! whenever one is added, so they always add up.

use causeway::clock::{Clock, WallClock};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

const HEAD: &str = "# What was tortured\n\n\
    `make torture` adds a row for each requirement and makes the sums anew.\n\
    A run that failed stays in the table; the seed of what the program did wrong is in SEEDS, and CI runs it for ever.\n";
const SUMS: &str = "| R | runs | count | failed runs |\n|---|---|---|---|\n";
const ROWS: &str = "| date | version | commit | R | seeds | count | detail | verdict |\n\
    |---|---|---|---|---|---|---|---|\n";

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The requirement, such as `R1`.
    pub(super) requirement: &'static str,
    /// The first seed and how many.
    pub(super) seeds: (u64, u64),
    /// How many of what the requirement counts.
    pub(super) count: u64,
    /// Further figures.
    pub(super) detail: String,
    pub(super) passed: bool,
}

/// Adds a row to the ledger, which is made if it is not there.
pub(super) fn add(path: &Path, row: &Row) {
    // Tests of one binary run beside each other, and so may several runs.
    let lock = std::fs::File::create(path.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let before = std::fs::read_to_string(path).unwrap_or_default();
    let line = line(row, &today(), commit());
    let aside = path.with_extension("new");
    std::fs::write(&aside, text(&before, &line)).unwrap();
    std::fs::rename(&aside, path).unwrap();
    std::fs::remove_file(path.with_extension("lock")).unwrap();
}

fn line(row: &Row, date: &str, commit: &str) -> String {
    let (first, number) = row.seeds;
    let verdict = if row.passed { "passed" } else { "FAILED" };
    format!(
        "| {date} | {} | {commit} | {} | {first} to {} | {} | {} | {verdict} |\n",
        env!("CARGO_PKG_VERSION"),
        row.requirement,
        first + number.max(1) - 1,
        row.count,
        row.detail,
    )
}

/// The ledger with a row more.
fn text(before: &str, line: &str) -> String {
    let old = before.split_once(ROWS).map_or("", |(_, rows)| rows);
    let rows = format!("{old}{line}");
    // By number, so that R9 comes before R10.
    let mut sums: BTreeMap<u64, (u64, u64, u64)> = BTreeMap::new();
    for row in rows.lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let number = |cell: &str| cell.trim_start_matches('R').parse::<u64>().ok();
        let [_, _, _, _, requirement, _, count, _, verdict, _] = cells[..] else {
            panic!("no row of the ledger: {row}");
        };
        let (Some(requirement), Some(count)) = (number(requirement), number(count)) else {
            panic!("no row of the ledger: {row}");
        };
        let sum = sums.entry(requirement).or_default();
        *sum = (sum.0 + 1, sum.1 + count, sum.2 + u64::from(verdict != "passed"));
    }
    let sums = sums.iter().map(|(requirement, (runs, count, failed))| {
        format!("| R{requirement} | {runs} | {count} | {failed} |\n")
    });
    let sums: String = sums.collect();
    format!("{HEAD}\n## Sums\n\n{SUMS}{sums}\n## Runs\n\n{ROWS}{rows}")
}

fn today() -> String {
    let now = jiff::Timestamp::from_second(WallClock.now_seconds()).unwrap();
    now.to_string()[..10].to_owned()
}

/// The commit that was checked out when this was first asked, which is before anything is
/// tortured; `-` where there is no repository.
pub(super) fn commit() -> &'static str {
    static COMMIT: OnceLock<String> = OnceLock::new();
    COMMIT.get_or_init(|| {
        let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "-".to_owned() };
        // The rows of a run before this one change nothing that is tortured.
        let changed = git(&["status", "--porcelain", "--", ".", ":!tests/torture/LEDGER.md"]);
        let is_clean = changed.is_some_and(|changed| changed.is_empty());
        if is_clean { commit } else { format!("{commit} and changes") }
    })
}

/// What git says, if it says anything.
fn git(arguments: &[&str]) -> Option<String> {
    let root = env!("CARGO_MANIFEST_DIR");
    let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(requirement: &'static str, count: u64, passed: bool) -> String {
        let row = Row { requirement, seeds: (7, 2), count, detail: "x".to_owned(), passed };
        line(&row, "2026-11-27", "abc")
    }

    #[test]
    fn sums_are_those_of_the_rows() {
        let first = text("", &row("R10", 500, true));
        let second = text(&first, &row("R1", 100, true));
        let third = text(&second, &row("R1", 30, false));
        assert!(third.contains("| R1 | 2 | 130 | 1 |\n| R10 | 1 | 500 | 0 |\n"), "{third}");
        assert!(third.contains("| R1 | 7 to 8 | 30 | x | FAILED |"), "{third}");
        assert_eq!(third.lines().filter(|line| line.starts_with("| 2026-")).count(), 3);
        // Sums that somebody wrote by hand do not stay.
        let edited = third.replace("| R1 | 2 | 130 |", "| R1 | 9 | 9999 |");
        assert!(text(&edited, &row("R1", 1, true)).contains("| R1 | 3 | 131 | 1 |"));
    }

    #[test]
    fn the_committed_ledger_adds_up() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture/LEDGER.md");
        let committed = std::fs::read_to_string(path).unwrap();
        assert_eq!(text(&committed, ""), committed);
    }
}
