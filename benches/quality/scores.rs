//! The figures of a run beside the published ones.

use causeway::evaluate::cause::CauseScores;
use causeway::evaluate::records::TrueIncident;
use causeway::evaluate::{Options, Report, load, score};
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use serde_json::{Value, json};

use super::engine::Run;
use super::native::QualityError;

/// A second notion of the right entity, beside the exact one.
pub type Same<'a> = &'a dyn Fn(&TrueIncident, &str) -> bool;

/// A scored run.
pub struct Scored {
    /// Name of the data set and its mode.
    pub name: String,
    /// Scores by exact entity.
    pub report: Report,
    /// Top-k by the second notion.
    pub second: Option<CauseScores>,
    /// What the engine said of itself.
    pub summary: Value,
}

/// Scores a run; the second notion is scored as well when there is one.
///
/// # Errors
/// When the outputs cannot be read, or the books do not balance.
pub fn scored(name: &str, run: Run, same: Option<Same<'_>>) -> Result<Scored, QualityError> {
    let error = |error: &dyn std::error::Error| {
        let cause = error.source().map_or(String::new(), |source| format!(": {source}"));
        QualityError::Score(format!("{error}{cause}"))
    };
    let data = load(&run.inputs).map_err(|e| error(&e))?;
    let report = score(&data, &Options::default()).map_err(|e| error(&e))?;
    if let Some(failure) = report.failures().first() {
        return Err(QualityError::Score(failure.clone()));
    }
    let second = match same {
        Some(same) => Some(score(&data, &Options { same }).map_err(|e| error(&e))?.cause.per_true),
        None => None,
    };
    Ok(Scored { name: name.to_owned(), report, second, summary: run.summary })
}

/// Whether an answer names the service of the root: right when equal after the
/// instance number is cut from both, and never for a host.
pub fn same_service(incident: &TrueIncident, entity: &str) -> bool {
    let service = |entity: &str| -> String {
        let name = entity.split_once('/').map_or(entity, |(_, name)| name);
        match name.rsplit_once('-') {
            Some((base, number)) if number.bytes().all(|b| b.is_ascii_digit()) => base.to_owned(),
            _ => name.to_owned(),
        }
    };
    let is_host = |entity: &str| entity.starts_with("host:");
    incident.root == entity
        || (!is_host(&incident.root)
            && !is_host(entity)
            && service(&incident.root) == service(entity))
}

/// The columns that every data set has: F1 over the alerts of incidents and over
/// all of them, that of plain components, and the accuracy of the earliest alert.
const HEADER: [&str; 14] = [
    "data set", "events", "alerts", "incid.", "true", "compr.", "pair F1", "(all)", "(comp.)",
    "B-cubed", "merged", "exact@1", "exact@3", "earliest",
];

/// One line under the header and none elsewhere.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// One line per run; `second` names the second notion of the right entity.
pub fn table(all: &[Scored], second: Option<&str>) -> String {
    let mut header: Vec<String> = HEADER.iter().map(|name| (*name).to_owned()).collect();
    header.extend(second.iter().flat_map(|name| [format!("{name}@1"), format!("{name}@3")]));
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(header.clone());
    for index in 1..header.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for scored in all {
        table.add_row(row(scored));
    }
    table.to_string()
}

fn row(scored: &Scored) -> Vec<String> {
    let report = &scored.report;
    let figure = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
    let cause = &report.cause.per_true;
    let rival = report.rivals.components_incident.as_ref();
    let events = report.funnel.alert_events;
    let kept = report.funnel.incidents as f64 / events.max(1) as f64;
    let mut cells = vec![
        scored.name.clone(),
        events.to_string(),
        report.funnel.alerts.to_string(),
        report.funnel.incidents.to_string(),
        report.true_incidents.to_string(),
        figure(Some(1.0 - kept)),
        figure(Some(report.incident.pair.f1)),
        figure(Some(report.all.pair.f1)),
        figure(rival.map(|scope| scope.pair.f1)),
        figure(Some(report.incident.b_cubed.f1)),
        figure(report.incident.over_merge),
        figure(cause.ac1),
        figure(cause.ac3),
        figure(report.rivals.earliest_per_true),
    ];
    if let Some(second) = &scored.second {
        cells.extend([figure(second.ac1), figure(second.ac3)]);
    }
    cells
}

/// The scored run as one JSON object.
pub fn to_json(scored: &Scored) -> Value {
    json!({
        "name": scored.name,
        "report": scored.report,
        "second": scored.second,
        "summary": scored.summary,
    })
}

// The bench has no harness, which drops the tests and keeps what they use; they run in
// the integration tests, which include this file.
#[cfg(test)]
#[allow(unused_imports, dead_code)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_what_is_left_without_the_number() {
        let right = |root: &str, entity: &str| {
            let incident = TrueIncident { root: root.into(), ..TrueIncident::default() };
            same_service(&incident, entity)
        };
        assert!(right("service:ob/cart", "pod:ob/cart-0"));
        assert!(right("pod:ob/cart-1", "pod:ob/cart-0"));
        assert!(right("pod:ob/redis-cart-0", "database:ob/redis-cart"));
        assert!(!right("pod:ob/cart2-0", "pod:ob/cart-0"));
        assert!(!right("host:ob/node-1", "host:ob/node-2"));
        assert!(right("host:ob/node-1", "host:ob/node-1"));
    }
}
