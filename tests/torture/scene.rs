//! A directory whose processes meet faults, and what is put together of it in the end.

use super::changes::{changer, compare};
use super::faults::{self, Fault, Start};
use super::kills::{self, Left, SENDERS, is_count};
use super::load::{Load, begin};
use super::receiver::{Mood, Receiver};
use super::victim::{DEADLINE, Place, Victim};
use causeway_loadgen::rng::Rng;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Between two requests of a sender: segments are to fill.
const PACE: Duration = Duration::from_millis(10);
/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(2);
/// Blanks of an event.
const BLANKS_MAX: usize = 36 << 10;
/// A segment that is shorter holds no frame: it was being made when there was no room.
const HEADER_BYTES: u64 = 40;
/// Tails that are kept beside a journal.
const TORN: u64 = 4;

/// A place, a load on it, and the faults that its processes meet.
pub(super) struct Scene {
    pub(super) place: Place,
    pub(super) load: Arc<Load>,
    receiver: Receiver,
    tasks: JoinSet<()>,
    /// How long standard output was when a process ended, or could write no more.
    pub(super) ends: BTreeSet<usize>,
    /// How long the log was when the last process began.
    log_at: usize,
    root: PathBuf,
}

impl Scene {
    /// A new directory, and senders that wait for a process.
    pub(super) async fn begin(seed: u64) -> Scene {
        let mut rng = Rng::stream(seed, "scene");
        let receiver = Receiver::start(Mood::Unwell, seed).await;
        let place = Place::new(&mut rng, |path| yaml(seed, path, &receiver));
        let load = Arc::new(Load::new(place.url(""), PACE).with_blanks(BLANKS_MAX));
        let mut tasks = begin(&load, SENDERS, place.path("events.ndjson"), seed);
        let own = Arc::clone(&load);
        tasks.spawn(async move { changer(&own, seed).await });
        let root = place.path("").canonicalize().unwrap();
        fs::create_dir(root.join("archive")).unwrap();
        Scene { place, load, receiver, tasks, ends: BTreeSet::new(), log_at: 0, root }
    }

    /// Starts a process that meets a fault at the given call of a site.
    pub(super) fn start_armed(&mut self, fault: Fault, site: &str, at: u64) -> Victim {
        for name in ["mark", "room"] {
            let _ = fs::remove_file(self.place.path(name));
        }
        self.start(&[
            ("FAULTS_SITE", site.to_owned()),
            ("FAULTS_KIND", fault.word().to_owned()),
            ("FAULTS_AT", at.to_string()),
            ("FAULTS_MARK", self.file("mark")),
            ("FAULTS_ROOM", self.file("room")),
        ])
    }

    /// Starts a process whose calls are listed.
    pub(super) fn start_listed(&mut self) -> Victim {
        let _ = fs::remove_file(self.place.path("list"));
        self.start(&[("FAULTS_LIST", self.file("list"))])
    }

    /// The calls of the last process that was listed.
    pub(super) fn listed(&self) -> String {
        fs::read_to_string(self.place.path("list")).unwrap()
    }

    fn start(&mut self, environment: &[(&str, String)]) -> Victim {
        self.log_at = self.log().len();
        let mut all = vec![
            ("LD_PRELOAD", faults::injector().display().to_string()),
            ("FAULTS_ROOT", self.root.display().to_string()),
            ("FAULTS_ARCHIVE", self.file("archive")),
        ];
        all.extend_from_slice(environment);
        self.place.start_under(&all)
    }

