//! Whose address a request is judged by, and that decision, log and upstream agree on it.

use std::collections::HashMap;

use crate::harness::{Client, Gateway, Options, Upstream};

/// Everybody may pass; what is judged is told by the entry that admits.
fn believing(header: &str) -> Options {
    Options {
        listener: format!(
            "client_address_header = \"{header}\"\ntrusted_proxies = [\"127.0.0.2/32\", \"10.0.0.0/8\"]"
        ),
        route: "schemes = []\nlist = \"all\"".into(),
        more: "[lists.all]\nentries = [\"0.0.0.0/0\", \"::/0\"]".into(),
        ..Options::default()
    }
}

const TRUSTED: &str = "127.0.0.2";
const STRANGER: &str = "127.0.0.3";

/// Header lines, who sends them, and the address that the request must be judged by; none: 400.
struct Case {
    peer: &'static str,
    lines: &'static [&'static str],
    client: Option<&'static str>,
}

fn case(
    peer: &'static str,
    lines: &'static [&'static str],
    client: impl Into<Option<&'static str>>,
) -> Case {
    Case { peer, lines, client: client.into() }
}

/// Sends every case and compares the answer, what the upstream saw, and what the log says.
fn judge(header: &str, cases: &[Case]) {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, believing(header));
    for (number, case) in cases.iter().enumerate() {
        let mut client = Client::connect_from(case.peer.parse().unwrap(), gateway.proxy());
        let answer = client.request("GET", &format!("/{number}"), case.lines, b"");
        let what = format!("{:?} from {}", case.lines, case.peer);
        let Some(expected) = case.client else {
            assert_eq!(answer.status, 400, "{what}");
            assert_eq!(answer.error_code(), "INVALID_CLIENT_ADDRESS", "{what}");
            continue;
        };
        assert_eq!(answer.status, 200, "{what}");
        let seen = upstream.next();
        // The chain that the listener reads is extended as it was spelled; the other one is written anew.
        if header == "x-forwarded-for" {
            let told = seen.header("forwarded").unwrap();
            assert_eq!(told.split(';').next(), Some(&*node(expected)), "{what}: {told}");
        } else {
            let chain = seen.header("x-forwarded-for").unwrap();
            let told = match expected == case.peer {
                true => expected.to_owned(),
                false => format!("{expected}, {}", case.peer),
            };
            assert_eq!(chain, told, "{what}");
        }
        if header == "x-real-ip" {
            assert_eq!(seen.header(header).as_deref(), Some(expected), "{what}");
        }
        let entry = if expected.contains(':') { "::/0" } else { "0.0.0.0/0" };
        assert_eq!(seen.header("x-portcullis-entry").as_deref(), Some(entry), "{what}");
    }
    assert!(upstream.all().is_empty(), "what was refused did not reach the upstream");
    let logged = logged_by_path(&gateway.stop_and_read_log());
    for (number, case) in cases.iter().enumerate() {
        let line = &logged[&format!("/{number}")];
        let what = format!("{:?} from {}", case.lines, case.peer);
        assert_eq!(line["client"].as_str(), case.client, "{what}");
        assert!(line["peer"].as_str().unwrap().starts_with(case.peer), "{what}");
        let reason = if case.client.is_some() { "none" } else { "client_address" };
        assert_eq!(line["reason"], reason, "{what}");
    }
}

/// A client in the spelling of `Forwarded`.
fn node(client: &str) -> String {
    if client.contains(':') { format!("for=\"[{client}]\"") } else { format!("for={client}") }
}

fn logged_by_path(log: &str) -> HashMap<String, serde_json::Value> {
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.map(|line: serde_json::Value| (line["path"].as_str().unwrap().to_owned(), line)).collect()
}

