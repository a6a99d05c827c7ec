//! Who is let in by HTTP Digest, and what those read who are not.

use portcullis::identity::Role;
use portcullis::time::{Clock, Timestamp};

use crate::harness::client::{Answer, Credential, authorization};
use crate::harness::gateway::clock_at;
use crate::harness::{Client, Gateway, Options, Session, Upstream};

/// 2026-07-25T17:20:00Z.
const NOON: i64 = 1_785_000_000_000;

const FIVE_MINUTES: i64 = 300_000;

fn challenges(answer: &Answer) -> Vec<String> {
    answer.all("www-authenticate").map(str::to_owned).collect()
}

/// The digest lines that a request without a credential is answered with. The line for tokens comes after them.
fn challenged(gateway: &Gateway) -> Vec<String> {
    let answer = gateway.client().get("/");
    assert_eq!(answer.status, 401);
    let mut lines = challenges(&answer);
    assert_eq!(lines.pop().as_deref(), Some(r#"Bearer realm="MMS Public API""#));
    lines
}

fn nonce(challenge: &str) -> &str {
    let start = challenge.find("nonce=\"").expect("a nonce") + 7;
    &challenge[start..start + challenge[start..].find('"').expect("an end of the nonce")]
}

/// Whether the answer tells the client that its credential is right and its nonce is not.
fn says_stale(answer: &Answer) -> bool {
    assert_eq!(answer.status, 401);
    let mut lines = challenges(answer);
    lines.retain(|line| line.starts_with("Digest "));
    let stale = lines.iter().filter(|line| line.ends_with("stale=true")).count();
    let not_stale = lines.iter().filter(|line| line.ends_with("stale=false")).count();
    assert_eq!(stale + not_stale, lines.len(), "{lines:?}");
    assert!(stale == 0 || not_stale == 0, "every line says the same: {lines:?}");
    stale > 0
}

/// `GET` with the owner's answer to `challenge`, changed by `change` on its way.
fn get_with(
    gateway: &Gateway,
    challenge: &str,
    target: &str,
    change: impl Fn(String) -> String,
) -> Answer {
    let line = change(authorization(&gateway.owner, challenge, "GET", target, 1));
    gateway.client().request("GET", target, &[&line], b"")
}

#[test]
fn the_first_challenge_is_the_public_one_and_sha_256_follows_with_the_same_nonce() {
    let gateway = Gateway::start(Upstream::echo().address);
    let lines = challenged(&gateway);
    let nonce = nonce(&lines[0]);
    assert_eq!(nonce.len(), 32);
    let line = |algorithm| {
        format!(
            "Digest realm=\"MMS Public API\", domain=\"\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\", stale=false"
        )
    };
    assert_eq!(lines, [line("MD5"), line("SHA-256")]);
}

#[test]
fn a_401_has_the_published_body() {
    let gateway = Gateway::start(Upstream::echo().address);
    let answer = gateway.client().get("/");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-error-code"), Some("UNEXPECTED_ERROR"));
    assert_eq!(
        answer.text(),
        r#"{"detail":"This resource asks for a valid credential.","error":401,"errorCode":"UNEXPECTED_ERROR","parameters":[],"reason":"Unauthorized"}"#
    );
}

#[test]
fn either_algorithm_serves() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    for which in [0, 1] {
        let challenge = &challenged(&gateway)[which];
        assert_eq!(get_with(&gateway, challenge, "/x?y=1", |line| line).text(), "/x?y=1");
        assert_eq!(upstream.next().header("authorization"), None, "{challenge}");
    }
}

#[test]
fn the_config_orders_the_algorithms_and_leaves_some_out() {
    let upstream = Upstream::echo();
    for (setting, offered) in [
        (r#"["SHA-256", "MD5"]"#, &["SHA-256", "MD5"][..]),
        (r#"["SHA-256"]"#, &["SHA-256"]),
        (r#"["MD5"]"#, &["MD5"]),
    ] {
        let more = format!("[digest]\nalgorithms = {setting}");
        let gateway = Gateway::with(upstream.address, Options { more, ..Options::default() });
        let lines = challenged(&gateway);
        let names: Vec<_> = lines
            .iter()
            .map(|line| line.split("algorithm=").nth(1).unwrap().split(',').next().unwrap())
            .collect();
        assert_eq!(names, offered);
        for algorithm in ["MD5", "SHA-256"] {
            let asked = challenged(&gateway)[0].replace(offered[0], algorithm);
            let status = get_with(&gateway, &asked, "/", |line| line).status;
            let expected = if offered.contains(&algorithm) { 200 } else { 401 };
            assert_eq!(status, expected, "{algorithm} where {setting} is offered");
        }
    }
}

#[test]
fn a_use_by_one_algorithm_is_a_use_by_both() {
    let gateway = Gateway::start(Upstream::echo().address);
    let lines = challenged(&gateway);
    assert_eq!(get_with(&gateway, &lines[1], "/", |line| line).status, 200);
    assert!(says_stale(&get_with(&gateway, &lines[0], "/", |line| line)));
}

#[test]
fn a_nonce_is_good_for_five_minutes_and_then_stale() {
    let clock = clock_at(NOON);
    let gateway = Gateway::with(
        Upstream::echo().address,
        Options { clock: Some(clock.clone()), ..Options::default() },
    );
    let challenge = &challenged(&gateway)[0];
    let stranger = Credential { private_key: "wrong".into(), ..gateway.owner.clone() };
    let ask = |credential: &Credential, nc| {
        let line = authorization(credential, challenge, "GET", "/", nc);
        gateway.client().request("GET", "/", &[&line], b"")
    };
    set(&clock, NOON + FIVE_MINUTES - 1);
    assert_eq!(ask(&gateway.owner, 1).status, 200);
    assert!(!says_stale(&ask(&stranger, 2)), "a wrong response is no matter of the nonce");
    set(&clock, NOON + FIVE_MINUTES);
    let expired = ask(&gateway.owner, 3);
    assert!(says_stale(&expired), "the credential was right");
    assert!(!says_stale(&ask(&stranger, 4)), "who is told so has proved to know the key");
    let anew = challenges(&expired)[0].replace("stale=true", "stale=false");
    assert_eq!(get_with(&gateway, &anew, "/", |line| line).status, 200, "it brings a new nonce");
}

fn set(clock: &Clock, millis: i64) {
    clock.set(Timestamp::from_millis(millis));
}

#[test]
fn an_answer_that_was_used_is_refused() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let challenge = &challenged(&gateway)[0];
    assert_eq!(get_with(&gateway, challenge, "/", |line| line).status, 200);
    upstream.next();
    let replayed = get_with(&gateway, challenge, "/", |line| line);
    assert!(says_stale(&replayed), "an honest client comes again with the new nonce");
    assert!(upstream.all().is_empty(), "it did not reach the upstream");
}

#[test]
fn a_count_may_jump_and_come_late_but_never_twice() {
    let gateway = Gateway::start(Upstream::echo().address);
    let challenge = &challenged(&gateway)[0];
    for (nc, status) in [
        (5, 200), // A client that counts over all its nonces begins a new one anywhere.
        (1, 200),
        (3, 200),
        (5, 401),
        (3, 401),
        (1000, 200),
        (937, 200), // The window holds the newest and the 63 below it.
        (936, 401),
        (2, 401),
        (937, 401),
        (1000, 401),
        (u32::MAX, 200),
        (u32::MAX, 401),
    ] {
        let line = authorization(&gateway.owner, challenge, "GET", "/", nc);
        let answer = gateway.client().request("GET", "/", &[&line], b"");
        assert_eq!(answer.status, status, "{nc}");
    }
}

#[test]
fn one_nonce_serves_both_planes_and_is_spent_for_both() {
    let gateway = Gateway::start(Upstream::echo().address);
    let target = "/api/atlas/v1.0/orgs";
    let planes = [gateway.proxy(), gateway.admin()];
    for (issuer, other) in [(planes[0], planes[1]), (planes[1], planes[0])] {
        let challenge = Client::connect(issuer).get(target);
        let challenge = &challenges(&challenge)[0];
        let ask = |plane, nc| {
            let line = authorization(&gateway.owner, challenge, "GET", target, nc);
            Client::connect(plane).request("GET", target, &[&line], b"")
        };
        assert_eq!(ask(other, 1).status, 200, "a nonce of one plane serves the other");
        assert!(says_stale(&ask(issuer, 1)), "what was used there is no good here");
        assert!(says_stale(&ask(other, 1)));
        assert_eq!(ask(issuer, 2).status, 200);
        assert!(says_stale(&ask(other, 2)), "nor the other way round");
    }
}

#[test]
fn an_answer_covers_the_target_as_it_was_sent() {
    let gateway = Gateway::start(Upstream::echo().address);
    for (sent, signed, status) in [
        ("/a?b=1", "/a?b=1", 200),
        ("/a?b=1", "/a", 401),
        ("/a?b=1", "/a?b=2", 401),
        ("/a", "/a?", 401),
        ("/a?", "/a?", 200),
        ("/a%20b", "/a%20b", 200),
        ("/a%20b", "/a b", 401),
        ("/%7Ea", "/~a", 401),
        ("/a", "/A", 401),
        ("/a", "/", 401),
    ] {
        let challenge = &challenged(&gateway)[0];
        let line = authorization(&gateway.owner, challenge, "GET", signed, 1);
        let answer = gateway.client().request("GET", sent, &[&line], b"");
        assert_eq!(answer.status, status, "{sent} signed as {signed}");
    }
    let challenge = &challenged(&gateway)[0];
    let line = authorization(&gateway.owner, challenge, "POST", "/a", 1);
    assert_eq!(gateway.client().request("GET", "/a", &[&line], b"").status, 401, "and the method");
}

#[test]
fn an_absolute_target_is_signed_as_it_is_sent_on_both_planes() {
    let gateway = Gateway::start(Upstream::echo().address);
    for plane in [gateway.proxy(), gateway.admin()] {
        let path = "/api/atlas/v1.0/orgs?pageNum=1";
        let target = format!("http://{plane}{path}");
        let mut client = Client::connect(plane);
        assert_eq!(client.digest(&gateway.owner, "GET", &target, &[], b"").status, 200);
        let line = authorization(&gateway.owner, &challenged(&gateway)[0], "GET", path, 1);
        assert_eq!(client.request("GET", &target, &[&line], b"").status, 401);
    }
}

/// An answer with what differs by its nature taken out: nonce, date and request id.
fn told(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let headers =
        answer.headers.iter().filter(|(name, _)| name != "date" && name != "x-request-id");
    let headers = headers.map(|(name, value)| {
        let value = if name == "www-authenticate" && value.starts_with("Digest ") {
            assert_eq!(nonce(value).len(), 32);
            value.replace(nonce(value), "")
        } else {
            value.clone()
        };
        (name.clone(), value)
    });
    (answer.status, headers.collect(), answer.text())
}

#[test]
fn nobody_can_tell_an_unknown_key_from_a_wrong_password() {
    let gateway = Gateway::start(Upstream::echo().address);
    let (_, empty_list) = gateway.new_key(&[Role::Owner], &[]);
    let wrong = |credential: &Credential| Credential {
        private_key: "00000000-0000-0000-0000-000000000000".into(),
        ..credential.clone()
    };
    let unknown = Credential {
        public_key: "zzzzzzzz".into(),
        private_key: gateway.owner.private_key.clone(),
    };
    let no_key = Credential { public_key: "Nobody!".into(), ..unknown.clone() };
    for plane in [gateway.proxy(), gateway.admin()] {
        let ask = |credential: &Credential| {
            let target = "/api/atlas/v1.0/orgs";
            told(&Client::connect(plane).digest(credential, "GET", target, &[], b""))
        };
        let expected = ask(&unknown);
        assert_eq!(expected.0, 401);
        assert_eq!(ask(&no_key), expected);
        assert_eq!(ask(&wrong(&gateway.owner)), expected);
        assert_eq!(ask(&wrong(&empty_list)), expected, "nor what its list is like");
        let not_presented = Client::connect(plane).get("/api/atlas/v1.0/orgs");
        assert_eq!(told(&not_presented), expected);
    }
}

#[test]
fn a_header_that_is_no_answer_is_refused_and_never_an_error() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let long = format!("Authorization: Digest username=\"{}\"", "a".repeat(6000));
    let many = format!("Authorization: Digest {}", "a=b, ".repeat(2000));
    let lines = [
        "Authorization:",
        "Authorization: ",
        "Authorization: Digest",
        "Authorization: Digest ",
        "Authorization: Digest ,,,",
        "Authorization: Digest username",
        "Authorization: Digest username=",
        "Authorization: Digest username=\"abcdefgh",
        "Authorization: Digest username=\"abcdefgh\\",
        "Authorization: Digest =\"abcdefgh\"",
        "Authorization: Digest username=\"a\" realm=\"b\"",
        "Authorization: Digest username=\"\u{e9}\u{1f600}\"",
        "Authorization: Digestusername=\"a\"",
        "Authorization: Basic YWJjZGVmZ2g6c2VjcmV0",
        "Authorization: abcdefgh",
        "Authorization: \"Digest\" username=\"a\"",
        &long,
        &many,
    ];
    for plane in [gateway.proxy(), gateway.admin()] {
        for line in lines {
            let answer = Client::connect(plane).request("GET", "/api/atlas/v2/orgs", &[line], b"");
            let shown = &line[..line.len().min(60)];
            assert_eq!(answer.status, 401, "{shown}");
            assert_eq!(answer.error_code(), "UNEXPECTED_ERROR", "{shown}");
            assert_eq!(answer.all("www-authenticate").count(), 3, "{shown}");
        }
    }
    assert!(upstream.all().is_empty());
}

#[test]
fn parameters_are_read_in_the_forms_that_clients_use() {
    let gateway = Gateway::start(Upstream::echo().address);
    for (why, from, to, status) in [
        ("as it is", "", "", 200),
        ("quoted algorithm, the Go library", "algorithm=MD5", "algorithm=\"MD5\"", 200),
        ("no algorithm, npm's urllib", "algorithm=MD5, ", "", 200),
        ("quoted qop, Python's requests", "qop=auth", "qop=\"auth\"", 200),
        ("scheme in another case", "Digest ", "DIGEST ", 200),
        ("names in another case", "username=", "UserName=", 200),
        ("no space after commas", ", ", ",", 200),
        ("an unknown parameter", "nc=", "opaque=\"\", nc=", 200),
        ("no qop", "qop=auth, ", "", 401),
        ("another qop", "qop=auth", "qop=auth-int", 401),
        ("two qops", "qop=auth", "qop=\"auth,auth-int\"", 401),
        ("no count", "nc=00000001, ", "", 401),
        ("a count that is not signed", "nc=00000001", "nc=00000002", 401),
        ("a count of none", "nc=00000001", "nc=00000000", 401),
        ("a short count", "nc=00000001", "nc=1", 401),
        ("no client nonce", "cnonce=\"6b657977\", ", "", 401),
        ("another client nonce", "cnonce=\"6b657977\"", "cnonce=\"6b657978\"", 401),
        ("another realm", "MMS Public API", "MMS Private API", 401),
        ("another algorithm", "algorithm=MD5", "algorithm=SHA-256", 401),
        ("a session algorithm", "algorithm=MD5", "algorithm=MD5-sess", 401),
        ("a hashed user name", "qop=auth", "userhash=true, qop=auth", 401),
        ("a parameter twice", "qop=auth", "qop=auth, qop=auth", 401),
        ("a nonce that is none of ours", "nonce=\"", "nonce=\"AAAA", 401),
        ("no response", "response=", "x=", 401),
    ] {
        let challenge = &challenged(&gateway)[0];
        let answer = get_with(&gateway, challenge, "/", |line| {
            assert!(line.contains(from), "{why}");
            // The scheme's own name stands in the header's value only.
            let (name, value) = line.split_once(": ").unwrap();
            format!("{name}: {}", value.replace(from, to))
        });
        assert_eq!(answer.status, status, "{why}");
    }
}

#[test]
fn two_authorization_lines_are_refused_even_where_one_of_them_is_right() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let basic = "Authorization: Basic YWJjZGVmZ2g6c2VjcmV0";
    for is_first in [true, false] {
        let right = authorization(&gateway.owner, &challenged(&gateway)[0], "GET", "/", 1);
        let lines = if is_first { [&*right, basic] } else { [basic, &*right] };
        assert_eq!(gateway.client().request("GET", "/", &lines, b"").status, 401);
        assert_eq!(gateway.client().request("GET", "/", &[&right, &right], b"").status, 401);
    }
    assert!(upstream.all().is_empty());
}

#[test]
fn a_post_whose_first_body_is_empty_gets_its_challenge_and_then_sends_it() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let mut client = gateway.client();
    let challenge = client.request("POST", "/orders", &["Content-Length: 0"], b"");
    let challenge = &challenges(&challenge)[0];
    let line = authorization(&gateway.owner, challenge, "POST", "/orders", 1);
    let answer = client.request("POST", "/orders", &[&line], b"two shoes");
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.next().body, "two shoes");
}

