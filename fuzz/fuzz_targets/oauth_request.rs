//! Only who presents a secret, and in one way, gets a token or ends one; and whoever does gets just that.
//!
//! Input: a line with the endpoint (`token` or `revoke`), then headers, `name: value`, an empty line, and the form. `$id`,
//! `$secret`, `$basic` (both in Base64) and `$token` stand for what the service account has: without them the fuzzer would
//! have to guess 240 bits to get anywhere.

#![no_main]

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode, Uri};
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;
use portcullis::snapshot::Snapshot;
use portcullis_fuzz::house::House;
use portcullis_fuzz::{first_line, headers, replace};

/// A house, and a token that was issued in it.
struct Furnished {
    house: House,
    token: String,
}

impl Furnished {
    fn new() -> Self {
        let house = House::new();
        let token = house.token();
        Self { house, token }
    }
}

thread_local! {
    static HOUSE: RefCell<Furnished> = RefCell::new(Furnished::new());
}

fuzz_target!(|bytes: &[u8]| {
    HOUSE.with_borrow_mut(|furnished| {
        let Furnished { house, token } = &*furnished;
        let Some((endpoint, rest)) = first_line(bytes) else { return };
        let target = match endpoint {
            "token" => Uri::from_static("/api/oauth/token"),
            "revoke" => Uri::from_static("/api/oauth/revoke"),
            _ => return,
        };
        let (id, secret) = (house.account.client_id(), &house.account.secret);
        let basic = STANDARD.encode(format!("{id}:{secret}"));
        let words = [("$id", &id), ("$secret", secret), ("$basic", &basic), ("$token", token)];
        let rest = words
            .iter()
            .fold(rest.to_vec(), |rest, (word, by)| replace(&rest, word.as_bytes(), by.as_bytes()));
        let end = rest.windows(2).position(|two| two == b"\n\n").unwrap_or(rest.len());
        let headers = headers(&rest[..end]);
        let form = rest.get(end + 2..).unwrap_or_default();
        let presented = in_header(&headers, &id, secret) ^ in_form(form, &id, secret);
        let before = house.snapshot();
        let heard = house.send(&Method::POST, &target, headers, form);
        house.check(&Method::POST, &target, &heard, &before);
        let after = house.snapshot();
        let (was, is) = (live_tokens(house, &before), live_tokens(house, &after));
        match (endpoint, heard.status) {
            (_, StatusCode::UNAUTHORIZED) => assert_eq!(was, is),
            ("token", StatusCode::OK) => assert!(presented && is == was + 1, "{heard:?}"),
            ("revoke", StatusCode::OK) => assert!(presented && (is == was || is == was - 1)),
            _ => assert_eq!(was, is, "{heard:?}"),
        }
        if !house.is_new(&before) {
            *furnished = Furnished::new();
        }
    });
});

fn live_tokens(house: &House, snapshot: &Snapshot) -> usize {
    let account = snapshot.credentials.account(house.org, house.account.id).expect("it stays");
    account.tokens.iter().filter(|token| !token.revoked).count()
}

/// Whether the one `Authorization` line is Basic and says both, read by nothing of the program.
fn in_header(headers: &HeaderMap, id: &str, secret: &str) -> bool {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let words = line.as_bytes().split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let [scheme, pair] = *words.collect::<Vec<_>>() else { return false };
    let Ok(pair) = STANDARD.decode(pair) else { return false };
    let Ok(pair) = String::from_utf8(pair) else { return false };
    let Some((left, right)) = pair.split_once(':') else { return false };
    scheme.eq_ignore_ascii_case(b"basic") && decoded(left) == id && decoded(right) == secret
}

/// Whether the form says both.
fn in_form(form: &[u8], id: &str, secret: &str) -> bool {
    let form = String::from_utf8_lossy(form);
    let pairs: Vec<_> = form.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let says = |name: &str, value: &str| {
        pairs.iter().any(|(left, right)| decoded(left) == name && decoded(right) == value)
    };
    says("client_id", id) && says("client_secret", secret)
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}
