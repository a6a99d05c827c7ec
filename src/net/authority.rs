//! The one authority of a request: what is routed by, logged, and sent on.
//!
//! It is the target's (absolute form, or `:authority`), else the one `Host` line's. Where both are there they name the
//! same; anything that two readers could take for two hosts is refused with 400.
//!
//! Decisions
//! - HTTP/1.0 without `Host` is refused as well: the upstream is asked in HTTP/1.1, and a name for it is not made up.
//! - HTTP/1.1 needs `Host` beside an absolute target too (RFC 9112 section 3.2).
//! - A host has letters, digits, `-`, `_` and dots, or is an IPv6 address in brackets. One dot at its end is left out of
//!   the comparison, as in nginx, so that `admin.example.com.` does not dodge the routes of `admin.example.com`.
//! - A port is a decimal number from 1 without leading zeros; `host:` is refused.
//!
//! Not here: which certificate serves it (TLS), which route it has (`route`).

use std::io::Write as _;
use std::net::Ipv6Addr;

use http::header::HOST;
use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Uri, Version};

/// An authority as received. Tables and comparisons go by its [`Host`] and port, never by its spelling.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'a> {
    text: &'a str,
    host: Host<'a>,
    port: Option<u16>,
}

/// The host of an authority.
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    /// A name or an IPv4 address, in any case, without a dot at its end.
    Name(&'a str),
    /// The address in brackets.
    V6(Ipv6Addr),
}

impl<'a> Authority<'a> {
    /// Reads `host` or `host:port`.
    ///
    /// # Errors
    /// [`AuthorityError::Userinfo`], [`AuthorityError::Host`] or [`AuthorityError::Port`].
    pub fn parse(text: &'a str) -> Result<Self, AuthorityError> {
        if text.contains('@') {
            return Err(AuthorityError::Userinfo);
        }
        let (host, port) = match text.rfind([':', ']']) {
            Some(at) if text.as_bytes()[at] == b':' => (&text[..at], Some(&text[at + 1..])),
            _ => (text, None),
        };
        let port = port.map(|port| parse_port(port).ok_or(AuthorityError::Port)).transpose()?;
        Ok(Self { text, host: parse_host(host).ok_or(AuthorityError::Host)?, port })
    }

    /// The text as received.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The host.
    pub fn host(&self) -> Host<'a> {
        self.host
    }

    /// The port, where one is named.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The host in the one spelling that tables are keyed by: lower case, IPv6 in its shortest form.
    pub(crate) fn key<'b>(&self, buffer: &'b mut HostKey) -> &'b str {
        let length = match self.host {
            Host::Name(name) => {
                let key = &mut buffer.0[..name.len()];
                key.copy_from_slice(name.as_bytes());
                key.make_ascii_lowercase();
                name.len()
            }
            Host::V6(address) => {
                let mut rest = &mut buffer.0[..];
                let written = write!(rest, "[{address}]").map(|()| rest.len());
                MAX_HOST_BYTES - written.unwrap_or(MAX_HOST_BYTES)
            }
        };
        std::str::from_utf8(&buffer.0[..length]).unwrap_or_default()
    }

    /// Whether both name the same, `default` being the port of one that names none.
    fn is_same(&self, other: &Self, default: Option<u16>) -> bool {
        let hosts = match (self.host, other.host) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (Host::V6(a), Host::V6(b)) => a == b,
            _ => false,
        };
        hosts && self.port.or(default) == other.port.or(default)
    }
}

/// Room for [`Authority::key`].
pub(crate) struct HostKey([u8; MAX_HOST_BYTES]);

impl HostKey {
    pub(crate) fn new() -> Self {
        Self([0; MAX_HOST_BYTES])
    }
}

/// The authority of a request, by the rules of this module.
///
/// # Errors
/// See [`AuthorityError`].
pub fn authority(parts: &Parts) -> Result<Authority<'_>, AuthorityError> {
    let default_port = match parts.uri.scheme() {
        None => None,
        Some(scheme) if *scheme == Scheme::HTTP => Some(80),
        Some(scheme) if *scheme == Scheme::HTTPS => Some(443),
        Some(_) => return Err(AuthorityError::Scheme),
    };
    let host = host_line(&parts.headers)?;
    let target =
        parts.uri.authority().map(|target| Authority::parse(target.as_str())).transpose()?;
    match (target, host) {
        (Some(target), Some(host)) if target.is_same(&host, default_port) => Ok(target),
        (Some(_), Some(_)) => Err(AuthorityError::Differs),
        (Some(target), None) if parts.version != Version::HTTP_11 => Ok(target),
        (None, Some(host)) => Ok(host),
        (_, None) => Err(AuthorityError::Missing),
    }
}

