use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};

use super::*;
use crate::addr::ClientIp;
use crate::id::{CredentialId, ObjectId, OrgId};
use crate::identity::bearer::{self, Bearer};
use crate::identity::failures::{self, Failures};
use crate::identity::{Authenticator, Role};

const PUBLIC_KEY: &str = "bkqdvtzx";
const PRIVATE_KEY: &str = "f6a3c1d0-6f1a-4c86-9a51-0a4f3f1f9d2e";
const TARGET: &str = "/api/atlas/v2/orgs?pageNum=1&name=a%20b";
const SCHEMES: &[SchemeKind] = &[SchemeKind::Digest];
const NOW: Timestamp = Timestamp::from_millis(1_785_000_000_000);

fn at(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn authenticator() -> Authenticator {
    authenticator_with(Settings { nonces_remembered: 64, ..Settings::default() }, 1)
}

fn authenticator_with(settings: Settings, key: u8) -> Authenticator {
    let digest = Digest::new(settings, NonceKey::from_bytes([key; 32]));
    Authenticator::new(
        digest,
        Bearer::new(bearer::Settings { tokens_cached: 16 }),
        Failures::new(failures::Settings::OFF),
    )
}

fn client() -> ClientIp {
    ClientIp::from(std::net::IpAddr::from([192, 0, 2, 1]))
}

fn principal() -> Principal {
    Principal {
        scheme: SchemeKind::Digest,
        credential: CredentialId(ObjectId::from_bytes([1; 12])),
        org: OrgId(ObjectId::from_bytes([2; 12])),
        roles: [Role::Owner].into_iter().collect(),
        token: None,
    }
}

fn credentials() -> Credentials {
    let public_key = PublicKey::parse(PUBLIC_KEY).unwrap();
    let mut credentials = Credentials::default();
    credentials.put_key(Arc::new(ApiKey {
        id: principal().credential,
        org: principal().org,
        public_key,
        description: "a key".into(),
        roles: principal().roles,
        private_key_tail: "0a4f3f1f9d2e".into(),
        ha1: Ha1::new(public_key, PRIVATE_KEY),
        created: NOW,
    }));
    credentials
}

/// A client of its own making: it shares no line with the server's side.
#[derive(Clone)]
struct Client {
    username: &'static str,
    password: &'static str,
    realm: &'static str,
    method: Method,
    uri: &'static str,
    sha256: bool,
    nonce: String,
    nc: &'static str,
    cnonce: &'static str,
}

impl Client {
    fn new(nonce: impl Into<String>) -> Self {
        Self {
            username: PUBLIC_KEY,
            password: PRIVATE_KEY,
            realm: REALM,
            method: Method::GET,
            uri: TARGET,
            sha256: false,
            nonce: nonce.into(),
            nc: "00000001",
            cnonce: "MDEyMzQ1Njc4OWFiY2RlZg==",
        }
    }

    fn hash(&self, text: &str) -> String {
        let bytes =
            if self.sha256 { Sha256::digest(text).to_vec() } else { Md5::digest(text).to_vec() };
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn response(&self) -> String {
        let ha1 = self.hash(&format!("{}:{}:{}", self.username, self.realm, self.password));
        let ha2 = self.hash(&format!("{}:{}", self.method, self.uri));
        self.hash(&format!("{ha1}:{}:{}:{}:auth:{ha2}", self.nonce, self.nc, self.cnonce))
    }

    fn header(&self) -> String {
        format!(
            r#"Digest username="{}", realm="{}", nonce="{}", uri="{}", algorithm={}, response="{}", qop=auth, nc={}, cnonce="{}""#,
            self.username,
            self.realm,
            self.nonce,
            self.uri,
            if self.sha256 { "SHA-256" } else { "MD5" },
            self.response(),
            self.nc,
            self.cnonce,
        )
    }
}

fn send(
    authenticator: &Authenticator,
    authorization: &str,
    now: Timestamp,
) -> Result<Principal, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
    let presented =
        Presented { method: &Method::GET, target: TARGET, headers: &headers, certificate: None };
    authenticator.authenticate(SCHEMES, &presented, client(), &credentials(), now)
}

fn nonce_of(authenticator: &Authenticator, now: Timestamp) -> String {
    let challenges = authenticator.challenges(SCHEMES, &Refusal::NotPresented, now);
    parameter(challenges[0].to_str().unwrap(), "nonce").to_owned()
}

fn parameter<'a>(challenge: &'a str, name: &str) -> &'a str {
    let (_, rest) = challenge.split_once(&format!("{name}=\"")).unwrap();
    rest.split_once('"').unwrap().0
}

