//! Alerts and incidents, each with what it is in truth.
//!
//! An alert belongs to the true incident of the event that opened it. Where no
//! labels exist it belongs to the true incident that reached its entity and was
//! going on at its onset. Everything is put into an order of its own first, so
//! that the order of rows in the files cannot show in any figure.

use std::collections::{BTreeMap, BTreeSet};

use super::read::{Data, EvaluateError};
use super::records::{AlertRow, Class, IncidentRow, Label, Labels, TrueIncident};

/// The inputs, joined.
#[derive(Debug)]
pub struct Joined<'a> {
    /// True incidents by id.
    pub truth: Vec<&'a TrueIncident>,
    /// Alerts by id.
    pub alerts: Vec<JoinedAlert<'a>>,
    /// Predicted incidents by id.
    pub predicted: Vec<Predicted<'a>>,
    /// Whether labels decided, or entities and times.
    pub by_labels: bool,
    /// Alerts whose opening event no label describes; they count as noise.
    pub unlabelled: u64,
    /// Alerts that the two files put into different incidents.
    pub disagreements: u64,
}

/// An alert and its place in both groupings.
#[derive(Debug)]
pub struct JoinedAlert<'a> {
    /// The row.
    pub row: &'a AlertRow,
    /// Its true incident, an index into [`Joined::truth`].
    pub truth: Option<usize>,
    /// Its predicted incident, an index into [`Joined::predicted`].
    pub predicted: Option<usize>,
    /// What opened it, duplicates followed to their original.
    pub class: Class,
    /// Whether hiding it would be right.
    pub suppressible: bool,
}

/// A predicted incident.
#[derive(Debug)]
pub struct Predicted<'a> {
    /// Public id.
    pub id: &'a str,
    /// Its last revision, absent when only alerts speak of it.
    pub row: Option<&'a IncidentRow>,
}

impl JoinedAlert<'_> {
    /// Whether it stands outside all incidents because people must not see it.
    ///
    /// A symptom that a dependency explains is annotated too, but it stays a
    /// member of its incident and counts as grouped.
    pub fn is_suppressed(&self) -> bool {
        self.row.suppressed.is_some() && self.predicted.is_none()
    }
}

/// Joins alerts with truth and incidents with alerts.
///
/// # Errors
/// When an identity occurs twice, or labels and truth do not belong together.
pub fn join(data: &Data) -> Result<Joined<'_>, EvaluateError> {
    let truth = sorted_truth(data)?;
    let truth_index: BTreeMap<&str, usize> =
        truth.iter().enumerate().map(|(index, t)| (t.id.as_str(), index)).collect();
    let standing = standing(&data.incidents);
    let predicted = predicted(data, &standing);
    let predicted_index: BTreeMap<&str, usize> =
        predicted.iter().enumerate().map(|(index, p)| (p.id, index)).collect();

    let mut rows: Vec<&AlertRow> = data.alerts.iter().collect();
    rows.sort_by(|a, b| a.alert_id.cmp(&b.alert_id));
    if let Some(pair) = rows.windows(2).find(|pair| pair[0].alert_id == pair[1].alert_id) {
        return Err(EvaluateError::Twice { what: "alert", id: pair[0].alert_id.clone() });
    }
    let mut unlabelled = 0;
    let mut alerts = Vec::with_capacity(rows.len());
    for row in rows {
        let (truth, class, suppressible) = match &data.labels {
            Some(labels) => match original(labels, &row.first_event_id) {
                Some(label) => (named(&truth_index, label)?, label.class, label.suppressible),
                None => {
                    unlabelled += 1;
                    (None, Class::Noise, false)
                }
            },
            None => match by_entity_and_time(&truth, row) {
                Some(index) => (Some(index), Class::Incident, false),
                None => (None, Class::Noise, false),
            },
        };
        let predicted = row.incident_id.as_deref().and_then(|id| predicted_index.get(id).copied());
        alerts.push(JoinedAlert { row, truth, predicted, class, suppressible });
    }
    let disagreements = disagreements(&alerts, &standing);
    let by_labels = data.labels.is_some();
    Ok(Joined { truth, alerts, predicted, by_labels, unlabelled, disagreements })
}

