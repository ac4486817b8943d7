//! Who calls, and what they may do.
//!
//! Where callers are listed or a JWT is taken, every request but the probes says
//! who sends it: by a token, as `Authorization: Bearer` or as the password of
//! `Basic`, which browsers, amtool and Prometheus can send; by a JWT, as `Bearer`;
//! or, when it has no such header, by the client certificate of its connection.
//! Otherwise everyone who gets a connection may do everything; such a server
//! listens on this machine only, or requires certificates, and refuses requests
//! that name another host or come from a page of another site, because a browser
//! on this machine runs other people's programs.

use super::Http;
use super::answer::Problem;
use super::jwt::{self, Jwt};
use super::origin::HostRule;
use super::peer::Peer;
use super::refusal::Refusal;
use super::tls::Trust;
use crate::chance::unguessable;
use crate::clock::SharedClock;
use crate::config::server::Role;
use crate::config::units::Secret;
use crate::settings::{CertificateMark, DEFAULT_TENANT, Proof, ServerSettings};
use crate::telemetry::http::HttpBooks;
use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use causeway_dataflows::model::SourceIndex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The caller of a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What the caller is called in logs.
    pub name: SmolStr,
    /// Whose data the caller sends and sees; `None` where nobody is told from anybody else:
    /// there everything is seen and each source says whose data it is.
    pub tenant: Option<SmolStr>,
    roles: BTreeSet<Role>,
    sources: BTreeSet<SourceIndex>,
    /// When it is nobody any more, seconds since the Unix epoch.
    until_seconds: Option<i64>,
}

impl Caller {
    /// A caller that a JWT speaks of.
    pub(super) fn vouched_for(
        name: SmolStr,
        tenant: SmolStr,
        roles: BTreeSet<Role>,
        until_seconds: i64,
    ) -> Self {
        let (tenant, until_seconds) = (Some(tenant), Some(until_seconds));
        Caller { name, tenant, roles, sources: BTreeSet::new(), until_seconds }
    }

    /// Whether the caller may do what a role says.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// How much longer it is believed; `None` for as long as the configuration says so.
    pub fn time_left(&self, now_seconds: i64) -> Option<Duration> {
        let seconds = self.until_seconds?.saturating_sub(now_seconds);
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
    }

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
    /// Key under which tokens are compared; see [`Callers::by_token`].
    key: [u8; 32],
    tokens: Vec<(Tag, Caller)>,
    certificates: Vec<(CertificateMark, Caller)>,
    jwt: Option<Arc<Jwt>>,
    anyone: Option<Caller>,
    /// Who vouches for client certificates.
    trust: Option<Trust>,
    certificate_required: bool,
    host: HostRule,
}

/// A token's code under the key.
type Tag = [u8; 32];

/// What a request shows of who sent it.
struct Shown<'a> {
    headers: &'a HeaderMap,
    peer: Option<&'a Peer>,
}

impl Callers {
    /// The callers that the settings name.
    pub(super) fn new(
        settings: &ServerSettings,
        trust: Option<Trust>,
        jwt: Option<Arc<Jwt>>,
    ) -> Self {
        let key = comparison_key();
        let (mut tokens, mut certificates) = (Vec::new(), Vec::new());
        for access in &settings.callers {
            let caller = Caller {
                name: access.name.clone(),
                tenant: Some(access.tenant.clone()),
                roles: access.roles.clone(),
                sources: access.sources.clone(),
                until_seconds: None,
            };
            match &access.proof {
                Proof::Token(token) => tokens.push((tag(&key, token.reveal().as_bytes()), caller)),
                Proof::Certificate(mark) => certificates.push((mark.clone(), caller)),
            }
        }
        let anyone = (settings.callers.is_empty() && jwt.is_none()).then(|| Caller {
            name: SmolStr::new_static("anyone"),
            tenant: None,
            roles: BTreeSet::from([Role::Ingest, Role::Read, Role::Operate]),
            sources: BTreeSet::new(),
            until_seconds: None,
        });
        let host = HostRule { any: settings.any_host, names: settings.hosts.clone() };
        let certificate_required = settings.requires_certificates();
        Callers { key, tokens, certificates, jwt, anyone, trust, certificate_required, host }
    }

    /// Has the keys of a JWT's issuer fetched from now on; those that `before` holds count until
    /// then. Must be called inside the tokio runtime.
    pub(super) fn begin(&self, before: Option<&Callers>, books: &HttpBooks, clock: &SharedClock) {
        if let Some(jwt) = &self.jwt {
            jwt.begin(before.and_then(|callers| callers.jwt.as_deref()), books, clock);
        }
    }

