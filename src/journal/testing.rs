//! A storage for tests: it loses what was not synced, and fails any call in any way.
//!
//! ```text
//!  write ─► live ──sync──► disk
//!             └─ pending ─┘   a crash keeps of what is pending: nothing, all, what came
//!                             first, or any pieces of it, lengths without contents included
//! ```
//!
//! A sync that fails drops what was written: files still show it, and no later sync writes
//! it, as Linux does. Names and lengths that were cut stay pending then: file systems end
//! rather than lose those.
//! Everything random is drawn from a seed. Clones share one storage.

mod state;

use super::storage::{Storage, StorageFile};
use state::{Change, Inode, State, enter, mixed};
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The machine dies before it.
    Before,
    /// The machine dies after it.
    After,
    /// The machine dies within it.
    Torn,
    /// It does less than it was asked for, and says so.
    Short,
    /// It fails with an error of input or output.
    Eio,
    /// There is no room from it on, until [`Sim::free`].
    Enospc,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 6] =
        [Fault::Before, Fault::After, Fault::Torn, Fault::Short, Fault::Eio, Fault::Enospc];
}

/// A directory in memory.
#[derive(Clone, Debug)]
pub struct Sim(Arc<Mutex<State>>);

/// A file of a [`Sim`].
#[derive(Debug)]
pub struct SimFile {
    sim: Sim,
    inode: usize,
}

impl Sim {
    /// An empty directory.
    pub fn new(seed: u64) -> Self {
        Sim(Arc::new(Mutex::new(State { random: seed, salts: seed, ..State::default() })))
    }

    /// Lets the `call`-th call from here on fail, the first being 1, beside others.
    pub fn fail(&self, call: u64, fault: Fault) {
        let state = &mut *self.lock();
        state.faults.push((state.calls + call, fault));
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Whether the machine has died: every call fails from then on.
    pub fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Makes room again.
    pub fn free(&self) {
        self.lock().full = false;
    }

    /// What is there after the machine has crashed.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Sim {
        let mut state = self.lock().clone();
        state.random = seed;
        let mode = state.below(4);
        for index in 0..state.inodes.len() {
            state.lose(index, mode);
            let inode = &mut state.inodes[index];
            inode.live.clone_from(&inode.disk);
            inode.pending.clear();
        }
        let names = std::mem::take(&mut state.pending_names);
        let kept = state.kept(names.len(), mode);
        for ((name, inode), _) in names.into_iter().zip(kept).filter(|(_, kept)| *kept) {
            enter(&mut state.disk_names, name, inode);
        }
        state.names = state.disk_names.clone();
        Sim::of(State { faults: Vec::new(), dead: false, full: false, ..state })
    }

    /// What is there after the process alone was killed.
    #[must_use]
    pub fn kill(&self) -> Sim {
        Sim::of(State { faults: Vec::new(), dead: false, full: false, ..self.lock().clone() })
    }

