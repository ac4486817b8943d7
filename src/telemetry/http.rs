//! Requests by route, and how long they took.

use super::bins::Bins;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bounds of a request's duration, seconds.
const DURATION_SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Counters of the server. Routes are the templates of the router, never paths as sent,
/// so there are only so many of them.
#[derive(Clone, Default)]
pub struct HttpBooks(Arc<Inner>);

#[derive(Default)]
struct Inner {
    requests: Mutex<BTreeMap<(&'static str, &'static str, u16), u64>>,
    durations: Mutex<BTreeMap<&'static str, Bins>>,
    in_flight: AtomicI64,
    connections: AtomicI64,
    streams: AtomicI64,
    cut_off: AtomicU64,
    keys_forgotten: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
    handshakes_failed: AtomicU64,
    jwks: Mutex<Option<JwksBooks>>,
}

/// How the keys of a JWT's issuer were fetched.
#[derive(Clone, Copy, Default)]
struct JwksBooks {
    succeeded: u64,
    failed: u64,
    keys: usize,
    success_seconds: i64,
}

/// Something that is under way until it is dropped.
pub struct UnderWay {
    books: HttpBooks,
    which: fn(&Inner) -> &AtomicI64,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        (self.which)(&self.books.0).fetch_sub(1, Ordering::Relaxed);
    }
}

impl HttpBooks {
    /// Enters a finished request.
    pub fn finished(&self, route: &'static str, method: &'static str, status: u16, seconds: f64) {
        let key = (route, method, status);
        *lock(&self.0.requests).entry(key).or_default() += 1;
        let mut durations = lock(&self.0.durations);
        durations.entry(route).or_insert_with(|| Bins::new(&DURATION_SECONDS)).observe(seconds);
    }

    /// A request is under way.
    pub fn request(&self) -> UnderWay {
        self.begin(|inner| &inner.in_flight)
    }

    /// A connection is open.
    pub fn connection(&self) -> UnderWay {
        self.begin(|inner| &inner.connections)
    }

    /// A live stream is open.
    pub fn stream(&self) -> UnderWay {
        self.begin(|inner| &inner.streams)
    }

    /// A connection was closed because nothing useful came over it.
    pub fn cut_off(&self) {
        self.0.cut_off.fetch_add(1, Ordering::Relaxed);
    }

    /// An Idempotency-Key was forgotten before its time.
    pub fn key_forgotten(&self) {
        self.0.keys_forgotten.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody is not believed to be who they say they are; reasons are a closed list.
    pub fn refused(&self, reason: &'static str) {
        *lock(&self.0.refused).entry(reason).or_default() += 1;
    }

    /// A TLS handshake failed.
    pub fn handshake_failed(&self) {
        self.0.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// So many keys were fetched from a JWT's issuer; `None` when that failed.
    pub fn keys_fetched(&self, keys: Option<usize>, now_seconds: i64) {
        let mut jwks = lock(&self.0.jwks);
        let books = jwks.get_or_insert_default();
        match keys {
            Some(keys) => {
                books.succeeded += 1;
                (books.keys, books.success_seconds) = (keys, now_seconds);
            }
            None => books.failed += 1,
        }
    }

    /// Live streams open now.
    pub fn streams_open(&self) -> i64 {
        self.0.streams.load(Ordering::Relaxed)
    }

    fn begin(&self, which: fn(&Inner) -> &AtomicI64) -> UnderWay {
        which(&self.0).fetch_add(1, Ordering::Relaxed);
        UnderWay { books: self.clone(), which }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for HttpBooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpBooks")
    }
}

impl Collector for HttpBooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let inner = &self.0;
        let requests = lock(&inner.requests).clone();
        let help = "Requests by route, method and status";
        let mut family =
            encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        for ((route, method, status), count) in &requests {
            let status = status.to_string();
            let labels = [("route", *route), ("method", *method), ("status", status.as_str())];
            family
                .encode_family(&labels)?
                .encode_counter::<[(&str, &str); 0], _, f64>(count, None)?;
        }
        let durations = lock(&inner.durations).clone();
        let help = "Time from a request's head to its answer's";
        let mut family = encoder.encode_descriptor(
            "http_request_duration",
            help,
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (route, bins) in &durations {
            bins.encode(family.encode_family(&[("route", *route)])?)?;
        }
        for (name, help, gauge) in [
            ("http_requests_in_flight", "Requests under way", &inner.in_flight),
            ("http_connections", "Open connections", &inner.connections),
            ("http_streams", "Open live streams", &inner.streams),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&gauge.load(Ordering::Relaxed))?;
        }
        for (name, help, counter) in [
            ("http_connections_cut_off", "Connections closed for idling", &inner.cut_off),
            ("http_tls_handshakes_failed", "TLS handshakes failed", &inner.handshakes_failed),
            ("idempotency_keys_forgotten", "Keys forgotten too early", &inner.keys_forgotten),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<[(&str, &str); 0], _, f64>(
                    &counter.load(Ordering::Relaxed),
                    None,
                )?;
        }
        inner.encode_authentication(&mut encoder)
    }
}

impl Inner {
    /// Who was not believed, and the keys that JWTs are verified with.
    fn encode_authentication(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let refused = lock(&self.refused).clone();
        let help = "Requests of somebody who is not believed to be who they say they are";
        let name = "http_authentication_refused";
        encode_counts(encoder, (name, help, "reason"), refused)?;
        let Some(jwks) = *lock(&self.jwks) else { return Ok(()) };
        let results = [("failure", jwks.failed), ("success", jwks.succeeded)];
        let help = "Fetches of the keys of a JWT's issuer";
        encode_counts(encoder, ("http_jwks_fetches", help, "result"), results)?;
        let keys = i64::try_from(jwks.keys).unwrap_or(i64::MAX);
        for (name, help, gauge) in [
            ("http_jwks_keys", "Keys that were last fetched", keys),
            (
                "http_jwks_success_timestamp_seconds",
                "When they were, seconds since the Unix epoch",
                jwks.success_seconds,
            ),
        ] {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&gauge)?;
        }
        Ok(())
    }
}

/// A family of counters, one for each value of its label.
fn encode_counts(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, label): (&str, &str, &str),
    counts: impl IntoIterator<Item = (&'static str, u64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, count) in counts {
        family
            .encode_family(&[(label, value)])?
            .encode_counter::<[(&str, &str); 0], _, f64>(&count, None)?;
    }
    Ok(())
}
