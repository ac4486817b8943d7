//! Events that are no alerts and no signals: changes, and news of the topology.

use super::arrival::Arrivals;
use super::senders::{CATALOG, DEPLOYER};
use super::{Event, What};
use crate::faults::Plan;
use crate::instant::Ms;
use crate::world::World;

/// Sends both phases of every change, and every update of the topology.
pub(super) fn send(out: &mut Arrivals, world: &World, plan: &Plan, end: Ms) {
    let mut send = |at: Ms, subject: usize, what: What, sender: u8| {
        if at < end {
            let subject = subject as u32;
            out.deliver(Event { observed: at, time: at, id: 0, subject, value: 0.0, what, sender });
        }
    };
    for (subject, change) in plan.changes.iter().enumerate() {
        send(change.started, subject, What::ChangeStarted, DEPLOYER);
        send(change.finished, subject, What::ChangeFinished, DEPLOYER);
    }
    for (subject, update) in world.updates.iter().enumerate() {
        send(update.at, subject, What::Update, CATALOG);
    }
}
