//! What commands that read a journal say of it.

use super::exit;
use crate::emit::wire::words::phrase::count;
use crate::epoch::{RecoverError, Recovered, Run};
use crate::replay::journal::JournalReplayError;
use crate::settings::Settings;

/// The exit code of a journal that cannot be used, as `run` has it.
pub(super) fn code_of(error: &JournalReplayError) -> u8 {
    match error {
        JournalReplayError::Snapshot(_)
        | JournalReplayError::NotFound { .. }
        | JournalReplayError::Look { .. }
        | JournalReplayError::Recover(RecoverError::Journal(_)) => exit::IO,
        JournalReplayError::Told(_)
        | JournalReplayError::Recover(RecoverError::Entry(_) | RecoverError::Apart { .. })
        | JournalReplayError::Together(_) => exit::DATA,
        JournalReplayError::Recover(RecoverError::Runtime(_))
        | JournalReplayError::Runtime(_)
        | JournalReplayError::Emitter => exit::FAILED,
    }
}

/// Says on the error stream why what a journal leads to may not be what was told.
pub(super) fn warn_of(recovered: &Recovered, settings: &Settings) {
    for doubt in doubts(recovered, settings) {
        eprintln!("causeway: warning: {doubt}");
    }
}

/// Why what a journal leads to may not be what was told, and what of it was left out.
pub(super) fn doubts(recovered: &Recovered, settings: &Settings) -> Vec<String> {
    let mut doubts = Vec::new();
    let own = Run::of(settings, String::new());
    let others = recovered.runs.iter().filter(|(_, run)| !run.decides_as(&own));
    let others: Vec<&(u64, Run)> = others.collect();
    if let Some((epoch, run)) = others.first() {
        let what = match run.version == own.version {
            true => "other settings; give the configuration of the run with -c".to_owned(),
            false => format!("version {}, this is {}", run.version, own.version),
        };
        doubts.push(format!(
            "{} of {} that wrote the journal decided otherwise, the first from epoch {epoch} on, \
             with {what}: what was told then may differ",
            others.len(),
            count(recovered.runs.len(), "run"),
        ));
    }
    for (source, submissions) in &recovered.left_out {
        let deliveries = count(usize::try_from(*submissions).unwrap_or(usize::MAX), "delivery");
        doubts.push(format!(
            "source `{source}` is not configured, so {deliveries} of it {} left out, as `run` \
             leaves them out",
            if *submissions == 1 { "is" } else { "are" },
        ));
    }
    if let Some(torn) = &recovered.torn {
        doubts.push(format!(
            "the journal ends within epoch {}, {} byte {}, {} bytes: left out; a process was \
             killed there, or is writing it",
            torn.epoch,
            torn.path.display(),
            torn.offset,
            torn.bytes,
        ));
    }
    doubts
}
