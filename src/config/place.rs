//! Values that name a place: addresses, hosts, endpoints, paths of URLs and files.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use http::HeaderName;

use super::expected::Expected;
use super::tree::Node;
use crate::addr::{Prefix, PrefixError};
use crate::net::client_ip::AddressHeader;
use crate::proxy::upstream::Endpoint;

/// Where to listen: an address and a port.
pub(super) fn listen(node: &Node) -> Result<SocketAddr, Expected> {
    let address = node.as_str().and_then(|text| text.parse().ok());
    address
        .ok_or_else(|| "address:port, as in `127.0.0.1:8080`, `0.0.0.0:8080` or `[::]:8080`".into())
}

/// Where an upstream listens: a host and a port.
pub(super) fn endpoint(node: &Node) -> Result<Endpoint, Expected> {
    let read = |text: &str| {
        let (host, port) = split_port(text);
        Some(Endpoint { host: parse_host(host)?.into_endpoint_host(), port: parse_port(port?)? })
    };
    node.as_str().and_then(read).ok_or_else(|| ENDPOINT.into())
}

/// What is expected of an upstream's endpoint.
pub(super) const ENDPOINT: &str =
    "host:port, as in `127.0.0.1:9000`, `app.internal:80` or `[::1]:9000`";

/// An authority that a route serves: `host`, `host:port` or `*.domain`, in lower case afterwards.
pub(super) fn route_host(node: &Node) -> Result<Box<str>, Expected> {
    let read = |text: &str| {
        if let Some(domain) = text.strip_prefix("*.") {
            let Host::Name(domain) = parse_host(domain)? else { return None };
            return Some(format!("*.{domain}").into());
        }
        let (host, port) = split_port(text);
        let host = parse_host(host)?.into_authority();
        match port {
            Some(port) => Some(format!("{host}:{}", parse_port(port)?).into()),
            None => Some(host.into()),
        }
    };
    let text = node.as_str();
    text.and_then(read).ok_or_else(|| {
        let any = text == Some("*");
        Expected::from("a host, as in `api.example.com`, `api.example.com:8443` or `*.example.com`")
            .advise(any.then(|| "without `hosts`, a route serves every host".to_owned()))
    })
}

/// The path prefix of a route: whole segments, compared byte by byte with what requests say.
pub(super) fn route_path(node: &Node) -> Result<Box<str>, Expected> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&b);
    let is_dot_segment = |segment: &str| {
        let name = segment.split(';').next().unwrap_or_default();
        name == "." || name == ".."
    };
    let Some(path) = node.as_str().filter(|path| path.starts_with('/')) else {
        return Err("a path that begins with `/`".into());
    };
    if path == "/" {
        return Ok(path.into());
    }
    if path.contains('%') {
        return Err("a path without `%`: prefixes are compared with the path as it is sent".into());
    }
    if !path.bytes().all(plain) {
        return Err("a path of letters, digits and `-._~!$&'()*+,;=:@/`".into());
    }
    if path.ends_with('/') {
        let advice = "a prefix holds what is below it".to_owned();
        return Err(Expected::from("a path without `/` at its end").advise(Some(advice)));
    }
    if path.contains("//") {
        return Err("a path without `//`".into());
    }
    if path.split('/').any(is_dot_segment) {
        return Err("a path without the segments `.` and `..`".into());
    }
    Ok(path.into())
}

/// A protocol that a connection may be switched to, in lower case afterwards.
pub(super) fn upgrade(node: &Node) -> Result<Box<str>, Expected> {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b"-._+/".contains(&b);
    let token = node
        .as_str()
        .map(str::to_ascii_lowercase)
        .filter(|token| !token.is_empty() && token.len() <= 64 && token.bytes().all(inside));
    let token = token.ok_or("the name of a protocol, as in `websocket`")?;
    // Requests inside such a connection would reach the upstream unseen.
    if ["h2", "http", "tls"].iter().any(|carrier| token.starts_with(carrier)) {
        return Err("a protocol that can't carry further requests past the gateway".into());
    }
    Ok(token.into())
}

