//! The whole evaluation, by hand and by property.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::records::{
    AlertRow, CandidateRow, CauseRow, Class, EdgeRow, ExplanationRow, IncidentRow, Label, Labels,
    MemberRow, Nanos, Truth,
};
use super::*;

/// An alert in short: id, true incident, predicted incident.
type Short<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

fn data(alerts: &[Short<'_>], truth: &[&str]) -> Data {
    let mut data = Data { labels: Some(Labels::default()), ..Data::default() };
    data.truth = Truth { profile: "made".into(), seed: 7, incidents: Vec::new() };
    for id in truth {
        data.truth.incidents.push(TrueIncident {
            id: (*id).into(),
            root: format!("root-{id}"),
            fault: "disk".into(),
            path: vec![(format!("caller-{id}"), format!("root-{id}"))],
            ..TrueIncident::default()
        });
    }
    let mut members: BTreeMap<&str, Vec<MemberRow>> = BTreeMap::new();
    for (second, (id, incident, predicted)) in alerts.iter().enumerate() {
        let class = if incident.is_some() { Class::Incident } else { Class::Noise };
        let label = Label {
            event_id: (*id).into(),
            incident: incident.map(Into::into),
            class,
            duplicate_of: None,
            suppressible: false,
        };
        let labels = data.labels.get_or_insert_default();
        labels.rows.insert((*id).into(), label);
        *labels.events.entry(class).or_default() += 10;
        if let Some(predicted) = predicted {
            members.entry(predicted).or_default().push(MemberRow { alert_id: (*id).into() });
        }
        data.alerts.push(AlertRow {
            alert_id: (*id).into(),
            entity: format!("entity-{id}"),
            first: Nanos(second as i64),
            first_event_id: (*id).into(),
            incident_id: predicted.map(Into::into),
            ..AlertRow::default()
        });
    }
    for (id, alerts) in members {
        data.incidents.push(IncidentRow { incident_id: id.into(), alerts, ..Default::default() });
    }
    data
}

/// Sets the ranking and the path of a predicted incident.
fn blame(data: &mut Data, incident: &str, ranking: &[(&str, f64)], path: &[(&str, &str)]) {
    let row = data.incidents.iter_mut().find(|row| row.incident_id == incident).unwrap();
    let candidates = ranking
        .iter()
        .map(|(entity, probability)| CandidateRow {
            entity: (*entity).into(),
            probability: *probability,
        })
        .collect();
    let unknown = 1.0 - ranking.iter().map(|(_, p)| p).sum::<f64>();
    row.cause = Some(CauseRow { candidates, unknown });
    let path = path.iter().map(|(a, b)| EdgeRow { from: (*a).into(), to: (*b).into() }).collect();
    row.explanation = Some(ExplanationRow { path });
}

/// Truth: t1 = {a, b, c}, t2 = {d, e}, t3 = {f}, noise {x, y}.
/// Predicted: p = {a, b, d}, q = {c}, r = {e, x}; f and y stand alone.
fn storm() -> Data {
    let mut data = data(
        &[
            ("a", Some("t1"), Some("p")),
            ("b", Some("t1"), Some("p")),
            ("c", Some("t1"), Some("q")),
            ("d", Some("t2"), Some("p")),
            ("e", Some("t2"), Some("r")),
            ("f", Some("t3"), None),
            ("x", None, Some("r")),
            ("y", None, None),
        ],
        &["t1", "t2", "t3"],
    );
    let path = [("caller-t1", "caller-t1"), ("caller-t1", "root-t1")];
    blame(&mut data, "p", &[("root-t1", 0.6), ("z", 0.2)], &path);
    blame(&mut data, "q", &[("z", 0.5), ("root-t1", 0.3)], &[]);
    blame(&mut data, "r", &[("root-t2", 0.9)], &[("z", "root-t2")]);
    data
}

fn close(a: Option<f64>, b: f64) {
    assert!((a.unwrap() - b).abs() < 1e-12, "{a:?} is not {b}");
}

#[test]
fn a_storm_by_hand() {
    let report = score(&storm(), &Options::default()).unwrap();
    // All: claimed pairs C(3,2) + C(2,2) = 4, real ones C(3,2) + C(2,2) = 4, both: a-b.
    close(Some(report.all.pair.f1), 0.25);
    // Incident alerts: without x the group r claims nothing: 3 claimed, 4 real, 1 both.
    close(Some(report.incident.pair.precision), 1.0 / 3.0);
    close(Some(report.incident.pair.recall), 0.25);
    // Groups of incident alerts: p, q, r and f alone; only p holds two incidents.
    close(report.incident.over_merge, 0.25);
    close(report.all.over_merge, 0.2);
    // t1 lies in p and q, t2 in p and r, t3 by itself.
    close(report.incident.fragmentation, 5.0 / 3.0);
    assert_eq!((report.all.biggest_group, report.all.alerts), (3, 8));
    assert_eq!((report.disagreements, report.unlabelled), (0, 0));
}

#[test]
fn causes_by_hand() {
    let report = score(&storm(), &Options::default()).unwrap();
    // Per true incident: t1 -> p (right), t2 -> p or r with one alert each, so p, the
    // smaller id, which does not rank root-t2; t3 -> none.
    let per_true = &report.cause.per_true;
    assert_eq!((per_true.incidents, per_true.unanswered), (3, 1));
    close(per_true.ac1, 1.0 / 3.0);
    close(per_true.mrr, 1.0 / 3.0);
    // Per predicted incident: p -> t1 rank 1, q -> t1 rank 2, r -> t2 rank 1.
    let per_predicted = &report.cause.per_predicted;
    close(per_predicted.ac1, 2.0 / 3.0);
    close(per_predicted.ac3, 1.0);
    close(per_predicted.mrr, (1.0 + 0.5 + 1.0) / 3.0);
    close(per_predicted.avg5, (2.0 / 3.0 + 4.0) / 5.0);
    // Grounded: p has the one true edge, and its step on one entity is none; q is not
    // right; the edge of r is not true.
    close(per_predicted.grounded, 1.0 / 3.0);
    close(per_predicted.edge_precision, 0.5);
    // Brier of .6 right, .5 wrong, .9 right.
    close(report.calibration.matched.brier, (0.16 + 0.25 + 0.01) / 3.0);
    assert_eq!((report.quiet.claims, report.quiet.false_claims), (3, 0));
    assert_eq!(report.cause.by_fault["disk"].incidents, 3);
}

#[test]
fn another_notion_of_the_same_entity() {
    let same = |incident: &TrueIncident, entity: &str| {
        incident.root == entity || (incident.id == "t1" && entity == "z")
    };
    let report = score(&storm(), &Options { same: &same }).unwrap();
    close(report.cause.per_predicted.ac1, 1.0);
}

#[test]
fn files_lead_to_the_same_figures() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let truth = write(
        "truth.json",
        r#"{"profile":"made","seed":7,"incidents":[{"id":"t","root":"service:s/db","fault":"disk",
           "start":"2026-11-02T08:00:00Z","end":"2026-11-02T08:10:00Z","change_id":null,
           "entities":["service:s/db","service:s/web"],"path":[["service:s/web","service:s/db"]]}]}"#,
    );
    write(
        "labels.ndjson",
        r#"{"event_id":"e1","incident":"t","class":"incident","duplicate_of":null,"suppressible":false}
{"event_id":"e2","incident":"t","class":"incident","duplicate_of":null,"suppressible":false}
{"event_id":"e3","incident":null,"class":"duplicate","duplicate_of":"e2","suppressible":true}
{"event_id":"e4","incident":null,"class":"context","duplicate_of":null,"suppressible":false}
"#,
    );
    let row = |id: &str, entity: &str, event: &str| {
        format!(
            r#"{{"alert_id":"{id}","fingerprint":"{id}","entity":"{entity}","name":"N","severity":"error","first":"2026-11-02T08:00:05Z","last":"2026-11-02T08:09:00Z","count":2,"status":"resolved","suppressed":null,"first_event_id":"{event}","incident_id":"i"}}"#
        )
    };
    let (a, b) = (row("a", "service:s/db", "e1"), row("b", "service:s/web", "e3"));
    let alerts = write("alerts.ndjson", &format!("{a}\n{b}\n"));
    let incidents = write(
        "incidents.ndjson",
        &format!(
            r#"{{"specversion":"1.0","id":"i-1","data":{{"incident_id":"i","revision":3,"event":"resolved","alerts":[{a},{b}],"cause":{{"candidates":[{{"entity":"service:s/db","probability":0.8,"score":2.1,"contributions":{{"own":2.1}}}}],"unknown":0.2}},"explanation":{{"path":[{{"from":"service:s/web","to":"service:s/db","relation":"calls","lag_ms":100,"evidence":[]}}],"text":"","counterfactual":null,"members":[]}}}}}}"#
        ),
    );
    let summary = write(
        "summary.json",
        r#"{"digest":"0","ledger":{"received":4,"accepted":4,"rejected":0,"duplicate":0,"late":0,
           "folded":3,"signals":0,"context":1,"alerts":2,"suppressed":0,"standalone":0,
           "in_incidents":2,"incidents":1}}"#,
    );
    let topology = write(
        "topology.ndjson",
        "{\"kind\":\"relation\",\"op\":\"upsert\",\"from\":\"service:s/web\",\"to\":\"service:s/db\",\"relation\":\"calls\"}\n",
    );
    let inputs =
        Inputs { truth, alerts, incidents, summary: Some(summary), topology: vec![topology] };
    let report = evaluate(&inputs).unwrap();
    assert_eq!((report.all.pair.f1, report.cause.per_true.ac1), (1.0, Some(1.0)));
    assert_eq!(report.cause.per_true.grounded, Some(1.0));
    assert!(report.failures().is_empty(), "{:?}", report.failures());
    assert_eq!(report.rivals.components_all.as_ref().unwrap().pair.f1, 1.0);
    assert_eq!(report.funnel.total_compression, Some(0.5));
    let table = report.to_table();
    for text in ["pair F1", "AC@1", "false suppression", "balance", "60 s, 1 hop"] {
        assert!(table.contains(text), "{text} is missing in\n{table}");
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["cause"]["per_true"]["ac1"], 1.0);
    assert_eq!(json["calibration"]["matched"]["incidents"], 1);
}

