//! Nobody is verified but by the right response to a nonce of ours, for this method and target, once.
//!
//! Input: a line `METHOD target`, then lines that are `Authorization` headers. In those, `$nonce` stands for a nonce
//! that was just issued, and `$response` for the right response to what else the header says: without them
//! the fuzzer would have to break MD5 to get anywhere.

#![no_main]

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Method};
use libfuzzer_sys::fuzz_target;
use portcullis::addr::ClientIp;
use portcullis::id::{CredentialId, ObjectId, OrgId};
use portcullis::identity::bearer::{self, Bearer};
use portcullis::identity::digest::{Digest, NonceKey, Settings};
use portcullis::identity::failures::{self, Failures};
use portcullis::identity::{
    ApiKey, Authenticator, Credentials, Ha1, Presented, Principal, PublicKey, Refusal,
    RefusalReason, Role, SchemeKind,
};
use portcullis::time::Timestamp;
use portcullis_fuzz::client::{Answer, Pair, REALM, parameters, unescape};
use portcullis_fuzz::first_line;

fuzz_target!(|bytes: &[u8]| {
    let Some((line, rest)) = first_line(bytes) else { return };
    let Some((method, target)) = line.split_once(' ') else { return };
    let Ok(method) = method.parse::<Method>() else { return };
    let gate = Gate::new(method, target);
    let lines: Vec<Vec<u8>> =
        rest.split(|byte| *byte == b'\n').take(3).map(|line| gate.fill_in(line)).collect();
    let mut headers = HeaderMap::new();
    for value in lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        headers.append(AUTHORIZATION, value);
    }
    match gate.present(&headers) {
        Ok(principal) => {
            assert_eq!(principal.credential, CREDENTIAL);
            assert_eq!(headers.len(), 1);
            gate.is_right(headers[AUTHORIZATION].as_bytes());
            gate.is_replay(&headers);
        }
        Err(refusal) => assert_eq!(refusal == Refusal::NotPresented, not_presented(&headers)),
    }
    gate.lets_in_who_knows_the_key(&lines[0]);
});

const ID: ObjectId = ObjectId::from_bytes([7; 12]);
const CREDENTIAL: CredentialId = CredentialId(ID);
const NOW: Timestamp = Timestamp::from_millis(1_785_000_000_000);

/// A digest scheme with one key and one nonce, and the request that wants in.
struct Gate<'a> {
    authenticator: Authenticator,
    credentials: Credentials,
    pair: Pair,
    nonce: Vec<u8>,
    method: Method,
    target: &'a str,
}

impl<'a> Gate<'a> {
    fn new(method: Method, target: &'a str) -> Self {
        let settings = Settings { nonces_remembered: 16, ..Settings::default() };
        let digest = Digest::new(settings, NonceKey::from_bytes([9; 32]));
        let bearer = Bearer::new(bearer::Settings { tokens_cached: 16 });
        let failures = Failures::new(failures::Settings::OFF);
        let authenticator = Authenticator::new(digest, bearer, failures);
        let challenges =
            authenticator.challenges(&[SchemeKind::Digest], &Refusal::NotPresented, NOW);
        assert_eq!(challenges.len(), 2);
        let challenge = parameters(challenges[0].as_bytes()).expect("a challenge is well formed");
        let nonce = challenge.into_iter().find(|(name, _)| name == "nonce").expect("a nonce").1;
        let pair = Pair {
            public: "abcdefgh".to_owned(),
            private: "4f0e6cc4-6b4f-4a30-9d35-1f4b1a0a7d11".to_owned(),
        };
        let mut credentials = Credentials::default();
        credentials.put_key(Arc::new(api_key(&pair)));
        Self { authenticator, credentials, pair, nonce, method, target }
    }

    fn present(&self, headers: &HeaderMap) -> Result<Principal, Refusal> {
        let presented =
            Presented { method: &self.method, target: self.target, headers, certificate: None };
        let schemes = [SchemeKind::Digest];
        let client = ClientIp::from(IpAddr::from([192, 0, 2, 1]));
        self.authenticator.authenticate(&schemes, &presented, client, &self.credentials, NOW)
    }

