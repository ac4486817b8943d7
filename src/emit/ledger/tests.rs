//! When incidents are spoken of, and under which id.

mod resumed;
mod rules;

use super::*;
use crate::emit::wire::sample;
use causeway_dataflows::model::{Because, EntityRef, Severity};
use proptest::prelude::*;
use proptest::sample::subsequence;

/// A ledger and what it was last told.
struct Play {
    ledger: Ledger,
    standing: BTreeMap<IncidentKey, Arc<Incident>>,
    epoch: u64,
}

/// The incident of some services, each with one alert; the lesser the service, the earlier.
fn incident(services: &[usize]) -> Arc<Incident> {
    let members: Vec<_> = services
        .iter()
        .map(|number| {
            let service = sample::service(&format!("s{number}"));
            let alert = sample::alert("Slow", &service, *number as i64, Severity::ERROR);
            sample::member(alert, Because::Anchor)
        })
        .collect();
    Arc::new(Incident {
        key: IncidentKey::of(members[0].key),
        opened: members[0].key.onset,
        resolved: None,
        severity: Severity::ERROR,
        owner: None::<EntityRef>,
        changes: Vec::new(),
        cause: Default::default(),
        explanation: Default::default(),
        members,
        ..sample::incident()
    })
}

impl Play {
    fn new() -> Play {
        Play { ledger: Ledger::new(Emission::default()), standing: BTreeMap::new(), epoch: 0 }
    }

    /// An epoch at second `now` after which the incidents of `groups` stand.
    fn tick(&mut self, now: Seconds, groups: &[&[usize]]) -> Vec<String> {
        let next: BTreeMap<IncidentKey, Arc<Incident>> =
            groups.iter().map(|group| incident(group)).map(|i| (i.key, i)).collect();
        let gone = self.standing.values().filter(|old| next.get(&old.key) != Some(old));
        let come = next.values().filter(|new| self.standing.get(&new.key) != Some(new));
        let mut incidents: Vec<(Arc<Incident>, isize)> =
            gone.map(|old| (old.clone(), -1)).chain(come.map(|new| (new.clone(), 1))).collect();
        incidents.sort_by_key(|(incident, diff)| (incident.key, *diff));
        let output = EpochOutput { epoch: self.epoch, incidents, ..EpochOutput::default() };
        (self.standing, self.epoch) = (next, self.epoch + 1);
        let told = self.ledger.apply(&output, Tick { now: sample::START + now, drain: false });
        self.check(sample::START + now);
        told.iter().map(|message| told_of(&message.revision)).collect()
    }

