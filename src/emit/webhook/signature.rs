//! Signatures by the Standard Webhooks specification: HMAC-SHA256 over id, time and body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// What a secret in the specification's form begins with.
const PREFIX: &str = "whsec_";

/// A key that signs.
#[derive(Clone)]
pub struct SigningKey {
    mac: Hmac<Sha256>,
}

/// What follows `whsec_` is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("webhook secret cannot be read: after whsec_ comes standard base64")]
pub struct SigningKeyError;

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// Reads a secret: `whsec_` and base64 of the key, or the key itself as text.
    ///
    /// # Errors
    /// When what follows `whsec_` is not base64.
    pub fn parse(secret: &str) -> Result<SigningKey, SigningKeyError> {
        let bytes = match secret.strip_prefix(PREFIX) {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| SigningKeyError)?,
            None => secret.as_bytes().to_vec(),
        };
        // HMAC takes keys of any length.
        let mac = Hmac::new_from_slice(&bytes).map_err(|_| SigningKeyError)?;
        Ok(SigningKey { mac })
    }

    /// The value of `webhook-signature` for a body sent at `timestamp` seconds.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = self.mac.clone();
        for part in [id, ".", &timestamp.to_string(), ".", body] {
            mac.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_the_specification_defines() {
        // Computed with `openssl dgst -sha256 -hmac` over `id.timestamp.body`.
        let key = SigningKey::parse("key").unwrap();
        assert_eq!(
            key.sign("inc-1/1", 1_795_417_318, "{}"),
            "v1,1oT3s6tDULZdKPZDXwrBRe1mMgGT3qPKX6Rf8zD4oZE="
        );
        let encoded = SigningKey::parse("whsec_a2V5").unwrap();
        assert_eq!(encoded.sign("a", 1, "b"), key.sign("a", 1, "b"));
        assert!(SigningKey::parse("whsec_?").is_err());
    }

    #[test]
    fn every_part_is_signed_and_no_key_prints() {
        let key = SigningKey::parse("key").unwrap();
        let base = key.sign("a", 1, "b");
        for other in [key.sign("x", 1, "b"), key.sign("a", 2, "b"), key.sign("a", 1, "x")] {
            assert_ne!(other, base);
        }
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
    }
}
