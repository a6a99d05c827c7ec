//! Who is let in by an access token, and when a token ends.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis::control::{AccountUpdate, NewAccount, NewEntry};
use portcullis::id::{CredentialId, SecretId};
use portcullis::identity::bearer::token::{self, Claims};
use portcullis::identity::{Role, TokenRef};
use portcullis::time::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use sha2::Sha256;

use crate::harness::client::{Answer, Credential, authorization};
use crate::harness::gateway::clock_at;
use crate::harness::{Client, Gateway, Options, Upstream};

/// 2026-07-25T17:20:00Z.
const NOON: i64 = 1_785_000_000_000;

const HOUR: i64 = 3_600_000;

const PLAIN: &str = r#"Bearer realm="MMS Public API""#;
const INVALID_TOKEN: &str = r#"Bearer realm="MMS Public API", error="invalid_token""#;
const INVALID_REQUEST: &str = r#"Bearer realm="MMS Public API", error="invalid_request""#;

/// A service account with one secret.
struct Account {
    id: CredentialId,
    secret: SecretId,
}

impl Account {
    /// In the gateway's organization, let in from `allow`.
    fn new(gateway: &Gateway, role: Role, allow: &[&str]) -> Self {
        let new = NewAccount {
            name: "robot".into(),
            description: "a test's".into(),
            roles: [role].into_iter().collect(),
            secret_hours: Some(24),
        };
        let prefix = |text: &&str| portcullis::addr::Prefix::parse(text).unwrap();
        let entry = |text| NewEntry { prefix: prefix(text), spelling: None };
        let entries = allow.iter().map(entry).collect();
        let made = gateway.control().create_account(gateway.org, new, entries);
        let account = gateway.block_on(made).unwrap().account;
        Self { id: account.id, secret: account.secrets[0].id }
    }

    /// An access token for its secret, for an hour.
    fn token(&self, gateway: &Gateway) -> Token {
        let grant = gateway.block_on(gateway.control().issue_token(self.id, self.secret)).unwrap();
        let claims =
            Claims { account: grant.account, token: grant.token.into(), issued: grant.issued };
        let text = token::encode(&claims, &grant.key).unwrap().expose_secret().to_owned();
        Token { text, facts: claims.token }
    }

    /// How often the first entry of its list was used.
    fn count(&self, gateway: &Gateway) -> u64 {
        let snapshot = gateway.control().snapshot();
        snapshot.lists.find(self.id).unwrap().entries()[0].usage.count()
    }
}

struct Token {
    text: String,
    facts: TokenRef,
}

impl Token {
    fn line(&self) -> String {
        format!("Authorization: Bearer {}", self.text)
    }
}

/// A gateway whose clock stands at noon.
fn at_noon(upstream: &Upstream) -> Gateway {
    let options = Options { clock: Some(clock_at(NOON)), ..Options::default() };
    Gateway::with(upstream.address, options)
}

/// `GET` of a resource that both planes have.
fn get(client: &mut Client, line: &str) -> Answer {
    client.request("GET", "/api/atlas/v1.0/orgs", &[line], b"")
}

fn challenges(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, 401);
    assert_eq!(answer.error_code(), "UNEXPECTED_ERROR");
    answer.all("www-authenticate").collect()
}

#[test]
fn a_good_token_passes_and_counts_on_the_entry_that_holds_the_address() {
    let upstream = Upstream::echo();
    let gateway = at_noon(&upstream);
    let account = Account::new(&gateway, Role::Member, &["127.0.0.0/30", "127.0.0.9"]);
    let token = account.token(&gateway);
    let mut client = gateway.client();
    for count in 1..=3 {
        let answer = client.request("GET", "/x?y=1", &[&token.line()], b"");
        assert_eq!((answer.status, answer.text().as_str()), (200, "/x?y=1"));
        assert_eq!(account.count(&gateway), count);
    }
    let seen = upstream.next();
    assert_eq!(seen.header("authorization"), None, "the route has consumed it");
    assert_eq!(seen.header("x-portcullis-principal"), Some(account.id.to_string()));
    assert_eq!(seen.header("x-portcullis-org"), Some(gateway.org.to_string()));
    assert_eq!(seen.header("x-portcullis-entry").as_deref(), Some("127.0.0.0/30"));
}

