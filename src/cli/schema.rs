//! `causeway schema`: the contracts as JSON Schemas.

use super::Failure;
use super::output::put;
use crate::canonical::native::schema as event;
use crate::emit::schema::{SchemaKind, schema};
use std::process::ExitCode;

/// Flags of `schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which contract.
    what: What,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum What {
    /// A line of input in the native form.
    Event,
    /// A line of incidents.
    Revision,
    /// A line of alerts.
    Alert,
    /// The object of `--summary json`.
    Summary,
    /// The object of `verify --json`.
    Verification,
    /// The list of a copy's files, also what `backup --json` and `restore --json` print.
    Backup,
    /// The configuration file.
    Config,
}

/// Prints the schema.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let schema = match args.what {
        What::Event => event::schema(),
        What::Revision => schema(SchemaKind::Revision),
        What::Alert => schema(SchemaKind::Alert),
        What::Summary => schema(SchemaKind::Summary),
        What::Verification => crate::verify::schema(),
        What::Backup => crate::backup::schema(),
        What::Config => crate::config::schema(),
    };
    put(&(serde_json::to_string_pretty(&schema)? + "\n"))
}