    /// The caller that sent a request.
    async fn find(&self, shown: Shown<'_>, http: &Http) -> Result<Caller, Refusal> {
        let now = http.clock.now_seconds();
        let names = shown.peer.zip(self.trust.as_ref());
        let names = names.and_then(|(peer, trust)| peer.names(trust, now));
        let untrusted = names.is_none() && shown.peer.is_some_and(Peer::has_certificate);
        if self.certificate_required && names.is_none() {
            // The handshake saw to it, unless the connection is from before a reload.
            return Err(if untrusted { Refusal::Untrusted } else { Refusal::NoCertificate });
        }
        if let Some(anyone) = &self.anyone {
            return Ok(anyone.clone());
        }
        // A header that is given decides alone: a certificate does not make up for a wrong one.
        if let Some(token) = token_of(shown.headers)? {
            return match (self.by_token(&token.secret), &self.jwt) {
                (Some(caller), _) => Ok(caller.clone()),
                (None, Some(jwt)) if token.bearer && jwt::has_form(token.secret.reveal()) => {
                    jwt.caller(token.secret.reveal(), &http.metrics.http, &http.clock).await
                }
                (None, _) => Err(Refusal::Token),
            };
        }
        match names {
            Some(names) => {
                let known = self.certificates.iter().find(|(mark, _)| names.fit(mark));
                known.map(|(_, caller)| caller.clone()).ok_or(Refusal::Certificate)
            }
            None if untrusted => Err(Refusal::Untrusted),
            None => Err(Refusal::Nothing),
        }
    }

    fn by_token(&self, token: &Secret) -> Option<&Caller> {
        let given = tag(&self.key, token.reveal().as_bytes());
        // Codes under a key are compared, not tokens: their length says nothing, and what
        // an early difference would tell an attacker is worthless without the key. All
        // are compared whatever the first ones say.
        let mut found = None;
        for (known, caller) in &self.tokens {
            let differing = known.iter().zip(&given).fold(0u8, |bits, (a, b)| bits | (a ^ b));
            if std::hint::black_box(differing) == 0 {
                found = Some(caller);
            }
        }
        found
    }
}

/// Sixty-four bits of the process's own randomness four times over. It decides nothing that
/// leaves the process; it only has to be unknown to callers.
fn comparison_key() -> [u8; 32] {
    let mut key = [0; 32];
    for part in key.chunks_mut(8) {
        part.copy_from_slice(&unguessable().to_le_bytes());
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

/// A token as it was sent.
struct Sent {
    secret: Secret,
    /// As `Bearer`, and not as the password of `Basic`.
    bearer: bool,
}

/// The token of a request that has one.
fn token_of(headers: &HeaderMap) -> Result<Option<Sent>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::Several);
    }
    let (scheme, rest) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::Form)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(Sent { secret: Secret::new(rest.trim()), bearer: true }));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let text = STANDARD.decode(rest.trim()).ok().and_then(|text| String::from_utf8(text).ok());
        let password = text.as_deref().and_then(|text| text.split_once(':'));
        let (_, password) = password.ok_or(Refusal::Form)?;
        return Ok(Some(Sent { secret: Secret::new(password), bearer: false }));
    }
    Err(Refusal::Form)
}

/// The caller of this request, if it may do what `ROLE` says.
async fn admitted(http: &Http, parts: &Parts, role: Role) -> Result<Caller, Problem> {
    let callers = http.callers();
    callers.host.check(&parts.method, &parts.uri, &parts.headers)?;
    let peer = parts.extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer);
    let shown = Shown { headers: &parts.headers, peer };
    let caller = callers.find(shown, http).await.map_err(|refusal| {
        http.metrics.http.refused(refusal.reason());
        Problem::from(refusal)
    })?;
    if caller.has(role) {
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
                admitted(&Http::from_ref(state), parts, Role::$role).await.map($name)
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
        let token = |value| found(value).ok().flatten().unwrap();
        assert_eq!(token("Bearer abc").secret.reveal(), "abc");
        assert_eq!(token("basic YWxpY2U6YWJjOmQ=").secret.reveal(), "abc:d");
        assert!(token("bearer abc").bearer && !token("basic YWxpY2U6YWJjOmQ=").bearer);
        for bad in ["", "abc", "Basic !", "Digest x", "Basic YWxpY2U="] {
            assert_eq!(found(bad).err(), Some(Refusal::Form), "{bad}");
        }
        assert!(token_of(&headers(&[])).unwrap().is_none());
        let mut two = headers(&[("authorization", "Bearer abc")]);
        two.append(AUTHORIZATION, "Bearer def".parse().unwrap());
        assert_eq!(token_of(&two).err(), Some(Refusal::Several));
    }
}
