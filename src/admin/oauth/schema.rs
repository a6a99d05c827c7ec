//! The JSON shapes of the endpoints: those that are written, and for the document alone, those of the forms that are read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;

use crate::admin::document::scalar;

/// An access token: RFC 6749, section 5.1.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessToken)]
pub(in crate::admin) struct WireToken<'a> {
    /// The token.
    #[schema(schema_with = scalar::token)]
    pub(super) access_token: &'a str,
    /// Seconds that it is good for.
    #[schema(schema_with = scalar::token_seconds)]
    pub(super) expires_in: u64,
    /// How it is presented.
    #[schema(schema_with = token_type)]
    pub(super) token_type: &'static str,
}

impl WireToken<'_> {
    /// The one type of token.
    pub(super) const BEARER: &'static str = "Bearer";
}

/// Why there is no token: RFC 6749, section 5.2.
#[derive(Serialize, ToSchema)]
#[schema(as = OAuthError)]
pub(in crate::admin) struct WireError<'a> {
    /// For programs.
    #[schema(schema_with = error)]
    pub(super) error: &'static str,
    /// For people.
    #[schema(schema_with = scalar::text)]
    pub(super) error_description: &'a str,
}

/// What asks for a token.
#[derive(Deserialize, ToSchema)]
#[schema(as = AccessTokenRequest)]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(in crate::admin) struct TokenRequest {
    /// The service account, where it is not in the header.
    #[schema(schema_with = scalar::client_id_or_empty, required = false)]
    client_id: String,
    /// Its secret, where it is not in the header.
    #[schema(schema_with = scalar::text, required = false)]
    client_secret: String,
    #[schema(schema_with = grant_type)]
    grant_type: String,
    /// Makes no difference: a token may do what its account may.
    #[schema(schema_with = scalar::text, required = false)]
    scope: String,
    /// Any other makes no difference, and comes once, as each has to (RFC 6749, section 3.2).
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

/// What revokes a token.
#[derive(Deserialize, ToSchema)]
#[schema(as = AccessTokenRevocation)]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(in crate::admin) struct RevocationRequest {
    /// The service account, where it is not in the header.
    #[schema(schema_with = scalar::client_id_or_empty, required = false)]
    client_id: String,
    /// Its secret, where it is not in the header.
    #[schema(schema_with = scalar::text, required = false)]
    client_secret: String,
    /// The token.
    #[schema(min_length = 1)]
    token: String,
    /// Makes no difference: there is one kind of token.
    #[schema(schema_with = scalar::text, required = false)]
    token_type_hint: String,
    /// Any other makes no difference, and comes once, as each has to (RFC 6749, section 3.2).
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

fn grant_type() -> ObjectBuilder {
    scalar::text().enum_values(Some(["client_credentials"]))
}

fn token_type() -> ObjectBuilder {
    scalar::text().enum_values(Some([WireToken::BEARER]))
}

fn error() -> ObjectBuilder {
    scalar::text().enum_values(Some([
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "rate_limited",
        "server_error",
        "unsupported_grant_type",
    ]))
}
