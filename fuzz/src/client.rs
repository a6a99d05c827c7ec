//! A digest client: answers challenges as RFC 7616 says, and reads answers in its own way.

use md5::{Digest as _, Md5};
use sha2::Sha256;

/// The protection space, as published.
pub const REALM: &str = "MMS Public API";

/// Both halves of an API key.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The user name.
    pub public: String,
    /// The password.
    pub private: String,
}

/// What an answer is made of besides the key.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// `MD5` or `SHA-256`, in any case.
    pub algorithm: &'a [u8],
    /// The request's method.
    pub method: &'a str,
    /// The request's target, as sent.
    pub target: &'a str,
    /// The server's nonce.
    pub nonce: &'a [u8],
    /// The nonce's count, as sent.
    pub nc: &'a [u8],
    /// The client's nonce.
    pub cnonce: &'a [u8],
}

impl Pair {
    /// The right response, in lower-case hexadecimal; none for an algorithm that there is not.
    pub fn response(&self, answer: &Answer<'_>) -> Option<String> {
        let hash: fn(&[u8]) -> String = match answer.algorithm.to_ascii_lowercase().as_slice() {
            b"md5" => |bytes| hex(&Md5::digest(bytes)),
            b"sha-256" => |bytes| hex(&Sha256::digest(bytes)),
            _ => return None,
        };
        let ha1 = hash(format!("{}:{REALM}:{}", self.public, self.private).as_bytes());
        let ha2 = hash(format!("{}:{}", answer.method, answer.target).as_bytes());
        let parts = [ha1.as_bytes(), answer.nonce, answer.nc, answer.cnonce, b"auth"];
        Some(hash(&[&parts.join(&b':'), b":".as_slice(), ha2.as_bytes()].concat()))
    }

    /// The header of a client that knows the key.
    pub fn authorization(&self, answer: &Answer<'_>) -> Option<Vec<u8>> {
        let response = self.response(answer)?;
        let uri = answer.target.replace('\\', "\\\\").replace('"', "\\\"");
        Some(
            [
                format!("Digest username=\"{}\", realm=\"{REALM}\", nonce=\"", self.public)
                    .as_bytes(),
                answer.nonce,
                format!("\", uri=\"{uri}\", qop=auth, nc=").as_bytes(),
                answer.nc,
                b", cnonce=\"",
                answer.cnonce,
                b"\", algorithm=",
                answer.algorithm,
                format!(", response=\"{response}\"").as_bytes(),
            ]
            .concat(),
        )
    }
}

/// The parameters of a `Digest` header: names in lower case, values without quotes but with their escapes.
pub fn parameters(header: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let end = header.iter().position(|byte| b" \t".contains(byte)).unwrap_or(header.len());
    if !header[..end].eq_ignore_ascii_case(b"digest") {
        return None;
    }
    let elements = split_outside_quotes(&header[end..]);
    let elements = elements.into_iter().map(trim).filter(|element| !element.is_empty());
    elements.map(parameter).collect()
}

/// A value without its backslashes.
pub fn unescape(value: &[u8]) -> Vec<u8> {
    let mut bytes = value.iter();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        let meant = if *byte == b'\\' { bytes.next() } else { Some(byte) };
        plain.extend(meant);
    }
    plain
}

fn parameter(element: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut parts = element.splitn(2, |byte| *byte == b'=');
    let name = std::str::from_utf8(trim(parts.next()?)).ok()?.to_ascii_lowercase();
    let value = trim(parts.next()?);
    let value = match value.strip_prefix(b"\"") {
        Some(quoted) => quoted.strip_suffix(b"\"")?,
        None => value,
    };
    Some((name, value.to_vec()))
}

fn split_outside_quotes(text: &[u8]) -> Vec<&[u8]> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn trim(text: &[u8]) -> &[u8] {
    let space = |byte: &u8| b" \t".contains(byte);
    let start = text.iter().position(|byte| !space(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !space(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
