//! Reads the `Authorization` header of a digest: parameters borrowed from it, nothing allocated.
//!
//! Clients differ in what they quote and how they spell names, so each parameter may be a token or a quoted string, and
//! names have any case. What is ambiguous is refused: a parameter of ours twice, an escape where none ever belongs,
//! anything after a value but a comma. Unknown parameters are passed over, however often they come.

use std::num::NonZeroU32;

use crate::identity::RefusalReason;
use crate::identity::RefusalReason::{Malformed, Unsupported};

/// A client's answer to a challenge, syntactically whole: RFC 7616, section 3.4, with `qop=auth`.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) username: &'a [u8],
    pub(super) realm: Text<'a>,
    pub(super) uri: Text<'a>,
    pub(super) nonce: &'a [u8],
    pub(super) cnonce: &'a [u8],
    pub(super) count: NonceCount<'a>,
    pub(super) response: Response,
}

/// How often the client has used the nonce, as it says; never zero. The hash covers the digits as they were sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct NonceCount<'a> {
    pub(super) value: NonZeroU32,
    pub(super) digits: &'a [u8],
}

/// The proof, of the length that its algorithm makes.
///
/// The RFC writes it in lower case; upper case is read as well, since case carries nothing: the bytes are compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Response {
    Md5([u8; 16]),
    Sha256([u8; 32]),
}

/// A parameter's value as sent, without its quotes; may hold backslash escapes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Whether the value, its escapes resolved, is `expected`.
    pub(super) fn equals(self, expected: &[u8]) -> bool {
        let mut sent = self.0.iter();
        let mut unescaped = std::iter::from_fn(|| match sent.next() {
            Some(b'\\') => sent.next(),
            byte => byte,
        });
        expected.iter().all(|byte| unescaped.next() == Some(byte)) && unescaped.next().is_none()
    }

    /// The value, where it has no escape: in these fields none ever occurs.
    fn plain(self) -> Result<&'a [u8], RefusalReason> {
        if self.0.contains(&b'\\') { Err(Malformed) } else { Ok(self.0) }
    }
}

impl<'a> Answer<'a> {
    /// Reads the parameters that follow the scheme's name.
    ///
    /// # Errors
    /// `Malformed` and `Unsupported`, as [`RefusalReason`] tells them apart.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, RefusalReason> {
        let raw = Parameters::parse(text)?;
        if raw.username_ext.is_some() {
            return Err(Unsupported); // Never offered: it needs `charset` in the challenge.
        }
        if raw.userhash.is_some_and(|hashed| !hashed.0.eq_ignore_ascii_case(b"false")) {
            return Err(Unsupported);
        }
        if raw.qop.ok_or(Unsupported)?.0 != b"auth" {
            return Err(Unsupported);
        }
        let response = required(raw.response)?;
        Ok(Self {
            username: required(raw.username)?,
            realm: raw.realm.ok_or(Malformed)?,
            uri: raw.uri.ok_or(Malformed)?,
            nonce: required(raw.nonce)?,
            cnonce: required(raw.cnonce)?,
            count: parse_count(required(raw.nc)?)?,
            response: parse_response(raw.algorithm, response)?,
        })
    }
}

/// The parameters that are ours, as sent.
#[derive(Default)]
struct Parameters<'a> {
    username: Option<Text<'a>>,
    username_ext: Option<Text<'a>>,
    realm: Option<Text<'a>>,
    nonce: Option<Text<'a>>,
    uri: Option<Text<'a>>,
    response: Option<Text<'a>>,
    algorithm: Option<Text<'a>>,
    cnonce: Option<Text<'a>>,
    qop: Option<Text<'a>>,
    nc: Option<Text<'a>>,
    userhash: Option<Text<'a>>,
}

