//! The one mapping of a [`Rejection`] to a response.
//!
//! What the caller may read is decided here; what the operator needs goes to the access log through [`reason`].

use http::header::{ALLOW, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::access::Denial;
use crate::identity::Refusal;
use crate::problem::Problem;
use crate::proxy::body::ResponseBody;
use crate::proxy::rejection::Rejection;
use crate::proxy::route::{NotServed, TargetError};
use crate::proxy::upstream::UpstreamError;
use crate::telemetry::metrics::RefusedReason;

/// The response that tells a caller why there is no other.
pub(super) fn response(rejection: Rejection) -> Response<ResponseBody> {
    let mut response =
        problem(&rejection).into_response().map(|bytes| ResponseBody::Own(Some(bytes)));
    let headers = response.headers_mut();
    match rejection {
        Rejection::Identity { refusal: Refusal::TooManyFailures(limited), .. } => {
            headers.insert(RETRY_AFTER, limited.retry_after_seconds.into());
        }
        Rejection::Identity { challenges, .. } => {
            for challenge in challenges {
                headers.append(WWW_AUTHENTICATE, challenge);
            }
        }
        Rejection::Method => {
            headers.insert(ALLOW, HeaderValue::from_static(SERVED_METHODS));
        }
        // What follows on the connection can't be trusted: to be a request, or to be the client's.
        Rejection::TransferEncoding | Rejection::ClientCertificate => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}

fn problem(rejection: &Rejection) -> Problem {
    match rejection {
        Rejection::ClientIp(error) => Problem::new(
            StatusCode::BAD_REQUEST,
            "INVALID_CLIENT_ADDRESS",
            format!("The client address cannot be told: {error}."),
        ),
        Rejection::Method => Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            "CONNECT and TRACE are not served here.",
        ),
        Rejection::TooManyHeaders { limit } => Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "TOO_MANY_HEADERS",
            format!("A request may have {limit} header lines."),
        ),
        Rejection::TransferEncoding => Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "TRANSFER_ENCODING_NOT_SUPPORTED",
            "The only transfer coding served is chunked.",
        ),
        Rejection::Target(error) => target(error),
        Rejection::ClientCertificate => Problem::client_certificate(),
        Rejection::Misdirected => Problem::misdirected(),
        Rejection::Identity { refusal: Refusal::TooManyFailures(limited), .. } => {
            Problem::too_many_failures(limited.retry_after_seconds)
        }
        // A 401 has to say how to authenticate (RFC 9110 section 15.5.2), and a certificate can't be asked for any more.
        Rejection::Identity { challenges, .. } if challenges.is_empty() => Problem::new(
            StatusCode::FORBIDDEN,
            "CLIENT_CERTIFICATE_REQUIRED",
            "This resource asks for a client certificate that stands for a credential.",
        ),
        Rejection::Identity { .. } => Problem::new(
            StatusCode::UNAUTHORIZED,
            "UNEXPECTED_ERROR",
            "This resource asks for a valid credential.",
        ),
        Rejection::NotServed(NotServed::Organization) => Problem::new(
            StatusCode::FORBIDDEN,
            "ACCESS_FORBIDDEN",
            "This route does not serve the organization of this credential.",
        ),
        Rejection::NotServed(NotServed::Role) => Problem::new(
            StatusCode::FORBIDDEN,
            "USER_UNAUTHORIZED",
            "This credential has none of the roles that this route asks for.",
        ),
        Rejection::Access { client, denial } => denied(*denial, &client.to_string()),
        Rejection::Upstream { source, .. } => upstream(source),
    }
}

fn target(error: &TargetError) -> Problem {
    match error {
        TargetError::NoRoute => Problem::new(
            StatusCode::NOT_FOUND,
            "RESOURCE_NOT_FOUND",
            "No route serves this host and path.",
        ),
        other => Problem::new(
            StatusCode::BAD_REQUEST,
            "INVALID_REQUEST_TARGET",
            format!("The request is ambiguous: {other}."),
        ),
    }
}