#[test]
fn a_body_that_comes_with_the_first_request_does_not_confuse_the_second() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let mut client = gateway.client();
    // The Go library sends the body both times.
    let challenge = client.request("POST", "/orders", &[], b"two shoes");
    assert_eq!(challenge.status, 401);
    let mut client =
        if challenge.header("connection") == Some("close") { gateway.client() } else { client };
    let line = authorization(&gateway.owner, &challenges(&challenge)[0], "POST", "/orders", 1);
    assert_eq!(client.request("POST", "/orders", &[&line], b"two shoes").status, 200);
    assert_eq!(upstream.next().body, "two shoes");
}

#[test]
fn a_route_serves_the_organizations_that_it_names() {
    let upstream = Upstream::echo();
    let mut gateway = Gateway::start(upstream.address);
    let (_, _, stranger) = gateway.new_organization("elsewhere");
    let route = format!("organizations = [\"{}\"]", gateway.org);
    gateway.reconfigure(upstream.address, &Options { route, ..Options::default() });
    let ask = |credential| gateway.client().digest(credential, "GET", "/", &[], b"");
    assert_eq!(ask(&gateway.owner).status, 200);
    let refused = ask(&stranger);
    assert_eq!((refused.status, refused.error_code().as_str()), (403, "ACCESS_FORBIDDEN"));
    assert_eq!(refused.header("www-authenticate"), None, "another try would not help");
    assert!(!refused.text().contains("127.0.0.1"), "not a matter of addresses");
}

