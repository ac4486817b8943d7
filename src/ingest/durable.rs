//! Knowing when something that was handed in cannot be lost any more.

use super::{Busy, BusyReason};
use std::time::Duration;
use tokio::sync::watch;

/// How long a sender should wait when the process is about to end.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A promise that a submission will be on disk; at once for one that is not kept there.
#[derive(Clone, Debug, Default)]
pub struct Durable(Option<(u64, watch::Receiver<u64>)>);

impl Durable {
    /// Nothing to wait for.
    pub fn now() -> Durable {
        Durable(None)
    }

    /// Once `reached` is at least `number`.
    pub fn at(number: u64, reached: watch::Receiver<u64>) -> Durable {
        Durable(Some((number, reached)))
    }

    /// Whether it is on disk by now.
    pub fn is_reached(&self) -> bool {
        self.0.as_ref().is_none_or(|(number, reached)| *reached.borrow() >= *number)
    }

    /// Waits until it is on disk.
    ///
    /// # Errors
    /// When the process ends before; then nobody knows, and the sender must try again.
    pub async fn wait(self) -> Result<(), Busy> {
        let Some((number, mut reached)) = self.0 else { return Ok(()) };
        let waited = reached.wait_for(|reached| *reached >= number).await;
        let stopping = |_| Busy { retry_after: RETRY_AFTER, reason: BusyReason::Stopping };
        waited.map(drop).map_err(stopping)
    }
}
