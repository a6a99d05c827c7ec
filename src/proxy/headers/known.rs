//! The header names that a proxy has to know, and the spellings that an upstream may take for them.
//!
//! Gateways in the CGI tradition turn every byte of a name that is no letter or digit into `_`, so to the program behind
//! them `X_Portcullis_Org` is `X-Portcullis-Org`. Names are compared the way those programs read them.

use http::HeaderName;

/// What a known name is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// Meant for one connection only (RFC 9110 section 7.6.1), or `Proxy`, which no request has an honest use for and
    /// which CGI programs take for their proxy setting (CVE-2016-5385).
    Hop,
    /// Ours: nobody else says it.
    Own,
    /// The request id.
    RequestId,
    /// Where the request came from.
    Address,
    /// `X-Forwarded-*` other than the address: how the request came to the first proxy.
    Forwarded,
    /// Another target than the one that was judged.
    Target,
    /// Framing, routing, credentials, content: no trailer may say it (RFC 9110 section 6.5.1), and no `Connection` line
    /// may have it removed.
    HeadOnly,
}

/// A known name, as found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Known {
    pub(super) class: Class,
    /// Whether it is spelled as it should be.
    pub(super) is_exact: bool,
}

/// What is known of `name`.
pub(super) fn known(name: &HeaderName) -> Option<Known> {
    let text = name.as_str();
    let found = with_length(text.len()).find(|(known, _)| reads_as(text, known));
    if let Some((known, class)) = found {
        return Some(Known { class: *class, is_exact: text == *known });
    }
    let (_, class) = PREFIXES.iter().find(|(prefix, _)| {
        text.as_bytes().first() == Some(&b'x')
            && text.get(..prefix.len()).is_some_and(|start| reads_as(start, prefix))
    })?;
    let is_exact = text.bytes().all(|b| b == b'-' || b.is_ascii_alphanumeric());
    Some(Known { class: *class, is_exact })
}

/// Whether a CGI program takes both for the same name.
pub(super) fn reads_as(a: &str, b: &str) -> bool {
    let mark = |byte: u8| !byte.is_ascii_alphanumeric();
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| a == b || (mark(a) && mark(b)))
}

fn with_length(length: usize) -> impl Iterator<Item = &'static (&'static str, Class)> {
    let start = NAMES.partition_point(|(name, _)| name.len() < length);
    NAMES[start..].iter().take_while(move |(name, _)| name.len() == length)
}

const PREFIXES: [(&str, Class); 2] =
    [("x-portcullis-", Class::Own), ("x-forwarded-", Class::Forwarded)];

/// In the order of their lengths. The addresses are those that widely used proxies write or frameworks read.
const NAMES: [(&str, Class); 38] = [
    ("te", Class::Hop),
    ("host", Class::HeadOnly),
    ("proxy", Class::Hop),
    ("range", Class::HeadOnly),
    ("cookie", Class::HeadOnly),
    ("expect", Class::HeadOnly),
    ("trailer", Class::HeadOnly),
    ("upgrade", Class::Hop),
    ("forwarded", Class::Address),
    ("x-real-ip", Class::Address),
    ("connection", Class::Hop),
    ("keep-alive", Class::Hop),
    ("set-cookie", Class::HeadOnly),
    ("x-client-ip", Class::Address),
    ("content-type", Class::HeadOnly),
    ("max-forwards", Class::HeadOnly),
    ("x-request-id", Class::RequestId),
    ("authorization", Class::HeadOnly),
    ("cache-control", Class::HeadOnly),
    ("content-range", Class::HeadOnly),
    ("x-rewrite-url", Class::Target),
    ("content-length", Class::HeadOnly),
    ("http2-settings", Class::Hop),
    ("true-client-ip", Class::Address),
    ("x-original-url", Class::Target),
    ("x-forwarded-for", Class::Address),
    ("cf-connecting-ip", Class::Address),
    ("content-encoding", Class::HeadOnly),
    ("fastly-client-ip", Class::Address),
    ("proxy-connection", Class::Hop),
    ("x-azure-clientip", Class::Address),
    ("transfer-encoding", Class::Hop),
    ("proxy-authenticate", Class::Hop),
    ("cf-connecting-ipv6", Class::Address),
    ("proxy-authorization", Class::Hop),
    ("x-cluster-client-ip", Class::Address),
    ("x-envoy-external-address", Class::Address),
    ("proxy-authentication-info", Class::Hop),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str) -> Option<(Class, bool)> {
        known(&HeaderName::from_bytes(name.as_bytes()).unwrap()).map(|k| (k.class, k.is_exact))
    }

    #[test]
    fn every_name_of_the_table_is_found_under_itself() {
        assert!(NAMES.is_sorted_by_key(|(name, _)| name.len()));
        for (name, expected) in NAMES {
            assert_eq!(class(name), Some((expected, true)), "{name}");
        }
    }

    #[test]
    fn a_name_is_known_by_what_an_upstream_may_take_it_for() {
        for (name, expected) in [
            ("X-Portcullis-Org", Some((Class::Own, true))),
            ("X_Portcullis_Org", Some((Class::Own, false))),
            ("x-portcullis_entry", Some((Class::Own, false))),
            ("x.portcullis.entry", Some((Class::Own, false))),
            ("x-portcullis-anything", Some((Class::Own, true))),
            ("x-forwarded_for", Some((Class::Address, false))),
            ("X_FORWARDED_FOR", Some((Class::Address, false))),
            ("x-forwarded-proto", Some((Class::Forwarded, true))),
            ("x_forwarded_host", Some((Class::Forwarded, false))),
            ("x_request_id", Some((Class::RequestId, false))),
            ("transfer_encoding", Some((Class::Hop, false))),
            ("content_length", Some((Class::HeadOnly, false))),
            ("x-portculli-org", None),
            ("xxportcullis-org", None),
            ("x-forwarded", None),
            ("upgrade-insecure-requests", None),
            ("x-forwardedfor", None),
            ("accept", None),
            ("via", None),
        ] {
            assert_eq!(class(name), expected, "{name}");
        }
    }
}
