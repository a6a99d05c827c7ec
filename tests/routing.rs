//! Which route a request takes, and the lists that a route names.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use portcullis::access::ListName;
use portcullis::time::Timestamp;

use crate::harness::gateway::clock_at;
use crate::harness::{Client, Gateway, Options, Upstream};

/// Answers with its own name.
fn named(name: &'static str) -> Upstream {
    Upstream::answering(move |_| Response::new(Full::from(Bytes::from_static(name.as_bytes()))))
}

/// A route `name` to an upstream of that name, open to everybody on this machine.
fn route(upstream: &Upstream, name: &str, rest: &str) -> String {
    format!(
        "[upstreams.{name}]\nendpoint = \"{}\"\n\
         [routes.{name}]\nupstream = \"{name}\"\nschemes = []\nlist = \"local\"\n{rest}\n",
        upstream.address
    )
}

const LOCAL: &str = "[lists.local]\nentries = [\"127.0.0.0/8\"]\n";

/// Who answers; none: there is no route.
fn answering(gateway: &Gateway, host: &str, path: &str) -> Option<String> {
    let answer = gateway.client().naming(host).get(path);
    match answer.status {
        200 => Some(answer.text()),
        404 => {
            assert_eq!(answer.error_code(), "RESOURCE_NOT_FOUND", "{host}{path}");
            None
        }
        other => panic!("{other} for {host}{path}"),
    }
}

#[test]
fn the_most_specific_host_is_taken_before_any_path_is_looked_at() {
    let upstreams = ["main", "exact", "port", "wild", "wilder"].map(|name| (name, named(name)));
    let hosts = [
        "hosts = [\"api.example.com\", \"[2001:db8::1]\"]",
        "hosts = [\"api.example.com:8443\"]",
        "hosts = [\"*.example.com\"]",
        "hosts = [\"*.eu.example.com\"]\npath = \"/deep\"",
    ];
    let routes: String = upstreams[1..]
        .iter()
        .zip(hosts)
        .map(|((name, upstream), hosts)| route(upstream, name, hosts))
        .collect();
    let options = Options {
        route: "schemes = []\nlist = \"local\"".into(),
        more: format!("{LOCAL}{routes}"),
        ..Options::default()
    };
    let gateway = Gateway::with(upstreams[0].1.address, options);
    for (host, path, expected) in [
        ("api.example.com", "/", Some("exact")),
        ("API.Example.COM", "/", Some("exact")),
        ("api.example.com.", "/", Some("exact")),
        ("api.example.com:80", "/", Some("exact")),
        ("api.example.com:8443", "/", Some("port")),
        ("[2001:db8::1]", "/", Some("exact")),
        ("[2001:DB8:0:0::1]:9000", "/", Some("exact")),
        ("www.example.com", "/", Some("wild")),
        ("a.b.example.com", "/", Some("wild")),
        ("a.eu.example.com", "/deep/er", Some("wilder")),
        ("a.eu.example.com", "/", None), // No falling through to a host that is less specific.
        ("eu.example.com", "/", Some("wild")),
        ("example.com", "/", Some("main")),
        ("myexample.com", "/", Some("main")),
        ("api.example.org", "/", Some("main")),
        ("127.0.0.1", "/", Some("main")),
    ] {
        assert_eq!(answering(&gateway, host, path).as_deref(), expected, "{host}{path}");
    }
}

#[test]
fn the_longest_path_in_whole_segments_is_taken() {
    let upstreams = ["main", "api", "v2", "items"].map(|name| (name, named(name)));
    let paths = ["/api", "/api/v2", "/api/v2/items"];
    let routes: String = upstreams[1..]
        .iter()
        .zip(paths)
        .map(|((name, upstream), path)| route(upstream, name, &format!("path = \"{path}\"")))
        .collect();
    let options = Options {
        route: "schemes = []\nlist = \"local\"".into(),
        more: format!("{LOCAL}{routes}"),
        ..Options::default()
    };
    let gateway = Gateway::with(upstreams[0].1.address, options);
    for (path, expected) in [
        ("/", "main"),
        ("/apix", "main"),
        ("/API", "main"),
        ("/x/api", "main"),
        ("/?/api", "main"),
        ("/api", "api"),
        ("/api?x=/v2", "api"),
        ("/api/", "api"),
        ("/api/v1/v2", "api"),
        ("/api/v20", "api"),
        ("/api/v2", "v2"),
        ("/api/v2/item", "v2"),
        ("/api/v2/items", "items"),
        ("/api/v2/items/7", "items"),
    ] {
        assert_eq!(answering(&gateway, "a.example", path).as_deref(), Some(expected), "{path}");
    }
}

