//! The sender against a receiver that writes down what it gets.

use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// What a receiver was sent: the head of each request and its body.
type Received = Vec<(String, Vec<u8>)>;

/// Serves `connections` connections until they close; `answer` gives the whole answer to the n-th
/// request of a connection.
fn receiver(
    connections: usize,
    answer: fn(usize) -> &'static str,
) -> (SocketAddr, JoinHandle<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let serve = |stream: TcpStream| std::thread::spawn(move || converse(stream, answer));
        let threads: Vec<_> =
            (0..connections).map(|_| serve(listener.accept().unwrap().0)).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    (address, thread)
}

fn converse(stream: TcpStream, answer: fn(usize) -> &'static str) -> Received {
    let mut reader = BufReader::new(stream);
    let mut received = Received::new();
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap() == 0 {
                return received;
            }
        }
        let length = head.split("Content-Length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let reply = answer(received.len());
        received.push((head, body));
        reader.get_mut().write_all(reply.as_bytes()).unwrap();
    }
}

fn ok(_: usize) -> &'static str {
    "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"accepted\":10}"
}

fn batches(n: usize, events: u64) -> Vec<Batch> {
    let body = |i: usize| format!("{{\"batch\":{i}}}\n").into_bytes();
    (0..n).map(|i| Batch { body: body(i), events }).collect()
}

#[test]
fn every_batch_arrives_once_and_is_measured() {
    let (address, thread) = receiver(3, ok);
    let batches = batches(120, 100);
    let options = Options { connections: 3, ..Options::ndjson(address, 10_000.0) };
    let report = send(&batches, &options).unwrap();
    let received = thread.join().unwrap();
    let mut bodies: Vec<Vec<u8>> = received.iter().map(|(_, body)| body.clone()).collect();
    let mut expected: Vec<Vec<u8>> = batches.iter().map(|b| b.body.clone()).collect();
    bodies.sort();
    expected.sort();
    assert_eq!(bodies, expected);
    for (head, _) in &received {
        assert!(head.starts_with("POST /v1/events HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("Content-Type: application/x-ndjson\r\n"), "{head}");
        assert!(head.contains(&format!("Host: {address}\r\n")), "{head}");
    }
    assert_eq!(report.events, 12_000);
    assert_eq!(report.latency_us.len(), 120);
    assert_eq!(report.statuses, [(200, 120)].into());
    // 100 batches are due in the first second, 20 in the next.
    let seconds: Vec<(u64, u64)> = report.seconds.iter().map(|s| (s.second, s.events)).collect();
    assert_eq!(seconds, [(0, 10_000), (1, 2_000)]);
    let counted: u64 = report.seconds.iter().map(|s| s.latency_us.len()).sum();
    assert_eq!(counted, 120);
    // The last batch is due after 1.19 s, and is not sent before.
    assert!(report.elapsed >= Duration::from_millis(1_190));
}

#[test]
fn lines_are_cut_into_batches() {
    let cut = |text: &str, lines| -> Vec<(String, u64)> {
        let text_of = |b: Batch| (String::from_utf8(b.body).unwrap(), b.events);
        Batch::cut(text.as_bytes(), lines).into_iter().map(text_of).collect()
    };
    let expected = [("a\nb\n".to_owned(), 2), ("c\nd\n".to_owned(), 2), ("e\n".to_owned(), 1)];
    assert_eq!(cut("a\nb\nc\nd\ne\n", 2), expected);
    assert_eq!(cut("a\nb", 5), [("a\nb".to_owned(), 2)]);
    assert!(cut("", 3).is_empty());
}

#[test]
fn a_rate_that_cannot_be_kept_makes_the_run_invalid() {
    let (address, thread) = receiver(1, ok);
    // All batches are due within ten microseconds.
    let batches = batches(2_000, 1_000);
    let options = Options { connections: 1, ..Options::ndjson(address, 2e11) };
    let report = send(&batches, &options).unwrap();
    thread.join().unwrap();
    // The last batch waited for all others, and its latency says so.
    let slowest = report.latency_us.max();
    assert!(slowest * 101 / 100 + 20 >= report.elapsed.as_micros() as u64);
    let quantile = |q| report.latency_us.value_at_quantile(q);
    assert!(quantile(0.25) < quantile(0.75));
    assert!(!report.valid(), "{} events/s achieved", report.achieved);
}

#[test]
fn lateness_of_the_last_batch_lowers_the_achieved_rate() {
    let batches = batches(100, 10);
    let due = due_times(&batches, 1_000.0);
    assert_eq!(due[99], Duration::from_millis(990));
    let run = |behind: &dyn Fn(usize) -> Duration| {
        let sample = |batch: usize| {
            let sent = due[batch] + behind(batch);
            Sample { batch, sent, answered: sent + Duration::from_micros(300), status: 200 }
        };
        Report::new(&batches, &due, 1_000.0, (0..100).map(sample).collect())
    };
    let punctual = run(&|_| Duration::from_micros(40));
    assert!(punctual.valid() && punctual.achieved == 1_000.0);
    assert_eq!(punctual.latency_us.max(), 340);
    // A stall in the middle that was made up for: valid, and visible in the latency.
    let stalled = |b: usize| Duration::from_millis(if (50..55).contains(&b) { 400 } else { 0 });
    let stalled = run(&stalled);
    assert!(stalled.valid());
    assert!(stalled.latency_us.value_at_quantile(0.99) >= 400_000);
    // 100 events too slow in a second.
    let slow = run(&|b| Duration::from_millis(b as u64));
    assert!(!slow.valid() && slow.achieved < 950.0, "{}", slow.achieved);
}

#[test]
fn other_answers_are_counted_and_chunked_ones_read() {
    fn answer(n: usize) -> &'static str {
        match n % 3 {
            0 => "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
            1 => {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nhello\r\n2;x=y\r\n!!\r\n0\r\nTrailer: t\r\n\r\n"
            }
            _ => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        }
    }
    let (address, thread) = receiver(1, answer);
    let options = Options { connections: 1, ..Options::ndjson(address, 1e6) };
    let report = send(&batches(9, 10), &options).unwrap();
    assert_eq!(thread.join().unwrap().len(), 9);
    assert_eq!(report.statuses, [(200, 6), (429, 3)].into());
}

#[test]
fn trouble_is_named() {
    let fails = |options: &Options| send(&batches(2, 1), options).unwrap_err();
    let (address, thread) = receiver(1, |_| "good day\r\n\r\n");
    let options = Options { connections: 1, ..Options::ndjson(address, 1e6) };
    assert!(matches!(fails(&options), SendError::Answer { .. }));
    thread.join().unwrap();
    // Nobody listens any more.
    assert!(matches!(fails(&options), SendError::Connection { .. }));
    for (rate, connections) in [(0.0, 1), (f64::NAN, 1), (f64::INFINITY, 1), (1.0, 0)] {
        let options = Options { rate, connections, ..options.clone() };
        assert!(matches!(fails(&options), SendError::Options { .. }));
    }
}