#[test]
fn a_token_is_good_from_the_addresses_of_its_account_s_list_only() {
    let upstream = Upstream::echo();
    let gateway = at_noon(&upstream);
    let account = Account::new(&gateway, Role::Member, &["127.0.0.9"]);
    let token = account.token(&gateway);
    for plane in [gateway.proxy(), gateway.admin()] {
        let answer = get(&mut Client::connect(plane), &token.line());
        assert_eq!(answer.status, 403);
        assert_eq!(answer.error_code(), "IP_ADDRESS_NOT_ON_ACCESS_LIST");
        assert_eq!(answer.header("www-authenticate"), None);
        let mut listed = Client::connect_from("127.0.0.9".parse().unwrap(), plane);
        assert_eq!(get(&mut listed, &token.line()).status, 200);
    }
    let empty = Account::new(&gateway, Role::Member, &[]).token(&gateway);
    assert_eq!(get(&mut gateway.client(), &empty.line()).error_code(), "ORG_REQUIRES_ACCESS_LIST");
}

/// A way for a token to end.
type End = fn(&Gateway, &Account, &Token);

#[test]
fn a_token_ends_at_the_very_next_request_however_it_ends() {
    let ends: [(&str, End, &str); 5] = [
        ("expired", |gateway, _, _| set_clock(gateway, HOUR), "expired_token"),
        (
            "revoked",
            |gateway, account, token| {
                let revoked = gateway.control().revoke_token(account.id, token.facts);
                gateway.block_on(revoked).unwrap();
            },
            "revoked_token",
        ),
        (
            "its secret deleted",
            |gateway, account, _| {
                let control = gateway.control();
                let deleted = control.delete_secret(gateway.org, account.id, account.secret);
                gateway.block_on(deleted).unwrap();
            },
            "secret_gone",
        ),
        (
            "its account deleted",
            |gateway, account, _| {
                let deleted = gateway.control().delete_account(gateway.org, account.id);
                gateway.block_on(deleted).unwrap();
            },
            "unknown_account",
        ),
        (
            "its signing key dropped",
            |gateway, _, _| {
                let rotate = || gateway.block_on(gateway.control().rotate_signing_key()).unwrap();
                rotate();
                set_clock(gateway, 2 * HOUR);
                rotate();
            },
            "unknown_signing_key",
        ),
    ];
    for (case, end, outcome) in ends {
        let gateway = at_noon(&Upstream::echo());
        let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
        let (seen, unseen) = (account.token(&gateway), account.token(&gateway));
        let mut planes = [gateway.proxy(), gateway.admin()].map(Client::connect);
        for client in &mut planes {
            assert_eq!(get(client, &seen.line()).status, 200, "{case}");
        }
        end(&gateway, &account, &seen);
        for client in &mut planes {
            assert_eq!(challenges(&get(client, &seen.line())), [INVALID_TOKEN], "{case}");
        }
        let refused = format!("portcullis_auth_total{{outcome=\"{outcome}\",scheme=\"bearer\"}} 2");
        assert!(gateway.metrics().contains(&refused), "{refused}");
        let other = get(&mut gateway.client(), &unseen.line()).status;
        assert_eq!(other, if case == "revoked" { 200 } else { 401 }, "{case}: its sister");
    }
}

#[test]
fn a_token_of_a_replaced_signing_key_ends_with_the_key_whatever_end_it_gives_itself() {
    let gateway = at_noon(&Upstream::echo());
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let given = account.token(&gateway);
    // As who has got hold of the key would make them: of a name that nobody knows, good for most of a day.
    let forged = |digit: &str| {
        let expires = Timestamp::from_millis(NOON + 20 * HOUR);
        let token = Token { text: String::new(), facts: TokenRef { expires, ..given.facts } };
        let id = given.facts.id.to_string();
        let claims = claims(&token, &account).replace(&id, &format!("{}{digit}", &id[..23]));
        format!("Authorization: Bearer {}", signed(&gateway, HEADER, &claims))
    };
    let lines = [forged("0"), forged("f")];
    gateway.block_on(gateway.control().rotate_signing_key()).unwrap();
    for (after, seen, status) in
        [(0, 1, 200), (HOUR + 60_000, 1, 200), (HOUR + 61_000, 2, 401), (19 * HOUR, 2, 401)]
    {
        set_clock(&gateway, after);
        for line in &lines[..seen] {
            assert_eq!(get(&mut gateway.client(), line).status, status, "{after}");
            let mut admin = Client::connect(gateway.admin());
            assert_eq!(get(&mut admin, line).status, status, "{after}, on the admin API");
        }
    }
}

