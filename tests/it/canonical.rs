//! Decoders, seen from outside: bytes in, records and rejects out.

mod shown;
mod fixtures;
mod shared_data;
mod schema;
mod rules;
mod properties;
pub(crate) mod hostile;
mod arrays;
mod csv;
pub(crate) mod otlp;

use causeway::canonical::{Decoded, Decoder, Format, Framing, Input, Mode, Origin, Source};
use smol_str::SmolStr;
use std::sync::Arc;

/// 2026-11-23T07:02:00Z, when everything live was received.
const RECEIPT: i64 = 1_795_417_320;

const LIVE: Mode = Mode::Live { receipt_ns: RECEIPT * 1_000_000_000 };

/// A decoder and what its calls say.
struct Bench {
    decoder: Decoder,
    tenant: SmolStr,
    origin: Origin,
    format: Format,
    framing: Framing,
    mode: Mode,
    next_line: u64,
}

impl Bench {
    fn new(source: Source, format: Format, mode: Mode) -> Self {
        Bench::with_workers(source, format, mode, 1)
    }

    fn with_workers(source: Source, format: Format, mode: Mode, workers: usize) -> Self {
        let origin = Origin { source_id: source.name.clone(), ..Origin::default() };
        Bench {
            decoder: Decoder::new(Arc::new(source), workers, None),
            tenant: SmolStr::new_static("default"),
            origin,
            format,
            framing: Framing::Lines,
            mode,
            next_line: 1,
        }
    }

    /// Native lines, received live, from a source with every default.
    fn native() -> Self {
        Bench::new(Source::named("test"), Format::Native, LIVE)
    }

    /// Native lines of a replay.
    fn replay() -> Self {
        Bench::new(Source::named("test"), Format::Native, Mode::Replay)
    }

    fn decode(&mut self, bytes: &[u8]) -> Decoded {
        let input = Input {
            format: self.format,
            framing: self.framing,
            tenant: &self.tenant,
            mode: self.mode,
            origin: &self.origin,
            first_line: self.next_line,
        };
        let decoded = self.decoder.decode(bytes, &input);
        self.next_line += decoded.lines;
        assert!(decoded.counts.balanced(), "{:?}", decoded.counts);
        decoded
    }

    /// A CloudEvent in binary mode: a request of its own.
    fn binary(&mut self, headers: &[(&str, &str)], body: &[u8]) -> Decoded {
        let input = Input {
            format: Format::CloudEvents,
            framing: Framing::Body,
            tenant: &self.tenant,
            mode: self.mode,
            origin: &self.origin,
            first_line: 1,
        };
        let decoded = self.decoder.decode_binary(headers, body, &input);
        assert!(decoded.counts.balanced(), "{:?}", decoded.counts);
        decoded
    }

    fn text(&mut self, text: &str) -> Decoded {
        self.decode(text.as_bytes())
    }
}