    /// The same of groups of which some may be empty.
    fn turn(&mut self, now: Seconds, groups: &[Vec<usize>]) -> Vec<String> {
        let groups = groups.iter().filter(|group| !group.is_empty());
        self.tick(now, &groups.map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// Whoever has something to say is in the queue for when it is to be said, and for then alone.
    fn check(&self, now: Seconds) {
        let ledger = &self.ledger;
        let queued =
            |track: &Track, key: &IncidentKey| ledger.due.contains(&(track.scheduled, *key));
        for (key, track) in ledger.tracks.iter() {
            assert!(!track.dirty || track.scheduled > now, "{} is overdue", track.id);
            assert!(!track.dirty || queued(track, key), "{} is forgotten", track.id);
        }
        let tracks = ledger.tracks.iter();
        let expected = tracks.filter(|(key, track)| queued(track, key)).count();
        assert_eq!(ledger.due.len(), expected, "the queue holds what is of no use");
        let silent = ledger.tracks.values().filter(|track| track.last.is_none());
        let alerts: usize = silent.flat_map(|track| &track.now).map(|now| now.members.len()).sum();
        assert_eq!(ledger.unannounced(), alerts, "of whom nobody has heard");
    }
}

fn told_of(revision: &Revision) -> String {
    let members: Vec<&str> =
        revision.alerts.iter().map(|row| row.entity.rsplit('/').next().unwrap()).collect();
    let event = format!("{:?}", revision.event).to_lowercase();
    format!("{event} {}: {}", revision.revision, members.join(" "))
}

#[test]
fn what_goes_on_changing_is_told_in_the_end() {
    let mut play = Play::new();
    assert_eq!(play.tick(0, &[&[0, 1]]), [""; 0]);
    for second in 1..10 {
        let members = if second % 2 == 0 { &[0, 1][..] } else { &[0, 1, 2] };
        assert_eq!(play.tick(second, &[members]), [""; 0], "second {second}");
    }
    let told = play.tick(10, &[&[0, 1, 2]]);
    assert_eq!(told, ["opened 1: s0 s1 s2"], "ten seconds after it was first seen");
    // Two changes within the interval: the later one may not take the earlier one's place.
    assert_eq!(play.tick(12, &[&[0, 1]]), [""; 0]);
    assert_eq!(play.tick(13, &[&[0, 1, 3]]), [""; 0]);
    assert_eq!(play.tick(19, &[&[0, 1, 3]]), [""; 0]);
    assert_eq!(play.tick(20, &[&[0, 1, 3]]), ["updated 2: s0 s1 s3"]);
}

#[test]
fn what_is_still_is_told_after_two_seconds() {
    let mut play = Play::new();
    assert_eq!(play.tick(0, &[&[0, 1]]), [""; 0]);
    assert_eq!(play.tick(1, &[&[0, 1]]), [""; 0]);
    assert_eq!(play.tick(2, &[&[0, 1]]), ["opened 1: s0 s1"]);
    assert_eq!(play.tick(3, &[&[0], &[1]]), [""; 0]);
    // Of two halves the one with the smaller key keeps the id.
    assert_eq!(play.tick(5, &[&[0], &[1]]), ["split 1: s0"]);
    assert_eq!(play.tick(12, &[&[0], &[1]]), ["updated 2: s1"]);
    assert_eq!(play.tick(13, &[&[0, 1]]), ["merged 2: "]);
    assert_eq!(play.tick(22, &[&[0, 1]]), ["updated 3: s0 s1"]);
    assert_eq!(play.tick(23, &[]), ["withdrawn 4: "]);
}

/// How eight alerts are grouped: the number of its group for each that stands.
fn grouping() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let standing = subsequence((0..8_usize).collect::<Vec<_>>(), 0..=8);
    (standing, prop::collection::vec(0..3_usize, 8)).prop_map(|(standing, groups)| {
        let members =
            |group: usize| standing.iter().copied().filter(move |at| groups[*at] == group);
        (0..3).map(|group| members.clone()(group).collect()).collect::<Vec<Vec<usize>>>()
    })
}

proptest! {
    #[test]
    fn nothing_to_say_is_forgotten_and_revisions_have_no_gaps(
        steps in prop::collection::vec((0..6_i64, grouping()), 1..40),
    ) {
        let mut play = Play::new();
        let mut now = 0;
        for (after, groups) in steps {
            now += after;
            play.turn(now, &groups);
        }
        let last = play.standing.clone();
        let output = EpochOutput { epoch: play.epoch, ..EpochOutput::default() };
        let drain = Tick { now: sample::START + now, drain: true };
        play.ledger.apply(&output, drain);
        for (key, incident) in last {
            let track = &play.ledger.tracks[&key];
            let told = track.last.as_ref().map(|revision| revision.alerts.len());
            prop_assert_eq!(told, Some(incident.members.len()), "{} after the drain", &track.id);
        }
    }

    /// Whatever is told meanwhile, what is handed out in slices is what there was at the cut.
    #[test]
    fn what_is_handed_out_is_what_there_was(
        before in prop::collection::vec((0..6_i64, grouping()), 1..12),
        after in prop::collection::vec((0..6_i64, grouping()), 0..12),
    ) {
        let mut play = Play::new();
        let mut now = 0;
        let mut go_on = |play: &mut Play, steps: &[(i64, Vec<Vec<usize>>)]| {
            for (after, groups) in steps {
                now += after;
                play.turn(now, groups);
            }
        };
        go_on(&mut play, &before);
        let tracks = play.ledger.tracks.iter();
        let there_were: BTreeMap<IncidentKey, String> =
            tracks.map(|(key, track)| (*key, format!("{:?}", track.save()))).collect();
        let (stood, told) = (play.standing.clone(), play.ledger.told);
        let alerts = stood.values().flat_map(|incident| &incident.members);
        let count = |key, count| AlertCount { key, count, last: 0 };
        let counts: Vec<AlertCount> = alerts.map(|member| count(member.key, 1)).collect();
        play.ledger.counts.extend(counts.iter().map(|count| (count.key, *count)));
        let counts = play.ledger.counts.clone();
        play.ledger.begin_saving();
        let mut state = None;
        for step in after.chunks(1) {
            go_on(&mut play, step);
            let changed = counts.keys().map(|key| (*key, count(*key, 2)));
            play.ledger.counts.extend(changed.take(2));
            state = state.or_else(|| play.ledger.go_on_saving(1));
        }
        let state = state.or_else(|| play.ledger.go_on_saving(usize::MAX)).unwrap();
        prop_assert_eq!(state.ledger.told, told);
        let tracks = state.ledger.tracks.iter();
        let saved: BTreeMap<IncidentKey, String> =
            tracks.map(|(key, track)| (*key, format!("{track:?}"))).collect();
        prop_assert_eq!((saved, state.ledger.tracks.len()), (there_were, stood.len()));
        let incidents: BTreeMap<IncidentKey, Arc<Incident>> =
            state.incidents.iter().map(|incident| (incident.key, incident.clone())).collect();
        prop_assert_eq!(incidents, stood);
        let saved: BTreeMap<AlertKey, AlertCount> =
            state.counts.iter().map(|count| (count.key, *count)).collect();
        prop_assert_eq!((state.counts.len(), saved), (counts.len(), counts));
    }
}
