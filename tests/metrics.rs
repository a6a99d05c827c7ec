//! What the gateway tells its operator: metrics, health and the access log, and what none of them ever says.

use std::io::{Read, Write};

use portcullis::identity::Role;
use serde_json::{Value, json};

use crate::harness::client::Credential;
use crate::harness::gateway::clock_at;
use crate::harness::upstream::RawUpstream;
use crate::harness::{Client, Gateway, Options, Upstream};

/// 2026-07-25T17:20:00.987Z.
const NOON: i64 = 1_785_000_000_987;

/// One route for one host; requests that name another have none.
fn one_host() -> Options {
    Options {
        route:
            "organizations = [\"*\"]\nroles = [\"ORG_READ_ONLY\"]\nhosts = [\"api.example.com\"]"
                .into(),
        ..Options::default()
    }
}

fn client(gateway: &Gateway, from: &str) -> Client {
    Client::connect_from(from.parse().unwrap(), gateway.proxy()).naming("api.example.com")
}

/// One request of each kind of outcome.
fn send_known_traffic(gateway: &Gateway) {
    let (_, member) = gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    let (_, empty) = gateway.new_key(&[Role::Owner], &[]);
    let wrong = Credential { private_key: "wrong".into(), ..gateway.owner.clone() };
    let here = || client(gateway, "127.0.0.1");
    let digest = |mut client: Client, key: &Credential, method: &str, path: &str| {
        client.digest(key, method, path, &[], b"").status
    };
    let owner = &gateway.owner;
    assert_eq!(digest(here(), owner, "GET", "/"), 200);
    assert_eq!(digest(here(), owner, "POST", "/"), 200);
    assert_eq!(digest(here(), owner, "BREW", "/"), 200);
    assert_eq!(digest(client(gateway, "127.0.0.2"), owner, "GET", "/"), 403);
    assert_eq!(digest(here(), &member, "GET", "/"), 403);
    assert_eq!(digest(here(), &empty, "GET", "/"), 403);
    assert_eq!(digest(here(), &wrong, "GET", "/"), 401);
    assert_eq!(here().get("/a//b").status, 400);
    assert_eq!(here().request("TRACE", "/", &[], b"").status, 405);
    assert_eq!(here().naming("other.example").get("/").status, 404);
}

/// The samples of a family that are not zero, without the family's name.
fn samples(scrape: &str, family: &str) -> Vec<String> {
    let lines = scrape.lines().filter_map(|line| line.strip_prefix(family));
    lines.filter(|line| line.starts_with('{') && !line.ends_with(" 0")).map(str::to_owned).collect()
}

