//! What is left of a request's body when its answer is there already.
//!
//! A request may be refused before its body is read. Over HTTP/1.1 a short rest is read, and the
//! connection goes on; with a longer one the answer says that it ends. Over HTTP/2 letting go of
//! the body resets the stream, and a sender that is still writing takes the reset for a failure
//! and throws the answer away. So what comes behind the answer is read and thrown away, within
//! bounds: whoever would never end is reset after all, and has long had the answer then.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::Version;
use axum::http::header::EXPECT;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// Bytes that are thrown away; further ones are not asked for.
const DISCARDED_BYTES_MAX: usize = 1 << 20;
/// How long the stream stays open behind the answer.
const LINGER_MAX: Duration = Duration::from_secs(5);

/// The same over HTTP/1.1, and how long the answer waits for it.
const SHORT_BYTES_MAX: usize = 64 << 10;
const MOMENT: Duration = Duration::from_millis(20);

/// Where a body is put that was let go of before its end.
type Slot = Arc<Mutex<Option<Body>>>;

/// The rest of a body that was lent to a handler.
pub(super) struct Rest {
    slot: Slot,
    is_http2: bool,
    /// Its sender does not send it before it is told to.
    is_held_back: bool,
}

impl Rest {
    /// Lends the body of a request out, where letting go of it would cost the answer.
    pub(super) fn of(request: Request) -> (Request, Option<Rest>) {
        if request.body().is_end_stream() {
            return (request, None);
        }
        let slot = Slot::default();
        let is_http2 = request.version() == Version::HTTP_2;
        let is_held_back = request.headers().contains_key(EXPECT);
        let rest = Rest { slot: Arc::clone(&slot), is_http2, is_held_back };
        (request.map(|body| Body::new(Lent { body, slot, is_spent: false })), Some(rest))
    }

    /// Throws away what still comes, over HTTP/2 on a task of its own, as the answer is not to
    /// wait for it; whether the connection can go on.
    pub(super) async fn discard(self) -> bool {
        let body = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = body else { return true };
        if !self.is_http2 {
            let short = discard(&mut body, SHORT_BYTES_MAX);
            return !self.is_held_back && timeout(MOMENT, short).await == Ok(true);
        }
        tokio::spawn(timeout(LINGER_MAX, async move {
            if !discard(&mut body, DISCARDED_BYTES_MAX).await {
                // Without room its sender pauses, and finds the answer.
                std::future::pending().await
            }
        }));
        true
    }
}

/// Reads up to so many bytes; whether those were all.
async fn discard(body: &mut Body, most: usize) -> bool {
    let mut left = most;
    while left > 0 {
        match body.frame().await {
            Some(Ok(frame)) => {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            }
            // It has ended, or its sender has gone.
            _ => return true,
        }
    }
    false
}

/// A body that comes back when it is let go of before its end.
struct Lent {
    body: Body,
    slot: Slot,
    /// It was read to its end, which one in chunks does not know of itself.
    is_spent: bool,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.is_spent |= matches!(polled, Poll::Ready(None));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.is_spent && !self.body.is_end_stream() {
            let body = std::mem::take(&mut self.body);
            *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}
