//! Sinks and the revisions they want.

use super::checker::Checker;
use super::kafka::{KafkaSinkSettings, check_sink};
use crate::config::Config;
use crate::config::sink::{Match, Sink, WebhookSink, WhenFull};
use crate::config::units::Secret;
use crate::disk::resolved;
use crate::emit::matcher::{LabelMatcher, Matcher};
use crate::emit::webhook::address::is_private;
use crate::emit::wire::{RevisionEvent, SeverityWord};
use axum::http::HeaderName;
use ipnet::IpNet;
use smol_str::SmolStr;
use std::path::PathBuf;
use std::time::Duration;

/// One sink, checked.
#[derive(Clone, Debug)]
pub struct SinkSettings {
    /// Its name.
    pub name: SmolStr,
    /// Where revisions go.
    pub kind: SinkKind,
    /// Which of them.
    pub wanted: Matcher,
    /// How many may wait in memory.
    pub queue_max: usize,
    /// Bytes that may wait on disk behind those, compressed.
    pub queue_disk_bytes: u64,
    /// Whether emission waits when both are full; else the oldest is dropped and counted.
    pub blocks: bool,
}

/// Where revisions go.
#[derive(Clone, Debug)]
pub enum SinkKind {
    /// Standard output.
    Stdout,
    /// A file that is rotated.
    File {
        /// The file that is written to.
        path: PathBuf,
        /// Rotated beyond this size; `None` for never.
        rotate_bytes: Option<u64>,
        /// Rotated beyond this age; `None` for never.
        rotate_age: Option<Duration>,
        /// Rotated files kept.
        keep: usize,
        /// Compress rotated files.
        compress: bool,
    },
    /// An address.
    Webhook(WebhookSettings),
    /// A topic.
    Kafka(KafkaSinkSettings),
}

/// An address and how it is posted to.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Where; `Debug` of the settings would show its credentials, so only its origin prints.
    pub url: Address,
    /// Key of the signature.
    pub secret: Option<Secret>,
    /// Further headers.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Private ranges that may be posted to.
    pub allow_private: Vec<IpNet>,
    /// Longest time for one attempt.
    pub timeout: Duration,
    /// Attempts at one revision; `None` for no end.
    pub attempts_max: Option<u32>,
    /// Longest wait between two attempts.
    pub backoff_max: Duration,
}

/// A URL that prints without its path.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub reqwest::Url);

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) -> Vec<SinkSettings> {
    let sinks = config.sinks_run();
    let mut checked: Vec<SinkSettings> = Vec::with_capacity(sinks.len());
    for (name, sink) in sinks.iter() {
        let key = format!("sinks.{name}");
        checker.name(&key, name);
        let queue = sink.queue();
        checker.positive(&format!("{key}.queue.revisions"), queue.revisions);
        let kind = kind(checker, &key, sink, config.journal.enabled);
        unique(checker, &key, kind.as_ref(), &checked);
        let wanted = wanted(checker, &format!("{key}.match"), sink.wanted());
        let Some(kind) = kind else { continue };
        checked.push(SinkSettings {
            name: SmolStr::new(name),
            kind,
            wanted,
            queue_max: queue.revisions,
            queue_disk_bytes: queue.disk.0,
            blocks: queue.full == WhenFull::Block,
        });
    }
    checked
}

fn kind(checker: &mut Checker<'_>, key: &str, sink: &Sink, journaled: bool) -> Option<SinkKind> {
    match sink {
        Sink::Stdout(_) => Some(SinkKind::Stdout),
        Sink::File(file) => {
            if file.path.0.as_os_str().is_empty() {
                let remedy = "add `path:` with a file name";
                checker.missing(key, "path", "a file sink has no `path`", remedy);
            }
            Some(SinkKind::File {
                path: file.path.0.clone(),
                rotate_bytes: Some(file.rotate_size.0).filter(|bytes| *bytes > 0),
                rotate_age: Some(file.rotate_age.0).filter(|age| !age.is_zero()),
                keep: file.keep,
                compress: file.compress,
            })
        }
        Sink::Webhook(webhook) => check_webhook(checker, key, webhook).map(SinkKind::Webhook),
        Sink::Kafka(kafka) => check_sink(checker, key, kafka, journaled).map(SinkKind::Kafka),
    }
}

