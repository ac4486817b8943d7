//! The alerts of one Online Boutique cluster with 70 injected faults.
//!
//! Every recorded event becomes an alert event: a metric keeps its name and
//! direction, a trace its operation and abnormality and belongs to the callee,
//! a log line its template. What else they carry is not identity and goes to
//! the attributes. One fault window is one true incident; the truth names its
//! entity, not a path.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::native::{Body, Class, Dataset, Event, QualityError, TrueIncident, rfc3339};
use super::ob1_recording::{Recorded, Signal, Window, read_events, read_topology, read_windows};
use super::synth::Rng;
use serde_json::{Value, json};

/// In the mode of given windows, at least this much lies between two of them:
/// more than any link spans.
const GAP_MS: i64 = 900_000;

/// The model of this system: rarity alone, by the weights that ALGORITHMS.md 4.4 found on it
/// by cross-validation. The defaults were fitted on systems whose alerts follow dependencies,
/// which few of these do.
const WEIGHTS: [(&str, f64); 24] = [
    ("own", 1.52),
    ("explained", 0.56),
    ("peer", -1.64),
    ("log", 0.74),
    ("mention", 0.97),
    ("cover", 0.0),
    ("onset", 0.0),
    ("change", 0.0),
    ("symptom", 0.0),
    ("silent", 0.0),
    ("proxy", 0.0),
    ("specific", 0.0),
    ("support", 0.0),
    ("unknown", 4.0),
    ("service", 0.0),
    ("host", 0.0),
    ("database", 0.0),
    ("zone", 0.0),
    ("queue", 0.0),
    ("pod", 0.0),
    ("external", 0.0),
    ("lb", 0.0),
    ("deployment", 0.0),
    ("cache", 0.0),
];

/// How the windows are laid out in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As recorded, with the few windows that overlap.
    Stream,
    /// In the same order and never nearer than 15 minutes, so that what is seen
    /// before a window is earlier windows only; each event also names its
    /// window in the label `window`, by which a rule groups.
    Windows,
}

/// Converts the recording; `background` is how many alerts of no incident there
/// are for each alert of one.
///
/// # Errors
/// When a file is missing or is not as its README says.
pub fn convert(
    dir: &Path,
    mode: Mode,
    background: f64,
    seed: u64,
) -> Result<Dataset, QualityError> {
    let names = read_topology(&dir.join("topology.json"))?;
    let mut set = Dataset {
        name: format!("alerts-ob1/{}", if mode == Mode::Stream { "stream" } else { "windows" }),
        seed,
        entities: names.0.values().cloned().collect(),
        relations: names.1,
        ..Dataset::default()
    };
    let entity = |id: &str| match names.0.get(id) {
        Some(entity) => entity.clone(),
        None => format!("unknown:ob/{id}"),
    };
    let windows = read_windows(&dir.join("labels.csv"), &entity)?;
    let shifts = shifts(&windows, mode);
    let recorded = read_events(&dir.join("events.ndjson"), windows.len())?;
    for (serial, event) in recorded.iter().enumerate() {
        let window = event.fault_id;
        let at_ms = event.ts + shifts[window];
        let named = (mode == Mode::Windows).then_some(window);
        let mut event = alert(&event.signal, format!("ob-{serial}"), at_ms, named, &entity);
        event.incident = Some(window);
        set.events.push(event);
    }
    set.incidents = windows
        .iter()
        .enumerate()
        .map(|(index, window)| TrueIncident {
            id: format!("fault-{index:02}"),
            root: window.root.clone(),
            fault: window.fault.clone(),
            start: rfc3339(window.start_ms + shifts[index]),
            end: rfc3339(window.end_ms + shifts[index]),
            change_id: None,
            entities: set
                .events
                .iter()
                .filter(|event| event.incident == Some(index))
                .map(|event| event.entity.clone())
                .collect(),
            path: Vec::new(),
        })
        .collect();
    if mode == Mode::Windows {
        set.controls.push(json!({"kind": "rule", "op": "upsert", "rule": {
            "id": "given-windows",
            "matchers": ["window!=\"\""],
            "action": {"group_by": ["window"]},
        }}));
        let weights: serde_json::Map<String, Value> =
            WEIGHTS.iter().map(|(name, weight)| ((*name).to_owned(), (*weight).into())).collect();
        set.controls.push(json!({"kind": "model", "op": "upsert", "model": {
            "version": "surprise/1", "weights": weights,
        }}));
    }
    if background > 0.0 {
        set.name.push_str("+noise");
        let noise = noise(&recorded, &windows, &shifts, mode, background, &mut Rng(seed), &entity);
        set.events.extend(noise);
    }
    Ok(set)
}

