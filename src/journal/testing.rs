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

use super::storage::{Storage, StorageFile};
use std::collections::BTreeMap;
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

/// A change of a file that is not on the disk.
#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Cut(u64),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    /// What the process sees.
    live: Vec<u8>,
    /// What a crash leaves at least.
    disk: Vec<u8>,
    /// What lies between, oldest first.
    pending: Vec<Change>,
}

#[derive(Clone, Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    disk_names: BTreeMap<String, usize>,
    pending_names: Vec<(String, Option<usize>)>,
    calls: u64,
    faults: Vec<(u64, Fault)>,
    dead: bool,
    full: bool,
    random: u64,
    /// Salts are numbered, so that files are the same however much else was drawn.
    salts: u64,
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

/// A number made of another (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

fn dead() -> io::Error {
    io::Error::other("the simulated machine is dead")
}

fn enter(names: &mut BTreeMap<String, usize>, name: String, inode: Option<usize>) {
    match inode {
        Some(inode) => drop(names.insert(name, inode)),
        None => drop(names.remove(&name)),
    }
}

impl State {
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(1);
        mixed(self.random)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.random() % bound.max(1) as u64) as usize
    }

    /// Which of so many changes are kept.
    fn kept(&mut self, count: usize, mode: usize) -> Vec<bool> {
        let first = self.below(count + 1);
        let keep = |index| match mode {
            0 => false,
            1 => true,
            2 => index < first,
            _ => self.below(2) == 0,
        };
        (0..count).map(keep).collect()
    }

    /// Brings a part of what is pending to the disk; of the rest cuts stay pending.
    fn lose(&mut self, index: usize, mode: usize) {
        let pending = std::mem::take(&mut self.inodes[index].pending);
        // A disk writes sectors and a system pages; smaller pieces tear small frames too.
        let piece = [8, 64, 512][self.below(3)];
        let mut pieces = Vec::new();
        for change in pending {
            match change {
                Change::Write(at, bytes) => {
                    let parts = bytes.chunks(piece).enumerate();
                    pieces
                        .extend(parts.map(|(i, part)| {
                            Change::Write(at + (i * piece) as u64, part.to_vec())
                        }));
                }
                cut => pieces.push(cut),
            }
        }
        let kept = self.kept(pieces.len(), mode);
        let grown = self.below(2) == 0 && mode > 1;
        let inode = &mut self.inodes[index];
        for (piece, kept) in pieces.into_iter().zip(kept) {
            match piece {
                _ if kept => apply(&mut inode.disk, &piece),
                Change::Cut(_) => inode.pending.push(piece),
                Change::Write(..) => {}
            }
        }
        if grown && inode.disk.len() < inode.live.len() {
            inode.disk.resize(inode.live.len(), 0);
        }
    }

    fn change(&mut self, index: usize, change: Change) {
        let inode = &mut self.inodes[index];
        apply(&mut inode.live, &change);
        inode.pending.push(change);
    }

    fn rename(&mut self, name: &str, inode: Option<usize>) {
        enter(&mut self.names, name.to_owned(), inode);
        self.pending_names.push((name.to_owned(), inode));
    }

    /// Does what is done as a whole or not at all, as the fault has it.
    fn whole(&mut self, fault: Option<Fault>, act: impl FnOnce(&mut State)) -> io::Result<()> {
        match fault {
            Some(Fault::Eio) => {}
            Some(Fault::Enospc) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Torn) if self.below(2) == 0 => {}
            _ => act(self),
        }
        Ok(())
    }
}

fn refuse_if_full(fault: Option<Fault>) -> io::Result<()> {
    match fault {
        Some(Fault::Enospc) => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, new) => {
            let at = *at as usize;
            let end = at + new.len();
            bytes.resize(bytes.len().max(end), 0);
            bytes[at..end].copy_from_slice(new);
        }
        Change::Cut(length) => bytes.resize(*length as usize, 0),
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

    fn sync(&mut self) -> io::Result<()> {
        self.sim.call(|state, fault| {
            let partly = matches!(fault, Some(Fault::Eio | Fault::Enospc | Fault::Torn));
            state.lose(self.inode, if partly { 3 } else { 1 });
            refuse_if_full(fault)
        })
    }
}