#[test]
fn x_forwarded_for_is_walked_from_the_right_as_far_as_it_is_trusted() {
    judge(
        "x-forwarded-for",
        &[
            case(TRUSTED, &[], TRUSTED),
            case(TRUSTED, &["X-Forwarded-For: 203.0.113.7"], "203.0.113.7"),
            case(TRUSTED, &["X-Forwarded-For: 203.0.113.7:4711"], "203.0.113.7"),
            case(TRUSTED, &["X-Forwarded-For: 192.0.2.1, 203.0.113.7"], "203.0.113.7"),
            case(TRUSTED, &["X-Forwarded-For: garbage, 203.0.113.7"], "203.0.113.7"),
            case(TRUSTED, &["X-Forwarded-For: 192.0.2.1, 10.1.1.1"], "192.0.2.1"),
            case(
                TRUSTED,
                &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 10.1.1.1"],
                "192.0.2.1",
            ),
            case(TRUSTED, &["X-Forwarded-For: 10.2.2.2, 10.1.1.1"], "10.2.2.2"),
            case(TRUSTED, &["X-Forwarded-For: 2001:DB8::7"], "2001:db8::7"),
            case(TRUSTED, &["X-Forwarded-For: [2001:db8::7]:443"], "2001:db8::7"),
            case(TRUSTED, &["X-Forwarded-For: ::ffff:203.0.113.7"], "203.0.113.7"),
            case(TRUSTED, &["X-Forwarded-For: ::ffff:10.1.1.1"], "10.1.1.1"),
            case(TRUSTED, &["X-Forwarded-For: fe80::1%eth0"], "fe80::1"),
            case(TRUSTED, &["Forwarded: for=203.0.113.7", "X-Real-IP: 203.0.113.7"], TRUSTED),
            case(TRUSTED, &["X-Forwarded-For:"], None),
            case(TRUSTED, &["X-Forwarded-For: garbage"], None),
            case(TRUSTED, &["X-Forwarded-For: 203.0.113.7,"], None),
            case(TRUSTED, &["X-Forwarded-For: 203.0.113.7, unknown"], None),
            case(TRUSTED, &["X-Forwarded-For: 203.0.113.7, unknown, 10.1.1.1"], None),
            case(TRUSTED, &["X-Forwarded-For: 203.0.113.07"], None),
            case(TRUSTED, &["X-Forwarded-For: 203.0.113.0/24"], None),
            case(STRANGER, &[], STRANGER),
            case(STRANGER, &["X-Forwarded-For: 203.0.113.7"], STRANGER),
            case(STRANGER, &["X-Forwarded-For: garbage"], STRANGER),
            case(STRANGER, &["X-Forwarded-For: 127.0.0.2"], STRANGER),
        ],
    );
}

#[test]
fn forwarded_is_read_by_its_own_rules() {
    judge(
        "forwarded",
        &[
            case(TRUSTED, &[], TRUSTED),
            case(TRUSTED, &["Forwarded: for=203.0.113.7"], "203.0.113.7"),
            case(TRUSTED, &["Forwarded: For=\"203.0.113.7:80\";proto=https"], "203.0.113.7"),
            case(TRUSTED, &["Forwarded: for=\"[2001:db8::7]\""], "2001:db8::7"),
            case(TRUSTED, &["Forwarded: for=192.0.2.1, for=203.0.113.7"], "203.0.113.7"),
            case(TRUSTED, &["Forwarded: for=192.0.2.1, for=10.1.1.1"], "192.0.2.1"),
            case(TRUSTED, &["Forwarded: for=\"[::ffff:203.0.113.7]\""], "203.0.113.7"),
            case(TRUSTED, &["X-Forwarded-For: 203.0.113.7"], TRUSTED),
            case(TRUSTED, &["Forwarded: for=unknown"], None),
            case(TRUSTED, &["Forwarded: for=_hidden"], None),
            case(TRUSTED, &["Forwarded: proto=https"], None),
            case(TRUSTED, &["Forwarded: for=2001:db8::7"], None),
            case(TRUSTED, &["Forwarded: for=\"203.0.113.7"], None),
            case(TRUSTED, &["Forwarded: 203.0.113.7"], None),
            case(STRANGER, &["Forwarded: for=203.0.113.7"], STRANGER),
            case(STRANGER, &["Forwarded: for=\""], STRANGER),
        ],
    );
}

#[test]
fn a_header_with_one_address_is_taken_at_its_word() {
    judge(
        "x-real-ip",
        &[
            case(TRUSTED, &[], TRUSTED),
            case(TRUSTED, &["X-Real-IP: 203.0.113.7"], "203.0.113.7"),
            case(TRUSTED, &["X-Real-IP: ::ffff:203.0.113.7"], "203.0.113.7"),
            case(TRUSTED, &["X-Real-IP: 10.1.1.1"], "10.1.1.1"),
            case(TRUSTED, &["X-Forwarded-For: 203.0.113.7"], TRUSTED),
            case(TRUSTED, &["X-Real-IP: 203.0.113.7, 192.0.2.1"], None),
            case(TRUSTED, &["X-Real-IP: 203.0.113.7", "X-Real-IP: 192.0.2.1"], None),
            case(TRUSTED, &["X-Real-IP: somewhere"], None),
            case(STRANGER, &["X-Real-IP: 203.0.113.7"], STRANGER),
        ],
    );
}

