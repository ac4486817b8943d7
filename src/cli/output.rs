//! Writing what stands at the end, and the one-object summary.

use super::{Failure, exit};
use crate::canonical::Counts;
use crate::emit::standing::Tally;
use crate::emit::summary::Summary;
use crate::emit::wire::convert::{Announcement, alert_row, revision};
use crate::emit::wire::{Home, Lineage, Message, RevisionEvent, Time};
use crate::replay::Finals;
use crate::telemetry::process::peak_resident_bytes;
use causeway_dataflows::model::Disposition;
use smol_str::ToSmolStr;
use std::io::{self, Write};
use std::process::ExitCode;

/// Prints; a reader that has seen enough, such as `head`, is no failure.
///
/// # Errors
/// When standard output fails otherwise.
pub fn put(text: &str) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::with(exit::IO)(error.into()))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// What a run came to.
pub fn summary(tally: &Tally, counts: &Counts, workers: usize, seconds: f64) -> Summary {
    let rss = peak_resident_bytes().unwrap_or(0);
    Summary::new(tally.digest(), seconds, rss, workers, counts.books(tally.books()))
}

/// One row per standing incident; its key is its public id (SEMANTICS rules 20 and 24).
pub fn write_incidents(finals: &Finals, out: &mut impl Write) -> io::Result<()> {
    for message in final_incidents(finals) {
        writeln!(out, "{}", message.line)?;
    }
    Ok(())
}

/// The last row of every incident, in order of key.
pub fn final_incidents(finals: &Finals) -> impl Iterator<Item = Message> {
    finals.incidents.values().map(|incident| {
        let resolved = incident.resolved;
        let event =
            if resolved.is_some() { RevisionEvent::Resolved } else { RevisionEvent::Opened };
        let latest = incident.members.last().map_or(incident.opened, |member| member.key.onset);
        let announcement = Announcement {
            incident_id: incident.key.to_smolstr(),
            revision: 1,
            event,
            updated_at: Time::from_seconds(resolved.unwrap_or(latest)),
            lineage: Lineage::default(),
            previous: None,
        };
        let counts = |key| finals.counts.get(&key).copied();
        Message::new(revision(incident, announcement, counts))
    })
}

/// One row per alert with its final incident.
pub fn write_alerts(finals: &Finals, out: &mut impl Write) -> io::Result<()> {
    for (key, row) in &finals.alerts {
        let home = match row.disposition {
            Disposition::Incident(incident) => Home::Incident(incident.to_smolstr()),
            Disposition::Suppressed(_) | Disposition::Standalone => Home::None,
        };
        let row = alert_row(row, home, finals.counts.get(key).copied());
        serde_json::to_writer(&mut *out, &row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
