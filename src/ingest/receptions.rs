//! Whatever takes input, by name: the configured sources, and the process's own.
//!
//! The names are those that a journal holds, so that whoever reads one finds the
//! reception that a delivery came through.

use super::reception::{Reception, Surroundings};
use crate::settings::{Settings, SourceSettings};
use smol_str::SmolStr;
use std::sync::Arc;

/// Under which changes through the server's own paths are counted.
pub const CONSOLE: &str = "api";
/// What the rows of configured files of topology come from unless they say otherwise. Journals of
/// earlier versions hold the files as deliveries under this name.
pub const TOPOLOGY: &str = "topology";

/// The receptions of a process.
pub struct Receptions {
    sources: Vec<Arc<Reception>>,
    console: Arc<Reception>,
    topology: Reception,
}

impl Receptions {
    /// One for each configured source, and the process's own.
    pub fn new(settings: &Settings, around: &Surroundings) -> Receptions {
        let of = |source| Arc::new(Reception::new(source, around.clone()));
        Receptions {
            sources: settings.sources.iter().map(of).collect(),
            console: Arc::new(Reception::internal(CONSOLE, around.clone())),
            topology: Reception::internal(TOPOLOGY, around.clone()),
        }
    }

    /// The reception of a source that is configured.
    pub fn of(&self, source: &SourceSettings) -> Arc<Reception> {
        Arc::clone(&self.sources[usize::from(source.index())])
    }

    /// The server's own.
    pub fn console(&self) -> &Arc<Reception> {
        &self.console
    }

    /// The reception of a source that a journal names; `None` when it is configured no more.
    pub fn named(&self, name: &SmolStr) -> Option<&Reception> {
        self.all().find(|reception| reception.name() == name)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Reception> {
        self.sources.iter().map(|of| &**of).chain([&*self.console, &self.topology])
    }
}
