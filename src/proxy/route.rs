//! Authority and path to the route that says what a request needs and where it goes.
//!
//! Hosts are chosen first, as in nginx server blocks: an exact host that names the request's port, an exact host, the
//! longest `*.domain` (at least one label more than the domain; one that names the port first), and last the routes
//! without hosts. Among the routes of that one choice, the longest path prefix wins, in whole segments of the raw
//! path, case-sensitively. A host whose routes hold no such path has no route: there is no falling through to a less
//! specific host, which may be less strict.
//!
//! Invariants
//! - A [`Route`] for a request comes from [`Routes::find`] only, and its path has been checked then.
//! - A lenient upstream can't be made to serve a path of one route under the rules of another: where the raw path
//!   and its [lenient reading](super::path::lenient_reading) have different prefixes among the host's routes, the
//!   request is refused. So `/%61dmin`, `/admin;x` and `//admin` are not ways around the route of `/admin`.
//! - Finding takes no lock, and allocates only for a path with escapes, parameters or a form let through.
//!
//! Not here: what an authority is (`authority`), which forms of path there are (`path`).

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::access::ListName;
use crate::id::OrgId;
use crate::identity::{Principal, Role, SchemeKind};
use crate::net::authority::{Authority, AuthorityError, Host, HostKey};
use crate::proxy::path::{self, PathError, PathForms, Readings};
use crate::proxy::upstream::UpstreamName;

pub use crate::proxy::path::PathForm;

/// A route as configured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteSettings {
    /// Its name in metrics and logs.
    pub name: Box<str>,
    /// The authorities it serves, in lower case, each `host`, `host:port` or `*.domain`; none means any.
    /// [`HostPattern`] reads them; one that it can't read matches nothing.
    pub hosts: Vec<Box<str>>,
    /// The path prefix it serves, in whole segments: `/`, `/api`, `/api/v2`.
    pub path: Box<str>,
    /// Where its requests go.
    pub upstream: UpstreamName,
    /// The schemes it accepts, in the order of trying. None: no authentication, and then `list` is set.
    pub schemes: Vec<SchemeKind>,
    /// Whose principals it serves.
    pub organizations: Organizations,
    /// Roles one of which a principal needs; none means that any will do.
    pub roles: Vec<Role>,
    /// A named list that a client's address must be on as well.
    pub list: Option<ListName>,
    /// Upgrade tokens it lets through, in lower case.
    pub upgrades: Vec<Box<str>>,
    /// Unusual path forms it lets through.
    pub path_forms: Vec<PathForm>,
}

/// Whose principals a route serves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Organizations {
    /// `"*"`: every organization's.
    Any,
    /// These organizations' only.
    Only(Vec<OrgId>),
}

/// Every route, with the tables to find one by.
#[derive(Debug, Default)]
pub struct Routes {
    routes: Vec<Route>,
    exact: Hosts,
    wildcard: Hosts,
    any: Paths,
}

impl Routes {
    /// Tables over `routes`. Of two with the same host and prefix the first one is found; the config refuses such a pair.
    pub fn new(routes: Vec<RouteSettings>) -> Self {
        let mut tables = Self::default();
        for (index, settings) in routes.into_iter().enumerate() {
            let prefix = Prefix::new(&settings.path, index);
            if settings.hosts.is_empty() {
                tables.any.add(prefix.clone());
            }
            for pattern in settings.hosts.iter().filter_map(|host| HostPattern::parse(host).ok()) {
                tables.paths_mut(pattern).add(prefix.clone());
            }
            tables.routes.push(Route::new(index, settings));
        }
        tables
    }

    /// The route of a request.
    ///
    /// # Errors
    /// There is none, or the path is one that the route, or any route, refuses.
    pub fn find(&self, authority: &Authority<'_>, path: &str) -> Result<&Route, TargetError> {
        if !path.starts_with('/') {
            return Err(PathError::NotAbsolute.into());
        }
        let paths = self.paths(authority).ok_or(TargetError::NoRoute)?;
        let prefix = paths.longest(path.as_bytes(), Prefix::raw).ok_or(TargetError::NoRoute)?;
        let route = self.routes.get(prefix.route).ok_or(TargetError::NoRoute)?;
        let readings = path::check(path, route.path_forms)?;
        if (readings == Readings::One && paths.plain) || paths.agrees(prefix, path) {
            Ok(route)
        } else {
            Err(PathError::Ambiguous.into())
        }
    }

