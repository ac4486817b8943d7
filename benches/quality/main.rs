//! Question: are the incidents right on data that others made?
//!
//! Unit:     pairwise F1, share of faults whose root is ranked first or in the
//!           first three, 1 - incidents / alert events
//! Workload: 70 injected faults of an Online Boutique cluster (21 476 alerts;
//!           as one stream, with windows kept apart, and with as much background
//!           as signal), the ITBench scenarios as made-up cascades, and made-up
//!           faults on four service graphs; the templates of eight public logs of 2 000
//!           lines; the metrics of 26 issues of a shop and of 56 faults of an Online Boutique;
//!           none of it is part of this project
//! Seed:     7, for what is made up
//! Command:  `cargo bench --bench quality -- DATA`, where DATA is the folder
//!           with `alerts-ob1`, `itbench`, `topologies`, `petshop-low`, `nezha-ob` and so on
//!
//! The engine is the `causeway` binary: `CAUSEWAY_BIN`, else the release build.
//! The metric detector is scored in this process: NAB by its own score, services by average
//! precision, made-up quiet series by false findings (`--only detect` for these alone).
//! A folder that is missing is skipped with a line that says so.

mod native;
mod synth;
mod ob1_recording;
mod alerts_ob1;
mod itbench_scenario;
mod itbench;
mod topologies;
pub(crate) mod nab_score;
mod nab;
mod kpis;
mod quiet;
mod logs;
mod engine;
mod scores;
mod recording;
mod petshop;
mod nezha;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use alerts_ob1::Mode;
use engine::Engine;
use native::{Dataset, QualityError, file_error};
use scores::{Same, Scored, same_service, scored};

