//! What the table says and when it has something to do, and what is left of it in the end.

use super::heard::{Epoch, START, Standing, calm, epochs, event, params, push};
use super::*;
use crate::model::{AlertBatch, AlertFlags, Seconds, Status};
use crate::params::Params;
use proptest::prelude::*;

/// A table with one event of one key, received at the start.
fn with_one(params: &Params) -> (Table, Standing) {
    let (mut table, mut standing) = (Table::new(params), Standing::default());
    say(&mut table, &mut standing, START, START);
    (table, standing)
}

fn say(table: &mut Table, standing: &mut Standing, time: Seconds, now: Seconds) {
    let mut batch = AlertBatch::default();
    push(&mut batch, 0, event(&calm(), time), "id");
    table.insert(&batch, now);
    table.close(now, false, standing);
}

#[test]
fn a_count_is_told_five_seconds_after_its_last_change() {
    let (mut table, mut standing) = with_one(&params());
    assert_eq!(table.next_due(), Some(START + 5));
    for after in 1..5 {
        table.close(START + after, false, &mut standing);
        assert_eq!(standing.counts.len(), 0, "after {after}");
    }
    say(&mut table, &mut standing, START + 4, START + 4);
    table.close(START + 8, false, &mut standing);
    assert_eq!(standing.counts.len(), 0);
    table.close(START + 9, false, &mut standing);
    let told: Vec<u64> = standing.counts.values().map(|count| count.count).collect();
    assert_eq!((told, standing.told), (vec![2], 1));
    // Nothing has changed since, so it is not told again.
    for after in 10..100 {
        table.close(START + after, false, &mut standing);
    }
    assert_eq!(standing.told, 1);
    // A duplicate has it told five seconds later, though nothing else is due for long.
    say(&mut table, &mut standing, START + 100, START + 100);
    assert_eq!(table.next_due(), Some(START + 105));
    table.close(START + 104, false, &mut standing);
    assert_eq!(standing.told, 1);
    table.close(START + 105, false, &mut standing);
    assert_eq!(standing.told, 2);
    assert!(table.next_due().is_some_and(|due| due > START + 106), "{:?}", table.next_due());
}

#[test]
fn what_is_older_than_is_told_apart_counts_and_changes_nothing_else() {
    let params = params();
    let window = params.sources[0].lateness_seconds + params.dedup.disorder_seconds;
    let (mut table, mut standing) = with_one(&params);
    let now = START + 10;
    say(&mut table, &mut standing, now - window, now);
    assert_eq!(table.overdue, 0, "as old as may be");
    say(&mut table, &mut standing, now - window - 1, now);
    say(&mut table, &mut standing, now - window - 2, now);
    assert_eq!(table.overdue, 2);
    // One that its source calls late is none of these.
    let mut batch = AlertBatch::default();
    let mut late = event(&calm(), now - window - 5);
    (late.flags, late.observed) = (late.flags.with(AlertFlags::LATE), now);
    push(&mut batch, 0, late, "late");
    table.insert(&batch, now);
    assert_eq!(table.overdue, 2);
}

#[test]
fn an_alert_stays_for_its_horizon_and_then_nothing_is_left() {
    // After its end, and after its slice, whichever is later.
    for (horizon, stays) in [(600, 300 + 360), (640, 20 + 640), (641, 20 + 641), (900, 20 + 900)] {
        stays_for(horizon, stays);
    }
}

fn stays_for(horizon: Seconds, stays: Seconds) {
    let mut params = params();
    params.dedup.revise_horizon_seconds = horizon;
    let (mut table, mut standing) = with_one(&params);
    assert_eq!((table.len(), table.is_empty()), (1, false));
    let (ended, leaves) = (START + params.sources[0].quiet_seconds, START + stays);
    let mut visits = 0;
    while let Some(due) = table.next_due().filter(|due| *due < leaves) {
        table.close(due, false, &mut standing);
        visits += 1;
    }
    assert!(visits < 12, "{visits} visits");
    table.close(leaves - 1, false, &mut standing);
    let status: Vec<Status> = standing.alerts.values().map(|alert| alert.status).collect();
    assert_eq!(status, [Status::Resolved { at: ended, last: START }]);
    table.close(leaves, false, &mut standing);
    assert_eq!(standing.alerts.len(), 0);
    while let Some(due) = table.next_due() {
        assert!(due < leaves + 600, "{due}");
        table.close(due, false, &mut standing);
    }
    assert_eq!((table.len(), table.is_empty(), table.next_due()), (0, true, None));
    // The slot is free for another.
    say(&mut table, &mut standing, leaves + 900, leaves + 900);
    assert_eq!((table.len(), standing.alerts.len()), (1, 1));
}

