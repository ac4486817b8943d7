//! Connections: bounded in number, cut off when nothing useful comes over them.
//!
//! Two clocks run on a connection. While a request is being received, from its
//! first byte to the first byte of an answer, it must be done within the
//! request's own limit and a little: drips of single bytes do not extend it.
//! Otherwise it may be idle, for keep-alive, for some minutes; a live stream
//! sends something every few seconds and so is never idle. Of an encrypted
//! connection the clocks see what is inside; its handshake counts as the
//! reception of the first request.

use super::Http;
use super::gate::{panicked, pass};
use super::peer::Peer;
use super::room::Place;
use super::socket::Socket;
use crate::telemetry::http::UnderWay;
use axum::Router;
use axum::middleware::from_fn_with_state;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::time::{Sleep, sleep};
use tower_http::catch_panic::CatchPanicLayer;

/// How much longer than a request's limit its reception may take, at most as long again: the
/// handler's own time-out is to answer first.
const RECEIVE_GRACE: Duration = Duration::from_secs(5);
/// How long a connection may be idle between requests.
const IDLE_MAX: Duration = Duration::from_secs(180);
/// Pause after the system refused to accept, as it does when handles run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is not to be had.
    #[error("cannot listen on {address}: {source}; choose another address under `server`")]
    Bind {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The listener failed.
    #[error("the server stopped: {0}")]
    Serve(#[source] io::Error),
}

/// Takes the configured address.
///
/// # Errors
/// When it is not to be had.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Bind { address, source })
}

/// Puts what every request passes around the routes.
pub fn guarded(http: &Http, routes: Router) -> Router {
    routes.layer(CatchPanicLayer::custom(panicked)).layer(from_fn_with_state(http.clone(), pass))
}

/// Serves until `stop` is done, then finishes the requests under way.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    http: &Http,
    listener: TcpListener,
    routes: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServerError> {
    let bounded = Bounded { http: http.clone(), listener };
    let routes = guarded(http, routes).into_make_service_with_connect_info::<Peer>();
    axum::serve(bounded, routes).with_graceful_shutdown(stop).await.map_err(ServerError::Serve)
}

/// Accepts as many connections as there is room for.
pub struct Bounded {
    listener: TcpListener,
    http: Http,
}

impl axum::serve::Listener for Bounded {
    type Io = Watched;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Watched, SocketAddr) {
        loop {
            let place = self.http.gate.connections.enter().await;
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Answers are written whole; waiting to fill a packet only delays them.
                    let _ = stream.set_nodelay(true);
                    let encryption = self.http.terms().encryption.map(|tls| tls.config);
                    let socket = Socket::new(stream, encryption, &self.http);
                    return (Watched::new(socket, &self.http, place), address);
                }
                Err(error) => {
                    if let Some(more) = self.http.repeats.allow("accept") {
                        tracing::warn!(%error, more, "cannot accept a connection");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection with its two clocks.
pub struct Watched {
    stream: Socket,
    receive_max: Duration,
    /// Runs out at the end of whichever clock is running.
    deadline: Pin<Box<Sleep>>,
    /// Something was received since the last answer.
    receiving: bool,
    http: Http,
    _open: UnderWay,
    _place: Place,
}

impl Watched {
    fn new(stream: Socket, http: &Http, place: Place) -> Self {
        let timeout = http.settings().timeout;
        let receive_max = timeout.saturating_add(timeout.min(RECEIVE_GRACE));
        // A connection that says nothing at first is as good as one that drips.
        let deadline = Box::pin(sleep(receive_max));
        let open = http.metrics.http.connection();
        let http = http.clone();
        Watched { stream, receive_max, deadline, receiving: true, http, _open: open, _place: place }
    }

    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        &self.stream.peer
    }

    /// Nothing moves now; an error once the running clock is out.
    fn out_of_time<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.deadline.as_mut().poll(context));
        self.http.metrics.http.cut_off();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Something was sent: from here on the connection is idle.
    fn sent(&mut self) {
        self.receiving = false;
        self.deadline.set(sleep(IDLE_MAX));
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Poll::Ready(done) = Pin::new(&mut this.stream).poll_read(context, buffer) {
            if !this.receiving {
                this.receiving = true;
                this.deadline.set(sleep(this.receive_max));
            }
            return Poll::Ready(done);
        }
        this.out_of_time(context)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(context, bytes) {
            Poll::Ready(written) => {
                this.sent();
                Poll::Ready(written)
            }
            Poll::Pending => this.out_of_time(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write_vectored(context, parts) {
            Poll::Ready(written) => {
                this.sent();
                Poll::Ready(written)
            }
            Poll::Pending => this.out_of_time(context),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_flush(context) {
            Poll::Pending => this.out_of_time(context),
            done => done,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_shutdown(context) {
            Poll::Pending => this.out_of_time(context),
            done => done,
        }
    }
}
