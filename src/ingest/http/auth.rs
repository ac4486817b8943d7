//! Who calls, and what they may do.
//!
//! With tokens, every request but the probes carries one, as `Authorization:
//! Bearer` or as the password of `Basic`, which browsers, amtool and Prometheus
//! can send. Without tokens everyone who reaches the port may do everything;
//! such a server listens on this machine only and refuses requests that name
//! another host or come from a page of another site, because a browser on this
//! machine runs other people's programs.

use super::Http;
use super::answer::Problem;
use crate::config::server::Role;
use crate::config::units::Secret;
use crate::settings::{DEFAULT_TENANT, ServerSettings};
use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use causeway_dataflows::model::SourceIndex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The caller of a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What the caller is called in logs.
    pub name: SmolStr,
    /// Whose data the caller sends and sees; `None` for a server without tokens, where
    /// everything is seen and each source says whose data it is.
    pub tenant: Option<SmolStr>,
    roles: BTreeSet<Role>,
    sources: BTreeSet<SourceIndex>,
}

impl Caller {
    /// Whether the caller may send to a source.
    pub fn may_send_to(&self, source: SourceIndex) -> bool {
        self.sources.is_empty() || self.sources.contains(&source)
    }

    /// Whose data the caller changes.
    pub fn tenant_or_default(&self) -> SmolStr {
        self.tenant.clone().unwrap_or(SmolStr::new_static(DEFAULT_TENANT))
    }

    /// The same caller on behalf of the tenant of something it was shown.
    #[must_use]
    pub fn acting_for(mut self, tenant: &SmolStr) -> Self {
        self.tenant = Some(tenant.clone());
        self
    }

    /// Whether data of `tenant` may be shown to the caller.
    pub fn sees(&self, tenant: &str) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
    }

    /// The tenants a listing is cut down to; empty for all.
    pub fn tenants(&self) -> Vec<SmolStr> {
        self.tenant.iter().cloned().collect()
    }
}

/// Everyone who may call.
pub struct Callers {
    /// Key under which tokens are compared; see [`Callers::find`].
    key: [u8; 32],
    known: Vec<(Tag, Caller)>,
    anyone: Option<Caller>,
    host: HostRule,
}

/// A token's code under the key.
type Tag = [u8; 32];

struct HostRule {
    any: bool,
    names: Vec<String>,
}

impl Callers {
    /// The callers that the settings name.
    pub fn new(settings: &ServerSettings) -> Self {
        let key = comparison_key();
        let known: Vec<(Tag, Caller)> = settings
            .callers
            .iter()
            .map(|access| {
                let caller = Caller {
                    name: access.name.clone(),
                    tenant: Some(access.tenant.clone()),
                    roles: access.roles.clone(),
                    sources: access.sources.clone(),
                };
                (tag(&key, access.token.reveal().as_bytes()), caller)
            })
            .collect();
        let anyone = known.is_empty().then(|| Caller {
            name: SmolStr::new_static("anyone"),
            tenant: None,
            roles: BTreeSet::from([Role::Ingest, Role::Read, Role::Operate]),
            sources: BTreeSet::new(),
        });
        let host = HostRule { any: settings.any_host, names: settings.hosts.clone() };
        Callers { key, known, anyone, host }
    }

    /// The caller that sent these headers.
    fn find(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        if let Some(anyone) = &self.anyone {
            return Ok(anyone.clone());
        }
        let Some(token) = token_of(headers) else {
            return Err(Problem::unauthenticated(
                "send a token as `authorization: Bearer TOKEN`; the server's configuration lists them",
            ));
        };
        let given = tag(&self.key, token.reveal().as_bytes());
        // Codes under a key are compared, not tokens: their length says nothing, and what
        // an early difference would tell an attacker is worthless without the key. All
        // are compared whatever the first ones say.
        let mut found = None;
        for (known, caller) in &self.known {
            let differing = known.iter().zip(&given).fold(0u8, |bits, (a, b)| bits | (a ^ b));
            if std::hint::black_box(differing) == 0 {
                found = Some(caller);
            }
        }
        found.cloned().ok_or_else(|| Problem::unauthenticated("the token is not known here"))
    }

