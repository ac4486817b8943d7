//! The body of a request, bounded twice: as sent, and after decompression.
//!
//! A few kilobytes can decompress into gigabytes. So the output is read in
//! steps and given up at the bound; nothing is allocated for what a header
//! claims; and a zstd window is bounded as RFC 8878 recommends.

use super::Http;
use super::answer::Problem;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, Read};

/// Largest zstd window, as a power of two: the 8 MiB that RFC 8878 asks decoders to stop at.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Bytes decompressed at a time.
const STEP_BYTES: usize = 256 << 10;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// As by gzip.
    Gzip,
    /// As by zstd.
    Zstd,
    /// As a block of snappy, without its framing.
    Snappy,
}

/// Reads the whole body of a request and decompresses it.
///
/// # Errors
/// 413 when it is over a bound, 415 when its encoding is not known, 400 when it is damaged.
pub async fn read(http: &Http, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let encoding = encoding(headers)?;
    unpacked(http, encoding, wire(http, body).await?).await
}

/// Reads the whole body of a request as it was sent.
///
/// # Errors
/// 413 when it is over the bound, 400 when it ends early.
pub async fn wire(http: &Http, body: Body) -> Result<Bytes, Problem> {
    let limit = http.settings().body_bytes_max;
    let too_large = || Problem::too_large(format!("the body is larger than {limit} bytes"));
    // A length that is over the bound is answered before anything is read.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    to_bytes(body, limit).await.map_err(|error| match is_over_limit(&error) {
        true => too_large(),
        false => Problem::bad_request(format!("the body could not be read: {error}")),
    })
}

/// Decompresses a body.
///
/// # Errors
/// 413 when it is over the bound, 400 when it is damaged.
pub async fn unpacked(http: &Http, encoding: Encoding, wire: Bytes) -> Result<Bytes, Problem> {
    let decoded_max = http.settings().decoded_bytes_max;
    match encoding {
        Encoding::Identity => Ok(wire),
        other => {
            // Decompression of megabytes would hold up other requests of this thread.
            let task = tokio::task::spawn_blocking(move || decompress(other, &wire, decoded_max));
            match task.await {
                Ok(decoded) => decoded.map(Bytes::from),
                Err(_) => Err(Problem::bad_request("the body could not be decompressed")),
            }
        }
    }
}

fn is_over_limit(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        source = error.source();
    }
    false
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let (first, second) = (values.next(), values.next());
    let word = first.and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    match word.to_ascii_lowercase().as_str() {
        _ if second.is_some() => {}
        "" | "identity" if first.is_none() || !word.is_empty() => return Ok(Encoding::Identity),
        "gzip" | "x-gzip" => return Ok(Encoding::Gzip),
        "zstd" => return Ok(Encoding::Zstd),
        _ => {}
    }
    Err(Problem::unknown_encoding("the content-encoding is neither gzip nor zstd"))
}

fn decompress(encoding: Encoding, wire: &[u8], limit: usize) -> Result<Vec<u8>, Problem> {
    let too_large =
        || Problem::too_large(format!("the body decompresses to more than {limit} bytes"));
    let damaged = |error: io::Error| {
        Problem::bad_request(format!("the body is not what its content-encoding says: {error}"))
    };
    let mut stream: Box<dyn Read + '_> = match encoding {
        Encoding::Identity => Box::new(wire),
        Encoding::Gzip => Box::new(MultiGzDecoder::new(wire)),
        Encoding::Snappy => {
            // A block says how long it is; that is held against the bound before it is believed.
            if snap::raw::decompress_len(wire).map_err(|e| damaged(e.into()))? > limit {
                return Err(too_large());
            }
            return snap::raw::Decoder::new().decompress_vec(wire).map_err(|e| damaged(e.into()));
        }
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(wire).map_err(damaged)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(damaged)?;
            Box::new(decoder)
        }
    };
    let mut decoded = Vec::new();
    loop {
        let room = (limit + 1).saturating_sub(decoded.len()).min(STEP_BYTES);
        let read = stream.by_ref().take(room as u64).read_to_end(&mut decoded).map_err(damaged)?;
        if decoded.len() > limit {
            return Err(too_large());
        }
        if read < room {
            return Ok(decoded);
        }
    }
}

