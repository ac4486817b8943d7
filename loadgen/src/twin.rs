//! Counterfactual twins: the same storm without one piece of evidence.
//!
//! An engine that says "without this change the cause would have been another"
//! can be asked to prove it. A twin is its original minus the events of that
//! evidence: no other event differs, nor does what really happened, except
//! that nobody knows of a change that was never reported.

use crate::scenario::Scenario;
use crate::storm::{Event, Reason, What};

/// A piece of evidence about one incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The change that caused it.
    Change,
    /// The earliest alert of its root entity or of a part of that.
    RootAlert,
}

impl Scenario {
    /// This scenario without `evidence` about the incident at place `incident` of
    /// the truth; `None` when there is no such incident or no such evidence.
    pub fn twin(&self, incident: usize, evidence: Evidence) -> Option<Scenario> {
        let at = self.places.iter().position(|p| *p == Some(incident as u32))?;
        let mut twin = self.clone();
        match evidence {
            Evidence::Change => {
                let change = self.plan.faults[at].change?;
                twin.without(|event| {
                    let phase = matches!(event.what, What::ChangeStarted | What::ChangeFinished);
                    phase && event.subject == change
                });
                twin.without_change = Some(change);
            }
            Evidence::RootAlert => {
                let episode = self.root_alert(at)?;
                twin.without(|event| {
                    let alert = matches!(event.what, What::Firing | What::Resolved);
                    alert && event.subject == episode
                });
                twin.storm.firsts[episode as usize] = [u32::MAX; 2];
            }
        }
        Some(twin)
    }

    /// The earliest episode of the fault at its root.
    fn root_alert(&self, fault: usize) -> Option<u32> {
        let root = self.plan.faults[fault].root;
        let at_root =
            |check: u32| self.world.node(self.storm.checks[check as usize].node).canon == root;
        let episodes = (0u32..).zip(self.storm.episodes.iter().zip(&self.storm.firsts));
        let own = episodes.filter(|(_, (episode, first))| {
            let seen = first[0] != u32::MAX;
            seen && episode.reason == Reason::Fault(fault as u32) && at_root(episode.check)
        });
        own.min_by_key(|(at, (episode, _))| (episode.start, *at)).map(|(at, _)| at)
    }

    /// Takes events away; the ids of the others stay.
    fn without(&mut self, evidence: impl Fn(&Event) -> bool) {
        let mut gone: Vec<u32> =
            self.storm.events.iter().filter(|e| evidence(e)).map(|e| e.id).collect();
        self.storm.events.retain(|event| !evidence(event));
        gone.dedup();
        gone.sort_unstable();
        gone.dedup();
        self.storm.distinct -= gone.len() as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;
    use std::collections::BTreeSet;

    fn lines(scenario: &Scenario) -> Vec<String> {
        let mut out = Vec::new();
        scenario.events_ndjson(&mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    /// Checks that the twin lacks exactly the lines that `evidence` names.
    fn check(original: &Scenario, twin: &Scenario, evidence: impl Fn(&str) -> bool) {
        let (all, fewer) = (lines(original), lines(twin));
        assert!(fewer.len() < all.len());
        let kept: BTreeSet<&String> = fewer.iter().collect();
        for line in &all {
            assert!(kept.contains(line) || evidence(line), "{line}");
        }
        let mut rest = all.iter();
        assert!(fewer.iter().all(|line| rest.any(|l| l == line)), "the order changed");
        assert_eq!(original.topology_ndjson(), twin.topology_ndjson());
        assert_eq!(twin.labels().count(), twin.storm.distinct as usize);
    }

    #[test]
    fn without_its_change() {
        let original = Scenario::build(Profile::Stress, 21, Some(150_000));
        let truth = original.truth();
        let with = truth.incidents.iter().position(|i| i.change_id.is_some()).unwrap();
        let id = format!("\"id\":\"{}\"", truth.incidents[with].change_id.as_ref().unwrap());
        let twin = original.twin(with, Evidence::Change).unwrap();
        check(&original, &twin, |line| line.contains(&id));
        assert!(!lines(&twin).iter().any(|line| line.contains(&id)));
        let mut expected = truth.clone();
        expected.incidents[with].change_id = None;
        assert_eq!(twin.truth(), expected);
        let without = truth.incidents.iter().position(|i| i.change_id.is_none()).unwrap();
        assert!(original.twin(without, Evidence::Change).is_none());
        assert!(original.twin(truth.incidents.len(), Evidence::Change).is_none());
    }

    #[test]
    fn without_its_first_root_alert() {
        let original = Scenario::build(Profile::Stress, 22, Some(150_000));
        let twins: Vec<Scenario> =
            (0..4).filter_map(|i| original.twin(i, Evidence::RootAlert)).collect();
        assert!(!twins.is_empty(), "all roots are blind");
        for twin in &twins {
            check(&original, twin, |line| line.contains("\"kind\":\"alert\""));
            let gone = original.storm.events.len() - twin.storm.events.len();
            let name = |e: &Event| (e.what, e.subject);
            let kept: BTreeSet<_> = twin.storm.events.iter().map(name).collect();
            let all: BTreeSet<_> = original.storm.events.iter().map(name).collect();
            let lost: BTreeSet<u32> = all.difference(&kept).map(|(_, s)| *s).collect();
            assert_eq!(lost.len(), 1, "{gone} events of more than one alert are gone");
            assert_eq!(original.truth(), twin.truth());
        }
    }
}