#[test]
fn a_chain_of_a_trusted_peer_is_extended_and_anyone_else_s_is_replaced() {
    let upstream = Upstream::echo();
    let gateway = Gateway::with(upstream.address, believing("x-forwarded-for"));
    let sent = [
        "X-Forwarded-For: 198.51.100.9, 203.0.113.7",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: api.example.com",
        "Forwarded: for=198.51.100.66",
        "X-Real-IP: 198.51.100.66",
        "X-Request-Id: of-the-proxy",
    ];
    let ask = |peer: &str| {
        Client::connect_from(peer.parse().unwrap(), gateway.proxy())
            .request("GET", "/", &sent, b"");
        let seen = upstream.next();
        ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip"]
            .map(|name| seen.header(name).unwrap_or_default())
            .into_iter()
            .chain([seen.header("x-request-id").unwrap()])
            .collect::<Vec<_>>()
    };
    let host = gateway.proxy();
    assert_eq!(
        ask(TRUSTED),
        [
            "198.51.100.9, 203.0.113.7, 127.0.0.2",
            "https",
            "api.example.com",
            &format!(
                "for=203.0.113.7;host=api.example.com;proto=https, for=127.0.0.2;host=\"{host}\";proto=http"
            ),
            "",
            "of-the-proxy",
        ]
    );
    let of_stranger = ask(STRANGER);
    assert_eq!(
        of_stranger[..5],
        [
            "127.0.0.3",
            "http",
            &host.to_string(),
            &format!("for=127.0.0.3;host=\"{host}\";proto=http"),
            "",
        ]
    );
    assert_ne!(of_stranger[5], "of-the-proxy");
}

#[test]
fn a_credential_s_list_is_asked_for_the_client_and_not_for_the_proxy() {
    let options = Options { route: String::new(), ..believing("x-forwarded-for") };
    let gateway = Gateway::with(Upstream::echo().address, options);
    let (_, key) = gateway.new_key(&[], &["203.0.113.0/24"]);
    let ask = |peer: &str, lines: &[&str]| {
        Client::connect_from(peer.parse().unwrap(), gateway.proxy())
            .digest(&key, "GET", "/", lines, b"")
    };
    assert_eq!(ask(TRUSTED, &["X-Forwarded-For: 203.0.113.7"]).status, 200);
    assert_eq!(ask(TRUSTED, &["X-Forwarded-For: ::ffff:203.0.113.7"]).status, 200);
    for (peer, lines, judged) in [
        (TRUSTED, &["X-Forwarded-For: 203.0.114.7"][..], "203.0.114.7"),
        (TRUSTED, &["X-Forwarded-For: 203.0.113.7, 198.51.100.1"], "198.51.100.1"),
        (TRUSTED, &[], TRUSTED),
        (STRANGER, &["X-Forwarded-For: 203.0.113.7"], STRANGER),
    ] {
        let answer = ask(peer, lines);
        assert_eq!(answer.error_code(), "IP_ADDRESS_NOT_ON_ACCESS_LIST", "{lines:?} from {peer}");
        assert_eq!(answer.json()["parameters"][0], judged, "{lines:?} from {peer}");
    }
}

#[test]
fn the_admin_api_reads_its_own_header_from_its_own_proxies() {
    let options = Options {
        admin: "client_address_header = \"x-real-ip\"\ntrusted_proxies = [\"127.0.0.2\"]".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(Upstream::echo().address, options);
    let ask = |peer: &str, lines: &[&str]| {
        Client::connect_from(peer.parse().unwrap(), gateway.admin()).digest(
            &gateway.owner,
            "GET",
            "/api/atlas/v1.0/orgs",
            lines,
            b"",
        )
    };
    assert_eq!(ask(TRUSTED, &["X-Real-IP: 127.0.0.1"]).status, 200);
    let refused = ask(TRUSTED, &["X-Real-IP: 203.0.113.7"]);
    assert_eq!(refused.json()["parameters"][0], "203.0.113.7");
    let refused = ask(STRANGER, &["X-Real-IP: 127.0.0.1"]);
    assert_eq!(refused.json()["parameters"][0], STRANGER);
    assert_eq!(ask(TRUSTED, &["X-Real-IP: nobody"]).status, 400);
    assert_eq!(ask("127.0.0.1", &["X-Real-IP: 203.0.113.7"]).status, 200);
}
