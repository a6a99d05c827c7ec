//! A path can't be written so that a lenient upstream serves it from one route's place under another route's rules.
//!
//! Input: a line with the authority, then the path.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use portcullis::config::Config;
use portcullis::net::authority::Authority;
use portcullis::proxy::route::{Route, Routes};
use portcullis_fuzz::{first_line, lenient_twin};

fuzz_target!(|bytes: &[u8]| {
    let Some((authority, path)) = first_line(bytes) else { return };
    let Ok(path) = std::str::from_utf8(path) else { return };
    let Ok(authority) = Authority::parse(authority) else { return };
    let found = routes().find(&authority, path);
    let upper = authority.as_str().to_uppercase();
    let upper = Authority::parse(&upper).expect("case makes no difference");
    assert_eq!(
        routes().find(&upper, path).map(Route::index),
        found.as_ref().map(|route| route.index()).map_err(|error| *error),
    );
    let Ok(route) = found else { return };
    assert!(path.starts_with('/'));
    assert_eq!(longest(route, path.as_bytes()), prefix(route), "raw");
    assert_eq!(longest(route, &lenient_twin(path)), prefix(route), "lenient");
});

/// The longest prefix that `path` lies under, among the routes with the same hosts.
fn longest(found: &Route, path: &[u8]) -> &'static str {
    let siblings = routes().all().iter().filter(|route| hosts(route) == hosts(found));
    let under = siblings.map(prefix).filter(|prefix| {
        let rest = path.strip_prefix(prefix.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    });
    under.max_by_key(|prefix| prefix.len()).expect("one holds the path")
}

fn hosts(route: &Route) -> &[Box<str>] {
    &route.settings().hosts
}

fn prefix(route: &Route) -> &str {
    route.settings().path.trim_end_matches('/')
}

fn routes() -> &'static Routes {
    static ROUTES: OnceLock<Routes> = OnceLock::new();
    ROUTES.get_or_init(|| {
        let config = Config::parse("fuzz.toml", CONFIG, []).expect("the config is right");
        Routes::new(config.proxy.routes)
    })
}

const CONFIG: &str = r#"
listeners.main.listen = "127.0.0.1:8080"
upstreams.app.endpoint = "127.0.0.1:9000"

[routes]
root = { path = "/", upstream = "app", organizations = ["*"] }
admin = { path = "/admin", upstream = "app", organizations = ["*"] }
public = { path = "/admin/public", upstream = "app", organizations = ["*"] }
files = { path = "/files", upstream = "app", organizations = ["*"], path_forms = ["encoded-slash", "empty-segments", "backslash", "encoded-backslash", "broken-escapes", "encoded-nul", "dot-segments"] }
private = { path = "/files/private", upstream = "app", organizations = ["*"] }
api = { hosts = ["api.example.com"], path = "/", upstream = "app", organizations = ["*"], path_forms = ["dot-segments"] }
v1 = { hosts = ["api.example.com"], path = "/v1", upstream = "app", organizations = ["*"] }
port = { hosts = ["api.example.com:8443"], path = "/v1", upstream = "app", organizations = ["*"] }
below = { hosts = ["*.example.com"], path = "/", upstream = "app", organizations = ["*"] }
v6 = { hosts = ["[2001:db8::1]"], path = "/v6", upstream = "app", organizations = ["*"] }
"#;
