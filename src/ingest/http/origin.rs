//! Refuses what a browser was tricked into sending.

use super::answer::Problem;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use std::net::IpAddr;

/// Which hosts a request may name.
pub(super) struct HostRule {
    /// Any.
    pub(super) any: bool,
    /// These, in lower case, besides those of this machine.
    pub(super) names: Vec<String>,
}

impl HostRule {
    /// Refuses what a browser was tricked into sending.
    pub(super) fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        let host = uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok()))
            .unwrap_or_default();
        if !self.allows(host) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
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
        let rule = HostRule { any: false, names: Vec::new() };
        let check = |method: Method, pairs: &[(&'static str, &'static str)]| {
            rule.check(&method, &Uri::from_static("/v1/events"), &headers(pairs)).is_ok()
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