    fn file(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    /// The path of the file that the fault met, once it did.
    pub(super) fn mark(&self) -> Option<PathBuf> {
        fs::read_to_string(self.place.path("mark"))
            .ok()
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    }

    /// Makes room again.
    pub(super) fn make_room(&self) {
        fs::write(self.place.path("room"), "").unwrap();
    }

    fn log(&self) -> Vec<u8> {
        fs::read(self.place.path("stderr")).unwrap_or_default()
    }

    /// What the last process complained of, but for a webhook that is not well.
    pub(super) fn complaints(&self) -> String {
        let log = self.log();
        let said = String::from_utf8_lossy(&log[self.log_at.min(log.len())..]);
        let bad = |line: &&str| !line.contains("\"level\":\"INFO\"") && !line.contains("webhook");
        said.lines().filter(bad).map(|line| format!("{line}\n")).collect()
    }

    /// Whether the last process named a file, or its directory, in a warning or an error.
    pub(super) fn named(&self, path: &Path) -> bool {
        let own = path.to_string_lossy();
        let above = path.parent().unwrap().to_string_lossy();
        let names_above = |line: &str| {
            line.match_indices(&*above).any(|(at, _)| !line[at + above.len()..].starts_with('/'))
        };
        // A sink on standard output knows no path of it.
        let is_stdout = path.ends_with("stdout");
        self.complaints().lines().any(|line| {
            let is_named = line.contains(&*own) || names_above(line);
            is_named || is_stdout && line.contains("stdout")
        })
    }

    /// A process is gone: notes where it may have torn standard output.
    pub(super) fn gone(&mut self) {
        self.load.killed();
        self.ends.insert(self.stdout().len());
    }

    pub(super) fn stdout(&self) -> Vec<u8> {
        fs::read(self.place.path("stdout")).unwrap_or_default()
    }

    /// Brings what is left of the last process into the state wanted, `whole` with all that a
    /// process leaves that has run for a while; says what it lacks for it.
    pub(super) async fn prepare(&mut self, start: Start, whole: bool) -> Result<(), String> {
        match start {
            Start::Fresh => Ok(()),
            Start::Again if !whole => Ok(()),
            Start::Again => self.snapshots().await,
            Start::Spoilt => {
                // One is damaged, and another has to be there.
                self.snapshots().await?;
                spoil(&self.place).unwrap();
                Ok(())
            }
            Start::Owing => self.owe().await,
        }
    }

    /// Has a process make two snapshots where they are not there.
    async fn snapshots(&mut self) -> Result<(), String> {
        let made = |place: &Place| (snapshots(place).len() >= 2).then_some(());
        if made(&self.place).is_some() {
            return Ok(());
        }
        let victim = self.start(&[]);
        let made = wait(|| made(&self.place)).await;
        victim.kill();
        self.gone();
        made.ok_or_else(|| format!("it makes no snapshots:\n{}", self.complaints()))
    }

    /// Has a process owe its sinks something when it is killed, some of it since its last
    /// snapshot: one of them gets no answers, the other has no room.
    async fn owe(&mut self) -> Result<(), String> {
        self.receiver.set(Mood::Away);
        let victim = self.start_armed(Fault::Full, "write log/told.ndjson", 1);
        let mut known: Option<(PathBuf, [u64; 2])> = None;
        let owed = wait(|| {
            let owed = ["hook.", "log."].map(|sink| waiting(&self.place, sink));
            // Without the fault the file has its lines, and only its spool looks as if not.
            self.mark()?;
            let newest = snapshots(&self.place).pop().filter(|_| !owed.contains(&0))?;
            match &known {
                // A snapshot may be under way that knows of all that waits now.
                Some((last, then)) if *last == newest => {
                    (owed[0] > then[0] && owed[1] > then[1]).then_some(())
                }
                _ => {
                    known = Some((newest, owed));
                    None
                }
            }
        })
        .await;
        victim.kill();
        self.gone();
        self.receiver.set(Mood::Unwell);
        owed.ok_or_else(|| format!("its sinks are owed nothing:\n{}", self.complaints()))
    }

    /// Ends the load, lets a last process work everything off, and holds all to what was sent.
    pub(super) async fn end(mut self) -> kills::Round {
        let mut last = self.start(&[]);
        self.load.finish();
        while let Some(done) = self.tasks.join_next().await {
            done.unwrap_or_else(|error| panic!("{error}\n{}", self.place.log_tail()));
        }
        self.receiver.set(Mood::Well);
        let mut findings = kills::settled(&self.load).await;
        compare(&self.load).await;
        last.signal("TERM");
        findings.extend(kills::drained(&self.place, &mut last));
        let known = self.load.known().clone();
        let left = Left {
            journal: whole_journal(&self.place),
            stdout: self.stdout(),
            logged: logged(&self.place),
            hook: self.receiver.taken(),
            letters: letters(&self.place),
            letters_lost_max: letters_lost(&self.log()),
        };
        let mut round = kills::judge(&self.place, &known, &left, &self.ends);
        round.findings.extend(findings);
        if !round.findings.is_empty() {
            println!("kept in {}", self.place.keep().display());
        }
        round
    }
}

/// Asks again and again until there is an answer, or the deadline is over.
pub(super) async fn wait<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let ends = Instant::now() + DEADLINE;
    while Instant::now() < ends {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        tokio::time::sleep(LOOK).await;
    }
    None
}

/// Everything small, so that it is begun, filled, set aside and removed all the time.
fn yaml(seed: u64, path: &Path, receiver: &Receiver) -> String {
    let engine = kills::engine(&mut Rng::stream(seed, "configuration"));
    format!(
        "{engine}journal: {{segment: 1MiB, snapshot_bytes: 256KiB}}\n\
         dead_letters: {{bytes: 8KiB, payload: 1KiB}}\n\
         sources:\n  http: {{type: http}}\n  \
         tail: {{type: file, path: \"{0}/events.ndjson\", follow: true, poll: 5ms}}\n\
         sinks:\n  stdout: {{type: stdout, queue: {{full: block}}}}\n  \
         log: {{type: file, path: \"{0}/log/told.ndjson\", rotate_size: 32KiB, \
         keep: 2, compress: true, queue: {{revisions: 2}}}}\n  \
         hook: {{type: webhook, url: \"http://{1}/\", allow_private: [127.0.0.0/8], \
         backoff_max: 20ms, queue: {{revisions: 1, disk: 16MiB}}}}\n",
        path.display(),
        receiver.address,
    )
}

