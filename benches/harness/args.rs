//! What every bench can be told.

use clap::Args;
use std::path::PathBuf;

/// Arguments of every bench; the rest of a bench's own stand beside them.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Runs of each row; they alternate A B … B A.
    #[arg(long, default_value_t = 4)]
    pub runs: usize,
    /// Seed of the input.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Only rows whose name contains this, and the oracle.
    #[arg(long)]
    pub only: Option<String>,
    /// Run this row in this process and print its outcome as JSON; what the parent does.
    #[arg(long)]
    pub row: Option<String>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    pub bench: bool,
}

/// Where results and inputs go: `target/bench`.
///
/// # Panics
/// When the folder cannot be made: a bench without a place for its results is of no use.
pub fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    std::fs::create_dir_all(&folder).expect("target/bench can be made");
    folder
}