    /// Refuses what a browser was tricked into sending.
    fn check_origin(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let host = uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok()))
            .unwrap_or_default();
        if !self.host.allows(host) {
            let detail = "the request names another host; list the name under `server.hosts`";
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
        }
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let foreign_site = matches!(text("sec-fetch-site"), Some("cross-site" | "same-site"));
        let foreign_origin = text(ORIGIN.as_str())
            .is_some_and(|origin| origin.split_once("://").map(|(_, rest)| rest) != Some(host));
        if foreign_site || foreign_origin {
            let detail = "a page of another site may not change anything here";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        Ok(())
    }
}

impl HostRule {
    fn allows(&self, host: &str) -> bool {
        if self.any || host.is_empty() {
            return true;
        }
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let name = name.to_ascii_lowercase();
        let local = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        local || name == "localhost" || self.names.contains(&name)
    }
}

/// Sixty-four bits of the process's own randomness four times over. It decides nothing that
/// leaves the process; it only has to be unknown to callers.
fn comparison_key() -> [u8; 32] {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut key = [0; 32];
    for part in key.chunks_mut(8) {
        part.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    key
}

fn tag(key: &[u8; 32], token: &[u8]) -> Tag {
    // A key of 32 bytes is always taken; HMAC hashes longer ones and pads shorter ones.
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut code) => {
            code.update(token);
            code.finalize().into_bytes().into()
        }
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

fn token_of(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Secret::new(rest.trim()));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        return text.split_once(':').map(|(_, password)| Secret::new(password));
    }
    None
}

/// The caller of this request, if it may do what `ROLE` says.
fn admitted(http: &Http, parts: &Parts, role: Role) -> Result<Caller, Problem> {
    let callers = http.callers();
    callers.check_origin(&parts.method, &parts.uri, &parts.headers)?;
    let caller = callers.find(&parts.headers)?;
    if caller.roles.contains(&role) {
        return Ok(caller);
    }
    let word = match role {
        Role::Ingest => "ingest",
        Role::Read => "read",
        Role::Operate => "operate",
    };
    let detail = format!("the token of `{}` does not have the role `{word}`", caller.name);
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

macro_rules! admission {
    ($($(#[$doc:meta])* $name:ident: $role:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub Caller);

        impl<S> FromRequestParts<S> for $name
        where
            Http: FromRef<S>,
            S: Send + Sync,
        {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                admitted(&Http::from_ref(state), parts, Role::$role).map($name)
            }
        }
    )*};
}

admission! {
    /// A caller who may send events; handlers that take events take this first.
    CanIngest: Ingest;
    /// A caller who may read.
    CanRead: Read;
    /// A caller who may change topology, silences, windows and rules.
    CanOperate: Operate;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_token_comes_in_two_forms() {
        let found = |value| token_of(&headers(&[("authorization", value)]));
        assert_eq!(found("Bearer abc").unwrap().reveal(), "abc");
        assert_eq!(found("basic YWxpY2U6YWJjOmQ=").unwrap().reveal(), "abc:d");
        for bad in ["abc", "Basic !", "Digest x", "Basic YWxpY2U="] {
            assert!(found(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_local_server_answers_to_local_names_only() {
        let rule = HostRule { any: false, names: vec!["build-7".into()] };
        for host in ["127.0.0.1:9190", "localhost", "LOCALHOST:1", "[::1]:9190", "build-7:80", ""] {
            assert!(rule.allows(host), "{host}");
        }
        for host in ["evil.example:9190", "10.0.0.1", "localhost.evil.example"] {
            assert!(!rule.allows(host), "{host}");
        }
    }

    #[test]
    fn pages_of_other_sites_change_nothing() {
        let callers = Callers::new(&crate::settings::Settings::defaults().server);
        let check = |method: Method, pairs: &[(&'static str, &'static str)]| {
            callers.check_origin(&method, &Uri::from_static("/v1/events"), &headers(pairs)).is_ok()
        };
        let host = ("host", "localhost:9190");
        assert!(check(Method::POST, &[host]));
        assert!(check(Method::POST, &[host, ("origin", "http://localhost:9190")]));
        assert!(!check(Method::POST, &[host, ("origin", "http://evil.example")]));
        assert!(!check(Method::POST, &[host, ("origin", "null")]));
        assert!(!check(Method::DELETE, &[host, ("sec-fetch-site", "cross-site")]));
        assert!(check(Method::GET, &[host, ("sec-fetch-site", "cross-site")]));
        assert!(!check(Method::GET, &[("host", "evil.example")]));
    }
}
