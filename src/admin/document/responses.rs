//! What an operation may answer with: its success, and the refusals that follow from its row.

use std::collections::BTreeSet;

use http::StatusCode;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::response::{Responses, ResponsesBuilder};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{Components, Content, Ref, Response, ResponseBuilder};

use super::{scalar, shapes};
use crate::admin::table::{self, Access, Answers, Row, Verb};

/// Every answer of an operation.
pub(super) fn responses(row: &Row) -> Responses {
    let mut responses = ResponsesBuilder::new().response(row.status.as_str(), success(row));
    for status in refusals(row) {
        let name = match row.access {
            Access::Client => oauth_name(status),
            Access::Role(_) | Access::Anyone => name(status),
        };
        responses = responses.response(status.as_str(), Ref::from_response_name(name));
    }
    responses.build()
}

/// The statuses that an operation may be refused with: those that come from the checks that its row asks for, and its own.
pub(super) fn refusals(row: &Row) -> BTreeSet<StatusCode> {
    // The client's address or the authority can't be told; or something inside failed.
    let mut statuses = BTreeSet::from([StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR]);
    match row.access {
        // 429: too often, or too many wrong credentials from the same address.
        Access::Role(_) => statuses.extend([
            StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN,
            StatusCode::TOO_MANY_REQUESTS,
        ]),
        Access::Client => statuses.extend([
            StatusCode::UNAUTHORIZED,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::TOO_MANY_REQUESTS,
        ]),
        Access::Anyone => {}
    }
    if row.parts().any(|part| table::parameter(part).is_some()) {
        statuses.insert(StatusCode::NOT_FOUND);
    }
    if !row.versions.is_empty() {
        statuses.insert(StatusCode::NOT_ACCEPTABLE);
    }
    if row.body.is_some() && row.access != Access::Client {
        statuses.extend([
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ]);
    }
    if row.method != Verb::Get {
        statuses.insert(StatusCode::SERVICE_UNAVAILABLE);
    }
    statuses.extend(row.refusals);
    statuses
}

fn success(row: &Row) -> Response {
    let mut response = ResponseBuilder::new().header_ref(REQUEST_ID, header(REQUEST_ID));
    if row.bucket.is_some() {
        for name in [RATE_LIMIT, RATE_REMAINING] {
            response = response.header_ref(name, header(name));
        }
    }
    response = match row.answer {
        Answers::Document(_) => response.description("What was asked for."),
        Answers::Page(_) => response.description("A page of the list."),
        Answers::File { .. } => response.description("The file."),
        Answers::Nothing => return response.description("It is done.").build(),
    };
    for media_type in media_types(row) {
        response = response.content(media_type, Content::new(shapes::answer(row)));
    }
    response.build()
}

/// What an answer may call itself: each version; without versions, plain JSON.
fn media_types(row: &Row) -> Vec<String> {
    match (row.answer, row.versions) {
        (Answers::File { media_type, .. }, _) => vec![media_type.to_owned()],
        (_, []) => vec![JSON.to_owned()],
        (_, versions) => versions.iter().map(ToString::to_string).collect(),
    }
}

/// Adds each refusal that there is.
pub(super) fn add_refusals(components: &mut Components) {
    for status in REFUSALS {
        let mut response = ResponseBuilder::new()
            .description(about(status))
            .header_ref(ERROR_CODE, header(ERROR_CODE))
            .header_ref(REQUEST_ID, header(REQUEST_ID))
            .content(JSON, Content::new(Some(shapes::problem())));
        for name in headers_of(status) {
            response = response.header_ref(*name, header(name));
        }
        components.responses.insert(name(status), response.build().into());
    }
}

/// Adds each refusal that clients of OAuth meet.
pub(super) fn add_oauth_refusals(components: &mut Components) {
    for (status, about) in OAUTH_REFUSALS {
        let mut response = ResponseBuilder::new()
            .description(*about)
            .header_ref(REQUEST_ID, header(REQUEST_ID))
            .content(JSON, Content::new(Some(shapes::oauth_error())));
        for name in headers_of(*status) {
            response = response.header_ref(*name, header(name));
        }
        components.responses.insert(oauth_name(*status), response.build().into());
    }
}

