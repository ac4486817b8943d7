//! What a reader gets: bytes, numbers, sentences.

use super::convert::closing;
use super::sample::{self, START};
use super::{
    AlertRow, Envelope, Home, Lineage, Message, Milli, Ppm, Revision, RevisionEvent, Time,
    revision, words,
};
use causeway_dataflows::model::{
    Because, Degraded, DegradedSource, Feature, Incident, Pin, RelationKind,
};
use serde_json::{Value, json};
use smol_str::SmolStr;
use std::collections::BTreeSet;

#[test]
fn times_are_written_to_the_second_or_the_millisecond() {
    for (milliseconds, text) in [
        (1_795_417_318_000, "2026-11-23T07:01:58Z"),
        (1_795_417_318_106, "2026-11-23T07:01:58.106Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(Time(milliseconds).to_string(), text);
        assert_eq!(text.parse::<Time>().unwrap(), Time(milliseconds));
    }
    assert_eq!(Time::from_seconds(i64::MAX).to_string(), "9999-12-30T22:00:00Z");
    assert_eq!(Time::from_seconds(i64::MIN).to_string(), "0001-01-01T00:00:00Z");
    assert_eq!(Time::from_nanos(-1), Time(-1));
}

#[test]
fn every_ppm_survives_the_wire() {
    for ppm in (0..=1_000_000).step_by(7).chain([1, 999_999, 1_000_000]) {
        let text = serde_json::to_string(&Ppm(ppm)).unwrap();
        assert_eq!(serde_json::from_str::<Ppm>(&text).unwrap(), Ppm(ppm), "{text}");
        assert!(text.len() <= 8, "{text} has digits below the millionth");
    }
    assert!(serde_json::from_str::<Ppm>("1.5").is_err());
    assert_eq!(serde_json::to_string(&Milli(-1640)).unwrap(), "-1.64");
}

#[test]
fn percentages_never_round_to_certainty() {
    let percents = [0, 1, 4_999, 5_000, 823_457, 999_999, 1_000_000].map(|ppm| Ppm(ppm).percent());
    assert_eq!(percents, [0, 1, 1, 1, 82, 99, 100]);
}

#[test]
fn probabilities_are_shown_without_false_certainty() {
    let shown = [0, 1, 100, 9_999, 10_000, 823_457, 990_000, 999_900, 1_000_000];
    let shown = shown.map(|ppm| Ppm(ppm).shown());
    let expected = ["0 %", "< 1 %", "< 1 %", "< 1 %", "1 %", "82 %", "99 %", "> 99 %", "100 %"];
    assert_eq!(shown, expected);
}

#[test]
fn a_line_reads_back_to_the_same_bytes() {
    for revision in [sample::opened(), sample::resolved()] {
        let message = Message::new(revision);
        let envelope: Envelope = serde_json::from_str(&message.line).unwrap();
        assert_eq!(*envelope.data, *message.revision);
        assert_eq!(&*envelope.line(), &*message.line);
    }
}

#[test]
fn the_envelope_names_id_and_event() {
    let value: Value = serde_json::from_str(&Message::new(sample::resolved()).line).unwrap();
    assert_eq!(value["specversion"], "1.0");
    assert_eq!(value["id"], "inc-1/2");
    assert_eq!(value["type"], "causeway.incident.v1.resolved");
    assert_eq!(value["subject"], "inc-1");
    assert_eq!(value["time"], value["data"]["updated_at"]);
}

#[test]
fn fields_come_in_the_published_order() {
    let line = serde_json::to_string(&sample::opened()).unwrap();
    let names = [
        "incident_id",
        "revision",
        "event",
        "tenant",
        "opened_at",
        "updated_at",
        "resolved_at",
        "severity",
        "title",
        "owner",
        "alerts",
        "entities",
        "changes",
        "cause",
        "explanation",
        "lineage",
        "difference",
        "degraded",
    ];
    let mut rest = line.as_str();
    for name in names {
        let at = rest.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name} is missing"));
        rest = &rest[at..];
    }
}

#[test]
fn an_alert_row_says_where_it_belongs_only_outside() {
    let row = |home| super::alert_row(&sample::incident().members[0].row, home, None);
    let field = |home| serde_json::to_value(row(home)).unwrap().get("incident_id").cloned();
    assert_eq!(field(Home::Enclosing), None);
    assert_eq!(field(Home::None), Some(Value::Null));
    assert_eq!(field(Home::Incident("inc-1".into())), Some(json!("inc-1")));
    for home in [Home::Enclosing, Home::None, Home::Incident("inc-1".into())] {
        let text = serde_json::to_string(&row(home.clone())).unwrap();
        assert_eq!(serde_json::from_str::<AlertRow>(&text).unwrap().incident_id, home);
    }
}

