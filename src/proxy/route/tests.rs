use std::sync::Arc;

use percent_encoding::percent_decode_str;
use proptest::prelude::*;

use super::*;
use crate::id::{CredentialId, ObjectId};
use crate::identity::Roles;

fn route(name: &str, hosts: &[&str], path: &str) -> RouteSettings {
    RouteSettings {
        name: name.into(),
        hosts: hosts.iter().map(|host| (*host).into()).collect(),
        path: path.into(),
        upstream: UpstreamName(Arc::from("upstream")),
        schemes: vec![SchemeKind::Digest],
        organizations: Organizations::Any,
        roles: Vec::new(),
        list: None,
        upgrades: Vec::new(),
        path_forms: Vec::new(),
    }
}

fn found(routes: &Routes, authority: &str, path: &str) -> Result<String, TargetError> {
    let authority = Authority::parse(authority)?;
    routes.find(&authority, path).map(|route| route.name().to_owned())
}

#[test]
fn the_most_specific_host_is_chosen_before_any_path() {
    let routes = Routes::new(vec![
        route("any", &[], "/"),
        route("any deep", &[], "/a/b/c"),
        route("exact", &["example.com"], "/"),
        route("port", &["example.com:8443"], "/a"),
        route("wide", &["*.example.com"], "/"),
        route("wider", &["*.com"], "/"),
        route("wide port", &["*.example.com:81"], "/"),
        route("narrow", &["*.b.example.com", "b.example.com"], "/a"),
        route("v6", &["[2001:db8::1]"], "/"),
        route("dotted", &["Dotted.example.org."], "/"),
    ]);
    for (authority, path, expected) in [
        ("example.com", "/a/b/c", Some("exact")),
        ("EXAMPLE.com", "/", Some("exact")),
        ("example.com.", "/", Some("exact")),
        ("example.com:80", "/", Some("exact")),
        ("example.com:8443", "/a", Some("port")),
        ("example.com:8443", "/b", None),
        ("a.example.com", "/", Some("wide")),
        ("A.Example.Com.", "/", Some("wide")),
        ("x.y.example.com", "/", Some("wide")),
        ("a.example.com:81", "/", Some("wide port")),
        ("a.example.com:82", "/", Some("wide")),
        ("a.b.example.com", "/a", Some("narrow")),
        ("b.example.com", "/a/b", Some("narrow")),
        ("a.b.example.com", "/", None),
        ("b.example.com", "/", None),
        ("notexample.com", "/", Some("wider")),
        ("com", "/", Some("any")),
        ("example.org", "/a/b/c/d", Some("any deep")),
        ("dotted.example.org", "/", Some("dotted")),
        ("[2001:0db8:0::1]:80", "/", Some("v6")),
        ("[2001:db8::2]", "/", Some("any")),
        ("127.0.0.1:8080", "/", Some("any")),
    ] {
        let expected = expected.map(str::to_owned).ok_or(TargetError::NoRoute);
        assert_eq!(found(&routes, authority, path), expected, "{authority}{path}");
    }
}

#[test]
fn the_longest_prefix_in_whole_segments_wins() {
    let routes = Routes::new(vec![
        route("public", &[], "/public"),
        route("deep", &[], "/public/deep/"),
        route("shadowed", &[], "/public/"),
        route("escaped", &[], "/caf%C3%A9"),
    ]);
    for (path, expected) in [
        ("/public", Some("public")),
        ("/public/", Some("public")),
        ("/public/x", Some("public")),
        ("/public/deep", Some("deep")),
        ("/public/deep/x", Some("deep")),
        ("/public/deeper", Some("public")),
        ("/caf%C3%A9/x", Some("escaped")),
        ("/caf%c3%a9", None),
        ("/publicity", None),
        ("/public.html", None),
        ("/Public", None),
        ("/publi", None),
        ("/", None),
    ] {
        let expected = expected.map(str::to_owned).ok_or(TargetError::NoRoute);
        assert_eq!(found(&routes, "a", path), expected, "{path}");
    }
}

#[test]
fn without_routes_nothing_is_found() {
    assert_eq!(found(&Routes::new(Vec::new()), "a", "/"), Err(TargetError::NoRoute));
}

#[test]
fn a_host_that_can_not_be_read_does_not_open_a_route_to_every_host() {
    let routes = Routes::new(vec![route("bad", &["*", "a b", "*.[::1]"], "/")]);
    assert_eq!(found(&routes, "a", "/"), Err(TargetError::NoRoute));
}