    /// The contents of a file.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        state.names.get(name).map(|inode| state.inodes[*inode].live.clone())
    }

    /// Puts a file there, on the disk, or takes it away.
    pub fn put(&self, name: &str, contents: Option<Vec<u8>>) {
        let mut state = self.lock();
        let inode = contents.map(|bytes| {
            state.inodes.push(Inode { live: bytes.clone(), disk: bytes, pending: Vec::new() });
            state.inodes.len() - 1
        });
        enter(&mut state.names, name.to_owned(), inode);
        enter(&mut state.disk_names, name.to_owned(), inode);
    }

    fn of(state: State) -> Sim {
        Sim(Arc::new(Mutex::new(state)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: `act` does what the fault, if there is one, leaves of it.
    fn call<T>(
        &self,
        act: impl FnOnce(&mut State, Option<Fault>) -> io::Result<T>,
    ) -> io::Result<T> {
        let state = &mut *self.lock();
        if state.dead {
            return Err(dead());
        }
        state.calls += 1;
        let now = state.faults.iter().find(|(call, _)| *call == state.calls);
        let fault = now.map(|(_, fault)| *fault);
        state.full |= fault == Some(Fault::Enospc);
        state.dead = matches!(fault, Some(Fault::Before | Fault::After | Fault::Torn));
        if fault == Some(Fault::Before) {
            return Err(dead());
        }
        let done = act(state, fault);
        match fault {
            Some(Fault::After | Fault::Torn) => Err(dead()),
            Some(Fault::Eio) => Err(io::Error::other("simulated EIO")),
            _ => done,
        }
    }
}

fn dead() -> io::Error {
    io::Error::other("the simulated machine is dead")
}

fn refuse_if_full(fault: Option<Fault>) -> io::Result<()> {
    match fault {
        Some(Fault::Enospc) => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    }
}

impl Storage for Sim {
    type File = SimFile;

    fn create(&self, name: &str) -> io::Result<SimFile> {
        self.call(|state, fault| {
            let known = state.names.get(name).copied();
            let fault = if known.is_none() && state.full { Some(Fault::Enospc) } else { fault };
            let inode = known.unwrap_or(state.inodes.len());
            state.whole(fault, |state| match known {
                Some(inode) => state.change(inode, Change::Cut(0)),
                None => {
                    state.inodes.push(Inode::default());
                    state.rename(name, Some(inode));
                }
            })?;
            Ok(SimFile { sim: self.clone(), inode })
        })
    }

    fn open(&self, name: &str, _writing: bool) -> io::Result<SimFile> {
        self.call(|state, _| {
            let inode = state.names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
            Ok(SimFile { sim: self.clone(), inode })
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call(|state, fault| {
            if !state.names.contains_key(name) {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.whole(fault, |state| state.rename(name, None))
        })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.call(|state, _| Ok(state.names.keys().cloned().collect()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.call(|state, fault| {
            let whole = matches!(fault, None | Some(Fault::After | Fault::Short));
            let count = state.pending_names.len();
            let kept = state.kept(count, if whole { 1 } else { 3 });
            let names = std::mem::take(&mut state.pending_names);
            for (pending, kept) in names.into_iter().zip(kept) {
                if kept {
                    enter(&mut state.disk_names, pending.0, pending.1);
                } else {
                    state.pending_names.push(pending);
                }
            }
            refuse_if_full(fault)
        })
    }

    fn salt(&self) -> u64 {
        let state = &mut *self.lock();
        state.salts += 1;
        mixed(state.salts << 32)
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("sim").join(name)
    }
}

impl StorageFile for SimFile {
    fn bytes(&self) -> io::Result<u64> {
        self.sim.call(|state, _| Ok(state.inodes[self.inode].live.len() as u64))
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.sim.call(|state, fault| {
            let live = &state.inodes[self.inode].live;
            let left = live.get(at as usize..).unwrap_or_default();
            let mut count = left.len().min(into.len());
            if fault == Some(Fault::Short) && count > 1 {
                count /= 2;
            }
            into[..count].copy_from_slice(&left[..count]);
            Ok(count)
        })
    }

    fn write_at(&mut self, at: u64, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.sim.call(|state, fault| {
            let grows = at as usize + bytes.len() > state.inodes[self.inode].live.len();
            let part = state.below(bytes.len());
            let written = match fault {
                Some(Fault::Eio) => 0,
                Some(Fault::Short | Fault::Torn) => (part + 1).min(bytes.len()),
                Some(Fault::Enospc) if grows => part,
                _ if state.full && grows => 0,
                _ => bytes.len(),
            };
            if written == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.change(self.inode, Change::Write(at, bytes[..written].to_vec()));
            Ok(written)
        })
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.sim.call(|state, fault| {
            state.whole(fault, |state| state.change(self.inode, Change::Cut(bytes)))
        })
    }

    fn is_named(&self) -> io::Result<bool> {
        // Changes nothing, so it is no call that a machine may die in.
        Ok(self.sim.lock().names.values().any(|inode| *inode == self.inode))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sim.call(|state, fault| {
            let partly = matches!(fault, Some(Fault::Eio | Fault::Enospc | Fault::Torn));
            state.lose(self.inode, if partly { 3 } else { 1 });
            refuse_if_full(fault)
        })
    }
}
