//! Method and raw path to the row of the table that is asked for.
//!
//! The path is split first and each segment that names something is decoded once, so that `%2F` in an address stays
//! inside its segment. A segment that names nothing readable is refused only after the caller is known, when it is
//! asked for. A final `/` changes nothing.

use http::Method;

use super::percent;
use super::table::{self, Place, Row, Verb};
use super::text;
use crate::addr::Prefix;
use crate::control::ListOwner;
use crate::id::{CredentialId, OrgId, SecretId};
use crate::identity::ClientId;

/// What a request asks for, and where it asked.
#[derive(Clone, Debug)]
pub(super) struct Route<'p> {
    /// What is asked for.
    pub(super) row: &'static Row,
    /// The prefix of the path; none at a fixed path.
    pub(super) alias: Option<Alias>,
    /// What access lists are called in the path.
    pub(super) list_name: &'static str,
    /// The path behind the prefix, not decoded yet.
    segments: Vec<&'p str>,
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
            Self::AtlasV2 => &[LIST_NAME],
            Self::AtlasV1 | Self::PublicV1 => &[LIST_NAME, "accesslist", "whitelist"],
        }
    }

    /// The prefix that `path` begins with, and what follows it: nothing, or segments with `/` before each.
    fn split(path: &str) -> (Option<Self>, &str) {
        let under = |alias: Self| {
            let rest = path.strip_prefix(alias.prefix())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((Some(alias), rest))
        };
        Self::ALL.into_iter().find_map(under).unwrap_or((None, path))
    }
}

impl<'p> Route<'p> {
    /// The row that `method` asks for at `path`, which is as the client sent it.
    ///
    /// # Errors
    /// There is nothing at the path, or the method is none of those that it knows.
    pub(super) fn find(method: &Method, path: &'p str) -> Result<Self, RouteError> {
        let (alias, rest) = Alias::split(path);
        let segments = split(rest).ok_or(RouteError::NotFound)?;
        let fitting = || table::rows().filter(|row| fits(row, alias, &segments));
        if fitting().next().is_none() {
            return Err(RouteError::NotFound);
        }
        let verb = Verb::of(method);
        let row = fitting().find(|row| Some(row.method) == verb);
        let row = row.ok_or_else(|| RouteError::MethodNotAllowed { allow: allow(fitting()) })?;
        let list_name = row.parts().position(|part| part == LIST_NAME);
        let list_name = list_name.and_then(|at| {
            alias?.list_names().iter().find(|name| segments.get(at) == Some(name)).copied()
        });
        Ok(Self { row, alias, list_name: list_name.unwrap_or(LIST_NAME), segments })
    }

    /// How the path begins: with a prefix of the API, or, where it is fixed, at once.
    pub(super) fn prefix(&self) -> &'static str {
        self.alias.map_or("", Alias::prefix)
    }

    /// The organization that the path names, where it names one.
    pub(super) fn org(&self) -> Option<Parameter<OrgId>> {
        self.row.position("orgId").map(|_| self.id("orgId"))
    }

    /// The API key that the path names.
    pub(super) fn key(&self) -> Parameter<CredentialId> {
        self.id("apiUserId")
    }

    /// The service account that the path names.
    pub(super) fn account(&self) -> Parameter<CredentialId> {
        let id: Parameter<ClientId> =
            self.parameter(CLIENT_ID, "mdb_sa_id_ and 24 lower-case hexadecimal digits");
        id.map(|ClientId(id)| id)
    }

    /// The secret that the path names.
    pub(super) fn secret(&self) -> Parameter<SecretId> {
        self.id("secretId")
    }

    /// The credential whose list the path names.
    pub(super) fn owner(&self) -> Parameter<ListOwner> {
        match self.row.position(CLIENT_ID) {
            Some(_) => self.account().map(ListOwner::Account),
            None => self.key().map(ListOwner::Key),
        }
    }

    /// The range that the path names: in one segment with `%2F` in it, or in two. The range counts, not its text.
    pub(super) fn range(&self) -> Parameter<Prefix> {
        let segments = self.row.position(ADDRESS).and_then(|at| self.segments.get(at..));
        let segments = segments.unwrap_or_default();
        let decoded: Option<Vec<String>> =
            segments.iter().map(|part| percent::decode(part)).collect();
        let prefix = decoded.and_then(|parts| Prefix::parse(&parts.join("/")).ok());
        prefix.ok_or_else(|| ParameterError {
            name: ADDRESS,
            value: text::quote(&segments.join("/")),
            expected: "an IPv4 or IPv6 address, or a range without host bits whose slash is escaped as %2F",
        })
    }

    fn id<T: std::str::FromStr>(&self, name: &'static str) -> Parameter<T> {
        self.parameter(name, "24 lower-case hexadecimal digits")
    }

    fn parameter<T: std::str::FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Parameter<T> {
        let segment = self.row.position(name).and_then(|at| self.segments.get(at).copied());
        let segment = segment.unwrap_or_default();
        let value = percent::decode(segment).and_then(|text| text.parse().ok());
        value.ok_or_else(|| ParameterError { name, value: text::quote(segment), expected })
    }
}

