//! The store through its public functions.

use super::*;
use crate::emit::matcher::LabelMatcher;
use crate::emit::wire::{Home, SeverityWord, StatusWord, sample};

fn store(limits: StoreLimits) -> Store {
    Store::new(limits, 7)
}

/// A message of the sample with its fields changed.
fn message(
    id: &str,
    number: u64,
    change: impl FnOnce(&mut crate::emit::wire::Revision),
) -> Message {
    let mut revision = (*sample::message(id, number).revision).clone();
    change(&mut revision);
    Message::new(revision)
}

fn ids(page: &Page<Message>) -> Vec<&str> {
    page.items.iter().map(|message| message.revision.incident_id.as_str()).collect()
}

#[test]
fn the_latest_revision_stands_and_earlier_ones_are_kept() {
    let store = store(StoreLimits { revisions_max: 3, ..StoreLimits::default() });
    let messages: Vec<Message> = (1..=5).map(|number| sample::message("inc-1", number)).collect();
    messages.iter().for_each(|message| store.publish(message));
    store.publish(&messages[2]);
    let standing = store.incident("inc-1").unwrap();
    assert_eq!(standing.latest, messages[4]);
    assert_eq!(standing.earlier.keys().copied().collect::<Vec<_>>(), [3, 4]);
    assert_eq!(standing.line(4), Some(&messages[3].line));
    assert_eq!(standing.line(1), None);
    assert_eq!(store.counts().revisions_forgotten, 2);
    assert_eq!(store.position().number, 5, "a revision seen before is not streamed again");
    assert!(store.incident("inc-2").is_none());
}

#[test]
fn earlier_revisions_are_bounded_in_bytes_over_all_incidents() {
    let line = sample::message("inc-1", 1).line.len();
    let store = store(StoreLimits { revision_bytes_max: line * 2 + 64, ..StoreLimits::default() });
    for id in ["inc-1", "inc-2", "inc-3"] {
        store.publish(&sample::message(id, 1));
        store.publish(&sample::message(id, 2));
    }
    let kept = |id| store.incident(id).unwrap().earlier.len();
    assert_eq!([kept("inc-1"), kept("inc-2"), kept("inc-3")], [0, 1, 1]);
    let counts = store.counts();
    assert!(counts.revision_bytes <= line * 2 + 64);
    assert_eq!(counts.revisions_forgotten, 1);
}

#[test]
fn what_is_over_is_forgotten_by_number_and_by_age() {
    let limits = StoreLimits { resolved_max: 2, resolved_age_ms: 60_000, ..StoreLimits::default() };
    let store = store(limits);
    let over = |id: &str, at: i64| {
        message(id, 1, |r| {
            r.resolved_at = Some(Time(at));
            r.updated_at = Time(at);
        })
    };
    store.publish(&sample::message("inc-open", 1));
    for (id, at) in [("inc-1", 1_000), ("inc-2", 2_000), ("inc-3", 3_000)] {
        store.publish(&over(id, at));
    }
    assert!(store.incident("inc-1").is_none());
    store.prune(Time(62_000));
    assert!(store.incident("inc-2").is_some(), "exactly as old as the bound");
    store.prune(Time(62_001));
    assert!(store.incident("inc-2").is_none() && store.incident("inc-3").is_some());
    store.prune(Time(i64::MAX));
    assert_eq!(ids(&store.incidents(&IncidentQuery::default())), ["inc-open"]);
    let counts = store.counts();
    assert_eq!((counts.incidents, counts.open, counts.incidents_forgotten), (1, 1, 3));
}

#[test]
fn an_incident_that_opens_again_is_not_over() {
    let store = store(StoreLimits::default());
    store.publish(&message("inc-1", 1, |r| r.resolved_at = Some(Time(5))));
    assert_eq!(store.counts().open, 0);
    store.publish(&message("inc-1", 2, |r| r.updated_at = Time(9)));
    assert_eq!(store.counts().open, 1);
    store.prune(Time(i64::MAX));
    assert!(store.incident("inc-1").is_some());
}

