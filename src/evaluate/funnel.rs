//! What went in, what came out, and whether the books balance.

use std::collections::BTreeMap;

use serde::Serialize;

use super::figures::share;
use super::join::Joined;
use super::read::Data;
use super::records::{Class, Ledger};

/// The funnel from events to incidents.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Funnel {
    /// Events of every kind, where labels or books tell.
    pub events: Option<u64>,
    /// Firing and resolving events of alerts, as the labels, the books or the
    /// alerts' own counts tell, in this order.
    pub alert_events: u64,
    /// Alerts after deduplication.
    pub alerts: u64,
    /// Alerts outside all incidents by suppression.
    pub suppressed: u64,
    /// Alerts outside all incidents by themselves.
    pub standalone: u64,
    /// Incidents.
    pub incidents: u64,
    /// 1 - alerts / alert events.
    pub event_compression: Option<f64>,
    /// 1 - alerts / events of every kind.
    pub total_compression: Option<f64>,
    /// 1 - incidents / alerts.
    pub incident_compression: Option<f64>,
}

/// Whether what was hidden deserved it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suppression {
    /// Alerts that true incidents raised: somebody should have seen them.
    pub actionable: u64,
    /// Of these, how many were hidden.
    pub hidden_actionable: u64,
    /// Their share.
    pub false_suppression: Option<f64>,
    /// Alerts that should have been hidden.
    pub suppressible: u64,
    /// Of these, how many were.
    pub hidden_suppressible: u64,
    /// Their share.
    pub suppression_recall: Option<f64>,
    /// Hidden alerts by reason.
    pub by_reason: BTreeMap<String, u64>,
}

/// The books of a run and what does not balance in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Books {
    /// Whether all equations hold.
    pub balanced: bool,
    /// One line per equation that does not hold.
    pub broken: Vec<String>,
}

/// Counts the funnel.
pub fn funnel(data: &Data, joined: &Joined<'_>) -> Funnel {
    let labelled = data.labels.as_ref().map(|labels| &labels.events);
    let events = match (labelled, &data.ledger) {
        (Some(events), _) => Some(events.values().sum()),
        (None, Some(ledger)) => Some(ledger.received),
        (None, None) => None,
    };
    let alert_events = match (labelled, &data.ledger) {
        (Some(events), _) => {
            events.iter().filter(|(class, _)| **class != Class::Context).map(|(_, n)| n).sum()
        }
        (None, Some(ledger)) => ledger.folded,
        (None, None) => data.alerts.iter().map(|alert| alert.count).sum(),
    };
    let alerts = joined.alerts.len() as u64;
    let incidents = joined.predicted.len() as u64;
    let suppressed = joined.alerts.iter().filter(|a| a.is_suppressed()).count() as u64;
    let grouped = joined.alerts.iter().filter(|a| a.predicted.is_some()).count() as u64;
    Funnel {
        events,
        alert_events,
        alerts,
        suppressed,
        standalone: alerts - suppressed - grouped,
        incidents,
        event_compression: share(alerts, alert_events).map(|kept| 1.0 - kept),
        total_compression: events.and_then(|all| share(alerts, all)).map(|kept| 1.0 - kept),
        incident_compression: share(incidents, alerts).map(|kept| 1.0 - kept),
    }
}

/// Scores suppression.
pub fn suppression(joined: &Joined<'_>) -> Suppression {
    let count = |wanted: &dyn Fn(&super::join::JoinedAlert<'_>) -> bool| {
        joined.alerts.iter().filter(|alert| wanted(alert)).count() as u64
    };
    let actionable = count(&|a| a.truth.is_some());
    let hidden_actionable = count(&|a| a.truth.is_some() && a.is_suppressed());
    let suppressible = count(&|a| a.truth.is_none() && a.suppressible);
    let hidden_suppressible = count(&|a| a.truth.is_none() && a.suppressible && a.is_suppressed());
    let mut by_reason = BTreeMap::new();
    for alert in joined.alerts.iter().filter(|alert| alert.is_suppressed()) {
        let reason = alert.row.suppressed.as_ref().map_or("", |s| s.reason.as_str());
        *by_reason.entry(reason.to_owned()).or_default() += 1;
    }
    Suppression {
        actionable,
        hidden_actionable,
        false_suppression: share(hidden_actionable, actionable),
        suppressible,
        hidden_suppressible,
        suppression_recall: share(hidden_suppressible, suppressible),
        by_reason,
    }
}