fn check_webhook(
    checker: &mut Checker<'_>,
    key: &str,
    webhook: &WebhookSink,
) -> Option<WebhookSettings> {
    checker.some_time(&format!("{key}.timeout"), webhook.timeout);
    checker.some_time(&format!("{key}.backoff_max"), webhook.backoff_max);
    let mut headers = Vec::new();
    for (name, value) in &webhook.headers {
        let header = HeaderName::from_bytes(name.as_bytes());
        let good = value.reveal().bytes().all(|byte| (0x20..0x7f).contains(&byte));
        match header {
            Ok(header) if good => headers.push((header, value.clone())),
            _ => checker.wrong(
                &format!("{key}.headers.{name}"),
                "it cannot be a header",
                "use letters, digits and `-` in the name, and printable ASCII in the value",
            ),
        }
    }
    let mut allow_private = Vec::new();
    for (i, range) in webhook.allow_private.iter().enumerate() {
        match range.parse::<IpNet>() {
            Ok(net) => allow_private.push(net),
            Err(_) => checker.wrong(
                &format!("{key}.allow_private.{i}"),
                format!("`{range}` is not a range of addresses"),
                "write it like `10.1.0.0/16` or `fd00::/8`",
            ),
        }
    }
    let url = check_url(checker, key, webhook, &allow_private)?;
    Some(WebhookSettings {
        url: Address(url),
        secret: webhook.secret.clone(),
        headers,
        allow_private,
        timeout: webhook.timeout.0,
        attempts_max: Some(webhook.attempts).filter(|attempts| *attempts > 0),
        backoff_max: webhook.backoff_max.0,
    })
}

fn check_url(
    checker: &mut Checker<'_>,
    key: &str,
    webhook: &WebhookSink,
    allow_private: &[IpNet],
) -> Option<reqwest::Url> {
    let at = format!("{key}.url");
    if webhook.url.0.is_empty() {
        let remedy = "add `url:` with an https address";
        checker.missing(key, "url", "a webhook sink has no `url`", remedy);
        return None;
    }
    // The text may hold credentials, so no message repeats it.
    let Ok(url) = reqwest::Url::parse(&webhook.url.0) else {
        checker.wrong(&at, "it is not a URL", "write it like `https://host/path`");
        return None;
    };
    match url.scheme() {
        "https" => {}
        // Within ranges that were listed by hand, plain HTTP is the operator's own network.
        "http" if !allow_private.is_empty() => {}
        "http" if !checker.knows(&[&format!("{key}.allow_private")]) => {}
        "http" if is_private(&url) => checker.wrong(
            &at,
            "it leads to a loopback or private address, and `allow_private` does not list it",
            "list its range in `allow_private`, such as `127.0.0.0/8`",
        ),
        "http" => checker.wrong(
            &at,
            "incidents would cross the network unencrypted",
            "use https, or list the receiver's range in `allow_private`",
        ),
        other => {
            checker.wrong(&at, format!("`{other}` is not a scheme that is posted to"), "use https");
        }
    }
    if url.host_str().is_none_or(str::is_empty) {
        checker.wrong(&at, "it names no host", "write it like `https://host/path`");
    }
    Some(url)
}

fn unique(checker: &mut Checker<'_>, key: &str, kind: Option<&SinkKind>, others: &[SinkSettings]) {
    let rival = others.iter().find(|other| match (&other.kind, kind) {
        (SinkKind::Stdout, Some(SinkKind::Stdout)) => true,
        // What has no path is told of already.
        (SinkKind::File { path: a, .. }, Some(SinkKind::File { path: b, .. })) => {
            !a.as_os_str().is_empty() && !b.as_os_str().is_empty() && resolved(a) == resolved(b)
        }
        _ => false,
    });
    let Some(rival) = rival else { return };
    let what = if matches!(kind, Some(SinkKind::Stdout)) { "standard output" } else { "that file" };
    let message = format!("sink `{}` already writes to {what}", rival.name);
    checker.wrong(key, message, "keep one of the two, with the conditions of both");
}

fn wanted(checker: &mut Checker<'_>, key: &str, given: &Match) -> Matcher {
    let mut wanted = Matcher {
        owner: given.owner.iter().map(SmolStr::new).collect(),
        tenant: given.tenant.iter().map(SmolStr::new).collect(),
        ..Matcher::default()
    };
    if let Some(word) = &given.severity {
        wanted.severity = SeverityWord::parse(word);
        if wanted.severity.is_none() {
            checker.wrong(
                &format!("{key}.severity"),
                format!("`{word}` is no severity"),
                "write fatal, critical, error, warning, info or debug",
            );
        }
    }
    for (i, text) in given.labels.iter().enumerate() {
        match LabelMatcher::parse_list(text) {
            Ok(matchers) => wanted.labels.extend(matchers),
            Err(error) => checker.wrong(&format!("{key}.labels.{i}"), error.to_string(), ""),
        }
    }
    for (i, word) in given.events.iter().enumerate() {
        match RevisionEvent::parse(word) {
            Some(event) => wanted.events.push(event),
            None => checker.wrong(
                &format!("{key}.events.{i}"),
                format!("`{word}` is no kind of revision"),
                "choose from opened, updated, merged, split, resolved, withdrawn",
            ),
        }
    }
    wanted
}