#[test]
fn a_route_serves_the_roles_that_it_names() {
    let options = Options {
        route: "organizations = [\"*\"]\nroles = [\"ORG_READ_ONLY\", \"ORG_BILLING_ADMIN\"]".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(Upstream::echo().address, options);
    for (roles, status) in [
        (&[Role::Owner][..], 200), // An owner may do everything.
        (&[Role::ReadOnly], 200),
        (&[Role::BillingAdmin], 200),
        (&[Role::Member, Role::ReadOnly], 200),
        (&[Role::Member], 403),
        (&[Role::GroupCreator, Role::BillingReadOnly], 403),
    ] {
        let (_, key) = gateway.new_key(roles, &["127.0.0.1"]);
        let answer = gateway.client().digest(&key, "GET", "/", &[], b"");
        assert_eq!(answer.status, status, "{roles:?}");
        if status == 403 {
            assert_eq!(answer.error_code(), "USER_UNAUTHORIZED");
        }
    }
}

#[test]
fn wrong_credentials_are_told_before_any_word_about_addresses() {
    let gateway = Gateway::start(Upstream::echo().address);
    let wrong = Credential { private_key: "wrong".into(), ..gateway.owner.clone() };
    let elsewhere = "127.0.0.2".parse().unwrap();
    for plane in [gateway.proxy(), gateway.admin()] {
        let ask = |credential| {
            let target = "/api/atlas/v1.0/orgs";
            Client::connect_from(elsewhere, plane).digest(credential, "GET", target, &[], b"")
        };
        let answer = ask(&wrong);
        assert_eq!(answer.status, 401);
        assert!(!answer.text().contains("127.0.0.2"), "{}", answer.text());
        let answer = ask(&gateway.owner);
        assert_eq!(
            (answer.status, answer.error_code().as_str()),
            (403, "IP_ADDRESS_NOT_ON_ACCESS_LIST")
        );
        assert_eq!(answer.json()["parameters"][0], "127.0.0.2");
        assert!(answer.json()["detail"].as_str().unwrap().contains("127.0.0.2"));
    }
}

#[test]
fn a_key_with_an_empty_list_is_told_that_it_needs_one() {
    let gateway = Gateway::start(Upstream::echo().address);
    let (_, key) = gateway.new_key(&[Role::Owner], &[]);
    let answer = gateway.client().digest(&key, "GET", "/", &[], b"");
    assert_eq!((answer.status, answer.error_code().as_str()), (403, "ORG_REQUIRES_ACCESS_LIST"));
    assert_eq!(answer.json()["parameters"][0], "127.0.0.1");
}

#[test]
fn authorization_is_taken_off_only_where_the_route_consumed_it() {
    let upstream = Upstream::echo();
    let options = Options {
        route: "schemes = []\nlist = \"local\"".into(),
        more: "[lists.local]\nentries = [\"127.0.0.0/8\"]".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(upstream.address, options);
    for credential in ["Basic YWJjOmRlZg==", "Digest username=\"a\"", "Bearer token"] {
        let line = format!("Authorization: {credential}");
        assert_eq!(gateway.client().request("GET", "/", &[&line], b"").status, 200);
        assert_eq!(upstream.next().header("authorization").as_deref(), Some(credential));
    }
    let gateway = Gateway::start(upstream.address);
    assert_eq!(gateway.get_from("127.0.0.1", "/").status, 200);
    assert_eq!(upstream.next().header("authorization"), None);
}

#[test]
fn many_requests_go_on_one_nonce() {
    let gateway = Gateway::start(Upstream::echo().address);
    let mut session = Session::open(gateway.client(), &gateway.owner);
    for number in 0..200 {
        assert_eq!(session.get(&format!("/{number}")).status, 200);
    }
}

#[test]
fn a_start_forgets_no_use_of_a_nonce() {
    let mut gateway = Gateway::start(Upstream::echo().address);
    let challenge = &challenged(&gateway)[0];
    assert_eq!(get_with(&gateway, challenge, "/", |line| line).status, 200);
    gateway.restart();
    let replayed = get_with(&gateway, challenge, "/", |line| line);
    assert!(says_stale(&replayed), "what was used before the start is not good after it");
}
