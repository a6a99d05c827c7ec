//! Nobody is verified but by a token that a known key has signed, for a live account, and that says what a token has to say.
//!
//! Input: a line that is a token's header, a line that is its claims, then lines that are `Authorization` headers. In those,
//! `$token` stands for a token that was issued, `$revoked` for one that was given back, and `$signed` for the first two
//! lines as a token, signed with the right key: without it the fuzzer would have to break SHA-256 to get anywhere.

#![no_main]

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Method};
use libfuzzer_sys::fuzz_target;
use portcullis::addr::ClientIp;
use portcullis::id::{CredentialId, ObjectId, OrgId, SecretId, SigningKeyId, TokenId};
use portcullis::identity::bearer::token::{self, Claims};
use portcullis::identity::bearer::{Bearer, Settings};
use portcullis::identity::digest::{self, Digest, NonceKey};
use portcullis::identity::failures::{self, Failures};
use portcullis::identity::{
    Authenticator, Credentials, KeyId, Presented, Principal, Refusal, Role, SchemeKind, Secret,
    SecretVerifier, ServiceAccount, SigningKey, SigningSecret, Token, TokenRef,
};
use portcullis::time::Timestamp;
use portcullis_fuzz::replace;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use sha2::Sha256;

fuzz_target!(|bytes: &[u8]| {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').take(5).collect();
    let [header, claims, rest @ ..] = &*lines else { return };
    let gate = Gate::new();
    let words: [(&[u8], Vec<u8>); 3] = [
        (b"$token", issued(TOKEN)),
        (b"$revoked", issued(REVOKED)),
        (b"$signed", signed(header, claims)),
    ];
    let mut headers = HeaderMap::new();
    for line in rest {
        let line = words.iter().fold(line.to_vec(), |line, (word, by)| replace(&line, word, by));
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            headers.append(AUTHORIZATION, value);
        }
    }
    let outcome = gate.present(&headers, NOW);
    match outcome {
        Ok(principal) => {
            assert_eq!((principal.credential, principal.org), (ACCOUNT, OrgId(ID)));
            assert_eq!(headers.len(), 1);
            is_right(headers[AUTHORIZATION].as_bytes());
            let ends = principal.token.expect("a token").expires;
            assert!(gate.present(&headers, ends).is_err(), "and it ends");
        }
        Err(refusal) => assert_eq!(refusal == Refusal::NotPresented, not_presented(&headers)),
    }
    assert_eq!(gate.present(&headers, NOW), outcome, "what is remembered changes nothing");
    gate.lets_in_who_was_given_a_token();
});

const ID: ObjectId = ObjectId::from_bytes([7; 12]);
const ACCOUNT: CredentialId = CredentialId(ID);
const SECRET: SecretId = SecretId(ObjectId::from_bytes([8; 12]));
const TOKEN: TokenId = TokenId(ObjectId::from_bytes([9; 12]));
const REVOKED: TokenId = TokenId(ObjectId::from_bytes([0xa; 12]));
const KEY: [u8; 32] = [5; 32];
const NOW: Timestamp = Timestamp::from_millis(1_785_000_000_000);
const LATER: Timestamp = Timestamp::from_millis(1_785_003_600_000);

/// A bearer scheme with one account and one signing key.
struct Gate {
    authenticator: Authenticator,
    credentials: Credentials,
}

impl Gate {
    fn new() -> Self {
        let digest = digest::Settings { nonces_remembered: 16, ..digest::Settings::default() };
        let digest = Digest::new(digest, NonceKey::from_bytes([9; 32]));
        let bearer = Bearer::new(Settings { tokens_cached: 16 });
        let mut credentials = Credentials::default();
        credentials.put_account(Arc::new(account()));
        credentials.put_signing_keys([key()].into());
        let failures = Failures::new(failures::Settings::OFF);
        Self { authenticator: Authenticator::new(digest, bearer, failures), credentials }
    }

