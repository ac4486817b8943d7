//! The columns of sources that read CSV.

use super::checker::Checker;
use crate::canonical::csv::Columns;
use crate::config::csv::Csv;
use crate::config::source::{Format, Source};
use smol_str::SmolStr;
use std::sync::Arc;

/// What the columns of a source are, if it reads CSV.
pub(super) fn columns(
    checker: &mut Checker<'_>,
    key: &str,
    source: &Source,
) -> Option<Arc<Columns>> {
    let (format, csv) = match source {
        Source::File(file) => (file.format, &file.csv),
        Source::Stdin(stdin) => (stdin.format, &stdin.csv),
        Source::Kafka(kafka) if kafka.format == Format::Csv => {
            let remedy = "send native metric events, or read files";
            checker.wrong(&format!("{key}.format"), "messages are no rows of CSV", remedy);
            return None;
        }
        Source::Http(_) | Source::Kafka(_) | Source::Kubernetes(_) => return None,
    };
    let key = format!("{key}.csv");
    if format != Format::Csv {
        if *csv != Csv::default() {
            let remedy = "write `format: csv`, or take it out";
            checker.wrong(&key, "the source does not read CSV", remedy);
        }
        return None;
    }
    let text = |given: &Option<String>| SmolStr::new(given.as_deref().unwrap_or_default());
    let names = csv.columns.iter().map(|name| SmolStr::new(name.trim())).collect();
    match Columns::new(names, text(&csv.metric), text(&csv.entity)) {
        Ok(columns) => Some(Arc::new(columns)),
        Err(error) => {
            let remedy = "write them like `columns: [timestamp, value, region]` with `metric: cpu`";
            checker.wrong(&key, error.to_string(), remedy);
            None
        }
    }
}
