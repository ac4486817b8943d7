//! Just enough of an HTTP/1.1 client: one kept-alive connection, POST, a status back.

use super::SendError;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// Longest line of a header that is read.
const HEADER_MAX: u64 = 64 << 10;

/// One connection, for requests to one path.
pub struct Connection {
    address: SocketAddr,
    /// The request up to the length of its body.
    head: String,
    request: Vec<u8>,
    reader: BufReader<TcpStream>,
}

impl Connection {
    /// Connects for bodies of a media type.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(
        address: SocketAddr,
        path: &str,
        content_type: &str,
    ) -> Result<Connection, SendError> {
        let connect = || {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = connect().map_err(|source| SendError::Connection { address, source })?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {content_type}\r\n\
             Content-Length: "
        );
        Ok(Connection { address, head, request: Vec::new(), reader: BufReader::new(stream) })
    }

    /// Sends one request and reads its answer to the end; returns the status.
    ///
    /// # Errors
    /// When the receiver hangs up, or what comes is no answer.
    pub fn post(&mut self, body: &[u8]) -> Result<u16, SendError> {
        self.request.clear();
        self.request.extend_from_slice(self.head.as_bytes());
        self.request.extend_from_slice(body.len().to_string().as_bytes());
        self.request.extend_from_slice(b"\r\n\r\n");
        self.request.extend_from_slice(body);
        let sent = self.reader.get_mut().write_all(&self.request);
        sent.map_err(|source| self.lost(source))?;
        let status_line = self.header()?;
        let status = status_line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let Some(status) = status.filter(|_| status_line.starts_with("HTTP/1.")) else {
            return Err(self.unreadable(format!("{status_line:?} is not a status line")));
        };
        self.body()?;
        Ok(status)
    }

    /// Reads headers and body, whichever way its length is given.
    fn body(&mut self) -> Result<(), SendError> {
        let (mut length, mut chunked) = (0, false);
        loop {
            let header = self.header()?;
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap_or((&header, ""));
            if name.eq_ignore_ascii_case("content-length") {
                length = value
                    .trim()
                    .parse()
                    .map_err(|_| self.unreadable(format!("{value:?} is not a length")))?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.trim().eq_ignore_ascii_case("chunked");
            }
        }
        if !chunked {
            return self.skip(length);
        }
        loop {
            let line = self.header()?;
            let digits = line.split(';').next().unwrap_or("").trim();
            let size = u64::from_str_radix(digits, 16)
                .map_err(|_| self.unreadable(format!("{line:?} is not the size of a chunk")))?;
            if size > 0 {
                self.skip(size)?;
            }
            // The line after a chunk is empty; after the last one, trailers may come first.
            while !self.header()?.is_empty() {}
            if size == 0 {
                return Ok(());
            }
        }
    }

    /// One line without its end.
    fn header(&mut self) -> Result<String, SendError> {
        let mut line = Vec::new();
        let read = self.reader.by_ref().take(HEADER_MAX).read_until(b'\n', &mut line);
        read.map_err(|source| self.lost(source))?;
        if line.pop() != Some(b'\n') {
            return Err(self.unreadable("it ends within a header".to_owned()));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map_err(|_| self.unreadable("a header is not UTF-8".to_owned()))
    }

    fn skip(&mut self, bytes: u64) -> Result<(), SendError> {
        let copied = std::io::copy(&mut self.reader.by_ref().take(bytes), &mut std::io::sink());
        match copied {
            Ok(copied) if copied == bytes => Ok(()),
            Ok(copied) => Err(self.unreadable(format!("{copied} bytes of {bytes} came"))),
            Err(source) => Err(self.lost(source)),
        }
    }

    fn lost(&self, source: std::io::Error) -> SendError {
        SendError::Connection { address: self.address, source }
    }

    fn unreadable(&self, reason: String) -> SendError {
        SendError::Answer { address: self.address, reason }
    }
}
