//! Callers that an identity provider vouches for.

use crate::config::units::{FilePath, OneOrMore, Period, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// JSON Web Tokens that are taken as `authorization: Bearer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// What the claim `iss` must be.
    pub issuer: String,
    /// What the claim `aud` must hold, any one of these.
    pub audience: OneOrMore<String>,
    /// The public keys of the issuer.
    #[serde(default)]
    pub jwks: Option<Jwks>,
    /// A secret shared with the issuer, by reference, for HS256, HS384 and HS512; at least 32
    /// characters.
    #[serde(default)]
    pub shared_secret: Option<Secret>,
    /// How tokens may be signed.
    #[serde(default = "algorithms_default")]
    pub algorithms: Vec<Algorithm>,
    /// How far the issuer's clock may be off.
    #[serde(default = "leeway_default")]
    pub leeway: Period,
    /// Which claims say what.
    #[serde(default)]
    pub claims: Claims,
}

fn algorithms_default() -> Vec<Algorithm> {
    vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
}

fn leeway_default() -> Period {
    Period::seconds(30)
}

/// Public keys, as RFC 7517 has them; from a `url` or a `file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jwks {
    /// Where they are fetched: at the start, every `refresh`, and when a token names a key that
    /// is not known. The last good ones stay while that fails.
    pub url: Option<String>,
    /// Certificates of the authorities that are trusted for `url`, PEM; those of the system when
    /// left out.
    pub ca: Option<FilePath>,
    /// How often they are fetched.
    pub refresh: Period,
    /// The file that holds them, read again whenever the configuration is.
    pub file: Option<FilePath>,
}

impl Default for Jwks {
    fn default() -> Self {
        Jwks { url: None, ca: None, refresh: Period::minutes(15), file: None }
    }
}

/// Which claims say what: names, or JSON pointers such as `/realm_access/roles`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Claims {
    /// Whose data the caller sends and sees; a token without it is refused.
    pub tenant: String,
    /// What the caller may do: a list, or words with spaces between, of which `ingest`, `read`
    /// and `operate` count.
    pub roles: String,
    /// What the caller is called in logs.
    pub name: String,
}

impl Default for Claims {
    fn default() -> Self {
        Claims { tenant: "tenant".to_owned(), roles: "roles".to_owned(), name: "sub".to_owned() }
    }
}

/// How a token is signed, by the names of RFC 7518 and RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(clippy::upper_case_acronyms, reason = "these are their names")]
pub enum Algorithm {
    /// RSA, PKCS #1, SHA-256.
    RS256,
    /// RSA, PKCS #1, SHA-384.
    RS384,
    /// RSA, PKCS #1, SHA-512.
    RS512,
    /// RSA, PSS, SHA-256.
    PS256,
    /// RSA, PSS, SHA-384.
    PS384,
    /// RSA, PSS, SHA-512.
    PS512,
    /// ECDSA on P-256.
    ES256,
    /// ECDSA on P-384.
    ES384,
    /// Ed25519.
    EdDSA,
    /// The shared secret, SHA-256.
    HS256,
    /// The shared secret, SHA-384.
    HS384,
    /// The shared secret, SHA-512.
    HS512,
}

impl Algorithm {
    /// Whether it needs the secret, and not a public key.
    pub fn is_shared(self) -> bool {
        matches!(self, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
    }
}
