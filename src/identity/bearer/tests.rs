use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use secrecy::ExposeSecret as _;

use super::token::{Claims, encode};
use super::*;
use crate::addr::ClientIp;
use crate::id::{CredentialId, ObjectId, OrgId, SecretId, SigningKeyId, TokenId};
use crate::identity::digest::{self, Digest, NonceKey, REALM};
use crate::identity::failures::{self, Failures};
use crate::identity::{
    Authenticator, Role, Secret, SecretKeys, SigningKey, SigningSecret, Token, labels,
};

const SCHEMES: &[SchemeKind] = &[SchemeKind::Digest, SchemeKind::Bearer];
const ACCOUNT: CredentialId = CredentialId(object(1));
const SECRET: SecretId = SecretId(object(3));
const NOON: i64 = 1_785_000_000_000;
const HOUR: i64 = 3_600_000;

const fn object(number: u8) -> ObjectId {
    ObjectId::from_bytes([number; 12])
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOON + millis)
}

fn key(number: u8) -> SigningKey {
    SigningKey {
        id: SigningKeyId(object(number)),
        key: SigningSecret::from_bytes([number; 32]),
        created: at(0),
    }
}

/// An access token of the account, for an hour from noon, or changed by `change`.
fn token_with(change: impl FnOnce(&mut Claims)) -> String {
    let token = TokenRef { id: TokenId(object(2)), secret: SECRET, expires: at(HOUR) };
    let mut claims = Claims { account: ACCOUNT, token, issued: at(0) };
    change(&mut claims);
    encode(&claims, &key(7)).unwrap().expose_secret().to_owned()
}

fn token() -> String {
    token_with(|_| ())
}

/// One account, in the state that `change` makes of it, and two signing keys.
fn credentials_with(change: impl FnOnce(&mut ServiceAccount)) -> Credentials {
    let secret = Secret {
        id: SECRET,
        verifier: SecretKeys::for_tests().verifier(ACCOUNT, "mdb_sa_sk_x"),
        tail: "xxxx".into(),
        created: at(0),
        expires: at(24 * HOUR),
        last_used: None,
    };
    let mut account = ServiceAccount {
        id: ACCOUNT,
        org: OrgId(object(9)),
        name: "robot".into(),
        description: "turns".into(),
        roles: [Role::Member].into_iter().collect(),
        secrets: vec![secret],
        tokens: Vec::new(),
        created: at(0),
    };
    change(&mut account);
    let mut credentials = Credentials::default();
    credentials.put_account(Arc::new(account));
    credentials.put_signing_keys([key(6), key(7)].into());
    credentials
}

fn credentials() -> Credentials {
    credentials_with(|_| ())
}

fn authenticator() -> Authenticator {
    let digest = Digest::new(digest::Settings::default(), NonceKey::from_bytes([1; 32]));
    let bearer = Bearer::new(Settings { tokens_cached: 16 });
    Authenticator::new(digest, bearer, Failures::new(failures::Settings::OFF))
}

fn client() -> ClientIp {
    ClientIp::from(std::net::IpAddr::from([192, 0, 2, 1]))
}

fn send(
    authenticator: &Authenticator,
    lines: &[&str],
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Principal, Refusal> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
    }
    let presented =
        Presented { method: &Method::GET, target: "/", headers: &headers, certificate: None };
    authenticator.authenticate(SCHEMES, &presented, client(), credentials, now)
}

fn refused(reason: RefusalReason) -> Refusal {
    Refusal::Refused { scheme: SchemeKind::Bearer, reason }
}

#[test]
fn who_presents_a_good_token_is_its_account_as_the_snapshot_has_it() {
    let authenticator = authenticator();
    let line = format!("Bearer {}", token());
    let expected = Principal {
        scheme: SchemeKind::Bearer,
        credential: ACCOUNT,
        org: OrgId(object(9)),
        roles: [Role::Member].into_iter().collect(),
        token: Some(TokenRef { id: TokenId(object(2)), secret: SECRET, expires: at(HOUR) }),
    };
    for _ in ["anew", "remembered"] {
        assert_eq!(send(&authenticator, &[&line], &credentials(), at(0)), Ok(expected));
    }
    let promoted = credentials_with(|account| account.roles = [Role::Owner].into_iter().collect());
    let principal = send(&authenticator, &[&line], &promoted, at(0)).unwrap();
    assert_eq!(principal.roles, [Role::Owner].into_iter().collect());
}