/// How far each window is moved.
fn shifts(windows: &[Window], mode: Mode) -> Vec<i64> {
    let mut free_ms = i64::MIN;
    let mut shifts = Vec::with_capacity(windows.len());
    for window in windows {
        let start_ms =
            if mode == Mode::Windows { window.start_ms.max(free_ms) } else { window.start_ms };
        shifts.push(start_ms - window.start_ms);
        free_ms = start_ms + (window.end_ms - window.start_ms) + GAP_MS;
    }
    shifts
}

/// An alert event of no incident yet.
fn alert(
    signal: &Signal,
    id: String,
    at_ms: i64,
    window: Option<usize>,
    entity: &impl Fn(&str) -> String,
) -> Event {
    let own = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let (on, name, severity, kind, summary, attributes) = match signal {
        Signal::Metric { entity, host, name, direction } => (
            entity,
            format!("{name} {direction}"),
            "warning",
            "metric",
            format!("{name} of {entity} went {direction}"),
            own(&host.as_deref().map(|host| ("host", host)).into_iter().collect::<Vec<_>>()),
        ),
        Signal::Trace { from, to, name, abnormality } => (
            to,
            format!("{name} {abnormality}"),
            if abnormality.starts_with('5') { "error" } else { "warning" },
            "trace",
            format!("{name} from {from} to {to}: {abnormality}"),
            own(&[("caller", from)]),
        ),
        Signal::Log { entity, template_id, message } => (
            entity,
            format!("template {template_id}"),
            log_severity(message),
            "log",
            message.clone(),
            own(&[("message", message)]),
        ),
    };
    let mut labels = own(&[("signal", kind)]);
    if let Some(window) = window {
        labels.insert("window".to_owned(), format!("fault-{window:02}"));
    }
    Event {
        id,
        at_ms,
        entity: entity(on),
        summary: truncated(&summary),
        body: Body::Alert {
            name: truncate_to(&name, 256),
            severity,
            firing: true,
            labels,
            attributes,
        },
        incident: None,
        class: Class::Incident,
        repeats: None,
    }
}

/// The level that a line states; a stated level beats the word in its text.
fn log_severity(message: &str) -> &'static str {
    // Drain cut the first letter of some lines, which turned ERROR into RROR.
    let stated = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let is_word = |word: &str| {
        message.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| w.eq_ignore_ascii_case(word))
    };
    if stated(&["severity: warning", "| warning "]) {
        "warning"
    } else if stated(&["severity: error", "RROR:"]) || is_word("error") {
        "error"
    } else {
        "info"
    }
}

fn truncated(text: &str) -> String {
    truncate_to(text, 1024)
}

/// The longest start of a text that fits into so many bytes.
fn truncate_to(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

/// Alerts of other windows, replayed at a random moment of each window.
///
/// There are as many as the window has alerts of its own, times `background`,
/// counting each key once; none has a key that the window has itself, so that
/// none folds into an alert of the incident. Their kinds recur as often as they
/// do in the recording.
fn noise(
    recorded: &[Recorded],
    windows: &[Window],
    shifts: &[i64],
    mode: Mode,
    background: f64,
    rng: &mut Rng,
    entity: &impl Fn(&str) -> String,
) -> Vec<Event> {
    let mut keys: Vec<BTreeSet<(String, String)>> = vec![BTreeSet::new(); windows.len()];
    for event in recorded {
        keys[event.fault_id].insert(event.signal.key());
    }
    let mut noise = Vec::new();
    for (index, window) in windows.iter().enumerate() {
        let wanted = (keys[index].len() as f64 * background).round() as usize;
        let mut taken = keys[index].clone();
        // A window may hold nearly every key there is; then there is less noise.
        for _ in 0..wanted * 40 {
            if taken.len() >= keys[index].len() + wanted {
                break;
            }
            let Some(other) = rng.pick(recorded) else { break };
            let at_ms = rng.between(window.start_ms, window.end_ms) + shifts[index];
            if taken.insert(other.signal.key()) {
                let id = format!("noise-{index}-{}", taken.len());
                let named = (mode == Mode::Windows).then_some(index);
                let mut event = alert(&other.signal, id, at_ms, named, entity);
                event.class = Class::Noise;
                noise.push(event);
            }
        }
    }
    noise
}

// The bench has no harness, which drops the tests and keeps what they use; they run in
// the integration tests, which include this file.
#[cfg(test)]
#[allow(unused_imports, dead_code)]
mod tests {
    use super::*;

    const EVENTS: &str = r#"{"fault_id":0,"ts":1000,"kind":"metric","entity":"web-0","host":"node-1","name":"cpu","direction":"up"}
{"fault_id":0,"ts":2000,"kind":"trace","from":"web-0","to":"api-0","name":"Get (rpc)","abnormality":"500"}
{"fault_id":1,"ts":5000,"kind":"log","entity":"api-0","template_id":"7","message":"t | severity: error, message: no","count":1}
{"fault_id":1,"ts":6000,"kind":"metric","entity":"node-1","host":null,"name":"io","direction":"up"}
"#;

    const TOPOLOGY: &str = r#"{"nodes":[{"id":"web","type":"Service"},{"id":"web-0","type":"Service_Instance"},
        {"id":"api-0","type":"Service_Instance"},{"id":"node-1","type":"Host"}],
        "edges":[{"source":"node-1","target":"web-0","label":"hosts"},
        {"source":"web-0","target":"node-1","label":"hosted_on"},
        {"source":"web","target":"web-0","label":"has_instance"}]}"#;

    const LABELS: &str =
        "fault_id,start_ms_utc,end_ms_utc,level,root_cause_entity,fault_type,augmented