#[test]
fn pages_neither_repeat_nor_miss_while_incidents_arrive() {
    let store = store(StoreLimits::default());
    let opened = |id: &str, at: i64| message(id, 1, |r| r.opened_at = Time(at));
    for at in 0..7 {
        store.publish(&opened(&format!("inc-{at}"), at));
    }
    let mut query = IncidentQuery { limit: Some(3), ..IncidentQuery::default() };
    let mut seen = Vec::new();
    for round in 0.. {
        let page = store.incidents(&query);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        // A newer one, and a revision that moves an onset: neither may disturb the reader.
        store.publish(&opened(&format!("inc-new-{round}"), 100 + round));
        store.publish(&message("inc-0", 2 + round as u64, |r| r.opened_at = Time(200)));
        let Some(next) = page.next else { break };
        query.after = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(seen, ["inc-6", "inc-5", "inc-4", "inc-3", "inc-2", "inc-1", "inc-0"]);
    assert!("%%%".parse::<Cursor>().is_err());
}

#[test]
fn every_filter_narrows_a_listing() {
    let store = store(StoreLimits::default());
    store.publish(&message("inc-1", 1, |_| {}));
    store.publish(&message("inc-2", 1, |r| {
        r.severity = SeverityWord::Warning;
        r.owner = None;
        r.tenant = "other".into();
        r.entities = vec!["host:db-1".into()];
        r.cause.candidates.clear();
        r.alerts.clear();
        r.title = "Quiet Night".into();
        r.changes.clear();
        r.resolved_at = Some(Time(10));
        (r.opened_at, r.updated_at) = (Time(5), Time(10));
    }));
    store.publish(&message("inc-3", 1, |r| r.event = RevisionEvent::Withdrawn));
    let found = |change: &dyn Fn(&mut IncidentQuery)| {
        let mut query = IncidentQuery::default();
        change(&mut query);
        ids(&store.incidents(&query)).join(" ")
    };
    assert_eq!(found(&|_| {}), "inc-1 inc-2");
    assert_eq!(found(&|q| q.severity = Some(SeverityWord::Error)), "inc-1");
    assert_eq!(found(&|q| q.owner = vec!["team:shop/payments".into()]), "inc-1");
    assert_eq!(found(&|q| q.tenant = vec!["other".into()]), "inc-2");
    assert_eq!(found(&|q| q.entity = vec!["host:db-1".into()]), "inc-2");
    assert_eq!(found(&|q| q.entity = vec!["service:shop/cart".into()]), "inc-1");
    assert_eq!(found(&|q| q.state = vec![IncidentState::Resolved]), "inc-2");
    assert_eq!(found(&|q| q.state = vec![IncidentState::Withdrawn]), "inc-3");
    assert_eq!(found(&|q| q.labels = LabelMatcher::parse_list("env=prod").unwrap()), "inc-1");
    assert_eq!(found(&|q| q.since = Some(Time(11))), "inc-1");
    assert_eq!(found(&|q| q.until = Some(Time(6))), "inc-2");
    assert_eq!(found(&|q| q.text = Some("NIGHT".into())), "inc-2");
    assert_eq!(found(&|q| q.text = Some("chg-9".into())), "inc-1");
    assert_eq!(found(&|q| q.text = Some("nowhere".into())), "");
}

#[test]
fn alert_rows_are_replaced_filtered_and_bounded() {
    let store = store(StoreLimits { alerts_max: 3, ..StoreLimits::default() });
    let row = |id: &str, first: i64, change: &dyn Fn(&mut AlertRow)| {
        let mut row = sample::opened().alerts[0].clone();
        row.alert_id = id.into();
        row.first = Time(first);
        row.last = Time(first);
        row.incident_id = Home::None;
        change(&mut row);
        row
    };
    let found = |query: &AlertQuery| {
        let page = store.alerts(query);
        page.items.iter().map(|row| row.alert_id.to_string()).collect::<Vec<_>>().join(" ")
    };
    store.put_alert(row("a", 1, &|_| {}));
    store.put_alert(row("b", 2, &|r| r.incident_id = Home::Incident("inc-1".into())));
    store.put_alert(row("c", 3, &|r| r.status = StatusWord::Resolved));
    assert_eq!(found(&AlertQuery::default()), "c b a");
    let by_state = |state| AlertQuery { state: vec![state], ..AlertQuery::default() };
    assert_eq!(found(&by_state(AlertState::Resolved)), "c");
    assert_eq!(found(&by_state(AlertState::Standalone)), "c a");
    assert_eq!(found(&by_state(AlertState::Suppressed)), "");
    let of_incident = AlertQuery { incident: Some("inc-1".into()), ..AlertQuery::default() };
    assert_eq!(found(&of_incident), "b");
    let paged = AlertQuery { limit: Some(2), ..AlertQuery::default() };
    let page = store.alerts(&paged);
    assert_eq!(found(&AlertQuery { after: page.next, ..paged }), "a");

    store.put_alert(row("d", 4, &|_| {}));
    assert_eq!(found(&AlertQuery::default()), "d b a", "a resolved one goes first");
    store.put_alert(row("e", 5, &|_| {}));
    assert_eq!(found(&AlertQuery::default()), "e d b", "then the oldest");
    store.put_alert(row("d", 9, &|r| r.count = 99));
    assert_eq!(found(&AlertQuery::default()), "e d b", "a row keeps its place");
    assert_eq!(store.alert("d").unwrap().count, 99);
    store.remove_alert("d");
    assert!(store.alert("d").is_none());
    let counts = store.counts();
    assert_eq!((counts.alerts, counts.alerts_forgotten), (2, 2));
    store.put_alert(row("b", 2, &|r| {
        (r.status, r.last) = (StatusWord::Resolved, Time(100_000));
    }));
    let age_ms = StoreLimits::default().resolved_age_ms;
    store.prune(Time(100_000 + age_ms));
    assert_eq!(found(&AlertQuery::default()), "e b");
    store.prune(Time(100_001 + age_ms));
    assert_eq!(found(&AlertQuery::default()), "e", "resolved ones go with age, firing ones stay");
}

/// What a subscription has ready, as `id@number` or `reset@number`.
fn ready(subscription: &mut Subscription) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(streamed) = subscription.try_next() {
        all.push(match streamed {
            Streamed::Revision { position, message } => {
                format!("{}@{}", message.id, position.number)
            }
            Streamed::Reset { position } => format!("reset@{}", position.number),
        });
    }
    all
}

