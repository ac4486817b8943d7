//! When a revision is due, what it is called, and who keeps which id.

use super::super::claims::{Claimant, decide};
use super::*;
use causeway_dataflows::model::{Alert, AlertRow, Disposition, Status};

const NOW: Seconds = sample::START;

/// A ledger that waits for nothing, and the epochs that it has seen.
struct Told {
    ledger: Ledger,
    epoch: u64,
}

impl Told {
    fn new(emission: Emission) -> Told {
        Told { ledger: Ledger::new(emission), epoch: 0 }
    }

    /// An epoch, and what was told because of it.
    fn apply(&mut self, now: Seconds, output: EpochOutput) -> Vec<Message> {
        let output = EpochOutput { epoch: self.epoch, ..output };
        self.epoch += 1;
        self.ledger.apply(&output, Tick { now: NOW + now, drain: false })
    }

    /// An epoch in which `old` gives way to `new`; event, number and alerts of each revision.
    fn turn(
        &mut self,
        now: Seconds,
        old: Option<&Arc<Incident>>,
        new: Option<&Arc<Incident>>,
    ) -> Vec<(RevisionEvent, u64, usize)> {
        let gone = old.map(|incident| (incident.clone(), -1));
        let come = new.map(|incident| (incident.clone(), 1));
        let incidents = gone.into_iter().chain(come).collect();
        let told = self.apply(now, EpochOutput { incidents, ..EpochOutput::default() });
        told.iter()
            .map(|message| &message.revision)
            .map(|revision| (revision.event, revision.revision, revision.alerts.len()))
            .collect()
    }
}

fn at_once() -> Emission {
    Emission { settle_seconds: 0, settle_max_seconds: 0, revise_interval_seconds: 0 }
}

fn changed(incident: &Arc<Incident>, change: impl FnOnce(&mut Incident)) -> Arc<Incident> {
    let mut other = Incident::clone(incident);
    change(&mut other);
    Arc::new(other)
}

#[test]
fn parts_of_a_second_count_as_a_whole_one() {
    let seconds = |millis| whole_seconds(Duration::from_millis(millis));
    assert_eq!([0, 1, 999, 1000, 1001].map(seconds), [0, 1, 1, 1, 2]);
    assert_eq!(whole_seconds(Duration::MAX), Seconds::MAX / 4);
}

#[test]
fn an_id_is_given_at_once_and_known_once_it_is_told() {
    let mut told = Told::new(Emission::default());
    let (first, other) = (incident(&[0, 1]), incident(&[2]));
    assert_eq!(told.ledger.next_due(), None);
    assert_eq!(told.turn(0, None, Some(&first)), []);
    assert_eq!(told.ledger.next_due(), Some(NOW + 2));
    let id = told.ledger.public_id(first.key).cloned().unwrap();
    assert!(id.starts_with("inc-"), "{id}");
    assert_eq!(told.ledger.told_id(first.key), None);
    assert_eq!(told.turn(2, None, None), [(RevisionEvent::Opened, 1, 2)]);
    assert_eq!(told.ledger.told_id(first.key), Some(&id));
    assert_eq!((told.ledger.next_due(), told.ledger.told), (None, 1));
    assert_eq!(told.turn(3, None, Some(&other)), []);
    let second = told.ledger.public_id(other.key).cloned().unwrap();
    assert_ne!(id, second);
    assert_eq!(told.ledger.public_id(incident(&[3]).key), None);
    // The id says in which epoch the incident appeared: a key that comes again gets another.
    assert_eq!(
        told.turn(9, Some(&first), None),
        [(RevisionEvent::Withdrawn, 2, 0), (RevisionEvent::Opened, 1, 1)]
    );
    told.turn(10, None, Some(&first));
    assert_ne!(told.ledger.public_id(first.key), Some(&id));
}

#[test]
fn what_is_grave_or_another_is_told_at_once() {
    let mut told = Told::new(Emission::default());
    let calm = incident(&[0, 1]);
    let fatal = changed(&calm, |incident| incident.severity = Severity::FATAL);
    assert_eq!(told.turn(0, None, Some(&fatal)), [(RevisionEvent::Opened, 1, 2)]);
    // Less severe, another cause, resolved, open again: each at once.
    assert_eq!(told.turn(1, Some(&fatal), Some(&calm)), [(RevisionEvent::Updated, 2, 2)]);
    let sample = sample::incident();
    let caused = changed(&calm, |incident| incident.cause = sample.cause.clone());
    assert_eq!(told.turn(2, Some(&calm), Some(&caused)), [(RevisionEvent::Updated, 3, 2)]);
    let resolved = changed(&caused, |incident| incident.resolved = Some(NOW + 3));
    assert_eq!(told.turn(3, Some(&caused), Some(&resolved)), [(RevisionEvent::Resolved, 4, 2)]);
    assert_eq!(told.turn(4, Some(&resolved), Some(&caused)), [(RevisionEvent::Updated, 5, 2)]);
    // A cause that is less likely than none is none: nothing else changed, so it waits.
    let doubtful = changed(&caused, |incident| incident.cause.unknown_ppm = 900_000);
    assert_eq!(told.turn(5, Some(&caused), Some(&doubtful)), [(RevisionEvent::Updated, 6, 2)]);
    let as_unlikely = changed(&doubtful, |incident| incident.cause.unknown_ppm = 823_457);
    assert_eq!(told.turn(6, Some(&doubtful), Some(&as_unlikely)), []);
    assert_eq!(told.ledger.next_due(), Some(NOW + 15));
    assert_eq!(told.turn(14, None, None), []);
    assert_eq!(told.turn(15, None, None), [(RevisionEvent::Updated, 7, 2)]);
    // Told resolved, a further revision is an update.
    assert_eq!(told.turn(40, Some(&as_unlikely), Some(&resolved)).len(), 1);
    let later = changed(&resolved, |incident| incident.owner = Some(sample::service("x")));
    assert_eq!(told.turn(60, Some(&resolved), Some(&later)), [(RevisionEvent::Updated, 9, 2)]);
}

