//! Section 8: HTTP Digest, as each client that is known speaks it. On the admin API; `authentication` has both planes.

use super::*;

use portcullis::time::{Clock, Timestamp};

use crate::harness::gateway::clock_at;

/// 2026-07-25T17:20:00Z.
const NOON: i64 = 1_785_000_000_000;

/// A client that keeps one connection, and what it was challenged with.
struct Talk<'a> {
    gateway: &'a Gateway,
    client: Client,
    challenge: String,
}

impl<'a> Talk<'a> {
    /// Asks without a credential.
    fn begin(gateway: &'a Gateway) -> Self {
        let mut client = Client::connect(gateway.admin());
        let answer = client.get(&format!("{V2}/orgs"));
        assert_eq!(answer.status, 401);
        let challenge = answer.header("www-authenticate").unwrap().to_owned();
        Self { gateway, client, challenge }
    }

    fn authorization(&self, method: &str, target: &str, nc: u32) -> String {
        authorization(&self.gateway.owner, &self.challenge, method, target, nc)
    }

    /// Answers the challenge for a GET of the organizations, with its header changed on the way.
    fn ask(&mut self, nc: u32, change: impl Fn(String) -> String) -> Answer {
        let target = format!("{V2}/orgs");
        let line = change(self.authorization("GET", &target, nc));
        self.send("GET", &target, &line, b"")
    }

    fn send(&mut self, method: &str, target: &str, line: &str, body: &[u8]) -> Answer {
        let accept = format!("Accept: {VERSION}");
        self.client.request(method, target, &[&accept, line], body)
    }
}

/// Whether an answer says that the nonce is stale, and the credential therefore good.
fn stale(answer: &Answer) -> bool {
    assert_eq!(answer.status, 401, "{}", answer.text());
    let line = answer.header("www-authenticate").unwrap();
    assert!(line.ends_with("stale=true") || line.ends_with("stale=false"), "{line}");
    line.ends_with("stale=true")
}

fn with_clock() -> (Gateway, Clock) {
    let clock = clock_at(NOON);
    (gateway_with(Options { clock: Some(clock.clone()), ..Options::default() }), clock)
}

//= 8: What the real service sends without credentials
#[test]
fn r00_without_credentials_401_with_a_json_body_and_the_published_challenge_first() {
    let gateway = gateway();
    let answer = call(&gateway, "GET", &format!("{V2}/orgs")).send_anonymously();
    refused(&answer, 401, "UNEXPECTED_ERROR", "no credential");
    let first = answer.header("www-authenticate").unwrap();
    let (start, rest) = first.split_once("nonce=\"").unwrap();
    assert_eq!(start, "Digest realm=\"MMS Public API\", domain=\"\", ");
    let (nonce, rest) = rest.split_once('"').unwrap();
    assert_eq!(nonce.len(), 32, "{nonce}");
    assert_eq!(rest, ", algorithm=MD5, qop=\"auth\", stale=false");
}

//= 8: digest library of the Go SDK
#[test]
fn r01_the_go_sdks_library_can_read_the_first_challenge() {
    let gateway = gateway();
    let challenge = Talk::begin(&gateway).challenge;
    let parameters = challenge.strip_prefix("Digest ").expect("it begins `Digest `");
    let names: Vec<_> = parameters
        .split(", ")
        .map(|parameter| parameter.split_once('=').expect("comma and space part parameters").0)
        .collect();
    let known = ["realm", "domain", "nonce", "opaque", "stale", "algorithm", "qop"];
    assert!(names.iter().all(|name| known.contains(name)), "an unknown one fails all: {names:?}");
    assert!(challenge.contains("qop=\"auth\"") && challenge.contains("algorithm=MD5,"));
}

