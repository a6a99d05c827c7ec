//! How long a message's body is, where its head leaves no doubt.
//!
//! The library reads every message in one way (RFC 9112 section 6.3) and writes it anew in one way. What another reader
//! could cut elsewhere is refused all the same: what frames it badly may have been sent to be read twice.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

/// What `Transfer-Encoding` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Coding {
    /// It is absent.
    None,
    /// `chunked` alone, said once.
    Chunked,
    /// Anything else, which could not be framed again faithfully.
    Other,
}

/// What a message's `Transfer-Encoding` says.
pub(super) fn coding(headers: &HeaderMap) -> Coding {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Coding::None,
        (Some(line), None) if line.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => {
            Coding::Chunked
        }
        _ => Coding::Other,
    }
}

/// Whether every reader of a response finds the same length: one `Content-Length` of digits alone, or `chunked`, or neither.
pub(super) fn is_plain(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match (coding(headers), lengths.next()) {
        (Coding::None | Coding::Chunked, None) => true,
        (Coding::None, Some(length)) => {
            lengths.next().is_none() && length.as_bytes().iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_length_is_plain_when_it_is_said_once_and_in_one_way() {
        for (lines, expected) in [
            (&[][..], true),
            (&[("content-length", "0")], true),
            (&[("transfer-encoding", "chunked")], true),
            (&[("transfer-encoding", "Chunked ")], true),
            (&[("content-length", "5"), ("content-length", "5")], false),
            (&[("content-length", "5, 5")], false),
            (&[("content-length", "+5")], false),
            (&[("content-length", "5"), ("transfer-encoding", "chunked")], false),
            (&[("transfer-encoding", "gzip, chunked")], false),
            (&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            assert_eq!(is_plain(&headers), expected, "{lines:?}");
        }
    }
}