    /// The route of that index.
    pub fn get(&self, index: usize) -> Option<&Route> {
        self.routes.get(index)
    }

    /// Every route, in the order of the config, which is that of their indices.
    pub fn all(&self) -> &[Route] {
        &self.routes
    }

    /// The routes of the one host that is chosen for `authority`.
    fn paths(&self, authority: &Authority<'_>) -> Option<&Paths> {
        let mut buffer = HostKey::new();
        let host = authority.key(&mut buffer);
        let port = authority.port();
        let exact = self.exact.find(host, port);
        exact
            .or_else(|| match authority.host() {
                Host::Name(_) => parents(host).find_map(|domain| self.wildcard.find(domain, port)),
                Host::V6(_) => None,
            })
            .or_else(|| (!self.any.prefixes.is_empty()).then_some(&self.any))
    }

    fn paths_mut(&mut self, pattern: HostPattern) -> &mut Paths {
        let hosts = match pattern.scope {
            Scope::Exact => &mut self.exact,
            Scope::Below => &mut self.wildcard,
        };
        hosts.0.entry(pattern.host).or_default().paths_mut(pattern.port)
    }
}

/// A route as found: what a request needs and where it goes.
#[derive(Debug)]
pub struct Route {
    index: usize,
    settings: RouteSettings,
    organizations: Option<Vec<OrgId>>,
    path_forms: PathForms,
}

impl Route {
    fn new(index: usize, settings: RouteSettings) -> Self {
        let organizations = match &settings.organizations {
            Organizations::Any => None,
            Organizations::Only(ids) => {
                let mut ids = ids.clone();
                ids.sort_unstable();
                Some(ids)
            }
        };
        let path_forms = settings.path_forms.iter().copied().collect();
        Self { index, settings, organizations, path_forms }
    }

    /// Its place in the config, from 0: what upstreams and metrics that belong to it are kept under.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its name in metrics and logs.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Where its requests go.
    pub fn upstream(&self) -> &UpstreamName {
        &self.settings.upstream
    }

    /// The schemes it accepts, in the order of trying; none: it does not authenticate.
    pub fn schemes(&self) -> &[SchemeKind] {
        &self.settings.schemes
    }

    /// The named list that a client's address must be on as well.
    pub fn list(&self) -> Option<&ListName> {
        self.settings.list.as_ref()
    }

    /// Upgrade tokens it lets through, in lower case.
    pub fn upgrades(&self) -> &[Box<str>] {
        &self.settings.upgrades
    }

    /// Everything the config says of it.
    pub fn settings(&self) -> &RouteSettings {
        &self.settings
    }

    /// Whether it serves this principal.
    ///
    /// # Errors
    /// Which of its requirements the principal does not meet. Organizations are asked first.
    pub fn check_principal(&self, principal: &Principal) -> Result<(), NotServed> {
        if let Some(served) = &self.organizations
            && served.binary_search(&principal.org).is_err()
        {
            return Err(NotServed::Organization);
        }
        let needed = &self.settings.roles;
        if needed.is_empty() || needed.iter().any(|role| principal.roles.include(*role)) {
            Ok(())
        } else {
            Err(NotServed::Role)
        }
    }
}

/// Why a route does not serve a principal.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotServed {
    /// It serves other organizations.
    #[error("the route does not serve the credential's organization")]
    Organization,
    /// The credential has none of the roles that it asks for.
    #[error("the route asks for a role that the credential does not have")]
    Role,
}

/// Why a request has no route.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TargetError {
    /// No route holds this host and path. The answer is 404.
    #[error("no route for this host and path")]
    NoRoute,
    /// The request names no host, or more than one. The answer is 400.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The path is refused. The answer is 400.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// An authority that a route serves, as the config writes it: `host`, `host:port`, `*.domain` or `*.domain:port`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct HostPattern {
    scope: Scope,
    host: Box<str>,
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Scope {
    /// The host itself.
    Exact,
    /// Every host with at least one label in front of it.
    Below,
}

