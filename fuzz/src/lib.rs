//! What several fuzz targets need. Written from the rules, not from the program's code, so that one can find the other's
//! mistakes; and everything here goes through what the program's library makes public anyway.

pub mod client;
pub mod house;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode;

/// The path as the most lenient upstream would read it, step by step: decode, split at either slash, cut off
/// parameters and what follows a NUL, drop empty segments and dots.
pub fn lenient_twin(path: &str) -> Vec<u8> {
    let decoded: Vec<u8> = percent_decode(path.as_bytes()).collect();
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in decoded.split(|byte| b"/\\".contains(byte)) {
        match segment.split(|byte| b";\0".contains(byte)).next().unwrap_or_default() {
            b"" | b"." => {}
            b".." => _ = kept.pop(),
            name => kept.push(name),
        }
    }
    kept.iter().flat_map(|name| [b"/", *name]).flatten().copied().collect()
}

/// The first line, which is text, and all that follows it.
pub fn first_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let first = std::str::from_utf8(parts.next()?).ok()?;
    Some((first, parts.next().unwrap_or_default()))
}

/// The lines `name: value` as headers, in order; lines that no request can carry are passed over.
pub fn headers(bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(MOST_HEADERS) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(parts.next().unwrap_or_default());
        let value = HeaderValue::from_bytes(parts.next().unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// The first `word` of `text` replaced.
pub fn replace(text: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    match text.windows(word.len()).position(|part| part == word) {
        Some(at) => [&text[..at], by, &text[at + word.len()..]].concat(),
        None => text.to_vec(),
    }
}

/// Header lines of a request: the program's default limit.
const MOST_HEADERS: usize = 100;