#[test]
fn the_header_is_read_as_its_grammar_has_it() {
    let token = token();
    let good = format!("Bearer {token}");
    let long = "a".repeat(MOST_TOKEN_BYTES + 1);
    for (line, expected) in [
        (good.clone(), None),
        (format!("bearer {token}"), None),
        (format!("BEARER    {token}"), None),
        ("Bearer".into(), Some(RefusalReason::Malformed)),
        ("Bearer ".into(), Some(RefusalReason::Malformed)),
        (format!("Bearer\t{token}"), Some(RefusalReason::Malformed)),
        (format!("Bearer \t{token}"), Some(RefusalReason::Malformed)),
        (format!("Bearer {token} "), Some(RefusalReason::Malformed)),
        (format!("Bearer {token} {token}"), Some(RefusalReason::Malformed)),
        (format!("Bearer {token}, {token}"), Some(RefusalReason::Malformed)),
        (format!("Bearer \"{token}\""), Some(RefusalReason::Malformed)),
        (format!("Bearer token={token}"), Some(RefusalReason::Malformed)),
        (format!("Bearer ={token}"), Some(RefusalReason::Malformed)),
        ("Bearer =".into(), Some(RefusalReason::Malformed)),
        (format!("Bearer {}\u{e9}", token), Some(RefusalReason::Malformed)),
        (format!("Bearer {long}"), Some(RefusalReason::Malformed)),
        (format!("Bearer {}", &long[1..]), Some(RefusalReason::ForeignToken)),
        ("Bearer abc".into(), Some(RefusalReason::ForeignToken)),
        ("Bearer ab-._~+/c==".into(), Some(RefusalReason::ForeignToken)),
        (format!("{good}="), Some(RefusalReason::ForeignToken)),
    ] {
        let outcome = send(&authenticator(), &[&line], &credentials(), at(0));
        assert_eq!(outcome.err(), expected.map(refused), "{line}");
    }
    for line in ["", &token, "Bearertoken", "Basic YTpi", "Token Bearer"] {
        let outcome = send(&authenticator(), &[line], &credentials(), at(0));
        assert_eq!(outcome, Err(Refusal::NotPresented), "{line}");
    }
}

#[test]
fn a_token_in_one_of_several_lines_is_refused_even_where_it_is_right() {
    let good = format!("Bearer {}", token());
    for lines in [[&*good, &good], [&good, "Basic YTpi"], ["Basic YTpi", &good]] {
        let outcome = send(&authenticator(), &lines, &credentials(), at(0));
        assert_eq!(outcome, Err(refused(RefusalReason::Malformed)));
    }
}

#[test]
fn a_token_ends_with_the_snapshot_that_ends_it_remembered_or_not() {
    use RefusalReason::*;
    let known =
        |revoked| Token { id: TokenId(object(2)), secret: SECRET, expires: at(HOUR), revoked };
    let mut gone = credentials();
    gone.remove_account(OrgId(object(9)), ACCOUNT);
    let mut rotated = credentials();
    rotated.put_signing_keys([key(6), key(8)].into());
    let good = credentials_with(|account| account.tokens = vec![known(false)]);
    for (case, then, millis, expected) in [
        ("still good", good.clone(), HOUR - 1, None),
        ("not listed: another node's", credentials(), 0, None),
        ("expired", good, HOUR, Some(ExpiredToken)),
        ("revoked", credentials_with(|it| it.tokens = vec![known(true)]), 0, Some(RevokedToken)),
        ("secret deleted", credentials_with(|it| it.secrets.clear()), 0, Some(SecretGone)),
        (
            "secret expired",
            credentials_with(|it| it.secrets[0].expires = at(1)),
            1,
            Some(SecretGone),
        ),
        ("account deleted", gone, 0, Some(UnknownAccount)),
        ("signing key dropped", rotated, 0, Some(UnknownSigningKey)),
    ] {
        let line = format!("Bearer {}", token());
        let expected = expected.map(refused);
        let fresh = authenticator();
        assert_eq!(send(&fresh, &[&line], &then, at(millis)).err(), expected, "{case}, anew");
        let authenticator = authenticator();
        send(&authenticator, &[&line], &credentials(), at(0)).unwrap();
        assert!(authenticator.bearer.cache.find(token().as_bytes()).is_some());
        let outcome = send(&authenticator, &[&line], &then, at(millis));
        assert_eq!(outcome.err(), expected, "{case}, remembered");
    }
}

#[test]
fn only_what_holds_is_remembered() {
    let authenticator = authenticator();
    let is_remembered = |token: &str| authenticator.bearer.cache.find(token.as_bytes()).is_some();
    let forged = format!("{}A", &token()[..token().len() - 1]);
    let expired = token_with(|claims| claims.token.expires = at(0));
    let unknown = token_with(|claims| claims.account = CredentialId(object(200)));
    for bad in [&*forged, &expired, &unknown, "abc"] {
        send(&authenticator, &[&format!("Bearer {bad}")], &credentials(), at(0)).unwrap_err();
        assert!(!is_remembered(bad), "{bad}");
    }
    send(&authenticator, &[&format!("Bearer {}", token())], &credentials(), at(0)).unwrap();
    assert!(is_remembered(&token()));
}

