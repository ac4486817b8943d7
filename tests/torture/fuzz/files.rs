//! Files of ours that something damaged: journal, snapshots, dead letters.

use super::{Target, fixtures, shape};
use causeway::canonical::{DeadLetter, Decoder, Format, Framing, Input, Mode, Origin, Source};
use causeway::dlq;
use causeway::journal::{self, FrameRef, Options, PartRef};
use causeway::snapshot::{Folder, VERSION};
use smol_str::SmolStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A file among others that are whole; `look` must come to an end.
fn damaged_file(
    name: &'static str,
    file: std::path::PathBuf,
    directory: tempfile::TempDir,
    look: impl Fn(&Path) -> Result<String, String> + 'static,
) -> Target {
    let samples = vec![std::fs::read(&file).unwrap()];
    let read = move |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        look(directory.path())
    };
    Target { name, samples, slow: true, read: Box::new(read) }
}

pub(super) fn journal() -> Target {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, _) = journal::Writer::open(directory.path(), Options::default()).unwrap();
    for epoch in 0..20 {
        let payload = vec![b'x'; 10 * epoch as usize];
        let parts = [PartRef { tag: 1, bytes: &payload }];
        writer.append(&FrameRef { epoch, now: 7, flags: 0, parts: &parts }).unwrap();
    }
    writer.sync().unwrap();
    drop(writer);
    let segments = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let segment = segments.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    damaged_file("journal file", segment, directory, |directory| {
        let mut reader = match journal::Reader::open_oldest(directory) {
            Ok(reader) => reader,
            Err(error) => return Ok(shape(&error)),
        };
        let mut last = None;
        let end = loop {
            let frame = match reader.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break String::new(),
                Err(error) => break shape(&error),
            };
            if last.is_some_and(|last| frame.epoch != last + 1) {
                return Err(format!("epoch {} after {last:?}", frame.epoch));
            }
            let wrote = |part: &journal::Part| part.bytes == vec![b'x'; 10 * frame.epoch as usize];
            if frame.parts.len() != 1 || !wrote(&frame.parts[0]) {
                return Err(format!("epoch {} holds what nobody wrote", frame.epoch));
            }
            last = Some(frame.epoch);
        };
        Ok(format!("{last:?} {end}"))
    })
}

pub(super) fn snapshot() -> Target {
    let directory = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/snapshot/v{VERSION}"));
    let epoch = Folder::of(&from).epochs().unwrap()[0];
    let name = format!("snapshots/{epoch:020}.snapshot");
    let to = directory.path().join(&name);
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from.join(&name), &to).unwrap();
    let whole = std::fs::read(&to).unwrap();
    let place = to.clone();
    damaged_file("snapshot file", to, directory, move |directory| {
        let read = Folder::of(directory).read(epoch);
        let is_whole = std::fs::read(&place).unwrap() == whole;
        match read {
            Ok(_) if !is_whole => Err("a damaged snapshot is taken".to_owned()),
            Ok(_) => Ok(String::new()),
            Err(error) => Ok(shape(&error)),
        }
    })
}

/// The letters of a few events that cannot be used.
fn refused() -> Vec<DeadLetter> {
    let lines = fixtures("wire/native", "bad_alert.ndjson").concat();
    let (tenant, origin) = (SmolStr::new_static("default"), Origin::default());
    let (framing, mode) = (Framing::Lines, Mode::Replay);
    let format = Format::Native;
    let call = Input { format, framing, tenant: &tenant, mode, origin: &origin, first_line: 1 };
    let decoded = Decoder::new(Arc::new(Source::named("fuzz")), 1, None).decode(&lines, &call);
    let letters = decoded.rejects.iter().map(|r| r.dead_letter("2026-11-23T07:00:00Z", 1));
    letters.collect()
}

pub(super) fn letters() -> Target {
    let directory = tempfile::tempdir().unwrap();
    let limits = dlq::StoreLimits { bytes_max: 1 << 20, age_max: Duration::from_secs(1 << 30) };
    let mut store = dlq::Store::open(directory.path(), limits).unwrap();
    store.append(&refused(), 1_795_417_200).unwrap();
    drop(store);
    let files = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let file = files.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    damaged_file("dead-letter file", file, directory, move |directory| {
        let store = match dlq::Store::open(directory, limits) {
            Ok(store) => store,
            Err(error) => return Ok(shape(&error)),
        };
        match store.list(&dlq::Filter::default(), 100) {
            Ok(letters) => Ok(letters.letters.len().to_string()),
            Err(error) => Ok(shape(&error)),
        }
    })
}
