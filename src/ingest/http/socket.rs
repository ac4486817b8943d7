//! A connection, plain or encrypted.
//!
//! The handshake is done by whoever reads or writes first, not by whoever accepts: a client
//! that is slow at it holds up nobody else, and is under the clocks of [`super::server`].

use super::Http;
use super::peer::Peer;
use rustls::ServerConfig;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// A connection, plain or encrypted.
pub struct Socket {
    stream: Stream,
    /// Who is at the other end.
    pub peer: Peer,
    http: Http,
}

enum Stream {
    Plain(TcpStream),
    Shaking(Box<Accept<TcpStream>>),
    Encrypted(Box<TlsStream<TcpStream>>),
    /// The handshake failed.
    Broken,
}

impl Socket {
    /// A connection that begins with a handshake when there is a configuration for it.
    pub fn new(stream: TcpStream, encryption: Option<Arc<ServerConfig>>, http: &Http) -> Socket {
        let stream = match encryption {
            None => Stream::Plain(stream),
            Some(config) => Stream::Shaking(Box::new(TlsAcceptor::from(config).accept(stream))),
        };
        Socket { stream, peer: Peer::default(), http: http.clone() }
    }

    /// Goes on with the handshake; the stream once it is done.
    fn poll_stream(&mut self, context: &mut Context<'_>) -> Poll<io::Result<&mut Stream>> {
        if let Stream::Shaking(accept) = &mut self.stream {
            self.stream = match ready!(Pin::new(accept).poll(context)) {
                Ok(stream) => {
                    self.peer.shook_hands(stream.get_ref().1.peer_certificates());
                    Stream::Encrypted(Box::new(stream))
                }
                Err(error) => {
                    self.http.metrics.http.handshake_failed();
                    tracing::debug!(%error, "a TLS handshake failed");
                    Stream::Broken
                }
            };
        }
        match self.stream {
            Stream::Broken => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            _ => Poll::Ready(Ok(&mut self.stream)),
        }
    }
}

/// Hands a call on to the stream that is there once the handshake is done.
macro_rules! hand_on {
    ($own:expr, $context:expr, $call:ident($($argument:expr),*)) => {
        match ready!($own.get_mut().poll_stream($context))? {
            Stream::Plain(stream) => Pin::new(stream).$call($context $(, $argument)*),
            Stream::Encrypted(stream) => Pin::new(stream.as_mut()).$call($context $(, $argument)*),
            Stream::Shaking(_) | Stream::Broken => unreachable!("the handshake is done"),
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        hand_on!(self, context, poll_read(buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        hand_on!(self, context, poll_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        hand_on!(self, context, poll_write_vectored(parts))
    }

    fn is_write_vectored(&self) -> bool {
        // An encrypted one takes parts as well.
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        hand_on!(self, context, poll_flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.stream, Stream::Shaking(_) | Stream::Broken) {
            // There is nobody to take leave of.
            return Poll::Ready(Ok(()));
        }
        hand_on!(self, context, poll_shutdown())
    }
}