/// A range of addresses, or one address.
pub(super) fn prefix(node: &Node) -> Result<Prefix, Expected> {
    let text = node.as_str().ok_or(RANGE)?;
    Prefix::parse(text).map_err(|why| match why {
        PrefixError::HostBits { canonical } => {
            format!("`{canonical}`, or a longer prefix: bits behind it are set").into()
        }
        PrefixError::Length { max } => format!("a prefix length from 0 to {max}").into(),
        PrefixError::Mapped => "the IPv4 form of this address".into(),
        _ => RANGE.into(),
    })
}

/// What is expected of a range of addresses.
pub(super) const RANGE: &str =
    "an address or a range, as in `192.0.2.7`, `10.0.0.0/8` or `2001:db8::/32`";

/// A range of proxies. Not every address: whoever may connect could choose the address that it is judged by.
pub(super) fn proxies(node: &Node) -> Result<Prefix, Expected> {
    let range = prefix(node)?;
    match range.length() {
        0 => Err("the ranges of your proxies; with all addresses trusted, any client could choose its own".into()),
        _ => Ok(range),
    }
}

/// The header that a listener reads the client address from.
pub(super) fn address_header(node: &Node) -> Result<AddressHeader, Expected> {
    let name = node.as_str().and_then(|text| HeaderName::from_bytes(text.as_bytes()).ok());
    let name = name
        .ok_or("`x-forwarded-for`, `forwarded`, or the name of a header that holds one address")?;
    match name.as_str() {
        "x-forwarded-for" => Ok(AddressHeader::XForwardedFor),
        "forwarded" => Ok(AddressHeader::Forwarded),
        taken if NO_ADDRESS.contains(&taken) || taken.starts_with("x-portcullis-") => {
            Err("a header that holds an address; this one has another meaning".into())
        }
        _ => Ok(AddressHeader::Single(name)),
    }
}

/// The scheme and authority under which the admin API is reached from outside.
pub(super) fn public_url(node: &Node) -> Result<Box<str>, Expected> {
    let is_origin = |text: &&str| {
        let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        authority.is_some_and(|authority| {
            let (host, port) = split_port(authority);
            parse_host(host).is_some() && port.is_none_or(|port| parse_port(port).is_some())
        })
    };
    node.as_str().filter(is_origin).map(Into::into).ok_or_else(|| {
        "scheme and host without a path, as in `https://portcullis.example.com`".into()
    })
}

/// A file; a relative path begins at `directory`.
pub(super) fn file(directory: &Path) -> impl Fn(&Node) -> Result<PathBuf, Expected> {
    move |node| {
        let path = node.as_str().filter(|path| !path.is_empty() && !path.contains('\0'));
        path.map(|path| directory.join(path)).ok_or_else(|| "the path of a file".into())
    }
}

/// A host as written in an authority.
enum Host {
    /// A name or an IPv4 address, in lower case.
    Name(String),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

impl Host {
    fn into_endpoint_host(self) -> Box<str> {
        match self {
            Self::Name(name) => name.into(),
            Self::V6(address) => address.to_string().into(),
        }
    }

    fn into_authority(self) -> String {
        match self {
            Self::Name(name) => name,
            Self::V6(address) => format!("[{address}]"),
        }
    }
}

/// The part before the last colon and the part after it. The colons of an IPv6 address are inside brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// A port other than 0, in plain digits.
fn parse_port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

/// A name by the rules of host names (RFC 1123 section 2.1, with `_`, which service discovery uses), or an address.
fn parse_host(text: &str) -> Option<Host> {
    if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return address.parse().ok().map(Host::V6);
    }
    let name = text.to_ascii_lowercase();
    let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_label = |label: &str| {
        let fits = (1..=63).contains(&label.len()) && label.bytes().all(inside);
        fits && !label.starts_with('-') && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    // A name that ends in digits is meant as an address, and then has to be one.
    let is_number = last.bytes().all(|b| b.is_ascii_digit());
    let is_host = name.len() <= 253
        && name.split('.').all(is_label)
        && (!is_number || matches!(name.parse(), Ok(IpAddr::V4(_))));
    is_host.then_some(Host::Name(name))
}

/// Headers that hold no client's address: those of the connection (RFC 9110 section 7.6.1), of the message's
/// frame and target, and of the caller's identity.
const NO_ADDRESS: [&str; 17] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-host",
    "x-forwarded-proto",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::Source;
    use crate::config::tree::parse_variable;

