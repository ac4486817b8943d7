//! Files that a configuration names and that are checked with it.

use super::error::Problem;
use super::{Config, Surroundings, Written};
use std::path::{Path, PathBuf};

/// A file that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The key that names it.
    pub key: String,
    /// Which.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

/// Reads the files of SLOs that `config` names, in the order of their names within each key.
///
/// # Errors
/// A problem, with its key, for each that cannot be read and each glob that finds nothing.
pub(super) fn read(
    config: &Config,
    around: &Surroundings<'_>,
) -> (Vec<Attached>, Vec<(String, Problem)>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for (at, named) in config.slo_files.0.iter().enumerate() {
        let key = format!("slo_files.{at}");
        let paths = found(&named.0);
        if paths.is_empty() {
            let message = format!("`{}` finds no file", named.0.display());
            problems
                .push((key.clone(), Problem::new(message, "name a file or fill the directory")));
        }
        for path in paths {
            match (around.file)(&path) {
                Ok(text) => files.push(Attached { key: key.clone(), path, text }),
                Err(error) => {
                    let message = format!("`{}` cannot be read: {error}", path.display());
                    problems.push((key.clone(), Problem::new(message, "correct the path")));
                }
            }
        }
    }
    (files, problems)
}

/// The files that a name or a glob means.
fn found(named: &Path) -> Vec<PathBuf> {
    let text = named.to_string_lossy();
    if !text.contains(['*', '?', '[']) {
        return vec![named.to_owned()];
    }
    // A pattern that is none finds nothing.
    let paths = glob::glob(&text).into_iter().flatten();
    let mut paths: Vec<PathBuf> = paths.filter_map(Result::ok).collect();
    paths.sort();
    paths
}

impl Written {
    /// Files that it names and that are checked with it.
    pub(crate) fn attached(&self) -> &[Attached] {
        &self.attached
    }

    /// Keys that name a file which holds something else in `other`.
    pub(crate) fn attached_differing(&self, other: &Written) -> Vec<String> {
        let changed = other.attached.iter().filter(|file| !self.attached.contains(file));
        let gone = self.attached.iter().filter(|file| !other.attached.contains(file));
        let mut keys: Vec<String> = changed.chain(gone).map(|file| file.key.clone()).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}
