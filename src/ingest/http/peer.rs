//! Who is at the other end of a connection, as far as its encryption tells.

use super::server::Bounded;
use super::tls::Trust;
use crate::settings::CertificateMark;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How long authorities are not asked again for a certificate that they have vouched for.
const VOUCHED_SECONDS: i64 = 60;
/// The identifier of a common name, 2.5.4.3, as DER has it.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// The other end of a connection; clones share it. It is known once the handshake is done,
/// which is before the first request.
#[derive(Clone, Default)]
pub struct Peer(Arc<OnceLock<Shown>>);

/// What a client showed.
struct Shown {
    /// Its certificate and those between it and an authority.
    chain: Vec<CertificateDer<'static>>,
    names: Names,
    /// Which authorities vouched for it last, and when.
    vouched: Mutex<(u64, i64)>,
}

/// What a certificate is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The common name of its subject, when there is one and only one.
    pub common_name: Option<String>,
    /// DNS names, in lower case.
    pub dns: Vec<String>,
    /// URIs.
    pub uris: Vec<String>,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

impl Peer {
    /// Notes what was shown in a handshake that succeeded.
    pub(super) fn shook_hands(&self, chain: Option<&[CertificateDer<'_>]>) {
        let Some(chain) = chain.filter(|chain| !chain.is_empty()) else { return };
        let Some(names) = Names::of(&chain[0]) else { return };
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        // No authorities have the number zero.
        let _ = self.0.set(Shown { chain, names, vouched: Mutex::new((0, 0)) });
    }

    /// Whether a certificate was shown.
    pub fn has_certificate(&self) -> bool {
        self.0.get().is_some()
    }

    /// What the certificate is known by; `None` when there is none for which the authorities
    /// vouch now: they may be others than at the handshake, and it may have expired.
    pub fn names(&self, trust: &Trust, now_seconds: i64) -> Option<&Names> {
        let shown = self.0.get()?;
        let mut vouched = shown.vouched.lock().unwrap_or_else(PoisonError::into_inner);
        let (generation, since) = *vouched;
        let fresh = (0..VOUCHED_SECONDS).contains(&now_seconds.saturating_sub(since));
        if generation != trust.generation || !fresh {
            if !trust.vouches_for(&shown.chain, now_seconds) {
                return None;
            }
            *vouched = (trust.generation, now_seconds);
        }
        Some(&shown.names)
    }
}

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Peer {
        stream.io().peer().clone()
    }
}

impl Names {
    /// What `certificate` is known by; `None` when it is none.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Names> {
        let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
        Some(Names {
            common_name: common_name(parsed.subject()),
            dns: parsed.valid_dns_names().map(str::to_ascii_lowercase).collect(),
            uris: parsed.valid_uri_names().map(str::to_owned).collect(),
            sha256: Sha256::digest(certificate).into(),
        })
    }

    /// Whether the certificate is the one meant.
    pub fn fit(&self, mark: &CertificateMark) -> bool {
        match mark {
            CertificateMark::CommonName(name) => self.common_name.as_ref() == Some(name),
            CertificateMark::Dns(name) => self.dns.contains(name),
            CertificateMark::Uri(uri) => self.uris.contains(uri),
            CertificateMark::Sha256(digest) => self.sha256 == *digest,
        }
    }
}

/// The common name of a subject in DER, without its outermost tag: sets of pairs of an
/// identifier and a text. Two common names are none, because nobody can say which one is meant.
fn common_name(subject: &[u8]) -> Option<String> {
    let (sequence, set_of, identifier) = (0x30, 0x31, 0x06);
    let mut found = None;
    let mut rest = subject;
    while !rest.is_empty() {
        let mut set = take(&mut rest, set_of)?;
        while !set.is_empty() {
            let mut pair = take(&mut set, sequence)?;
            if take(&mut pair, identifier)? != COMMON_NAME {
                continue;
            }
            let (tag, text) = take_any(&mut pair)?;
            // UTF8String, PrintableString and IA5String are all UTF-8; the others are of the past.
            if found.is_some() || ![0x0c, 0x13, 0x16].contains(&tag) {
                return None;
            }
            found = Some(std::str::from_utf8(text).ok()?.to_owned());
        }
    }
    found
}

fn take<'a>(rest: &mut &'a [u8], wanted: u8) -> Option<&'a [u8]> {
    take_any(rest).filter(|(tag, _)| *tag == wanted).map(|(_, value)| value)
}

/// The next tag and what it holds; lengths of up to two bytes are beyond any name.
fn take_any<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let whole: &'a [u8] = rest;
    let (tag, length, after) = match *whole {
        [tag, length @ 0..=0x7f, ref after @ ..] => (tag, usize::from(length), after),
        [tag, 0x81, length, ref after @ ..] => (tag, usize::from(length), after),
        [tag, 0x82, high, low, ref after @ ..] => {
            (tag, usize::from(u16::from_be_bytes([high, low])), after)
        }
        _ => return None,
    };
    let (value, after) = after.split_at_checked(length)?;
    *rest = after;
    Some((tag, value))
}
