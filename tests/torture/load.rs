//! The load: senders that do not give up, and a file that grows.
//!
//! Every draw comes from the seed; what the answers are, and when, does not.

use super::batch::{Batch, draw, line};
use super::known::{Known, NAMES};
use super::victim::DEADLINE;
use causeway_loadgen::rng::Rng;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

/// Answers that a sender keeps, to ask for them again.
const ANSWERS_KEPT: usize = 64;
/// Requests that are answered between two writes to the followed file.
const ANSWERS_A_WRITE: u64 = 4;
/// Between two tries of a request.
const RETRY: Duration = Duration::from_millis(10);

/// What all parts of the load share.
pub(super) struct Load {
    url: String,
    client: reqwest::Client,
    known: Mutex<Known>,
    /// Requests that wait for their answer.
    open: AtomicUsize,
    /// Requests that were answered.
    answered: AtomicU64,
    /// Those of them that are not to come again.
    decided: AtomicU64,
    /// Kills so far.
    kills: AtomicU64,
    over: AtomicBool,
    /// Whether "come again" is an answer.
    gives_up: AtomicBool,
    /// Between two requests of a sender.
    pub(super) pace: Duration,
    /// How long a sender tries.
    patience: Duration,
    /// Blanks within an event, at most: what fills a journal and costs an engine nothing.
    blanks_max: usize,
}

/// A request that was answered.
struct Answered {
    key: String,
    lines: String,
    status: u16,
    body: String,
}

impl Load {
    pub(super) fn new(url: String, pace: Duration) -> Load {
        // The client asks for a provider even where it speaks plain HTTP only.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE / 2);
        Load {
            url,
            client: client.build().unwrap(),
            known: Mutex::default(),
            open: AtomicUsize::new(0),
            answered: AtomicU64::new(0),
            decided: AtomicU64::new(0),
            kills: AtomicU64::new(0),
            over: AtomicBool::new(false),
            gives_up: AtomicBool::new(false),
            pace,
            patience: DEADLINE,
            blanks_max: 0,
        }
    }

    /// The same with blanks within events.
    pub(super) fn with_blanks(self, blanks_max: usize) -> Load {
        Load { blanks_max, ..self }
    }

