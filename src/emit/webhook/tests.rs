//! A webhook against a receiver on the loopback interface.

use super::*;
use crate::clock::ManualClock;
use crate::emit::matcher::{Matcher, Route};
use crate::emit::outbox::OutboxLimits;
use crate::emit::wire::sample;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, mpsc};

/// A request as it came over the wire.
#[derive(Debug)]
struct Received {
    head: Vec<String>,
    body: String,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// Answers each connection's one request with the next text of its script, then goes away.
///
/// Every answer says `connection: close`, so a request is a connection.
fn receiver(answers: Vec<String>) -> (SocketAddr, mpsc::Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                head.push(line.trim().to_owned());
            }
            let mut request = Received { head, body: String::new() };
            let length = request.header("content-length").map_or(0, |text| text.parse().unwrap());
            reader.take(length).read_to_string(&mut request.body).unwrap();
            // The client may hang up in the middle of a long answer, which is what one test wants.
            let _ = (&stream).write_all(answer.as_bytes());
            sender.send(request).unwrap();
        }
    });
    (address, received)
}

fn answer(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n")
}

fn params(address: SocketAddr) -> WebhookParams {
    WebhookParams {
        url: Url::parse(&format!("http://{address}/hook?key=hidden")).unwrap(),
        secret: Some("key".to_owned()),
        headers: vec![(HeaderName::from_static("x-team"), "sre".to_owned())],
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        timeout: Duration::from_secs(60),
        attempts_max: None,
        backoff_max: Duration::from_secs(8),
        seed: 1,
    }
}

/// Runs a webhook over three messages; returns the outbox and the waits.
async fn run(params: WebhookParams) -> (Arc<Outbox>, Vec<Duration>) {
    let outbox = Outbox::new("hook", Route::new(Matcher::default()), OutboxLimits::default());
    for number in 1..=3 {
        outbox.offer(number, &sample::message("inc-1", number));
    }
    outbox.close();
    let waits: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let log = Arc::clone(&waits);
    let sleep: Sleep = Arc::new(move |wait| {
        log.lock().unwrap().push(wait);
        Box::pin(async {})
    });
    let clock = Arc::new(ManualClock::at_seconds(784_111_740));
    let webhook = Webhook::with_sleep(params, clock, sleep).unwrap();
    webhook.run(Arc::clone(&outbox)).await;
    let waits = waits.lock().unwrap().clone();
    (outbox, waits)
}

fn ok() -> String {
    answer("204 No Content", "")
}

#[tokio::test]
async fn revisions_arrive_in_order_signed_and_whole() {
    let (address, received) = receiver(vec![ok(), ok(), ok()]);
    let (outbox, waits) = run(params(address)).await;
    let received: Vec<Received> = received.iter().collect();
    let key = SigningKey::parse("key").unwrap();
    for (number, request) in (1..).zip(&received) {
        let message = sample::message("inc-1", number);
        assert_eq!(request.head[0], "POST /hook?key=hidden HTTP/1.1");
        assert_eq!(request.body, *message.line);
        let signature = key.sign(&message.id, 784_111_740, &message.line);
        for (name, value) in [
            ("content-type", "application/cloudevents+json; charset=utf-8"),
            ("idempotency-key", message.id.as_str()),
            ("webhook-id", message.id.as_str()),
            ("webhook-timestamp", "784111740"),
            ("webhook-signature", &signature),
            ("x-team", "sre"),
        ] {
            assert_eq!(request.header(name), Some(value), "{name}");
        }
    }
    assert_eq!(received.len(), 3);
    assert!(waits.is_empty());
    assert_eq!((outbox.counts().delivered, outbox.settled()), (3, 3));
}

#[tokio::test]
async fn passing_troubles_are_waited_out_and_the_bytes_stay_the_same() {
    let dates = "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let (address, received) = receiver(vec![
        answer("503 Service Unavailable", ""),
        answer("429 Too Many Requests", "retry-after: 20\r\n"),
        answer("500 Internal Server Error", dates),
        // No answer at all.
        String::new(),
        ok(),
        ok(),
        ok(),
    ]);
    let (outbox, waits) = run(params(address)).await;
    let received: Vec<Received> = received.iter().collect();
    for request in &received[..5] {
        assert_eq!(request.body, received[0].body);
        assert_eq!(request.header("idempotency-key"), Some("inc-1/1"));
    }
    assert_eq!(waits.len(), 4);
    let ranges = [(0.0, 0.5), (20.0, 20.5), (37.0, 37.5), (0.0, 4.0)];
    for (wait, (least, most)) in waits.iter().map(Duration::as_secs_f64).zip(ranges) {
        assert!((least..most).contains(&wait), "{wait} is not in {least}..{most}");
    }
    let counts = outbox.counts();
    assert_eq!((counts.delivered, counts.retried, counts.failed), (3, 4, 0));
    assert_eq!(outbox.problem(), None);
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_and_counted() {
    let (address, received) = receiver(vec![
        answer("400 Bad Request", ""),
        answer("413 Payload Too Large", ""),
        answer("422 Unprocessable Content", ""),
    ]);
    let (outbox, waits) = run(params(address)).await;
    assert_eq!(received.iter().count(), 3);
    assert!(waits.is_empty());
    let counts = outbox.counts();
    assert_eq!((counts.delivered, counts.failed, counts.retried), (0, 3, 0));
    assert_eq!(outbox.settled(), 3);
    assert!(outbox.problem().unwrap().contains("422"));
}