    fn node(text: &str) -> Node {
        parse_variable(&Source::variable("V", text, 1), 2)
    }

    #[test]
    fn a_host_is_a_name_an_address_or_a_wildcard_in_lower_case() {
        for (text, host) in [
            ("api.example.com", Some("api.example.com")),
            ("API.Example.com:8443", Some("api.example.com:8443")),
            ("*.Example.org", Some("*.example.org")),
            ("localhost", Some("localhost")),
            ("my_service", Some("my_service")),
            ("192.0.2.7:80", Some("192.0.2.7:80")),
            ("[2001:DB8:0::1]", Some("[2001:db8::1]")),
            ("[::1]:8080", Some("[::1]:8080")),
            ("*", None),
            ("*.", None),
            ("*.example.org:80", None),
            ("*.[::1]", None),
            ("a.*.example.org", None),
            ("example.com.", None),
            ("-a.example.com", None),
            ("256.1.1.1", None),
            ("2001:db8::1", None),
            ("[::1", None),
            ("[::1]x", None),
            ("[::1%eth0]", None),
            ("example.com:0", None),
            ("example.com:", None),
            ("example.com:65536", None),
            ("example.com/", None),
            ("http://example.com", None),
            ("exämple.com", None),
            ("", None),
        ] {
            assert_eq!(route_host(&node(text)).ok().as_deref(), host, "{text}");
        }
    }

    #[test]
    fn a_label_has_at_most_63_characters_and_a_name_253() {
        let name = |labels: usize| vec!["a".repeat(63); labels].join(".");
        assert!(parse_host(&name(3)).is_some());
        assert!(parse_host(&name(4)).is_none());
        assert!(parse_host(&"a".repeat(64)).is_none());
    }

    #[test]
    fn an_endpoint_needs_a_port() {
        let read = |text| endpoint(&node(text)).ok().map(|at| (at.host.to_string(), at.port));
        assert_eq!(read("App.internal:80"), Some(("app.internal".to_owned(), 80)));
        assert_eq!(read("[::1]:9000"), Some(("::1".to_owned(), 9000)));
        for text in ["app", "app:", ":80", "::1:80", "http://app:80", "app:80/"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_route_s_path_is_plain_whole_segments() {
        for (text, good) in [
            ("/", true),
            ("/api/v2", true),
            ("/.well-known", true),
            ("/a;b=1", true),
            ("api", false),
            ("", false),
            ("/api/", false),
            ("//", false),
            ("/a//b", false),
            ("/a/../b", false),
            ("/.", false),
            ("/a/..;x/b", false),
            ("/a%2fb", false),
            ("/a b", false),
            ("/a?b", false),
            ("/a\\b", false),
            ("/ä", false),
        ] {
            assert_eq!(route_path(&node(text)).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn no_upgrade_leads_to_another_http_connection() {
        for (text, good) in [
            ("websocket", true),
            ("WebSocket", true),
            ("SPDY/3.1", true),
            ("h2c", false),
            ("H2C", false),
            ("HTTP/2.0", false),
            ("tls/1.0", false),
            ("web socket", false),
            ("", false),
        ] {
            assert_eq!(upgrade(&node(text)).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn a_header_with_another_meaning_holds_no_client_address() {
        assert_eq!(
            address_header(&node("X-Forwarded-For")).ok(),
            Some(AddressHeader::XForwardedFor)
        );
        assert_eq!(address_header(&node("forwarded")).ok(), Some(AddressHeader::Forwarded));
        let single = AddressHeader::Single(HeaderName::from_static("x-real-ip"));
        assert_eq!(address_header(&node("X-Real-IP")).ok(), Some(single));
        for text in ["Host", "authorization", "Connection", "te", "X-Portcullis-Org", "a b", ""] {
            assert!(address_header(&node(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_url_is_scheme_and_authority_alone() {
        for (text, good) in [
            ("https://api.example.com", true),
            ("http://127.0.0.1:8081", true),
            ("https://[::1]:8081", true),
            ("https://api.example.com/", false),
            ("https://user@api.example.com", false),
            ("api.example.com", false),
            ("ftp://api.example.com", false),
            ("https://", false),
        ] {
            assert_eq!(public_url(&node(text)).is_ok(), good, "{text}");
        }
    }
}