fn refused(reason: RefusalReason) -> Result<Principal, Refusal> {
    Err(Refusal::Refused { scheme: SchemeKind::Digest, reason })
}

#[test]
fn the_first_challenge_is_spelled_as_public_clients_expect_and_the_second_shares_its_nonce() {
    let lines = authenticator().challenges(SCHEMES, &Refusal::NotPresented, NOW);
    let nonce = parameter(lines[0].to_str().unwrap(), "nonce").to_owned();
    assert_eq!(nonce.len(), 32);
    assert_eq!(
        lines,
        [
            format!(
                r#"Digest realm="MMS Public API", domain="", nonce="{nonce}", algorithm=MD5, qop="auth", stale=false"#
            ),
            format!(
                r#"Digest realm="MMS Public API", domain="", nonce="{nonce}", algorithm=SHA-256, qop="auth", stale=false"#
            ),
        ]
    );
}

#[test]
fn every_challenge_has_a_nonce_of_its_own() {
    let authenticator = authenticator();
    assert_ne!(nonce_of(&authenticator, NOW), nonce_of(&authenticator, NOW));
}

#[test]
fn the_settings_say_which_algorithms_are_offered_and_accepted() {
    let settings = Settings { algorithms: vec![Algorithm::Sha256], ..Settings::default() };
    let authenticator = authenticator_with(settings, 1);
    let lines = authenticator.challenges(SCHEMES, &Refusal::NotPresented, NOW);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].to_str().unwrap().contains("algorithm=SHA-256, "));

    let md5 = Client::new(nonce_of(&authenticator, NOW));
    assert_eq!(send(&authenticator, &md5.header(), NOW), refused(RefusalReason::Unsupported));
    let sha256 = Client { sha256: true, ..md5 };
    assert_eq!(send(&authenticator, &sha256.header(), NOW), Ok(principal()));
}

#[test]
fn a_route_without_the_scheme_gets_no_challenge() {
    assert!(authenticator().challenges(&[], &Refusal::NotPresented, NOW).is_empty());
}

#[test]
fn a_right_answer_is_verified_by_either_algorithm() {
    for sha256 in [false, true] {
        let authenticator = authenticator();
        let client = Client { sha256, ..Client::new(nonce_of(&authenticator, NOW)) };
        assert_eq!(send(&authenticator, &client.header(), at(299)), Ok(principal()));
    }
}

