//! R6: whatever bytes come, a reader says what is wrong with them, and nothing breaks.
//!
//! Every reader of bytes that we did not write, or that may have been damaged since, is a
//! target: decoders, configuration, matchers, journal, snapshots, dead letters, sinks, HTTP.
//! Inputs are samples with pieces flipped, cut, doubled, taken from one another or from what
//! such readers look for. Nothing guides them by coverage, so a target wants many.

use crate::live::process::Process;
use causeway::canonical::{DeadLetter, Decoder, Format, Framing, Input, Mode, Origin, Source};
use causeway::config::{Surroundings, load_text};
use causeway::dlq;
use causeway::journal::{self, FrameRef, Options, PartRef};
use causeway::settings::Settings;
use causeway::snapshot::Folder;
use causeway::verify::{Acked, Checker, Expected};
use causeway_dataflows::ops::matcher::{format_matchers, parse_matchers};
use causeway_loadgen::rng::Rng;
use smol_str::SmolStr;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What bytes are given to, with samples to begin from.
struct Target {
    name: &'static str,
    samples: Vec<Vec<u8>>,
    /// Says what is wrong with the program, not with the bytes.
    read: Box<dyn FnMut(&[u8]) -> Result<(), String>>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Fuzzed {
    pub(super) inputs: u64,
    pub(super) targets: u64,
    pub(super) findings: Vec<String>,
}

/// Gives each target so many inputs; a file system and a socket take a tenth.
pub(super) fn fuzz(seed: u64, inputs: u64, has_time: &dyn Fn() -> bool) -> Fuzzed {
    let mut done = Fuzzed::default();
    for mut target in targets() {
        let mut rng = Rng::stream(seed, target.name);
        let number = if target.name.contains("file") { inputs / 10 } else { inputs };
        done.targets += 1;
        for at in 0..number.max(1) {
            if !has_time() {
                break;
            }
            let bytes = spoilt(&mut rng, &target.samples);
            let read = &mut target.read;
            let answer = catch_unwind(AssertUnwindSafe(|| read(&bytes)));
            let problem = match answer {
                Ok(Ok(())) => None,
                Ok(Err(problem)) => Some(problem),
                Err(_) => Some("it panics".to_owned()),
            };
            if let Some(problem) = problem {
                let shown = bytes.escape_ascii();
                let name = target.name;
                done.findings.push(format!("{name}, seed {seed}, input {at}: {problem}: {shown}"));
            }
            done.inputs += 1;
        }
    }
    done
}

/// Tokens that some reader looks for, and numbers at the ends of what they hold.
const TOKENS: [&str; 30] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\n",
    "\r\n",
    "- ",
    "  ",
    "#",
    "&a",
    "*a",
    "!!",
    "|",
    "${env:X}",
    "null",
    "true",
    "-1",
    "0",
    "1e309",
    "9223372036854775808",
    "NaN",
    "\u{0}",
    "\u{feff}",
    "é",
    "=~",
    "1970-01-01T00:00:00Z",
];

