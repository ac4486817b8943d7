//! Callers that an identity provider vouches for, checked.

use crate::config::server::jwt::{Algorithm, Claims, Jwks, Jwt};
use crate::config::units::{Period, Secret};
use crate::settings::checker::Checker;
use reqwest::Url;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The least length of a shared secret, bytes: as long as the shortest of its hashes.
const SECRET_BYTES_MIN: usize = 32;
/// A token that is taken longer than this after its end hardly has one.
const LEEWAY_MAX: Period = Period::minutes(10);
/// More often than this the issuer is asked for nothing new.
const REFRESH_MIN: Period = Period::seconds(10);

/// JSON Web Tokens that are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSettings {
    /// What `iss` must be.
    pub issuer: String,
    /// Of which `aud` must hold one.
    pub audience: Vec<String>,
    /// Where public keys come from.
    pub keys: Option<KeysFrom>,
    /// The secret shared with the issuer.
    pub secret: Option<Secret>,
    /// How tokens may be signed.
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may be apart.
    pub leeway: Duration,
    /// Which claims say what.
    pub claims: Claims,
}

/// Where public keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysFrom {
    /// They are fetched.
    Url {
        /// Where.
        url: Url,
        /// Who is trusted there; whom the system trusts when left out.
        ca: Option<PathBuf>,
        /// How often.
        refresh: Duration,
    },
    /// They are read.
    File(PathBuf),
}

pub(super) fn check(checker: &mut Checker<'_>, jwt: &Jwt) -> JwtSettings {
    let key = |part: &str| format!("server.jwt.{part}");
    if jwt.issuer.is_empty() {
        let remedy = "write what the issuer puts into `iss`";
        checker.wrong(&key("issuer"), "it is empty", remedy);
    }
    let audience = jwt.audience.0.clone();
    if audience.is_empty() || audience.iter().any(String::is_empty) {
        let message = "tokens for others would be taken";
        checker.wrong(&key("audience"), message, "write what the issuer calls this server");
    }
    if jwt.leeway > LEEWAY_MAX {
        let message = format!("{} keeps tokens alive long after their end", jwt.leeway);
        checker.wrong(&key("leeway"), message, format!("write at most {LEEWAY_MAX}"));
    }
    for (name, claim) in
        [("tenant", &jwt.claims.tenant), ("roles", &jwt.claims.roles), ("name", &jwt.claims.name)]
    {
        if claim.is_empty() {
            let at = key(&format!("claims.{name}"));
            checker.wrong(&at, "it is empty", "name a claim");
        }
    }
    check_algorithms(checker, jwt);
    JwtSettings {
        issuer: jwt.issuer.clone(),
        audience,
        keys: jwt.jwks.as_ref().and_then(|jwks| keys(checker, jwks)),
        secret: jwt.shared_secret.clone(),
        algorithms: jwt.algorithms.clone(),
        leeway: jwt.leeway.0,
        claims: jwt.claims.clone(),
    }
}

/// What signs tokens and what they are verified with must fit.
fn check_algorithms(checker: &mut Checker<'_>, jwt: &Jwt) {
    let at = "server.jwt.algorithms";
    let known = checker.knows(&["server.jwt"]);
    if let Some(secret) = &jwt.shared_secret
        && secret.reveal().len() < SECRET_BYTES_MIN
    {
        let message = format!("the secret is shorter than {SECRET_BYTES_MIN} characters");
        checker.wrong("server.jwt.shared_secret", message, "make one with `openssl rand -hex 32`");
    }
    let shared = jwt.algorithms.iter().find(|algorithm| algorithm.is_shared());
    let public = jwt.algorithms.iter().find(|algorithm| !algorithm.is_shared());
    if !known {
        return;
    }
    if shared.is_none() && public.is_none() {
        checker.wrong(at, "no token could be signed", "list some, such as `RS256`");
        return;
    }
    match (shared, &jwt.shared_secret) {
        (Some(algorithm), None) => {
            let message = format!("`{algorithm:?}` needs a secret");
            checker.wrong(at, message, "add `shared_secret`, or take it out");
        }
        (None, Some(_)) => {
            let remedy = "add `HS256` to `algorithms`, or take the secret out";
            checker.wrong("server.jwt.shared_secret", "no algorithm uses it", remedy);
        }
        _ => {}
    }
    match (public, &jwt.jwks) {
        (Some(algorithm), None) => {
            let message = format!("`{algorithm:?}` needs public keys");
            checker.wrong(at, message, "add `jwks` with a `url` or a `file`, or take it out");
        }
        (None, Some(_)) => {
            let remedy = "add one such as `RS256` to `algorithms`, or take the keys out";
            checker.wrong("server.jwt.jwks", "no algorithm uses public keys", remedy);
        }
        _ => {}
    }
}

fn keys(checker: &mut Checker<'_>, jwks: &Jwks) -> Option<KeysFrom> {
    let at = "server.jwt.jwks";
    if !checker.knows(&[at]) {
        return None;
    }
    match (&jwks.url, &jwks.file) {
        (Some(text), None) => {
            if jwks.refresh < REFRESH_MIN {
                let message = format!("{} is more often than keys change", jwks.refresh);
                let remedy = format!("write at least {REFRESH_MIN}");
                checker.wrong(&format!("{at}.refresh"), message, remedy);
            }
            let ca = jwks.ca.as_ref().map(|path| path.0.clone());
            url(checker, text).map(|url| KeysFrom::Url { url, ca, refresh: jwks.refresh.0 })
        }
        (None, Some(path)) => {
            if jwks.ca.is_some() {
                let message = "nothing is fetched, so nobody has to be trusted";
                checker.wrong(&format!("{at}.ca"), message, "take it out");
            }
            Some(KeysFrom::File(path.0.clone()))
        }
        _ => {
            checker.wrong(at, "keys come from one place", "write `url` or `file`");
            None
        }
    }
}

/// Keys that somebody on the way can replace prove nothing.
fn url(checker: &mut Checker<'_>, text: &str) -> Option<Url> {
    let at = "server.jwt.jwks.url";
    let found = Url::parse(text).ok().filter(Url::has_host);
    let Some(url) = found else {
        let remedy = "write it like `https://id.example/keys`";
        checker.wrong(at, format!("`{text}` is not a URL"), remedy);
        return None;
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if url.scheme() != "https" && !(local && url.scheme() == "http") {
        let message = "keys could be replaced on their way";
        checker.wrong(at, message, "use https, or http on this machine");
    }
    Some(url)
}
