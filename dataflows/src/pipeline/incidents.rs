//! Groups become incidents: explained once each, and worth less where their sources do badly.

#[cfg(test)]
mod tests;

use crate::cause;
use crate::cause::kinds::Kinds;
use crate::context::latest::look_back;
use crate::explain;
use crate::explain::doubt::{self, Findings, Stood};
use crate::model::{AlertKey, AlertRow, Group, Incident, IncidentKey, Seconds};
use crate::ops::epochs::{Epoch, Inputs, Tick};
use crate::ops::shelf::Shelf;
use crate::ops::tap::{Row, Stage, Tap};
use crate::params::{CauseParams, Params};
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline as PipelinePact;
use timely::dataflow::operators::generic::Operator;

/// What was said of a group: what it comes to by itself, and what its sources leave of that.
#[derive(Clone)]
struct Told {
    group: Arc<Group>,
    own: Arc<Incident>,
    said: Arc<Incident>,
}

/// A source, by tenant and name.
type Source = (SmolStr, SmolStr);

/// A finding about a source that left the horizon and may still concern an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFinding {
    /// The source's tenant.
    pub tenant: SmolStr,
    source: SmolStr,
    key: AlertKey,
    stood: Stood,
}

/// What changes of what is read.
type Update = (Fact, Epoch, isize);

/// What changes of what is said.
type Said = (Arc<Incident>, isize);

/// What the operator reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    /// A group.
    Group(Arc<Group>),
    /// A finding about a source.
    Finding(Arc<AlertRow>),
}

/// Scores and explains, with what is worth remembering from one epoch to the next.
struct Explainer {
    params: CauseParams,
    kinds: Kinds,
    standing: BTreeMap<IncidentKey, Told>,
    findings: BTreeMap<Source, Findings>,
    /// Findings that left the horizon, which is not taking them back: they stay while an
    /// incident stands that they may concern.
    left: BTreeSet<(Source, AlertKey)>,
    horizon_seconds: Seconds,
    /// How long after its onset an alert may still come, or begin an incident.
    look_back_seconds: Seconds,
}

impl Explainer {
    fn new(params: &Params, saved: Vec<SavedFinding>) -> Self {
        let mut explainer = Explainer {
            params: params.cause,
            kinds: Kinds::default(),
            standing: BTreeMap::new(),
            findings: BTreeMap::new(),
            left: BTreeSet::new(),
            horizon_seconds: params.dedup.revise_horizon_seconds,
            look_back_seconds: look_back(params),
        };
        for SavedFinding { tenant, source, key, stood } in saved {
            let source = (tenant, source);
            explainer.findings.entry(source.clone()).or_default().insert(key, stood);
            explainer.left.insert((source, key));
        }
        explainer
    }

    /// What nobody says again to one who begins anew.
    fn save(&self) -> Vec<SavedFinding> {
        let left = self.left.iter().filter_map(|(source, key)| {
            let stood = self.findings.get(source)?.get(key)?.clone();
            let (tenant, source) = source.clone();
            Some(SavedFinding { tenant, source, key: *key, stood })
        });
        left.collect()
    }

    /// The incident of a group that stood differently before, or did not.
    fn explain(&self, last: Option<Told>, group: &Group) -> Incident {
        let again = last.and_then(|last| explain::again(&last.group, &last.own, group));
        again.unwrap_or_else(|| {
            let score = |group: &Group| cause::cause(group, &self.params, &self.kinds);
            explain::explain(group, &score)
        })
    }

    /// What the sources of an incident leave of it.
    fn said(&self, own: &Arc<Incident>) -> Arc<Incident> {
        if self.findings.is_empty() {
            return own.clone();
        }
        let of = |name: &SmolStr| self.findings.get(&(own.tenant.clone(), name.clone()));
        doubt::doubted(own, of).map_or_else(|| own.clone(), Arc::new)
    }

    /// Takes in an epoch; `out` gets incidents taken back and put up.
    fn epoch(&mut self, facts: Vec<Update>, now: Seconds, out: &mut Vec<Said>) {
        let mut touched: BTreeSet<Source> = BTreeSet::new();
        // What is put up in the place of another may come before that is taken back.
        for is_gone in [true, false] {
            for (fact, _, diff) in &facts {
                let Fact::Finding(row) = fact else { continue };
                if (*diff < 0) == is_gone {
                    touched.insert(self.found(row, *diff, now));
                }
            }
        }
        // Groups of one key are told in order: the old is taken back first.
        let mut gone: Option<Told> = None;
        for (fact, _, diff) in facts {
            let Fact::Group(group) = fact else { continue };
            if diff < 0 {
                gone = self.standing.remove(&group.key);
                out.extend(gone.iter().map(|old| (old.said.clone(), -1)));
            } else {
                let last = gone.take().filter(|last| last.group.key == group.key);
                let own = Arc::new(self.explain(last, &group));
                let said = self.said(&own);
                out.push((said.clone(), 1));
                self.standing.insert(group.key, Told { group, own, said });
            }
        }
        if !touched.is_empty() {
            self.say_again(&touched, out);
        }
        if !self.left.is_empty() {
            self.forget(now);
        }
    }