#[test]
fn a_path_that_an_upstream_could_take_for_another_route_s_is_refused() {
    let (main, admin) = (named("main"), named("admin"));
    let options = Options {
        route: "schemes = []\nlist = \"local\"".into(),
        more: format!("{LOCAL}{}", route(&admin, "admin", "path = \"/admin\"")),
        ..Options::default()
    };
    let gateway = Gateway::with(main.address, options);
    for path in ["/%61dmin", "/admi%6E/x", "/admin;x=1/y", "/admin%3bx"] {
        let answer = gateway.client().get(path);
        // Neither what is behind `/admin` by the rules of `/`, nor a guess.
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (400, "INVALID_REQUEST_TARGET"),
            "{path}"
        );
    }
    assert!(main.all().is_empty() && admin.all().is_empty());
    assert_eq!(gateway.client().get("/%78").text(), "main");
}

/// Range and count of each entry of a named list.
fn named_counts(gateway: &Gateway, name: &str) -> Vec<(String, u64)> {
    let snapshot = gateway.control().snapshot();
    let list = snapshot.lists.find_named(&ListName::from(name)).unwrap();
    list.entries().iter().map(|entry| (entry.prefix.to_string(), entry.usage.count())).collect()
}

/// Range and count of each entry of the owner's list, without the calls that ask for it.
fn own_counts(gateway: &Gateway) -> Vec<(String, u64)> {
    let snapshot = gateway.control().snapshot();
    let mut entries = snapshot.lists.credential_entries();
    let count = |entry: &std::sync::Arc<portcullis::access::Entry>| {
        (entry.prefix.to_string(), entry.usage.count())
    };
    entries.by_ref().map(count).collect()
}