/// The segments of a path, which is empty or begins with `/`; `None` where it does not, or one of them is empty.
fn split(path: &str) -> Option<Vec<&str>> {
    if path.is_empty() || path == "/" {
        return Some(Vec::new());
    }
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = path.split('/').take(MOST_SEGMENTS + 1).collect();
    (!segments.contains(&"")).then_some(segments)
}

/// Whether the path of `row` is the one that was asked for, whatever the method.
fn fits(row: &Row, alias: Option<Alias>, segments: &[&str]) -> bool {
    if (row.place == Place::Prefixed) != alias.is_some() {
        return false;
    }
    let list_names = alias.map_or(&[][..], Alias::list_names);
    let mut sent = segments.iter();
    for part in row.parts() {
        let fits = sent.next().is_some_and(|sent| match part {
            LIST_NAME => list_names.contains(sent),
            _ => table::parameter(part).is_some() || part == *sent,
        });
        if !fits {
            return false;
        }
    }
    match sent.len() {
        0 => true,
        // An address with a real slash before its length.
        1 => row.parts().last().and_then(table::parameter) == Some(ADDRESS),
        _ => false,
    }
}

/// The methods of `rows`, as `Allow` has them.
fn allow(rows: impl Iterator<Item = &'static Row>) -> String {
    let mut verbs: Vec<Verb> = rows.map(|row| row.method).collect();
    verbs.sort_unstable();
    verbs.into_iter().map(Verb::allowed).collect::<Vec<_>>().join(", ")
}