#[test]
fn without_an_exact_count_the_magnitude_stands_in() {
    let member = &sample::incident().members[0];
    let rough = super::alert_row(&member.row, Home::None, None);
    let exact = super::alert_row(&member.row, Home::None, sample::counts(member.key));
    assert_eq!((rough.count, rough.last), (8, Time::from_seconds(START)));
    assert_eq!((exact.count, exact.last), (10, Time::from_seconds(START + 60)));
    assert_eq!(exact.fingerprint.len(), 32);
}

#[test]
fn the_title_leads_with_a_probable_cause() {
    let title = |change: fn(&mut Revision)| {
        let mut revision = sample::opened();
        change(&mut revision);
        words::title(&revision)
    };
    assert_eq!(title(|_| {}), "cart: HighErrorRate on service:shop/cart, 3 alerts on 3 services");
    assert_eq!(
        title(|r| r.cause.candidates.clear()),
        "frontend: SloBurn on service:shop/frontend, 3 alerts on 3 services, cause unclear"
    );
    assert_eq!(
        title(|r| r.cause.candidates[0].entity = "database:shop/cart-db".into()),
        "cart-db: no alert of its own, probable cause of 3 alerts on 3 services"
    );
    assert_eq!(
        title(|r| {
            r.alerts.truncate(1);
            r.entities.truncate(1);
        }),
        "cart: HighErrorRate on service:shop/cart"
    );
    assert_eq!(
        title(|r| r.entities[0] = "host:10.0.0.7".into()),
        "cart: HighErrorRate on service:shop/cart, 3 alerts on 3 entities"
    );
}

#[test]
fn the_explanation_reads_in_order_of_need() {
    assert_eq!(
        sample::opened().explanation.text,
        "3 alerts on 3 services since 07:01:40 UTC, all still firing; the worst is SloBurn \
         (critical) on service:shop/frontend. \
         The cause is very likely service:shop/cart (82 %); next is service:shop/checkout (10 %). \
         For it: how rare its own alerts are (+1.9), a recent change on it or under it (+0.8), \
         when it began beside the others (+0.6); against it: what kind of thing it is (-0.2). \
         From symptom to cause: frontend calls checkout, which alerted 24 s earlier; \
         checkout calls cart, which alerted 18 s earlier. \
         Recent change: deploy CHG-9 (cart 1.4.2) on service:shop/cart, 3 min 40 s before the \
         first alert. \
         Without event c-1, the answer would be service:shop/checkout (41 %)."
    );
    assert!(sample::resolved().explanation.text.starts_with(
        "3 alerts on 3 services from 07:01:40 UTC until 07:11:40 UTC, all over; the worst was"
    ));
}

#[test]
fn doubt_is_said_plainly() {
    let text = |change: fn(&mut Revision)| {
        let mut revision = sample::opened();
        change(&mut revision);
        words::text(&revision)
    };
    let unclear = text(|r| {
        r.cause.candidates[0].probability = Ppm(300_000);
        r.cause.unknown = Ppm(598_457);
    });
    assert!(
        unclear.contains(
            "The cause is unclear (60 % none of those examined); the best guess is \
             service:shop/cart (30 %); next is service:shop/checkout (10 %)."
        ),
        "{unclear}"
    );
    assert!(text(|r| r.cause.candidates.clear()).contains("No candidate for the cause was found."));
    let silent = text(|r| {
        r.explanation.path[1].to = "database:shop/cart".into();
        r.explanation.path[1].lag_ms = 0;
    });
    assert!(silent.contains("checkout calls cart, which raised no alert."), "{silent}");
    assert!(text(|r| r.degraded = true).ends_with("may be part of something bigger."));
}

#[test]
fn every_feature_has_words() {
    let unknown = words::phrase::reason("no such feature");
    let said: BTreeSet<&str> =
        Feature::ALL.iter().map(|feature| words::phrase::reason(feature.word())).collect();
    assert_eq!(said.len(), Feature::ALL.len());
    assert!(!said.contains(unknown));
}