#[test]
fn a_reader_resumes_where_it_was() {
    let store = store(StoreLimits { stream_messages_max: 3, ..StoreLimits::default() });
    let mut live = store.subscribe(None);
    (1..=3).for_each(|number| store.publish(&sample::message("inc-1", number)));
    assert_eq!(ready(&mut live), ["inc-1/1@1", "inc-1/2@2", "inc-1/3@3"]);
    let at = |number| Some(Position { generation: 7, number });
    assert_eq!(ready(&mut store.subscribe(at(1))), ["inc-1/2@2", "inc-1/3@3"]);
    assert_eq!(ready(&mut store.subscribe(at(0))), ["inc-1/1@1", "inc-1/2@2", "inc-1/3@3"]);
    assert_eq!(ready(&mut store.subscribe(at(3))), [""; 0]);

    (4..=8).for_each(|number| store.publish(&sample::message("inc-1", number)));
    assert_eq!(ready(&mut store.subscribe(at(4))), ["reset@8"], "message 5 is gone");
    assert_eq!(ready(&mut store.subscribe(at(5))).len(), 3);
    assert_eq!(ready(&mut live), ["reset@8"]);
    store.publish(&sample::message("inc-1", 9));
    assert_eq!(ready(&mut live), ["inc-1/9@9"]);

    let foreign = Position { generation: 8, number: 8 };
    assert_eq!(ready(&mut store.subscribe(Some(foreign))), ["reset@9"]);
    assert_eq!(ready(&mut store.subscribe(at(99))), ["reset@9"], "a position not reached yet");
}

