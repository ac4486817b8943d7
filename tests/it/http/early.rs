//! Answers that are there before the request is: whoever still sends must get to read them.

use super::guard::CALLERS;
use super::harness::{Server, alert};
use std::io::{Read, Write};
use std::net::TcpStream;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// A frame of HTTP/2: its type, its flags, its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame(u8, u8, u32);

/// A client that sends frames one by one, as no library does.
struct Slow(TcpStream);

impl Slow {
    fn connect(server: &Server) -> Slow {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let mut slow = Slow(stream);
        slow.send(Frame(SETTINGS, 0, 0), &[]);
        slow
    }

    fn send(&mut self, Frame(kind, flags, stream): Frame, payload: &[u8]) {
        let length = (payload.len() as u32).to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.0.write_all(&[&head, payload].concat()).unwrap();
    }

    /// Begins a request that has a body.
    fn post(&mut self, server: &Server, path: &str, others: &[(&str, &str)]) {
        let authority = server.address.to_string();
        let own = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", authority.as_str()),
            (":path", path),
        ];
        let mut block = Vec::new();
        for (name, value) in own.iter().chain(others) {
            // Written out, and not to be remembered.
            block.push(0);
            for text in [name, value] {
                block.push(text.len() as u8);
                block.extend_from_slice(text.as_bytes());
            }
        }
        self.send(Frame(HEADERS, END_HEADERS, 1), &block);
    }

    fn receive(&mut self) -> (Frame, Vec<u8>) {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).unwrap();
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).unwrap();
        (Frame(kind, flags, u32::from_be_bytes(stream)), payload)
    }

    /// Every frame of the stream up to one that `ends`.
    fn until(&mut self, ends: impl Fn(Frame) -> bool) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            let (frame, _) = self.receive();
            frames.push(frame);
            if ends(frame) {
                return frames.into_iter().filter(|Frame(_, _, stream)| *stream == 1).collect();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_is_refused_may_end_what_it_began() {
    let server = Server::with(CALLERS).await;
    let sender = [("authorization", "Bearer a-token-of-sixteen-or-more")];
    let typed = [sender[0], ("content-type", "text/plain")];
    let long = [sender[0], ("content-length", "999999999")];
    for (path, headers) in [
        ("/v1/events", &[][..]),
        ("/v1/nowhere", &[]),
        ("/b/v1/events", &sender),
        ("/v1/events", &typed),
        ("/v1/events", &long),
    ] {
        let (answered, behind) = tokio::task::block_in_place(|| {
            let mut slow = Slow::connect(&server);
            slow.post(&server, path, headers);
            slow.send(Frame(DATA, 0, 1), &[b' '; 1000]);
            let is_end = |Frame(kind, flags, stream)| {
                stream == 1 && matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0
            };
            let answered = slow.until(is_end);
            // Only now, when the answer is complete, comes more of the request.
            slow.send(Frame(DATA, 0, 1), &[b' '; 1000]);
            slow.send(Frame(PING, 0, 0), &[0; 8]);
            (answered, slow.until(|Frame(kind, flags, _)| kind == PING && flags & ACK != 0))
        });
        assert_eq!(answered[0].0, HEADERS, "{path}");
        let frames = [answered, behind].concat();
        assert!(!frames.iter().any(|Frame(kind, ..)| *kind == RST_STREAM), "{path}: {frames:?}");
    }
    server.stop().await;
}

/// Sends a request whose body is as long as it says, or not, and reads the answer's head.
fn refused(stream: &mut TcpStream, says: usize, body: &[u8], more: &str) -> String {
    let head =
        format!("POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-length: {says}\r\n{more}\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let text = head_of(stream);
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    text
}

/// The head of an answer.
fn head_of(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap().to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_goes_on_behind_a_short_body_that_nobody_read_or_says_that_it_ends() {
    let server = Server::with(CALLERS).await;
    tokio::task::block_in_place(|| {
        let connect = || TcpStream::connect(server.address).unwrap();
        let (mut stream, body) = (connect(), [b' '; 3000]);
        for _ in 0..5 {
            let answer = refused(&mut stream, 3000, &body, "");
            assert!(answer.starts_with("http/1.1 401") && !answer.contains("connection:"));
        }
        for (says, sent, more) in [
            (1 << 20, &body[..], ""),
            (3000, &body[..10], ""),
            (3000, &[], "expect: 100-continue\r\n"),
        ] {
            let answer = refused(&mut connect(), says, sent, more);
            assert!(answer.starts_with("http/1.1 401"), "{answer}");
            assert!(answer.contains("connection: close"), "{says}, {}: {answer}", sent.len());
        }
        // What was asked for and read ends nothing.
        let mut stream = connect();
        let head = "POST /v1/events HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nexpect: \
                    100-continue\r\nauthorization: Bearer a-token-of-sixteen-or-more\r\n\
                    content-type: application/x-ndjson\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        assert!(head_of(&mut stream).starts_with("http/1.1 100"));
        let line = alert("a", "service:shop/cart");
        stream.write_all(format!("{:x}\r\n{line}\r\n0\r\n\r\n", line.len()).as_bytes()).unwrap();
        let answer = head_of(&mut stream);
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        assert!(!answer.contains("connection:"), "{answer}");
    });
    server.stop().await;
}