#[test]
fn known_traffic_shows_under_known_names_and_labels() {
    let gateway = Gateway::with(Upstream::echo().address, one_host());
    send_known_traffic(&gateway);
    let scrape = gateway.metrics();
    insta::assert_snapshot!(samples(&scrape, "portcullis_requests_total").join("\n"), @r#"
        {code="200",method="GET",route="main"} 1
        {code="200",method="POST",route="main"} 1
        {code="200",method="other",route="main"} 1
        {code="400",method="GET",route="none"} 1
        {code="401",method="GET",route="main"} 6
        {code="401",method="POST",route="main"} 1
        {code="401",method="other",route="main"} 1
        {code="403",method="GET",route="main"} 3
        {code="404",method="GET",route="none"} 1
        {code="405",method="other",route="none"} 1
    "#);
    insta::assert_snapshot!(samples(&scrape, "portcullis_access_decisions_total").join("\n"), @r#"
        {decision="admitted",reason="none",route="main"} 3
        {decision="refused",reason="credential_missing",route="main"} 7
        {decision="refused",reason="credential_refused",route="main"} 1
        {decision="refused",reason="list_required",route="main"} 1
        {decision="refused",reason="malformed",route="none"} 1
        {decision="refused",reason="method",route="none"} 1
        {decision="refused",reason="no_route",route="none"} 1
        {decision="refused",reason="not_listed",route="main"} 1
        {decision="refused",reason="role",route="main"} 1
    "#);
    insta::assert_snapshot!(samples(&scrape, "portcullis_auth_total").join("\n"), @r#"
        {outcome="not_presented",scheme="digest"} 7
        {outcome="verified",scheme="digest"} 6
        {outcome="wrong_response",scheme="digest"} 1
    "#);
    insta::assert_snapshot!(samples(&scrape, "portcullis_access_list_entries").join("\n"), @r#"{kind="credential"} 2"#);
    let types = scrape.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let types: Vec<_> = types.filter(|line| !line.starts_with("process_")).collect();
    insta::assert_snapshot!(types.join("\n"), @r"
        portcullis_accept_errors_total counter
        portcullis_access_decisions_total counter
        portcullis_access_list_entries gauge
        portcullis_access_log_dropped_total counter
        portcullis_admin_rate_limited_total counter
        portcullis_auth_total counter
        portcullis_build_info gauge
        portcullis_connections gauge
        portcullis_connections_accepted_total counter
        portcullis_connections_closed_total counter
        portcullis_publish_duration_seconds histogram
        portcullis_request_duration_seconds histogram
        portcullis_requests_in_flight gauge
        portcullis_requests_total counter
        portcullis_snapshot_revision gauge
        portcullis_upstream_connections gauge
        portcullis_upstream_connects_total counter
        portcullis_upstream_failures_total counter
        portcullis_upstream_requests_in_flight gauge
        portcullis_upstream_response_head_seconds histogram
        portcullis_usage_flush_failures_total counter
        portcullis_usage_unflushed gauge
    ");
}

#[test]
fn nothing_that_a_client_writes_becomes_a_label() {
    let gateway = Gateway::start(Upstream::echo().address);
    let ask = |number: u32| {
        let host = format!("host-{number}.example");
        let client = || gateway.client().naming(&host);
        let stranger = Credential {
            public_key: format!("strange{}", char::from(b'a' + (number % 26) as u8)),
            private_key: "wrong".into(),
        };
        let method = format!("STRANGE{number}");
        let target = format!("/strange/{number}?strange={number}");
        client().digest(&gateway.owner, &method, &target, &["X-Strange: 1"], b"");
        client().digest(&stranger, "GET", &target, &[], b"");
        client().request("GET", "/", &[&format!("Authorization: Strange{number} x")], b"");
        gateway.get_from("127.0.0.2", &target);
    };
    ask(0);
    let before = gateway.metrics();
    for number in 1..20 {
        ask(number);
    }
    let after = gateway.metrics();
    let series = |scrape: &str| -> Vec<String> {
        let samples = scrape.lines().filter(|line| line.starts_with("portcullis_"));
        samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    assert_eq!(series(&after), series(&before), "no series more, however many names come");
    let scrape = after.to_lowercase();
    for said in ["strange", "127.0.0.", "host-", "example", "/api/"] {
        assert!(!scrape.contains(said), "{said}");
    }
    let org = gateway.org.to_string();
    for secret in [&org, &gateway.key_id, &gateway.owner.public_key, &gateway.owner.private_key] {
        assert!(!after.contains(secret.as_str()), "{secret}");
    }
}

#[test]
fn health_and_readiness_ask_for_no_credential() {
    let gateway = Gateway::start(Upstream::echo().address);
    for (path, said) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = Client::connect(gateway.admin()).get(path);
        assert_eq!((answer.status, answer.text().as_str()), (200, said), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(gateway.client().get(path).status, 401, "{path} is not the proxy's");
    }
    let scrape = Client::connect(gateway.admin()).get("/metrics");
    assert_eq!(scrape.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
}

#[test]
fn a_gateway_that_stops_is_alive_but_no_longer_ready() {
    let upstream = RawUpstream::start();
    let options = Options {
        route: "schemes = []\nlist = \"local\"".into(),
        more: "[lists.local]\nentries = [\"127.0.0.0/8\"]\n[metrics]\nlisten = \"127.0.0.1:0\""
            .into(),
        ..Options::default()
    };
    let gateway = Gateway::with(upstream.address, options);
    let operations = gateway.operations();
    let (mut busy, mut idle) = (gateway.client(), gateway.client());
    busy.send_request("GET", "/", &[], b"");
    let mut connection = upstream.accept();
    RawUpstream::read_head(&mut connection);
    assert_eq!(idle.get("/..").status, 400);
    let stopping = std::thread::spawn(move || gateway.stop());
    assert!(idle.is_closed(), "the drain has begun");
    assert_eq!(Client::connect(operations).get("/readyz").status, 503);
    assert_eq!(Client::connect(operations).get("/healthz").status, 200);
    assert_eq!(Client::connect(operations).get("/metrics").status, 200);
    connection.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert_eq!(busy.read_answer().status, 204);
    stopping.join().unwrap();
}

#[test]
fn a_listener_of_their_own_takes_the_endpoints_off_the_admin_address() {
    let more = "[metrics]\nlisten = \"127.0.0.1:0\"".into();
    let gateway = Gateway::with(Upstream::echo().address, Options { more, ..Options::default() });
    assert_ne!(gateway.operations(), gateway.admin());
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(Client::connect(gateway.operations()).get(path).status, 200, "{path}");
        let answer = Client::connect(gateway.admin()).get(path);
        assert_eq!((answer.status, answer.error_code().as_str()), (404, "RESOURCE_NOT_FOUND"));
    }
    let api = Client::connect(gateway.operations()).get("/api/atlas/v2/orgs");
    assert_eq!(api.status, 404, "and the API is not there");
}

/// The lines of the log, with what no test can know put aside.
fn lines(log: &str) -> Vec<Value> {
    let settled = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let fields = line.as_object_mut().unwrap();
        assert!(fields["duration_ms"].is_f64());
        assert_eq!(fields["request_id"].as_str().unwrap().len(), 32);
        assert!(fields["peer"].as_str().unwrap().starts_with("127.0.0."));
        for field in ["duration_ms", "request_id", "peer"] {
            fields.remove(field);
        }
        line
    };
    log.lines().map(settled).collect()
}

#[test]
fn the_access_log_has_a_line_of_documented_fields_for_each_request() {
    let options = Options {
        route: "organizations = [\"*\"]\nlist = \"office\"".into(),
        more: "[lists.office]\nentries = [\"127.0.0.0/8\"]\n[workers]\ncount = 1".into(),
        clock: Some(clock_at(NOON)),
        ..Options::default()
    };
    let gateway = Gateway::with(Upstream::echo().address, options);
    let host = gateway.proxy().to_string();
    let (org, key) = (gateway.org.to_string(), gateway.key_id.clone());
    let mut client = gateway.client();
    assert_eq!(client.digest(&gateway.owner, "POST", "/x?y=z", &[], b"abc").status, 200);
    drop(client);
    let (unlisted, bytes) = {
        let answer = gateway.get_from("127.0.0.2", "/x");
        (answer.status, answer.body.len())
    };
    assert_eq!(unlisted, 403);
    let log = gateway.stop_and_read_log();
    let logged = lines(&log);
    let always = |status: u16, path: &str, client: &str, method: &str| {
        json!({
            "time": "2026-07-25T17:20:00.987Z", "listener": "main", "client": client,
            "method": method, "authority": host, "path": path, "protocol": "HTTP/1.1",
            "status": status, "route": "main", "bytes_received": 0,
        })
    };
    let with = |mut line: Value, more: Value| {
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    let challenge_bytes = logged[0]["bytes_sent"].clone();
    let challenge = json!({
        "decision": "refused", "reason": "credential_missing", "bytes_sent": challenge_bytes,
    });
    assert_eq!(logged[0], with(always(401, "/x", "127.0.0.1", "POST"), challenge));
    let admitted = json!({
        "decision": "admitted", "reason": "none", "scheme": "digest", "principal": key,
        "org": org, "entry": "127.0.0.1/32", "named_entry": "127.0.0.0/8", "upstream": "main",
        "upstream_status": 200, "bytes_received": 3, "bytes_sent": "/x?y=z".len(),
    });
    assert_eq!(logged[1], with(always(200, "/x", "127.0.0.1", "POST"), admitted));
    let refused = json!({
        "decision": "refused", "reason": "not_listed", "scheme": "digest", "principal": key,
        "org": org, "bytes_sent": bytes,
    });
    assert_eq!(logged[3], with(always(403, "/x", "127.0.0.2", "GET"), refused));
    assert_eq!(logged.len(), 4);
}

#[test]
fn no_log_line_holds_a_secret_or_a_query() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let mut secrets = vec!["hunter2".to_owned(), gateway.owner.private_key.clone()];
    let target = "/x?token=hunter2";
    let mut client = gateway.client();
    assert_eq!(
        client.digest(&gateway.owner, "GET", target, &["Cookie: s=hunter2"], b"").status,
        200
    );
    let absolute = format!("http://{}{target}", gateway.proxy());
    assert_eq!(gateway.client().digest(&gateway.owner, "GET", &absolute, &[], b"").status, 200);
    let user = "me:hunter2@127.0.0.1";
    assert_eq!(gateway.client().naming(user).get("/").status, 400);
    for line in ["Authorization: Basic aHVudGVyMg==", "Authorization: Digest response=\"hunter2\""]
    {
        assert_eq!(gateway.client().request("GET", target, &[line], b"").status, 401);
    }
    let challenge = gateway.client().get("/");
    let challenge = challenge.header("www-authenticate").unwrap();
    secrets.push(challenge.split("nonce=\"").nth(1).unwrap()[..32].to_owned());
    secrets.extend(
        ["aHVudGVyMg", "Authorization", "authorization", "token", "?", "Digest "].map(Into::into),
    );
    let log = gateway.stop_and_read_log();
    assert_eq!(log.lines().count(), 8, "{log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} in {log}");
    }
}

#[test]
fn a_client_that_goes_away_has_its_line_too() {
    let upstream = RawUpstream::start();
    let options = Options {
        route: "schemes = []\nlist = \"local\"".into(),
        more: "[lists.local]\nentries = [\"127.0.0.0/8\"]".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(upstream.address, options);
    let mut client = gateway.client();
    client.send_request("GET", "/slow", &[], b"");
    let mut connection = upstream.accept();
    RawUpstream::read_head(&mut connection);
    drop(client);
    let mut rest = Vec::new();
    let _ = connection.read_to_end(&mut rest);
    let logged = lines(&gateway.stop_and_read_log());
    assert_eq!(logged.len(), 1);
    assert_eq!(
        (logged[0]["status"].as_u64(), logged[0]["path"].as_str()),
        (Some(499), Some("/slow"))
    );
    assert_eq!(logged[0]["error"], "the client went away");
    assert_eq!(logged[0].get("upstream_status"), None);
}
