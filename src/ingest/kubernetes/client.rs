//! Requests to the API server of a cluster.

use crate::settings::KubernetesSettings;
use reqwest::{Certificate, Response, StatusCode, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a pod finds who it is.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Longest time to connect, and to wait for the next bytes of a list.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time without a byte of a watch: bookmarks come every minute, and the server ends a
/// watch after the time that it is asked for.
const SILENT_MAX: Duration = Duration::from_secs(WATCH_SECONDS + 60);
/// How long a watch lasts, seconds.
const WATCH_SECONDS: u64 = 290;
/// Objects of one page of a list.
const PAGE_OBJECTS: &str = "500";
/// Bytes of one page.
const PAGE_BYTES_MAX: usize = 256 << 20;

/// Why a cluster cannot be watched at all.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// Nothing says where it is.
    #[error(
        "this is no pod of a cluster: KUBERNETES_SERVICE_HOST is not set; write `url` and \
         `token_file`"
    )]
    NoCluster,
    /// What the environment says is no address.
    #[error("`{0}` is no address of an API server; write `url`")]
    Address(String),
    /// Its authorities cannot be used.
    #[error("{}: {message}; correct `ca_file`", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The client of the API could not be made.
    #[error("nothing can be asked: {0}")]
    Client(reqwest::Error),
    /// The thread that asks could not be started.
    #[error("nothing can be asked: {0}")]
    Runtime(std::io::Error),
}

/// Why a request brought nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// What was asked for is too old: it has to be listed again.
    Gone,
    /// It may not be read, or the server does not have it.
    Absent(String),
    /// Anything else.
    Other(String),
}

/// Asks one server.
#[derive(Clone)]
pub(super) struct Client {
    url: Url,
    token_file: Option<PathBuf>,
    client: reqwest::Client,
}

impl Client {
    pub(super) fn of(settings: &KubernetesSettings) -> Result<Client, KubernetesError> {
        let in_pod = |name: &str| Some(Path::new(ACCOUNT).join(name));
        let (url, token_file, ca_file) = match &settings.url {
            Some(url) => (url.clone(), settings.token_file.clone(), settings.ca_file.clone()),
            None => (
                address_in_pod()?,
                settings.token_file.clone().or_else(|| in_pod("token")),
                settings.ca_file.clone().or_else(|| in_pod("ca.crt")),
            ),
        };
        // Whoever was first has installed it; the second attempt changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("causeway/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(TIMEOUT)
            .read_timeout(SILENT_MAX);
        if let Some(path) = &ca_file {
            builder = builder.tls_certs_only(authorities(path)?);
        } else if url.scheme() == "http" {
            // Plain HTTP checks no certificate, so a system without any must not stop it.
            builder = builder.tls_certs_only([]);
        }
        let client =
            builder.build().map_err(|error| KubernetesError::Client(error.without_url()))?;
        Ok(Client { url, token_file, client })
    }

    /// A page of a list.
    pub(super) async fn page(&self, path: &str, next: &str) -> Result<Vec<u8>, Failed> {
        let mut query = vec![("limit", PAGE_OBJECTS)];
        if !next.is_empty() {
            query.push(("continue", next));
        }
        let mut response = self.get(path, &query).await?;
        let mut body = Vec::new();
        loop {
            let chunk = tokio::time::timeout(TIMEOUT, response.chunk()).await;
            match chunk.map_err(|_| Failed::Other("a list took too long".to_owned()))? {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body),
                Err(error) => return Err(other(error)),
            }
            if body.len() > PAGE_BYTES_MAX {
                let message = format!("a page of a list is larger than {PAGE_BYTES_MAX} bytes");
                return Err(Failed::Other(message));
            }
        }
    }

    /// The events behind a version, as they come.
    pub(super) async fn watch(&self, path: &str, version: &str) -> Result<Response, Failed> {
        let seconds = WATCH_SECONDS.to_string();
        let query = [
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", seconds.as_str()),
        ];
        self.get(path, &query).await
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Response, Failed> {
        let mut url = self.url.clone();
        let root = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{root}{path}"));
        url.query_pairs_mut().extend_pairs(query);
        let mut request = self.client.get(url).header("accept", "application/json");
        if let Some(path) = &self.token_file {
            // Read anew each time: the kubelet replaces it before it expires.
            let token = tokio::fs::read_to_string(path).await.map_err(|error| {
                Failed::Other(format!("{} cannot be read: {error}", path.display()))
            })?;
            request = request.bearer_auth(token.trim());
        }
        let response = tokio::time::timeout(TIMEOUT, request.send()).await;
        let response = response.map_err(|_| Failed::Other("no answer in time".to_owned()))?;
        let response = response.map_err(other)?;
        let status = response.status();
        match status {
            StatusCode::OK => Ok(response),
            StatusCode::GONE => Err(Failed::Gone),
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                Err(Failed::Absent(format!("{path} answered {status}")))
            }
            _ => Err(Failed::Other(format!("{path} answered {status}"))),
        }
    }
}

fn other(error: reqwest::Error) -> Failed {
    let error = error.without_url();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    Failed::Other(format!("{error}{}", cause.unwrap_or_default()))
}

impl Failed {
    /// What happened while a body was read.
    pub(super) fn reading(error: reqwest::Error) -> Failed {
        other(error)
    }
}

/// Where a pod finds the API server.
fn address_in_pod() -> Result<Url, KubernetesError> {
    let of = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let host = of("KUBERNETES_SERVICE_HOST").ok_or(KubernetesError::NoCluster)?;
    let port = of("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let text = format!("https://{host}:{port}");
    Url::parse(&text).map_err(|_| KubernetesError::Address(text))
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, KubernetesError> {
    let wrong = |message: String| KubernetesError::Authorities { path: path.to_owned(), message };
    let bytes = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let found: Result<Vec<CertificateDer<'_>>, _> =
        CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| wrong(format!("is not a PEM file: {error}")))?;
    if found.is_empty() {
        return Err(wrong("holds no certificate".to_owned()));
    }
    let trusted = found.iter().map(|one| Certificate::from_der(one));
    trusted.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))
}
