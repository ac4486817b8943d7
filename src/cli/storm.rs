//! Which storm a command makes.

use causeway_loadgen::profile::Profile;

/// The flags of every command that makes a storm.
#[derive(Debug, clap::Args)]
pub(super) struct Storm {
    /// What sort of storm: easy, moderate, stress, churn, adversarial or quiet.
    #[arg(long, default_value = "stress")]
    pub(super) profile: Profile,
    /// The same seed makes the same storm, to the byte.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}
