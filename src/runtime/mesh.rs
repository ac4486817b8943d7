//! Where a process stands among others that compute the same, and how their workers are connected.

use causeway_dataflows::pipeline::Saved;
use std::any::Any;
use std::net::TcpStream;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::communication::{Config, Hooks};

/// One process of several that compute together.
#[derive(Debug)]
pub struct Mesh {
    /// A connection to each of the others, none to itself, in their order.
    pub sockets: Vec<Option<TcpStream>>,
}

impl Mesh {
    /// Which of the processes this is.
    fn process(&self) -> usize {
        self.sockets.iter().position(Option::is_none).unwrap_or(0)
    }

    pub(super) fn place(&self, workers: usize) -> Place {
        let processes = self.sockets.len();
        Place { first: self.process() * workers, workers, peers: processes * workers }
    }
}

/// Which of all workers are those of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) first: usize,
    workers: usize,
    /// Workers of all processes.
    pub(super) peers: usize,
}

impl Place {
    pub(super) fn alone(workers: usize) -> Place {
        Place { first: 0, workers, peers: workers }
    }

    /// Which of several processes this is, if all have as many workers.
    pub(super) fn process(self) -> u32 {
        (self.first / self.workers.max(1)) as u32
    }

    /// Whether answers come from other processes too, and must be brought to one.
    pub(super) fn is_shared(self) -> bool {
        self.peers > self.workers
    }

    /// Of the shares of all workers those of this process.
    pub(super) fn own(self, shares: Vec<Saved>) -> impl Iterator<Item = Saved> {
        shares.into_iter().skip(self.first).take(self.workers)
    }

    /// Which worker of this process brings in what is for `worker`: that one itself if it is of
    /// this process, otherwise any, from which it is sent on.
    pub(super) fn near(self, worker: u64) -> usize {
        let worker = worker as usize % self.peers;
        worker.checked_sub(self.first).filter(|own| *own < self.workers).unwrap_or(worker)
            % self.workers
    }
}

/// What builds each worker's channels, and what must outlive the workers.
type Allocators = (Vec<AllocatorBuilder>, Box<dyn Any + Send>);

pub(super) fn allocators(mesh: Option<Mesh>, workers: usize) -> Result<Allocators, String> {
    let Some(mesh) = mesh else {
        let alone = if workers == 1 { Config::Thread } else { Config::Process(workers) };
        return alone.try_build();
    };
    let hooks = Hooks::default();
    let within =
        ProcessBuilder::new_typed_vector(workers, hooks.refill.clone(), hooks.spill.clone());
    let process = mesh.process();
    let (builders, guard) =
        initialize_networking_from_sockets(within, mesh.sockets, process, workers, hooks)
            .map_err(|error| error.to_string())?;
    Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(guard)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_a_worker_of_this_process_goes_straight_to_it() {
        let second = Place { first: 2, workers: 2, peers: 6 };
        let near: Vec<usize> = (0..7).map(|worker| second.near(worker)).collect();
        assert_eq!(near, [0, 1, 0, 1, 0, 1, 0]);
        assert!(second.is_shared() && !Place::alone(2).is_shared());
        let shares = vec![Saved::default(); 6];
        assert_eq!(second.own(shares).count(), 2);
        assert_eq!(
            (0..3).map(|worker| Place::alone(2).near(worker)).collect::<Vec<_>>(),
            [0, 1, 0]
        );
    }
}