#[test]
fn the_stream_is_bounded_in_bytes() {
    let line = sample::message("inc-1", 1).line.len();
    let store = store(StoreLimits { stream_bytes_max: line * 2 + 64, ..StoreLimits::default() });
    (1..=5).for_each(|number| store.publish(&sample::message("inc-1", number)));
    let from = |number| store.subscribe(Some(Position { generation: 7, number }));
    assert_eq!(ready(&mut from(3)).len(), 2);
    assert_eq!(ready(&mut from(2)), ["reset@5"]);
}

#[test]
fn the_stream_is_bounded_in_age() {
    let store = store(StoreLimits { resolved_age_ms: 1_000, ..StoreLimits::default() });
    for (number, at) in [(1, 10_000), (2, 10_500), (3, 11_200)] {
        store.publish(&message("inc-1", number, |revision| revision.updated_at = Time(at)));
    }
    store.prune(Time(11_100));
    let from = |number| store.subscribe(Some(Position { generation: 7, number }));
    assert_eq!(ready(&mut from(1)), ["inc-1/2@2", "inc-1/3@3"]);
    assert_eq!(ready(&mut from(0)), ["reset@3"]);
    store.prune(Time(99_000));
    assert_eq!(ready(&mut from(3)), [""; 0], "nothing was missed");
    store.publish(&sample::message("inc-1", 4));
    assert_eq!(ready(&mut from(3)), ["inc-1/4@4"]);
}

#[test]
fn positions_survive_as_text() {
    let position = Position { generation: u64::MAX, number: 12 };
    assert_eq!(position.to_string(), "ffffffffffffffff-12");
    assert_eq!(position.to_string().parse(), Ok(position));
    for text in ["", "12", "x-1", "1-", "1-1-1"] {
        assert!(text.parse::<Position>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_waiting_reader_wakes_and_a_closed_store_ends_it() {
    let store = store(StoreLimits::default());
    let mut subscription = store.subscribe(None);
    let reader = tokio::spawn(async move {
        let mut read = Vec::new();
        while let Some(streamed) = subscription.next().await {
            read.push(streamed);
        }
        read
    });
    tokio::task::yield_now().await;
    store.publish(&sample::message("inc-1", 1));
    tokio::task::yield_now().await;
    store.publish(&sample::message("inc-1", 2));
    store.close();
    assert_eq!(reader.await.unwrap().len(), 2, "what was there before the end is read");
}

#[test]
fn what_is_handed_out_in_slices_is_what_there_was() {
    let row = |id: &str, last: i64| AlertRow {
        alert_id: id.into(),
        first: Time(1),
        last: Time(last),
        ..sample::opened().alerts[0].clone()
    };
    let all = |store: &Store| {
        let incidents = store.incidents(&IncidentQuery::default()).items;
        let ids = incidents.iter().map(|message| &message.revision.incident_id);
        let held: Vec<_> = ids.map(|id| store.incident(id).unwrap()).collect();
        let alerts = store.alerts(&AlertQuery::default()).items;
        format!("{held:?} {alerts:?} {:?}", store.counts())
    };
    let ids = ["a", "b", "c", "d", "e"];
    let store_of = || {
        let limits = StoreLimits { resolved_max: 1, ..StoreLimits::default() };
        let store = store(limits);
        for id in ids {
            store.publish(&sample::message(id, 1));
            store.publish(&sample::message(id, 2));
            store.put_alert(row(id, 2));
        }
        store
    };
    for slice in 1..=ids.len() {
        let store = store_of();
        let there_was = all(&store);
        store.begin_saving();
        let mut saved = None;
        for id in ids.into_iter().rev() {
            saved = saved.or_else(|| store.go_on_saving(slice));
            store.publish(&message(id, 3, |r| r.resolved_at = Some(Time(9))));
            store.publish(&sample::message(&format!("{id}-new"), 1));
            store.put_alert(row(id, 3));
            store.remove_alert(id);
        }
        saved = saved.or_else(|| store.go_on_saving(usize::MAX));
        assert_ne!(all(&store), there_was);
        let again = Store::new(StoreLimits::default(), 8);
        again.restore(saved.unwrap()).unwrap();
        assert_eq!(all(&again), there_was, "{slice} at a time");
        assert!(store.go_on_saving(1).is_none(), "nothing is under way any more");
    }
}