#[test]
fn a_refused_token_gets_the_bearer_line_alone_and_anything_else_gets_it_last() {
    let lines = |schemes: &[SchemeKind], refusal: Refusal| {
        let lines = authenticator().challenges(schemes, &refusal, at(0));
        let lines = lines.iter().map(|line| line.to_str().unwrap());
        // A nonce is another one each time.
        lines.map(|line| line.split(", domain").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let digest = format!("Digest realm=\"{REALM}\"");
    let plain = format!("Bearer realm=\"{REALM}\"");
    let invalid_token = format!("{plain}, error=\"invalid_token\"");
    let invalid_request = format!("{plain}, error=\"invalid_request\"");
    let refused_digest =
        Refusal::Refused { scheme: SchemeKind::Digest, reason: RefusalReason::WrongResponse };
    let all = [digest.clone(), digest, plain.clone()];
    let turned = [SchemeKind::Bearer, SchemeKind::Digest];
    assert_eq!(lines(SCHEMES, Refusal::NotPresented), all);
    assert_eq!(lines(&turned, Refusal::NotPresented), all, "whatever the order of trying");
    assert_eq!(lines(SCHEMES, refused_digest), all);
    assert_eq!(lines(&[SchemeKind::Digest], Refusal::NotPresented), all[..2]);
    assert_eq!(lines(&[SchemeKind::Bearer], Refusal::NotPresented), [plain]);
    for reason in RefusalReason::ALL {
        let error = match reason {
            RefusalReason::Malformed => &invalid_request,
            _ => &invalid_token,
        };
        for schemes in [SCHEMES, &turned, &[SchemeKind::Bearer]] {
            assert_eq!(lines(schemes, refused(reason)), [error.as_str()], "{reason}");
        }
    }
}

#[test]
fn what_is_presented_as_bearer_counts_as_bearer() {
    let good = format!("Bearer {}", token());
    for (lines, expected) in [
        (&[&*good][..], ("bearer", "verified")),
        (&["Bearer abc"], ("bearer", "foreign_token")),
        (&["Bearer"], ("bearer", "malformed")),
        (&[&good, &good], ("bearer", "malformed")),
        (&["Digest abc"], ("digest", "malformed")),
        (&["Digest abc", &good], ("digest", "malformed")),
        (&[], ("digest", "not_presented")),
        (&["Basic YTpi"], ("digest", "not_presented")),
    ] {
        let outcome = send(&authenticator(), lines, &credentials(), at(0));
        assert_eq!(labels(SCHEMES, &outcome), expected, "{lines:?}");
    }
}

#[test]
fn a_token_that_has_ended_counts_against_nobody_and_a_forged_one_does() {
    let known = Token { id: TokenId(object(2)), secret: SECRET, expires: at(HOUR), revoked: true };
    let mut gone = credentials();
    gone.remove_account(OrgId(object(9)), ACCOUNT);
    let good = format!("Bearer {}", token());
    let forged = format!("{}A", &good[..good.len() - 1]);
    for (case, line, then, now, counts) in [
        ("expired", &good, credentials(), at(HOUR), false),
        ("revoked", &good, credentials_with(|it| it.tokens = vec![known]), at(0), false),
        ("secret deleted", &good, credentials_with(|it| it.secrets.clear()), at(0), false),
        ("account deleted", &good, gone, at(0), false),
        ("forged", &forged, credentials(), at(0), true),
        ("no token", &"Bearer".to_owned(), credentials(), at(0), true),
    ] {
        let digest = Digest::new(digest::Settings::default(), NonceKey::from_bytes([1; 32]));
        let once = failures::Settings { capacity: 1, per_minute: 1 };
        let bearer = Bearer::new(Settings { tokens_cached: 16 });
        let authenticator = Authenticator::new(digest, bearer, Failures::new(once));
        for _ in 0..3 {
            send(&authenticator, &[line], &then, now).unwrap_err();
        }
        let after = send(&authenticator, &[&good], &credentials(), at(0));
        assert_eq!(after.is_err(), counts, "{case}: {after:?}");
    }
}

#[test]
fn a_route_that_takes_no_tokens_sees_none() {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {}", token()).try_into().unwrap());
    let presented =
        Presented { method: &Method::GET, target: "/", headers: &headers, certificate: None };
    let outcome = authenticator().authenticate(
        &[SchemeKind::Digest],
        &presented,
        client(),
        &credentials(),
        at(0),
    );
    assert_eq!(outcome, Err(Refusal::NotPresented));
}