#[test]
fn a_route_with_a_credential_and_a_list_counts_one_entry_of_each() {
    let upstream = Upstream::echo();
    let options = Options {
        route: "organizations = [\"*\"]\nlist = \"office\"".into(),
        more: "[lists.office]\nentries = [\"127.0.0.0/8\", \"127.0.0.0/31\"]".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(upstream.address, options);
    for _ in 0..3 {
        assert_eq!(gateway.get_from("127.0.0.1", "/").status, 200);
    }
    let office = |wide: u64, narrow: u64| {
        [("127.0.0.0/8".to_owned(), wide), ("127.0.0.0/31".to_owned(), narrow)]
    };
    assert_eq!(own_counts(&gateway), [("127.0.0.1/32".to_owned(), 3)]);
    assert_eq!(named_counts(&gateway, "office"), office(0, 3));
    assert_eq!(
        upstream.next().header("x-portcullis-entry").as_deref(),
        Some("127.0.0.1/32"),
        "the credential's entry is told"
    );
    // On the named list, not on the credential's: refused, and neither counts.
    let refused = gateway.get_from("127.0.0.2", "/");
    assert_eq!(refused.error_code(), "IP_ADDRESS_NOT_ON_ACCESS_LIST");
    assert_eq!(own_counts(&gateway), [("127.0.0.1/32".to_owned(), 3)]);
    assert_eq!(named_counts(&gateway, "office"), office(0, 3));
}

#[test]
fn a_route_s_list_refuses_what_the_credential_s_own_list_admits() {
    let upstream = Upstream::echo();
    let options = Options {
        route: "organizations = [\"*\"]\nlist = \"office\"".into(),
        more: "[lists.office]\nentries = [\"192.0.2.0/24\"]".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(upstream.address, options);
    let answer = gateway.get_from("127.0.0.1", "/");
    assert_eq!(
        (answer.status, answer.error_code().as_str()),
        (403, "IP_ADDRESS_NOT_ON_ACCESS_LIST")
    );
    assert_eq!(own_counts(&gateway), [("127.0.0.1/32".to_owned(), 0)], "and nothing is counted");
    assert!(gateway.metrics().contains(
        "portcullis_access_decisions_total{decision=\"refused\",reason=\"not_on_named_list\",route=\"main\"} 1"
    ));
    assert!(upstream.all().is_empty());
}

#[test]
fn a_route_without_authentication_goes_by_its_list_alone() {
    let upstream = Upstream::echo();
    let options = Options {
        route: "schemes = []\nlist = \"office\"".into(),
        more: "[lists.office]\nentries = [\"127.0.0.2\", \"127.0.1.0/24\"]".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(upstream.address, options);
    let status =
        |from: &str| Client::connect_from(from.parse().unwrap(), gateway.proxy()).get("/").status;
    for (from, expected) in
        [("127.0.0.2", 200), ("127.0.1.9", 200), ("127.0.0.1", 403), ("127.0.2.1", 403)]
    {
        assert_eq!(status(from), expected, "{from}");
    }
    // The owner's credential opens nothing here.
    let line = "Authorization: Digest username=\"x\"";
    assert_eq!(gateway.client().request("GET", "/", &[line], b"").status, 403);
    assert_eq!(
        named_counts(&gateway, "office"),
        [("127.0.0.2/32".to_owned(), 1), ("127.0.1.0/24".to_owned(), 1)]
    );
    for seen in upstream.all() {
        assert_eq!(seen.header("x-portcullis-org"), None);
        assert_eq!(seen.header("x-portcullis-principal"), None);
    }
}

#[test]
fn an_empty_list_admits_nobody() {
    let options = Options {
        route: "schemes = []\nlist = \"nobody\"".into(),
        more: "[lists.nobody]\nentries = []".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(Upstream::echo().address, options);
    assert_eq!(gateway.client().get("/").status, 403);
}

#[test]
fn an_entry_of_a_named_list_admits_up_to_the_instant_of_its_expiry() {
    let expiry = Timestamp::parse_rfc3339("2030-01-01T00:00:00Z").unwrap().as_millis();
    let clock = clock_at(expiry - 1);
    let options = Options {
        route: "schemes = []\nlist = \"office\"".into(),
        more: "[lists.office]\nentries = [\n\
               \"127.0.0.0/31\",\n\
               { prefix = \"127.0.0.0/8\", expires = 2030-01-01T00:00:01Z },\n\
               { prefix = \"127.0.0.1\", expires = 2030-01-01T00:00:00Z },\n\
               ]"
        .into(),
        clock: Some(clock.clone()),
        ..Options::default()
    };
    let gateway = Gateway::with(Upstream::echo().address, options);
    let status =
        |from: &str| Client::connect_from(from.parse().unwrap(), gateway.proxy()).get("/").status;
    let counts = || named_counts(&gateway, "office").into_iter().map(|(_, count)| count);
    assert_eq!((status("127.0.0.1"), status("127.9.9.9")), (200, 200));
    assert!(counts().eq([0, 1, 1]));
    clock.set(Timestamp::from_millis(expiry));
    assert_eq!((status("127.0.0.1"), status("127.9.9.9")), (200, 200));
    assert!(
        counts().eq([1, 2, 1]),
        "the wider entry serves where the narrow one is no longer live"
    );
    clock.set(Timestamp::from_millis(expiry + 1000));
    assert_eq!((status("127.0.0.1"), status("127.9.9.9")), (200, 403));
    assert!(counts().eq([2, 2, 1]));
}

#[test]
fn a_list_s_counts_survive_a_restart() {
    let options = Options {
        route: "schemes = []\nlist = \"office\"".into(),
        more: "[lists.office]\nentries = [\"127.0.0.0/8\"]".into(),
        ..Options::default()
    };
    let mut gateway = Gateway::with(Upstream::echo().address, options);
    for total in [2, 4] {
        assert_eq!(
            (gateway.client().get("/").status, gateway.client().get("/").status),
            (200, 200)
        );
        gateway.restart();
        assert_eq!(named_counts(&gateway, "office"), [("127.0.0.0/8".to_owned(), total)]);
    }
}
