//! Process 0: tells the others which epochs there are, and hears what they have for them.

use super::link::{Ending, Link};
use super::message::Message;
use crate::console::Registry;
use crate::epoch::{Order, Others, Queue};
use crossbeam_channel::Receiver;
use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::UnboundedSender;

/// Snapshots that all have and that are kept.
const KEPT: usize = 2;

/// What the others have said.
struct Heard {
    /// Who has read its journal.
    ready: usize,
    /// Whole snapshots of each; `None` while one is under way.
    saved: Vec<Option<BTreeSet<u64>>>,
}

/// Process 0 among the others.
pub struct Leader {
    links: Vec<Arc<Link>>,
    heard: Mutex<Heard>,
    all_ready: Condvar,
    /// Snapshots before this one are not needed any more.
    floor: Arc<AtomicU64>,
    ending: Ending,
}

impl Leader {
    pub(super) fn new(links: Vec<Arc<Link>>, ending: Ending) -> Leader {
        let saved = vec![Some(BTreeSet::new()); links.len()];
        Leader {
            links,
            heard: Mutex::new(Heard { ready: 0, saved }),
            all_ready: Condvar::new(),
            floor: Arc::default(),
            ending,
        }
    }

    /// Listens to the others: what they have waiting wakes `queue`, what they know is listed in
    /// `registry`, and one that was told to stop stops all.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn serve(
        self: &Arc<Leader>,
        heard: Vec<Receiver<Message>>,
        (queue, registry): (&Arc<Queue>, &Registry),
        stop: &UnboundedSender<()>,
    ) -> io::Result<()> {
        for (at, messages) in heard.into_iter().enumerate() {
            let (own, queue, registry) = (Arc::clone(self), Arc::clone(queue), registry.clone());
            let (stop, name) = (stop.clone(), format!("process-{}", self.links[at].other));
            std::thread::Builder::new().name(name).spawn(move || {
                for message in messages {
                    own.take(at, message, (&queue, &registry), &stop);
                }
            })?;
        }
        Ok(())
    }

    fn take(
        &self,
        at: usize,
        message: Message,
        (queue, registry): (&Queue, &Registry),
        stop: &UnboundedSender<()>,
    ) {
        match message {
            Message::Context(events) => events.iter().for_each(|event| registry.apply(event)),
            Message::Waiting => queue.ask(),
            Message::Saved(epochs) => {
                self.heard().saved[at] = Some(epochs.into_iter().collect());
            }
            Message::Ready => {
                self.heard().ready += 1;
                self.all_ready.notify_all();
            }
            Message::Stop => {
                tracing::info!(process = self.links[at].other, "was told to stop, so all do");
                // Nobody listens when this one stops already.
                let _ = stop.send(());
            }
            other => {
                tracing::warn!(
                    process = self.links[at].other,
                    ?other,
                    "says what is not its to say"
                );
            }
        }
    }

    /// Waits until all others have read their journals, and all they know is listed.
    pub fn until_ready(&self) {
        let mut heard = self.heard();
        while heard.ready < self.links.len() {
            heard = self.all_ready.wait(heard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Snapshots before that of this epoch are not needed any more.
    pub fn floor(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.floor)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, message: &Message) {
        self.links.iter().for_each(|link| link.send(message));
    }
}

impl Others for Leader {
    fn announce(&self, order: &Order) {
        if order.save {
            self.heard().saved.iter_mut().for_each(|saved| *saved = None);
        }
        if order.drain {
            self.ending.begin();
        }
        self.tell(&Message::Epoch(order.clone()));
    }

    fn may_save(&self, kept: &[u64]) -> bool {
        let mut common: BTreeSet<u64> = kept.iter().copied().collect();
        for saved in &self.heard().saved {
            let Some(saved) = saved else { return false };
            common.retain(|epoch| saved.contains(epoch));
        }
        if let Some(floor) = common.iter().rev().nth(KEPT - 1)
            && self.floor.swap(*floor, Ordering::AcqRel) != *floor
        {
            self.tell(&Message::Forget(*floor));
        }
        true
    }
}
