//! Authority and path to the route that says what a request needs and where it goes.

use crate::access::ListName;
use crate::id::OrgId;
use crate::identity::{Role, SchemeKind};
use crate::proxy::upstream::UpstreamName;

/// A route as configured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteSettings {
    /// Its name in metrics and logs.
    pub name: Box<str>,
    /// The authorities it serves, in lower case, each `host`, `host:port` or `*.domain`; none means any.
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

/// A form of path that is refused unless a route lets it through by this name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PathForm {
    /// `dot-segments`: `.` or `..`, plain, encoded, or with parameters after `;`.
    DotSegments,
    /// `empty-segments`: `//` inside the path.
    EmptySegments,
    /// `backslash`: `\` as such.
    Backslash,
    /// `encoded-slash`: `%2f`.
    EncodedSlash,
    /// `encoded-backslash`: `%5c`.
    EncodedBackslash,
    /// `encoded-nul`: `%00`.
    EncodedNul,
    /// `broken-escapes`: `%` without two hexadecimal digits after it.
    BrokenEscapes,
}
