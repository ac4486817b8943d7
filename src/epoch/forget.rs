//! How a journal lets go of what no snapshot needs any more.

use crate::journal::storage::Storage;
use crate::journal::{JournalError, Writer};
use std::time::Duration;

/// Between two segments of 64 MiB; for others as much longer or shorter.
///
/// The directory is synced for each, and a disk may have its room to clear: four of them in one go
/// had senders wait for 90 ms. That is 335 MB a second, more than a journal takes.
const PACE: Duration = Duration::from_millis(200);
const PACE_BYTES: u64 = 64 << 20;

/// What is being let go of.
#[derive(Debug, Default)]
pub(super) struct Forgetting {
    /// What is held of epochs before this one; nothing when all of it is gone.
    before: Option<u64>,
    /// Segments that went since it began.
    removed: u64,
    /// When the next one may go.
    next_ns: i64,
}

impl Forgetting {
    /// Epochs before this one are not needed any more.
    pub(super) fn raise(&mut self, before: u64) {
        self.before = Some(before);
    }

    /// Lets go of the next segment, if it is time.
    ///
    /// # Errors
    /// When the disk refuses; the writer is poisoned then.
    pub(super) fn go_on<S: Storage>(
        &mut self,
        writer: &mut Writer<S>,
        now_ns: i64,
    ) -> Result<(), JournalError> {
        if self.before.is_some()
            && self.next_ns <= now_ns
            && let Some(bytes) = self.one(writer)?
        {
            let pace_ns = PACE.as_nanos() * u128::from(bytes) / u128::from(PACE_BYTES);
            self.next_ns = now_ns.saturating_add(i64::try_from(pace_ns).unwrap_or(i64::MAX));
        }
        Ok(())
    }

    /// Lets go of all of it; whether there was any.
    ///
    /// # Errors
    /// As those of [`Forgetting::go_on`].
    pub(super) fn all<S: Storage>(&mut self, writer: &mut Writer<S>) -> Result<bool, JournalError> {
        let mut any = false;
        while self.one(writer)?.is_some() {
            any = true;
        }
        Ok(any)
    }

    /// Bytes of the segment that went.
    fn one<S: Storage>(&mut self, writer: &mut Writer<S>) -> Result<Option<u64>, JournalError> {
        let Some(before) = self.before else { return Ok(None) };
        let gone = writer.forget_one_before(before)?;
        match gone {
            Some(_) => self.removed += 1,
            None => {
                tracing::info!(before, segments = self.removed, "the journal forgets");
                (self.before, self.removed) = (None, 0);
            }
        }
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::testing::Sim;
    use crate::journal::{FrameRef, Options};

    const SEGMENT: u64 = 4096;

    /// A journal of so many segments, an epoch each.
    fn journal(segments: u64) -> (Sim, Writer<Sim>) {
        let sim = Sim::new(7);
        let options = Options { segment_bytes: SEGMENT, ..Options::default() };
        let (mut writer, _) = Writer::open_in(sim.clone(), options).unwrap();
        for epoch in 0..segments {
            let body = vec![b'x'; SEGMENT as usize / 2];
            let parts = [crate::journal::PartRef { tag: 1, bytes: &body }];
            writer.append(&FrameRef { epoch, now: 0, flags: 0, parts: &parts }).unwrap();
            writer.sync().unwrap();
        }
        (sim, writer)
    }

    fn left(sim: &Sim) -> usize {
        sim.list().unwrap().iter().filter(|name| name.ends_with(".log")).count()
    }

    #[test]
    fn segments_go_one_after_the_other_in_their_time() {
        let (sim, mut writer) = journal(7);
        let mut forgetting = Forgetting::default();
        forgetting.go_on(&mut writer, 5).unwrap();
        assert_eq!(left(&sim), 7, "nothing was said not to be needed");
        forgetting.raise(2);
        forgetting.go_on(&mut writer, 5).unwrap();
        assert_eq!(left(&sim), 6, "the first goes at once");
        let next_ns = forgetting.next_ns;
        let expected = PACE.as_nanos() as i64 / (PACE_BYTES / SEGMENT) as i64;
        assert!((expected / 4..expected).contains(&next_ns), "by its bytes: {next_ns}");
        forgetting.go_on(&mut writer, next_ns - 1).unwrap();
        assert_eq!(left(&sim), 6);
        // What comes meanwhile goes with it.
        forgetting.raise(4);
        for (at, segments) in [(1, 5), (2, 4), (3, 3), (4, 3)] {
            forgetting.go_on(&mut writer, next_ns * at).unwrap();
            assert_eq!(left(&sim), segments);
        }
        assert_eq!((forgetting.before, forgetting.removed), (None, 0));
        forgetting.raise(5);
        forgetting.go_on(&mut writer, next_ns * 5).unwrap();
        assert_eq!(left(&sim), 2);
    }

    #[test]
    fn without_room_all_of_it_goes_at_once() {
        let (sim, mut writer) = journal(5);
        let mut forgetting = Forgetting::default();
        assert!(!forgetting.all(&mut writer).unwrap());
        forgetting.raise(3);
        assert!(forgetting.all(&mut writer).unwrap());
        assert_eq!(left(&sim), 2);
        assert!(!forgetting.all(&mut writer).unwrap());
    }
}
