//! The book of checks and their runs, which sees to it that no check fires for
//! two reasons at once.

use super::{Check, Episode, Reason};
use crate::instant::{MINUTE, Ms};
use crate::rng::{Rng, mix};
use crate::vocabulary::{RuleId, Scope, rule_by};
use crate::world::{NodeId, NodeKind, World};
use std::collections::BTreeMap;

/// A check rests this long between two reasons, so that no reader takes two runs for one.
const REST: Ms = 10 * MINUTE;
/// Share of pod alerts that name an address instead of a pod.
const BY_ADDRESS: f64 = 0.2;

/// Checks and episodes while they are being planned.
pub(super) struct Book<'a> {
    pub world: &'a World,
    checks: Vec<Check>,
    episodes: Vec<Episode>,
    index: BTreeMap<(NodeId, RuleId), u32>,
    /// By check: when and why it fires.
    runs: Vec<Vec<(Ms, Ms, Reason)>>,
}

impl<'a> Book<'a> {
    pub fn new(world: &'a World) -> Self {
        Book {
            world,
            checks: Vec::new(),
            episodes: Vec::new(),
            index: BTreeMap::new(),
            runs: Vec::new(),
        }
    }

    /// Writes down a run, unless the check is busy with another reason around that time.
    pub fn raise(
        &mut self,
        node: NodeId,
        rule: RuleId,
        reason: Reason,
        (start, end): (Ms, Ms),
    ) -> bool {
        let check = self.check(node, rule);
        let busy = self.runs[check as usize].iter().any(|(from, until, why)| {
            // Chronic and flapping checks repeat themselves by nature, and nobody else uses them.
            let own = *why == reason && matches!(reason, Reason::Chronic | Reason::Flap);
            let taken = matches!(why, Reason::Chronic | Reason::Flap) && !own;
            let rest = if own { 0 } else { REST };
            taken || (start < until + rest && from - rest < end)
        });
        if busy {
            return false;
        }
        self.runs[check as usize].push((start, end, reason));
        self.episodes.push(Episode { check, reason, start, end });
        true
    }

    /// Whether the check has ever fired so far.
    pub fn used(&self, node: NodeId, rule: RuleId) -> bool {
        let known = self.index.get(&(node, rule));
        known.is_some_and(|check| !self.runs[*check as usize].is_empty())
    }

    /// How many checks have fired so far.
    pub fn checks(&self) -> usize {
        self.runs.iter().filter(|runs| !runs.is_empty()).count()
    }

    /// The entity that an alert of `scope` about `node` names, if `node` has such a part.
    ///
    /// A pod must stay the same over the run; an alert does not move to the next pod.
    pub fn subject(
        &self,
        node: NodeId,
        scope: Scope,
        (from, until): (Ms, Ms),
        rng: &mut Rng,
    ) -> Option<NodeId> {
        let kind = self.world.node(node).kind;
        let itself = |wanted: NodeKind| (kind == wanted).then_some(node);
        match scope {
            Scope::Service => itself(NodeKind::Service),
            Scope::Host => itself(NodeKind::Host),
            Scope::Zone => itself(NodeKind::Zone),
            Scope::Database => itself(NodeKind::Database),
            Scope::Queue => itself(NodeKind::Queue),
            Scope::External => itself(NodeKind::External),
            Scope::Deployment => self.world.service_of(node).map(|s| s.deployment),
            Scope::Lb => self.world.service_of(node).and_then(|s| s.lb),
            Scope::Dns => self.world.service_of(node).and_then(|s| s.dns),
            Scope::Pod => {
                let service = self.world.service_of(node)?;
                let slot = rng.pick(&service.pods);
                let (pod, instance) = slot.steady(from, until)?;
                Some(if rng.chance(BY_ADDRESS) { instance } else { pod })
            }
        }
    }

    /// The checks and episodes, in an order that tells nothing about reasons.
    pub fn close(mut self) -> (Vec<Check>, Vec<Episode>) {
        self.episodes.sort_by_key(|e| (e.start, e.check));
        (self.checks, self.episodes)
    }

    fn check(&mut self, node: NodeId, rule: RuleId) -> u32 {
        if let Some(check) = self.index.get(&(node, rule)) {
            return *check;
        }
        let check = self.checks.len() as u32;
        let choices = rule_by(rule).label.1.len().max(1) as u64;
        let label = (mix(u64::from(node) << 16 | u64::from(rule)) % choices) as u16;
        self.checks.push(Check { node, rule, label });
        self.runs.push(Vec::new());
        self.index.insert((node, rule), check);
        check
    }
}
