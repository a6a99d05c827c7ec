//! `[routes.NAME]`: the one section whose keys depend on each other.
//!
//! A route is closed unless it says whom it serves: with schemes it names its organizations, without any it names a
//! list. What could not have an effect is refused, since its author expects one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::expected::Expected;
use super::place::{route_host, route_path, upgrade};
use super::reader::{Field, Reported, Section};
use super::tree::Node;
use super::value::{a_name_of, choices, name_of};
use crate::access::ListName;
use crate::id::OrgId;
use crate::identity::{Role, SchemeKind};
use crate::proxy::route::{Organizations, PathForm, RouteSettings};
use crate::proxy::upstream::UpstreamName;

/// What routes refer to, and what those read so far have taken.
pub(super) struct Routes<'a> {
    upstreams: Vec<&'a str>,
    lists: Vec<&'a str>,
    taken: HashMap<(Box<str>, Box<str>), String>,
}

impl<'a> Routes<'a> {
    /// Routes that may name these upstreams and lists.
    pub(super) fn new(upstreams: Vec<&'a str>, lists: Vec<&'a str>) -> Self {
        Self { upstreams, lists, taken: HashMap::new() }
    }

    /// `[routes.NAME]`
    pub(super) fn route(
        &mut self,
        name: &str,
        section: &mut Section<'_>,
    ) -> Result<RouteSettings, Reported> {
        let place = self.place(name, section);
        let upstream_name = name_of("an upstream", &self.upstreams);
        let upstream =
            section.required("upstream", a_name_of("an upstream", &self.upstreams), upstream_name);
        let list = section.optional("list", name_of("a list", &self.lists));
        let schemes = schemes(section);
        let audience = audience(section, schemes.as_deref(), list.as_ref());
        let upgrades = upgrades(section);
        let path_forms = path_forms(section);
        let (hosts, path) = place?;
        let (organizations, roles) = audience?;
        Ok(RouteSettings {
            name: name.into(),
            hosts,
            path,
            upstream: UpstreamName(upstream?.into()),
            schemes: schemes?,
            organizations,
            roles,
            list: list?.map(|name| ListName::from(name.as_str())),
            upgrades: upgrades?,
            path_forms: path_forms?,
        })
    }

    /// The hosts and the path, which no other route has.
    fn place(
        &mut self,
        name: &str,
        section: &mut Section<'_>,
    ) -> Result<(Vec<Box<str>>, Box<str>), Reported> {
        let hosts = hosts(section);
        let path_field = section.take("path");
        let path = path_field.as_ref().map_or(Ok("/".into()), |field| field.read(route_path));
        let (hosts, path) = (hosts?, path?);
        if hosts.is_empty()
            && let Some(other) = self.take("".into(), path.clone(), name)
        {
            let words =
                format!("a host or a path of its own; `{other}` serves every host on `{path}`");
            return Err(match path_field {
                Some(field) => field.refuse(words),
                None => section.miss("path", words),
            });
        }
        let distinct = hosts.into_iter().map(|(host, field)| {
            match self.take(host.clone(), path.clone(), name) {
                None => Ok(host),
                Some(other) => Err(field.refuse(format!(
                    "a host that `{other}` does not serve on the same path, `{path}`"
                ))),
            }
        });
        let distinct: Vec<_> = distinct.collect();
        Ok((distinct.into_iter().collect::<Result<_, _>>()?, path))
    }

    /// Takes a host and a path for a route, unless another has them: then that one's key.
    fn take(&mut self, host: Box<str>, path: Box<str>, name: &str) -> Option<String> {
        match self.taken.entry((host, path)) {
            Entry::Occupied(taken) => Some(taken.get().clone()),
            Entry::Vacant(free) => {
                free.insert(format!("routes.{name}"));
                None
            }
        }
    }
}

/// The hosts, each with its place; none where the route serves every host.
fn hosts<'a>(section: &mut Section<'a>) -> Result<Vec<(Box<str>, Field<'a>)>, Reported> {
    let Some(field) = section.take("hosts") else { return Ok(Vec::new()) };
    match field.each_once(HOSTS, |host| host.read(route_host), Box::clone) {
        // Who empties the list hardly means every host.
        Ok(hosts) if hosts.is_empty() => Err(field.refuse(HOSTS)),
        hosts => hosts,
    }
}

fn schemes(section: &mut Section<'_>) -> Result<Vec<SchemeKind>, Reported> {
    let Some(field) = section.take("schemes") else { return Ok(SchemeKind::DEFAULT.into()) };
    choices(
        &field,
        "a list of schemes, as in `[\"digest\", \"bearer\"]`, or `[]` for none",
        SCHEME_NAMES,
    )
}

