//! An issuer's public keys, as RFC 7517 has them.
//!
//! Of a set only what verifies signatures is kept. Secrets in it (`oct`) are not: a set is
//! public, so whatever could be signed with one of them proves nothing.

use crate::config::server::jwt::Algorithm;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

/// Keys of a set; issuers publish a few.
const KEYS_MAX: usize = 64;
/// Bytes of the modulus of an RSA key, 2,048 to 8,192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// An issuer's public keys.
#[derive(Default)]
pub(super) struct Keys(Vec<Key>);

struct Key {
    name: Option<String>,
    kind: Kind,
    /// The only algorithm that it is for, when it says so.
    only: Option<String>,
    key: DecodingKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// A key as it is written.
#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Keys {
    /// Reads a set; keys of unknown kinds are left out.
    pub(super) fn parse(bytes: &[u8]) -> Result<Keys, String> {
        let set: Value =
            serde_json::from_slice(bytes).map_err(|error| format!("is not JSON: {error}"))?;
        let listed = set.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or_else(|| "is no set of keys: it has no list `keys`".to_owned())?;
        if listed.len() > KEYS_MAX {
            return Err(format!("holds {} keys, more than {KEYS_MAX}", listed.len()));
        }
        let keys: Vec<Key> = listed.iter().filter_map(Key::of).collect();
        match keys.is_empty() {
            true => {
                Err("holds no key that verifies signatures: RSA from 2,048 bits, P-256, P-384, \
                         Ed25519"
                    .to_owned())
            }
            false => Ok(Keys(keys)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key of that name; without a name the only one that fits the algorithm. None when
    /// several fit, of which the token does not say which.
    pub(super) fn choose(&self, algorithm: Algorithm, name: Option<&str>) -> Option<DecodingKey> {
        let fits = |key: &&Key| {
            key.fits(algorithm) && name.is_none_or(|name| key.name.as_deref() == Some(name))
        };
        let mut fitting = self.0.iter().filter(fits);
        let first = fitting.next()?;
        fitting.next().is_none().then(|| first.key.clone())
    }
}

impl Key {
    fn of(written: &Value) -> Option<Key> {
        let written = Written::deserialize(written).ok()?;
        let signs = written.r#use.as_deref().is_none_or(|purpose| purpose == "sig");
        let verifies =
            written.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !signs || !verifies {
            return None;
        }
        let decoded = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
        let (kind, key) = match (written.kty.as_str(), written.crv.as_deref()) {
            ("RSA", _) => {
                let (modulus, exponent) = (decoded(&written.n)?, decoded(&written.e)?);
                let (modulus, exponent) = (trimmed(&modulus), trimmed(&exponent));
                if !MODULUS_BYTES.contains(&modulus.len()) {
                    return None;
                }
                (Kind::Rsa, DecodingKey::from_rsa_raw_components(modulus, exponent))
            }
            ("EC", Some(curve @ ("P-256" | "P-384"))) => {
                let (kind, bytes) =
                    if curve == "P-256" { (Kind::P256, 32) } else { (Kind::P384, 48) };
                let (x, y) = (decoded(&written.x)?, decoded(&written.y)?);
                if x.len() != bytes || y.len() != bytes {
                    return None;
                }
                // A point of which neither half is left out begins with 4.
                (kind, DecodingKey::from_ec_der(&[&[4], x.as_slice(), y.as_slice()].concat()))
            }
            ("OKP", Some("Ed25519")) => {
                let point = decoded(&written.x).filter(|point| point.len() == 32)?;
                (Kind::Ed25519, DecodingKey::from_ed_der(&point))
            }
            _ => return None,
        };
        Some(Key { name: written.kid, kind, only: written.alg, key })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let word = format!("{algorithm:?}");
        let kind = match algorithm {
            Algorithm::ES256 => Kind::P256,
            Algorithm::ES384 => Kind::P384,
            Algorithm::EdDSA => Kind::Ed25519,
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => Kind::Rsa,
            // A secret is never public.
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => return false,
        };
        self.kind == kind && self.only.as_ref().is_none_or(|only| *only == word)
    }
}

/// A number without zeros in front, which some issuers write.
fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// The algorithm as its library calls it.
pub(super) fn signed_by(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::RS384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::RS512 => jsonwebtoken::Algorithm::RS512,
        Algorithm::PS256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::PS384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::PS512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::ES384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::HS256 => jsonwebtoken::Algorithm::HS256,
        Algorithm::HS384 => jsonwebtoken::Algorithm::HS384,
        Algorithm::HS512 => jsonwebtoken::Algorithm::HS512,
    }
}