0,0,540000,pod,web-0,cpu load,False
1,500000,1040000,node,node-1,disk,False
";

    fn made(mode: Mode, background: f64) -> Dataset {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in
            [("events.ndjson", EVENTS), ("topology.json", TOPOLOGY), ("labels.csv", LABELS)]
        {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        convert(dir.path(), mode, background, 9).unwrap()
    }

    fn named(event: &Event) -> (&str, &str) {
        match &event.body {
            Body::Alert { name, severity, .. } => (name, severity),
            Body::Change { .. } => ("", ""),
        }
    }

    #[test]
    fn events_become_alerts() {
        let set = made(Mode::Stream, 0.0);
        let rows: Vec<(&str, (&str, &str))> =
            set.events.iter().map(|event| (event.entity.as_str(), named(event))).collect();
        assert_eq!(
            rows,
            [
                ("pod:ob/web-0", ("cpu up", "warning")),
                ("pod:ob/api-0", ("Get (rpc) 500", "error")),
                ("pod:ob/api-0", ("template 7", "error")),
                ("host:ob/node-1", ("io up", "warning")),
            ]
        );
        let roots: Vec<&str> = set.incidents.iter().map(|i| i.root.as_str()).collect();
        assert_eq!(roots, ["pod:ob/web-0", "host:ob/node-1"]);
        let relations: Vec<_> = set.relations.iter().cloned().collect();
        assert_eq!(
            relations,
            [
                ("pod:ob/web-0".into(), "host:ob/node-1".into(), "runs_on"),
                ("pod:ob/web-0".into(), "service:ob/web".into(), "part_of"),
            ]
        );
    }

    #[test]
    fn given_windows_never_touch() {
        let set = made(Mode::Windows, 0.0);
        // The second begins 15 minutes after the first ends, at 1 440 s, instead of at 500 s.
        assert_eq!(set.events[0].at_ms, 1_000);
        assert_eq!(set.events[2].at_ms, 5_000 + 940_000);
        let Body::Alert { labels, .. } = &set.events[2].body else { unreachable!() };
        assert_eq!(labels["window"], "fault-01");
        assert_eq!(set.controls.len(), 2);
    }

    #[test]
    fn noise_is_as_much_as_asked_and_never_a_key_of_the_window() {
        let set = made(Mode::Stream, 1.0);
        let noise: Vec<&Event> = set.events.iter().filter(|e| e.incident.is_none()).collect();
        assert_eq!(noise.len(), 4);
        for event in noise {
            assert_eq!(event.class, Class::Noise);
            let window = usize::from(event.id.starts_with("noise-1"));
            let clash = set.events.iter().any(|other| {
                other.incident == Some(window)
                    && (&other.entity, named(other)) == (&event.entity, named(event))
            });
            assert!(!clash, "{event:?}");
        }
    }

    #[test]
    fn the_stated_level_of_a_line_counts() {
        for (message, severity) in [
            ("t | severity: error, message: request error", "error"),
            ("t | severity: warning, message: rpc error", "warning"),
            ("t | warning envoy config closed: connection error: x", "warning"),
            ("t | RROR:exporter:failed", "error"),
            ("t | Error status code", "error"),
            ("t | DB saved on disk", "info"),
            ("t | errors: 0", "info"),
        ] {
            assert_eq!(log_severity(message), severity, "{message}");
        }
    }
}
