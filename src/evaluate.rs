//! Scores what came out of the engine against what really happened.
//!
//! ```text
//! truth, labels ┐
//! alerts        ├► read ─► join ─┬► grouping     pairs, B-cubed, over-merge, ...
//! incidents     ┘                ├► cause        AC@k, MRR, grounded paths
//!                                ├► calibration  ECE, Brier, claims on quiet storms
//! summary, topology ─────────────┼► funnel       compression, suppression, books
//!                                └► rivals       the figures to leave behind
//! ```
//!
//! Every figure is computed over the alerts that nobody suppressed, once over
//! all of them, where an alert of no incident is a true group of its own, and
//! once over those that true incidents raised. Nothing here depends on the
//! order of rows, and the intervals come from a fixed seed.
//!
//! It reads the published wire forms only and shares no code with the engine.

pub mod records;
pub mod read;
pub mod figures;
pub mod join;
pub mod grouping;
pub mod cause;
pub mod calibration;
pub mod funnel;
pub mod rivals;
mod table;

use serde::Serialize;

use calibration::{CalibrationReport, Quiet};
use cause::CauseReport;
use funnel::{Books, Funnel, Suppression};
use grouping::{Item, Scope};
use join::JoinedAlert;
pub use read::{Data, EvaluateError, Inputs, load};
use records::TrueIncident;
use rivals::Rivals;

/// What counts as right.
pub struct Options<'a> {
    /// Whether an entity that was blamed is the root of a true incident.
    pub same: &'a dyn Fn(&TrueIncident, &str) -> bool,
}

impl Default for Options<'_> {
    /// The root itself, letter by letter.
    fn default() -> Self {
        Options { same: &|incident, entity| incident.root == entity }
    }
}

/// Every figure of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Profile of the truth.
    pub profile: String,
    /// Seed of the truth.
    pub seed: u64,
    /// True incidents.
    pub true_incidents: u64,
    /// Whether alerts were matched by labels, or by entity and time.
    pub by_labels: bool,
    /// Alerts whose opening event no label describes.
    pub unlabelled: u64,
    /// Alerts that the alerts file and the incidents file place differently.
    pub disagreements: u64,
    /// Events, alerts, incidents.
    pub funnel: Funnel,
    /// What was hidden.
    pub suppression: Suppression,
    /// Grouping over the alerts of true incidents.
    pub incident: Scope,
    /// Grouping over all alerts.
    pub all: Scope,
    /// Ranking of causes.
    pub cause: CauseReport,
    /// Confidence against truth.
    pub calibration: CalibrationReport,
    /// Claims of a cause.
    pub quiet: Quiet,
    /// The trivial rivals.
    pub rivals: Rivals,
    /// The books, where a summary was given.
    pub books: Option<Books>,
}

/// Reads the inputs and scores them by exact entity.
///
/// # Errors
/// When a file cannot be read, or the files do not belong together.
pub fn evaluate(inputs: &Inputs) -> Result<Report, EvaluateError> {
    score(&load(inputs)?, &Options::default())
}

/// Scores inputs that are in memory.
///
/// # Errors
/// When an identity occurs twice, or labels and truth do not belong together.
pub fn score(data: &Data, options: &Options<'_>) -> Result<Report, EvaluateError> {
    let joined = join::join(data)?;
    let incidents = joined.truth.len();
    let shown: Vec<&JoinedAlert<'_>> =
        joined.alerts.iter().filter(|alert| !alert.is_suppressed()).collect();
    let items = items_of(&shown, incidents, |index| match shown[index].predicted {
        Some(predicted) => predicted,
        None => joined.predicted.len() + index,
    });
    let matching = cause::match_incidents(&joined);
    let per_true = cause::judge_true(&joined, &matching, options);
    let per_predicted = cause::judge_predicted(&joined, &matching, options);
    let funnel = funnel::funnel(data, &joined);
    Ok(Report {
        profile: data.truth.profile.clone(),
        seed: data.truth.seed,
        true_incidents: incidents as u64,
        by_labels: joined.by_labels,
        unlabelled: joined.unlabelled,
        disagreements: joined.disagreements,
        suppression: funnel::suppression(&joined),
        incident: grouping::score(&incident_items(&items, incidents), incidents),
        all: grouping::score(&items, incidents),
        cause: cause::report(&joined, &per_true, &per_predicted),
        calibration: calibration::report(&per_predicted),
        quiet: calibration::quiet(&per_predicted),
        rivals: rivals::report(&joined, &matching, data.topology.as_ref(), options),
        books: data.ledger.as_ref().map(|ledger| funnel::books(ledger, &funnel)),
        funnel,
    })
}

impl Report {
    /// The report as a table for a terminal.
    pub fn to_table(&self) -> String {
        table::render(self)
    }

    /// What is wrong with the inputs, as opposed to merely badly predicted.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = self.books.iter().flat_map(|b| b.broken.clone()).collect::<Vec<_>>();
        if self.disagreements > 0 {
            failures.push(format!(
                "{} alerts are placed differently by the alerts and the incidents file",
                self.disagreements
            ));
        }
        failures
    }
}

/// Both groups of every alert; an alert of no true incident is alone in its own.
fn items_of(
    alerts: &[&JoinedAlert<'_>],
    incidents: usize,
    group_of: impl Fn(usize) -> usize,
) -> Vec<Item> {
    let item = |(index, alert): (usize, &&JoinedAlert<'_>)| Item {
        group: group_of(index),
        truth: alert.truth.unwrap_or(incidents + index),
    };
    alerts.iter().enumerate().map(item).collect()
}

/// The items that true incidents raised.
fn incident_items(items: &[Item], incidents: usize) -> Vec<Item> {
    items.iter().copied().filter(|item| item.truth < incidents).collect()
}

#[cfg(test)]
mod tests;