#[tokio::test]
async fn an_answer_that_says_nothing_of_the_revision_is_waited_out() {
    let moved = "location: http://127.0.0.1:1/\r\n";
    let answers = [
        ("301 Moved Permanently", "; redirects are not followed, so correct `url`"),
        ("302 Found", "; redirects are not followed, so correct `url`"),
        ("401 Unauthorized", "; check `headers` and `secret`"),
        ("402 Payment Required", "; check `headers` and `secret`"),
        ("403 Forbidden", "; check `headers` and `secret`"),
        ("404 Not Found", "; check `url`"),
        ("405 Method Not Allowed", "; check `url`"),
        ("407 Proxy Authentication Required", "; check `headers` and `secret`"),
        ("408 Request Timeout", ""),
        ("410 Gone", "; check `url`"),
        ("421 Misdirected Request", "; check `url`"),
        ("423 Locked", ""),
        ("425 Too Early", ""),
        ("501 Not Implemented", ""),
    ];
    for (status, remedy) in answers {
        let (address, received) = receiver(vec![answer(status, moved), ok(), ok(), ok()]);
        let outbox = run(params(address)).await.0;
        assert_eq!((received.iter().count(), outbox.counts().delivered), (4, 3), "{status}");
        assert_eq!((outbox.counts().retried, outbox.counts().failed), (1, 0), "{status}");
        assert_eq!(super::remedy(status[..3].parse().unwrap()), remedy, "{status}");
    }
}

#[tokio::test]
async fn attempts_run_out() {
    let (address, received) = receiver(
        vec![answer("500 Internal Server Error", ""); 2].into_iter().chain([ok(), ok()]).collect(),
    );
    let (outbox, waits) = run(WebhookParams { attempts_max: Some(2), ..params(address) }).await;
    assert_eq!((received.iter().count(), waits.len()), (4, 1));
    let counts = outbox.counts();
    assert_eq!((counts.delivered, counts.failed, counts.retried), (2, 1, 1));
}

#[tokio::test]
async fn a_long_answer_is_cut_off() {
    let body = "x".repeat(8 << 20);
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (address, received) = receiver(vec![long, ok(), ok()]);
    let (outbox, _) = run(params(address)).await;
    assert_eq!((received.iter().count(), outbox.counts().delivered), (3, 3));
}

#[tokio::test]
async fn a_name_that_means_a_private_address_is_never_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let params = WebhookParams {
        url: Url::parse(&format!("http://localhost:{port}/hook?key=hidden")).unwrap(),
        allow_private: vec!["10.0.0.0/8".parse().unwrap()],
        attempts_max: Some(2),
        ..params(listener.local_addr().unwrap())
    };
    let (outbox, _) = run(params).await;
    let problem = outbox.problem().unwrap();
    assert!(problem.contains("not allowed"), "{problem}");
    assert!(!problem.contains("hidden"), "{problem}");
    assert_eq!(outbox.counts().failed, 3);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn stopping_ends_a_wait_and_leaves_the_rest_unsettled() {
    let (address, received) = receiver(vec![answer("503 Service Unavailable", "")]);
    let outbox = Outbox::new("hook", Route::new(Matcher::default()), OutboxLimits::default());
    outbox.offer(1, &sample::message("inc-1", 1));
    let (asleep, sleeping) = tokio::sync::oneshot::channel();
    let asleep = Mutex::new(Some(asleep));
    let sleep: Sleep = Arc::new(move |_| {
        let asleep = asleep.lock().unwrap().take();
        Box::pin(async move {
            asleep.unwrap().send(()).unwrap();
            std::future::pending().await
        })
    });
    let clock = Arc::new(ManualClock::at_seconds(0));
    let webhook = Webhook::with_sleep(params(address), clock, sleep).unwrap();
    let running = tokio::spawn(webhook.run(Arc::clone(&outbox)));
    sleeping.await.unwrap();
    outbox.stop();
    running.await.unwrap();
    assert_eq!((received.iter().count(), outbox.settled()), (1, 0));
    let counts = outbox.counts();
    assert_eq!((counts.waiting, counts.retried), (1, 1));
}

#[test]
fn what_cannot_be_sent_is_refused_at_the_start() {
    let address: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let start = |change: &dyn Fn(&mut WebhookParams)| {
        let mut params = params(address);
        change(&mut params);
        let clock = Arc::new(ManualClock::at_seconds(0));
        Webhook::new(params, clock).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(start(&|_| {}), "");
    assert!(start(&|p| p.allow_private.clear()).contains("allow_private"));
    assert!(start(&|p| p.secret = Some("whsec_?".into())).contains("base64"));
    assert!(start(&|p| p.headers[0].1 = "a\nb".into()).contains("x-team"));
    let shown = format!("{:?}", params(address));
    assert!(!shown.contains("hidden") && !shown.contains("sre") && !shown.contains("\"key\""));
}
