//! `causeway schema`: the contracts as JSON Schemas.

use super::Failure;
use std::process::ExitCode;

/// Flags of `schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which contract.
    what: What,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum What {
    /// A revision of an incident.
    Revision,
}

/// Prints the schema.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let schema = match args.what {
        What::Revision => schemars::schema_for!(crate::emit::wire::Envelope),
    };
    println!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(ExitCode::SUCCESS)
}
