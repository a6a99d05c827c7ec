//! The rows of the token endpoints.

use http::StatusCode;

use super::{Access, Answers, Operation, Place, Row, Shape, Verb};
use crate::admin::oauth::schema;
use crate::admin::query::Known;
use crate::admin::rate::RateBucket;

pub(super) const ROWS: &[Row] = &[
    Row {
        operation: Operation::IssueToken,
        id: "issueAccessToken",
        method: Verb::Post,
        place: Place::Fixed,
        path: "/api/oauth/token",
        access: Access::Client,
        bucket: Some(RateBucket::Token),
        versions: &[],
        query: Known::Nothing,
        body: Some(Shape::of::<schema::TokenRequest>()),
        status: StatusCode::OK,
        answer: Answers::Document(Shape::of::<schema::WireToken>()),
        refusals: &[],
        summary: "Get an access token for a service account's secret",
        description: "From any address: the access list is asked when the token is used. The token ends after an hour, with its secret \
            or account, or when it is revoked. An account has at most 100 that are live.",
    },
    Row {
        operation: Operation::RevokeToken,
        id: "revokeAccessToken",
        method: Verb::Post,
        place: Place::Fixed,
        path: "/api/oauth/revoke",
        access: Access::Client,
        bucket: None,
        versions: &[],
        query: Known::Nothing,
        body: Some(Shape::of::<schema::RevocationRequest>()),
        status: StatusCode::OK,
        answer: Answers::Nothing,
        refusals: &[],
        summary: "Revoke an access token",
        description: "A token that holds no more, or that nobody knows, is as good as revoked.",
    },
];