/// Files of a directory, by name; none where there is no directory.
fn files(directory: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path)).collect()
}

fn ending(place: &Place, directory: &str, ending: &str) -> Vec<PathBuf> {
    let files = files(&place.path(directory));
    files.into_iter().filter(|(name, _)| name.ends_with(ending)).map(|(_, path)| path).collect()
}

fn snapshots(place: &Place) -> Vec<PathBuf> {
    ending(place, "data/snapshots", ".snapshot")
}

/// Bytes of the files in which something waits for a sink.
fn waiting(place: &Place, sink: &str) -> u64 {
    let files = files(&place.path("data/sinks")).into_iter();
    let own = files.filter(|(name, _)| name.starts_with(sink) && name.ends_with(".spool"));
    // One may be spent while it is looked at.
    own.filter_map(|(_, path)| path.metadata().ok()).map(|meta| meta.len()).sum()
}

/// What a crash may leave, all at once: torn tails of whatever grows, half of a compressed file,
/// and a damaged snapshot where there is another.
fn spoil(place: &Place) -> std::io::Result<()> {
    let tails = [
        ending(place, "data/journal", ".log").pop(),
        ending(place, "data/dlq", ".ndjson").pop(),
        Some(place.path("log/told.ndjson")).filter(|path| path.exists()),
    ];
    for path in tails.into_iter().flatten() {
        OpenOptions::new().append(true).open(path)?.write_all(b"{\"torn\": ")?;
    }
    if let Some(compressed) = ending(place, "log", ".zst").pop() {
        let bytes = fs::read(&compressed)?;
        fs::write(compressed.with_extension(""), zstd::decode_all(&bytes[..])?)?;
        fs::write(compressed.with_extension("zst.part"), &bytes[..bytes.len() / 2])?;
        fs::remove_file(compressed)?;
    }
    let snapshots = snapshots(place);
    if let [.., _, newest] = &snapshots[..] {
        let mut bytes = fs::read(newest)?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(newest, bytes)?;
        fs::write(place.path("data/snapshots").join(format!("{:020}.snapshot.damaged", 0)), "")?;
    }
    // As many as are kept, so that one of them has to go.
    if place.journal().exists() {
        for at in 0..TORN {
            fs::write(place.journal().join(format!("{:020}-{at:020}.torn", 0)), "torn")?;
        }
    }
    Ok(())
}

/// The journal with what it has forgotten.
fn whole_journal(place: &Place) -> PathBuf {
    let whole = place.path("whole");
    fs::create_dir(&whole).unwrap();
    for (name, path) in files(&place.path("archive/data/journal")) {
        if path.metadata().unwrap().len() > HEADER_BYTES {
            fs::copy(path, whole.join(name)).unwrap();
        }
    }
    for (name, path) in files(&place.journal()) {
        fs::copy(path, whole.join(name)).unwrap();
    }
    whole
}

/// Dead letters, also those that had to make room.
fn letters(place: &Place) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for directory in ["archive/data/dlq", "data/dlq"] {
        for path in files(&place.path(directory)).into_values() {
            let text = fs::read_to_string(path).unwrap();
            // A torn line is none.
            let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            ids.extend(lines.filter_map(|letter| Some(letter["id"].as_str()?.to_owned())));
        }
    }
    ids
}

/// Dead letters that processes said they could not keep.
fn letters_lost(log: &[u8]) -> usize {
    let text = String::from_utf8_lossy(log);
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lost = lines.filter(|line| line["message"] == "dead letters are lost");
    lost.filter_map(|line| line["dropped"].as_u64()).sum::<u64>() as usize
}

/// The lines of a rotated file, also of those that were compressed and removed, oldest first.
fn logged(place: &Place) -> String {
    // Of several forms of one file that counts which a reader would take.
    let mut parts: BTreeMap<String, PathBuf> = BTreeMap::new();
    let of = |directory: &str, wanted: &str| -> Vec<(String, PathBuf)> {
        let all = files(&place.path(directory)).into_iter();
        all.filter(|(name, _)| name.ends_with(".zst") == (wanted == ".zst"))
            .filter(|(name, path)| !name.ends_with(".part") && !is_count(path))
            .map(|(name, path)| (name.trim_end_matches(".zst").to_owned(), path))
            .collect()
    };
    for (directory, form) in
        [("archive/log", ""), ("archive/log", ".zst"), ("log", ".zst"), ("log", "")]
    {
        parts.extend(of(directory, form));
    }
    // The one that grows has the shortest name and the newest lines.
    let newest = parts.remove("told.ndjson");
    let read = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        let is_plain = path.extension().is_none_or(|extension| extension != "zst");
        let plain = if is_plain { bytes } else { zstd::decode_all(&bytes[..]).unwrap() };
        String::from_utf8(plain).unwrap()
    };
    parts.values().chain(&newest).map(read).collect()
}
