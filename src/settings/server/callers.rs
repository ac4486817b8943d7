//! Callers that the configuration lists, each with what it is known by.

use crate::config::server::Token;
use crate::config::server::tls::{CertificateName, ClientCertificates};
use crate::config::units::Secret;
use crate::hex::unhex;
use crate::settings::checker::Checker;
use crate::settings::source::{SourceKind, SourceSettings};
use causeway_dataflows::model::SourceIndex;
use smol_str::SmolStr;
use std::collections::BTreeSet;

use super::Access;

/// The least length of a token, bytes: 16 random characters are beyond guessing over a network.
pub(in crate::settings) const TOKEN_BYTES_MIN: usize = 16;

/// What a caller is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A token.
    Token(Secret),
    /// A client certificate.
    Certificate(CertificateMark),
}

/// What a client certificate is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateMark {
    /// The common name of its subject.
    CommonName(String),
    /// A DNS name, in lower case.
    Dns(String),
    /// A URI.
    Uri(String),
    /// Its SHA-256.
    Sha256([u8; 32]),
}

pub(super) fn callers(
    checker: &mut Checker<'_>,
    tokens: &[Token],
    asked: ClientCertificates,
    sources: &[SourceSettings],
) -> Vec<Access> {
    let mut callers: Vec<Access> = Vec::with_capacity(tokens.len());
    for (i, token) in tokens.iter().enumerate() {
        let key = format!("server.tokens.{i}");
        checker.name(&format!("{key}.name"), &token.name);
        checker.name(&format!("{key}.tenant"), &token.tenant);
        if callers.iter().any(|other| other.name == token.name) {
            let message = format!("`{}` is the name of another token", token.name);
            checker.wrong(&format!("{key}.name"), message, "rename one of the two");
        }
        if token.roles.is_empty() && checker.knows(&[&format!("{key}.roles")]) {
            let remedy = "list some of `ingest`, `read`, `operate`";
            checker.wrong(&format!("{key}.roles"), "the token allows nothing", remedy);
        }
        let sources = sources_of(checker, &key, token, sources);
        let Some(proof) = proof(checker, &key, token, asked, &callers) else { continue };
        callers.push(Access {
            name: SmolStr::new(&token.name),
            proof,
            tenant: SmolStr::new(&token.tenant),
            roles: token.roles.iter().copied().collect(),
            sources,
        });
    }
    callers
}

/// What the caller is known by; `None` when that is a mistake.
fn proof(
    checker: &mut Checker<'_>,
    key: &str,
    token: &Token,
    asked: ClientCertificates,
    others: &[Access],
) -> Option<Proof> {
    let (part, proof) = match (&token.token, &token.certificate) {
        (Some(secret), None) => ("token", Proof::Token(secret.clone())),
        (None, Some(name)) => {
            let at = format!("{key}.certificate");
            if asked == ClientCertificates::Off && checker.knows(&["server.tls"]) {
                let remedy = "set `server.tls.client_certificates` to `optional` or `required`";
                checker.wrong(&at, "clients are not asked for a certificate", remedy);
            }
            ("certificate", Proof::Certificate(mark(checker, &at, name)?))
        }
        (Some(_), Some(_)) => {
            let message = "a token and a certificate stand for one caller";
            checker.wrong(key, message, "write an entry for each, with names of their own");
            return None;
        }
        (None, None) => {
            if checker.may_want(key, "certificate") {
                let remedy = "add `token:` or `certificate:` here";
                checker.missing(key, "token", "the caller is known by nothing", remedy);
            }
            return None;
        }
    };
    if let Proof::Token(secret) = &proof
        && secret.reveal().len() < TOKEN_BYTES_MIN
    {
        checker.wrong(
            &format!("{key}.token"),
            format!("the token is shorter than {TOKEN_BYTES_MIN} characters"),
            "make one with `openssl rand -hex 32`",
        );
    }
    if let Some(other) = others.iter().find(|other| other.proof == proof) {
        let message = format!("the {part} is also that of `{}`", other.name);
        checker.wrong(&format!("{key}.{part}"), message, "give each caller its own");
    }
    Some(proof)
}

fn mark(checker: &mut Checker<'_>, key: &str, name: &CertificateName) -> Option<CertificateMark> {
    if !checker.knows(&[key]) {
        return None;
    }
    let CertificateName { common_name, dns, uri, sha256 } = name;
    let given = [common_name, dns, uri, sha256].into_iter().flatten();
    let (count, empty) = (given.clone().count(), given.clone().any(|text| text.is_empty()));
    if count != 1 || empty {
        let message = "a certificate is known by one thing";
        checker.wrong(key, message, "write one of `common_name`, `dns`, `uri` and `sha256`");
        return None;
    }
    if let Some(text) = sha256 {
        let found = digest(text);
        if found.is_none() {
            let remedy = "print it with `openssl x509 -in FILE -noout -fingerprint -sha256`";
            checker.wrong(&format!("{key}.sha256"), "it is not a SHA-256", remedy);
        }
        return found.map(CertificateMark::Sha256);
    }
    common_name
        .clone()
        .map(CertificateMark::CommonName)
        .or_else(|| dns.as_ref().map(|name| CertificateMark::Dns(name.to_ascii_lowercase())))
        .or_else(|| uri.clone().map(CertificateMark::Uri))
}

/// Thirty-two bytes in hexadecimal digits, with or without colons.
fn digest(text: &str) -> Option<[u8; 32]> {
    unhex(&text.replace(':', ""))
}

fn sources_of(
    checker: &mut Checker<'_>,
    key: &str,
    token: &Token,
    sources: &[SourceSettings],
) -> BTreeSet<SourceIndex> {
    let mut indices = BTreeSet::new();
    for (i, name) in token.sources.iter().enumerate() {
        let http = |source: &&SourceSettings| {
            source.decode.name == name.as_str() && matches!(source.kind, SourceKind::Http { .. })
        };
        match sources.iter().find(http) {
            Some(source) => {
                indices.insert(source.decode.index);
            }
            // It may be one of those that could not be read.
            None if !checker.knows(&[&format!("sources.{name}")]) => {}
            None => checker.wrong(
                &format!("{key}.sources.{i}"),
                format!("`{name}` is not an HTTP source"),
                "name one of `sources` whose type is `http`",
            ),
        }
    }
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_and_without_colons() {
        let plain = "0f".repeat(32);
        let colons = ["0F"; 32].join(":");
        assert_eq!(digest(&plain), Some([15; 32]));
        assert_eq!(digest(&colons), Some([15; 32]));
        for bad in [&plain[1..], "", &"é".repeat(32), &"0g".repeat(32), &"+1".repeat(32)] {
            assert_eq!(digest(bad), None, "{bad}");
        }
    }
}
