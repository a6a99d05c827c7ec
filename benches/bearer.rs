//! What does an access token cost the request that carries it?
//!
//! Unit: time per call, one thread. Held fixed: tokens as they are issued, 450 bytes; one secret and ten known tokens to each
//! account; a table of 2^20 places, so that every token is remembered. Each call is all of [`Authenticator::authenticate`], of the
//! next of so many accounts by turns: header, table, signing key, account, secret and revocations. The routes' default
//! schemes are asked, digest first. Headers are copied right before, as they would just have been read from a connection;
//! everything else of an account is as cold as its turn makes it.
//!
//! - `cached`: a token that was let in before; `1_hot` is one token again and again.
//! - `uncached`: a good token that is seen for the first time, by an authenticator whose table has 16 places: header, JSON,
//!   signature, and a place in the table.
//! - `unknown`: a token whose signature is wrong, which is what a flood of them would cost from addresses without number: the
//!   limit of failures is off.
//!
//! Budget for a cached token: 500 ns, target 200 ns. The baselines are what cannot be spared: the comparison of two texts in
//! constant time, and for an uncached token the MAC alone.

#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::cell::LazyCell;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use portcullis::addr::ClientIp;
use portcullis::id::{CredentialId, ObjectId, OrgId, SecretId, SigningKeyId, TokenId};
use portcullis::identity::bearer::token::{self, Claims};
use portcullis::identity::bearer::{Bearer, Settings};
use portcullis::identity::digest::{self, Digest, NonceKey};
use portcullis::identity::failures::{self, Failures};
use portcullis::identity::{
    Authenticator, Credentials, KeyId, Presented, Roles, SchemeKind, Secret, SecretVerifier,
    ServiceAccount, SigningKey, SigningSecret, Token, TokenRef,
};
use portcullis::time::Timestamp;
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

const NOW: Timestamp = Timestamp::from_millis(1_785_000_000_000);
const LATER: Timestamp = Timestamp::from_millis(1_785_003_600_000);
const SCHEMES: &[SchemeKind] = &[SchemeKind::Digest, SchemeKind::Bearer];
const KEY: [u8; 32] = [7; 32];

