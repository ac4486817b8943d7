//! A live process among others that compute with it.
//!
//! ```text
//!  connect ─► what does each have on disk? ─► agree ─► read it ─► all ready ─► at work
//! ```

use super::LiveError;
use super::start::Core;
use crate::clock::SharedClock;
use crate::cluster::{self, Role, Seated, Shape, Table};
use crate::console::health::Condition;
use crate::console::{Health, Registry};
use crate::epoch::Order;
use crate::runtime::Mesh;
use crate::settings::Settings;
use crate::snapshot::writer::WithOthers;
use causeway_dataflows::model::ContextEvent;
use crossbeam_channel::{Receiver, unbounded};
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc::UnboundedSender;

/// Context that is told at once.
const CONTEXT_MAX: usize = 1_000;

/// Waits for the others, if there are any, and says so meanwhile.
pub(super) fn gather(
    settings: &Settings,
    shape: Option<&Shape>,
    clock: &SharedClock,
    health: &Health,
) -> Result<(Option<Mesh>, Option<Table>), LiveError> {
    let Some(shape) = shape else { return Ok((None, None)) };
    let (process, processes) = (shape.process, shape.processes());
    health.set("processes", Condition::Unwell(format!("not all {processes} have met yet")));
    tracing::info!(process, processes, "waiting for the other processes");
    let (mesh, table) = cluster::connect(shape, &settings.cluster, clock)?;
    tracing::info!(process, processes, "all processes have met");
    health.set("processes", Condition::Well);
    Ok((Some(mesh), Some(table)))
}

/// Lists context where it is read back: here, or in the process that readers ask.
#[derive(Clone)]
pub(super) struct Listing {
    registry: Registry,
    role: Arc<OnceLock<Role>>,
}

impl Listing {
    pub(super) fn new(registry: Registry) -> Listing {
        Listing { registry, role: Arc::default() }
    }

    /// What this process is; alone until it is known.
    pub(super) fn role(&self) -> Role {
        self.role.get().cloned().unwrap_or(Role::Alone)
    }

    pub(super) fn hear(&self, event: &ContextEvent) {
        match self.role.get() {
            Some(Role::Follower(follower)) => follower.context(vec![event.clone()]),
            _ => self.registry.apply(event),
        }
    }

    /// The same for many.
    pub(super) fn hear_all(&self, events: impl Iterator<Item = ContextEvent>) {
        let mut events = events.peekable();
        while events.peek().is_some() {
            let some: Vec<ContextEvent> = events.by_ref().take(CONTEXT_MAX).collect();
            match self.role.get() {
                Some(Role::Follower(follower)) => follower.context(some),
                _ => some.iter().for_each(|event| self.registry.apply(event)),
            }
        }
    }

    /// What is kept for others, and how they hear of what there is.
    pub(super) fn with_others(&self) -> Option<WithOthers> {
        match self.role.get()? {
            Role::Alone => None,
            Role::Leader(leader) => Some(WithOthers { floor: leader.floor(), tried: None }),
            Role::Follower(follower) => {
                let own = Arc::clone(follower);
                let tried = Box::new(move |kept| own.saved(kept));
                Some(WithOthers { floor: follower.floor(), tried: Some(tried) })
            }
        }
    }
}

/// Goes to work with the others; the epochs that process 0 orders, for all but that one.
pub(super) fn seat(
    table: Table,
    core: &Core,
    stop: &UnboundedSender<()>,
) -> Result<Option<Receiver<Order>>, LiveError> {
    let (role, ordered) = match table.seat() {
        None => return Ok(None),
        Some(Seated::Leader(leader, heard)) => {
            leader.serve(heard, (&core.queue, &core.registry), stop)?;
            (Role::Leader(leader), None)
        }
        Some(Seated::Follower(follower, heard)) => {
            let (orders, ordered) = unbounded();
            follower.serve(heard, &core.queue, orders, stop.clone())?;
            (Role::Follower(follower), Some(ordered))
        }
    };
    // Nobody else says what the process is.
    let _ = core.listing.role.set(role);
    Ok(ordered)
}

/// Tells that the journal is read; process 0 goes on once all have read theirs, and all they know
/// is listed. Must be called inside the tokio runtime.
pub(super) fn all_ready(role: &Role) {
    match role {
        Role::Alone => {}
        Role::Leader(leader) => tokio::task::block_in_place(|| leader.until_ready()),
        Role::Follower(follower) => follower.ready(),
    }
}
