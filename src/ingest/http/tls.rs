//! What encrypts connections, read from files.
//!
//! Connections that are open keep what they began with. What a client showed is held against
//! the authorities of now, see [`super::peer`].

use super::files;
use super::terms::{Unusable, noted};
use crate::config::server::tls::{ClientCertificates, Tls};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Encryption as it is for connections that are accepted from now on.
#[derive(Clone)]
pub struct Encryption {
    /// What connections begin with.
    pub config: Arc<ServerConfig>,
    /// Who vouches for clients, if they are asked for certificates.
    pub trust: Option<Trust>,
}

/// Who vouches for clients.
#[derive(Clone)]
pub struct Trust {
    verifier: Arc<dyn ClientCertVerifier>,
    /// Tells these authorities from those before and after a reload.
    pub(super) generation: u64,
}

impl Trust {
    fn new(verifier: Arc<dyn ClientCertVerifier>) -> Trust {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Trust { verifier, generation: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    /// Whether the authorities vouch for a certificate, with those between, at this time.
    pub fn vouches_for(&self, chain: &[CertificateDer<'static>], now_seconds: i64) -> bool {
        let Some((own, between)) = chain.split_first() else { return false };
        let seconds = u64::try_from(now_seconds).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.verifier.verify_client_cert(own, between, now).is_ok()
    }
}

/// Reads the files.
///
/// # Errors
/// With each file that cannot be used.
pub(super) fn read(tls: &Tls) -> Result<Encryption, Vec<Unusable>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut unusable = Vec::new();
    let read = files::certificates("server.tls.certificate", tls.certificate.as_ref());
    let chain = noted(read, &mut unusable);
    let key = noted(files::key("server.tls.key", tls.key.as_ref()), &mut unusable);
    let trust = match (tls.client_certificates, &tls.client_ca) {
        (ClientCertificates::Off, _) | (_, None) => None,
        (asked, Some(path)) => noted(trust(asked, path.as_ref(), &provider), &mut unusable),
    };
    let (Some(chain), Some(key), true) = (chain, key, unusable.is_empty()) else {
        return Err(unusable);
    };
    let wrong = |error: rustls::Error| {
        let remedy = "give the key of the certificate that comes first, RSA, ECDSA or Ed25519";
        vec![Unusable::file("server.tls.key", tls.key.as_ref(), error.to_string(), remedy)]
    };
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(wrong)?;
    let builder = match &trust {
        Some(trust) => builder.with_client_cert_verifier(Arc::clone(&trust.verifier)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(wrong)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if trust.is_some() {
        // A session that is taken up again would not be asked for a certificate once more.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Encryption { config: Arc::new(config), trust })
}

fn trust(
    asked: ClientCertificates,
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Trust, Unusable> {
    let key = "server.tls.client_ca";
    let mut roots = RootCertStore::empty();
    for certificate in files::certificates(key, path)? {
        roots.add(certificate).map_err(|error| {
            let remedy = "take it out, or replace it";
            Unusable::file(key, path, format!("holds a certificate that is none: {error}"), remedy)
        })?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match asked {
        ClientCertificates::Required => builder,
        _ => builder.allow_unauthenticated(),
    };
    let verifier = builder
        .build()
        .map_err(|error| Unusable::file(key, path, error.to_string(), "name other authorities"))?;
    Ok(Trust::new(verifier))
}
