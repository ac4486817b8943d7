//! What is found does not depend on how many workers find it, nor on the order of the lines.

use super::replay::Silent;
use causeway::canonical::{Decoder, Framing, Origin, Source};
use causeway::emit::ledger::Emission;
use causeway::replay::{Finals, Replay};
use causeway_dataflows::model::{Degraded, DegradedSource, Finding, Matcher, MatcherOp, Severity};
use causeway_dataflows::params::{Indicator, Params, SloParams, TierParams};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

const HOUR: i64 = 3600;
/// A whole hour.
const START: i64 = 495_000 * HOUR;

fn is(name: &str, value: &str) -> Matcher {
    Matcher { name: name.into(), op: MatcherOp::Equal, value: value.into() }
}

fn slo(name: &str, entity: &str, indicator: Indicator) -> SloParams {
    SloParams {
        name: name.into(),
        tenant: "default".into(),
        entity: entity.into(),
        indicator,
        budget_ppm: 1_000,
        window_seconds: 30 * 24 * HOUR,
        tiers: TierParams::USUAL.to_vec(),
        events_min: 100,
    }
}

fn promised() -> Params {
    let calls = Indicator::Calls {
        entity: "service:shop/cart".into(),
        operation: None,
        peer: None,
        failed_is_bad: true,
        bad_from_ns: None,
    };
    let requests = is("alertname", "requests_total");
    let counters = Indicator::Ratio {
        total: vec![requests.clone()],
        part: vec![requests, is("code", "500")],
        part_is_good: false,
    };
    let mut params = Params::default();
    params.detect.budget.slos = vec![
        slo("calls", "service:shop/cart", calls),
        slo("requests", "service:shop/checkout", counters),
    ];
    params
}