/// Makes the request's one authority its one `Host` line, for an upstream that is asked in origin form.
///
/// Call it on a request that [`authority`] has accepted: without an authority in the target, `Host` is right already.
pub fn set_host(headers: &mut HeaderMap, uri: &Uri) {
    if let Some(target) = uri.authority()
        && let Ok(value) = HeaderValue::from_str(target.as_str())
    {
        headers.insert(HOST, value);
    }
}

/// Why a request has no authority, or not one. The answer is 400.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuthorityError {
    /// No `Host` line, where one is needed.
    #[error("the request names no host")]
    Missing,
    /// More than one `Host` line, equal ones included.
    #[error("the request has more than one Host line")]
    Several,
    /// `Host` and the target name two hosts or two ports.
    #[error("the Host line differs from the request target")]
    Differs,
    /// The target's scheme is neither `http` nor `https`.
    #[error("the scheme of the request target is not served")]
    Scheme,
    /// A user name before `@`.
    #[error("the authority has a user name")]
    Userinfo,
    /// The host is empty, too long, or has a byte or a form that no host has.
    #[error("the host is malformed")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("the port is malformed")]
    Port,
}

/// Bytes of a host. Source: 255 is the longest name that DNS can carry, RFC 1035 section 2.3.4.
const MAX_HOST_BYTES: usize = 255;

fn host_line(headers: &HeaderMap) -> Result<Option<Authority<'_>>, AuthorityError> {
    let mut lines = headers.get_all(HOST).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(AuthorityError::Several);
    }
    let text = std::str::from_utf8(line.as_bytes()).map_err(|_| AuthorityError::Host)?;
    Authority::parse(text).map(Some)
}

fn parse_host(text: &str) -> Option<Host<'_>> {
    if let Some(bracketed) = text.strip_prefix('[') {
        return bracketed.strip_suffix(']')?.parse().ok().map(Host::V6);
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let mut after_dot = true;
    for byte in name.bytes() {
        match byte {
            b'.' if after_dot => return None,
            b'.' => after_dot = true,
            b'-' | b'_' => after_dot = false,
            _ if byte.is_ascii_alphanumeric() => after_dot = false,
            _ => return None,
        }
    }
    (!after_dot && text.len() <= MAX_HOST_BYTES).then_some(Host::Name(name))
}