fn spoilt(rng: &mut Rng, samples: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = samples[rng.below(samples.len())].clone();
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(8) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            2 if at < bytes.len() => bytes[at] = rng.below(256) as u8,
            3 => {
                let end = (at + 1 + rng.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let piece = bytes[at..(at + rng.below(64)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let other = &samples[rng.below(samples.len())];
                let from = rng.below(other.len() + 1);
                let piece = other[from..(from + rng.below(64)).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let token = TOKENS[rng.below(TOKENS.len())];
                bytes.splice(at..at, token.bytes());
            }
            _ => {
                let zeros = vec![[0, 0xff][rng.below(2)]; 1 + rng.below(16)];
                let end = (at + zeros.len()).min(bytes.len());
                bytes.splice(at..end, zeros);
            }
        }
    }
    bytes
}

/// The files of a folder of fixtures whose names end so, whole.
fn fixtures(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let wanted = |path: &&std::path::PathBuf| path.to_string_lossy().ends_with(ending);
    let texts: Vec<Vec<u8>> =
        paths.iter().filter(wanted).map(|path| std::fs::read(path).unwrap()).collect();
    assert!(!texts.is_empty());
    texts
}

fn targets() -> Vec<Target> {
    let mut targets = vec![config(), matchers(), sink(), acked(), journal(), snapshot(), letters()];
    let decoders = [
        ("native", Format::Native, fixtures("wire/native", ".ndjson")),
        ("alertmanager", Format::Alertmanager, fixtures("wire/alertmanager", "json")),
        ("webhook", Format::Webhook, fixtures("wire/webhook", "json")),
        ("cloudevents", Format::CloudEvents, fixtures("wire/cloudevents", "json")),
        ("cdevents", Format::CdEvents, fixtures("wire/cdevents", "json")),
        ("backstage", Format::Backstage, fixtures("wire/backstage", "yaml")),
        ("kubernetes", Format::Kubernetes, fixtures("wire/kubernetes", "")),
    ];
    targets.extend(decoders.map(|(name, format, samples)| decoder(name, format, samples)));
    targets.push(http());
    targets
}

fn decoder(name: &'static str, format: Format, samples: Vec<Vec<u8>>) -> Target {
    let mut decoder = Decoder::new(Arc::new(Source::named("fuzz")), 2, None);
    let (tenant, origin) = (SmolStr::new_static("default"), Origin::default());
    let mut calls = 0u64;
    let read = move |bytes: &[u8]| {
        calls += 1;
        let framing = if calls.is_multiple_of(2) { Framing::Lines } else { Framing::Body };
        let mode = match calls % 3 {
            0 => Mode::Replay,
            _ => Mode::Followed { receipt_ns: 1_795_417_318_000_000_000 },
        };
        let call = Input { format, framing, tenant: &tenant, mode, origin: &origin, first_line: 1 };
        let counts = decoder.decode(bytes, &call).counts;
        if counts.balanced() { Ok(()) } else { Err(format!("books: {counts:?}")) }
    };
    Target { name, samples, read: Box::new(read) }
}

fn config() -> Target {
    let samples = [fixtures("config/good", ".yaml"), fixtures("config/bad", ".yaml")].concat();
    let read = |bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
        let around = Surroundings {
            variable: &|name| (name.len() > 2).then(|| "value".to_owned()),
            file: &|_| Ok("a-secret-of-sixteen-or-more".to_owned()),
        };
        let problems = match load_text("fuzz.yaml", text, &around) {
            Ok(written) => Settings::check(&written).err(),
            Err(error) => Some(error),
        };
        match problems {
            Some(error) if error.to_string().is_empty() => Err("it refuses without a word".into()),
            _ => Ok(()),
        }
    };
    Target { name: "configuration", samples, read: Box::new(read) }
}

fn matchers() -> Target {
    let samples = [
        r#"{foo="bar", "la bel"!~"a.*|b\"c"}"#,
        "alertname=~High.*,severity!=info",
        "a=b",
        r#"x="\n\\""#,
    ];
    let read = |bytes: &[u8]| {
        let Some(found) = std::str::from_utf8(bytes).ok().and_then(|t| parse_matchers(t).ok())
        else {
            return Ok(());
        };
        let text = format_matchers(&found);
        match parse_matchers(&text) {
            Ok(again) if again == found => Ok(()),
            other => Err(format!("{found:?} is written as {text} and read as {other:?}")),
        }
    };
    let samples = samples.map(|text| text.as_bytes().to_vec()).to_vec();
    Target { name: "matchers", samples, read: Box::new(read) }
}

fn sink() -> Target {
    let line = br#"{"specversion":"1.0","id":"INC-1/1","source":"causeway","type":"incident","data":{"incident_id":"INC-1","revision":1,"event":"opened","alerts":[]}}"#;
    let read = |bytes: &[u8]| {
        let mut checker = Checker::new(Expected::new());
        checker.read("fuzz", bytes).map_err(|error| error.to_string())?;
        let _ = checker.finish(false).to_text();
        Ok(())
    };
    Target { name: "sink", samples: vec![line.to_vec()], read: Box::new(read) }
}

fn acked() -> Target {
    let samples = vec![br#"{"source":"http","id":"e-1","kind":"alert"}"#.to_vec()];
    let read = |bytes: &[u8]| Acked::read(bytes).map(drop).or(Ok(()));
    Target { name: "acknowledged", samples, read: Box::new(read) }
}

/// A file among others that are whole; `look` must come to an end.
fn damaged_file(
    name: &'static str,
    file: std::path::PathBuf,
    directory: tempfile::TempDir,
    look: impl Fn(&Path) -> Result<(), String> + 'static,
) -> Target {
    let samples = vec![std::fs::read(&file).unwrap()];
    let read = move |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        look(directory.path())
    };
    Target { name, samples, read: Box::new(read) }
}

fn journal() -> Target {
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
        let Ok(mut reader) = journal::Reader::open_oldest(directory) else { return Ok(()) };
        let mut last = None;
        while let Ok(Some(frame)) = reader.next_frame() {
            if last.is_some_and(|last| frame.epoch != last + 1) {
                return Err(format!("epoch {} after {last:?}", frame.epoch));
            }
            let wrote = |part: &journal::Part| part.bytes == vec![b'x'; 10 * frame.epoch as usize];
            if frame.parts.len() != 1 || !wrote(&frame.parts[0]) {
                return Err(format!("epoch {} holds what nobody wrote", frame.epoch));
            }
            last = Some(frame.epoch);
        }
        Ok(())
    })
}

