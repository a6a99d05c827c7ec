//! Links: where a client finds what an answer speaks of.
//!
//! Clients follow them to the letter, so scheme, authority and prefix are those of the request, unless the config
//! fixes scheme and authority.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;

use super::document::scalar;
use crate::addr::Prefix;
use crate::control::ListOwner;
use crate::id::{CredentialId, OrgId};
use crate::identity::ClientId;

/// One link of an answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub(super) struct Link {
    /// Where it is: an absolute URL.
    #[schema(schema_with = scalar::url)]
    href: String,
    /// What is there.
    #[schema(schema_with = relation)]
    rel: &'static str,
}

fn relation() -> ObjectBuilder {
    scalar::text().enum_values(Some(["self", "previous", "next"]))
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

    /// The prefix itself.
    pub(super) fn root(&self) -> String {
        self.root.clone()
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

    /// An organization's service accounts.
    pub(super) fn accounts(&self, org: OrgId) -> String {
        format!("{}/serviceAccounts", self.organization(org))
    }

    /// A credential's access list.
    pub(super) fn access_list(&self, org: OrgId, owner: ListOwner) -> String {
        let owner = match owner {
            ListOwner::Key(key) => self.key(org, key),
            ListOwner::Account(account) => format!("{}/{}", self.accounts(org), ClientId(account)),
        };
        format!("{owner}/{}", self.list_name)
    }

    /// An entry of a key's access list: by its address alone where it holds one only.
    pub(super) fn entry(&self, org: OrgId, key: CredentialId, prefix: Prefix) -> String {
        let list = self.access_list(org, ListOwner::Key(key));
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

#[cfg(test)]
mod tests {
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
        assert_eq!(
            links.access_list(org, ListOwner::Key(key)),
            format!("{root}/{org}/apiKeys/{key}/accessList")
        );
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
            assert_eq!(link, format!("{}/{segment}", links.access_list(org, ListOwner::Key(key))));
        }
    }

    #[test]
    fn a_value_in_a_query_is_escaped() {
        assert_eq!(escape("a&b=c d+ä~"), "a%26b%3Dc%20d%2B%C3%A4~");
    }
}
