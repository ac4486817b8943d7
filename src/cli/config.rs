//! `causeway validate` and `causeway config show`.

use super::output::put;
use super::{Failure, exit};
use crate::config::{Surroundings, Written};
use crate::ingest::http::terms::Terms;
use crate::settings::Settings;
use std::path::PathBuf;
use std::process::ExitCode;

/// Which configuration.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File or folder; may be given more than once; the defaults without one.
    #[arg(short = 'c', long = "config")]
    config: Vec<PathBuf>,
}

/// What to do with a configuration.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print it as it was understood, defaults included, secrets left out.
    Show(Args),
}

/// Checks a configuration.
pub fn validate(args: &Args) -> Result<ExitCode, Failure> {
    let (written, settings) = load(&args.config)?;
    approve(&written, &settings)
}

/// Says that a configuration can be used, with the files of the server that it names.
pub(super) fn approve(written: &Written, settings: &Settings) -> Result<ExitCode, Failure> {
    Terms::of(&settings.server, written).map_err(|e| Failure::with(exit::CONFIG)(e.into()))?;
    put(&format!("ok: {} sources, {} sinks\n", settings.sources.len(), settings.sinks.len()))
}

/// Runs a subcommand of `config`.
pub fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Show(args) => put(&load(&args.config)?.0.config.show()),
    }
}

/// What the files and folders given say, checked; the defaults without any.
pub(super) fn settings(paths: &[PathBuf]) -> Result<Settings, Failure> {
    load(paths).map(|(_, settings)| settings)
}

/// The same with what was written.
pub(super) fn load(paths: &[PathBuf]) -> Result<(Written, Settings), Failure> {
    Settings::load(paths, &Surroundings::of_process())
        .map_err(|e| Failure::with(exit::CONFIG)(e.into()))
}
