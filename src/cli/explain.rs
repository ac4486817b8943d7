//! `causeway explain` and `causeway graph`: what people look at.

use super::client::Client;
use super::config::settings;
use super::output::put;
use super::{Failure, exit};
use crate::emit::store::PAGE_MAX;
use crate::explain::graph::{GraphFormat, pipeline, topology};
use crate::explain::{Style, find, find_in, render};
use std::fs::File;
use std::io::{BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Incidents looked at when only the beginning of an id is given.
const MATCHES_MAX: usize = 6;
/// Columns of an explanation.
pub(super) const WIDTH: usize = 100;

/// Flags of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The incident's id, or the beginning of it.
    incident: String,
    /// Which revision; the last when not given.
    #[arg(long)]
    revision: Option<u64>,
    /// Incidents as a file sink, `replay` or `demo` wrote them; without it the running
    /// process is asked.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Where that process listens.
    #[arg(long, default_value = "http://127.0.0.1:9190", conflicts_with = "file")]
    url: String,
    /// Token of a caller that may read.
    #[arg(long, env = "CAUSEWAY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print the revision itself.
    #[arg(long, conflicts_with = "dot")]
    json: bool,
    /// Print its graph in the language of Graphviz.
    #[arg(long)]
    dot: bool,
}

/// Prints the explanation.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let found = match &args.file {
        Some(file) => find(file, &args.incident, args.revision),
        None => {
            let lines = asked(args)?;
            find_in(lines.as_slice(), Path::new(&args.url), &args.incident, args.revision)
        }
    };
    let revision = found.map_err(|e| Failure::with(exit::DATA)(e.into()))?;
    let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let style = match (args.json, args.dot) {
        (true, _) => Style::Json,
        (_, true) => Style::Dot,
        _ => Style::Text { width: WIDTH, color },
    };
    put(&render(&revision, style))
}

/// Every revision that the running process keeps of the incidents whose ids begin as asked,
/// as lines.
fn asked(args: &Args) -> Result<Vec<u8>, Failure> {
    let client = Client::new(&args.url, args.token.as_deref())?;
    let get = |path: &str| -> Result<serde_json::Value, Failure> {
        let unavailable = |problem: String| Failure {
            code: exit::UNAVAILABLE,
            error: anyhow::anyhow!("{problem}, or name a file of incidents with --file"),
        };
        let answer = client.get(path).map_err(unavailable)?;
        match answer.status.as_u16() {
            200 => Ok(serde_json::from_slice(&answer.body)?),
            404 => Ok(serde_json::Value::Null),
            _ => Err(unavailable(format!("{}: answered {}", args.url, answer.status))),
        }
    };
    let wanted = args.incident.trim_start_matches("inc-");
    let mut ids = vec![format!("inc-{wanted}")];
    if get(&format!("/v1/incidents/{}", ids[0]))?.is_null() {
        let page = get(&format!("/v1/incidents?limit={PAGE_MAX}"))?;
        let items = page["items"].as_array().into_iter().flatten();
        let mut listed: Vec<String> =
            items.filter_map(|item| item["incident_id"].as_str().map(str::to_owned)).collect();
        // When none begins so, the answer can name some that there are.
        if listed.iter().any(|id| id.starts_with(&ids[0])) {
            listed.retain(|id| id.starts_with(&ids[0]));
        }
        listed.truncate(MATCHES_MAX);
        ids = listed;
    }
    let mut lines = Vec::new();
    for id in ids {
        let history = get(&format!("/v1/incidents/{id}"))?;
        for envelope in history["revisions"].as_array().into_iter().flatten() {
            serde_json::to_writer(&mut lines, envelope)?;
            lines.push(b'\n');
        }
    }
    Ok(lines)
}

/// Flags of `graph`.
#[derive(Debug, clap::Args)]
pub struct GraphArgs {
    /// In which language.
    #[arg(long, default_value = "mermaid")]
    format: Format,
    /// Draw the pipeline of this configuration; file or folder, may be given more than once.
    #[arg(short = 'c', long = "config", conflicts_with = "topology")]
    config: Vec<PathBuf>,
    /// Draw this topology instead of the pipeline.
    #[arg(long)]
    topology: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
}

/// Prints a graph.
pub fn graph(args: &GraphArgs) -> Result<ExitCode, Failure> {
    let graph = match &args.topology {
        Some(path) => {
            let file = File::open(path).map_err(|e| Failure::with(exit::IO)(e.into()))?;
            topology(BufReader::new(file)).map_err(|e| Failure::with(exit::DATA)(e.into()))?
        }
        None => {
            let settings = settings(&args.config)?;
            let sources: Vec<String> =
                settings.sources.iter().map(|source| source.name().to_string()).collect();
            let sinks: Vec<String> =
                settings.sinks.iter().map(|sink| sink.name.to_string()).collect();
            pipeline(&sources, &sinks)
        }
    };
    let format = match args.format {
        Format::Dot => GraphFormat::Dot,
        Format::Mermaid => GraphFormat::Mermaid,
    };
    put(&graph.render(format))
}