/// Why a request has no route.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum RouteError {
    /// There is nothing at this path.
    #[error("no resource at this path")]
    NotFound,
    /// There is something, but not for this method.
    #[error("method not allowed; allowed: {allow}")]
    MethodNotAllowed {
        /// The methods allowed, as `Allow` has them.
        allow: String,
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

/// Segments of the longest path: an address with a real slash before its length.
const MOST_SEGMENTS: usize = 7;

/// What access lists are called in the table.
const LIST_NAME: &str = "accessList";

/// The parameter that names a service account.
const CLIENT_ID: &str = "clientId";

/// The parameter that may take two segments.
const ADDRESS: &str = "ipAddress";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::table::Operation;
    use super::*;

    const ORG: &str = "32b6e34b3d91647abb20e7b8";
    const KEY: &str = "65f0c0ffee0123456789abcd";

    fn find(method: &Method, path: &str) -> Result<Operation, RouteError> {
        let path = path.replace("{org}", ORG).replace("{key}", KEY);
        Route::find(method, &path).map(|route| route.row.operation)
    }

    #[test]
    fn each_operation_has_its_method_and_path() {
        for (method, path, operation) in [
            (Method::GET, "/orgs", Operation::ListOrganizations),
            (Method::GET, "/orgs/{org}", Operation::ShowOrganization),
            (Method::HEAD, "/orgs/{org}", Operation::ShowOrganization),
            (Method::GET, "/orgs/{org}/apiKeys", Operation::ListKeys),
            (Method::POST, "/orgs/{org}/apiKeys", Operation::CreateKey),
            (Method::GET, "/orgs/{org}/apiKeys/{key}", Operation::ShowKey),
            (Method::PATCH, "/orgs/{org}/apiKeys/{key}", Operation::UpdateKey),
            (Method::DELETE, "/orgs/{org}/apiKeys/{key}", Operation::DeleteKey),
            (Method::GET, "/orgs/{org}/apiKeys/{key}/accessList", Operation::ListEntries),
            (Method::POST, "/orgs/{org}/apiKeys/{key}/accessList", Operation::AddEntries),
        ] {
            for alias in Alias::ALL {
                for end in ["", "/"] {
                    let path = format!("{}{path}{end}", alias.prefix());
                    assert_eq!(find(&method, &path), Ok(operation), "{method} {path}");
                }
            }
        }
    }

    #[test]
    fn a_service_account_is_named_by_its_client_id_and_by_nothing_else() {
        let account = format!("/api/atlas/v2/orgs/{ORG}/serviceAccounts/mdb_sa_id_{KEY}");
        for end in ["", "/accessList", "/secrets"] {
            let path = format!("{account}{end}");
            let method = if end == "/secrets" { Method::POST } else { Method::GET };
            let route = Route::find(&method, &path).unwrap();
            assert_eq!(route.account(), Ok(KEY.parse().unwrap()), "{path}");
        }
        let path = format!("{account}/secrets/{KEY}");
        let route = Route::find(&Method::DELETE, &path).unwrap();
        assert_eq!(route.secret(), Ok(KEY.parse().unwrap()));
        let path = format!("{account}/accessList/198.51.100.0/24");
        let route = Route::find(&Method::DELETE, &path).unwrap();
        assert_eq!(route.owner(), Ok(ListOwner::Account(KEY.parse().unwrap())));
        assert_eq!(route.range(), Ok(Prefix::parse("198.51.100.0/24").unwrap()));
        for id in [KEY, "mdb_sa_id_", "mdb_sa_id_65F0C0FFEE0123456789ABCD", "ci"] {
            let path = format!("/api/atlas/v2/orgs/{ORG}/serviceAccounts/{id}");
            let route = Route::find(&Method::GET, &path).unwrap();
            assert_eq!(route.account().unwrap_err().name, "clientId", "{id}");
        }
    }

    #[test]
    fn every_row_of_the_table_is_found_wherever_it_is_served() {
        for row in table::rows() {
            let part = |part| if table::parameter(part).is_some() { ORG } else { part };
            let path: String = row.parts().map(|name| format!("/{}", part(name))).collect();
            let prefixes = match row.place {
                Place::Prefixed => Alias::ALL.map(Alias::prefix).to_vec(),
                Place::Fixed => vec![""],
            };
            let methods = row.method.allowed().split(", ");
            for (prefix, method) in
                prefixes.into_iter().flat_map(|p| methods.clone().map(move |m| (p, m)))
            {
                for end in ["", "/"] {
                    let path = format!("{prefix}{path}{end}");
                    let found = Route::find(&method.parse().unwrap(), &path).unwrap();
                    assert_eq!(
                        (found.row.operation, found.prefix()),
                        (row.operation, prefix),
                        "{path}"
                    );
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
            let found = Route::find(&Method::DELETE, &path).unwrap();
            assert_eq!(found.row.operation, Operation::RemoveEntry, "{address}");
            assert_eq!(found.key(), Ok(KEY.parse().unwrap()), "{address}");
            assert_eq!(found.range(), Ok(prefix), "{address}");
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
            let found = Route::find(&Method::GET, &path).unwrap();
            assert_eq!(found.row.operation, Operation::ShowEntry, "{address}");
            assert_eq!(found.range().unwrap_err().value, format!("\"{address}\""));
        }
    }

    #[test]
    fn an_identifier_that_does_not_parse_is_remembered_as_such() {
        let route = Route::find(&Method::GET, "/api/atlas/v2/orgs/acme/apiKeys/zmmrboas").unwrap();
        assert_eq!(route.org().unwrap().unwrap_err().name, "orgId");
        assert_eq!(route.key().unwrap_err().name, "apiUserId");
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
            "/api/atlas",
            "/api/atlas/v2//",
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
            (Method::GET, "/orgs/{org}/serviceAccounts/{key}/accessList/10.0.0.1", "DELETE"),
            (Method::GET, "/orgs/{org}/serviceAccounts/{key}/secrets", "POST"),
            (Method::GET, "/orgs/{org}/serviceAccounts/{key}/secrets/{key}", "DELETE"),
            (Method::PUT, "/orgs/{org}/settings", "GET, HEAD, PATCH"),
            (Method::POST, "", "GET, HEAD"),
        ] {
            let path = format!("/api/atlas/v2{path}");
            let expected = Err(RouteError::MethodNotAllowed { allow: allow.to_owned() });
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