#[test]
fn what_says_the_same_is_not_told_again() {
    let mut told = Told::new(at_once());
    let there = incident(&[0, 1]);
    assert_eq!(told.turn(0, None, Some(&there)).len(), 1);
    let same = changed(&there, |_| {});
    assert_eq!(told.turn(5, Some(&there), Some(&same)), []);
    assert_eq!(told.ledger.standing().count(), 1);
    let other = changed(&there, |incident| incident.owner = Some(sample::service("x")));
    assert_eq!(told.turn(6, Some(&there), Some(&other)), [(RevisionEvent::Updated, 2, 2)]);
}

fn count(key: AlertKey, count: u64) -> AlertCount {
    AlertCount { key, count, last: key.onset + 60 }
}

#[test]
fn a_count_that_changes_is_told_and_goes_with_its_alert() {
    let mut told = Told::new(at_once());
    let there = incident(&[0, 1]);
    let keys = [there.members[0].key, there.members[1].key];
    told.turn(0, None, Some(&there));
    let counted = |counts: Vec<AlertCount>| EpochOutput { counts, ..EpochOutput::default() };
    let updates = told.apply(1, counted(vec![count(keys[0], 7)]));
    assert_eq!(updates.len(), 1);
    let counts: Vec<u64> = updates[0].revision.alerts.iter().map(|row| row.count).collect();
    assert!(counts.contains(&7), "{counts:?}");
    assert_eq!(told.ledger.count(keys[0]), Some(count(keys[0], 7)));
    // The same once more is none; that of an alert in no incident is kept.
    assert_eq!(told.apply(2, counted(vec![count(keys[0], 7)])).len(), 0);
    let elsewhere = incident(&[5]).members[0].key;
    assert_eq!(told.apply(3, counted(vec![count(elsewhere, 3)])).len(), 0);
    assert_eq!(told.ledger.count(elsewhere), Some(count(elsewhere, 3)));

    let row = |number: usize, change: &dyn Fn(&mut AlertRow)| {
        let mut row = AlertRow::clone(&there.members[number].row);
        change(&mut row);
        Arc::new(row)
    };
    let rows = |rows| EpochOutput { rows, ..EpochOutput::default() };
    let ends = |row: &mut AlertRow| {
        let status = Status::Resolved { at: NOW, last: NOW };
        row.alert = Arc::new(Alert { status, ..Alert::clone(&row.alert) });
    };
    // A row that is replaced keeps its count, one that goes takes it along.
    told.apply(4, rows(vec![(row(0, &|_| {}), -1), (row(0, &ends), 1)]));
    assert_eq!(told.ledger.count(keys[0]), Some(count(keys[0], 7)));
    told.apply(5, counted(vec![count(keys[1], 9)]));
    let stands = |row: &mut AlertRow| row.disposition = Disposition::Standalone;
    told.apply(6, rows(vec![(row(0, &ends), -1), (row(1, &|_| {}), -1), (row(1, &stands), 1)]));
    assert_eq!(told.ledger.count(keys[0]), None);
    assert_eq!(told.ledger.count(keys[1]), Some(count(keys[1], 9)));
}

#[test]
fn what_leaves_the_horizon_has_its_last_word_and_is_let_go_of() {
    let mut told = Told::new(Emission::default());
    let there = incident(&[0, 1]);
    told.turn(0, None, Some(&there));
    let sealed = |incident: &Arc<Incident>| EpochOutput {
        incidents: vec![(incident.clone(), -1)],
        sealed: vec![incident.key],
        ..EpochOutput::default()
    };
    let last = told.apply(1, sealed(&there));
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].revision.event, RevisionEvent::Opened);
    assert_eq!((told.ledger.public_id(there.key), told.ledger.next_due()), (None, None));
    assert_eq!(told.ledger.standing().count(), 0);
    // Nothing is said of it when a count comes after it.
    let counts = vec![count(there.members[0].key, 3)];
    assert_eq!(told.apply(2, EpochOutput { counts, ..EpochOutput::default() }).len(), 0);
    assert!(told.ledger.homes.is_empty());
}