#[test]
fn the_newest_signing_key_signs_after_a_restart_though_the_clock_was_set_back_before_it_was_made() {
    let mut gateway = at_noon(&Upstream::echo());
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    account.token(&gateway);
    set_clock(&gateway, -HOUR);
    let newest = gateway.block_on(gateway.control().rotate_signing_key()).unwrap();
    gateway.restart();
    let snapshot = gateway.control().snapshot();
    assert_eq!(snapshot.credentials.signing_keys().last().unwrap().id, newest);
}

fn set_clock(gateway: &Gateway, after: i64) {
    gateway.clock().set(Timestamp::from_millis(NOON + after));
}

#[test]
fn a_token_is_good_to_its_last_millisecond_and_never_longer_than_its_secret() {
    let gateway = at_noon(&Upstream::echo());
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let token = account.token(&gateway);
    for (after, status) in [(0, 200), (HOUR - 1, 200), (HOUR, 401), (HOUR - 1, 200)] {
        set_clock(&gateway, after);
        assert_eq!(get(&mut gateway.client(), &token.line()).status, status, "{after}");
    }
    set_clock(&gateway, 24 * HOUR - 60_000);
    let last_minute = account.token(&gateway);
    for (after, status) in [(24 * HOUR - 1, 200), (24 * HOUR, 401)] {
        set_clock(&gateway, after);
        assert_eq!(get(&mut gateway.client(), &last_minute.line()).status, status, "{after}");
    }
}

/// The claims of a token that would pass.
fn claims(token: &Token, account: &Account) -> String {
    let (client, TokenRef { id, secret, expires }) = (account.id, token.facts);
    let (issued, expires) = (NOON / 1000, expires.as_millis() / 1000);
    format!(
        r#"{{"iss":"portcullis","aud":"portcullis","sub":"mdb_sa_id_{client}","cid":"mdb_sa_id_{client}","jti":"{id}","sid":"{secret}","iat":{issued},"exp":{expires}}}"#
    )
}

const HEADER: &str = r#"{"typ":"JWT","alg":"HS256","kid":"$kid"}"#;

/// A token of the test's own making, signed by the gateway's own key.
fn signed(gateway: &Gateway, header: &str, claims: &str) -> String {
    let snapshot = gateway.control().snapshot();
    let key = snapshot.credentials.signing_keys().last().unwrap();
    let header = header.replace("$kid", &key.id.to_string());
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mac = Hmac::<Sha256>::new_from_slice(key.key.as_bytes()).unwrap();
    let mac = mac.chain_update(&message).finalize().into_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
}

