//! A webhook's other end, which is not always well.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use causeway_loadgen::rng::Rng;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What a slow one takes for each.
const SLOW: Duration = Duration::from_millis(5);

/// How it takes what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Everything, at once.
    Well,
    /// Some of it it refuses, some of it it takes without saying so.
    Unwell,
    /// Everything, each after a while.
    Slow,
    /// It never answers, until its mood changes.
    Away,
}

/// A receiver that keeps what it got.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    mood: watch::Sender<Mood>,
    kept: Mutex<(Rng, Vec<String>)>,
}

impl Receiver {
    /// Begins to listen on a port of its own.
    pub(super) async fn start(mood: Mood, seed: u64) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Mutex::new((Rng::stream(seed, "receiver"), Vec::new()));
        let shared = Arc::new(Shared { mood: watch::Sender::new(mood), kept });
        let app = Router::new().route("/", post(take)).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Receiver { address, shared }
    }

    pub(super) fn set(&self, mood: Mood) {
        self.shared.mood.send_replace(mood);
    }

    /// Bodies in the order in which they were taken.
    pub(super) fn taken(&self) -> Vec<String> {
        self.shared.lock().1.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, (Rng, Vec<String>)> {
        self.kept.lock().unwrap()
    }
}

async fn take(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let mut moods = shared.mood.subscribe();
    let mood = *moods.wait_for(|mood| *mood != Mood::Away).await.unwrap();
    if mood == Mood::Slow {
        tokio::time::sleep(SLOW).await;
    }
    let mut kept = shared.lock();
    let chance = kept.0.unit();
    if mood == Mood::Unwell && chance < 0.02 {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    kept.1.push(String::from_utf8(body.to_vec()).unwrap());
    // Taken, and the answer is a refusal: it comes again.
    match mood == Mood::Unwell && chance > 0.98 {
        true => StatusCode::BAD_GATEWAY,
        false => StatusCode::OK,
    }
}
