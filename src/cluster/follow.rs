//! Any process but 0: does what it is told, and tells what it has.

use super::link::{Ending, Link};
use super::message::Message;
use crate::epoch::{Order, Queue};
use causeway_dataflows::model::ContextEvent;
use crossbeam_channel::{Receiver, Sender};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc::UnboundedSender;

/// A process among others that process 0 leads.
pub struct Follower {
    process: usize,
    link: Arc<Link>,
    /// Snapshots before this one are not needed any more.
    floor: Arc<AtomicU64>,
    ending: Ending,
}

impl Follower {
    pub(super) fn new(process: usize, link: Arc<Link>, ending: Ending) -> Follower {
        Follower { process, link, floor: Arc::default(), ending }
    }

    /// Which it is.
    pub fn process(&self) -> usize {
        self.process
    }

    /// Listens to process 0, whose epochs go to `orders`, and tells it when something waits in
    /// `queue`. When all are to end, `stop` hears of it.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn serve(
        self: &Arc<Follower>,
        heard: Receiver<Message>,
        queue: &Arc<Queue>,
        orders: Sender<Order>,
        stop: UnboundedSender<()>,
    ) -> io::Result<()> {
        let own = Arc::clone(self);
        std::thread::Builder::new().name("process-0".to_owned()).spawn(move || {
            for message in heard {
                own.take(message, &orders, &stop);
            }
        })?;
        let (own, queue) = (Arc::clone(self), Arc::clone(queue));
        std::thread::Builder::new().name("waiting".to_owned()).spawn(move || {
            while queue.until_waiting() {
                own.link.send(&Message::Waiting);
            }
        })?;
        Ok(())
    }

    fn take(&self, message: Message, orders: &Sender<Order>, stop: &UnboundedSender<()>) {
        match message {
            Message::Epoch(order) => {
                if order.close {
                    // Nobody listens when this one stops already.
                    let _ = stop.send(());
                }
                if order.drain {
                    self.ending.begin();
                }
                // Who takes orders ends with the last of them.
                let _ = orders.send(order);
            }
            Message::Forget(epoch) => self.floor.store(epoch, Ordering::Release),
            other => tracing::warn!(?other, "process 0 says what is not its to say"),
        }
    }

    /// Tells process 0 of context, so that it is listed there.
    pub fn context(&self, events: Vec<ContextEvent>) {
        self.link.send(&Message::Context(events));
    }

    /// Tells process 0 that the journal is read.
    pub fn ready(&self) {
        self.link.send(&Message::Ready);
    }

    /// Tells process 0 which whole snapshots there are, when another was tried.
    pub fn saved(&self, epochs: Vec<u64>) {
        self.link.send(&Message::Saved(epochs));
    }

    /// Asks process 0 to have all of them drain.
    pub fn ask_to_stop(&self) {
        self.link.send(&Message::Stop);
    }

    /// Snapshots before that of this epoch are not needed any more.
    pub fn floor(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.floor)
    }
}
