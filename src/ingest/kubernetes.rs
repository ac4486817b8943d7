//! Objects of a Kubernetes cluster, listed and then watched, as statements about the topology.
//!
//! ```text
//!  a task for each kind of objects:       one thread:
//!  list ─► watch ─► events ─┐
//!    ▲       │ 410 Gone     ├─► Cluster ─► what is said now ─► what is new ─► Reception
//!    └───────┘              │             (namespaces that changed)
//!  list ─► watch ─► events ─┘
//! ```
//!
//! The journal has the statements and not the objects, so a replay asks no cluster. A statement
//! that is said no more runs out after a while instead of going at once: the alerts of an incident
//! name pods that are gone, and a node that is lost loses its pods.
//! Nothing is said before every kind was listed once: a pod whose owner is not known yet would be
//! given another name. What stood from an earlier run counts as said, so that what vanished
//! meanwhile is taken back.

mod client;
mod follow;
mod kinds;
mod teller;

use crate::canonical::{Format, Framing, Kind};
use crate::clock::SharedClock;
use crate::ingest::reception::{Delivery, Reception};
use crate::ingest::{Busy, BusyReason};
use crate::settings::KubernetesSettings;
use crate::telemetry::Repeats;
use crate::telemetry::kubernetes::KubernetesBooks;
use client::Client;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use follow::{Follower, Scope, Update};
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Duration;
use teller::Teller;
use tokio::sync::mpsc;

pub use client::KubernetesError;
pub use teller::Standing;

/// Kinds that belong into a topology.
const KINDS: &[Kind] = &[Kind::Entity, Kind::Relation];
/// Updates that wait for the thread that says what they mean.
const WAITING_MAX: usize = 1_000;
/// Updates that are taken before what they mean is said.
const TAKEN_MAX: usize = 10_000;
/// Bytes of statements that are handed on at once.
const DELIVERY_BYTES: usize = 256 << 10;

/// What one source works with.
pub struct KubernetesParams {
    /// The cluster.
    pub settings: KubernetesSettings,
    /// Takes the statements.
    pub reception: Arc<Reception>,
    /// What stands of what the source said before.
    pub standing: Vec<Standing>,
    /// What is counted.
    pub books: KubernetesBooks,
    /// Keeps the log short.
    pub repeats: Arc<Repeats>,
    /// When statements are made.
    pub clock: SharedClock,
}

/// Watches a cluster until `stop` closes.
///
/// # Errors
/// When there is no cluster to ask, or its authorities cannot be read.
pub fn run(params: KubernetesParams, stop: &Receiver<()>) -> Result<(), KubernetesError> {
    let KubernetesParams { settings, reception, standing, books, repeats, clock } = params;
    let source = reception.name().clone();
    let client = Client::of(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(format!("watch-{source}"))
        .enable_all()
        .build()
        .map_err(KubernetesError::Runtime)?;
    let scopes = Scope::all(&settings.namespaces);
    books.expect(&source, &scopes.iter().map(Scope::to_string).collect::<Vec<_>>());
    let (updates, mut heard) = mpsc::channel(WAITING_MAX);
    for (place, scope) in scopes.iter().enumerate() {
        let follower = Follower::new((place, scope.clone()), &client, &source, &books, &repeats);
        runtime.spawn(follower.run(updates.clone(), Arc::clone(&clock)));
    }
    drop(updates);
    let stopped = stop.clone();
    let mut teller = Teller::new(&source, scopes, settings.objects_max, standing);
    runtime.block_on(async {
        // An answer never comes: the channel closes.
        let mut stopped = tokio::task::spawn_blocking(move || stopped.recv());
        loop {
            let update = tokio::select! {
                _ = &mut stopped => break,
                update = heard.recv() => update,
            };
            let Some(update) = update else { break };
            take_all(&mut teller, update, &mut heard);
            books.enter(&source, |counts| {
                counts.objects = teller.objects() as u64;
                counts.objects_dropped = teller.dropped();
                counts.is_complete = teller.is_complete();
            });
            let lines = teller.news(clock.now_ns());
            if !hand_on(&lines, &reception, &source, &books, stop) {
                break;
            }
        }
    });
    runtime.shutdown_background();
    Ok(())
}

/// Takes an update, and those that wait behind it.
fn take_all(teller: &mut Teller, first: Update, heard: &mut mpsc::Receiver<Update>) {
    teller.take(first);
    for _ in 0..TAKEN_MAX {
        let Ok(update) = heard.try_recv() else { break };
        teller.take(update);
    }
}

/// Hands lines on, waiting for room; whether to go on.
fn hand_on(
    lines: &[String],
    reception: &Reception,
    source: &SmolStr,
    books: &KubernetesBooks,
    stop: &Receiver<()>,
) -> bool {
    let mut rest = lines;
    while !rest.is_empty() {
        let mut size = 0;
        let fits = |line: &&String| {
            size += line.len();
            size <= DELIVERY_BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (now, later) = rest.split_at(count);
        let bytes = now.concat();
        rest = later;
        let delivery = Delivery {
            framing: Framing::Lines,
            kinds: KINDS,
            ..Delivery::body(bytes.as_bytes(), Format::Native, reception.tenant())
        };
        loop {
            match reception.take(&delivery) {
                Ok(_) => break,
                Err(Busy { reason: BusyReason::Stopping, .. }) => return false,
                Err(busy) => {
                    if stop.recv_timeout(busy.retry_after) != Err(RecvTimeoutError::Timeout) {
                        return false;
                    }
                }
            }
        }
        books.enter(source, |counts| counts.statements += count as u64);
    }
    stop.recv_timeout(Duration::ZERO) == Err(RecvTimeoutError::Timeout)
}