#[test]
fn a_token_that_was_not_issued_here_is_refused_whatever_it_says() {
    let upstream = Upstream::echo();
    let gateway = at_noon(&upstream);
    let account = Account::new(&gateway, Role::Owner, &["127.0.0.1"]);
    let token = account.token(&gateway);
    let good = claims(&token, &account);
    assert_eq!(
        signed(&gateway, HEADER, &good),
        token.text,
        "the twin makes what the program makes"
    );
    let (message, signature) = token.text.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let forged = URL_SAFE_NO_PAD.encode(good.replace(&account.id.to_string(), &gateway.key_id));
    let unsigned = |text: String| text.rsplit_once('.').unwrap().0.to_owned() + ".";
    let header_with = |from: &str, to: &str| signed(&gateway, &HEADER.replace(from, to), &good);
    let claims_with = |from: &str, to: &str| signed(&gateway, HEADER, &good.replace(from, to));
    let never = "000000000000000000000001";
    for (case, text) in [
        ("another signature", format!("{message}.{}", "A".repeat(43))),
        ("no signature", format!("{message}.")),
        ("other claims under its signature", format!("{header}.{forged}.{signature}")),
        ("algorithm none", header_with("HS256", "none")),
        ("algorithm none, unsigned", unsigned(header_with("HS256", "none"))),
        ("another algorithm", header_with("HS256", "HS512")),
        ("another key's name", header_with("$kid", never)),
        ("no key's name", header_with(r#","kid":"$kid""#, "")),
        ("another issuer", claims_with(r#""iss":"portcullis""#, r#""iss":"elsewhere""#)),
        ("another audience", claims_with(r#""aud":"portcullis""#, r#""aud":"elsewhere""#)),
        ("an API key for its account", claims_with(&account.id.to_string(), &gateway.key_id)),
        ("a secret that never was", claims_with(&account.secret.to_string(), never)),
        ("no JWT", "0123456789abcdef".into()),
        ("half of it", token.text[..token.text.len() / 2].to_owned()),
    ] {
        for plane in [gateway.proxy(), gateway.admin()] {
            let line = format!("Authorization: Bearer {text}");
            let answer = get(&mut Client::connect(plane), &line);
            assert_eq!(challenges(&answer), [INVALID_TOKEN], "{case}");
        }
    }
    assert!(upstream.all().is_empty());
}

#[test]
fn what_is_no_bearer_header_is_told_so_and_is_never_an_error() {
    let gateway = at_noon(&Upstream::echo());
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let line = account.token(&gateway).line();
    let long = format!("Authorization: Bearer {}", "a".repeat(4_097));
    for plane in [gateway.proxy(), gateway.admin()] {
        for lines in [
            &["Authorization: Bearer"][..],
            &["Authorization: Bearer  "],
            &["Authorization: Bearer a b"],
            &["Authorization: Bearer \"a\""],
            &["Authorization: Bearer token=a"],
            &[&long],
            &[&line, &line],
            &[&line, "Authorization: Basic YTpi"],
            &["Authorization: Basic YTpi", &line],
        ] {
            let answer = Client::connect(plane).request("GET", "/api/atlas/v1.0/orgs", lines, b"");
            assert_eq!(challenges(&answer), [INVALID_REQUEST], "{lines:?}");
        }
        let other_case = line.replace("Bearer ", "bEARER   ");
        assert_eq!(get(&mut Client::connect(plane), &other_case).status, 200);
    }
}

#[test]
fn a_challenge_names_what_the_route_takes_and_the_bearer_line_comes_last() {
    let upstream = Upstream::echo();
    for (schemes, expected, other) in [
        (r#"["digest", "bearer"]"#, &["Digest", "Digest", PLAIN][..], 200),
        (r#"["bearer", "digest"]"#, &["Digest", "Digest", PLAIN], 200),
        (r#"["bearer"]"#, &[PLAIN], 200),
        (r#"["digest"]"#, &["Digest", "Digest"], 401),
    ] {
        let route = format!("organizations = [\"*\"]\nschemes = {schemes}");
        let gateway = Gateway::with(upstream.address, Options { route, ..Options::default() });
        let asked = |answer: Answer| {
            let lines = challenges(&answer).into_iter();
            lines
                .map(|line| {
                    line.split(" realm=\"MMS Public API\", domain").next().unwrap().to_owned()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(asked(gateway.client().get("/")), expected, "{schemes}");
        assert_eq!(asked(get(&mut gateway.client(), "Authorization: Basic YTpi")), expected);
        if schemes != r#"["bearer"]"# {
            let wrong = Credential { private_key: "wrong".into(), ..gateway.owner.clone() };
            let refused = gateway.client().digest(&wrong, "GET", "/", &[], b"");
            assert_eq!(asked(refused), expected, "{schemes}: a wrong digest");
        }
        let token = Account::new(&gateway, Role::Member, &["127.0.0.1"]).token(&gateway);
        assert_eq!(get(&mut gateway.client(), &token.line()).status, other, "{schemes}");
    }
}

#[test]
fn a_digest_is_still_taken_where_tokens_are() {
    let upstream = Upstream::echo();
    let route = "organizations = [\"*\"]\nschemes = [\"bearer\", \"digest\"]".into();
    let gateway = Gateway::with(upstream.address, Options { route, ..Options::default() });
    assert_eq!(gateway.get_from("127.0.0.1", "/x").text(), "/x");
    let challenge = gateway.client().get("/").header("www-authenticate").unwrap().to_owned();
    let digest = authorization(&gateway.owner, &challenge, "GET", "/", 1);
    let token = Account::new(&gateway, Role::Member, &["127.0.0.1"]).token(&gateway).line();
    for lines in [[&*digest, &token], [&token, &digest]] {
        assert_eq!(gateway.client().request("GET", "/", &lines, b"").status, 401, "not both");
    }
}

#[test]
fn a_route_that_asks_for_no_credential_passes_a_token_on() {
    let upstream = Upstream::echo();
    let options = Options {
        route: "schemes = []\nlist = \"local\"".into(),
        more: "[lists.local]\nentries = [\"127.0.0.0/8\"]".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(upstream.address, options);
    let line = "Authorization: Bearer the-upstream-s-own";
    assert_eq!(get(&mut gateway.client(), line).status, 200);
    assert_eq!(
        upstream.next().header("authorization").as_deref(),
        Some("Bearer the-upstream-s-own")
    );
}

#[test]
fn tokens_and_revocations_outlive_a_restart() {
    let upstream = Upstream::echo();
    let mut gateway = at_noon(&upstream);
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let (kept, revoked) = (account.token(&gateway), account.token(&gateway));
    gateway.block_on(gateway.control().rotate_signing_key()).unwrap();
    gateway.block_on(gateway.control().revoke_token(account.id, revoked.facts)).unwrap();
    let by_new_key = account.token(&gateway);
    for _ in ["before", "after"] {
        assert_eq!(get(&mut gateway.client(), &kept.line()).status, 200);
        assert_eq!(get(&mut gateway.client(), &by_new_key.line()).status, 200);
        assert_eq!(get(&mut gateway.client(), &revoked.line()).status, 401);
        gateway.restart();
    }
}

#[test]
fn a_change_of_roles_decides_the_next_request_with_the_same_token() {
    let upstream = Upstream::echo();
    let options = Options {
        route: "organizations = [\"*\"]\nroles = [\"ORG_OWNER\"]".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(upstream.address, options);
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let token = account.token(&gateway);
    let mut client = gateway.client();
    let admin = |gateway: &Gateway| {
        let (path, line) = (format!("/api/atlas/v1.0/orgs/{}/apiKeys", gateway.org), token.line());
        let body = br#"{"desc":"made with a token","roles":["ORG_MEMBER"]}"#;
        Client::connect(gateway.admin()).request("POST", &path, &[&line], body).status
    };
    for (role, status) in
        [(Role::Member, 403), (Role::Owner, 200), (Role::ReadOnly, 403), (Role::Owner, 200)]
    {
        let roles = Some([role].into_iter().collect());
        let update = AccountUpdate { roles, ..AccountUpdate::default() };
        let updated = gateway.control().update_account(gateway.org, account.id, update);
        gateway.block_on(updated).unwrap();
        assert_eq!(get(&mut client, &token.line()).status, status, "{role:?} on a route");
        assert_eq!(admin(&gateway), status, "{role:?} on the admin API");
    }
}

#[test]
fn more_tokens_than_are_remembered_are_all_judged_alike() {
    let upstream = Upstream::echo();
    let more = "[bearer]\ntokens_cached = 16".into();
    let gateway = Gateway::with(upstream.address, Options { more, ..Options::default() });
    let accounts = [0; 3].map(|_| Account::new(&gateway, Role::Member, &["127.0.0.1"]));
    let tokens: Vec<(&Account, Token)> =
        (0..60).map(|at| &accounts[at % 3]).map(|it| (it, it.token(&gateway))).collect();
    let mut client = gateway.client();
    for round in 0..3 {
        for (at, (account, token)) in tokens.iter().enumerate() {
            let status = get(&mut client, &token.line()).status;
            assert_eq!(status, if at % 5 < round { 401 } else { 200 }, "token {at}, round {round}");
            if at % 5 == round {
                let revoked = gateway.control().revoke_token(account.id, token.facts);
                gateway.block_on(revoked).unwrap();
                assert_eq!(get(&mut client, &token.line()).status, 401);
            }
        }
    }
    assert!(accounts.iter().all(|account| account.count(&gateway) > 0));
}

#[test]
fn what_became_of_tokens_is_counted_and_logged_and_no_token_is() {
    let gateway = at_noon(&Upstream::echo());
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let token = account.token(&gateway);
    let mut client = gateway.client();
    for (line, status) in [
        (token.line(), 200),
        (token.line(), 200),
        (format!("{}A", token.line()), 401),
        ("Authorization: Bearer".into(), 401),
    ] {
        assert_eq!(get(&mut client, &line).status, status);
    }
    let metrics = gateway.metrics();
    for line in [
        r#"portcullis_auth_total{outcome="verified",scheme="bearer"} 2"#,
        r#"portcullis_auth_total{outcome="wrong_signature",scheme="bearer"} 1"#,
        r#"portcullis_auth_total{outcome="malformed",scheme="bearer"} 1"#,
        r#"portcullis_auth_total{outcome="not_presented",scheme="digest"} 0"#,
    ] {
        assert!(metrics.lines().any(|shown| shown == line), "{line} in {metrics}");
    }
    drop(client);
    let log = gateway.stop_and_read_log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["scheme"], "bearer");
    assert_eq!(lines[0]["principal"], account.id.to_string());
    assert_eq!(lines[2]["reason"], "credential_refused");
    for part in token.text.split('.') {
        assert!(!log.contains(part) && !metrics.contains(part));
    }
}