impl HostPattern {
    /// Reads a pattern. Case and a dot at the end don't matter; a port matches only where the request names it.
    ///
    /// # Errors
    /// What is wrong with the host or the port.
    pub fn parse(text: &str) -> Result<Self, AuthorityError> {
        let (scope, authority) = match text.strip_prefix("*.") {
            Some(domain) => (Scope::Below, Authority::parse(domain)?),
            None => (Scope::Exact, Authority::parse(text)?),
        };
        if let (Scope::Below, Host::V6(_)) = (scope, authority.host()) {
            return Err(AuthorityError::Host);
        }
        let host = authority.key(&mut HostKey::new()).into();
        Ok(Self { scope, host, port: authority.port() })
    }
}

/// Routes by host. The keys are the config's, so a fast hash will do.
#[derive(Debug, Default)]
struct Hosts(HashMap<Box<str>, Ports, foldhash::fast::RandomState>);

impl Hosts {
    fn find(&self, host: &str, port: Option<u16>) -> Option<&Paths> {
        self.0.get(host)?.find(port)
    }
}

/// Routes of one host, by the port that the request names.
#[derive(Debug, Default)]
struct Ports {
    named: Vec<(u16, Paths)>,
    any: Option<Paths>,
}

impl Ports {
    fn find(&self, port: Option<u16>) -> Option<&Paths> {
        let named = port.and_then(|port| self.named.iter().find(|(named, _)| *named == port));
        named.map(|(_, paths)| paths).or(self.any.as_ref())
    }

    fn paths_mut(&mut self, port: Option<u16>) -> &mut Paths {
        let Some(port) = port else { return self.any.get_or_insert_default() };
        let at = match self.named.iter().position(|(named, _)| *named == port) {
            Some(at) => at,
            None => {
                self.named.push((port, Paths::default()));
                self.named.len() - 1
            }
        };
        &mut self.named[at].1
    }
}

/// Prefixes, the longest first. Hundreds of them are compared faster than a path is hashed segment by segment.
#[derive(Debug)]
struct Paths {
    prefixes: Vec<Prefix>,
    /// Whether each of them means itself to a lenient reader.
    plain: bool,
}

impl Default for Paths {
    fn default() -> Self {
        Self { prefixes: Vec::new(), plain: true }
    }
}

impl Paths {
    fn add(&mut self, prefix: Prefix) {
        self.plain &= prefix.raw == prefix.lenient;
        self.prefixes.push(prefix);
        self.prefixes.sort_by_key(|prefix| Reverse(prefix.raw.len())); // Stable: of equal ones the first stays first.
    }

    /// The entry with the longest prefix, in the spelling that `of` picks, that `path` lies under.
    fn longest(&self, path: &[u8], of: fn(&Prefix) -> &[u8]) -> Option<&Prefix> {
        let under = self.prefixes.iter().filter(|prefix| path::lies_under(path, of(prefix)));
        under.reduce(|best, next| if of(next).len() > of(best).len() { next } else { best })
    }

    /// Whether a lenient reader of `path` ends up at `prefix` too.
    fn agrees(&self, prefix: &Prefix, path: &str) -> bool {
        let lenient = path::lenient_reading(path);
        let found = self.longest(&lenient, Prefix::lenient);
        found.is_some_and(|found| found.lenient == prefix.lenient)
    }
}

/// A path prefix without a slash at its end, as written and as a lenient upstream reads it.
#[derive(Clone, Debug)]
struct Prefix {
    raw: Box<[u8]>,
    lenient: Box<[u8]>,
    route: usize,
}

impl Prefix {
    fn new(path: &str, route: usize) -> Self {
        let raw = path.trim_end_matches('/').as_bytes().into();
        Self { raw, lenient: path::lenient_reading(path).into(), route }
    }

    fn raw(&self) -> &[u8] {
        &self.raw
    }

    fn lenient(&self) -> &[u8] {
        &self.lenient
    }
}

/// The domains above `host`, the longest first: `a.b.c` lies in `b.c` and in `c`.
fn parents(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |name| name.split_once('.').map(|(_, parent)| parent)).skip(1)
}

#[cfg(test)]
mod tests;
