//! `causeway backup` and `causeway restore`.

use super::config::settings;
use super::output::put;
use super::{Failure, exit};
use crate::backup::{self, BackupError, Manifest};
use crate::clock::{Clock, WallClock};
use crate::emit::wire::words::phrase::count;
use std::path::PathBuf;
use std::process::ExitCode;

/// Flags of `backup`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The process may run meanwhile, or not: the copy is what a crash would have left, and
everything that was acknowledged before the copy began is in it. What sinks write elsewhere
is not. The copy is read once more before it counts.

Examples:
  causeway backup -c causeway.yaml --to /backup/causeway-$(date +%F)
  causeway restore --from /backup/causeway-2026-11-27 --data /var/lib/causeway

Exit codes: 0 done, 74 something cannot be read or written, is damaged, or is in the way.")]
pub struct BackupArgs {
    /// Data directory; the configured one without it.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Directory of the copy, empty or not there yet.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Configuration; file or folder, may be given more than once.
    #[arg(short = 'c', long = "config")]
    config: Vec<PathBuf>,
    /// Print the list of the copy's files as one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Flags of `restore`.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// Directory of the copy.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Data directory, empty or not there yet; the configured one without it.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration; file or folder, may be given more than once.
    #[arg(short = 'c', long = "config")]
    config: Vec<PathBuf>,
    /// Print the list of the copy's files as one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Makes a copy.
pub fn backup(args: &BackupArgs) -> Result<ExitCode, Failure> {
    let data = data_dir(args.data.as_ref(), &args.config)?;
    let manifest = backup::take(&data, &args.to, now()).map_err(refuse)?;
    for epoch in &manifest.left_out {
        eprintln!("causeway: warning: the snapshot of epoch {epoch} is damaged, it is left out");
    }
    tell(&manifest, "copied", args.json)
}

/// Puts a copy back.
pub fn restore(args: &RestoreArgs) -> Result<ExitCode, Failure> {
    let data = data_dir(args.data.as_ref(), &args.config)?;
    let manifest = backup::restore(&args.from, &data, &now()).map_err(refuse)?;
    tell(&manifest, "restored", args.json)
}

fn data_dir(given: Option<&PathBuf>, config: &[PathBuf]) -> Result<PathBuf, Failure> {
    match given {
        Some(given) => Ok(given.clone()),
        None => Ok(settings(config)?.data_dir),
    }
}

fn now() -> String {
    jiff::Timestamp::from_second(WallClock.now_seconds()).unwrap_or_default().to_string()
}

fn refuse(error: BackupError) -> Failure {
    Failure { code: exit::IO, error: error.into() }
}

fn tell(manifest: &Manifest, done: &str, json: bool) -> Result<ExitCode, Failure> {
    if json {
        return put(&(serde_json::to_string(manifest)? + "\n"));
    }
    let epochs = match manifest.first_epoch {
        Some(first) => format!("epochs {first} to {}", manifest.next_epoch - 1),
        None => "no epoch yet".to_owned(),
    };
    put(&format!(
        "{done} {}, {} bytes: {epochs}, {}\n",
        count(manifest.files.len(), "file"),
        manifest.bytes,
        count(manifest.snapshots.len(), "snapshot"),
    ))
}
