//! Who may hand out a slice for a snapshot, and how large a one.
//!
//! An epoch goes through all operators, most of them several times, each time behind whatever
//! else the worker does before. So of all operators that have something to hand out one does
//! between two steps of a worker, and hands out less while an epoch is under way.

use std::cell::Cell;
use std::rc::Rc;

/// What the operators of one worker share; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Turn(Rc<Cell<Given>>);

#[derive(Clone, Copy, Debug, Default)]
enum Given {
    /// Nobody gives turns: everybody has one.
    #[default]
    Always,
    /// Somebody may hand out this part of a slice.
    Part(usize),
    /// Somebody did.
    Taken,
}

impl Turn {
    /// Whoever asks first may hand out one `part`th of a slice.
    pub fn give(&self, part: usize) {
        self.0.set(Given::Part(part.max(1)));
    }

    /// How much of a slice of so many entries may be handed out now; none until the next turn.
    pub fn take(&self, slice: usize) -> usize {
        match self.0.get() {
            Given::Always => slice,
            Given::Part(part) => {
                self.0.set(Given::Taken);
                slice.div_ceil(part)
            }
            Given::Taken => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hands_out_in_a_turn() {
        let turn = Turn::default();
        assert_eq!([turn.take(100), turn.take(100)], [100, 100]);
        turn.give(8);
        assert_eq!([turn.take(100), turn.clone().take(100)], [13, 0]);
        turn.give(1);
        assert_eq!([turn.take(100), turn.take(100)], [100, 0]);
        turn.give(8);
        assert_eq!(turn.take(1), 1, "there is always some");
    }
}
