//! The target of a request as its client sent it, which a digest covers: one reading for both planes.

use std::borrow::Cow;

use http::Version;
use http::request::Parts;
use http::uri::PathAndQuery;

/// The request target: in HTTP/1.1 the origin or absolute form, whichever was sent; on HTTP/2, `:path`.
///
/// An absolute target without a path reads with a `/` at its end: the library does not tell the two apart.
pub fn raw_target(parts: &Parts) -> Cow<'_, str> {
    let path_and_query = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if parts.version == Version::HTTP_2 || parts.uri.scheme().is_none() {
        return Cow::Borrowed(path_and_query);
    }
    Cow::Owned(parts.uri.to_string())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_target_is_read_in_the_form_it_was_sent_in() {
        for (uri, version, target) in [
            ("/a%20b?c=d", Version::HTTP_11, "/a%20b?c=d"),
            ("/", Version::HTTP_11, "/"),
            ("http://h:80/a?b", Version::HTTP_11, "http://h:80/a?b"),
            ("http://h:80/a?b", Version::HTTP_2, "/a?b"),
        ] {
            let request = Request::builder().uri(uri).version(version).body(()).unwrap();
            assert_eq!(raw_target(&request.into_parts().0), target, "{uri} {version:?}");
        }
    }
}