/// Adds each header that answers carry.
pub(super) fn add_headers(components: &mut Components) {
    let whole = || scalar::integer().minimum(Some(0));
    let code = scalar::text().pattern(Some("^[A-Z][A-Z0-9_]*$"));
    for (name, schema, about) in [
        (REQUEST_ID, scalar::id(), "Names this answer in the operator's log."),
        (ERROR_CODE, code, "The `errorCode` of the body."),
        (ALLOW, scalar::text(), "The methods that the path knows."),
        (
            AUTHENTICATE,
            scalar::text(),
            "A challenge; there is a line for each way to authenticate.",
        ),
        (RETRY_AFTER, whole().minimum(Some(1)), "Seconds until the next call will be let in."),
    ] {
        components.headers.insert(name.to_owned(), always(schema, about).into());
    }
    for (name, about) in [
        (RATE_LIMIT, "Calls that may come at once. Left out where the operator sets no limit."),
        (
            RATE_REMAINING,
            "Calls that may still come now. Left out where the operator sets no limit.",
        ),
    ] {
        let header = HeaderBuilder::new().schema(Some(whole())).description(Some(about)).build();
        components.headers.insert(name.to_owned(), header.into());
    }
}

/// A header that its answer always has.
fn always(schema: ObjectBuilder, about: &str) -> Header {
    let mut header = HeaderBuilder::new().schema(Some(schema)).description(Some(about)).build();
    // The builder has no word for `required`, which a header may be as well.
    header.extensions = Some(Extensions::from_iter([("required", true)]));
    header
}

fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

fn headers_of(status: StatusCode) -> &'static [&'static str] {
    match status {
        StatusCode::UNAUTHORIZED => &[AUTHENTICATE],
        StatusCode::METHOD_NOT_ALLOWED => &[ALLOW],
        StatusCode::TOO_MANY_REQUESTS => &[RETRY_AFTER],
        _ => &[],
    }
}

/// The standard phrase as one word.
fn name(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("Unknown").replace(' ', "")
}

fn oauth_name(status: StatusCode) -> String {
    format!("OAuth{}", name(status))
}

fn about(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => {
            "A parameter or the body cannot be used; `detail` names it and what was expected."
        }
        StatusCode::UNAUTHORIZED => "There is no credential, or no good one.",
        StatusCode::FORBIDDEN => {
            "The caller's address is not on its access list, or the caller lacks a role."
        }
        StatusCode::NOT_FOUND => {
            "The organization is not the caller's, or what is asked for is not there."
        }
        StatusCode::METHOD_NOT_ALLOWED => "The path does not know the method.",
        StatusCode::NOT_ACCEPTABLE => "`Accept` names no version of the resource.",
        StatusCode::CONFLICT => {
            "The organization would be left without an owner, or the caller would lock itself out."
        }
        StatusCode::REQUEST_TIMEOUT => "The body does not come in time.",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too large.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "The body is not called JSON.",
        StatusCode::TOO_MANY_REQUESTS => {
            "There were too many calls, or too many wrong credentials from the caller's address."
        }
        StatusCode::SERVICE_UNAVAILABLE => "Changes cannot be stored at the moment.",
        _ => {
            "Something failed inside; the operator's log has the cause under the id in `X-Request-Id`."
        }
    }
}

const REFUSALS: [StatusCode; 13] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::NOT_ACCEPTABLE,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::CONFLICT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

const OAUTH_REFUSALS: &[(StatusCode, &str)] = &[
    (
        StatusCode::BAD_REQUEST,
        "The form cannot be used, asks for another grant type, or names another client's token.",
    ),
    (StatusCode::UNAUTHORIZED, "There is no client with this secret."),
    (StatusCode::REQUEST_TIMEOUT, "The form does not come in time."),
    (StatusCode::PAYLOAD_TOO_LARGE, "The form is too large."),
    (
        StatusCode::TOO_MANY_REQUESTS,
        "The client asks too often or has as many live tokens as it may have, or too many from its address had no right secret.",
    ),
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something failed inside; the operator's log has the cause under the id in `X-Request-Id`.",
    ),
    (StatusCode::SERVICE_UNAVAILABLE, "Tokens cannot be stored at the moment."),
];

const REQUEST_ID: &str = "X-Request-Id";
const ERROR_CODE: &str = "X-Error-Code";
const RATE_LIMIT: &str = "RateLimit-Limit";
const RATE_REMAINING: &str = "RateLimit-Remaining";
const RETRY_AFTER: &str = "Retry-After";
const ALLOW: &str = "Allow";
const AUTHENTICATE: &str = "WWW-Authenticate";

/// What refusals call themselves, and answers that have no versions.
const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_every_row_is_described() {
        for row in table::rows() {
            for status in refusals(row) {
                let described = match row.access {
                    Access::Client => OAUTH_REFUSALS.iter().any(|(known, _)| *known == status),
                    Access::Role(_) | Access::Anyone => REFUSALS.contains(&status),
                };
                assert!(described, "{status} of {row:?}");
            }
        }
    }
}