#[test]
fn a_path_is_checked_against_the_forms_of_the_route_it_found() {
    let mut lax = route("lax", &[], "/lax");
    lax.path_forms = vec![PathForm::EncodedSlash, PathForm::DotSegments];
    let routes = Routes::new(vec![lax, route("strict", &[], "/strict")]);
    let form = |form| Err(TargetError::Path(PathError::Form(form)));
    for (path, expected) in [
        ("/lax/198.51.100.0%2F24", Ok("lax")),
        ("/lax/a/../b", Ok("lax")),
        ("/lax/a//b", form(PathForm::EmptySegments)),
        ("/strict/198.51.100.0%2F24", form(PathForm::EncodedSlash)),
        ("/strict/../lax", form(PathForm::DotSegments)),
        ("/strict/..;/lax", form(PathForm::DotSegments)),
        ("/strict/%2e%2e", form(PathForm::DotSegments)),
        ("/elsewhere/%2e%2e/strict", Err(TargetError::NoRoute)),
        ("//strict", Err(TargetError::NoRoute)),
        ("*", Err(TargetError::Path(PathError::NotAbsolute))),
        ("", Err(TargetError::Path(PathError::NotAbsolute))),
    ] {
        assert_eq!(found(&routes, "a", path), expected.map(str::to_owned), "{path}");
    }
}

#[test]
fn no_spelling_of_a_path_dodges_its_route() {
    let mut open = route("open", &[], "/");
    open.path_forms = PathForm::ALL.to_vec();
    let mut public = route("public", &[], "/public");
    public.path_forms = PathForm::ALL.to_vec();
    let routes = Routes::new(vec![
        open,
        public,
        route("admin", &[], "/admin"),
        route("escaped", &[], "/caf%C3%A9"),
    ]);
    let ambiguous = Err(TargetError::Path(PathError::Ambiguous));
    for (path, expected) in [
        ("/%61dmin", ambiguous),
        ("/%61dmin/x", ambiguous),
        ("/admin;x/y", ambiguous),
        ("/admin%3bx", ambiguous),
        ("/admin%2fx", ambiguous),
        ("//admin", ambiguous),
        ("/x/../admin", ambiguous),
        ("/x/..;/admin", ambiguous),
        ("/\\admin", ambiguous),
        ("/admin\\x", ambiguous),
        ("/%2e/admin", ambiguous),
        ("/admin%00x", ambiguous),
        ("/public/../admin", ambiguous),
        ("/public/..%2fadmin", ambiguous),
        ("/public/../x", ambiguous),
        ("/x/../public", ambiguous),
        ("/public/a/../b", Ok("public")),
        ("/public/%61", Ok("public")),
        ("/public/..;/public/a", Ok("public")),
        ("/%20admin", Ok("open")),
        ("/administration;x", Ok("open")),
        ("/%41dmin", Ok("open")),
        ("/admin/%61", Ok("admin")),
        ("/caf%C3%A9", Ok("escaped")),
        ("/caf%c3%a9", ambiguous),
        ("/caf\u{e9}/x", ambiguous),
    ] {
        assert_eq!(found(&routes, "a", path), expected.map(str::to_owned), "{path}");
    }
}

#[test]
fn dots_that_are_let_through_still_do_not_lead_out_of_the_only_route() {
    let mut public = route("public", &[], "/public");
    public.path_forms = vec![PathForm::DotSegments];
    let routes = Routes::new(vec![public]);
    assert_eq!(found(&routes, "a", "/public/a/.."), Ok("public".to_owned()));
    assert_eq!(
        found(&routes, "a", "/public/../secret"),
        Err(TargetError::Path(PathError::Ambiguous))
    );
}

#[test]
fn a_route_serves_its_organizations_and_roles_only() {
    let org = |n| OrgId(ObjectId::from_bytes([n; 12]));
    let principal = |n, role| Principal {
        scheme: SchemeKind::Digest,
        credential: CredentialId(ObjectId::from_bytes([9; 12])),
        org: org(n),
        roles: Roles::from_iter([role]),
        token: None,
    };
    let mut some = route("some", &[], "/");
    some.organizations = Organizations::Only(vec![org(3), org(1)]);
    some.roles = vec![Role::ReadOnly, Role::BillingAdmin];
    let routes = Routes::new(vec![some, route("all", &[], "/all")]);
    let (some, all) = (routes.get(0).unwrap(), routes.get(1).unwrap());
    for (principal, expected) in [
        (principal(1, Role::ReadOnly), Ok(())),
        (principal(3, Role::BillingAdmin), Ok(())),
        (principal(3, Role::Owner), Ok(())),
        (principal(3, Role::Member), Err(NotServed::Role)),
        (principal(2, Role::Owner), Err(NotServed::Organization)),
    ] {
        assert_eq!(some.check_principal(&principal), expected, "{principal:?}");
        assert_eq!(all.check_principal(&principal), Ok(()));
    }
}