//= 8: digest library of the Go SDK
#[test]
fn r01_the_go_sdks_library_asks_first_every_time_quotes_md5_and_sends_the_body_twice() {
    let gateway = gateway();
    let body = one_address("203.0.113.10");
    let target = filled(&gateway, OWN_LIST);
    let accept = format!("Accept: {VERSION}");
    let vendor = format!("Content-Type: {VERSION}");
    for _ in 0..3 {
        let mut client = Client::connect(gateway.admin());
        let challenge = client.request("POST", &target, &[&accept, &vendor], body.as_bytes());
        assert_eq!(challenge.status, 401);
        if challenge.header("connection") == Some("close") {
            client = Client::connect(gateway.admin());
        }
        let challenge = challenge.header("www-authenticate").unwrap();
        let line = authorization(&gateway.owner, challenge, "POST", &target, 1)
            .replace("algorithm=MD5", "algorithm=\"MD5\"");
        let answer = client.request("POST", &target, &[&accept, &vendor, &line], body.as_bytes());
        assert_eq!(accepted(&answer, "nc=00000001")["totalCount"], 2);
    }
}

//= 8: curl
#[test]
fn r02_curl_sends_a_post_with_an_empty_body_first_and_algorithm_unquoted() {
    let gateway = gateway();
    let target = filled(&gateway, OWN_LIST);
    let accept = format!("Accept: {VERSION}");
    let lines = [&*accept, "Content-Type: application/json"];
    let mut client = Client::connect(gateway.admin());
    let first = client.request("POST", &target, &[lines[0], lines[1], "Content-Length: 0"], b"");
    refused(&first, 401, "UNEXPECTED_ERROR", "authenticated before the body is looked at");
    let line = authorization(
        &gateway.owner,
        first.header("www-authenticate").unwrap(),
        "POST",
        &target,
        1,
    );
    assert!(line.contains("algorithm=MD5,"), "{line}");
    let body = one_address("203.0.113.10");
    let answer = client.request("POST", &target, &[lines[0], lines[1], &line], body.as_bytes());
    assert_eq!(accepted(&answer, "the second request")["totalCount"], 2);
}

//= 8: npm urllib
#[test]
fn r03_npm_urllib_leaves_algorithm_out_and_counts_on_across_nonces() {
    let gateway = gateway();
    let mut talk = Talk::begin(&gateway);
    let without = |line: String| line.replace("algorithm=MD5, ", "");
    for nc in 1..=4 {
        accepted(&talk.ask(nc, without), "no algorithm means MD5");
    }
    let mut another = Talk::begin(&gateway);
    accepted(&another.ask(5, without), "a nonce's first use may say nc=00000005");
}

//= 8: Python requests
#[test]
fn r04_python_requests_quotes_qop_reuses_the_nonce_and_retries_on_stale() {
    let (gateway, clock) = with_clock();
    let mut talk = Talk::begin(&gateway);
    let quoted = |line: String| line.replace("qop=auth", "qop=\"auth\"");
    for nc in 1..=3 {
        accepted(&talk.ask(nc, quoted), "reused");
    }
    clock.set(Timestamp::from_millis(NOON + 3_600_000));
    let answer = talk.ask(4, quoted);
    assert!(stale(&answer), "told that the nonce alone is at fault");
    talk.challenge = answer.header("www-authenticate").unwrap().to_owned();
    accepted(&talk.ask(1, quoted), "the try with the new nonce");
}

//= 8: Python httpx
#[test]
fn r05_python_httpx_reuses_the_nonce_ahead_of_any_challenge() {
    let gateway = gateway();
    let mut talk = Talk::begin(&gateway);
    for nc in 1..=5 {
        accepted(&talk.ask(nc, |line| line), "nc 2, 3, … without being asked");
    }
}

//= 8: Rules for the server
#[test]
fn r06_uri_is_compared_with_the_raw_request_target_query_included() {
    let gateway = gateway();
    let orgs = format!("{V2}/orgs");
    for (sent, signed, status) in [
        (format!("{orgs}?pageNum=1"), format!("{orgs}?pageNum=1"), 200),
        (format!("{orgs}?pageNum=1"), orgs.clone(), 401),
        (format!("{orgs}?pageNum=1"), format!("{orgs}?pageNum=2"), 401),
        (orgs.clone(), format!("{orgs}?"), 401),
        (format!("{orgs}?name=%74"), format!("{orgs}?name=%74"), 200),
        (format!("{orgs}?name=%74"), format!("{orgs}?name=t"), 401),
    ] {
        let mut talk = Talk::begin(&gateway);
        let line = talk.authorization("GET", &signed, 1);
        assert_eq!(talk.send("GET", &sent, &line, b"").status, status, "{sent} as {signed}");
    }
}

