//! A ledger that goes on after a snapshot is the one that was.

use super::*;
use causeway_dataflows::ops::epochs::Epoch;

/// All that is kept of a ledger, as a process that starts reads it.
fn kept(ledger: &mut Ledger) -> LedgerState {
    ledger.begin_saving();
    let state = ledger.go_on_saving(usize::MAX).unwrap();
    let bytes = postcard::to_stdvec(&state.ledger).unwrap();
    LedgerState { ledger: postcard::from_bytes(&bytes).unwrap(), ..state }
}

/// Another goes on after it, where these incidents stand; and what it tells at once.
fn resumed(
    state: LedgerState,
    standing: &BTreeMap<IncidentKey, Arc<Incident>>,
    (epoch, now): (Epoch, Seconds),
) -> (Ledger, Vec<String>) {
    let counts = state.counts.iter().map(|count| (count.key, *count)).collect();
    let tick = Tick { now: sample::START + now, drain: false };
    let (then, emission) = (state.incidents, Emission::default());
    let (ledger, told) =
        Ledger::resume(emission, state.ledger, then, standing, counts, (epoch, tick)).unwrap();
    (ledger, told.iter().map(|message| told_of(&message.revision)).collect())
}

fn lines(ledger: &Ledger) -> Vec<String> {
    let standing = ledger.standing();
    standing.map(|(id, incident, told)| format!("{id} {:?} {told:?}", incident.key)).collect()
}

proptest! {
    #[test]
    fn it_tells_what_it_would_have_told(
        before in prop::collection::vec((0..6_i64, grouping()), 1..12),
        after in prop::collection::vec((0..6_i64, grouping()), 1..12),
    ) {
        let mut play = Play::new();
        let mut now = 0;
        for (after, groups) in &before {
            now += after;
            play.turn(now, groups);
        }
        let some = play.standing.values().flat_map(|incident| &incident.members).next();
        if let Some(member) = some {
            let count = AlertCount { key: member.key, count: 7, last: member.key.onset };
            play.ledger.counts.insert(member.key, count);
        }
        let state = kept(&mut play.ledger);
        let revisions: Vec<(SmolStr, u64)> =
            state.ledger.revisions().map(|(id, number)| (id.clone(), number)).collect();
        let tracks = play.ledger.tracks.values();
        let expected: Vec<_> = tracks.map(|track| (track.id.clone(), track.revision)).collect();
        prop_assert_eq!(revisions, expected);
        let (ledger, told) = resumed(state, &play.standing, (play.epoch, now));
        prop_assert_eq!(told, [""; 0]);
        prop_assert_eq!((lines(&ledger), ledger.told), (lines(&play.ledger), play.ledger.told));
        prop_assert_eq!(&ledger.due, &play.ledger.due);
        prop_assert_eq!(&ledger.homes, &play.ledger.homes);
        prop_assert_eq!(&*ledger.counts, &*play.ledger.counts);
        let mut again = Play { ledger, standing: play.standing.clone(), epoch: play.epoch };
        for (after, groups) in &after {
            now += after;
            prop_assert_eq!(play.turn(now, groups), again.turn(now, groups));
        }
    }
}

#[test]
fn what_stands_otherwise_than_it_did_is_told() {
    let mut play = Play::new();
    play.tick(0, &[&[0, 1], &[2], &[3, 4]]);
    assert_eq!(play.tick(2, &[&[0, 1], &[2], &[3, 4]]).len(), 3);
    let state = kept(&mut play.ledger);
    // Under other settings the first has one alert less, the second is gone, the third is as it
    // was, and there is a fourth.
    let standing: BTreeMap<IncidentKey, Arc<Incident>> =
        [&[0][..], &[3, 4], &[5]].map(incident).into_iter().map(|of| (of.key, of)).collect();
    let (mut ledger, told) = resumed(state, &standing, (play.epoch, 20));
    assert_eq!(told, ["withdrawn 2: ", "updated 2: s0"]);
    let stand: Vec<IncidentKey> = ledger.standing().map(|(_, incident, _)| incident.key).collect();
    assert_eq!(stand, standing.keys().copied().collect::<Vec<_>>());
    let new = incident(&[5]);
    let id = ledger.public_id(new.key).cloned().unwrap();
    // Its id says of which epoch it is.
    let mut fresh = Play { epoch: play.epoch, ..Play::new() };
    fresh.tick(20, &[&[5]]);
    assert_eq!(Some(&id), fresh.ledger.public_id(new.key));
    assert_eq!(ledger.next_due(), Some(sample::START + 22));
    let output = EpochOutput { epoch: play.epoch + 1, ..EpochOutput::default() };
    let told = ledger.apply(&output, Tick { now: sample::START + 22, drain: false });
    let told: Vec<String> = told.iter().map(|message| told_of(&message.revision)).collect();
    assert_eq!(told, ["opened 1: s5"]);
}
