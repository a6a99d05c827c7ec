//! What does a digest cost the request that carries it?
//!
//! Unit: time per call, one thread. Held fixed: 1,000 keys; a request target of 39 bytes; the header as curl writes it, 300 to
//! 330 bytes; one nonce, fresh, with a count that was not used before (made outside the measurement).
//! `verify` is all of [`Authenticator::authenticate`]: header, nonce, key, response, replay table. `challenge` makes both
//! lines of a 401, its nonce and the random bytes in it included.
//!
//! `failures` is what the limit of failures adds to every credential, of whatever scheme, and to a refused one.
//!
//! Budget for a digest check: 2 µs, target 1 µs. The baselines are what it cannot go below: the hashing alone.

#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use md5::Md5;
use portcullis::addr::ClientIp;
use portcullis::id::{CredentialId, ObjectId, OrgId};
use portcullis::identity::bearer::{self, Bearer};
use portcullis::identity::digest::{Digest, NonceKey, REALM, Settings};
use portcullis::identity::failures::{self, Failures};
use portcullis::identity::{
    ApiKey, Authenticator, Credentials, Ha1, Presented, PublicKey, Refusal, Roles, SchemeKind,
};
use portcullis::time::Timestamp;
use sha2::{Digest as Hash, Sha256};

const NOW: Timestamp = Timestamp::from_millis(1_785_000_000_000);
const TARGET: &str = "/api/atlas/v2/orgs?pageNum=1&name=a%20b";
const PRIVATE_KEY: &str = "f6a3c1d0-6f1a-4c86-9a51-0a4f3f1f9d2e";
const CNONCE: &str = "ZTA2ZjdhNjU2ZTRmZjE0NzQ5ZGVlNmY1ZjhmM2MyYzE=";
const UNKNOWN: &str = "zzzzzzzz";
const SCHEMES: &[SchemeKind] = &[SchemeKind::Digest];

fn public_key(number: u32) -> String {
    (0..8).map(|place| char::from(b'a' + (number >> (4 * place) & 0xf) as u8)).collect()
}

fn credentials() -> Credentials {
    let mut credentials = Credentials::default();
    for number in 0_u32..1_000 {
        let public_key = PublicKey::parse(&public_key(number)).expect("eight letters");
        let mut id = [0; 12];
        id[..4].copy_from_slice(&number.to_be_bytes());
        credentials.put_key(Arc::new(ApiKey {
            id: CredentialId(ObjectId::from_bytes(id)),
            org: OrgId(ObjectId::from_bytes([1; 12])),
            public_key,
            description: "a key".into(),
            roles: Roles::default(),
            private_key_tail: "0a4f3f1f9d2e".into(),
            ha1: Ha1::new(public_key, PRIVATE_KEY),
            created: NOW,
        }));
    }
    credentials
}

fn hex<H: Hash>(text: &str) -> String {
    H::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The headers of a client that counts up on one nonce.
fn headers<H: Hash>(user: &str, algorithm: &str, nonce: &str, count: u32) -> HeaderMap {
    let ha1 = hex::<H>(&format!("{user}:{REALM}:{PRIVATE_KEY}"));
    let ha2 = hex::<H>(&format!("GET:{TARGET}"));
    let response = hex::<H>(&format!("{ha1}:{nonce}:{count:08x}:{CNONCE}:auth:{ha2}"));
    let value = format!(
        r#"Digest username="{user}",realm="{REALM}",nonce="{nonce}",uri="{TARGET}",cnonce="{CNONCE}",nc={count:08x},algorithm={algorithm},response="{response}",qop="auth""#
    );
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::try_from(value).expect("a header value"));
    headers
}

fn nonce_of(authenticator: &Authenticator) -> String {
    let lines = authenticator.challenges(SCHEMES, &Refusal::NotPresented, NOW);
    let line = lines[0].to_str().expect("text");
    line.split("nonce=\"").nth(1).expect("a nonce")[..32].to_owned()
}

fn authenticator(digest: Digest, limit: failures::Settings) -> Authenticator {
    Authenticator::new(digest, Bearer::new(bearer::Settings::default()), Failures::new(limit))
}

fn verify<H: Hash>(criterion: &mut Criterion, algorithm: &str, user: &str, name: &str) {
    let digest = Digest::new(Settings::default(), NonceKey::from_bytes([7; 32]));
    // As the program has it, but an unknown key would soon not be looked at any more.
    let known = user != UNKNOWN;
    let limit = if known { failures::Settings::default() } else { failures::Settings::OFF };
    let authenticator = authenticator(digest, limit);
    let (credentials, client) = (credentials(), ClientIp::from(IpAddr::from([192, 0, 2, 1])));
    let nonce = nonce_of(&authenticator);
    let mut count = 0;
    criterion.bench_function(name, |bencher| {
        bencher.iter_batched_ref(
            || {
                count += 1;
                headers::<H>(user, algorithm, &nonce, count)
            },
            |headers| {
                let presented =
                    Presented { method: &Method::GET, target: TARGET, headers, certificate: None };
                let outcome =
                    authenticator.authenticate(SCHEMES, &presented, client, &credentials, NOW);
                assert_eq!(outcome.is_ok(), known, "{outcome:?}");
            },
            BatchSize::SmallInput,
        );
    });
}

/// The two hashes that no implementation can spare.
fn baseline<H: Hash>(criterion: &mut Criterion, name: &str) {
    let ha1 = hex::<H>("user:realm:password");
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            let ha2 = H::digest(black_box("GET:/api/atlas/v2/orgs?pageNum=1&name=a%20b"));
            let mut outer = H::new();
            outer.update(&ha1);
            outer.update(black_box(":0123456789abcdef0123456789abcdef:00000001:"));
            outer.update(CNONCE);
            outer.update(":auth:");
            outer.update(&ha1); // As long as the digits of `ha2`.
            (ha2, outer.finalize())
        });
    });
}

fn digest(criterion: &mut Criterion) {
    let known = public_key(500);
    verify::<Md5>(criterion, "MD5", &known, "digest/verify/md5/known_key");
    verify::<Sha256>(criterion, "SHA-256", &known, "digest/verify/sha256/known_key");
    verify::<Md5>(criterion, "MD5", UNKNOWN, "digest/verify/md5/unknown_key");
    baseline::<Md5>(criterion, "hashing_alone/md5");
    baseline::<Sha256>(criterion, "hashing_alone/sha256");

    let scheme = Digest::new(Settings::default(), NonceKey::from_bytes([7; 32]));
    let authenticator = authenticator(scheme, failures::Settings::default());
    criterion.bench_function("digest/challenge", |bencher| {
        bencher.iter(|| authenticator.challenges(SCHEMES, &Refusal::NotPresented, black_box(NOW)));
    });
}

/// What the limit of failures costs: the look before a credential is judged, and the count after it was refused.
fn failures(criterion: &mut Criterion) {
    let failures = Failures::new(failures::Settings::default());
    for (family, address) in [("v4", "192.0.2.1"), ("v6", "2001:db8::1")] {
        let client = ClientIp::from(address.parse::<IpAddr>().expect("an address"));
        criterion.bench_function(&format!("failures/check/{family}"), |bencher| {
            bencher.iter(|| failures.check(black_box(client), black_box(NOW)));
        });
        criterion.bench_function(&format!("failures/count/{family}"), |bencher| {
            bencher.iter(|| failures.count(black_box(client), black_box(NOW)));
        });
    }
}

criterion_group!(benches, digest, failures);
criterion_main!(benches);
