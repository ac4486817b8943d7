//! Runs the engine over a data set, as anybody would: by its command line.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use causeway::evaluate::Inputs;
use serde_json::{Deserializer, Value};

use super::native::{Files, QualityError, file_error};

/// How to call the engine.
#[derive(Clone, Debug)]
pub struct Engine {
    /// The binary.
    pub binary: PathBuf,
    /// A configuration to pass on.
    pub config: Option<PathBuf>,
    /// Workers to ask for; its own default when absent.
    pub workers: Option<usize>,
}

/// What a run left behind.
#[derive(Clone, Debug)]
pub struct Run {
    /// Where the scorer finds everything.
    pub inputs: Inputs,
    /// The summary that the engine printed.
    pub summary: Value,
}

impl Engine {
    /// Finds the binary: `CAUSEWAY_BIN`, else the one that was built with this
    /// bench, else the release build of the target folder.
    ///
    /// # Errors
    /// When none of them is there.
    pub fn find(config: Option<PathBuf>, workers: Option<usize>) -> Result<Self, QualityError> {
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
        let places = [
            env::var_os("CAUSEWAY_BIN").map(PathBuf::from),
            option_env!("CARGO_BIN_EXE_causeway").map(PathBuf::from),
            Some(target.join("release").join("causeway")),
        ];
        // A binary that was asked for by name and is missing is an error, not a
        // reason to measure another one.
        let asked = places[0].is_some();
        let mut candidates = places.into_iter().flatten().take(if asked { 1 } else { 3 });
        match candidates.find(|path| path.is_file()) {
            Some(binary) => Ok(Engine { binary, config, workers }),
            None => Err(QualityError::Engine(
                "no binary: run `cargo build --release` or set CAUSEWAY_BIN".into(),
            )),
        }
    }

    /// Replays a data set into files beside it.
    ///
    /// # Errors
    /// When the engine cannot be started, fails, or prints no summary.
    pub fn replay(&self, files: &Files, dir: &Path) -> Result<Run, QualityError> {
        let alerts = dir.join("alerts.ndjson");
        let incidents = dir.join("incidents.ndjson");
        let mut command = Command::new(&self.binary);
        command.arg("replay");
        if let Some(config) = &self.config {
            command.arg("-c").arg(config);
        }
        if let Some(workers) = self.workers {
            command.arg("--workers").arg(workers.to_string());
        }
        command.arg("--topology").arg(&files.topology);
        command.arg("--alerts").arg(&alerts).arg("--incidents").arg(&incidents);
        command.args(["--final-only", "--summary", "json"]).arg(&files.events);
        // Relative paths of its own, such as a data folder, stay in the scratch folder.
        command.current_dir(dir);
        let output = command.output().map_err(|source| file_error(&self.binary, source))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last: Vec<&str> = said.lines().rev().take(5).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            return Err(QualityError::Engine(format!("{}: {}", output.status, last.join(" | "))));
        }
        let summary = first_object(&output.stdout)
            .ok_or_else(|| QualityError::Engine("it printed no summary on stdout".into()))?;
        let summary_path = dir.join("summary.json");
        fs::write(&summary_path, summary.to_string())
            .map_err(|source| file_error(&summary_path, source))?;
        let inputs = Inputs {
            truth: files.truth.clone(),
            alerts,
            incidents,
            summary: Some(summary_path),
            topology: vec![files.topology.clone()],
        };
        Ok(Run { inputs, summary })
    }
}

/// The first JSON object in the output, whatever stands around it.
fn first_object(output: &[u8]) -> Option<Value> {
    let start = output.iter().position(|byte| *byte == b'{')?;
    Deserializer::from_slice(&output[start..]).into_iter::<Value>().next()?.ok()
}

// The bench has no harness, which drops the tests and keeps what they use; they run in
// the integration tests, which include this file.
#[cfg(test)]
#[allow(unused_imports, dead_code)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_found_among_other_lines() {
        let value =
            first_object(b"\nreplayed\n{\"digest\":\"a\",\n\"ledger\":{}}\ntrailer").unwrap();
        assert_eq!(value["digest"], "a");
        assert!(first_object(b"nothing").is_none());
    }
}