fn parse_port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn request(version: Version, target: &str, hosts: &[&str]) -> Parts {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_has_one_authority_or_is_refused() {
        use AuthorityError::*;
        const H10: Version = Version::HTTP_10;
        const H11: Version = Version::HTTP_11;
        const H2: Version = Version::HTTP_2;
        for (version, target, hosts, expected) in [
            (H11, "/", vec!["example.com"], Ok("example.com")),
            (H11, "/", vec!["Example.COM:8080"], Ok("Example.COM:8080")),
            (H11, "/", vec![], Err(Missing)),
            (H10, "/", vec![], Err(Missing)),
            (H10, "/", vec!["example.com"], Ok("example.com")),
            (H11, "/", vec!["example.com", "example.com"], Err(Several)),
            (H11, "/", vec!["example.com", "other.com"], Err(Several)),
            (H11, "/", vec!["example.com, other.com"], Err(Host)),
            (H11, "/", vec!["example.com other.com"], Err(Host)),
            (H11, "/", vec![""], Err(Host)),
            (H11, "/", vec!["exämple.com"], Err(Host)),
            (H11, "/", vec!["user@example.com"], Err(Userinfo)),
            (H11, "/", vec!["http://example.com"], Err(Port)),
            (H11, "*", vec!["example.com"], Ok("example.com")),
            (H11, "http://example.com/", vec!["example.com"], Ok("example.com")),
            (H11, "http://example.com/", vec!["EXAMPLE.com."], Ok("example.com")),
            (H11, "http://example.com:80/", vec!["example.com"], Ok("example.com:80")),
            (H11, "https://example.com/", vec!["example.com:443"], Ok("example.com")),
            (H11, "http://example.com/", vec!["example.com:443"], Err(Differs)),
            (H11, "http://example.com/", vec!["other.com"], Err(Differs)),
            (H11, "http://example.com:8080/", vec!["example.com"], Err(Differs)),
            (H11, "http://example.com/", vec![], Err(Missing)),
            (H11, "http://example.com/", vec![""], Err(Host)),
            (H11, "http://user:pw@example.com/", vec!["example.com"], Err(Userinfo)),
            (H11, "ftp://example.com/", vec!["example.com"], Err(Scheme)),
            (H10, "http://example.com/", vec![], Ok("example.com")),
            (H2, "http://example.com/", vec![], Ok("example.com")),
            (H2, "https://example.com/", vec!["example.com"], Ok("example.com")),
            (H2, "https://example.com/", vec!["other.com"], Err(Differs)),
            (H2, "https://example.com/", vec!["example.com", "example.com"], Err(Several)),
            (H2, "/", vec!["example.com"], Ok("example.com")),
            (H2, "/", vec![], Err(Missing)),
            (H2, "http://[2001:db8::1]:80/", vec!["[2001:DB8:0::1]"], Ok("[2001:db8::1]:80")),
        ] {
            let parts = request(version, target, &hosts);
            let found = authority(&parts).map(|found| found.as_str());
            assert_eq!(found, expected, "{version:?} {target} {hosts:?}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_its_port_a_number() {
        use AuthorityError::{Host, Port};
        for (text, expected) in [
            ("localhost", Ok(("localhost", None))),
            ("A-b_c.d1:65535", Ok(("a-b_c.d1", Some(65_535)))),
            ("127.0.0.1:80", Ok(("127.0.0.1", Some(80)))),
            ("example.com.", Ok(("example.com", None))),
            ("example.com.:81", Ok(("example.com", Some(81)))),
            ("[::1]", Ok(("[::1]", None))),
            ("[0:0::1]:8080", Ok(("[::1]", Some(8080)))),
            ("[::1]8080", Err(Host)),
            ("[::1", Err(Host)),
            ("::1", Err(Host)),
            ("[fe80::1%25eth0]", Err(Host)),
            ("[]", Err(Host)),
            ("[127.0.0.1]", Err(Host)),
            (".", Err(Host)),
            ("..", Err(Host)),
            ("a..b", Err(Host)),
            (".a", Err(Host)),
            ("a..", Err(Host)),
            ("a%41", Err(Host)),
            ("a/b", Err(Host)),
            ("a\\b", Err(Host)),
            ("a\tb", Err(Host)),
            ("*.a", Err(Host)),
            (":80", Err(Host)),
            ("a:", Err(Port)),
            ("a:0", Err(Port)),
            ("a:080", Err(Port)),
            ("a:65536", Err(Port)),
            ("a:+80", Err(Port)),
            ("a:80:80", Err(Host)),
            ("a:http", Err(Port)),
        ] {
            let mut buffer = HostKey::new();
            let read = Authority::parse(text);
            let read = read.map(|read| (read.key(&mut buffer).to_owned(), read.port()));
            assert_eq!(read, expected.map(|(key, port)| (key.to_owned(), port)), "{text}");
        }
    }

    #[test]
    fn a_host_is_no_longer_than_dns_carries() {
        let longest = "a".repeat(MAX_HOST_BYTES);
        assert!(Authority::parse(&longest).is_ok());
        assert_eq!(Authority::parse(&format!("{longest}a")).err(), Some(AuthorityError::Host));
    }

    #[test]
    fn the_upstream_gets_the_authority_that_was_routed_by() {
        for (target, hosts, expected) in [
            ("/", vec!["Example.com:81"], "Example.com:81"),
            ("http://example.com:80/a", vec!["example.com"], "example.com:80"),
        ] {
            let mut parts = request(Version::HTTP_11, target, &hosts);
            set_host(&mut parts.headers, &parts.uri);
            assert_eq!(parts.headers.get_all(HOST).iter().collect::<Vec<_>>(), [expected]);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]:.a0@%é]{0,20}|\\PC{0,60}") {
            if let Ok(read) = Authority::parse(&text) {
                let mut buffer = HostKey::new();
                prop_assert!(!read.key(&mut buffer).is_empty());
            }
        }
    }
}
