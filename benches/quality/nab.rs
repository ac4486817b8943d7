//! The Numenta benchmark, its public half: one threshold for all series, three profiles.

use super::nab_score::{Labels, PROFILES, Tally};
use super::native::{QualityError, file_error};
use causeway_dataflows::detect::metric::{MetricModel, Series, THRESHOLD_PPM};
use serde_json::Value;
use std::path::Path;

/// A series with a score for each row.
struct Scored {
    labels: Labels,
    scores: Vec<u32>,
}

/// Scores the corpus, and prints the profiles beside the published detectors.
///
/// # Errors
/// When a file cannot be read, or does not hold what the data's README says.
pub fn run(dir: &Path) -> Result<Value, QualityError> {
    let scored = load(dir)?;
    let all: Vec<&Scored> = scored.iter().collect();
    let halves: [Vec<&Scored>; 2] =
        [0, 1].map(|half| scored.iter().skip(half).step_by(2).collect());
    let built_in = tally(&all, THRESHOLD_PPM);
    println!(
        "nab, {} series, {} windows: {} found, {} false alarms at the built-in threshold",
        scored.len(),
        built_in.windows,
        built_in.windows - built_in.missed,
        built_in.false_alarms
    );
    let anchors = json(&dir.join("anchors.json"))?;
    let mut figures = serde_json::Map::new();
    for (name, profile) in PROFILES {
        let best = |of: &[&Scored]| {
            let thresholds = (1..=99).map(|percent| percent * 10_000);
            let rated = thresholds.map(|t| (tally(of, t).score(profile), t));
            rated.max_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or_default()
        };
        let (optimised, threshold) = best(&all);
        let [even, odd] = &halves;
        let crossed = tally(even, best(odd).1).and(tally(odd, best(even).1)).score(profile);
        let own = built_in.score(profile);
        println!(
            "{name}: {own:.2} built-in (0.5), {optimised:.2} optimised ({:.2}), {crossed:.2} \
             with the threshold of the other half of the series",
            f64::from(threshold) / 1e6
        );
        let mut rows: Vec<(f64, &str)> = anchors
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(who, row)| Some((row[name]["public"].as_f64()?, who.as_str())))
            .collect();
        rows.sort_by(|one, other| other.0.total_cmp(&one.0));
        let rows: Vec<String> = rows.iter().map(|(score, who)| format!("{who} {score}")).collect();
        println!("  published, this split: {}", rows.join(", "));
        let row = serde_json::json!({"built_in": own, "optimised": optimised, "crossed": crossed});
        figures.insert(name.to_owned(), row);
    }
    Ok(Value::Object(figures))
}

fn tally(series: &[&Scored], threshold: u32) -> Tally {
    series.iter().fold(Tally::default(), |sum, series| {
        let rows = 0..series.scores.len();
        sum.and(series.labels.tally(rows.filter(|row| series.scores[*row] >= threshold)))
    })
}

fn load(dir: &Path) -> Result<Vec<Scored>, QualityError> {
    let path = dir.join("labels").join("combined_windows.json");
    let windows = json(&path)?;
    let model = MetricModel::default();
    let mut scored = Vec::new();
    for (name, windows) in windows.as_object().into_iter().flatten() {
        let path = dir.join("data").join(name);
        let shape = |reason: String| QualityError::Shape { path: path.clone(), reason };
        let text = std::fs::read_to_string(&path).map_err(|source| file_error(&path, source))?;
        let (mut times, mut scores) = (Vec::new(), Vec::new());
        let mut series = Series::default();
        for line in text.lines().skip(1) {
            let sample = line
                .split_once(',')
                .and_then(|(time, value)| Some((second(time)?, value.trim().parse().ok()?)));
            let (time, value) = sample.ok_or_else(|| shape(format!("no sample: {line:?}")))?;
            times.push(time);
            scores.push(series.step(&model, time, value).score_ppm);
        }
        let row = |stamp: &Value, last: bool| {
            let at = stamp.as_str().and_then(second)?;
            if last {
                times.iter().rposition(|time| *time <= at)
            } else {
                times.iter().position(|time| *time >= at)
            }
        };
        let windows: Option<Vec<_>> = windows
            .as_array()
            .into_iter()
            .flatten()
            .map(|window| Some((row(&window[0], false)?, row(&window[1], true)?)))
            .collect();
        let windows = windows.ok_or_else(|| shape("a window lies outside its series".into()))?;
        scored.push(Scored { labels: Labels { rows: times.len(), windows }, scores });
    }
    Ok(scored)
}

fn json(path: &Path) -> Result<Value, QualityError> {
    let text = std::fs::read_to_string(path).map_err(|source| file_error(path, source))?;
    let shape = |error: serde_json::Error| error.to_string();
    serde_json::from_str(&text)
        .map_err(|error| QualityError::Shape { path: path.to_path_buf(), reason: shape(error) })
}

/// The second of `YYYY-MM-DD HH:MM:SS`, with or without parts of it.
fn second(stamp: &str) -> Option<i64> {
    let head = stamp.get(..19)?.replace(' ', "T");
    head.parse::<jiff::civil::DateTime>()
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|time| time.timestamp().as_second())
}
