//! The report for people.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::Report;
use super::calibration::Calibration;
use super::cause::CauseScores;
use super::figures::{Interval, Prf};
use super::grouping::Scope;

/// One line under the header and none elsewhere, so that figures stand close.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// What stands where there is no figure.
const ABSENT: &str = "–";

/// Renders every section.
pub fn render(report: &Report) -> String {
    let mut parts = vec![heading(report), grouping(report)];
    if report.true_incidents > 0 {
        parts.push(cause(report));
    }
    if report.cause.by_fault.len() > 1 {
        parts.push(faults(report));
    }
    parts.push(confidence(report));
    parts.push(funnel(report));
    let mut text = parts.join("\n\n");
    for failure in report.failures() {
        text.push_str(&format!("\nNOT RIGHT: {failure}"));
    }
    if !report.by_labels {
        text.push_str("\nno labels beside the truth: alerts were matched by entity and time");
    }
    if report.unlabelled > 0 {
        let n = report.unlabelled;
        text.push_str(&format!("\n{n} alerts opened by events without a label count as noise"));
    }
    text.push('\n');
    text
}

fn heading(report: &Report) -> String {
    let f = &report.funnel;
    let events = f.events.unwrap_or(f.alert_events);
    format!(
        "{} seed {}: {events} events, {} alerts, {} incidents; in truth {} incidents",
        if report.profile.is_empty() { "truth" } else { &report.profile },
        report.seed,
        f.alerts,
        f.incidents,
        report.true_incidents,
    )
}

fn grouping(report: &Report) -> String {
    let rivals = &report.rivals;
    let mut scopes = vec![Some(&report.incident), Some(&report.all)];
    let mut header = vec!["grouping", "incident alerts", "all alerts"];
    if rivals.components_all.is_some() {
        scopes.extend([rivals.components_incident.as_ref(), rivals.components_all.as_ref()]);
        header.extend(["60 s, 1 hop: incident", "all"]);
    }
    let mut table = table(&header);
    let mut row = |name: &str, cell: &dyn Fn(&Scope) -> String| {
        let cells = scopes.iter().map(|scope| scope.map_or(ABSENT.to_owned(), cell));
        table.add_row(std::iter::once(name.to_owned()).chain(cells));
    };
    row("pair F1 (P / R)", &|s| prf(s, s.pair));
    row("  95 % interval", &|s| interval(s.pair_f1_interval));
    row("B-cubed F1 (P / R)", &|s| prf(s, s.b_cubed));
    row("B-cubed F1 without self (P / R)", &|s| prf(s, s.b_cubed_excluded));
    row("V-measure", &|s| figure((s.alerts > 0).then_some(s.v_measure)));
    row("over-merge", &|s| percent(s.over_merge));
    row("groups per true incident", &|s| figure(s.fragmentation));
    row("biggest group", &|s| format!("{} ({})", s.biggest_group, percent(s.biggest_group_share)));
    row("groups of alerts", &|s| format!("{} of {}", s.groups, s.alerts));
    table.to_string()
}

fn cause(report: &Report) -> String {
    let sides = [&report.cause.per_true, &report.cause.per_predicted];
    let rivals = &report.rivals;
    let mut table = table(&["cause", "per true incident", "per predicted incident"]);
    let mut row = |name: &str, cell: &dyn Fn(&CauseScores) -> String| {
        table.add_row(std::iter::once(name.to_owned()).chain(sides.iter().map(|side| cell(side))));
    };
    row("AC@1", &|s| figure(s.ac1));
    row("  95 % interval", &|s| interval(s.ac1_interval));
    row("AC@3", &|s| figure(s.ac3));
    row("AC@5", &|s| figure(s.ac5));
    row("Avg@5", &|s| figure(s.avg5));
    row("MRR", &|s| figure(s.mrr));
    row("grounded path", &|s| format!("{} of {}", percent(s.grounded), s.grounded_incidents));
    row("true path edges", &|s| percent(s.edge_precision));
    row("judged (without candidates)", &|s| format!("{} ({})", s.incidents, s.unanswered));
    table.add_row([
        "rival: earliest alert, AC@1".to_owned(),
        figure(rivals.earliest_per_true),
        figure(rivals.earliest_per_predicted),
    ]);
    table.to_string()
}