/// Of several ids of one account, the one for `use_`.
fn object(number: u32, use_: u8) -> ObjectId {
    let mut bytes = [use_; 12];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

fn token_of(number: u32) -> TokenRef {
    let (id, secret) = (TokenId(object(number, 5)), SecretId(object(number, 2)));
    TokenRef { id, secret, expires: LATER }
}

fn account(number: u32) -> ServiceAccount {
    let TokenRef { id, secret, expires } = token_of(number);
    let known = |use_| Token { id: TokenId(object(number, use_)), secret, expires, revoked: false };
    let mut account = ServiceAccount {
        id: CredentialId(object(number, 1)),
        org: OrgId(object(0, 9)),
        name: "robot".into(),
        description: "turns".into(),
        roles: Roles::default(),
        secrets: vec![Secret {
            id: secret,
            verifier: SecretVerifier { key: KeyId::from("0"), mac: [0; 32] },
            tail: "tail".into(),
            created: NOW,
            expires: LATER,
            last_used: None,
        }],
        tokens: Vec::new(),
        created: NOW,
    };
    for use_ in 20..30 {
        account.put_token(known(use_));
    }
    account.put_token(Token { id, ..known(0) });
    account
}

/// So many accounts, and the header of each one's token.
fn house(accounts: u32) -> (Credentials, Vec<HeaderMap>) {
    let key = SigningKey {
        id: SigningKeyId(object(0, 6)),
        key: SigningSecret::from_bytes(KEY),
        created: NOW,
    };
    let mut credentials = Credentials::default();
    credentials.put_signing_keys([key.clone()].into());
    let header = |number| {
        credentials.put_account(Arc::new(account(number)));
        let account = CredentialId(object(number, 1));
        let claims = Claims { account, token: token_of(number), issued: NOW };
        let token = token::encode(&claims, &key).expect("a token");
        headers(token.expose_secret())
    };
    let headers = (0..accounts).map(header).collect();
    (credentials, headers)
}

fn headers(token: &str) -> HeaderMap {
    let value = HeaderValue::try_from(format!("Bearer {token}")).expect("a header value");
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

fn authenticator(tokens_cached: usize) -> Authenticator {
    let digest = Digest::new(digest::Settings::default(), NonceKey::from_bytes([7; 32]));
    let failures = Failures::new(failures::Settings::OFF);
    Authenticator::new(digest, Bearer::new(Settings { tokens_cached }), failures)
}

fn is_let_in(
    authenticator: &Authenticator,
    credentials: &Credentials,
    headers: &HeaderMap,
) -> bool {
    let presented = Presented { method: &Method::GET, target: "/", headers, certificate: None };
    let client = ClientIp::from(IpAddr::from([192, 0, 2, 1]));
    authenticator.authenticate(SCHEMES, &presented, client, credentials, NOW).is_ok()
}

/// One call with each of `headers` by turns.
fn by_turns<'a>(
    criterion: &mut Criterion,
    name: &str,
    expected: bool,
    setup: impl Fn() -> (Authenticator, &'a Credentials, &'a [HeaderMap]),
) {
    let setup = LazyCell::new(setup);
    criterion.bench_function(name, |bencher| {
        let (authenticator, credentials, headers) = &*setup;
        let mut turns = headers.iter().cycle();
        bencher.iter_batched_ref(
            || turns.next().expect("headers").clone(),
            |headers| {
                let let_in = is_let_in(authenticator, credentials, black_box(headers));
                assert_eq!(let_in, expected);
            },
            BatchSize::NumIterations(32),
        );
    });
}

/// The header with another letter in the middle of the token's signature.
fn forged(headers: &HeaderMap) -> HeaderMap {
    let mut value = headers[AUTHORIZATION].as_bytes().to_vec();
    let at = value.len() - 20;
    value[at] = if value[at] == b'A' { b'B' } else { b'A' };
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_bytes(&value).expect("a value"))])
}

fn bearer(criterion: &mut Criterion) {
    for (accounts, size) in [(1_000, "1k_accounts"), (100_000, "100k_accounts")] {
        let house = LazyCell::new(|| house(accounts));
        let remembered = |most| {
            let (credentials, headers) = &*house;
            let (authenticator, headers) = (authenticator(1 << 20), &headers[..most]);
            assert!(headers.iter().all(|headers| is_let_in(&authenticator, credentials, headers)));
            (authenticator, credentials, headers)
        };
        let all = accounts as usize;
        by_turns(criterion, &format!("bearer/cached/{size}"), true, || remembered(all));
        by_turns(criterion, &format!("bearer/cached/1_hot/{size}"), true, || remembered(1));
        by_turns(criterion, &format!("bearer/uncached/{size}"), true, || {
            (authenticator(16), &house.0, &house.1)
        });
        let unknown: LazyCell<Vec<_>, _> = LazyCell::new(|| house.1.iter().map(forged).collect());
        by_turns(criterion, &format!("bearer/unknown/{size}"), false, || {
            (authenticator(16), &house.0, &unknown)
        });
    }
}

fn baselines(criterion: &mut Criterion) {
    let (_, headers) = house(1);
    let text = headers[0][AUTHORIZATION].as_bytes();
    let same = text.to_vec();
    criterion.bench_function("comparison_alone/subtle_by_bytes", |bencher| {
        bencher.iter(|| bool::from(black_box(text).ct_eq(black_box(&same))));
    });
    criterion.bench_function("mac_alone", |bencher| {
        bencher.iter(|| {
            let mac = Hmac::<Sha256>::new_from_slice(&KEY).expect("a key of any length");
            mac.chain_update(black_box(&text[7..text.len() - 44])).finalize()
        });
    });
}

criterion_group!(benches, bearer, baselines);
criterion_main!(benches);
