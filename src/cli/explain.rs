//! `causeway explain` and `causeway graph`: what people look at.

use super::{Failure, exit};
use crate::explain::graph::{GraphFormat, pipeline, topology};
use crate::explain::{Style, find, render};
use std::fs::File;
use std::io::{BufReader, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

/// Columns of an explanation.
const WIDTH: usize = 100;

/// Flags of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The incident's id, or the beginning of it.
    incident: String,
    /// Which revision; the last when not given.
    #[arg(long)]
    revision: Option<u64>,
    /// Incidents as `replay` or `demo` wrote them.
    #[arg(long, default_value = "causeway-data/demo/incidents.ndjson")]
    file: PathBuf,
    /// Print the revision itself.
    #[arg(long, conflicts_with = "dot")]
    json: bool,
    /// Print its graph in the language of Graphviz.
    #[arg(long)]
    dot: bool,
}

/// Prints the explanation.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let revision = find(&args.file, &args.incident, args.revision)
        .map_err(|e| Failure::with(exit::DATA)(e.into()))?;
    let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let style = match (args.json, args.dot) {
        (true, _) => Style::Json,
        (_, true) => Style::Dot,
        _ => Style::Text { width: WIDTH, color },
    };
    print!("{}", render(&revision, style));
    Ok(ExitCode::SUCCESS)
}

/// Flags of `graph`.
#[derive(Debug, clap::Args)]
pub struct GraphArgs {
    /// In which language.
    #[arg(long, default_value = "mermaid")]
    format: Format,
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
        None => pipeline(&["http".to_owned()], &["stdout".to_owned()]),
    };
    let format = match args.format {
        Format::Dot => GraphFormat::Dot,
        Format::Mermaid => GraphFormat::Mermaid,
    };
    print!("{}", graph.render(format));
    Ok(ExitCode::SUCCESS)
}