/// Scores the engine on public data.
#[derive(Parser)]
struct Args {
    /// Folder with the data sets.
    data: Option<PathBuf>,
    /// Run only the sets whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Background alerts per alert of a fault, in the noisy runs.
    #[arg(long, default_value_t = 1.0)]
    background: f64,
    /// Seed of what is made up.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Configuration to pass to the engine.
    #[arg(long, short = 'c')]
    config: Option<PathBuf>,
    /// Workers of the engine.
    #[arg(long)]
    workers: Option<usize>,
    /// Write the figures to this file as well.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Keep the converted sets and the outputs in this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Convert only, and do not run the engine; needs --keep.
    #[arg(long, requires = "keep")]
    convert: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The sets that were run, and what was printed about those that were not.
struct Session {
    args: Args,
    engine: Option<Engine>,
    scratch: PathBuf,
    failed: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let data = args.data.clone().unwrap_or_else(|| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("shared").join("data")
    });
    if !data.is_dir() {
        println!("SKIPPED: no data at {}; give the folder as an argument", data.display());
        return ExitCode::SUCCESS;
    }
    let result = (|| -> Result<bool, QualityError> {
        let temporary =
            tempfile::tempdir().map_err(|source| file_error(Path::new("scratch"), source))?;
        let scratch = args.keep.clone().unwrap_or_else(|| temporary.path().to_path_buf());
        // The engine runs in its own folder, so that paths must not be relative.
        let scratch = std::path::absolute(&scratch).map_err(|e| file_error(&scratch, e))?;
        let config = match &args.config {
            Some(path) => Some(std::path::absolute(path).map_err(|e| file_error(path, e))?),
            None => None,
        };
        let without = args.convert || args.only.as_deref() == Some("detect");
        let engine = if without { None } else { Some(Engine::find(config, args.workers)?) };
        let mut session = Session { args, engine, scratch, failed: false };
        session.run_all(&data)?;
        Ok(!session.failed)
    })();
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Session {
    fn run_all(&mut self, data: &Path) -> Result<(), QualityError> {
        let detected = self.detect(data);
        if self.args.only.as_deref() == Some("detect") {
            return self.write(detected);
        }
        let mut all = Vec::new();
        let recorded = self.alerts_ob1(&data.join("alerts-ob1"));
        self.show(&recorded, Some("serv."), OB1_ANCHORS);
        all.extend(recorded);
        let scenarios = Vec::from_iter(self.itbench(&data.join("itbench")));
        self.show(&scenarios, Some("alias"), ITBENCH_ANCHORS);
        all.extend(scenarios);
        let graphs = self.topologies(&data.join("topologies"));
        self.show(&graphs, None, "");
        all.extend(graphs);
        let mut rows: Vec<_> = all.iter().map(scores::to_json).collect();
        rows.extend(detected);
        rows.extend(self.metrics(data));
        rows.extend(self.logs(&data.join("loghub-2k")));
        self.write(rows)
    }

    fn write(&self, rows: Vec<serde_json::Value>) -> Result<(), QualityError> {
        if let Some(path) = &self.args.json {
            let text = serde_json::Value::from(rows).to_string();
            std::fs::write(path, text).map_err(|source| file_error(path, source))?;
        }
        Ok(())
    }

    /// The metric detector alone; a failure is printed and remembered.
    fn detect(&mut self, data: &Path) -> Vec<serde_json::Value> {
        if self.args.convert || self.args.only.as_ref().is_some_and(|only| only != "detect") {
            return Vec::new();
        }
        let mut rows = vec![serde_json::json!({"quiet": quiet::run(self.args.seed)})];
        let (nab, kpis) = (data.join("nab"), data.join("jumpstarter"));
        for (name, dir, run) in
            [("nab", nab, nab::run as fn(&Path) -> _), ("kpis", kpis, kpis::run)]
        {
            if !self.has(&dir) {
                continue;
            }
            match run(&dir) {
                Ok(figures) => rows.push(serde_json::json!({ name: figures })),
                Err(error) => {
                    println!("FAILED: {name}: {error}");
                    self.failed = true;
                }
            }
        }
        rows
    }

    fn show(&self, scored: &[Scored], second: Option<&str>, anchors: &str) {
        if !scored.is_empty() {
            println!("{}\n{anchors}", scores::table(scored, second));
        }
    }

    fn alerts_ob1(&mut self, dir: &Path) -> Vec<Scored> {
        let mut scored = Vec::new();
        let (noise, seed) = (self.args.background, self.args.seed);
        let runs = [
            (Mode::Stream, 0.0),
            (Mode::Stream, noise),
            (Mode::Windows, 0.0),
            (Mode::Windows, noise),
        ];
        if self.has(dir) {
            for (mode, background) in runs {
                let set = alerts_ob1::convert(dir, mode, background, seed);
                scored.extend(self.run(set, Some(&same_service)));
            }
        }
        scored
    }

    fn itbench(&mut self, dir: &Path) -> Option<Scored> {
        if !self.has(dir) {
            return None;
        }
        match itbench::convert(dir, self.args.seed) {
            Ok(converted) => {
                if converted.without_group > 0 {
                    println!(
                        "itbench: left out {} alerts that name no group",
                        converted.without_group
                    );
                }
                let accepted = converted.accepted;
                self.run(
                    Ok(converted.set),
                    Some(&|incident, entity| {
                        accepted.get(&incident.id).is_some_and(|same| same.contains(entity))
                    }),
                )
            }
            Err(error) => self.run(Err(error), None),
        }
    }

    fn topologies(&mut self, dir: &Path) -> Vec<Scored> {
        if !self.has(dir) {
            return Vec::new();
        }
        let seed = self.args.seed;
        topologies::GRAPHS
            .iter()
            .filter_map(|graph| self.run(topologies::convert(dir, graph, seed), None))
            .collect()
    }

    /// Sets of metrics with the causes of faults; a failure is printed and remembered.
    fn metrics(&mut self, data: &Path) -> Vec<serde_json::Value> {
        let Some(engine) = self.engine.clone() else { return Vec::new() };
        let mut rows = Vec::new();
        for (name, dir, run) in [
            ("petshop", "petshop-low", petshop::run as fn(&Path, &Engine, &Path) -> _),
            ("nezha", "nezha-ob", nezha::run),
        ] {
            let wanted = self.args.only.as_ref().is_none_or(|only| name.contains(only));
            if !wanted || !self.has(&data.join(dir)) {
                continue;
            }
            match run(&data.join(dir), &engine, &self.scratch) {
                Ok(figures) => rows.push(serde_json::json!({ name: figures })),
                Err(error) => {
                    println!("FAILED: {name}: {error}");
                    self.failed = true;
                }
            }
        }
        rows
    }

    /// Templates of logs, which need no engine.
    fn logs(&mut self, dir: &Path) -> Vec<serde_json::Value> {
        let only = self.args.only.as_deref();
        if self.args.convert || only.is_some_and(|only| !only.contains("log")) || !self.has(dir) {
            return Vec::new();
        }
        logs::run(dir, only.filter(|only| only.starts_with("logs/"))).unwrap_or_else(|error| {
            println!("FAILED: {error}");
            self.failed = true;
            Vec::new()
        })
    }

    fn has(&self, dir: &Path) -> bool {
        if !dir.is_dir() {
            println!("SKIPPED: no data at {}", dir.display());
        }
        dir.is_dir()
    }

    /// Writes, replays and scores one set; a failure is printed and remembered,
    /// and the other sets still run.
    fn run(
        &mut self,
        set: Result<Dataset, QualityError>,
        same: Option<Same<'_>>,
    ) -> Option<Scored> {
        let wanted = |name: &str| self.args.only.as_ref().is_none_or(|only| name.contains(only));
        let result = set.and_then(|set| {
            if !wanted(&set.name) {
                return Ok(None);
            }
            let dir = self.scratch.join(set.name.replace('/', "-"));
            let files = set.write(&dir)?;
            match &self.engine {
                Some(engine) => scored(&set.name, engine.replay(&files, &dir)?, same).map(Some),
                None => {
                    println!("converted {} into {}", set.name, dir.display());
                    Ok(None)
                }
            }
        });
        match result {
            Ok(scored) => scored,
            Err(error) => {
                println!("FAILED: {error}");
                self.failed = true;
                None
            }
        }
    }
}

/// Figures that were published with the data, or computed on it by hand.
const OB1_ANCHORS: &str = "\
anchors of alerts-ob1 (windows given): exact@1 / exact@3, service@1 / service@3
  best language-model run (qwen3:32b, react, by time)   0.214 / 0.357, 0.271 / 0.471
  llama3.3, react, by component                         0.100 / 0.171, 0.200 / 0.343
  entity with most metric alerts                        0.214 / 0.286, 0.386 / 0.514
  entity with most alerts                               0.043 / 0.071, 0.157 / 0.257
  entity with the earliest alert                        0.000 / 0.029, 0.029 / 0.114
  prototype of the surprise scorer, fully causal        0.660 / 0.760
  pair F1 with as much noise as signal: 60 s time gap 0.31, plain components 0.15, prototype 0.75
  pair F1 without noise: 60 s time gap 0.92, prototype 0.88
";

/// They had live clusters and no times are recorded: a distant yardstick.
const ITBENCH_ANCHORS: &str = "\
anchors of itbench (fault localisation by agents on live clusters, not comparable one to one)
  GPT-4o 0.33, Granite-3-2 0.19, Llama-3.3-70B 0.14
";