/// The media type of a body in lower case, without parameters; empty when none is given.
///
/// # Errors
/// 415 when the text is said to be in anything but UTF-8.
pub fn media_type(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(String::new()) };
    let text = value.to_str().unwrap_or("?").to_ascii_lowercase();
    let (kind, parameters) = text.split_once(';').unwrap_or((&text, ""));
    for parameter in parameters.split(';') {
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim() == "charset"
            && !matches!(value.trim().trim_matches('"'), "utf-8" | "utf8" | "us-ascii")
        {
            return Err(unsupported("send the text in UTF-8"));
        }
    }
    Ok(kind.trim().to_owned())
}

/// Whether a media type says JSON, in one piece or as lines; none at all does.
pub fn is_json_or_lines(media_type: &str) -> bool {
    matches!(
        media_type,
        "" | "application/json"
            | "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
    )
}

/// 415.
pub fn unsupported(detail: &str) -> Problem {
    Problem::new(axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_is_given_up_at_the_bound() {
        let zeros = vec![0; 32 << 20];
        for (encoding, wire) in [
            (Encoding::Gzip, gzip(&zeros)),
            (Encoding::Zstd, zstd::encode_all(&zeros[..], 3).unwrap()),
        ] {
            assert!(wire.len() < 64 << 10, "{}", wire.len());
            let problem = decompress(encoding, &wire, 1 << 20).unwrap_err();
            assert_eq!(problem.status, 413, "{encoding:?}");
            assert_eq!(decompress(encoding, &wire, 32 << 20).unwrap().len(), zeros.len());
        }
    }

    #[test]
    fn many_small_members_are_a_bomb_too() {
        let member = gzip(&vec![0; 64 << 10]);
        let wire = member.repeat(64);
        assert_eq!(decompress(Encoding::Gzip, &wire, 1 << 20).unwrap_err().status, 413);
    }

    #[test]
    fn a_block_that_claims_too_much_is_not_believed() {
        let wire = snap::raw::Encoder::new().compress_vec(&vec![0; 32 << 20]).unwrap();
        assert_eq!(decompress(Encoding::Snappy, &wire, 1 << 20).unwrap_err().status, 413);
        assert_eq!(decompress(Encoding::Snappy, &wire, 32 << 20).unwrap().len(), 32 << 20);
        let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00];
        assert_eq!(decompress(Encoding::Snappy, &claim, 1 << 20).unwrap_err().status, 413);
        assert_eq!(decompress(Encoding::Snappy, &wire[..99], 32 << 20).unwrap_err().status, 400);
    }

    #[test]
    fn a_window_beyond_the_bound_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.long_distance_matching(true).unwrap();
        encoder.write_all(&vec![7; 1 << 20]).unwrap();
        let wire = encoder.finish().unwrap();
        assert_eq!(decompress(Encoding::Zstd, &wire, 8 << 20).unwrap_err().status, 400);
    }

    #[test]
    fn damage_and_skippable_frames_are_told() {
        assert_eq!(decompress(Encoding::Gzip, b"not gzip", 1 << 20).unwrap_err().status, 400);
        assert_eq!(decompress(Encoding::Zstd, b"not zstd", 1 << 20).unwrap_err().status, 400);
        let mut wire = gzip(b"abc");
        wire.truncate(wire.len() - 4);
        assert_eq!(decompress(Encoding::Gzip, &wire, 1 << 20).unwrap_err().status, 400);
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].repeat(1000);
        assert_eq!(decompress(Encoding::Zstd, &skippable, 1 << 20).unwrap(), b"");
    }

    #[test]
    fn types_lose_their_parameters() {
        let of = |text: &'static str| {
            media_type(&[(CONTENT_TYPE, text.parse().unwrap())].into_iter().collect())
        };
        assert_eq!(of("Application/JSON; charset=UTF-8").unwrap(), "application/json");
        assert_eq!(of("application/json; charset=latin1").unwrap_err().status, 415);
        assert_eq!(media_type(&HeaderMap::new()).unwrap(), "");
    }
}