#[test]
fn of_two_ends_in_a_second_that_of_the_greater_id_holds() {
    // The last has neither the greatest nor the least id.
    for (first, second, third, ends) in
        [("c", "c", "b", 10), ("a", "c", "b", 10), ("a", "b", "c", 100)]
    {
        let (mut table, mut standing) = (Table::new(&params()), Standing::default());
        let mut say = |id: &str, lasts: Seconds, now: Seconds| {
            let mut batch = AlertBatch::default();
            let mut event = event(&calm(), START);
            event.ends = START + lasts;
            push(&mut batch, 0, event, id);
            table.insert(&batch, now);
            table.close(now, false, &mut standing);
        };
        say(first, 10, START);
        say(second, 10, START);
        say(third, 100, START + 1);
        let mut ended = None;
        for now in START + 2..START + 200 {
            table.close(now, false, &mut standing);
            let status = standing.alerts.values().next().expect("one stands").status;
            ended = ended.or((status != Status::Firing).then_some(now));
        }
        assert_eq!(ended, Some(START + ends + 1), "{first}, {second} and then {third}");
    }
}

#[test]
fn the_least_of_the_first_second_says_what_it_is_about() {
    let (mut table, mut standing) = (Table::new(&params()), Standing::default());
    let mut say = |now: Seconds, id: &str, summary: &str| {
        let mut batch = AlertBatch::default();
        push(&mut batch, 0, event(&calm(), now), "");
        let event = batch.events[0];
        batch.events.clear();
        batch.push(event, id, summary);
        table.insert(&batch, now);
        table.close(now, false, &mut standing);
        standing.alerts.values().map(|alert| alert.summary.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(say(START, "b", "B"), ["B"]);
    assert_eq!(say(START, "c", "C"), ["B"]);
    assert_eq!(say(START, "a", "A"), ["A"]);
    assert_eq!(say(START + 9, "0", "later"), ["A"]);
    // A gap of more than its source allows: another alert.
    assert_eq!(say(START + 400, "d", "D"), ["A", "D"]);
}

/// Takes in what an epoch brings; the times at which it was closed since, and what changed.
fn go_on(
    table: &mut Table,
    standing: &mut Standing,
    epoch: &Epoch,
    from: Seconds,
    each_second: bool,
) -> Vec<(Seconds, String)> {
    let mut changes = Vec::new();
    let to = from + epoch.after;
    let mut at = from;
    loop {
        let next = if each_second { Some(at + 1) } else { table.next_due() };
        let Some(next) = next.filter(|next| *next < to) else { break };
        let before = standing.changes;
        table.close(next, false, standing);
        if standing.changes != before {
            changes.push((next, format!("{:?} {:?}", standing.alerts, standing.counts)));
        }
        at = next;
    }
    let mut batch = AlertBatch::default();
    for heard in &epoch.heard {
        push(&mut batch, heard.key, event(heard, to), &format!("id{}", heard.id));
    }
    table.insert(&batch, to);
    table.close(to, false, standing);
    changes.push((to, format!("{:?} {:?}", standing.alerts, standing.counts)));
    changes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn nothing_happens_between_what_is_due(epochs in epochs(), horizon in 60i64..2000) {
        let mut params = params();
        params.dedup.revise_horizon_seconds = horizon;
        let mut seconds = (Table::new(&params), Standing::default());
        let mut dues = (Table::new(&params), Standing::default());
        let mut now = START;
        for epoch in &epochs {
            let of_seconds = go_on(&mut seconds.0, &mut seconds.1, epoch, now, true);
            let of_dues = go_on(&mut dues.0, &mut dues.1, epoch, now, false);
            prop_assert_eq!(of_seconds, of_dues);
            now += epoch.after;
        }
    }
}
