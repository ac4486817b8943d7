//! Every file under `fixtures/wire` yields what stands beside it.

use super::{Bench, LIVE, shown};
use causeway::canonical::{Decoded, Format, Framing, Kind, Mode, Source};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FORMATS: [(&str, Format); 7] = [
    ("native", Format::Native),
    ("alertmanager", Format::Alertmanager),
    ("webhook", Format::Webhook),
    ("cloudevents", Format::CloudEvents),
    ("cdevents", Format::CdEvents),
    ("backstage", Format::Backstage),
    ("kubernetes", Format::Kubernetes),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire").join(name)
}

fn samples(name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(name)).expect("the folder of fixtures is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    let sample = |path: &PathBuf| path.extension().is_some_and(|e| e != "expected" && e != "md");
    paths.retain(sample);
    paths.sort();
    paths
}

fn decode(path: &Path, format: Format) -> Decoded {
    let replay = path.file_stem().is_some_and(|stem| stem.to_string_lossy().contains("replay"));
    let mode = if replay { Mode::Replay } else { LIVE };
    let mut bench = Bench::new(Source::named("test"), format, mode);
    if path.extension().is_some_and(|extension| extension == "json") {
        bench.framing = Framing::Body;
    }
    bench.decode(&fs::read(path).unwrap())
}

#[test]
fn each_sample_yields_what_is_expected() {
    let rewrite = std::env::var_os("REWRITE").is_some_and(|value| value == "1");
    let mut wrong = Vec::new();
    for (name, format) in FORMATS {
        for path in samples(name) {
            let actual = shown::all(&decode(&path, format));
            let beside = path.with_extension("expected");
            if rewrite {
                fs::write(&beside, &actual).unwrap();
            } else if fs::read_to_string(&beside).unwrap_or_default() != actual {
                wrong.push(format!("{}:\n{actual}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "REWRITE=1 writes the files anew\n{}", wrong.join("\n"));
}

#[test]
fn good_samples_are_good_and_bad_ones_bad() {
    for (name, format) in FORMATS {
        let mut seen = BTreeSet::new();
        for path in samples(name) {
            let counts = decode(&path, format).counts;
            let good = path.file_stem().unwrap().to_string_lossy().starts_with("good");
            assert_eq!(counts.rejected == 0, good, "{}", path.display());
            assert!(counts.received > 0, "{}", path.display());
            seen.insert(good);
        }
        assert_eq!(seen.len(), 2, "{name} lacks good or bad samples");
    }
}

#[test]
fn every_kind_has_its_samples() {
    let mut kinds = BTreeSet::new();
    for path in samples("native") {
        kinds.extend(decode(&path, Format::Native).counts.kinds.iter().map(|(kind, _)| kind));
    }
    let missing: Vec<_> =
        Kind::ALL.iter().filter(|kind| !kinds.contains(kind) && **kind != Kind::Other).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
