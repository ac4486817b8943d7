//! How two processes make sure of each other before they exchange anything.
//!
//! ```text
//!  who connects                       who listens
//!     hello: for what, from whom, to whom, a number nobody has used ─►
//!     ◄─ proof: a number nobody has used, a code of both under the secret
//!     proof: the other code ─►
//! ```
//!
//! Without a secret the codes are made under an empty one, and only keep apart what does not
//! belong together.

use crate::chance::unguessable;
use crate::config::units::Secret;
use crate::hex::{hex, unhex};
use hmac::{Hmac, KeyInit, Mac};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Version of what processes tell each other; two of different ones do not compute together.
const VERSION: u32 = 1;
/// How long the other side may take for a line.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// More than any line has.
const LINE_BYTES_MAX: usize = 1024;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// What timely exchanges.
    Data,
    /// What [`super::message`] says.
    Control,
}

/// Who wants what of whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    causeway: u32,
    pub(super) purpose: Purpose,
    pub(super) from: usize,
    to: usize,
    processes: usize,
    /// Of data: the gathering that it belongs to.
    #[serde(default)]
    round: u64,
    number: String,
}

#[derive(Serialize, Deserialize)]
struct Proof {
    number: String,
    code: String,
    /// Why there will be no connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// Whether there may be one later: the other side belongs to another gathering.
    #[serde(default)]
    later: bool,
}

/// Greets the process `to` on a new connection.
///
/// # Errors
/// When the other side refuses, says why, or cannot prove that it has the secret.
pub(super) fn greet(
    stream: &mut TcpStream,
    purpose: Purpose,
    (from, to, processes, round): (usize, usize, usize, u64),
    secret: &Secret,
) -> io::Result<()> {
    prepare(stream)?;
    let hello = Hello { causeway: VERSION, purpose, from, to, processes, round, number: number() };
    put(stream, &hello)?;
    let Proof { number, code, refused, later } = get(stream)?;
    if let Some(refused) = refused {
        let kind = match later {
            true => io::ErrorKind::ConnectionRefused,
            false => io::ErrorKind::InvalidData,
        };
        return Err(io::Error::new(kind, refused));
    }
    check(secret, "listens", &hello, &number, &code)?;
    let code = hex(code_of(secret, "connects", &hello, &number).finalize().into_bytes().as_slice());
    put(stream, &Proof { number, code, refused: None, later: false })?;
    stream.set_read_timeout(None)
}

/// Answers a greeting to process `own` of `processes`.
///
/// # Errors
/// When the other side is none of them, or cannot prove that it has the secret.
pub(super) fn answer(
    stream: &mut TcpStream,
    (own, processes, round): (usize, usize, u64),
    secret: &Secret,
) -> io::Result<Hello> {
    prepare(stream)?;
    let hello: Hello = get(stream)?;
    let number = number();
    let later = hello.purpose == Purpose::Data && hello.round != round;
    let wrong = if hello.causeway != VERSION {
        Some(format!("it is of another version: it says {}, not {VERSION}", hello.causeway))
    } else if (hello.to, hello.processes) != (own, processes) || hello.from >= processes {
        Some(format!(
            "it takes this for process {} of {}, which is process {own} of {processes}",
            hello.to, hello.processes
        ))
    } else if later {
        Some("it is of another gathering".to_owned())
    } else {
        None
    };
    if let Some(wrong) = wrong {
        let refused = Some(wrong.clone());
        put(stream, &Proof { number, code: String::new(), refused, later })?;
        return Err(io::Error::new(io::ErrorKind::InvalidData, wrong));
    }
    let code = hex(code_of(secret, "listens", &hello, &number).finalize().into_bytes().as_slice());
    put(stream, &Proof { number: number.clone(), code, refused: None, later: false })?;
    let Proof { code, .. } = get(stream)?;
    check(secret, "connects", &hello, &number, &code)?;
    stream.set_read_timeout(None)?;
    Ok(hello)
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_MAX))
}

/// Both codes are over all that was said, so that none can be used for anything else.
fn code_of(secret: &Secret, side: &str, hello: &Hello, number: &str) -> Hmac<Sha256> {
    let mut code = match Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) {
        Ok(code) => code,
        Err(_) => unreachable!("a key of any length is taken"),
    };
    let said = serde_json::to_string(hello).unwrap_or_default();
    code.update(format!("{side} {number} {said}").as_bytes());
    code
}

fn check(secret: &Secret, side: &str, hello: &Hello, number: &str, told: &str) -> io::Result<()> {
    let told: [u8; 32] = unhex(told).unwrap_or_default();
    code_of(secret, side, hello, number).verify_slice(&told).map_err(|_| {
        io::Error::new(io::ErrorKind::PermissionDenied, "it has another `cluster.secret`")
    })
}

/// Differs from every other: the codes must not be those of an older connection.
fn number() -> String {
    format!("{:016x}{:016x}", unguessable(), unguessable())
}

fn put(stream: &mut TcpStream, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    stream.write_all(&text)
}

/// Reads one line and not a byte more: what follows is not for us.
fn get<T: DeserializeOwned>(stream: &mut TcpStream) -> io::Result<T> {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match byte[0] {
            b'\n' => break,
            other => line.push(other),
        }
        if line.len() > LINE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no causeway"));
        }
    }
    serde_json::from_slice(&line)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no causeway"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    type Told = io::Result<()>;

    fn both(who: (usize, usize, usize), secrets: (&str, &str)) -> (Told, io::Result<Hello>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = (Secret::new(secrets.0), Secret::new(secrets.1));
        let connecting = std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            greet(&mut stream, Purpose::Control, (who.0, who.1, who.2, 0), &ours)
        });
        let mut stream = listener.accept().unwrap().0;
        let answered = answer(&mut stream, (0, 3, 0), &theirs);
        drop(stream);
        (connecting.join().unwrap(), answered)
    }

    #[test]
    fn those_with_one_secret_and_one_list_know_each_other() {
        let (greeted, answered) = both((2, 0, 3), ("s", "s"));
        greeted.unwrap();
        let hello = answered.unwrap();
        assert_eq!((hello.from, hello.purpose), (2, Purpose::Control));
    }

    #[test]
    fn nobody_else_is_let_in() {
        let (greeted, answered) = both((2, 0, 3), ("s", "t"));
        assert!(greeted.unwrap_err().to_string().contains("another `cluster.secret`"));
        assert!(answered.is_err());
        for who in [(2, 1, 3), (2, 0, 4), (3, 0, 3)] {
            let (greeted, answered) = both(who, ("s", "s"));
            assert!(greeted.unwrap_err().to_string().contains("takes this for process"));
            assert!(answered.is_err());
        }
    }

    #[test]
    fn a_stranger_costs_a_line() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stranger = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut stream = listener.accept().unwrap().0;
        stranger.write_all(&[b'x'; 2000]).unwrap();
        let told = answer(&mut stream, (0, 2, 0), &Secret::default()).unwrap_err();
        assert_eq!(told.to_string(), "it is no causeway");
    }
}