fn snapshot() -> Target {
    let directory = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/snapshot/v1");
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
            _ => Ok(()),
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

fn letters() -> Target {
    let directory = tempfile::tempdir().unwrap();
    let limits = dlq::StoreLimits { bytes_max: 1 << 20, age_max: Duration::from_secs(1 << 30) };
    let mut store = dlq::Store::open(directory.path(), limits).unwrap();
    store.append(&refused(), 1_795_417_200).unwrap();
    drop(store);
    let files = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let file = files.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    damaged_file("dead-letter file", file, directory, move |directory| {
        let Ok(store) = dlq::Store::open(directory, limits) else { return Ok(()) };
        let _ = store.list(&dlq::Filter::default(), 100);
        Ok(())
    })
}

/// A running process, whose answer may be anything but none.
fn http() -> Target {
    let process =
        Process::start("emission: {settle: 0s}\nsinks: {none: {type: file, path: none}}\n");
    let request = |head: &str, body: &str| {
        let length = body.len();
        let text =
            format!("{head} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n{body}");
        text.into_bytes()
    };
    let samples = vec![
        request("POST /v1/events", r#"{"source":"s","kind":"alert","name":"N","entity":"host:a"}"#),
        request(
            "PUT /v1/silences/a",
            r#"{"matchers":["a=b"],"startsAt":"2026-01-01T00:00:00Z","endsAt":"2027-01-01T00:00:00Z"}"#,
        ),
        request("POST /api/v2/alerts", r#"[{"labels":{"alertname":"N","instance":"a"}}]"#),
        request(
            "PUT /v1/topology",
            r#"{"source":"s","kind":"relation","from":"service:a/b","to":"host:c","relation":"runs_on"}"#,
        ),
        request("GET /v1/incidents?state=open&limit=5&severity=error", ""),
        request("GET /v1/alerts?limit=1&cursor=abc", ""),
        request("DELETE /v1/rules/x", ""),
        request("POST /-/reload", ""),
    ];
    let address = process.address();
    let read = move |bytes: &[u8]| {
        let failed = |error: std::io::Error| format!("{}: {error}", process.address());
        let mut stream = TcpStream::connect(address).map_err(failed)?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(failed)?;
        // Whoever is refused early may find the door closed while still speaking.
        let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        if read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock) {
            return Err("it does not answer".to_owned());
        }
        let status = answer.split(|byte| *byte == b' ').nth(1);
        match status {
            Some(b"500") => Err(format!("it fails: {}", answer.escape_ascii())),
            _ => Ok(()),
        }
    };
    Target { name: "HTTP, no file but a socket", samples, read: Box::new(read) }
}
