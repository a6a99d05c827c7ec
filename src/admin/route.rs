//! Method and raw path to the operation that is asked for.
//!
//! The path is split first and each segment that names something is decoded once, so that `%2F` in an address stays
//! inside its segment. A segment that names nothing readable is remembered as such, and refused only after the
//! caller is known. A final `/` changes nothing.

use http::Method;

use super::percent;
use super::query::Known;
use super::text;
use super::version::{V2023_01_01, Version};
use crate::addr::Prefix;
use crate::id::{CredentialId, OrgId};
use crate::identity::Role;

/// What a request asks for, and where it asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Route {
    /// The prefix of the path.
    pub(super) alias: Alias,
    /// What access lists are called in the path.
    pub(super) list_name: &'static str,
    /// The organization that the path names.
    pub(super) org: Option<Parameter<OrgId>>,
    /// What is to be done.
    pub(super) operation: Operation,
}

/// A path parameter, read, or why it can't be.
pub(super) type Parameter<T> = Result<T, ParameterError>;

/// A prefix under which the API is served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Alias {
    /// `/api/atlas/v2`, whose resources have versions.
    AtlasV2,
    /// `/api/atlas/v1.0`
    AtlasV1,
    /// `/api/public/v1.0`
    PublicV1,
}

/// What a request asks for. Everything but the first happens in one organization.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    /// `GET /orgs`
    ListOrganizations,
    /// `GET /orgs/{orgId}`
    ShowOrganization,
    /// `GET …/apiKeys`
    ListKeys,
    /// `POST …/apiKeys`
    CreateKey,
    /// `GET …/apiKeys/{apiUserId}`
    ShowKey(Parameter<CredentialId>),
    /// `PATCH …/apiKeys/{apiUserId}`
    UpdateKey(Parameter<CredentialId>),
    /// `DELETE …/apiKeys/{apiUserId}`
    DeleteKey(Parameter<CredentialId>),
    /// `GET …/apiKeys/{apiUserId}/accessList`
    ListEntries(Parameter<CredentialId>),
    /// `POST …/apiKeys/{apiUserId}/accessList`
    AddEntries(Parameter<CredentialId>),
    /// `GET …/apiKeys/{apiUserId}/accessList/{ipAddress}`
    ShowEntry(Parameter<CredentialId>, Parameter<Prefix>),
    /// `DELETE …/apiKeys/{apiUserId}/accessList/{ipAddress}`
    RemoveEntry(Parameter<CredentialId>, Parameter<Prefix>),
}

/// What an operation needs and knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// The role that the caller must have.
    pub(super) role: Role,
    /// The versions that the operation is published in, oldest first.
    pub(super) versions: &'static [Version],
    /// The query parameters that it knows.
    pub(super) query: Known,
}

impl Operation {
    /// The row of the published table for this operation. Any role makes a member, so a list of one's own organizations
    /// asks for that one.
    pub(super) fn needs(&self) -> Needs {
        let (role, query) = match self {
            Self::ListOrganizations => (Role::Member, Known::NamedPage),
            Self::ListKeys | Self::ListEntries(_) => (Role::Member, Known::Page),
            Self::ShowOrganization | Self::ShowKey(_) | Self::ShowEntry(..) => {
                (Role::Member, Known::Document)
            }
            Self::AddEntries(_) => (Role::Owner, Known::Page),
            Self::CreateKey | Self::UpdateKey(_) | Self::DeleteKey(_) | Self::RemoveEntry(..) => {
                (Role::Owner, Known::Document)
            }
        };
        Needs { role, versions: &[V2023_01_01], query }
    }
}

impl Alias {
    const ALL: [Self; 3] = [Self::AtlasV2, Self::AtlasV1, Self::PublicV1];

    /// How the path begins.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::AtlasV2 => "/api/atlas/v2",
            Self::AtlasV1 => "/api/atlas/v1.0",
            Self::PublicV1 => "/api/public/v1.0",
        }
    }

    /// Whether resources have versions here, so that `Accept` must name one.
    pub(super) const fn is_versioned(self) -> bool {
        matches!(self, Self::AtlasV2)
    }

    /// What access lists may be called here: the old names never were part of the current prefix.
    const fn list_names(self) -> &'static [&'static str] {
        match self {
            Self::AtlasV2 => &["accessList"],
            Self::AtlasV1 | Self::PublicV1 => &["accessList", "accesslist", "whitelist"],
        }
    }
}

