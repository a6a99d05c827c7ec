//! Links: where a client finds what an answer speaks of.
//!
//! Clients follow them to the letter, so scheme, authority and prefix are those of the request, unless the config
//! fixes scheme and authority.

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::addr::Prefix;
use crate::id::{CredentialId, OrgId};

/// One link of an answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Link {
    href: String,
    rel: &'static str,
}

impl Link {
    /// A link to `href`, which is to the answer what `rel` says.
    pub(super) fn new(rel: &'static str, href: String) -> Self {
        Self { href, rel }
    }

    /// The one link of a thing that is shown.
    pub(super) fn to_itself(href: String) -> [Self; 1] {
        [Self::new("self", href)]
    }
}

/// Knows where each thing is found, seen from one request.
#[derive(Clone, Debug)]
pub(super) struct Links {
    root: String,
    list_name: &'static str,
}

impl Links {
    /// Links below `origin` (scheme and authority) and `prefix`, where access lists are called `list_name`.
    pub(super) fn new(origin: &str, prefix: &str, list_name: &'static str) -> Self {
        Self { root: format!("{}{prefix}", origin.trim_end_matches('/')), list_name }
    }

    /// The caller's organizations.
    pub(super) fn organizations(&self) -> String {
        format!("{}/orgs", self.root)
    }

    /// An organization.
    pub(super) fn organization(&self, org: OrgId) -> String {
        format!("{}/orgs/{org}", self.root)
    }

    /// An organization's keys.
    pub(super) fn keys(&self, org: OrgId) -> String {
        format!("{}/apiKeys", self.organization(org))
    }

    /// A key.
    pub(super) fn key(&self, org: OrgId, key: CredentialId) -> String {
        format!("{}/{key}", self.keys(org))
    }

    /// A key's access list.
    pub(super) fn access_list(&self, org: OrgId, key: CredentialId) -> String {
        format!("{}/{}", self.key(org, key), self.list_name)
    }

    /// An entry of a key's access list: by its address alone where it holds one only.
    pub(super) fn entry(&self, org: OrgId, key: CredentialId, prefix: Prefix) -> String {
        let list = self.access_list(org, key);
        let network = prefix.network();
        if prefix.is_host() {
            format!("{list}/{network}")
        } else {
            format!("{list}/{network}%2F{}", prefix.length())
        }
    }
}

/// A query value, escaped.
pub(super) fn escape(value: &str) -> String {
    utf8_percent_encode(value, UNRESERVED).to_string()
}

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The one authority that a request names: that of its target, else of its `Host`.
///
/// # Errors
/// It names none, several, or one that can't be read.
pub(super) fn authority(head: &Parts) -> Result<Authority, AuthorityError> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next().map(|host| Authority::try_from(host.as_bytes())).transpose();
    let host = host.map_err(|_| AuthorityError::Unreadable)?;
    if hosts.next().is_some() {
        return Err(AuthorityError::Several);
    }
    let named = match (head.uri.authority().cloned(), host) {
        (Some(target), Some(host)) if target != host => return Err(AuthorityError::Several),
        (Some(named), _) | (None, Some(named)) => named,
        (None, None) => return Err(AuthorityError::Missing),
    };
    if named.as_str().contains('@') || named.host().is_empty() {
        return Err(AuthorityError::Unreadable);
    }
    Ok(named)
}

/// Why a request has no usable authority (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum AuthorityError {
    /// No `Host`.
    #[error("expected a Host header")]
    Missing,
    /// Two `Host` lines, or a `Host` other than the target's.
    #[error("expected one authority, the same in the target and in the Host header")]
    Several,
    /// No host name or address, or a user before it.
    #[error("expected a host and an optional port in the Host header")]
    Unreadable,
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn links() -> (Links, OrgId, CredentialId) {
        (
            Links::new("https://gateway.example:8443/", "/api/atlas/v2", "accessList"),
            "32b6e34b3d91647abb20e7b8".parse().unwrap(),
            "65f0c0ffee0123456789abcd".parse().unwrap(),
        )
    }

    #[test]
    fn every_thing_has_an_absolute_link() {
        let (links, org, key) = links();
        let root = "https://gateway.example:8443/api/atlas/v2/orgs";
        assert_eq!(links.organizations(), root);
        assert_eq!(links.organization(org), format!("{root}/{org}"));
        assert_eq!(links.key(org, key), format!("{root}/{org}/apiKeys/{key}"));
        assert_eq!(links.access_list(org, key), format!("{root}/{org}/apiKeys/{key}/accessList"));
    }

    #[test]
    fn an_entry_is_linked_by_address_alone_or_by_an_escaped_range() {
        let (links, org, key) = links();
        for (prefix, segment) in [
            ("192.168.0.229/32", "192.168.0.229"),
            ("198.51.100.0/24", "198.51.100.0%2F24"),
            ("2001:DB8:0::1/128", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8::%2F32"),
        ] {
            let link = links.entry(org, key, Prefix::parse(prefix).unwrap());
            assert_eq!(link, format!("{}/{segment}", links.access_list(org, key)));
        }
    }

    #[test]
    fn a_request_names_one_authority() {
        use AuthorityError::{Missing, Several, Unreadable};
        for (target, hosts, expected) in [
            ("/orgs", &["gateway.example:8081"][..], Ok("gateway.example:8081")),
            ("/orgs", &["[2001:db8::1]:80"], Ok("[2001:db8::1]:80")),
            ("http://a.example/orgs", &[], Ok("a.example")),
            ("http://a.example/orgs", &["A.example"], Ok("a.example")),
            ("http://a.example/orgs", &["b.example"], Err(Several)),
            ("/orgs", &["a.example", "a.example"], Err(Several)),
            ("/orgs", &[], Err(Missing)),
            ("/orgs", &[""], Err(Unreadable)),
            ("/orgs", &["user@a.example"], Err(Unreadable)),
            ("/orgs", &["a.example/path"], Err(Unreadable)),
            ("/orgs", &["a b"], Err(Unreadable)),
        ] {
            let mut request = Request::get(target);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            let found = authority(&head);
            assert_eq!(
                found.as_ref().map(Authority::as_str),
                expected.as_ref().map(|text| *text),
                "{target} {hosts:?}"
            );
        }
    }

    #[test]
    fn a_value_in_a_query_is_escaped() {
        assert_eq!(escape("a&b=c d+ä~"), "a%26b%3Dc%20d%2B%C3%A4~");
    }
}
