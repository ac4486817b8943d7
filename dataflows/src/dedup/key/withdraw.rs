//! Taking back what was said of a second.

use super::{Key, Needs};
use crate::model::{AlertEvent, AlertFlags, Seconds};

impl Key {
    /// Takes back what was said of a second; what is settled stays as it is.
    #[cold]
    pub(super) fn withdraw(&mut self, event: &AlertEvent) {
        let Ok(at) = self.entries.binary_search_by_key(&event.time, |entry| entry.second) else {
            return;
        };
        self.needs = Needs::Fold;
        if self.entries[at].withdraw(event.flags.has(AlertFlags::RESOLVED)) {
            self.entries.remove(at);
        }
        self.hot.newest = self.entries.last().map_or(Seconds::MIN, |entry| entry.second);
    }
}