impl Route {
    /// The operation that `method` asks for at `path`, which is as the client sent it.
    ///
    /// # Errors
    /// There is nothing at the path, or the method is none of those that it knows.
    pub(super) fn find(method: &Method, path: &str) -> Result<Self, RouteError> {
        let (alias, rest) = Alias::ALL
            .into_iter()
            .find_map(|alias| Some((alias, path.strip_prefix(alias.prefix())?.strip_prefix('/')?)))
            .ok_or(RouteError::NotFound)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let segments: Vec<&str> = rest.split('/').take(MOST_SEGMENTS + 1).collect();
        if segments.contains(&"") {
            return Err(RouteError::NotFound);
        }
        let list_name = match segments.get(LIST_NAME_AT) {
            Some(name) => alias.list_names().iter().find(|known| *known == name),
            None => Some(&"accessList"),
        };
        let list_name = *list_name.ok_or(RouteError::NotFound)?;
        let operation = Self::operation(method, &segments)?;
        let org = segments.get(1).map(|segment| parse_id("orgId", segment));
        Ok(Self { alias, list_name, org, operation })
    }

    fn operation(method: &Method, segments: &[&str]) -> Result<Operation, RouteError> {
        let verb = Verb::of(method);
        let key = |segment| parse_id("apiUserId", segment);
        let not_allowed = |allow| Err(RouteError::MethodNotAllowed { allow });
        match *segments {
            ["orgs"] => match verb {
                Verb::Get => Ok(Operation::ListOrganizations),
                _ => not_allowed("GET, HEAD"),
            },
            ["orgs", _] => match verb {
                Verb::Get => Ok(Operation::ShowOrganization),
                _ => not_allowed("GET, HEAD"),
            },
            ["orgs", _, "apiKeys"] => match verb {
                Verb::Get => Ok(Operation::ListKeys),
                Verb::Post => Ok(Operation::CreateKey),
                _ => not_allowed("GET, HEAD, POST"),
            },
            ["orgs", _, "apiKeys", id] => match verb {
                Verb::Get => Ok(Operation::ShowKey(key(id))),
                Verb::Patch => Ok(Operation::UpdateKey(key(id))),
                Verb::Delete => Ok(Operation::DeleteKey(key(id))),
                _ => not_allowed("DELETE, GET, HEAD, PATCH"),
            },
            ["orgs", _, "apiKeys", id, _list] => match verb {
                Verb::Get => Ok(Operation::ListEntries(key(id))),
                Verb::Post => Ok(Operation::AddEntries(key(id))),
                _ => not_allowed("GET, HEAD, POST"),
            },
            ["orgs", _, "apiKeys", id, _list, ref address @ ..] if address.len() <= 2 => match verb
            {
                Verb::Get => Ok(Operation::ShowEntry(key(id), parse_address(address))),
                Verb::Delete => Ok(Operation::RemoveEntry(key(id), parse_address(address))),
                _ => not_allowed("DELETE, GET, HEAD"),
            },
            _ => Err(RouteError::NotFound),
        }
    }
}

/// Why a request has no route.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum RouteError {
    /// There is nothing at this path.
    #[error("no resource at this path")]
    NotFound,
    /// There is something, but not for this method.
    #[error("method not allowed; allowed: {allow}")]
    MethodNotAllowed {
        /// The methods allowed, as `Allow` has them.
        allow: &'static str,
    },
}

/// A path segment that is not what it should be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("path parameter {name} is {value}; expected {expected}")]
pub(super) struct ParameterError {
    /// The parameter's published name.
    pub(super) name: &'static str,
    /// The segment as sent, quoted and cut.
    pub(super) value: String,
    /// What it should be.
    pub(super) expected: &'static str,
}

enum Verb {
    Get,
    Post,
    Patch,
    Delete,
    Other,
}