#[test]
fn a_quiet_storm_has_claims_but_no_accuracy() {
    let mut data = data(&[("x", None, Some("p")), ("y", None, None)], &[]);
    blame(&mut data, "p", &[("z", 0.7)], &[]);
    let report = score(&data, &Options::default()).unwrap();
    assert_eq!((report.cause.per_true.ac1, report.cause.per_predicted.incidents), (None, 0));
    assert_eq!((report.quiet.claims, report.quiet.false_claims), (1, 1));
    assert_eq!(report.suppression.false_suppression, None);
    let table = report.to_table();
    assert!(table.contains("1 of 1 incidents claim a cause"), "{table}");
    assert!(!table.contains("AC@1"), "{table}");
}

proptest! {
    #[test]
    fn the_order_of_rows_never_shows(
        rows in proptest::collection::vec((0usize..4, 0usize..4), 1..24),
        turn in 0usize..24,
    ) {
        let truths = ["t0", "t1", "t2"];
        let groups = ["p0", "p1", "p2"];
        let ids: Vec<String> = (0..rows.len()).map(|i| format!("a{i:02}")).collect();
        let alerts: Vec<Short<'_>> = rows
            .iter()
            .zip(&ids)
            .map(|((t, p), id)| (id.as_str(), truths.get(*t).copied(), groups.get(*p).copied()))
            .collect();
        let mut data = data(&alerts, &truths);
        for (place, group) in groups.iter().enumerate() {
            if data.incidents.iter().any(|row| row.incident_id == *group) {
                let root = format!("root-t{place}");
                blame(&mut data, group, &[(&root, 0.5), ("z", 0.25)], &[]);
            }
        }
        let straight = score(&data, &Options::default()).unwrap();
        data.alerts.rotate_left(turn % rows.len());
        data.alerts.reverse();
        data.incidents.reverse();
        data.truth.incidents.reverse();
        prop_assert_eq!(&straight, &score(&data, &Options::default()).unwrap());
        let scores = [&straight.cause.per_true, &straight.cause.per_predicted];
        for rate in scores.iter().flat_map(|s| [s.ac1, s.ac3, s.ac5, s.avg5, s.mrr]).flatten() {
            prop_assert!((0.0..=1.0).contains(&rate));
        }
    }
}
