//! The addresses that a process listens on, and what is served on each.

use crate::ingest::http::server::{ServerError, bind, serve};
use crate::ingest::http::{Http, grpc_routes, otlp_routes};
use crate::ingest::receptions::Receptions;
use crate::settings::Settings;
use axum::Router;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The task of the server.
pub(super) type Serving = JoinHandle<Result<(), ServerError>>;

/// The addresses that the configuration names, taken.
pub(super) struct Listeners {
    main: TcpListener,
    otlp_grpc: Option<TcpListener>,
    otlp_http: Option<TcpListener>,
}

/// Where a process listens.
pub(super) struct Addresses {
    /// Where everything is served.
    pub(super) main: SocketAddr,
    pub(super) otlp_grpc: Option<SocketAddr>,
    pub(super) otlp_http: Option<SocketAddr>,
}

impl Listeners {
    pub(super) async fn bind(settings: &Settings) -> Result<Listeners, ServerError> {
        let server = &settings.server;
        Ok(Listeners {
            main: bind(server.listen).await?,
            otlp_grpc: optional(server.otlp_grpc).await?,
            otlp_http: optional(server.otlp_http).await?,
        })
    }

    /// The addresses, with the ports that the system chose where none was.
    pub(super) fn addresses(&self) -> std::io::Result<Addresses> {
        let of = |listener: &Option<TcpListener>| {
            listener.as_ref().map(TcpListener::local_addr).transpose()
        };
        Ok(Addresses {
            main: self.main.local_addr()?,
            otlp_grpc: of(&self.otlp_grpc)?,
            otlp_http: of(&self.otlp_http)?,
        })
    }

    /// Serves until told to stop.
    pub(super) fn serve(
        self,
        http: &Http,
        app: Router,
        settings: &Settings,
        receptions: &Receptions,
    ) -> (watch::Sender<()>, Serving) {
        let sources = &settings.sources;
        let mut all = vec![(self.main, app)];
        if let Some(listener) = self.otlp_grpc {
            all.push((listener, grpc_routes(http, sources, |source| receptions.of(source))));
        }
        if let Some(listener) = self.otlp_http {
            all.push((listener, otlp_routes(http, sources, |source| receptions.of(source))));
        }
        let (stop, stopped) = watch::channel(());
        let mut servers = JoinSet::new();
        for (listener, routes) in all {
            let (http, mut stopped) = (http.clone(), stopped.clone());
            let until = async move {
                let _ = stopped.changed().await;
            };
            servers.spawn(async move { serve(&http, listener, routes, until).await });
        }
        let serving = tokio::spawn(async move {
            while let Some(ended) = servers.join_next().await {
                let panicked = |error| ServerError::Serve(std::io::Error::other(error));
                ended.map_err(panicked)??;
            }
            Ok(())
        });
        (stop, serving)
    }
}

async fn optional(address: Option<SocketAddr>) -> Result<Option<TcpListener>, ServerError> {
    match address {
        Some(address) => bind(address).await.map(Some),
        None => Ok(None),
    }
}
