//! One small incident in the engine's types, for the tests of everything that carries it.

use super::{Announcement, Lineage, Message, Revision, RevisionEvent, Time, revision};
use causeway_dataflows::model::{
    self, Alert, AlertCount, AlertKey, Because, Candidate, Cause, ChangeKind, Counterfactual,
    Degraded, Disposition, EntityRef, EventId, Explanation, Feature, Fingerprint, Hop, Identity,
    Incident, IncidentKey, Labels, Member, MemberChange, RelationKind, Severity, Status,
};
use smol_str::SmolStr;
use std::sync::Arc;

/// 2026-11-23T07:01:40Z, the onset of the sample's first alert.
pub(crate) const START: i64 = 1_795_417_300;

/// The entity `service:shop/NAME`.
pub(crate) fn service(name: &str) -> EntityRef {
    EntityRef::new("default", &format!("service:shop/{name}"))
}

/// An alert called `name` on `entity`, `at` seconds after the start.
pub(crate) fn alert(name: &str, entity: &EntityRef, at: i64, severity: Severity) -> Arc<Alert> {
    let labels = Labels::pack(std::iter::once(("env", "prod")));
    let fingerprint =
        Fingerprint::of(&mut Vec::new(), "default", "alert", &entity.text, name, labels.iter());
    Arc::new(Alert {
        key: AlertKey { onset: START + at, fingerprint },
        first: START + at,
        severity,
        status: Status::Firing,
        magnitude: 3,
        flapping: false,
        first_event_id: EventId::new(&format!("a-{at}")),
        summary: SmolStr::new(format!("{name} is above its limit")),
        identity: Arc::new(Identity {
            fingerprint,
            tenant: SmolStr::new("default"),
            source: SmolStr::new("prometheus/eu1"),
            entity: entity.clone(),
            name: SmolStr::new(name),
            labels,
        }),
    })
}

/// A member of the sample incident.
pub(crate) fn member(alert: Arc<Alert>, because: Because) -> Member {
    let row = Arc::new(model::AlertRow {
        entity: alert.identity.entity.clone(),
        severity: alert.severity,
        disposition: Disposition::Incident(IncidentKey(0xc0ffee)),
        alert: Arc::clone(&alert),
    });
    Member { key: alert.key, row, because, surprise_milli: 2500 }
}

/// A deploy on cart, then alerts on cart, checkout and frontend.
pub(crate) fn incident() -> Incident {
    let [cart, checkout, frontend] = ["cart", "checkout", "frontend"].map(service);
    let depends = |via: &EntityRef, hops, lag| Because::Depends {
        via: via.clone(),
        relation: RelationKind::Calls,
        hops,
        lag,
    };
    let members = vec![
        member(alert("HighErrorRate", &cart, 0, Severity::ERROR), Because::Anchor),
        member(alert("HighLatency", &checkout, 18, Severity::WARNING), depends(&cart, 1, 18)),
        member(alert("SloBurn", &frontend, 42, Severity::CRITICAL), depends(&checkout, 2, 24)),
    ];
    let hop = |from: &EntityRef, to: &EntityRef, lag_ms, evidence: [&str; 2]| Hop {
        from: from.clone(),
        to: to.clone(),
        relation: RelationKind::Calls,
        lag_ms,
        evidence: evidence.map(EventId::new).to_vec(),
    };
    Incident {
        key: IncidentKey::of(members[0].key),
        tenant: SmolStr::new("default"),
        opened: START,
        resolved: None,
        severity: Severity::CRITICAL,
        owner: Some(EntityRef::new("default", "team:shop/payments")),
        changes: vec![MemberChange {
            change_id: SmolStr::new("CHG-9"),
            entity: cart.clone(),
            kind: ChangeKind::Deploy,
            time: START - 220,
            summary: SmolStr::new("cart 1.4.2"),
            event_id: EventId::new("c-1"),
        }],
        cause: cause(&cart, &checkout),
        explanation: Explanation {
            path: vec![
                hop(&frontend, &checkout, 24_000, ["a-42", "a-18"]),
                hop(&checkout, &cart, 18_000, ["a-18", "a-0"]),
            ],
            counterfactual: Some(Counterfactual {
                without: vec![EventId::new("c-1")],
                feature: Feature::Change,
                instead: Some(checkout),
                probability_ppm: 412_345,
            }),
        },
        members,
        degraded: Degraded::No,
    }
}

fn cause(cart: &EntityRef, checkout: &EntityRef) -> Cause {
    Cause {
        candidates: vec![
            Candidate {
                entity: cart.clone(),
                probability_ppm: 823_457,
                score_milli: 3130,
                contributions: vec![
                    (Feature::Own, 1900),
                    (Feature::Onset, 640),
                    (Feature::Change, 790),
                    (Feature::Level, -200),
                ],
            },
            Candidate {
                entity: checkout.clone(),
                probability_ppm: 101_543,
                score_milli: 1040,
                contributions: vec![(Feature::Own, 1500), (Feature::Explained, -460)],
            },
        ],
        unknown_ppm: 75_000,
        model: SmolStr::new("prior-1"),
    }
}

/// Exact counts for the sample: ten events each, the last one a minute after the onset.
pub(crate) fn counts(key: AlertKey) -> Option<AlertCount> {
    Some(AlertCount { key, count: 10, last: key.onset + 60 })
}

/// The first announcement of an incident under `id`.
pub(crate) fn opening(id: &str) -> Announcement<'static> {
    Announcement {
        incident_id: SmolStr::new(id),
        revision: 1,
        event: RevisionEvent::Opened,
        updated_at: Time::from_seconds(START + 45),
        lineage: Lineage::default(),
        previous: None,
    }
}

/// The sample, opened.
pub(crate) fn opened() -> Revision {
    told(incident())
}

/// The first revision of an incident.
pub(crate) fn told(incident: Incident) -> Revision {
    revision(&incident, opening("inc-1"), counts)
}

/// The sample resolved as revision two.
pub(crate) fn resolved() -> Revision {
    let first = opened();
    let mut incident = incident();
    incident.resolved = Some(START + 600);
    for member in &mut incident.members {
        let mut row = model::AlertRow::clone(&member.row);
        let mut alert = Alert::clone(&row.alert);
        alert.status = Status::Resolved { at: START + 600, last: START + 590 };
        row.alert = Arc::new(alert);
        member.row = Arc::new(row);
    }
    let announcement = Announcement {
        revision: 2,
        event: RevisionEvent::Resolved,
        updated_at: Time::from_seconds(START + 601),
        previous: Some(&first),
        ..opening("inc-1")
    };
    revision(&incident, announcement, counts)
}

/// A message of the sample under another id and revision number.
pub(crate) fn message(id: &str, number: u64) -> Message {
    let mut revision = opened();
    revision.incident_id = SmolStr::new(id);
    revision.revision = number;
    if number > 1 {
        revision.event = RevisionEvent::Updated;
    }
    Message::new(revision)
}
