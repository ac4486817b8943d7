//! Callers that an identity provider vouches for, by JSON Web Tokens (RFC 7519).
//!
//! ```text
//! form ─► algorithm, crit ─► key by its id ─► signature ─► exp, nbf, iss, aud ─► tenant, roles, name
//!            (listed)          └ not known: keys are fetched, once for all who wait
//! ```
//!
//! The token says which key signed it; which keys and which algorithms count is said by the
//! configuration and the issuer alone. `jku`, `x5u` and `jwk` in a token are not looked at.

mod claims;
mod keys;
mod source;
mod verifier;
#[cfg(test)]
mod tests;

use super::auth::Caller;
use super::files;
use super::refusal::Refusal;
use super::terms::Unusable;
use crate::clock::SharedClock;
use crate::config::server::jwt::Algorithm;
use crate::settings::{JwtSettings, KeysFrom};
use crate::telemetry::http::HttpBooks;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Validation, decode};
use keys::Keys;
use serde_json::{Map, Value};
use source::Source;
use std::sync::Arc;

/// Bytes of a token that are looked at; larger ones than this hold what no token needs.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// What is taken, and how it is verified.
pub struct Jwt {
    settings: JwtSettings,
    secret: Option<DecodingKey>,
    source: Arc<Source>,
}

/// What a token says of how it was signed.
struct Head {
    algorithm: Option<Algorithm>,
    key: Option<String>,
    has_critical: bool,
}

impl Jwt {
    /// What the settings say, with keys that are read from a file.
    ///
    /// # Errors
    /// When that file, or the one of the authorities, cannot be used.
    pub(super) fn new(settings: JwtSettings) -> Result<Jwt, Unusable> {
        verifier::install();
        let source = match &settings.keys {
            None => Source::of(Keys::default()),
            Some(KeysFrom::File(path)) => {
                let key = "server.jwt.jwks.file";
                let found = Keys::parse(&files::bytes(key, path)?).map_err(|problem| {
                    let remedy = "write what the issuer publishes, `{\"keys\": […]}`";
                    Unusable::file(key, path, problem, remedy)
                })?;
                Source::of(found)
            }
            Some(KeysFrom::Url { url, ca, refresh }) => {
                Source::at(url.clone(), ca.as_deref(), *refresh)?
            }
        };
        let secret = settings.secret.as_ref();
        let secret = secret.map(|secret| DecodingKey::from_secret(secret.reveal().as_bytes()));
        Ok(Jwt { settings, secret, source: Arc::new(source) })
    }

    /// Has keys fetched from now on; those of `before` count until then, when they are of the
    /// same place. Must be called inside the tokio runtime.
    pub(super) fn begin(&self, before: Option<&Jwt>, books: &HttpBooks, clock: &SharedClock) {
        let same = before.filter(|before| before.settings.keys == self.settings.keys);
        self.source.begin(same.map(|before| before.source.keys()), books, clock);
    }

    /// The caller that a token speaks of.
    pub(super) async fn caller(
        &self,
        token: &str,
        books: &HttpBooks,
        clock: &SharedClock,
    ) -> Result<Caller, Refusal> {
        let head = head_of(token).ok_or(Refusal::Malformed)?;
        let listed = |algorithm: &Algorithm| self.settings.algorithms.contains(algorithm);
        let algorithm = head.algorithm.filter(listed).ok_or(Refusal::Algorithm)?;
        if head.has_critical {
            return Err(Refusal::Critical);
        }
        let key = match algorithm.is_shared() {
            true => self.secret.clone().ok_or(Refusal::Algorithm)?,
            false => self.public_key(algorithm, head.key.as_deref(), books, clock).await?,
        };
        let claims = verified(token, &key, algorithm)?;
        claims::caller(&self.settings, &claims, clock.now_seconds())
    }

    /// The issuer's key of this name; keys are fetched when there is none.
    async fn public_key(
        &self,
        algorithm: Algorithm,
        name: Option<&str>,
        books: &HttpBooks,
        clock: &SharedClock,
    ) -> Result<DecodingKey, Refusal> {
        if let Some(key) = self.source.keys().choose(algorithm, name) {
            return Ok(key);
        }
        self.source.fetch_again(books, clock).await;
        let keys = self.source.keys();
        keys.choose(algorithm, name).ok_or(match keys.is_empty() {
            true => Refusal::NoKeys,
            false => Refusal::Key,
        })
    }
}

/// Whether a token has the form of a JWT: three parts, of which the first says how it is signed.
pub(super) fn has_form(token: &str) -> bool {
    head_of(token).is_some()
}

/// What a token says of how it was signed; `None` when it is no JWT.
fn head_of(token: &str) -> Option<Head> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let mut parts = token.split('.');
    let (head, _, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let head: Map<String, Value> =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).ok()?).ok()?;
    let algorithm = serde_json::from_value(head.get("alg")?.clone()).ok();
    let key = match head.get("kid") {
        None => None,
        Some(name) => Some(name.as_str()?.to_owned()),
    };
    Some(Head { algorithm, key, has_critical: head.contains_key("crit") })
}

/// The claims of a token that `key` signed. What they say is checked elsewhere, by our own clock.
fn verified(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
) -> Result<Map<String, Value>, Refusal> {
    let mut validation = Validation::new(keys::signed_by(algorithm));
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let decoded = decode::<Map<String, Value>>(token, key, &validation);
    decoded.map(|token| token.claims).map_err(|error| match error.kind() {
        ErrorKind::InvalidSignature => Refusal::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => Refusal::Algorithm,
        ErrorKind::InvalidKeyFormat => Refusal::Key,
        _ => Refusal::Malformed,
    })
}
