//! The command line: names, flags and exit codes are a contract with other programs.

mod backup;
mod client;
mod config;
mod demo;
mod detect;
mod dlq;
mod evaluate;
mod explain;
mod generate;
mod journal;
mod looking;
mod output;
mod replay;
mod rows;
mod run;
mod schema;
mod send;
mod storm;
mod templates;
mod verify;

use clap::{CommandFactory, Parser, Subcommand};
use std::io::{self, Write};
use std::process::ExitCode;

/// Exit codes, after sysexits where it has one.
pub mod exit {
    /// A test or validation failed, or something went wrong at run time.
    pub const FAILED: u8 = 1;
    /// The command was called in a way that means nothing; clap's own code.
    pub const USAGE: u8 = 2;
    /// What was told is not what the journal leads to.
    pub const DIFFERS: u8 = 3;
    /// The input is not what it should be.
    pub const DATA: u8 = 65;
    /// Something that is needed is not there.
    pub const UNAVAILABLE: u8 = 69;
    /// Something could not be read or written.
    pub const IO: u8 = 74;
    /// Another process is gone; started again, this one may go on.
    pub const AGAIN: u8 = crate::cluster::EXIT_GONE;
    /// The configuration is wrong.
    pub const CONFIG: u8 = 78;
}

/// An AIOps stream processor: a storm of telemetry in, a few explained incidents out.
#[derive(Debug, Parser)]
#[command(name = "causeway", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run live: take events in, tell of incidents, until told to stop.
    Run(run::Args),
    /// Make a storm, process it, and show what came of it.
    Demo(demo::Args),
    /// Score a series of numbers, row by row.
    Detect(detect::Args),
    /// Run recorded events to their end, with time taken from the data.
    Replay(replay::Args),
    /// Write a seeded storm with its ground truth.
    Generate(generate::Args),
    /// Send a seeded storm to a running process at a steady rate, and measure.
    Send(send::Args),
    /// Score incidents against ground truth.
    Evaluate(evaluate::Args),
    /// Find the templates of a log.
    Templates(templates::Args),
    /// Hold what was told against what the journal leads to.
    Verify(verify::Args),
    /// Copy a data directory, while a process runs in it or not.
    Backup(backup::BackupArgs),
    /// Put such a copy back.
    Restore(backup::RestoreArgs),
    /// Say why an incident is what it is.
    Explain(explain::Args),
    /// List what detection keeps of each series in a running process.
    Series(looking::SeriesArgs),
    /// Show what passes a stage of a running process.
    Tap(looking::TapArgs),
    /// Draw the pipeline or a topology.
    Graph(explain::GraphArgs),
    /// Check a configuration.
    Validate(config::Args),
    /// Look at events that could not be used, and try them again.
    Dlq(dlq::Args),
    /// Work with configurations.
    #[command(subcommand)]
    Config(config::Command),
    /// Print a JSON Schema.
    Schema(schema::Args),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// A failure with the exit code it means.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What happened, source chain included.
    pub error: anyhow::Error,
}

impl Failure {
    /// Gives `error` an exit code.
    pub fn with(code: u8) -> impl Fn(anyhow::Error) -> Failure {
        move |error| Failure { code, error }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure { code: exit::FAILED, error: error.into() }
    }
}

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Detect(args) => detect::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Send(args) => send::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Templates(args) => templates::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Series(args) => looking::series(&args),
        Command::Tap(args) => looking::tap(&args),
        Command::Graph(args) => explain::graph(&args),
        Command::Validate(args) => config::validate(&args),
        Command::Dlq(args) => dlq::run(&args),
        Command::Config(command) => config::run(&command),
        Command::Schema(args) => schema::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "causeway", &mut script);
            output::put(&String::from_utf8_lossy(&script))
        }
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            // Where nobody can be told, the code still says it.
            let _ = writeln!(io::stderr(), "causeway: {}", told(&failure.error));
            ExitCode::from(failure.code)
        }
    }
}

/// An error with its causes, each said once: some errors name their cause themselves.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.contains(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_cause_is_said_once() {
        let refused = || std::io::Error::other("no room");
        let named = anyhow::Error::from(refused()).context("file a: no room; make some");
        assert_eq!(told(&named), "file a: no room; make some");
        let unnamed = Err::<(), _>(refused()).context("file a").unwrap_err();
        assert_eq!(told(&unnamed), "file a: no room");
    }
}
