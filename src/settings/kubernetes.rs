//! What of a configuration is about a Kubernetes cluster.

use super::checker::Checker;
use crate::config::source::KubernetesSource;
use reqwest::Url;
use smol_str::SmolStr;
use std::net::IpAddr;
use std::path::PathBuf;

/// Characters of the name of a namespace.
const NAMESPACE_CHARS_MAX: usize = 63;

/// What a source that watches a cluster must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesSettings {
    /// The API server; that of the pod's own cluster when there is none.
    pub url: Option<Url>,
    /// The file with the token to show.
    pub token_file: Option<PathBuf>,
    /// The file with the authorities that are trusted.
    pub ca_file: Option<PathBuf>,
    /// Namespaces whose objects are watched; all when empty.
    pub namespaces: Vec<SmolStr>,
    /// Objects that are kept in memory.
    pub objects_max: usize,
}

pub(super) fn check(
    checker: &mut Checker<'_>,
    key: &str,
    source: &KubernetesSource,
) -> KubernetesSettings {
    let url = source.url.as_deref().and_then(|text| url(checker, &format!("{key}.url"), text));
    for (i, namespace) in source.namespaces.iter().enumerate() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let length = namespace.len();
        if length == 0 || length > NAMESPACE_CHARS_MAX || !namespace.chars().all(plain) {
            let message = format!("`{namespace}` cannot be a namespace");
            let remedy = "use up to 63 small letters, digits and `-`";
            checker.wrong(&format!("{key}.namespaces.{i}"), message, remedy);
        }
    }
    checker.positive(&format!("{key}.objects_max"), source.objects_max);
    KubernetesSettings {
        url,
        token_file: source.token_file.as_ref().map(|path| path.0.clone()),
        ca_file: source.ca_file.as_ref().map(|path| path.0.clone()),
        namespaces: source.namespaces.iter().map(SmolStr::new).collect(),
        objects_max: source.objects_max,
    }
}

/// A token that somebody on the way can read is everybody's.
fn url(checker: &mut Checker<'_>, at: &str, text: &str) -> Option<Url> {
    let Some(url) = Url::parse(text).ok().filter(Url::has_host) else {
        let message = format!("`{text}` is not a URL");
        checker.wrong(at, message, "write it like `https://cluster.example:6443`");
        return None;
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if url.scheme() != "https" && !(local && url.scheme() == "http") {
        let message = "the token could be read on its way";
        checker.wrong(at, message, "use https, or http on this machine, as `kubectl proxy` does");
    }
    Some(url)
}