//= 8: Rules for the server
#[test]
fn r06_nc_is_accepted_when_greater_than_the_last_seen_and_not_again() {
    let gateway = gateway();
    let mut talk = Talk::begin(&gateway);
    for nc in [5, 7, 100] {
        accepted(&talk.ask(nc, |line| line), "greater");
    }
    assert!(stale(&talk.ask(100, |line| line)), "what was used is not good again");
}

/// A credential whose header is changed so is judged so.
fn header_is(status: u16, from: &str, to: &str) {
    let gateway = gateway();
    let answer = Talk::begin(&gateway).ask(1, |line| {
        let (name, value) = line.split_once(": ").unwrap();
        assert!(value.contains(from), "{value}");
        format!("{name}: {}", value.replace(from, to))
    });
    assert_eq!(answer.status, status, "{}", answer.text());
}

table! { header_is;
    //= 8: Rules for the server
    r06_qop_may_be_bare(200, "qop=auth", "qop=auth");
    //= 8: Rules for the server
    r06_qop_may_be_quoted(200, "qop=auth", "qop=\"auth\"");
    //= 8: Rules for the server
    r06_algorithm_may_be_quoted(200, "algorithm=MD5", "algorithm=\"MD5\"");
    //= 8: Rules for the server
    r06_a_missing_algorithm_is_md5(200, "algorithm=MD5, ", "");
    //= 8: Rules for the server
    r06_no_qop_is_refused(401, "qop=auth, ", "");
    //= 8: Rules for the server
    r06_another_qop_is_refused(401, "qop=auth", "qop=auth-int");
}

//= 8: Rules for the server
#[test]
fn r06_an_expired_nonce_with_a_right_response_is_stale_and_with_a_wrong_one_is_not() {
    let (gateway, clock) = with_clock();
    let mut right = Talk::begin(&gateway);
    let mut wrong = Talk::begin(&gateway);
    clock.set(Timestamp::from_millis(NOON + 3_600_000));
    let answer = right.ask(1, |line| line);
    assert!(stale(&answer));
    assert_ne!(answer.header("www-authenticate").unwrap(), right.challenge, "a new nonce");
    let other = |line: String| line.replace("response=\"", "response=\"0").replace("0\"", "\"");
    assert!(!stale(&wrong.ask(1, other)));
}

//= 8: Rules for the server
#[test]
fn r06_the_first_challenge_is_md5_and_sha_256_comes_second() {
    let gateway = gateway();
    let answer = call(&gateway, "GET", &format!("{V2}/orgs")).send_anonymously();
    let lines: Vec<_> = answer.all("www-authenticate").collect();
    assert!(lines[0].contains("algorithm=MD5,") && lines[1].contains("algorithm=SHA-256,"));
    let mut talk = Talk::begin(&gateway);
    talk.challenge = talk.challenge.replace("algorithm=MD5", "algorithm=SHA-256");
    accepted(&talk.ask(1, |line| line), "SHA-256");
}

//= 8: Consequence for storage
#[test]
fn r07_the_private_key_is_not_kept_its_last_twelve_characters_are() {
    let gateway = gateway();
    let private = gateway.owner.private_key.clone();
    let shown = call(&gateway, "GET", &format!("{KEYS}/{{key}}")).send().json();
    assert_eq!(shown["privateKey"], format!("********-****-****-{}", &private[24..]));
    let directory = gateway.stop();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(private.len()).any(|window| window == private.as_bytes());
        assert!(!found, "{}", path.display());
    }
}
