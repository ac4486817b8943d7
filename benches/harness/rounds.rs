//! Runs every row as a process of its own, A B … B A, and checks the digests.

use super::args::Common;
use super::outcome::Outcome;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// Runs `rows` `runs` times each. A pair is a row and the most runs it gets.
///
/// # Panics
/// When a row's process cannot be started: the bench itself is broken then.
pub fn run(common: &Common, rows: &[(&str, usize)]) -> Vec<Outcome> {
    let wanted = |name: &str| {
        common.only.as_deref().is_none_or(|only| name.contains(only) || is_oracle(name))
    };
    let rows: Vec<(&str, usize)> = rows.iter().copied().filter(|(name, _)| wanted(name)).collect();
    let mut outcomes = Vec::new();
    for round in 0..common.runs {
        let mut order: Vec<&str> =
            rows.iter().filter(|(_, most)| round < *most).map(|(name, _)| *name).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for row in order {
            let outcome = one(row);
            eprintln!(
                "  run {:>2} of {row}: {:.2} s wall, {:.2} s user, {:.2} s system{}",
                round + 1,
                outcome.wall_s,
                outcome.user_s,
                outcome.system_s,
                outcome.void.as_deref().map(|why| format!(" VOID: {why}")).unwrap_or_default(),
            );
            outcomes.push(outcome);
        }
    }
    outcomes
}

/// Runs one row in a process of its own, with the parent's own arguments.
fn one(row: &str) -> Outcome {
    let own = std::env::current_exe().expect("a process knows its own program");
    let output = Command::new(own)
        .args(std::env::args_os().skip(1))
        .args(["--row", row])
        .stderr(Stdio::inherit())
        .output()
        .expect("a row's process can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let parsed = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    parsed.unwrap_or_else(|| Outcome {
        row: row.to_owned(),
        void: Some(format!("the row ended with {} and no outcome", output.status)),
        ..Outcome::default()
    })
}

/// Marks every outcome whose digest is not the oracle's; says whether all count.
///
/// The oracle of a work is its first floor or recompute, else its first row.
pub fn check(outcomes: &mut [Outcome]) -> bool {
    agree(outcomes, |outcome| &outcome.digest);
    agree(outcomes, |outcome| &outcome.also);
    outcomes.iter().all(|outcome| outcome.void.is_none())
}

fn agree(outcomes: &mut [Outcome], digest_of: fn(&Outcome) -> &String) {
    let mut oracles: BTreeMap<String, (bool, String)> = BTreeMap::new();
    let counts = |o: &Outcome| !o.work.is_empty() && o.void.is_none() && !digest_of(o).is_empty();
    for outcome in outcomes.iter().filter(|outcome| counts(outcome)) {
        let (oracle, own) = (is_oracle(&outcome.row), digest_of(outcome));
        let slot = oracles.entry(outcome.work.clone()).or_insert((oracle, own.clone()));
        if oracle && !slot.0 {
            *slot = (true, own.clone());
        }
    }
    for outcome in outcomes.iter_mut().filter(|outcome| counts(outcome)) {
        let own = digest_of(outcome);
        if let Some((_, digest)) = oracles.get(&outcome.work)
            && digest != own
        {
            outcome.void = Some(format!("digest {own} where the oracle has {digest}"));
        }
    }
}

fn is_oracle(row: &str) -> bool {
    row.contains("floor") || row.contains("recompute")
}