/// Whom the route serves: organizations and roles where it authenticates, and else a list.
fn audience(
    section: &mut Section<'_>,
    schemes: Result<&[SchemeKind], &Reported>,
    list: Result<&Option<String>, &Reported>,
) -> Result<(Organizations, Vec<Role>), Reported> {
    let organizations_field = section.take("organizations");
    let roles_field = section.take("roles");
    let organizations = organizations_field.as_ref().map(organizations).transpose();
    let roles = roles_field.as_ref().map_or(Ok(Vec::new()), roles);
    if !schemes.map_err(|reported| *reported)?.is_empty() {
        let organizations = organizations?;
        let organizations =
            organizations.ok_or_else(|| section.miss("organizations", ORGANIZATIONS));
        return Ok((organizations?, roles?));
    }
    // What is no organization or role at all has been told.
    let organizations_field = organizations_field.filter(|_| organizations.is_ok());
    let roles_field = roles_field.filter(|_| roles.as_ref().is_ok_and(|roles| !roles.is_empty()));
    let unused = [organizations_field, roles_field];
    let refused: Vec<_> =
        unused.iter().flatten().map(|field| field.refuse(UNAUTHENTICATED)).collect();
    if let Ok(None) = list {
        return Err(section.miss(
            "list",
            "the name of a list: without schemes, addresses are all a route can go by",
        ));
    }
    match refused.first() {
        Some(reported) => Err(*reported),
        // Nobody's: there is no principal, and if one were asked for, it would be refused.
        None => organizations.and(roles).map(|roles| (Organizations::Only(Vec::new()), roles)),
    }
}

fn organizations(field: &Field<'_>) -> Result<Organizations, Reported> {
    let names = field.each_once(ORGANIZATIONS, |name| name.read(organization), |id| *id)?;
    let ids: Option<Vec<_>> = names.iter().map(|(name, _)| *name).collect();
    match (ids, names.len()) {
        (None, 1) => Ok(Organizations::Any),
        (None, _) | (_, 0) => Err(field.refuse(ORGANIZATIONS)),
        (Some(ids), _) => Ok(Organizations::Only(ids)),
    }
}

/// The id of an organization, or none for `*`.
fn organization(node: &Node) -> Result<Option<OrgId>, Expected> {
    match node.as_str() {
        Some("*") => Ok(None),
        text => text.and_then(|text| text.parse().ok()).map(Some).ok_or_else(|| {
            "the id of an organization, 24 lower-case hexadecimal digits, or `*` alone".into()
        }),
    }
}

fn roles(field: &Field<'_>) -> Result<Vec<Role>, Reported> {
    choices(field, "a list of roles, as in `[\"ORG_READ_ONLY\"]`", ROLE_NAMES)
}

fn upgrades(section: &mut Section<'_>) -> Result<Vec<Box<str>>, Reported> {
    let Some(field) = section.take("upgrades") else { return Ok(vec!["websocket".into()]) };
    let expected = "a list of protocols, as in `[\"websocket\"]`";
    let upgrades = field.each_once(expected, |name| name.read(upgrade), Box::clone)?;
    Ok(upgrades.into_iter().map(|(upgrade, _)| upgrade).collect())
}

fn path_forms(section: &mut Section<'_>) -> Result<Vec<PathForm>, Reported> {
    let Some(field) = section.take("path_forms") else { return Ok(Vec::new()) };
    choices(&field, "a list of path forms, as in `[\"encoded-slash\"]`", PATH_FORMS)
}

const HOSTS: &str = "a list of at least one host, as in `[\"api.example.com\", \"*.example.org\"]`";

const ORGANIZATIONS: &str =
    "a list of at least one organization's id, or `[\"*\"]` for every organization";

const UNAUTHENTICATED: &str =
    "nothing: without `schemes`, a route knows no organization and no role";

const SCHEME_NAMES: &[(&str, SchemeKind)] = &[
    ("digest", SchemeKind::Digest),
    ("bearer", SchemeKind::Bearer),
    ("client_cert", SchemeKind::ClientCert),
];

const ROLE_NAMES: &[(&str, Role)] = &{
    let mut names = [("", Role::Owner); Role::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = (Role::ALL[at].as_str(), Role::ALL[at]);
        at += 1;
    }
    names
};

const PATH_FORMS: &[(&str, PathForm)] = &[
    ("dot-segments", PathForm::DotSegments),
    ("empty-segments", PathForm::EmptySegments),
    ("backslash", PathForm::Backslash),
    ("encoded-slash", PathForm::EncodedSlash),
    ("encoded-backslash", PathForm::EncodedBackslash),
    ("encoded-nul", PathForm::EncodedNul),
    ("broken-escapes", PathForm::BrokenEscapes),
];
