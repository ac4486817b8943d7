//! Key figures of ten services: nineteen series each, one score a service.

use super::native::{QualityError, file_error};
use causeway_dataflows::detect::metric::{MetricModel, Series};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Seconds between rows, and rows in a day.
const STEP: i64 = 300;
const DAY_ROWS: f64 = 288.0;

/// Scores of a service are the mean of so many of its highest.
const TOP: [usize; 3] = [1, 3, 6];

/// Block of a tar archive.
const BLOCK: usize = 512;

/// Scores the services and prints them beside what a plain z-score reaches.
///
/// # Errors
/// When the archive cannot be read, or does not hold what the data's README says.
pub fn run(dir: &Path) -> Result<Value, QualityError> {
    let path = dir.join("Dataset2.tar.zst");
    let files = unpacked(&path)?;
    let shape = |reason: String| QualityError::Shape { path: path.clone(), reason };
    let part = |part: &str, service: &str| {
        let text = files.get(&format!("Dataset2/{part}/{service}"));
        text.and_then(|text| table(text)).ok_or_else(|| shape(format!("{part} of {service}")))
    };
    let services = files.keys().filter_map(|name| name.strip_prefix("Dataset2/test/"));
    let mut sums = [0.0; TOP.len()];
    let (mut count, mut found, mut segments) = (0usize, 0, 0);
    println!("kpis of services: average precision by mean of the highest 1, 3, 6 scores");
    for service in services {
        let (train, test) = (part("train", service)?, part("test", service)?);
        let labels: Vec<bool> =
            part("test_label", service)?.iter().map(|row| row.first() > Some(&0.5)).collect();
        let scores = scores(&train, &test);
        let precise: Vec<f64> =
            scores.iter().map(|scores| average_precision(scores, &labels)).collect();
        let (hit, all) = segments_found(&scores[1], &labels);
        println!(
            "  {service}: {:.3} {:.3} {:.3}; {hit} of {all} segments at one false alarm a day",
            precise[0], precise[1], precise[2]
        );
        for (sum, precise) in sums.iter_mut().zip(&precise) {
            *sum += precise;
        }
        (count, found, segments) = (count + 1, found + hit, segments + all);
    }
    let mean = sums.map(|sum| sum / count.max(1) as f64);
    println!(
        "  mean: {:.3} {:.3} {:.3}; {found} of {segments} segments\n  \
         floor: 0.12 highest z, 0.143 mean of three, 0.073 chance",
        mean[0], mean[1], mean[2]
    );
    Ok(json!({"average_precision": mean, "found": found, "segments": segments}))
}

/// The scores of a service by row of the test, for each way to put its series together.
fn scores(train: &[Vec<f64>], test: &[Vec<f64>]) -> [Vec<f64>; TOP.len()] {
    let model = MetricModel::default();
    let width = train.first().map_or(0, Vec::len);
    let mut series = vec![Series::default(); width];
    let mut combined = TOP.map(|_| Vec::with_capacity(test.len()));
    for (row, values) in train.iter().chain(test).enumerate() {
        let steps = series.iter_mut().zip(values);
        let mut scores: Vec<u32> = steps
            .map(|(series, value)| series.step(&model, row as i64 * STEP, *value).score_ppm)
            .collect();
        if row < train.len() {
            continue;
        }
        scores.sort_unstable_by(|one, other| other.cmp(one));
        for (combined, top) in combined.iter_mut().zip(TOP) {
            let highest = scores.iter().take(top).map(|score| f64::from(*score));
            combined.push(highest.sum::<f64>() / top as f64);
        }
    }
    combined
}

/// Precision averaged over the labelled rows, in falling order of score; rows that score
/// alike count together.
fn average_precision(scores: &[f64], labels: &[bool]) -> f64 {
    let mut rows: Vec<usize> = (0..scores.len().min(labels.len())).collect();
    rows.sort_by(|one, other| scores[*other].total_cmp(&scores[*one]));
    let all = labels.iter().filter(|label| **label).count().max(1) as f64;
    let (mut right, mut seen, mut sum) = (0.0, 0.0, 0.0);
    for alike in rows.chunk_by(|one, other| scores[*one] == scores[*other]) {
        let more = alike.iter().filter(|row| labels[**row]).count() as f64;
        seen += alike.len() as f64;
        right += more;
        sum += more / all * right / seen;
    }
    sum
}

/// Segments with a row above the lowest threshold that has at most one false alarm a day; a
/// run of rows above it is one alarm.
fn segments_found(scores: &[f64], labels: &[bool]) -> (usize, usize) {
    let mut thresholds = scores.to_vec();
    thresholds.sort_by(|one, other| other.total_cmp(one));
    thresholds.dedup();
    let allowed = (labels.len() as f64 / DAY_ROWS) as usize;
    let runs = |of: &dyn Fn(usize) -> bool| {
        (0..labels.len()).filter(|row| of(*row) && (*row == 0 || !of(row - 1))).count()
    };
    let all = runs(&|row| labels[row]);
    let mut most = 0;
    // A coarse walk: thresholds are many, and alarms grow slowly.
    for threshold in thresholds.iter().step_by(20) {
        let alarms = runs(&|row| scores[row] >= *threshold && !labels[row]);
        if alarms > allowed {
            break;
        }
        let segments = labels.iter().zip(scores).collect::<Vec<_>>();
        let hit = segments
            .chunk_by(|one, other| one.0 == other.0)
            .filter(|run| *run[0].0 && run.iter().any(|row| *row.1 >= *threshold))
            .count();
        most = most.max(hit);
    }
    (most, all)
}

fn table(text: &str) -> Option<Vec<Vec<f64>>> {
    let row = |line: &str| line.split(',').map(|field| field.trim().parse().ok()).collect();
    text.lines().map(row).collect()
}

/// The files of a compressed tar archive by name.
///
/// # Errors
/// When it cannot be read.
pub fn unpacked(path: &Path) -> Result<BTreeMap<String, String>, QualityError> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        zstd::Decoder::new(std::fs::File::open(path)?)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|source| file_error(path, source))?;
    let mut files = BTreeMap::new();
    let mut rest = bytes.as_slice();
    while let Some((header, after)) = rest.split_first_chunk::<BLOCK>() {
        let text = |from: usize, to: usize| {
            let field = header[from..to].split(|byte| *byte == 0).next().unwrap_or_default();
            String::from_utf8_lossy(field).trim().to_owned()
        };
        let Ok(size) = usize::from_str_radix(&text(124, 136), 8) else { break };
        let Some(body) = after.get(..size) else { break };
        if matches!(header[156], b'0' | 0) && size > 0 {
            files.insert(text(0, 100), String::from_utf8_lossy(body).into_owned());
        }
        rest = after.get(size.next_multiple_of(BLOCK)..).unwrap_or_default();
    }
    Ok(files)
}