#[test]
fn every_member_says_why_it_is_in() {
    let because: Vec<String> =
        sample::opened().explanation.members.into_iter().map(|member| member.because).collect();
    assert_eq!(
        because,
        [
            "On service:shop/cart, from which this incident grew.",
            "service:shop/checkout calls service:shop/cart and alerted 18 s later.",
            "service:shop/frontend calls service:shop/checkout and alerted 24 s later, 2 hops \
             from where the incident grew.",
        ]
    );
    let via = sample::service("cart");
    let say = |because: &Because| words::because("service:shop/cart", because);
    assert_eq!(
        say(&Because::Continues { via: via.clone() }),
        "The incident already stood on service:shop/cart when it began."
    );
    assert_eq!(say(&Because::Alone), "Alone, and severe enough to be an incident by itself.");
    let pin = Pin { rule: "builds".into(), values: "build=\"71\"".into() };
    assert_eq!(say(&Because::Pinned { pin: pin.into() }), "Rule builds groups it by build=\"71\".");
    let same = Because::Depends { via, relation: RelationKind::Same, hops: 0, lag: -5 };
    assert_eq!(say(&same), "On service:shop/cart like the alert it follows; it began 5 s earlier.");
}

#[test]
fn the_difference_names_what_changed() {
    let first = sample::opened();
    assert_eq!(first.difference.alerts_added.len(), 3);
    assert!(first.difference.fields.is_empty());

    let second = sample::resolved();
    assert_eq!(second.difference.alerts_changed.len(), 3);
    assert!(second.difference.alerts_added.is_empty());
    let fields: Vec<&str> = second.difference.fields.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(fields, ["resolved_at"]);

    let mut incident = sample::incident();
    incident.members.remove(1);
    incident.cause.candidates.swap(0, 1);
    let next = sample::opening("inc-1");
    let third =
        revision(&incident, super::Announcement { previous: Some(&first), ..next }, sample::counts);
    assert_eq!(third.difference.alerts_removed, [first.alerts[1].alert_id.clone()]);
    let cause = third.difference.fields.iter().find(|f| f.field == "cause").unwrap();
    assert_eq!(cause.from.as_deref(), Some("service:shop/cart (82 %)"));
    assert_eq!(cause.to.as_deref(), Some("service:shop/checkout (10 %)"));
}

#[test]
fn an_id_ends_with_its_alerts_removed() {
    let first = sample::opened();
    let lineage = Lineage { merged_into: Some(SmolStr::new("inc-7")), ..Lineage::default() };
    let merged = closing(&first, RevisionEvent::Merged, Time::from_seconds(START + 90), lineage);
    assert_eq!(merged.revision, 2);
    assert_eq!(merged.difference.alerts_removed.len(), 3);
    assert_eq!(merged.title, first.title);
    assert_eq!(merged.explanation.text, "Its alerts are part of inc-7 now; follow that one.");
}

#[test]
fn sources_that_do_badly_are_named_with_what_that_costs() {
    let source = |name: &str, findings: &[&str]| DegradedSource {
        source: SmolStr::new(name),
        findings: findings.iter().map(SmolStr::new).collect(),
        alerts: 1,
    };
    let sources =
        vec![source("eu1", &["SourceLate", "SourceSkew"]), source("eu2", &["SourceRejects"])];
    let degraded = Degraded::Doubted { is_cut: false, factor_ppm: 750_000, sources };
    let told = sample::told(Incident { degraded, ..sample::incident() });
    let value: Value = serde_json::from_str(&Message::new(told.clone()).line).unwrap();
    assert_eq!(value["data"]["degraded"], false);
    let expected = json!({"factor": 0.75, "sources": [
        {"source": "eu1", "findings": ["SourceLate", "SourceSkew"], "alerts": 1},
        {"source": "eu2", "findings": ["SourceRejects"], "alerts": 1}]});
    assert_eq!(value["data"]["explanation"]["degraded_sources"], expected);
    let said = "Probabilities are 75 % of what they would be, because of the sources \
                eu1 (SourceLate, SourceSkew), eu2 (SourceRejects).";
    assert!(told.explanation.text.ends_with(said), "{}", told.explanation.text);
    let opened: Value = serde_json::from_str(&Message::new(sample::opened()).line).unwrap();
    assert_eq!(opened["data"]["explanation"].get("degraded_sources"), None);
}

/// Snapshots of earlier versions hold a truth value where now there is more.
#[test]
fn what_was_a_truth_value_once_is_read() {
    for (was, is) in [(false, Degraded::No), (true, Degraded::Cut)] {
        let bytes = postcard::to_stdvec(&was).unwrap();
        assert_eq!(postcard::from_bytes::<Degraded>(&bytes).unwrap(), is);
        assert_eq!(postcard::to_stdvec(&is).unwrap(), bytes);
    }
}