#[test]
fn the_responses_of_the_rfc_s_example_are_expected() {
    // RFC 7616, section 3.9.1.
    for (sha256, response) in [
        (false, "8ca523f5e9506fed4657c9700eebdbec"),
        (true, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let client = Client {
            username: "Mufasa",
            password: "Circle of Life",
            realm: "http-auth@example.org",
            uri: "/dir/index.html",
            sha256,
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            ..Client::new("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v")
        };
        assert_eq!(client.response(), response);

        let header = client.header();
        let answer = Answer::parse(header.strip_prefix("Digest").unwrap().as_bytes()).unwrap();
        let presented = Presented {
            method: &Method::GET,
            target: client.uri,
            headers: &HeaderMap::new(),
            certificate: None,
        };
        let user_realm_password = "Mufasa:http-auth@example.org:Circle of Life";
        let expected = if sha256 {
            expected::<Sha256>(&Sha256::digest(user_realm_password), &answer, &presented).to_vec()
        } else {
            expected::<Md5>(&Md5::digest(user_realm_password), &answer, &presented).to_vec()
        };
        assert_eq!(Hex::of(&expected).digits(), response.as_bytes());
    }
}

/// As clients write it; `{…}` is filled in.
#[test]
fn the_headers_of_public_clients_are_understood() {
    for (client, nc, cnonce, header) in [
        (
            "curl 8",
            "00000001",
            "ZTA2ZjdhNjU2ZTRmZjE0NzQ5ZGVlNmY1ZjhmM2MyYzE=",
            r#"Digest username="{user}",realm="MMS Public API",nonce="{nonce}",uri="{uri}",cnonce="{cnonce}",nc={nc},algorithm=MD5,response="{response}",qop="auth""#,
        ),
        (
            "the Go SDK's digest library",
            "00000001",
            "6a1e6a0b9a6d4b6c",
            r#"Digest username="{user}", realm="MMS Public API", nonce="{nonce}", uri="{uri}", response="{response}", algorithm="MD5", cnonce="{cnonce}", qop=auth, nc={nc}"#,
        ),
        (
            "Python requests",
            "00000001",
            "8d2f0f8a1b6c9e42",
            r#"Digest username="{user}", realm="MMS Public API", nonce="{nonce}", uri="{uri}", response="{response}", algorithm="MD5", qop="auth", nc={nc}, cnonce="{cnonce}""#,
        ),
        (
            "npm urllib",
            "00000005",
            "3a5f27f1a9f7e2d4",
            r#"Digest username="{user}", realm="MMS Public API", nonce="{nonce}", uri="{uri}", response="{response}", qop=auth, nc={nc}, cnonce="{cnonce}""#,
        ),
        (
            "Python httpx",
            "00000002",
            "f3b5c1e7a9d24680",
            r#"Digest username="{user}", realm="MMS Public API", nonce="{nonce}", uri="{uri}", response="{response}", algorithm=MD5, qop=auth, nc={nc}, cnonce="{cnonce}""#,
        ),
    ] {
        let authenticator = authenticator();
        let answer = Client { nc, cnonce, ..Client::new(nonce_of(&authenticator, NOW)) };
        let header = header
            .replace("{user}", PUBLIC_KEY)
            .replace("{nonce}", &answer.nonce)
            .replace("{uri}", TARGET)
            .replace("{cnonce}", cnonce)
            .replace("{nc}", nc)
            .replace("{response}", &answer.response());
        assert_eq!(send(&authenticator, &header, NOW), Ok(principal()), "{client}");
    }
}

#[test]
fn what_is_no_digest_is_left_to_other_schemes() {
    let authenticator = authenticator();
    let none = HeaderMap::new();
    let presented =
        Presented { method: &Method::GET, target: TARGET, headers: &none, certificate: None };
    let outcome = authenticator.authenticate(SCHEMES, &presented, client(), &credentials(), NOW);
    assert_eq!(outcome, Err(Refusal::NotPresented));
    for other in ["Bearer abc", "Basic YTpi", "Digestive x=y"] {
        assert_eq!(send(&authenticator, other, NOW), Err(Refusal::NotPresented), "{other}");
    }
}

#[test]
fn a_scheme_that_a_route_does_not_accept_is_not_asked() {
    let authenticator = authenticator();
    let mut headers = HeaderMap::new();
    let header = Client::new(nonce_of(&authenticator, NOW)).header();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&header).unwrap());
    let presented =
        Presented { method: &Method::GET, target: TARGET, headers: &headers, certificate: None };
    let outcome = authenticator.authenticate(&[], &presented, client(), &credentials(), NOW);
    assert_eq!(outcome, Err(Refusal::NotPresented));
}

#[test]
fn two_authorization_lines_are_refused() {
    let authenticator = authenticator();
    let right = Client::new(nonce_of(&authenticator, NOW)).header();
    let mut headers = HeaderMap::new();
    headers.append(AUTHORIZATION, HeaderValue::from_str(&right).unwrap());
    headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer abc"));
    let presented =
        Presented { method: &Method::GET, target: TARGET, headers: &headers, certificate: None };
    let outcome = authenticator.authenticate(SCHEMES, &presented, client(), &credentials(), NOW);
    assert_eq!(outcome, refused(RefusalReason::Malformed));
}