fn sorted_truth(data: &Data) -> Result<Vec<&TrueIncident>, EvaluateError> {
    let mut truth: Vec<&TrueIncident> = data.truth.incidents.iter().collect();
    truth.sort_by(|a, b| a.id.cmp(&b.id));
    match truth.windows(2).find(|pair| pair[0].id == pair[1].id) {
        Some(pair) => Err(EvaluateError::Twice { what: "true incident", id: pair[0].id.clone() }),
        None => Ok(truth),
    }
}

/// The last revision of every incident that was not merged away or withdrawn.
fn standing(incidents: &[IncidentRow]) -> BTreeMap<&str, &IncidentRow> {
    let mut last: BTreeMap<&str, &IncidentRow> = BTreeMap::new();
    for row in incidents {
        let known = last.entry(row.incident_id.as_str()).or_insert(row);
        if row.revision > known.revision {
            *known = row;
        }
    }
    last.retain(|_, row| row.event != "merged" && row.event != "withdrawn");
    last
}

/// Every incident that either file speaks of, by id.
fn predicted<'a>(
    data: &'a Data,
    standing: &BTreeMap<&'a str, &'a IncidentRow>,
) -> Vec<Predicted<'a>> {
    let mut ids: BTreeSet<&str> = standing.keys().copied().collect();
    ids.extend(data.alerts.iter().filter_map(|alert| alert.incident_id.as_deref()));
    ids.into_iter().map(|id| Predicted { id, row: standing.get(id).copied() }).collect()
}

/// The label of an event, or of the event that it repeats.
fn original<'a>(labels: &'a Labels, event_id: &str) -> Option<&'a Label> {
    let mut label = labels.rows.get(event_id)?;
    let mut seen = BTreeSet::new();
    while let Some(next) = label.duplicate_of.as_ref().and_then(|id| labels.rows.get(id)) {
        if !seen.insert(next.event_id.as_str()) {
            break;
        }
        label = next;
    }
    Some(label)
}

/// The index of the true incident that a label names.
fn named(
    truth_index: &BTreeMap<&str, usize>,
    label: &Label,
) -> Result<Option<usize>, EvaluateError> {
    match &label.incident {
        None => Ok(None),
        Some(id) => match truth_index.get(id.as_str()) {
            Some(index) => Ok(Some(*index)),
            None => Err(EvaluateError::UnknownIncident { id: id.clone() }),
        },
    }
}

/// The true incident that reached the alert's entity and began last before it.
fn by_entity_and_time(truth: &[&TrueIncident], alert: &AlertRow) -> Option<usize> {
    let holds = |incident: &TrueIncident| {
        let touched = incident.root == alert.entity || incident.entities.contains(&alert.entity);
        let begun = incident.start.is_none_or(|start| start <= alert.first);
        let going_on = incident.end.is_none_or(|end| alert.first <= end);
        touched && begun && going_on
    };
    let candidates = truth.iter().enumerate().filter(|(_, incident)| holds(incident));
    candidates.min_by_key(|(_, i)| (std::cmp::Reverse(i.start), &i.id)).map(|(index, _)| index)
}

