//! Snapshots of every format version stay readable, and lead to what they led to.

use super::history::{About, Heard, History, START};
use super::run::remembered;
use causeway::emit::digest::Digest;
use causeway::epoch::Run;
use causeway::runtime::{Past, resume};
use causeway::snapshot::{Emission, Folder, Head, Snapshot, Sources, VERSION};
use causeway_dataflows::ops::epochs::Tick;
use causeway_dataflows::params::Params;
use std::path::{Path, PathBuf};

/// A cart that fails after a deploy, its pods and its users, a silence, something that flaps.
fn history() -> History {
    let alert = |entity, name, resolved, severity| Heard::Alert {
        entity,
        name,
        lag: 2,
        resolved,
        severity,
        ends: None,
        id: 7,
    };
    let mut steps = vec![
        (START, Heard::Context(About::Relation(0, 1, 0), true), false),
        (START, Heard::Context(About::Relation(1, 3, 0), true), false),
        (START, Heard::Context(About::Relation(4, 1, 2), true), false),
        (START, Heard::Context(About::Alias(1, 5, 4), true), true),
        (START + 100, Heard::Context(About::Change(1, 0), true), true),
        (START + 120, alert(1, 1, false, 17), true),
        (START + 130, alert(4, 0, false, 13), false),
        (START + 140, alert(0, 0, false, 17), true),
        (START + 150, Heard::Context(About::Silence(6, 600), true), false),
        (START + 160, alert(6, 2, false, 21), true),
    ];
    for at in 0..12 {
        steps.push((START + 200 + at * 5, alert(2, 1, at % 2 == 1, 17), true));
    }
    History { steps, take_back: false }
}

fn folder(version: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/snapshot").join(format!("v{version}"))
}

/// What a snapshot puts up, as one number.
fn leads_to(snapshot: Snapshot) -> String {
    let params = Params::default();
    let tick = Tick { now: snapshot.head.now, drain: false };
    let past = Past { epoch: snapshot.head.epoch, tick, saved: snapshot.engine };
    let (feeder, mut collector) = resume(2, &params, 8, past).unwrap();
    drop(feeder);
    let mut digest = Digest::new();
    let output = collector.next_epoch().unwrap();
    assert!(output.rows.len() >= 5 && !output.incidents.is_empty(), "{output:?}");
    output.rows.iter().for_each(|(row, _)| digest.toggle_alert(row, None));
    output.incidents.iter().for_each(|(incident, _)| digest.toggle_incident(incident));
    digest.to_string()
}

#[test]
fn snapshots_of_every_version_stay_readable() {
    let Past { epoch, tick, saved } = remembered(&history());
    let run =
        Run { version: "0.1.0".to_owned(), settings: "s".to_owned(), journal: "j".to_owned() };
    let head = Head { epoch, now: tick.now, run, source_names: vec!["test".into()] };
    let made = Snapshot {
        head,
        engine: saved,
        emission: Emission::default(),
        sources: Sources::default(),
    };
    let directory = tempfile::tempdir().unwrap();
    let written = Folder::of(directory.path());
    written.write(&made).unwrap();
    let name = format!("snapshots/{epoch:020}.snapshot");
    if std::env::var_os("REWRITE").is_some() {
        std::fs::create_dir_all(folder(VERSION).join("snapshots")).unwrap();
        std::fs::copy(directory.path().join(&name), folder(VERSION).join(&name)).unwrap();
    }
    let made_of = format!("{made:?}");
    let leads = leads_to(made);
    for version in 1..=VERSION {
        let committed = Folder::of(&folder(version));
        assert_eq!(committed.epochs().unwrap(), [epoch], "version {version}");
        let kept = committed.read(epoch).unwrap();
        // While the version is this one, what is written now reads the same.
        assert_eq!(format!("{kept:?}"), made_of, "version {version}: the format has changed");
        assert_eq!(leads_to(kept), leads);
    }
}