    /// The same with senders that try for so much longer.
    pub(super) fn with_patience(self, more: Duration) -> Load {
        Load { patience: self.patience + more, ..self }
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    /// Requests that wait for their answer.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Requests that were answered.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }

    /// Requests that were answered with more than "come again".
    pub(super) fn decided(&self) -> u64 {
        self.decided.load(Ordering::SeqCst)
    }

    /// Kills so far.
    pub(super) fn kills(&self) -> u64 {
        self.kills.load(Ordering::SeqCst)
    }

    pub(super) fn killed(&self) {
        self.kills.fetch_add(1, Ordering::SeqCst);
    }

    /// Nothing new is begun; what was begun is brought to its end.
    pub(super) fn finish(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Nothing new is begun, and what is turned away does not come again: that has no effect.
    pub(super) fn give_up(&self) {
        self.gives_up.store(true, Ordering::SeqCst);
        self.finish();
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// One try; `None` when there is no answer.
    async fn ask(&self, request: reqwest::RequestBuilder) -> Option<(u16, String)> {
        self.open.fetch_add(1, Ordering::SeqCst);
        let answer = async {
            let response = request.send().await.ok()?;
            let status = response.status().as_u16();
            Some((status, response.text().await.ok()?))
        };
        let answer = answer.await;
        self.open.fetch_sub(1, Ordering::SeqCst);
        self.answered.fetch_add(u64::from(answer.is_some()), Ordering::SeqCst);
        let decided = answer.as_ref().is_some_and(|(status, _)| !is_refusal(*status));
        self.decided.fetch_add(u64::from(decided), Ordering::SeqCst);
        answer
    }

    pub(super) fn request(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: String,
    ) -> reqwest::RequestBuilder {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        request.header("content-type", kind).body(body)
    }

    fn events(&self, lines: &str) -> reqwest::RequestBuilder {
        self.request("POST", "/v1/events", "application/x-ndjson", lines.to_owned())
    }

    /// Tries until there is an answer that is none of "come again".
    pub(super) async fn insist(
        &self,
        request: impl Fn() -> reqwest::RequestBuilder,
    ) -> (u16, String) {
        self.insist_counting(request).await.1
    }

    /// The same, and how many tries got no answer: each of them may have had its effect.
    pub(super) async fn insist_counting(
        &self,
        request: impl Fn() -> reqwest::RequestBuilder,
    ) -> (u64, (u16, String)) {
        let ends = Instant::now() + self.patience;
        let mut unanswered = 0;
        loop {
            match self.ask(request()).await {
                Some((status, _))
                    if is_refusal(status) && !self.gives_up.load(Ordering::SeqCst) => {}
                Some(answer) => return (unanswered, answer),
                None => unanswered += 1,
            }
            assert!(Instant::now() < ends, "nobody answers");
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Waits until a process answers.
    pub(super) async fn answers(&self) {
        let ends = Instant::now() + DEADLINE;
        while self.client.get(format!("{}/livez", self.url)).send().await.is_err() {
            assert!(Instant::now() < ends, "it never answers");
            tokio::time::sleep(RETRY / 5).await;
        }
    }

    /// What is at a path, as JSON.
    pub(super) async fn get(&self, path: &str) -> Value {
        let ask = || self.request("GET", path, "application/json", String::new());
        let (status, text) = self.insist(ask).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }
}

/// Whether an answer says "come again".
fn is_refusal(status: u16) -> bool {
    matches!(status, 409 | 429 | 503)
}

/// So many senders, and the writer of the file at `path`.
pub(super) fn begin(load: &Arc<Load>, senders: usize, path: PathBuf, seed: u64) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for number in 0..senders {
        let load = Arc::clone(load);
        tasks.spawn(async move { sender(&load, number, seed).await });
    }
    let load = Arc::clone(load);
    tasks.spawn(async move { writer(&load, path, seed).await });
    tasks
}

/// Sends batches until the load is over; each under a key, unless it is not sent again.
pub(super) async fn sender(load: &Load, number: usize, seed: u64) {
    let mut rng = Rng::stream(seed, &format!("sender {number}"));
    let mut standing: Vec<(String, usize)> = Vec::new();
    let mut answered: Vec<Answered> = Vec::new();
    let mut batches = 0;
    while !load.is_over() {
        batches += 1;
        let mut batch = draw(&mut rng, &format!("{number}-{batches}"), &mut standing);
        if let Some(end) = batch.lines.find("}\n").filter(|_| load.blanks_max > 0) {
            batch.lines.insert_str(end, &" ".repeat(rng.below(load.blanks_max)));
        }
        if rng.chance(0.1) {
            send_once(load, &batch).await;
        } else {
            let key = format!("key-{number}-{batches}");
            let answer = send_until_answered(load, key, batch).await;
            if is_refusal(answer.status) {
                // It gave up, and what was turned away may be taken now.
                return;
            }
            let place = rng.below(ANSWERS_KEPT);
            match answered.get_mut(place) {
                Some(kept) => *kept = answer,
                None => answered.push(answer),
            }
        }
        if !answered.is_empty() && rng.chance(0.1) {
            ask_again(load, rng.pick(&answered)).await;
        }
        tokio::time::sleep(load.pace).await;
    }
}

/// Offers a batch each `every` and takes a refusal for an answer; how many were offered.
pub(super) async fn offer(
    load: &Load,
    number: usize,
    seed: u64,
    (every, ends): (Duration, Instant),
) -> u64 {
    let mut rng = Rng::stream(seed, &format!("offerer {number}"));
    let mut standing: Vec<(String, usize)> = Vec::new();
    let mut ticks = tokio::time::interval(every);
    let mut batches = 0;
    while Instant::now() < ends {
        // What was missed while a request was under way is made up for.
        ticks.tick().await;
        batches += 1;
        send_once(load, &draw(&mut rng, &format!("o{number}-{batches}"), &mut standing)).await;
    }
    batches
}

fn keyed(load: &Load, key: &str, lines: &str) -> reqwest::RequestBuilder {
    load.events(lines).header("idempotency-key", key)
}

async fn send_until_answered(load: &Load, key: String, batch: Batch) -> Answered {
    // Known before it is sent: it may be told before it is answered.
    load.known().enter(&batch.firing, false);
    let ask = || keyed(load, &key, &batch.lines);
    let (unanswered, (status, body)) = load.insist_counting(ask).await;
    let mut known = load.known();
    if !is_refusal(status) {
        known.decide(&batch.firing, true);
        settle(&mut known, &batch, status, &body);
    } else if unanswered == 0 {
        known.decide(&batch.firing, false);
    } else {
        (known.accepted_maybe, known.rejected_maybe) =
            (known.accepted_maybe + batch.accepted, known.rejected_maybe + batch.rejected);
    }
    Answered { key, lines: batch.lines, status, body }
}

/// Enters an answer, and holds it against what was sent.
fn settle(known: &mut Known, batch: &Batch, status: u16, body: &str) {
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let rejected = answer["rejected"].as_array().map_or(0, Vec::len) as u64;
    let expected = if batch.accepted > 0 { 200 } else { 400 };
    if (status, &answer["accepted"], rejected) != (expected, &json!(batch.accepted), batch.rejected)
    {
        known.find(format!("{status} {body} for\n{}", batch.lines));
    }
    known.accepted += batch.accepted;
    known.rejected += batch.rejected;
}

/// Without a key a second try could count twice, so there is none.
async fn send_once(load: &Load, batch: &Batch) {
    load.known().enter(&batch.firing, false);
    let answer = load.ask(load.events(&batch.lines)).await;
    let mut known = load.known();
    match answer {
        Some((status, _)) if is_refusal(status) => known.decide(&batch.firing, false),
        Some((status, body)) => {
            known.decide(&batch.firing, true);
            settle(&mut known, batch, status, &body);
        }
        None => {
            known.accepted_maybe += batch.accepted;
            known.rejected_maybe += batch.rejected;
        }
    }
}

/// The same request once more: the first answer, to the byte, and no effect.
async fn ask_again(load: &Load, first: &Answered) {
    let again = load.insist(|| keyed(load, &first.key, &first.lines)).await;
    let mut known = load.known();
    known.sent_again += 1;
    if again != (first.status, first.body.clone()) && !is_refusal(again.0) {
        known.find(format!("{}: {} and then {again:?}", first.key, first.body));
    }
}

/// Appends to the followed file, lines in pieces, until the load is over. It keeps pace with
/// the senders, so that a process that takes long to start is not left with more and more.
async fn writer(load: &Load, path: PathBuf, seed: u64) {
    let mut rng = Rng::stream(seed, "file");
    let mut file = tokio::fs::OpenOptions::new();
    let mut file = file.create(true).append(true).open(path).await.unwrap();
    let (mut lines, mut decided) = (0, 0);
    while !load.is_over() {
        tokio::time::sleep(load.pace).await;
        let now = load.decided();
        if now < decided + ANSWERS_A_WRITE {
            continue;
        }
        decided = now;
        let mut text = String::new();
        let mut firing = Vec::new();
        for _ in 0..1 + rng.below(5) {
            lines += 1;
            let about = (format!("service:torture/f-{lines}"), rng.below(NAMES));
            text.push_str(&line(&format!("f-{lines}"), &about, "firing", "followed"));
            firing.push(about);
        }
        {
            let mut known = load.known();
            known.enter(&firing, true);
            known.followed += firing.len() as u64;
        }
        let (first, second) = text.as_bytes().split_at(rng.below(text.len()));
        for piece in [first, second] {
            file.write_all(piece).await.unwrap();
            file.flush().await.unwrap();
            tokio::time::sleep(load.pace / 2).await;
        }
    }
}
