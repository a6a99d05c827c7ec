//! OAuth 2.0 as its clients meet it: tokens for a client id and a secret, how they are taken back, and when they end.

mod asking;
mod ending;
mod limits;
mod revoking;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portcullis::identity::Role;
use portcullis::time::Timestamp;
use serde_json::{Value, json};

use crate::harness::account::{bearer, post_form};
use crate::harness::client::Answer;
use crate::harness::gateway::clock_at;
use crate::harness::{Account, Client, Gateway, Options, Upstream};

const TOKEN: &str = "/api/oauth/token";

const REVOKE: &str = "/api/oauth/revoke";

/// 2026-07-25T17:20:00Z.
const NOON: i64 = 1_785_000_000_000;

const MINUTE: i64 = 60_000;

const HERE: &[&str] = &["127.0.0.1"];

fn gateway() -> Gateway {
    Gateway::start(Upstream::echo().address)
}

/// A gateway whose clock stands at noon.
fn at_noon(upstream: &Upstream, more: &str) -> Gateway {
    let clock = Some(clock_at(NOON));
    Gateway::with(upstream.address, Options { clock, more: more.to_owned(), ..Options::default() })
}

/// Moves the clock to so many minutes after noon.
fn minutes_after_noon(gateway: &Gateway, minutes: i64) {
    gateway.clock().set(Timestamp::from_millis(NOON + minutes * MINUTE));
}

/// The `Authorization` line of a client, its halves put together as they are.
fn basic(id: &str, secret: &str) -> String {
    format!("Authorization: Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// Sends a form from 127.0.0.1.
fn post(gateway: &Gateway, target: &str, lines: &[&str], form: &str) -> Answer {
    post_form(&mut Client::connect(gateway.admin()), target, lines, form)
}

/// The status of a request with a token through the proxy, and of one to the admin API.
fn on_both_planes(gateway: &Gateway, token: &str) -> (u16, u16) {
    let line = bearer(token);
    let proxied = gateway.client().request("GET", "/thing", &[&line], b"");
    let target = "/api/atlas/v1.0/orgs";
    let admin = Client::connect(gateway.admin()).request("GET", target, &[&line], b"");
    (proxied.status, admin.status)
}

/// Checks a refusal: its shape is OAuth's and never the API's.
#[track_caller]
fn refused(answer: &Answer, status: u16, error: &str, case: &str) {
    assert_eq!(answer.status, status, "{case}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{case}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    assert_eq!(answer.header("pragma"), Some("no-cache"), "{case}");
    assert_eq!(answer.header("x-error-code"), None, "{case}");
    let body = answer.json();
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["error", "error_description"], "{case}");
    assert_eq!(body["error"], error, "{case}");
    let challenge = (status == 401).then_some("Basic realm=\"MMS Public API\"");
    assert_eq!(answer.header("www-authenticate"), challenge, "{case}");
    assert_eq!(answer.header("retry-after").is_some(), status == 429, "{case}");
}

/// Takes a token back, by its own client.
fn revoke(gateway: &Gateway, account: &Account, token: &str) -> Answer {
    let line = basic(&account.client_id, &account.secret);
    post(gateway, REVOKE, &[&line], &format!("token={token}&token_type_hint=access_token"))
}

/// A part of a token, read as nobody but a test reads it: 0 is the header, 1 the claims.
fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