/// How specific a pattern is that serves this host and port.
fn rank(pattern: &str, host: &str, port: Option<u16>) -> Option<(bool, usize, bool)> {
    let (name, wanted_port) = match pattern.split_once(':') {
        Some((name, port)) => (name, Some(port.parse::<u16>().unwrap())),
        None => (pattern, None),
    };
    let served = match name.strip_prefix("*.") {
        Some(domain) => host.len() > domain.len() + 1 && host.ends_with(&format!(".{domain}")),
        None => host == name,
    };
    let port_served = wanted_port.is_none() || wanted_port == port;
    (served && port_served).then_some((!name.starts_with('*'), name.len(), wanted_port.is_some()))
}

/// The slow twin: every route is asked, and the best answer is sorted out afterwards.
fn linear(
    routes: &[RouteSettings],
    host: &str,
    port: Option<u16>,
    path: &str,
) -> Result<usize, &'static str> {
    let any_host = Some((false, 0, false));
    let ranks = |route: &RouteSettings| match route.hosts.as_slice() {
        [] => vec![any_host],
        hosts => hosts.iter().map(|pattern| rank(pattern, host, port)).collect(),
    };
    let best = routes.iter().flat_map(ranks).max().flatten().ok_or("no route")?;
    let chosen: Vec<usize> =
        (0..routes.len()).filter(|at| ranks(&routes[*at]).contains(&Some(best))).collect();
    let deepest = |path: &[String], read: fn(&str) -> Vec<String>| {
        let under = chosen.iter().filter(|at| path.starts_with(&read(&routes[**at].path)));
        under.copied().max_by_key(|at| (read(&routes[*at].path).len(), Reverse(*at)))
    };
    let segments = |path: &str| path.split('/').skip(1).map(str::to_owned).collect::<Vec<_>>();
    let found = deepest(&segments(path), |path| {
        path.trim_end_matches('/').split('/').skip(1).map(str::to_owned).collect()
    });
    let found = found.ok_or("no route")?;
    let allowed = routes[found].path_forms.iter().copied().collect();
    path::check(path, allowed).map_err(|_| "path")?;
    let lenient = deepest(&resolved(path), resolved).ok_or("path")?;
    let agree = resolved(&routes[lenient].path) == resolved(&routes[found].path);
    if agree { Ok(found) } else { Err("path") }
}

fn resolved(path: &str) -> Vec<String> {
    let decoded = percent_decode_str(path).decode_utf8_lossy().replace('\\', "/");
    let mut out = Vec::new();
    for segment in decoded.split('/') {
        match segment.split([';', '\0']).next().unwrap() {
            "" | "." => {}
            ".." => drop(out.pop()),
            name => out.push(name.to_owned()),
        }
    }
    out
}

fn any_route() -> impl Strategy<Value = RouteSettings> {
    let hosts = prop::collection::vec(
        prop::sample::select(vec!["a.x", "a.x:81", "*.x", "*.a.x", "*.x:81", "b"]),
        0..3,
    );
    let path = prop::collection::vec(prop::sample::select(vec!["/p", "/q", "/%70"]), 0..3);
    let forms = prop::collection::vec(prop::sample::select(PathForm::ALL.to_vec()), 0..4);
    (hosts, path, forms).prop_map(|(hosts, path, forms)| {
        let path = if path.is_empty() { "/".to_owned() } else { path.concat() };
        RouteSettings { path_forms: forms, ..route("r", &hosts, &path) }
    })
}

proptest! {
    #[test]
    fn finding_equals_asking_every_route(
        routes in prop::collection::vec(any_route(), 0..8),
        host in prop::sample::select(vec!["a.x", "b.a.x", "c.x", "b", "x"]),
        port in prop::sample::select(vec![None, Some(81), Some(82)]),
        path in prop::collection::vec(prop::sample::select(vec!["/p", "/q", "/%70", "/", "/..", "/.", "\\", "%2f", ";s", "%00", "%", "z"]), 0..6),
    ) {
        let path = format!("/{}", path.concat().trim_start_matches('/'));
        let authority = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let tables = Routes::new(routes.clone());
        let found = tables.find(&Authority::parse(&authority).unwrap(), &path);
        let found = found.map(Route::index).map_err(|error| match error {
            TargetError::NoRoute => "no route",
            _ => "path",
        });
        prop_assert_eq!(found, linear(&routes, host, port, &path), "{}{}", authority, path);
    }

    #[test]
    fn no_path_makes_it_panic(path in "\\PC{0,60}") {
        let routes = Routes::new(vec![route("all", &[], "/"), route("a", &[], "/a")]);
        let _ = found(&routes, "a", &path);
    }
}