    fn present(&self, headers: &HeaderMap, now: Timestamp) -> Result<Principal, Refusal> {
        let presented = Presented { method: &Method::GET, target: "/", headers, certificate: None };
        let (schemes, client) =
            ([SchemeKind::Bearer], ClientIp::from(IpAddr::from([192, 0, 2, 1])));
        self.authenticator.authenticate(&schemes, &presented, client, &self.credentials, now)
    }

    fn lets_in_who_was_given_a_token(&self) {
        for (token, is_let_in) in [(TOKEN, true), (REVOKED, false)] {
            let value = [b"Bearer ".as_slice(), &issued(token)].concat();
            let value = HeaderValue::from_bytes(&value).expect("a header value");
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            assert_eq!(self.present(&headers, NOW).is_ok(), is_let_in);
        }
    }
}

/// Checks that a header that was let in is one token, which says what it has to.
fn is_right(header: &[u8]) {
    let text = std::str::from_utf8(header).expect("what is let in is text");
    assert!(text[..7].eq_ignore_ascii_case("bearer "), "{text}");
    let token = text[7..].trim_start_matches(' ');
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = *parts else { panic!("{} parts", parts.len()) };
    let right = mac(format!("{header}.{claims}").as_bytes());
    assert_eq!(signature, URL_SAFE_NO_PAD.encode(right));
    let json = |part: &str| -> Value {
        let bytes = URL_SAFE_NO_PAD.decode(part).expect("what is let in is base64");
        serde_json::from_slice(&bytes).expect("what is let in is JSON")
    };
    let (header, claims) = (json(header), json(claims));
    assert_eq!(header["alg"], "HS256");
    assert_eq!(header["kid"], key().id.to_string());
    assert!(header["crit"].is_null());
    for name in ["iss", "aud"] {
        assert_eq!(claims[name], "portcullis");
    }
    assert_eq!(claims["sub"], format!("mdb_sa_id_{ACCOUNT}"));
    assert_eq!(claims["sid"], SECRET.to_string());
    assert_ne!(claims["jti"], REVOKED.to_string());
    assert!(claims["exp"].as_i64().is_some_and(|at| at > NOW.as_millis() / 1000));
}

fn not_presented(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().all(|line| {
        let word = line.as_bytes().split(|byte| b" \t".contains(byte)).next();
        !word.unwrap_or_default().eq_ignore_ascii_case(b"bearer")
    })
}

/// A token as the program issues it.
fn issued(id: TokenId) -> Vec<u8> {
    let token = TokenRef { id, secret: SECRET, expires: LATER };
    let claims = Claims { account: ACCOUNT, token, issued: NOW };
    let token = token::encode(&claims, &key()).expect("a token");
    token.expose_secret().as_bytes().to_vec()
}

/// A token of the input's own words, under the right key.
fn signed(header: &[u8], claims: &[u8]) -> Vec<u8> {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac(message.as_bytes()))).into_bytes()
}

fn mac(message: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(&KEY).expect("a key of any length");
    mac.chain_update(message).finalize().into_bytes().into()
}

fn key() -> SigningKey {
    let id = SigningKeyId(ObjectId::from_bytes([6; 12]));
    SigningKey { id, key: SigningSecret::from_bytes(KEY), created: NOW }
}

fn account() -> ServiceAccount {
    ServiceAccount {
        id: ACCOUNT,
        org: OrgId(ID),
        name: "fuzzed".into(),
        description: "fuzzed".into(),
        roles: [Role::Owner].into_iter().collect(),
        secrets: vec![Secret {
            id: SECRET,
            verifier: SecretVerifier { key: KeyId::from("0"), mac: [0; 32] },
            tail: "tail".into(),
            created: NOW,
            // Later than any token of the input's can be said to be in milliseconds.
            expires: Timestamp::from_millis(i64::MAX),
            last_used: None,
        }],
        tokens: vec![Token { id: REVOKED, secret: SECRET, expires: LATER, revoked: true }],
        created: NOW,
    }
}
