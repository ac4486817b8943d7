//! Requests of commands to a running process.

use super::{Failure, exit};
use reqwest::{StatusCode, Url};
use std::time::Duration;

/// Longest time for one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends one request at a time and waits for its answer.
pub(super) struct Client {
    client: reqwest::Client,
    /// For answers that go on.
    streaming: reqwest::Client,
    tokio: tokio::runtime::Runtime,
    url: Url,
    token: Option<String>,
}

/// An answer with its body read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// A client of the process at `url`.
    pub(super) fn new(url: &str, token: Option<&str>) -> Result<Client, Failure> {
        let url = Url::parse(url).map_err(|error| Failure {
            code: exit::USAGE,
            error: anyhow::anyhow!("--url {url}: {error}; write it like http://127.0.0.1:9190"),
        })?;
        // Whoever was first has installed it; the second attempt changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            let client = reqwest::Client::builder().no_proxy();
            match url.scheme() {
                // Plain HTTP checks no certificate, so a system without any must not stop it.
                "http" => client.tls_certs_only([]),
                _ => client,
            }
        };
        let (client, streaming) = (builder().timeout(TIMEOUT), builder().connect_timeout(TIMEOUT));
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Failure::with(exit::IO)(e.into()))?;
        let (client, streaming) = (client.build()?, streaming.build()?);
        Ok(Client { client, streaming, tokio, url, token: token.map(str::to_owned) })
    }

    /// Gets a path, which may have a query.
    pub(super) fn get(&self, path: &str) -> Result<Answer, String> {
        self.send(self.client.get(self.at(path)))
    }

    /// Gets a path and hands over the lines of its answer as they come, until `take` wants no
    /// more; the status and the rest of an answer that is no success.
    pub(super) fn lines(
        &self,
        path: &str,
        mut take: impl FnMut(&str) -> bool,
    ) -> Result<Answer, String> {
        let request = self.streaming.get(self.at(path));
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answered = self.tokio.block_on(async {
            let mut response = request.send().await?;
            let status = response.status();
            let mut held = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                held.extend_from_slice(&chunk);
                while status.is_success() {
                    let Some(end) = held.iter().position(|byte| *byte == b'\n') else { break };
                    let line: Vec<u8> = held.drain(..=end).collect();
                    if !take(String::from_utf8_lossy(&line).trim_end()) {
                        return Ok(Answer { status, body: Vec::new() });
                    }
                }
            }
            Ok::<_, reqwest::Error>(Answer { status, body: held })
        });
        answered.map_err(|error| self.unreached(error))
    }

    /// Posts a body.
    pub(super) fn post(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let mut request = self.client.post(self.at(path)).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.send(request)
    }

    /// A path may lie below that of the process's own address.
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url.as_str().trim_end_matches('/'))
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, String> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answered = self.tokio.block_on(async {
            let response = request.send().await?;
            let status = response.status();
            Ok::<_, reqwest::Error>(Answer { status, body: response.bytes().await?.to_vec() })
        });
        answered.map_err(|error| self.unreached(error))
    }

    fn unreached(&self, error: reqwest::Error) -> String {
        format!("{}: {}; is `causeway run` up? --url names it", self.url, error.without_url())
    }
}