/// A track that was told or not, first seen at a second.
fn track(number: usize, seen: Seconds, is_told: bool) -> Track {
    let mut track = Track::placeholder(seen);
    track.baptise(incident(&[number]).key, 0, seen, None);
    track.last = is_told.then(|| Arc::new(sample::opened()));
    track
}

#[test]
fn an_id_goes_where_at_least_half_of_its_alerts_are() {
    let alert = |number: usize| incident(&[number]).members[0].key;
    let home = |number: usize| IncidentKey(number as _);
    let claimant = |number, seen, is_told, members: &[usize]| Claimant {
        track: track(number, seen, is_told),
        members: members.iter().map(|member| alert(*member)).collect(),
    };
    let homes = |homes: &[(usize, usize)]| -> BTreeMap<AlertKey, IncidentKey> {
        homes.iter().map(|(member, at)| (alert(*member), home(*at))).collect()
    };
    // Half of four, and a tie: the smaller key. The other half split from it.
    let halves = homes(&[(0, 8), (1, 8), (2, 5), (3, 5)]);
    let decided = decide(vec![claimant(0, 1, true, &[0, 1, 2, 3])], &halves);
    assert_eq!(decided.winners.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [home(5)]);
    assert_eq!(decided.split_from.keys().copied().collect::<Vec<_>>(), [home(8)]);
    assert!(decided.merged.is_empty() && decided.homeless.is_empty());
    // Nobody has heard of it, so nothing split from it.
    let decided = decide(vec![claimant(0, 1, false, &[0, 1, 2, 3])], &halves);
    assert!(decided.split_from.is_empty());
    // Less than half is nowhere.
    let few = homes(&[(0, 8), (1, 5)]);
    let decided = decide(vec![claimant(0, 1, true, &[0, 1, 2])], &few);
    assert_eq!((decided.winners.len(), decided.homeless.len()), (0, 1));
    assert_eq!(decided.split_from.len(), 2);
    // Of several the larger overlap, then the older: the others merge into it.
    let together = homes(&[(0, 5), (1, 5), (2, 5), (3, 5), (4, 5)]);
    let claims = vec![
        claimant(0, 1, true, &[0]),
        claimant(1, 9, true, &[1, 2]),
        claimant(2, 4, true, &[3, 4]),
    ];
    let decided = decide(claims, &together);
    assert_eq!(decided.winners[0].1.id, track(2, 4, true).id);
    let merged: Vec<_> = decided.merged.iter().map(|(track, into)| (&track.id, *into)).collect();
    let (second, last) = (track(1, 9, true).id, track(0, 1, true).id);
    assert_eq!(merged, [(&second, home(5)), (&last, home(5))]);
}

#[test]
fn who_merges_and_who_splits_is_told() {
    let mut told = Told::new(at_once());
    let (left, right, both) = (incident(&[0]), incident(&[1, 2]), incident(&[0, 1, 2]));
    told.turn(0, None, Some(&left));
    told.turn(0, None, Some(&right));
    let ids = [&left, &right].map(|one| told.ledger.told_id(one.key).cloned().unwrap());
    let merge = EpochOutput {
        incidents: vec![(left.clone(), -1), (both.clone(), 1), (right.clone(), -1)],
        ..EpochOutput::default()
    };
    let revisions = told.apply(1, merge);
    let [merged, updated] = &revisions[..] else { panic!("{revisions:?}") };
    assert_eq!(merged.revision.event, RevisionEvent::Merged);
    assert_eq!(merged.revision.incident_id, ids[0]);
    assert_eq!(merged.revision.lineage.merged_into.as_ref(), Some(&ids[1]));
    assert_eq!(updated.revision.incident_id, ids[1]);
    assert_eq!(updated.revision.lineage.merged_from, [ids[0].clone()]);
    // Said once: the next revision says nothing of it.
    let owned = changed(&both, |incident| incident.owner = Some(sample::service("x")));
    let next = told.apply(
        2,
        EpochOutput {
            incidents: vec![(both.clone(), -1), (owned.clone(), 1)],
            ..EpochOutput::default()
        },
    );
    assert!(next[0].revision.lineage.merged_from.is_empty());
    let split = EpochOutput {
        incidents: vec![(owned.clone(), -1), (left.clone(), 1), (right.clone(), 1)],
        ..EpochOutput::default()
    };
    let revisions = told.apply(3, split);
    let events: Vec<_> = revisions
        .iter()
        .map(|message| (message.revision.event, message.revision.lineage.split_from.clone()))
        .collect();
    assert!(events.contains(&(RevisionEvent::Split, Some(ids[1].clone()))), "{events:?}");
    assert_eq!(told.ledger.public_id(right.key), Some(&ids[1]));
}