impl Verb {
    fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Get,
            Method::POST => Self::Post,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            _ => Self::Other,
        }
    }
}

/// Segments of the longest path: an address with a real slash before its length.
const MOST_SEGMENTS: usize = 7;

/// Where in the path the access list's name is.
const LIST_NAME_AT: usize = 4;

fn parse_id<T: std::str::FromStr>(name: &'static str, segment: &str) -> Parameter<T> {
    percent::decode(segment).and_then(|id| id.parse().ok()).ok_or_else(|| ParameterError {
        name,
        value: text::quote(segment),
        expected: "24 lower-case hexadecimal digits",
    })
}

/// A range in one segment with `%2F` in it, or in two. The range counts, not its text.
fn parse_address(segments: &[&str]) -> Parameter<Prefix> {
    let decoded: Option<Vec<String>> = segments.iter().map(|part| percent::decode(part)).collect();
    decoded.and_then(|parts| Prefix::parse(&parts.join("/")).ok()).ok_or_else(|| ParameterError {
        name: "ipAddress",
        value: text::quote(&segments.join("/")),
        expected: "an IPv4 or IPv6 address, or a range without host bits whose slash is escaped as %2F",
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ORG: &str = "32b6e34b3d91647abb20e7b8";
    const KEY: &str = "65f0c0ffee0123456789abcd";

    fn find(method: &Method, path: &str) -> Result<Operation, RouteError> {
        let path = path.replace("{org}", ORG).replace("{key}", KEY);
        Route::find(method, &path).map(|route| route.operation)
    }

    fn key() -> Parameter<CredentialId> {
        Ok(KEY.parse().unwrap())
    }

    #[test]
    fn each_operation_has_its_method_and_path() {
        for (method, path, operation) in [
            (Method::GET, "/orgs", Operation::ListOrganizations),
            (Method::GET, "/orgs/{org}", Operation::ShowOrganization),
            (Method::HEAD, "/orgs/{org}", Operation::ShowOrganization),
            (Method::GET, "/orgs/{org}/apiKeys", Operation::ListKeys),
            (Method::POST, "/orgs/{org}/apiKeys", Operation::CreateKey),
            (Method::GET, "/orgs/{org}/apiKeys/{key}", Operation::ShowKey(key())),
            (Method::PATCH, "/orgs/{org}/apiKeys/{key}", Operation::UpdateKey(key())),
            (Method::DELETE, "/orgs/{org}/apiKeys/{key}", Operation::DeleteKey(key())),
            (Method::GET, "/orgs/{org}/apiKeys/{key}/accessList", Operation::ListEntries(key())),
            (Method::POST, "/orgs/{org}/apiKeys/{key}/accessList", Operation::AddEntries(key())),
        ] {
            for alias in Alias::ALL {
                for end in ["", "/"] {
                    let path = format!("{}{path}{end}", alias.prefix());
                    assert_eq!(find(&method, &path), Ok(operation.clone()), "{method} {path}");
                }
            }
        }
    }

    #[test]
    fn an_entry_is_found_by_its_range_however_that_is_written() {
        let range = |text| Prefix::parse(text).unwrap();
        for (address, prefix) in [
            ("203.0.113.10", range("203.0.113.10/32")),
            ("203.0.113.10%2F32", range("203.0.113.10/32")),
            ("203.0.113.10/32", range("203.0.113.10/32")),
            ("203.0.113.10/", range("203.0.113.10/32")),
            ("198.51.100.0%2F24", range("198.51.100.0/24")),
            ("198.51.100.0%2f24", range("198.51.100.0/24")),
            ("198.51.100.0/24", range("198.51.100.0/24")),
            ("198.51.100.0/24/", range("198.51.100.0/24")),
            ("2001:DB8::1", range("2001:db8::1/128")),
            ("2001%3Adb8%3A%3A%2F32", range("2001:db8::/32")),
        ] {
            let path = format!("/api/atlas/v2/orgs/{ORG}/apiKeys/{KEY}/accessList/{address}");
            let found = find(&Method::DELETE, &path);
            assert_eq!(found, Ok(Operation::RemoveEntry(key(), Ok(prefix))), "{address}");
        }
    }

    #[test]
    fn an_address_that_does_not_parse_is_remembered_as_such() {
        for address in [
            "198.51.100.0%252F24",
            "198.51.100.9%2F24",
            "198.51.100.0%2F24/24",
            "198.51.100.0%2",
            "198.51.100.0%FF",
            "::ffff:192.0.2.1",
            "zmmrboas",
        ] {
            let path = format!("/api/atlas/v2/orgs/{ORG}/apiKeys/{KEY}/accessList/{address}");
            match find(&Method::GET, &path) {
                Ok(Operation::ShowEntry(_, Err(error))) => {
                    assert_eq!(error.value, format!("\"{address}\""));
                }
                other => panic!("{address}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_identifier_that_does_not_parse_is_remembered_as_such() {
        let route = Route::find(&Method::GET, "/api/atlas/v2/orgs/acme/apiKeys/zmmrboas").unwrap();
        assert_eq!(route.org.unwrap().unwrap_err().name, "orgId");
        match route.operation {
            Operation::ShowKey(Err(error)) => assert_eq!(error.name, "apiUserId"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn old_names_of_the_access_list_belong_to_the_old_prefixes() {
        for (alias, name, known) in [
            (Alias::AtlasV2, "accessList", true),
            (Alias::AtlasV2, "accesslist", false),
            (Alias::AtlasV2, "whitelist", false),
            (Alias::AtlasV1, "accesslist", true),
            (Alias::AtlasV1, "whitelist", true),
            (Alias::PublicV1, "whitelist", true),
            (Alias::PublicV1, "WHITELIST", false),
        ] {
            for end in ["", "/10.0.0.1"] {
                let path = format!("{}/orgs/{ORG}/apiKeys/{KEY}/{name}{end}", alias.prefix());
                let found = Route::find(&Method::GET, &path);
                assert_eq!(
                    found.map(|route| route.list_name).ok(),
                    known.then_some(name),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in [
            "",
            "/",
            "*",
            "/orgs",
            "/api/atlas/v2",
            "/api/atlas/v2/",
            "/api/atlas/v2orgs",
            "/api/atlas/v3/orgs",
            "/api/atlas/v2//orgs",
            "/api/atlas/v2/orgs//",
            "/api/atlas/v2/Orgs",
            "/api/atlas/v2/%6Frgs",
            "/api/atlas/v2/orgs/{org}/apikeys",
            "/api/atlas/v2/orgs/{org}/apiKeys//accessList",
            "/api/atlas/v2/orgs/{org}/apiKeys/{key}/accessList/10.0.0.0/8/24",
            "/api/atlas/v2/orgs%2F{org}",
        ] {
            assert_eq!(find(&Method::GET, path), Err(RouteError::NotFound), "{path}");
        }
    }

    #[test]
    fn a_method_that_a_path_does_not_know_learns_which_it_does() {
        for (method, path, allow) in [
            (Method::POST, "/orgs", "GET, HEAD"),
            (Method::DELETE, "/orgs/{org}", "GET, HEAD"),
            (Method::PUT, "/orgs/{org}/apiKeys", "GET, HEAD, POST"),
            (Method::POST, "/orgs/{org}/apiKeys/{key}", "DELETE, GET, HEAD, PATCH"),
            (Method::OPTIONS, "/orgs/{org}/apiKeys/{key}/accessList", "GET, HEAD, POST"),
            (Method::PATCH, "/orgs/{org}/apiKeys/{key}/accessList/10.0.0.1", "DELETE, GET, HEAD"),
        ] {
            let path = format!("/api/atlas/v2{path}");
            let expected = Err(RouteError::MethodNotAllowed { allow });
            assert_eq!(find(&method, &path), expected, "{method} {path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_routing_panic(path in "[ -~]{0,60}") {
            let _ = Route::find(&Method::GET, &path);
            let entry = format!("/api/atlas/v1.0/orgs/{ORG}/apiKeys/{KEY}/whitelist/{path}");
            let _ = Route::find(&Method::DELETE, &entry);
        }
    }
}