/// Two hours of calls of eleven operations and of counters of seven pods, of which the last half
/// hour is bad.
fn two_hours() -> Vec<String> {
    let mut lines = Vec::new();
    for second in (0..2 * HOUR).step_by(3) {
        let (time, is_bad) = ((START + second) * 1_000_000_000, second >= 3 * HOUR / 2);
        let status = if is_bad && second % 2 == 0 { "error" } else { "ok" };
        lines.push(format!(
            r#"{{"kind":"span","time":{time},"entity":"service:shop/cart","span":{{"name":"op {}","kind":"server","duration_ns":1000000,"status":"{status}"}}}}"#,
            second % 11
        ));
        let (pod, minutes) = (second % 7, second / 21);
        let bad = (minutes - 3 * HOUR / 42).max(0);
        for (code, value) in [("200", minutes * 30), ("500", bad)] {
            let mut line = format!(r#"{{"kind":"metric","name":"requests_total","time":{time},"#);
            let kind = r#""type":"sum","temporality":"cumulative","monotonic":true"#;
            write!(line, r#""entity":"pod:shop/{pod}","metric":{{{kind}}},"value":{value},"#)
                .unwrap();
            write!(line, r#""labels":{{"code":"{code}"}}}}"#).unwrap();
            lines.push(line);
        }
    }
    lines
}

fn replayed(lines: &[String], params: &Params, workers: usize) -> Finals {
    in_pieces(lines, params, (workers, usize::MAX))
}

/// The same, read in pieces of so many lines.
fn in_pieces(lines: &[String], params: &Params, (workers, piece): (usize, usize)) -> Finals {
    let decoder = Decoder::new(Arc::new(Source::named("test")), workers, None);
    let mut replay = Replay::start(workers, params, Emission::default(), decoder, Silent).unwrap();
    let mut first_line = 1;
    for lines in lines.chunks(piece) {
        let text = lines.join("\n");
        replay.events(text.as_bytes(), &Origin::default(), Framing::Lines, first_line).unwrap();
        first_line += lines.len() as u64;
    }
    replay.finish().unwrap().0
}

#[test]
fn budgets_burn_alike_on_any_number_of_workers() {
    let (params, lines) = (promised(), two_hours());
    let one = replayed(&lines, &params, 1);
    let burning: Vec<(&str, Severity, Finding)> = one
        .alerts
        .values()
        .filter(|row| row.alert.identity.name == "ErrorBudgetBurn")
        .map(|row| (row.alert.identity.label("slo").unwrap(), row.severity, &row.alert.summary))
        .map(|(slo, severity, said)| (slo, severity, Finding::read(said).unwrap()))
        .collect();
    let slos: BTreeSet<&str> = burning.iter().map(|(slo, ..)| *slo).collect();
    assert_eq!(slos, BTreeSet::from(["calls", "requests"]), "{burning:?}");
    for (_, severity, finding) in &burning {
        assert_eq!((*severity, &*finding.model), (Severity::CRITICAL, "budget/1"));
    }
    // Of lines that come up to a minute late nothing changes.
    let mut late = lines.clone();
    late.chunks_mut(60).for_each(<[String]>::reverse);
    for (lines, workers) in [(&lines, 2), (&lines, 3), (&late, 1), (&late, 4)] {
        let other = &replayed(lines, &params, workers);
        let digests = [other, &one].map(|finals| finals.tally().digest().to_string());
        assert_eq!(digests[0], digests[1], "{workers} workers");
    }
}

/// Ten minutes of numbers from a sender whose clock is three minutes behind or right, and one
/// alert of it in the middle.
fn of_a_sender(behind: i64) -> Vec<String> {
    let mut lines = Vec::new();
    for second in 0..600 {
        let (time, observed) = (START + second, START + second + behind);
        let [time, observed] = [time, observed].map(|at| at * 1_000_000_000);
        let envelope = format!(r#""source":"eu1","time":{time},"observed_time":{observed}"#);
        lines.push(format!(
            r#"{{"kind":"metric","name":"up",{envelope},"entity":"pod:a","metric":{{"type":"gauge"}},"value":1}}"#
        ));
        if second == 400 {
            lines.push(format!(
                r#"{{"kind":"alert","name":"HighErrorRate","severity":"critical",{envelope},"entity":"service:shop/cart"}}"#
            ));
        }
    }
    lines
}

#[test]
fn a_source_that_does_badly_is_found_and_costs_confidence() {
    let params = Params::default();
    let cause = |finals: &Finals| {
        let incident = finals.incidents.values().next().unwrap();
        let first = incident.cause.candidates[0].probability_ppm;
        (incident.degraded.clone(), first, incident.cause.unknown_ppm)
    };
    let (good, bad) = (of_a_sender(0), of_a_sender(190));
    let (none, sure, _) = cause(&replayed(&good, &params, 1));
    assert_eq!(none, Degraded::No);
    let one = replayed(&bad, &params, 1);
    let named: Vec<&str> = one
        .alerts
        .values()
        .filter(|row| row.entity.text == "source:eu1")
        .map(|row| row.alert.identity.name.as_str())
        .collect();
    assert_eq!(named, ["SourceSkew"]);
    let (degraded, less, unknown) = cause(&one);
    let source =
        DegradedSource { source: "eu1".into(), findings: vec!["SourceSkew".into()], alerts: 1 };
    let sources = vec![source];
    assert_eq!(degraded, Degraded::Doubted { is_cut: false, factor_ppm: 500_000, sources });
    assert_eq!((less, unknown > 1_000_000 - sure), (sure / 2, true));
    for workers in [2, 3] {
        let other = replayed(&bad, &params, workers);
        let digests = [&other, &one].map(|finals| finals.tally().digest().to_string());
        assert_eq!(digests[0], digests[1], "{workers} workers");
    }
}

#[test]
fn the_pieces_in_which_a_file_is_read_do_not_matter() {
    // Two hours, of which the sender is late in the first; now and then a unit is none.
    let mut lines = Vec::new();
    for second in 0..2 * HOUR {
        let time = START + second;
        let observed = time + if second < HOUR { 900 } else { 0 };
        let [time, observed] = [time, observed].map(|at| at * 1_000_000_000);
        let unit = if second % 5 == 0 { "per second" } else { "s" };
        lines.push(format!(
            r#"{{"kind":"metric","name":"up","source":"eu1","time":{time},"observed_time":{observed},"entity":"pod:a","metric":{{"type":"gauge","unit":"{unit}"}},"value":1}}"#
        ));
    }
    let params = Params::default();
    let whole = replayed(&lines, &params, 1);
    let found: BTreeSet<&str> =
        whole.alerts.values().map(|row| row.alert.identity.name.as_str()).collect();
    assert_eq!(found, BTreeSet::from(["SourceLate", "SourceRejects", "SourceSkew"]));
    for (workers, piece) in [(1, 7), (1, 1000), (2, 333)] {
        let other = in_pieces(&lines, &params, (workers, piece));
        let digests = [&other, &whole].map(|finals| finals.tally().digest().to_string());
        assert_eq!(digests[0], digests[1], "{workers} workers, pieces of {piece}");
    }
}