#[test]
fn each_way_to_be_wrong_has_its_reason() {
    use RefusalReason::{Malformed, UnknownKey, WrongRealm, WrongResponse, WrongTarget};
    let authenticator = authenticator();
    let right = Client::new(nonce_of(&authenticator, NOW));
    for (client, reason) in [
        (Client { password: "guessed", ..right.clone() }, WrongResponse),
        (Client { method: Method::POST, ..right.clone() }, WrongResponse),
        (Client { username: "zzzzzzzz", ..right.clone() }, UnknownKey),
        (Client { username: "no public key", ..right.clone() }, UnknownKey),
        (Client { username: "", ..right.clone() }, UnknownKey),
        (Client { realm: "mms public api", ..right.clone() }, WrongRealm),
        (Client { uri: "/api/atlas/v2/orgs", ..right.clone() }, WrongTarget),
        (Client { uri: "/api/atlas/v2/orgs?pageNum=1&name=a%20B", ..right.clone() }, WrongTarget),
        (Client { nc: "1", ..right.clone() }, Malformed),
    ] {
        assert_eq!(send(&authenticator, &client.header(), NOW), refused(reason), "{reason}");
    }
    assert_eq!(
        send(&authenticator, &right.header(), NOW),
        Ok(principal()),
        "none of it used it up"
    );
}

#[test]
fn a_header_far_longer_than_its_target_is_refused() {
    let authenticator = authenticator();
    let right = Client::new(nonce_of(&authenticator, NOW)).header();
    let long = format!("{right}, opaque=\"{}\"", "x".repeat(MOST_HEADER_BYTES));
    assert_eq!(send(&authenticator, &long, NOW), refused(RefusalReason::Malformed));
}

#[test]
fn the_stand_in_for_unknown_keys_opens_nothing() {
    let authenticator = authenticator();
    let client = Client { username: "zzzzzzzz", ..Client::new(nonce_of(&authenticator, NOW)) };
    let header = client.header();
    let answer = Answer::parse(header.strip_prefix("Digest").unwrap().as_bytes()).unwrap();
    let headers = HeaderMap::new();
    let presented =
        Presented { method: &Method::GET, target: TARGET, headers: &headers, certificate: None };
    let response = expected::<Md5>(&NOBODY.md5, &answer, &presented);
    let response = String::from_utf8(Hex::of(&response).digits().to_vec()).unwrap();
    let forged = header.replace(&client.response(), &response);
    assert_eq!(send(&authenticator, &forged, NOW), refused(RefusalReason::UnknownKey));
}

#[test]
fn a_count_passes_once_and_a_replay_may_come_again_with_a_new_nonce() {
    let authenticator = authenticator();
    let first = Client::new(nonce_of(&authenticator, NOW));
    assert_eq!(send(&authenticator, &first.header(), NOW), Ok(principal()));
    let replay = send(&authenticator, &first.header(), NOW);
    assert_eq!(replay, refused(RefusalReason::Replayed));
    assert!(replay.unwrap_err().is_stale());
    // The same count, proven by the other algorithm or spelled in the other case, is the same.
    let ninth = Client { nc: "0000000a", ..first };
    assert_eq!(send(&authenticator, &ninth.header(), NOW), Ok(principal()));
    for same in [Client { sha256: true, ..ninth.clone() }, Client { nc: "0000000A", ..ninth }] {
        assert_eq!(send(&authenticator, &same.header(), NOW), refused(RefusalReason::Replayed));
    }
}