fn faults(report: &Report) -> String {
    let mut table = table(&["fault", "incidents", "AC@1", "AC@3", "MRR"]);
    for (fault, scores) in &report.cause.by_fault {
        table.add_row([
            fault.clone(),
            scores.incidents.to_string(),
            figure(scores.ac1),
            figure(scores.ac3),
            figure(scores.mrr),
        ]);
    }
    table.to_string()
}

fn confidence(report: &Report) -> String {
    let sides = [&report.calibration.matched, &report.calibration.all];
    let mut table = table(&["confidence", "with a true incident", "all predicted"]);
    let mut row = |name: &str, cell: &dyn Fn(&Calibration) -> String| {
        table.add_row(std::iter::once(name.to_owned()).chain(sides.iter().map(|side| cell(side))));
    };
    row("ECE", &|c| figure(c.ece));
    row("Brier", &|c| figure(c.brier));
    row("log-loss", &|c| figure(c.log_loss));
    row("AURC", &|c| figure(c.aurc));
    row("mean confidence / accuracy", &|c| {
        format!("{} / {}", figure(c.confidence), figure(c.accuracy))
    });
    row("p ≥ 0.8: share / accuracy", &|c| {
        format!("{} / {}", percent(c.sure), figure(c.sure_accuracy))
    });
    let quiet = &report.quiet;
    let unknown = &report.calibration;
    format!(
        "{table}\n{} of {} incidents claim a cause with p ≥ 0.5, {} of them without a fault; \
         {} answer UNKNOWN, rightly {}",
        quiet.claims,
        quiet.incidents,
        quiet.false_claims,
        unknown.unknown,
        percent(unknown.unknown_precision),
    )
}

fn funnel(report: &Report) -> String {
    let (f, s) = (&report.funnel, &report.suppression);
    let mut table = table(&["funnel", "figure", "of"]);
    let mut row = |name: &str, figure: String, of: String| {
        table.add_row([name.to_owned(), figure, of]);
    };
    row(
        "event compression",
        percent(f.event_compression),
        format!("{} alert events", f.alert_events),
    );
    if let Some(events) = f.events {
        row("  over every event", percent(f.total_compression), format!("{events} events"));
    }
    row("incident compression", percent(f.incident_compression), format!("{} alerts", f.alerts));
    row(
        "false suppression",
        percent(s.false_suppression),
        format!("{} of {} actionable", s.hidden_actionable, s.actionable),
    );
    row(
        "suppression recall",
        percent(s.suppression_recall),
        format!("{} of {} suppressible", s.hidden_suppressible, s.suppressible),
    );
    for (reason, n) in &s.by_reason {
        row("  suppressed by", reason.clone(), n.to_string());
    }
    row("standalone", f.standalone.to_string(), format!("{} alerts", f.alerts));
    if let Some(books) = &report.books {
        let state = if books.balanced { "balance" } else { "DO NOT BALANCE" };
        row("books", state.to_owned(), "3 equations, 5 counts".to_owned());
    }
    table.to_string()
}

/// An empty table with its figures to the right.
fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(header.to_vec());
    for index in 1..header.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The three rates, unless there was nothing to group.
fn prf(scope: &Scope, prf: Prf) -> String {
    if scope.alerts == 0 {
        return ABSENT.to_owned();
    }
    format!("{:.3} ({:.2} / {:.2})", prf.f1, prf.precision, prf.recall)
}

fn interval(interval: Option<Interval>) -> String {
    interval.map_or(ABSENT.to_owned(), |i| format!("{:.3} to {:.3}", i.low, i.high))
}

fn figure(value: Option<f64>) -> String {
    value.map_or(ABSENT.to_owned(), |value| format!("{value:.3}"))
}

fn percent(value: Option<f64>) -> String {
    value.map_or(ABSENT.to_owned(), |value| format!("{:.1} %", value * 100.0))
}
