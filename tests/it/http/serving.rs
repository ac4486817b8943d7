//! What a server of the tests is begun with.

use super::harness::TOKEN;
use causeway::config::{Surroundings, load_text};
use causeway::ingest::http::{Http, server};
use causeway::settings::Settings;
use std::net::SocketAddr;

/// A configuration, the line of the version left out.
pub(super) fn settings(yaml: &str) -> Settings {
    let variable = |_: &str| Some(TOKEN.to_owned());
    let file = |path: &std::path::Path| {
        Ok(format!("{}-0123456789abcdef", path.file_name().unwrap().to_string_lossy()))
    };
    let around = Surroundings { variable: &variable, file: &file };
    let written = load_text("test", &format!("version: 1\n{yaml}"), &around).unwrap();
    Settings::check(&written).unwrap()
}

/// Serves on a free port until `stop` is done.
pub(super) async fn serving(
    http: &Http,
    app: axum::Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let (address, http) = (listener.local_addr().unwrap(), http.clone());
    let serve = async move { server::serve(&http, listener, app, stop).await.unwrap() };
    (address, tokio::spawn(serve))
}
