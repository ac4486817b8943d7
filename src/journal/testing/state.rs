//! What a simulated disk holds, and what becomes of it.

use super::Fault;
use std::collections::BTreeMap;
use std::io;

/// A change of a file that is not on the disk.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Write(u64, Vec<u8>),
    Cut(u64),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    /// What the process sees.
    pub(super) live: Vec<u8>,
    /// What a crash leaves at least.
    pub(super) disk: Vec<u8>,
    /// What lies between, oldest first.
    pub(super) pending: Vec<Change>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) inodes: Vec<Inode>,
    pub(super) names: BTreeMap<String, usize>,
    pub(super) disk_names: BTreeMap<String, usize>,
    pub(super) pending_names: Vec<(String, Option<usize>)>,
    pub(super) calls: u64,
    pub(super) faults: Vec<(u64, Fault)>,
    pub(super) dead: bool,
    pub(super) full: bool,
    pub(super) random: u64,
    /// Salts are numbered, so that files are the same however much else was drawn.
    pub(super) salts: u64,
}

impl State {
    pub(super) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(1);
        mixed(self.random)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.random() % bound.max(1) as u64) as usize
    }

    /// Which of so many changes are kept.
    pub(super) fn kept(&mut self, count: usize, mode: usize) -> Vec<bool> {
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
    pub(super) fn lose(&mut self, index: usize, mode: usize) {
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

    pub(super) fn change(&mut self, index: usize, change: Change) {
        let inode = &mut self.inodes[index];
        apply(&mut inode.live, &change);
        inode.pending.push(change);
    }

    pub(super) fn rename(&mut self, name: &str, inode: Option<usize>) {
        enter(&mut self.names, name.to_owned(), inode);
        self.pending_names.push((name.to_owned(), inode));
    }

    /// Does what is done as a whole or not at all, as the fault has it.
    pub(super) fn whole(
        &mut self,
        fault: Option<Fault>,
        act: impl FnOnce(&mut State),
    ) -> io::Result<()> {
        match fault {
            Some(Fault::Eio) => {}
            Some(Fault::Enospc) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Torn) if self.below(2) == 0 => {}
            _ => act(self),
        }
        Ok(())
    }
}

pub(super) fn enter(names: &mut BTreeMap<String, usize>, name: String, inode: Option<usize>) {
    match inode {
        Some(inode) => drop(names.insert(name, inode)),
        None => drop(names.remove(&name)),
    }
}

/// A number made of another (splitmix64).
pub(super) fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

pub(super) fn apply(bytes: &mut Vec<u8>, change: &Change) {
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