#[test]
fn an_expired_nonce_is_stale_only_for_who_knows_the_key() {
    let authenticator = authenticator();
    let right = Client::new(nonce_of(&authenticator, NOW));
    let wrong = Client { password: "guessed", ..right.clone() };
    let stale = send(&authenticator, &right.header(), at(300));
    assert_eq!(stale, refused(RefusalReason::StaleNonce));
    let wrong = send(&authenticator, &wrong.header(), at(300));
    assert_eq!(wrong, refused(RefusalReason::WrongResponse));

    let stale_of = |refusal: Result<Principal, Refusal>| {
        let lines = authenticator.challenges(SCHEMES, &refusal.unwrap_err(), at(300));
        lines.iter().map(|line| line.to_str().unwrap().ends_with("stale=true")).collect::<Vec<_>>()
    };
    assert_eq!(stale_of(stale), [true, true]);
    assert_eq!(stale_of(wrong), [false, false]);
}

#[test]
fn a_nonce_of_another_key_is_stale_and_never_accepted() {
    let elsewhere = nonce_of(&authenticator_with(Settings::default(), 2), NOW);
    for nonce in [elsewhere.as_str(), "made up", ""] {
        let right = Client::new(nonce);
        let wrong = Client { password: "guessed", ..right.clone() };
        let (authenticator, wrong, right) = (authenticator(), wrong.header(), right.header());
        assert_eq!(send(&authenticator, &right, NOW), refused(RefusalReason::StaleNonce));
        assert_eq!(send(&authenticator, &wrong, NOW), refused(RefusalReason::WrongResponse));
    }
}

#[test]
fn a_nonce_is_good_on_every_node_of_a_fleet_that_was_up_when_it_was_issued() {
    let (here, there) = (authenticator(), authenticator());
    nonce_of(&there, NOW);
    let client = Client::new(nonce_of(&here, at(1)));
    assert_eq!(send(&there, &client.header(), at(2)), Ok(principal()));
}

#[test]
fn a_nonce_that_may_have_been_used_before_a_restart_is_stale() {
    let before = authenticator();
    let client = Client::new(nonce_of(&before, NOW));
    assert_eq!(send(&before, &client.header(), NOW), Ok(principal()));
    let after = authenticator();
    assert_eq!(send(&after, &client.header(), at(1)), refused(RefusalReason::StaleNonce));
}

#[test]
fn clocks_of_a_fleet_may_differ_by_half_a_minute() {
    for (ahead, outcome) in [(30, Ok(principal())), (31, refused(RefusalReason::StaleNonce))] {
        let (here, there) = (authenticator(), authenticator());
        let client = Client::new(nonce_of(&there, at(ahead)));
        assert_eq!(send(&here, &client.header(), NOW), outcome, "{ahead} s ahead");
    }
}

#[test]
fn a_clock_set_back_locks_nobody_out_and_replays_nothing() {
    let authenticator = authenticator();
    let early = Client::new(nonce_of(&authenticator, at(3_600)));
    assert_eq!(send(&authenticator, &early.header(), at(3_600)), Ok(principal()));
    let late = Client::new(nonce_of(&authenticator, NOW));
    assert_eq!(send(&authenticator, &late.header(), NOW), Ok(principal()));
    assert!(send(&authenticator, &late.header(), NOW).is_err());
    assert!(send(&authenticator, &early.header(), NOW).is_err());
}

#[test]
fn nothing_secret_is_shown() {
    let shown = format!("{:?}", authenticator());
    assert!(shown.contains("nonces_remembered: 64"), "{shown}");
    assert!(!shown.contains("keyed"), "{shown}");
}

#[test]
fn refusals_have_labels_of_a_closed_set() {
    let labels = RefusalReason::ALL.map(RefusalReason::as_str);
    for (index, reason) in RefusalReason::ALL.into_iter().enumerate() {
        let refusal = Refusal::Refused { scheme: SchemeKind::Digest, reason };
        assert_eq!(refusal.label(), labels[index]);
        assert_eq!(refusal.scheme(), Some(SchemeKind::Digest));
        assert_eq!(refusal.to_string(), format!("digest credential refused: {}", labels[index]));
    }
    assert_eq!(Refusal::NotPresented.label(), "not_presented");
    assert_eq!(Refusal::NotPresented.scheme(), None);
    assert!(!Refusal::NotPresented.is_stale());
}
