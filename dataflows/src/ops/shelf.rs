//! What an operator remembers, handed in when it begins and out when it is asked for.
//!
//! A snapshot holds what operators keep for themselves; what follows from it, such
//! as the arrangements of joins, is computed again from what they say in their
//! first epoch. So an operator that begins with something from its [`Shelf`] puts
//! up in its first epoch all that stands, and takes nothing back.

use super::epochs::Epoch;
use super::turn::Turn;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The place of one operator's memory; clones are the same place.
#[derive(Debug)]
pub struct Shelf<T>(Rc<RefCell<Held<T>>>);

#[derive(Debug)]
struct Held<T> {
    begin: Option<T>,
    wanted: BTreeSet<Epoch>,
    left: BTreeMap<Epoch, T>,
    turn: Turn,
}

impl<T> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        Shelf(Rc::clone(&self.0))
    }
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Shelf::with(None, &Turn::default())
    }
}

impl<T> Shelf<T> {
    /// The place of an operator that is to begin with `begin`, and hands out in its `turn`.
    pub fn with(begin: Option<T>, turn: &Turn) -> Self {
        let (wanted, left, turn) = (BTreeSet::new(), BTreeMap::new(), turn.clone());
        Shelf(Rc::new(RefCell::new(Held { begin, wanted, left, turn })))
    }

    /// When the operator may hand out a slice.
    pub fn turn(&self) -> Turn {
        self.0.borrow().turn.clone()
    }

    /// What to begin with; the operator takes it once.
    pub fn begin(&self) -> Option<T> {
        self.0.borrow_mut().begin.take()
    }

    /// Asks for what is remembered after `epoch`, before that epoch is fed.
    pub fn want(&self, epoch: Epoch) {
        self.0.borrow_mut().wanted.insert(epoch);
    }

    /// Leaves what `save` gives, if it was asked for.
    pub fn leave(&self, epoch: Epoch, save: impl FnOnce() -> T) {
        if self.wants(epoch) {
            self.put(epoch, save());
        }
    }

    /// Whether what is remembered after `epoch` was asked for; whoever is told so leaves it,
    /// now or later.
    pub fn wants(&self, epoch: Epoch) -> bool {
        self.0.borrow_mut().wanted.remove(&epoch)
    }

    /// Leaves what was remembered after `epoch`.
    pub fn put(&self, epoch: Epoch, saved: T) {
        self.0.borrow_mut().left.insert(epoch, saved);
    }

    /// Whether what was remembered after `epoch` is there to take.
    pub fn has(&self, epoch: Epoch) -> bool {
        self.0.borrow().left.contains_key(&epoch)
    }

    /// What was left after `epoch`, once the operator is through with it.
    pub fn take(&self, epoch: Epoch) -> Option<T> {
        self.0.borrow_mut().left.remove(&epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_left() {
        let shelf = Shelf::with(Some(1), &Turn::default());
        let operator = shelf.clone();
        assert_eq!((operator.begin(), operator.begin()), (Some(1), None));
        shelf.want(7);
        operator.leave(6, || unreachable!("nobody asked"));
        operator.leave(7, || 2);
        assert_eq!((shelf.take(6), shelf.take(7), shelf.take(7)), (None, Some(2), None));
    }
}