/// Checks the three equations of the ledger, and the ledger against the files.
pub fn books(ledger: &Ledger, funnel: &Funnel) -> Books {
    let l = ledger;
    let equations = [
        (
            "received = accepted + rejected + duplicate",
            l.received,
            [l.accepted, l.rejected, l.duplicate],
        ),
        ("accepted = folded + signals + context", l.accepted, [l.folded, l.signals, l.context]),
        (
            "alerts = suppressed + in_incidents + standalone",
            l.alerts,
            [l.suppressed, l.in_incidents, l.standalone],
        ),
    ];
    let mut broken: Vec<String> = equations
        .iter()
        .filter(|(_, left, right)| *left != right.iter().sum::<u64>())
        .map(|(text, left, [a, b, c])| format!("{text}: {left} is not {a} + {b} + {c}"))
        .collect();
    if l.late > l.accepted {
        broken.push(format!("late is part of accepted: {} is more than {}", l.late, l.accepted));
    }
    let in_incidents = funnel.alerts - funnel.suppressed - funnel.standalone;
    let files = [
        ("alerts", l.alerts, funnel.alerts),
        ("suppressed", l.suppressed, funnel.suppressed),
        ("in_incidents", l.in_incidents, in_incidents),
        ("standalone", l.standalone, funnel.standalone),
        ("incidents", l.incidents, funnel.incidents),
    ];
    for (name, booked, counted) in files {
        if booked != counted {
            broken.push(format!("{name}: the ledger says {booked}, the files say {counted}"));
        }
    }
    Books { balanced: broken.is_empty(), broken }
}

#[cfg(test)]
mod tests {
    use super::super::join::join;
    use super::super::records::{AlertRow, Label, Labels, Suppressed, TrueIncident, Truth};
    use super::*;

    /// Alerts a and b of incident t, noise c and d that should be hidden; a and c are.
    fn data() -> Data {
        let row = |id: &str, hidden: bool, incident: Option<&str>| AlertRow {
            alert_id: id.into(),
            first_event_id: id.into(),
            count: 5,
            suppressed: hidden.then(|| Suppressed { reason: "flap".into() }),
            incident_id: incident.map(Into::into),
            ..AlertRow::default()
        };
        let label = |id: &str, incident: Option<&str>| Label {
            event_id: id.into(),
            incident: incident.map(Into::into),
            class: if incident.is_some() { Class::Incident } else { Class::Flap },
            duplicate_of: None,
            suppressible: incident.is_none(),
        };
        let labels =
            [label("a", Some("t")), label("b", Some("t")), label("c", None), label("d", None)];
        Data {
            truth: Truth {
                incidents: vec![TrueIncident { id: "t".into(), ..TrueIncident::default() }],
                ..Truth::default()
            },
            labels: Some(Labels {
                rows: labels.into_iter().map(|l| (l.event_id.clone(), l)).collect(),
                events: [(Class::Incident, 12), (Class::Flap, 8), (Class::Context, 80)].into(),
            }),
            alerts: vec![
                row("a", true, None),
                row("b", false, Some("p")),
                row("c", true, None),
                row("d", false, None),
            ],
            ..Data::default()
        }
    }

    fn ledger() -> Ledger {
        Ledger {
            received: 103,
            accepted: 100,
            rejected: 2,
            duplicate: 1,
            late: 3,
            folded: 20,
            signals: 70,
            context: 10,
            alerts: 4,
            suppressed: 2,
            standalone: 1,
            in_incidents: 1,
            incidents: 1,
        }
    }

    #[test]
    fn funnel_by_hand() {
        // 100 events, 20 of them of alerts, make 4 alerts and 1 incident.
        let mut data = data();
        let joined = join(&data).unwrap();
        let all = funnel(&data, &joined);
        assert_eq!((all.events, all.alert_events, all.alerts), (Some(100), 20, 4));
        assert_eq!((all.suppressed, all.standalone, all.incidents), (2, 1, 1));
        assert_eq!(all.event_compression, Some(0.8));
        assert_eq!(all.total_compression, Some(0.96));
        assert_eq!(all.incident_compression, Some(0.75));
        // Without labels the books tell, and without books the alerts' own counts.
        data.labels = None;
        data.ledger = Some(ledger());
        let told = funnel(&data, &join(&data).unwrap());
        assert_eq!((told.events, told.alert_events), (Some(103), 20));
        data.ledger = None;
        let counted = funnel(&data, &join(&data).unwrap());
        assert_eq!((counted.events, counted.alert_events), (None, 20));
    }

    #[test]
    fn suppression_by_hand() {
        let data = data();
        let scores = suppression(&join(&data).unwrap());
        assert_eq!((scores.actionable, scores.hidden_actionable), (2, 1));
        assert_eq!(scores.false_suppression, Some(0.5));
        assert_eq!((scores.suppressible, scores.hidden_suppressible), (2, 1));
        assert_eq!(scores.by_reason, BTreeMap::from([("flap".to_owned(), 2)]));
    }

    #[test]
    fn books_balance_or_say_where_not() {
        let data = data();
        let funnel = funnel(&data, &join(&data).unwrap());
        assert!(books(&ledger(), &funnel).balanced, "{:?}", books(&ledger(), &funnel));
        let broken = |change: fn(&mut Ledger)| {
            let mut ledger = ledger();
            change(&mut ledger);
            books(&ledger, &funnel).broken
        };
        assert_eq!(
            broken(|l| l.received += 1),
            ["received = accepted + rejected + duplicate: 104 is not 100 + 2 + 1"]
        );
        assert_eq!(
            broken(|l| l.signals -= 1),
            ["accepted = folded + signals + context: 100 is not 20 + 69 + 10"]
        );
        assert_eq!(broken(|l| l.standalone += 1).len(), 2);
        assert_eq!(broken(|l| l.late = 101).len(), 1);
        assert_eq!(broken(|l| l.incidents = 9), ["incidents: the ledger says 9, the files say 1"]);
    }
}