fn denied(denial: Denial, client: &str) -> Problem {
    let (code, detail) = match denial {
        Denial::NotListed => (
            "IP_ADDRESS_NOT_ON_ACCESS_LIST",
            format!("The address {client} is on no entry of this credential's access list."),
        ),
        Denial::ListRequired => (
            "ORG_REQUIRES_ACCESS_LIST",
            format!(
                "The organization requires an access list, this credential's is empty, and so {client} is not on it."
            ),
        ),
        Denial::NotOnNamedList => (
            "IP_ADDRESS_NOT_ON_ACCESS_LIST",
            format!("The address {client} is on no entry of the list that this route requires."),
        ),
    };
    Problem::new(StatusCode::FORBIDDEN, code, detail).with(client)
}

fn upstream(error: &UpstreamError) -> Problem {
    let (status, code, detail) = match error {
        UpstreamError::Connect(_) => {
            (StatusCode::BAD_GATEWAY, "UPSTREAM_UNREACHABLE", "The upstream cannot be reached.")
        }
        UpstreamError::ConnectTimeout(_) => (
            StatusCode::GATEWAY_TIMEOUT,
            "UPSTREAM_CONNECT_TIMEOUT",
            "The upstream could not be reached in time.",
        ),
        UpstreamError::FirstByteTimeout(_) => (
            StatusCode::GATEWAY_TIMEOUT,
            "UPSTREAM_TIMEOUT",
            "The upstream did not answer in time.",
        ),
        UpstreamError::Reset(_) => (
            StatusCode::BAD_GATEWAY,
            "UPSTREAM_RESET",
            "The upstream closed the connection before it answered.",
        ),
        UpstreamError::Protocol(_)
        | UpstreamError::Ambiguous
        | UpstreamError::UnexpectedUpgrade => (
            StatusCode::BAD_GATEWAY,
            "UPSTREAM_INVALID_RESPONSE",
            "The upstream's answer is not valid HTTP.",
        ),
        UpstreamError::RequestBody(_) => (
            StatusCode::BAD_REQUEST,
            "INCOMPLETE_BODY",
            "The request's body ended before its announced length.",
        ),
        UpstreamError::RequestStalled(_) => (
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            "The request's body was not sent in time.",
        ),
    };
    Problem::new(status, code, detail)
}

/// The reason in metrics and the access log; none for what went wrong after the request had been admitted.
pub(super) fn reason(rejection: &Rejection) -> Option<RefusedReason> {
    match rejection {
        Rejection::ClientIp(_) => Some(RefusedReason::ClientAddress),
        Rejection::Method => Some(RefusedReason::Method),
        Rejection::TooManyHeaders { .. } | Rejection::TransferEncoding => {
            Some(RefusedReason::Malformed)
        }
        Rejection::Target(TargetError::NoRoute) => Some(RefusedReason::NoRoute),
        Rejection::Target(_) => Some(RefusedReason::Malformed),
        Rejection::ClientCertificate => Some(RefusedReason::ClientCertificate),
        Rejection::Misdirected => Some(RefusedReason::Misdirected),
        Rejection::Identity { refusal, .. } => Some(match refusal {
            Refusal::TooManyFailures(_) => RefusedReason::AuthFailures,
            Refusal::NotPresented => RefusedReason::CredentialMissing,
            Refusal::Refused { .. } => RefusedReason::CredentialRefused,
        }),
        Rejection::NotServed(NotServed::Organization) => Some(RefusedReason::Organization),
        Rejection::NotServed(NotServed::Role) => Some(RefusedReason::Role),
        Rejection::Access { denial: Denial::NotListed, .. } => Some(RefusedReason::NotListed),
        Rejection::Access { denial: Denial::ListRequired, .. } => Some(RefusedReason::ListRequired),
        Rejection::Access { denial: Denial::NotOnNamedList, .. } => {
            Some(RefusedReason::NotOnNamedList)
        }
        Rejection::Upstream { .. } => None,
    }
}

const SERVED_METHODS: &str = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";
