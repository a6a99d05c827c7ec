//! The OAuth 2.0 endpoints: access tokens for client credentials (RFC 6749, section 4.4), and their revocation (RFC 7009).
//!
//! They stand beside the API, not in it: clients authenticate here by a secret and not by a credential of the API's, from any
//! address, since no list is asked before a token is used; and their errors have the shape that OAuth gives them.
//!
//! | step | refused with |
//! |---|---|
//! | method | 405 |
//! | client address, authority, form | 400, 408, 413 |
//! | client | 401; 429 where too many from the address were refused |
//! | rate, which only a right secret spends | 429 |
//! | grant type, token | 400 |
//! | live tokens | 429 |
//!
//! Invariants
//! - A secret is compared in constant time, and a client that does not exist costs what one costs that does.
//! - A token is stored before it is told, and a revocation before it is answered.
//!
//! Not here: how a token is written (`identity::bearer`), when it holds (`identity`), what is kept of it (`control`).

mod client;
pub(super) mod form;
mod refusal;
pub(super) mod schema;

use std::panic::AssertUnwindSafe;

use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt as _;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, PRAGMA};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;

use super::body::BodyError;
use super::rate::{Allowance, RateBucket};
use super::table::{self, Access, Operation};
use super::{AdminState, caller};
use crate::identity::bearer::token::{self, Claims};
use client::Client;
use form::{Form, FormError};
use refusal::Refusal;
use schema::WireToken;

/// What may be asked for here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Endpoint {
    /// `POST /api/oauth/token`
    Token,
    /// `POST /api/oauth/revoke`
    Revocation,
}

impl Endpoint {
    /// The endpoint at `path`, which is as the client sent it. A `/` at the end changes nothing.
    pub(super) fn at(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let row = table::rows().find(|row| row.access == Access::Client && row.path == path)?;
        match row.operation {
            Operation::IssueToken => Some(Self::Token),
            Operation::RevokeToken => Some(Self::Revocation),
            _ => None,
        }
    }
}

/// Answers a request to an endpoint. A panic is a defect of ours, and ends in a 500.
pub(super) async fn handle(
    endpoint: Endpoint,
    state: &AdminState,
    head: &Parts,
    body: Body,
    request_id: &str,
) -> Response {
    let outcome = AssertUnwindSafe(answer(endpoint, state, head, body)).catch_unwind().await;
    outcome.unwrap_or(Err(Refusal::Panicked)).unwrap_or_else(|refusal| {
        refusal.log(request_id, &head.method);
        refusal.into_response()
    })
}

async fn answer(
    endpoint: Endpoint,
    state: &AdminState,
    head: &Parts,
    body: Body,
) -> Result<Response, Refusal> {
    if head.method != Method::POST {
        return Err(Refusal::Method);
    }
    let address = caller::address(state, head).map_err(|error| Refusal::Request(error.into()))?;
    let now = state.clock.now();
    caller::authority(head, now).map_err(|error| Refusal::Request(Box::new(error)))?;
    // From anybody: who sends it byte by byte has no more time than who sends nothing.
    let patience = state.settings.listener.limits.stall_timeout;
    let form = timeout(patience, Form::read(&head.headers, body)).await;
    let form = form.map_err(|_| FormError::Body(BodyError::Slow)).flatten()?;
    let client = Client::identify(state, &head.headers, &form, address)?;
    match endpoint {
        Endpoint::Token => grant(state, &client, &form).await,
        Endpoint::Revocation => revoke(state, &client, &form).await,
    }
}

/// Gives a token. What scope is asked for makes no difference: a token may do what its account may.
async fn grant(state: &AdminState, client: &Client, form: &Form) -> Result<Response, Refusal> {
    let account = &client.account;
    let allowance = state.rate_limits.spend(RateBucket::Token, account.org, account.id)?;
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => return Err(Refusal::GrantType),
        None => return Err(Refusal::Missing("grant_type")),
    }
    let granted = state.control.issue_token(account.id, client.secret).await;
    let granted = granted.map_err(|source| Refusal::Command { source, now: state.clock.now() })?;
    let given = granted.token;
    let claims = Claims { account: granted.account, token: given.into(), issued: granted.issued };
    let text = token::encode(&claims, &granted.key)?;
    let body = WireToken {
        access_token: text.expose_secret(),
        expires_in: given.expires.since(granted.issued).as_secs(),
        token_type: WireToken::BEARER,
    };
    Ok(document(StatusCode::OK, &body, allowance))
}

/// Takes a token back. One that holds no more, or that nobody knows, is as good as taken back; what kind of token the client
/// takes it for makes no difference, since there is one kind.
async fn revoke(state: &AdminState, client: &Client, form: &Form) -> Result<Response, Refusal> {
    let text = form.token.as_ref().ok_or(Refusal::Missing("token"))?;
    let snapshot = state.control.snapshot();
    let keys = snapshot.credentials.verifying_keys(state.clock.now());
    let claims = token::decode(text.expose_secret().as_bytes(), keys);
    drop(snapshot); // Or it would be held while the change waits for its turn.
    if let Ok(claims) = claims {
        if claims.account != client.account.id {
            return Err(Refusal::ForeignToken);
        }
        let revoked = state.control.revoke_token(claims.account, claims.token).await;
        revoked.map_err(|source| Refusal::Command { source, now: state.clock.now() })?;
    }
    Ok(Response::new(Body::empty()))
}

/// A JSON document, which no cache of any age may keep.
fn document(
    status: StatusCode,
    body: &impl serde::Serialize,
    allowance: Option<Allowance>,
) -> Response {
    let text = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    insert_static(headers, PRAGMA, "no-cache");
    if let Some(allowance) = allowance {
        allowance.add_headers(headers);
    }
    response
}

fn insert_static(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_found_with_a_slash_at_its_end_and_nowhere_else() {
        for (path, endpoint) in [
            ("/api/oauth/token", Some(Endpoint::Token)),
            ("/api/oauth/token/", Some(Endpoint::Token)),
            ("/api/oauth/revoke", Some(Endpoint::Revocation)),
            ("/api/oauth/revoke/", Some(Endpoint::Revocation)),
            ("/api/oauth/token//", None),
            ("/api/oauth/%74oken", None),
            ("/api/oauth", None),
            ("/api/atlas/v2/oauth/token", None),
        ] {
            assert_eq!(Endpoint::at(path), endpoint, "{path}");
        }
    }
}
