//! A queue that goes on with another matcher and other bounds.

use super::{Outbox, OutboxLimits};
use crate::emit::matcher::Matcher;
use smol_str::SmolStr;

impl Outbox {
    /// Takes what `matcher` admits from the next message on, within other bounds. What waits
    /// goes out as it was admitted; `open` are the incidents of which somebody was told and
    /// that have not ended.
    pub fn reconfigure(
        &self,
        matcher: Matcher,
        limits: OutboxLimits,
        open: impl FnOnce() -> Vec<SmolStr>,
    ) {
        let mut state = self.lock();
        // Asked for under the lock: a message is published before it is offered here.
        state.route.rematch(matcher, open);
        state.limits = limits;
        drop(state);
        self.wake_all();
    }
}