    /// A finding about a source came or went; which source that is.
    fn found(&mut self, row: &Arc<AlertRow>, diff: isize, now: Seconds) -> Source {
        let identity = &row.alert.identity;
        let source = (identity.tenant.clone(), identity.source.clone());
        let key = row.alert.key;
        let of_source = self.findings.entry(source.clone()).or_default();
        if diff > 0 {
            of_source.insert(key, Stood::of(row));
            self.left.remove(&(source.clone(), key));
        } else if key.onset.saturating_add(self.horizon_seconds) <= now {
            self.left.insert((source.clone(), key));
        } else {
            of_source.remove(&key);
        }
        if of_source.is_empty() {
            self.findings.remove(&source);
        }
        source
    }

    /// Forgets findings that left the horizon and concern nothing of their tenant that stands or
    /// may still begin.
    fn forget(&mut self, now: Seconds) {
        let begins = now.saturating_sub(self.look_back_seconds);
        let mut oldest: BTreeMap<SmolStr, Seconds> = BTreeMap::new();
        for told in self.standing.values() {
            let oldest = oldest.entry(told.own.tenant.clone()).or_insert(begins);
            *oldest = told.own.opened.min(*oldest);
        }
        let Explainer { findings, left, .. } = self;
        left.retain(|(source, key)| {
            let Some(of_source) = findings.get_mut(source) else { return false };
            let oldest = oldest.get(&source.0).copied().unwrap_or(begins);
            let concerns = of_source.get(key).is_some_and(|stood| stood.lasts_until(oldest));
            if !concerns {
                of_source.remove(key);
            }
            if of_source.is_empty() {
                findings.remove(source);
            }
            concerns
        });
    }

    /// Incidents with alerts of sources of which something else is known now.
    fn say_again(&mut self, touched: &BTreeSet<Source>, out: &mut Vec<Said>) {
        let is_of = |told: &Told| {
            told.own.members.iter().any(|member| {
                let source = &member.row.alert.identity.source;
                touched.contains(&(told.own.tenant.clone(), source.clone()))
            })
        };
        let keys: Vec<IncidentKey> =
            self.standing.iter().filter(|(_, told)| is_of(told)).map(|(key, _)| *key).collect();
        for key in keys {
            let Some(told) = self.standing.get(&key) else { continue };
            let said = self.said(&told.own);
            if said != told.said {
                out.push((told.said.clone(), -1));
                out.push((said.clone(), 1));
                if let Some(told) = self.standing.get_mut(&key) {
                    told.said = said;
                }
            }
        }
    }
}

/// Explains each group once, and remembers what it said until the group is taken back.
pub(super) fn incidents<'scope>(
    groups: VecCollection<'scope, Epoch, Arc<Group>, isize>,
    rows: VecCollection<'scope, Epoch, Arc<AlertRow>, isize>,
    ticks: Stream<'scope, Epoch, Vec<Tick>>,
    params: &Params,
    (memory, tap): (Shelf<Vec<SavedFinding>>, &Tap),
) -> VecCollection<'scope, Epoch, Arc<Incident>, isize> {
    let tap = tap.clone();
    let mut explainer = Explainer::new(params, memory.begin().unwrap_or_default());
    let findings = rows.filter(|row| doubt::is_of_source(row)).map(Fact::Finding);
    groups
        .map(Fact::Group)
        .concat(findings)
        .inner
        .binary_frontier(
            ticks,
            PipelinePact,
            PipelinePact,
            "explain: incidents",
            |capability, _| {
                let mut inputs = Inputs::new(vec![capability]);
                move |(facts, frontier), (ticks, tick_frontier), output| {
                    inputs.stash(facts, ticks, |(_, epoch, _), _| *epoch);
                    while let Some((epoch, tick, facts)) =
                        inputs.next(frontier.frontier(), tick_frontier.frontier())
                    {
                        let mut said = Vec::new();
                        explainer.epoch(facts, tick.now, &mut said);
                        memory.leave(epoch, || explainer.save());
                        let said = said.into_iter();
                        let mut out: Vec<_> =
                            said.map(|(incident, diff)| (incident, epoch, diff)).collect();
                        if tap.is_open(Stage::Explain) {
                            let row = |(incident, epoch, diff): &(Arc<Incident>, _, _)| {
                                (Row::Incident(incident.clone()), *epoch, *diff)
                            };
                            tap.show(Stage::Explain, out.iter().map(row));
                        }
                        if let [capability] = inputs.capabilities(epoch) {
                            output.session(capability).give_container(&mut out);
                        }
                    }
                    inputs.advance(frontier.frontier(), tick_frontier.frontier());
                }
            },
        )
        .as_collection()
}