/// Alerts for which the incident named by their row is not the one that lists them.
fn disagreements(alerts: &[JoinedAlert<'_>], standing: &BTreeMap<&str, &IncidentRow>) -> u64 {
    let listed: BTreeSet<(&str, &str)> = standing
        .iter()
        .flat_map(|(id, row)| row.alerts.iter().map(|member| (member.alert_id.as_str(), *id)))
        .collect();
    let claimed: BTreeSet<(&str, &str)> = alerts
        .iter()
        .filter_map(|a| Some((a.row.alert_id.as_str(), a.row.incident_id.as_deref()?)))
        .collect();
    let differing = listed.symmetric_difference(&claimed).map(|(alert, _)| alert);
    differing.collect::<BTreeSet<_>>().len() as u64
}

#[cfg(test)]
mod tests {
    use super::super::records::{MemberRow, Nanos, Suppressed, Truth};
    use super::*;

    fn alert(id: &str, event: &str, incident: Option<&str>) -> AlertRow {
        AlertRow {
            alert_id: id.into(),
            first_event_id: event.into(),
            incident_id: incident.map(Into::into),
            ..AlertRow::default()
        }
    }

    fn label(id: &str, class: Class, incident: Option<&str>, of: Option<&str>) -> (String, Label) {
        let label = Label {
            event_id: id.into(),
            incident: incident.map(Into::into),
            class,
            duplicate_of: of.map(Into::into),
            suppressible: false,
        };
        (id.into(), label)
    }

    fn true_incident(id: &str) -> TrueIncident {
        TrueIncident { id: id.into(), root: format!("service:x/{id}"), ..TrueIncident::default() }
    }

    fn data(alerts: Vec<AlertRow>, labels: Vec<(String, Label)>) -> Data {
        let rows = labels.into_iter().collect();
        Data {
            truth: Truth {
                incidents: vec![true_incident("t2"), true_incident("t1")],
                ..Truth::default()
            },
            labels: Some(Labels { rows, ..Labels::default() }),
            alerts,
            ..Data::default()
        }
    }

    #[test]
    fn duplicates_lead_to_their_original() {
        let data = data(
            vec![alert("b", "e3", None), alert("a", "e9", None), alert("c", "e4", None)],
            vec![
                label("e1", Class::Incident, Some("t2"), None),
                label("e2", Class::Duplicate, None, Some("e1")),
                label("e3", Class::Duplicate, None, Some("e2")),
                // Two rows that name each other must not loop.
                label("e4", Class::Duplicate, None, Some("e5")),
                label("e5", Class::Duplicate, None, Some("e4")),
            ],
        );
        let joined = join(&data).unwrap();
        assert_eq!(joined.truth[1].id, "t2");
        let found: Vec<_> =
            joined.alerts.iter().map(|a| (a.row.alert_id.as_str(), a.truth, a.class)).collect();
        assert_eq!(
            found,
            [
                ("a", None, Class::Noise),
                ("b", Some(1), Class::Incident),
                ("c", None, Class::Duplicate)
            ]
        );
        assert_eq!(joined.unlabelled, 1);
    }

    #[test]
    fn the_last_standing_revision_speaks() {
        let row = |id: &str, revision, event: &str| IncidentRow {
            incident_id: id.into(),
            revision,
            event: event.into(),
            alerts: vec![MemberRow { alert_id: "a".into() }],
            ..IncidentRow::default()
        };
        let mut data = data(vec![alert("a", "e1", Some("p"))], vec![]);
        data.incidents = vec![
            row("p", 2, "updated"),
            row("p", 1, "opened"),
            row("q", 1, "opened"),
            row("q", 2, "merged"),
        ];
        let joined = join(&data).unwrap();
        assert_eq!(joined.predicted.len(), 1);
        assert_eq!(joined.predicted[0].row.unwrap().revision, 2);
        assert_eq!(joined.disagreements, 0);
        // An alert that claims an incident which does not list it is one disagreement.
        data.alerts.push(alert("b", "e1", Some("p")));
        assert_eq!(join(&data).unwrap().disagreements, 1);
        // One that claims another incident than the one that lists it is one as well.
        data.alerts[0].incident_id = Some("r".into());
        assert_eq!(join(&data).unwrap().disagreements, 2);
    }

    #[test]
    fn a_symptom_stays_grouped() {
        let mut symptom = alert("a", "e", Some("p"));
        symptom.suppressed = Some(Suppressed { reason: "dependency".into() });
        let mut silenced = alert("b", "e", None);
        silenced.suppressed = Some(Suppressed { reason: "silence".into() });
        let data = data(vec![symptom, silenced], vec![]);
        let joined = join(&data).unwrap();
        let hidden: Vec<_> = joined.alerts.iter().map(JoinedAlert::is_suppressed).collect();
        assert_eq!(hidden, [false, true]);
    }

    #[test]
    fn without_labels_entity_and_time_decide() {
        let mut data = data(vec![], vec![]);
        data.labels = None;
        data.truth.incidents[0].start = Some(Nanos(10));
        data.truth.incidents[0].end = Some(Nanos(20));
        let mut on_root = alert("a", "", None);
        on_root.entity = "service:x/t2".into();
        for (first, expected) in [(9, None), (10, Some(1)), (20, Some(1)), (21, None)] {
            on_root.first = Nanos(first);
            data.alerts = vec![on_root.clone()];
            assert_eq!(join(&data).unwrap().alerts[0].truth, expected, "at {first}");
        }
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let twice = data(vec![alert("a", "e", None), alert("a", "e", None)], vec![]);
        assert!(matches!(join(&twice), Err(EvaluateError::Twice { what: "alert", .. })));
        let foreign =
            data(vec![alert("a", "e", None)], vec![label("e", Class::Incident, Some("t7"), None)]);
        assert!(matches!(join(&foreign), Err(EvaluateError::UnknownIncident { .. })));
    }
}