impl<'a> Parameters<'a> {
    fn parse(text: &'a [u8]) -> Result<Self, RefusalReason> {
        let mut found = Self::default();
        let mut rest = Cursor(text);
        loop {
            rest.skip(|byte| is_space(byte) || byte == b','); // A list may have empty elements (RFC 9110, section 5.6.1).
            if rest.0.is_empty() {
                return Ok(found);
            }
            let name = rest.token()?;
            rest.skip(is_space);
            rest.expect(b'=')?;
            rest.skip(is_space);
            let value = rest.value()?;
            if let Some(place) = found.place(name)
                && place.replace(value).is_some()
            {
                return Err(Malformed);
            }
            rest.skip(is_space);
            if !rest.0.is_empty() {
                rest.expect(b',')?;
            }
        }
    }

    fn place(&mut self, name: &[u8]) -> Option<&mut Option<Text<'a>>> {
        let mut lower = [0_u8; LONGEST_NAME];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        match &*lower {
            b"username" => Some(&mut self.username),
            b"username*" => Some(&mut self.username_ext),
            b"realm" => Some(&mut self.realm),
            b"nonce" => Some(&mut self.nonce),
            b"uri" => Some(&mut self.uri),
            b"response" => Some(&mut self.response),
            b"algorithm" => Some(&mut self.algorithm),
            b"cnonce" => Some(&mut self.cnonce),
            b"qop" => Some(&mut self.qop),
            b"nc" => Some(&mut self.nc),
            b"userhash" => Some(&mut self.userhash),
            _ => None,
        }
    }
}

/// What is left to read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn skip(&mut self, skipped: impl Fn(u8) -> bool) {
        self.take(skipped);
    }

    fn take(&mut self, taken: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| !taken(byte)).unwrap_or(self.0.len());
        let (head, rest) = self.0.split_at(end);
        self.0 = rest;
        head
    }

    fn expect(&mut self, byte: u8) -> Result<(), RefusalReason> {
        self.0 = self.0.strip_prefix(&[byte]).ok_or(Malformed)?;
        Ok(())
    }

    fn token(&mut self) -> Result<&'a [u8], RefusalReason> {
        let token = self.take(is_token);
        if token.is_empty() { Err(Malformed) } else { Ok(token) }
    }

    fn value(&mut self) -> Result<Text<'a>, RefusalReason> {
        if self.0.first() != Some(&b'"') {
            return self.token().map(Text);
        }
        let quoted = &self.0[1..];
        let mut escaped = false;
        for (at, &byte) in quoted.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    self.0 = &quoted[at + 1..];
                    return Ok(Text(&quoted[..at]));
                }
                _ => {}
            }
        }
        Err(Malformed)
    }
}

fn required(value: Option<Text<'_>>) -> Result<&[u8], RefusalReason> {
    value.ok_or(Malformed)?.plain()
}

/// Exactly eight hexadecimal digits, and not zero: counting begins at one (RFC 7616, section 3.4).
fn parse_count(digits: &[u8]) -> Result<NonceCount<'_>, RefusalReason> {
    let value = u32::from_be_bytes(parse_hex(digits).ok_or(Malformed)?);
    Ok(NonceCount { value: NonZeroU32::new(value).ok_or(Malformed)?, digits })
}

/// A missing algorithm is MD5 (RFC 7616, section 3.3).
fn parse_response(algorithm: Option<Text<'_>>, digits: &[u8]) -> Result<Response, RefusalReason> {
    let algorithm = algorithm.map_or(b"MD5".as_slice(), |named| named.0);
    if algorithm.eq_ignore_ascii_case(b"MD5") {
        parse_hex(digits).map(Response::Md5).ok_or(Malformed)
    } else if algorithm.eq_ignore_ascii_case(b"SHA-256") {
        parse_hex(digits).map(Response::Sha256).ok_or(Malformed)
    } else {
        Err(Unsupported)
    }
}

fn parse_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0_u8; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (hex_digit(pair[0])? << 4) | hex_digit(pair[1])?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// A character of a token: RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `username*` and `algorithm`.
const LONGEST_NAME: usize = 9;

#[cfg(test)]
mod tests;
