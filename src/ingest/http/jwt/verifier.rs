//! Signatures of JWTs, verified by ring, which TLS brings anyway.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::hmac;
use ring::signature::{self, VerificationAlgorithm};
use ring::signature::{RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};

/// What the whole process verifies JWTs with. Nothing here signs any.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(new_error(ErrorKind::UnsupportedAlgorithm)),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes this the process's own; a second time it changes nothing.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    // A key of one kind must not be read as one of another: a public RSA key is no secret.
    if key.family() != algorithm.family() {
        return Err(new_error(ErrorKind::InvalidAlgorithm));
    }
    Ok(Box::new(ByRing { algorithm: *algorithm, key: key.clone() }))
}

struct ByRing {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for ByRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for ByRing {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let (bytes, components) = match self.key.kind() {
            DecodingKeyKind::SecretOrDer(bytes) => (bytes.as_slice(), None),
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                (&[][..], Some(RsaPublicKeyComponents { n, e }))
            }
        };
        let rsa = |how: &RsaParameters| match &components {
            Some(components) => components.verify(how, message, signature),
            None => Err(ring::error::Unspecified),
        };
        let curve = |how: &'static dyn VerificationAlgorithm| {
            UnparsedPublicKey::new(how, bytes).verify(message, signature)
        };
        let shared = |how| hmac::verify(&hmac::Key::new(how, bytes), message, signature);
        let verified = match self.algorithm {
            Algorithm::RS256 => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::PS384 => rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::PS512 => rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Algorithm::ES256 => curve(&signature::ECDSA_P256_SHA256_FIXED),
            Algorithm::ES384 => curve(&signature::ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDSA => curve(&signature::ED25519),
            Algorithm::HS256 => shared(hmac::HMAC_SHA256),
            Algorithm::HS384 => shared(hmac::HMAC_SHA384),
            Algorithm::HS512 => shared(hmac::HMAC_SHA512),
            _ => Err(ring::error::Unspecified),
        };
        verified.map_err(|_| Error::new())
    }
}
