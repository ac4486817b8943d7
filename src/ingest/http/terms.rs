//! Bounds, encryption and who may call: what changes together, by a reload or not at all.

use super::auth::Callers;
use super::jwt::Jwt;
use super::tls::{self, Encryption};
use crate::config::{ConfigError, Problem, Written};
use crate::settings::ServerSettings;
use std::path::Path;
use std::sync::Arc;

/// What requests and connections are held against.
#[derive(Clone)]
pub struct Terms {
    /// Bounds and addresses.
    pub settings: Arc<ServerSettings>,
    /// Who may call.
    pub callers: Arc<Callers>,
    /// Encryption, if any.
    pub encryption: Option<Encryption>,
}

/// A file of the configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}; {remedy}")]
pub struct Unusable {
    /// The key that names it.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Unusable {
    pub(super) fn file(
        key: &'static str,
        path: &Path,
        message: impl AsRef<str>,
        remedy: &str,
    ) -> Unusable {
        let message = format!("{} {}", path.display(), message.as_ref());
        Unusable { key, message, remedy: remedy.to_owned() }
    }

    /// The same as a problem of the configuration that names the file.
    pub fn in_configuration(self, written: &Written) -> Problem {
        let (key, place) = written.locate(self.key);
        Problem::new(self.message, self.remedy).on(key).at(&place)
    }
}

/// What came of reading a file; why nothing did is noted.
pub(super) fn noted<T>(result: Result<T, Unusable>, unusable: &mut Vec<Unusable>) -> Option<T> {
    result.map_err(|why| unusable.push(why)).ok()
}

impl Terms {
    /// The same for a process that begins, or for somebody who wants to know whether it can.
    ///
    /// # Errors
    /// With each file that cannot be used, and the place that names it.
    pub fn of(settings: &ServerSettings, written: &Written) -> Result<Terms, ConfigError> {
        Terms::read(settings.clone()).map_err(|unusable| {
            let problems = unusable.into_iter().map(|why| why.in_configuration(written));
            ConfigError::invalid(problems.collect())
        })
    }

    /// The terms that the settings give, with the files that they name.
    ///
    /// # Errors
    /// With each file that cannot be used.
    pub fn read(settings: ServerSettings) -> Result<Terms, Vec<Unusable>> {
        let mut unusable = Vec::new();
        let encryption = match settings.tls.as_ref().map(tls::read) {
            Some(Ok(encryption)) => Some(encryption),
            Some(Err(why)) => {
                unusable.extend(why);
                None
            }
            None => None,
        };
        let jwt = settings.jwt.clone().and_then(|jwt| noted(Jwt::new(jwt), &mut unusable));
        if !unusable.is_empty() {
            return Err(unusable);
        }
        let trust = encryption.as_ref().and_then(|encryption| encryption.trust.clone());
        let callers = Arc::new(Callers::new(&settings, trust, jwt.map(Arc::new)));
        Ok(Terms { settings: Arc::new(settings), callers, encryption })
    }
}
