//! The id by which a request is found in every log on its way.

use std::cell::Cell;

use http::header::{HeaderMap, HeaderValue};

use crate::proxy::headers;

/// Gives ids to requests: one worker's.
#[derive(Debug)]
pub struct RequestIds {
    prefix: [u8; 16],
    next: Cell<u64>,
}

impl RequestIds {
    /// Ids that no other worker and no other run gives out.
    ///
    /// # Errors
    /// The operating system has no random bytes to give.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random)?;
        let mut prefix = [0_u8; 16];
        write_hex(&mut prefix, u64::from_be_bytes(random));
        Ok(Self { prefix, next: Cell::new(0) })
    }

    /// The id that a trusted peer gave, if it is one worth keeping; else a new one of 32 hexadecimal digits.
    pub fn choose(&self, headers: &HeaderMap, peer_is_trusted: bool) -> HeaderValue {
        let given = headers::request_id(headers).filter(|_| peer_is_trusted);
        given.cloned().unwrap_or_else(|| self.fresh())
    }

    fn fresh(&self) -> HeaderValue {
        let number = self.next.replace(self.next.get().wrapping_add(1));
        let mut id = [0_u8; 32];
        id[..16].copy_from_slice(&self.prefix);
        write_hex(&mut id[16..], number);
        HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("-"))
    }
}

fn write_hex(digits: &mut [u8], number: u64) {
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * place)) as usize & 0xf];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::headers::X_REQUEST_ID;

    fn with_id(id: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_static(id))])
    }

    #[test]
    fn ids_are_distinct_and_have_32_digits() {
        let ids = RequestIds::new().unwrap();
        let (first, second) = (ids.fresh(), ids.fresh());
        assert_ne!(first, second);
        assert_eq!(first.len(), 32);
    }

    #[test]
    fn only_a_trusted_peer_names_a_request() {
        let ids = RequestIds::new().unwrap();
        assert_eq!(ids.choose(&with_id("trace-1"), true), "trace-1");
        assert_ne!(ids.choose(&with_id("trace-1"), false), "trace-1");
    }
}