    fn fill_in(&self, line: &[u8]) -> Vec<u8> {
        let with_nonce = replace(line, b"$nonce", &self.nonce);
        match self.right_response(&with_nonce) {
            Some(response) => replace(&with_nonce, b"$response", response.as_bytes()),
            None => with_nonce,
        }
    }

    /// The response that belongs to everything else that a header says.
    fn right_response(&self, header: &[u8]) -> Option<String> {
        let said = Said(parameters(header)?);
        self.pair.response(&Answer {
            algorithm: said.any("algorithm").unwrap_or(b"MD5"),
            method: self.method.as_str(),
            target: self.target,
            nonce: said.any("nonce")?,
            nc: said.any("nc")?,
            cnonce: said.any("cnonce")?,
        })
    }

    /// Checks that a header which was let in says what it has to, once.
    fn is_right(&self, header: &[u8]) {
        let said = Said(parameters(header).expect("what is let in is well formed"));
        assert_eq!(said.one("username"), self.pair.public.as_bytes());
        assert_eq!(said.one("nonce"), self.nonce);
        assert_eq!(said.one("qop"), b"auth");
        assert_eq!(unescape(said.one("realm")), REALM.as_bytes());
        assert_eq!(unescape(said.one("uri")), self.target.as_bytes());
        let response = String::from_utf8_lossy(said.one("response")).to_lowercase();
        assert_eq!(Some(response), self.right_response(header));
        assert!(said.one("nc").len() == 8 && said.one("nc") != b"00000000");
        said.one("cnonce");
    }

    fn is_replay(&self, headers: &HeaderMap) {
        let digest = SchemeKind::Digest;
        let replayed = Refusal::Refused { scheme: digest, reason: RefusalReason::Replayed };
        assert_eq!(self.present(headers), Err(replayed));
    }

    /// Whatever the target, and whatever is made of the input as a client's nonce.
    fn lets_in_who_knows_the_key(&self, input: &[u8]) {
        let fits = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\".contains(byte);
        let cnonce: Vec<u8> = input.iter().copied().filter(fits).take(64).collect();
        for (algorithm, nc) in [("MD5", "000000a1"), ("sha-256", "000000A2")] {
            let answer = Answer {
                algorithm: algorithm.as_bytes(),
                method: self.method.as_str(),
                target: self.target,
                nonce: &self.nonce,
                nc: nc.as_bytes(),
                cnonce: &cnonce,
            };
            let header =
                self.pair.authorization(&answer).map(|text| HeaderValue::from_bytes(&text));
            let Some(Ok(header)) = header else { return };
            if header.len() > 4096 {
                return;
            }
            let headers = HeaderMap::from_iter([(AUTHORIZATION, header)]);
            // The input may have used this count; then it is a replay.
            match self.present(&headers) {
                Ok(principal) => assert_eq!(principal.credential, CREDENTIAL),
                Err(refusal) => assert!(refusal.is_stale(), "{refusal}"),
            }
            assert!(self.present(&headers).is_err_and(|refusal| refusal.is_stale()));
        }
    }
}

/// What a header says.
struct Said(Vec<(String, Vec<u8>)>);

impl Said {
    fn any(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(said, _)| said == name).map(|(_, value)| &**value)
    }

    fn one(&self, name: &str) -> &[u8] {
        assert_eq!(self.0.iter().filter(|(said, _)| said == name).count(), 1, "{name}");
        self.any(name).unwrap_or_default()
    }
}

fn not_presented(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().all(|line| {
        let word = line.as_bytes().split(|byte| b" \t".contains(byte)).next();
        !word.unwrap_or_default().eq_ignore_ascii_case(b"digest")
    })
}

fn api_key(pair: &Pair) -> ApiKey {
    let public_key = PublicKey::parse(&pair.public).expect("eight letters");
    ApiKey {
        id: CREDENTIAL,
        org: OrgId(ID),
        public_key,
        description: "fuzzed".into(),
        roles: [Role::Owner].into_iter().collect(),
        private_key_tail: "1f4b1a0a7d11".into(),
        ha1: Ha1::new(public_key, &pair.private),
        created: NOW,
    }
}

/// The first `word` of `text` replaced.
fn replace(text: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    match text.windows(word.len()).position(|part| part == word) {
        Some(at) => [&text[..at], by, &text[at + word.len()..]].concat(),
        None => text.to_vec(),
    }
}
