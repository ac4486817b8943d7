//! What the configuration itself holds: silences, windows, rules, and the topology of its files.
//!
//! All of it stands from the moment at which it is read, also what somebody took back
//! meanwhile; what an earlier configuration held and this one does not is taken back. Both are
//! context of an epoch, so the journal has them and they are replayed as they came.

use crate::canonical::{Decoder, Format, Framing, Input, Kind, Mode, Origin, Reject, Source};
use crate::console::Registry;
use crate::console::registry::{Change, StatementKey, topology_id};
use crate::epoch::Queue;
use crate::ingest::file::{FileError, matching};
use crate::ingest::receptions::TOPOLOGY;
use crate::ingest::{Busy, Durable};
use crate::settings::{DEFAULT_TENANT, Settings};
use causeway_dataflows::model::{ContextEvent, Op};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Kinds that belong into a topology.
const KINDS: &[Kind] = &[Kind::Entity, Kind::Relation];

/// Everything that a configuration holds.
#[derive(Default)]
pub(super) struct Held {
    /// As events of the instant at which it was read.
    pub(super) events: Vec<ContextEvent>,
    /// Rows of topology that cannot be used.
    pub(super) refused: Vec<Reject>,
    /// Files of topology that cannot be read, each with the place of its pattern.
    pub(super) failed: Vec<(usize, FileError)>,
}

/// A file of topology without a single row, and the place of its pattern.
pub(super) type Empty = (usize, PathBuf);

/// Reads what the configuration holds, the files that it names included.
pub(super) fn read(settings: &Settings, now_ns: i64) -> Held {
    let (held, empty) = read_all(settings, now_ns);
    for (_, path) in empty {
        tracing::warn!(path = %path.display(), "a file of topology has no row");
    }
    held
}

/// The same, and which files have nothing in them: one that is being written has nothing at
/// first, and must not take back what it held.
pub(super) fn read_all(settings: &Settings, now_ns: i64) -> (Held, Vec<Empty>) {
    let mut held = Held { events: settings.context_events(now_ns), ..Held::default() };
    let mut empty = Vec::new();
    // Of two statements of one source about one thing the later holds.
    let mut statements: BTreeMap<StatementKey, ContextEvent> = BTreeMap::new();
    for (place, pattern) in settings.topology.iter().enumerate() {
        match paths(pattern) {
            Ok(paths) => {
                for path in paths {
                    match rows(&path, now_ns, &mut statements, &mut held.refused) {
                        Ok(0) => empty.push((place, path)),
                        Ok(_) => {}
                        Err(error) => held.failed.push((place, error)),
                    }
                }
            }
            Err(error) => held.failed.push((place, error)),
        }
    }
    held.events.extend(statements.into_values());
    (held, empty)
}

fn paths(pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
    let paths = matching(&[pattern.to_owned()])?;
    if paths.is_empty() {
        return Err(FileError::NoMatch { pattern: pattern.to_string_lossy().into_owned() });
    }
    Ok(paths)
}

/// Reads the statements of one file; how much there was in it, whatever it was.
fn rows(
    path: &Path,
    now_ns: i64,
    statements: &mut BTreeMap<StatementKey, ContextEvent>,
    refused: &mut Vec<Reject>,
) -> Result<u64, FileError> {
    let bytes =
        std::fs::read(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    let (format, tenant) = (Format::of_topology(path, &bytes), SmolStr::new_static(DEFAULT_TENANT));
    let origin = Origin {
        source_id: SmolStr::new_static(TOPOLOGY),
        partition: Some(SmolStr::new(path.to_string_lossy())),
        ..Origin::default()
    };
    let mut decoder = Decoder::new(Arc::new(Source::named(TOPOLOGY)), 1, None);
    // What is no topology in it is left out, and nothing else.
    decoder.expect(if format.is_mixed() { &[] } else { KINDS });
    let input = Input {
        format,
        framing: Framing::Body,
        tenant: &tenant,
        mode: Mode::Rows,
        origin: &origin,
        first_line: 1,
    };
    let decoded = decoder.decode(&bytes, &input);
    let received = decoded.counts.received;
    refused.extend(decoded.rejects);
    for event in decoded.segments.into_iter().flat_map(|segment| segment.context) {
        let Some(key) = StatementKey::of(&event) else { continue };
        if event.op == Op::Delete {
            statements.remove(&key);
            continue;
        }
        let id = topology_id(&event.body, event.op);
        statements.insert(key, ContextEvent { id, time_ns: now_ns, observed_ns: now_ns, ..event });
    }
    Ok(received)
}

/// Hands a change to the engine, and enters it into the lists.
///
/// # Errors
/// When the process is stopping or the disk is full; then nothing has happened.
pub(super) fn hand_on(change: Change, registry: &Registry, queue: &Queue) -> Result<Durable, Busy> {
    let Change { said, taken_back } = change;
    if said.is_empty() && taken_back.is_empty() {
        return Ok(Durable::now());
    }
    let events = [said, taken_back].concat();
    let durable = queue.context(events.clone())?;
    events.iter().for_each(|event| registry.apply(event));
    Ok(durable)
}
