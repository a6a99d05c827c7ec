//! Why a call ended without what it asked for, and the one mapping of that to the published error codes.
//!
//! An answer names what the caller sent and what was expected. Causes that lie with us go to the log, never to the caller.

mod command;

use http::header::{ALLOW, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, StatusCode};

use super::body::BodyError;
use super::input::{Rule, Violation};
use super::query::QueryError;
use super::rate::{Exceeded, PERIOD_SECONDS};
use super::route::{ParameterError, RouteError};
use super::text;
use super::version::{V2023_01_01, Version};
use crate::access::Denial;
use crate::addr::{ClientIp, PrefixError};
use crate::id::OrgId;
use crate::identity::{Refusal, Role};
use crate::net::authority::AuthorityError;
use crate::net::client_ip::ClientIpError;
use crate::problem::Problem;

pub(super) use command::{About, Failure};

/// Why a call ended. Variants follow the order of the checks.
#[derive(Debug, thiserror::Error)]
pub(super) enum Rejection {
    #[error("the accept loop did not tell the peer's address")]
    PeerUnknown,
    #[error("client address unusable")]
    ClientAddress(#[source] ClientIpError),
    #[error("authority unusable")]
    Authority(#[from] AuthorityError),
    #[error("client certificate no longer good")]
    ClientCertificate,
    #[error("authority not served by the connection's certificate")]
    Misdirected,
    #[error("no route")]
    Route(#[from] RouteError),
    #[error("not authenticated")]
    Credentials { challenges: Vec<HeaderValue>, source: Refusal },
    #[error("address {address} not admitted")]
    Address { denial: Denial, address: ClientIp },
    #[error("called too often")]
    RateLimited(#[from] Exceeded),
    #[error("path parameter unusable")]
    PathParameter(#[from] ParameterError),
    #[error("no organization {0} for this caller")]
    NoOrganization(OrgId),
    #[error("role {} needed", .needed.as_str())]
    Role { needed: Role },
    #[error("no acceptable version")]
    Version { first: Version },
    #[error("query unusable")]
    Query(#[from] QueryError),
    #[error("body unusable")]
    Body(#[from] BodyError),
    #[error("body breaks a rule")]
    Input(#[from] Violation),
    #[error("command not carried out")]
    Command(#[source] Box<Failure>),
    #[error("handler panicked")]
    Panicked,
}

impl Rejection {
    /// The answer's body and status. `path` is the one asked for.
    pub(super) fn problem(&self, path: &str) -> Problem {
        match self {
            Self::PeerUnknown | Self::Panicked => unexpected(),
            Self::ClientAddress(error) => {
                bad("VALIDATION_ERROR", expectation("The client address can't be told", error))
            }
            Self::Authority(error) => {
                bad("VALIDATION_ERROR", expectation("The request's authority can't be told", error))
            }
            Self::ClientCertificate => Problem::client_certificate(),
            Self::Misdirected => Problem::misdirected(),
            Self::Route(error) => route(error, path),
            Self::Credentials { source: Refusal::TooManyFailures(limited), .. } => {
                Problem::too_many_failures(limited.retry_after_seconds)
            }
            Self::Credentials { .. } => Problem::new(
                StatusCode::UNAUTHORIZED,
                "UNEXPECTED_ERROR",
                "The request is not authorized for this resource: a valid credential is needed.",
            ),
            Self::Address { denial, address } => denied(*denial, *address),
            Self::RateLimited(exceeded) => rate_limited(exceeded, path),
            Self::PathParameter(error) => {
                bad("PATH_PARAM_PARSE_ERROR", format!("Cannot read the path: {error}."))
                    .with(text::cut(path))
            }
            Self::NoOrganization(org) => {
                not_found("ORG_NOT_FOUND", format!("No organization {org} for this caller."))
                    .with(org.to_string())
            }
            Self::Role { needed } => {
                let detail = format!(
                    "The caller lacks the role {}, which this operation needs.",
                    needed.as_str()
                );
                Problem::new(StatusCode::FORBIDDEN, "USER_UNAUTHORIZED", detail)
                    .with(needed.as_str())
            }
            Self::Version { first } => {
                let detail = format!(
                    "The Accept header names no version of this resource; expected {first} or a later date."
                );
                Problem::new(StatusCode::NOT_ACCEPTABLE, "INVALID_VERSION_DATE", detail)
            }
            Self::Query(error) => {
                bad("INVALID_QUERY_PARAMETER", format!("Cannot use the query: {error}."))
                    .with(error.name)
            }
            Self::Body(error) => body(error),
            Self::Input(violation) => input(violation),
            Self::Command(failure) => failure.problem(),
        }
    }

    /// What the answer's header says beyond the code.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        match self {
            Self::Credentials { source: Refusal::TooManyFailures(limited), .. } => {
                headers.insert(RETRY_AFTER, limited.retry_after_seconds.into());
            }
            Self::Credentials { challenges, .. } => {
                for challenge in challenges {
                    headers.append(WWW_AUTHENTICATE, challenge.clone());
                }
            }
            Self::Route(RouteError::MethodNotAllowed { allow }) => {
                if let Ok(allow) = HeaderValue::try_from(allow) {
                    headers.insert(ALLOW, allow);
                }
            }
            Self::RateLimited(exceeded) => exceeded.add_headers(headers),
            _ => {}
        }
    }

    /// Tells the operator, under the id that the answer carries too.
    pub(super) fn log(&self, request_id: &str, method: &Method, problem: &Problem) {
        let error = self as &(dyn std::error::Error + 'static);
        if problem.status.is_server_error() {
            tracing::error!(request_id, %method, code = problem.code, error, "admin call failed");
        } else {
            tracing::debug!(request_id, %method, code = problem.code, error, "admin call refused");
        }
    }
}

fn bad(code: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, detail)
}

fn not_found(code: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, code, detail)
}

fn expectation(what: &str, error: &dyn std::error::Error) -> String {
    format!("{what}: {error}.")
}

fn unexpected() -> Problem {
    let detail = "The request could not be completed. The operator's log has the cause under the id in X-Request-Id.";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "UNEXPECTED_ERROR", detail)
}

fn unavailable() -> Problem {
    let detail = "Changes can't be stored at the moment; try again.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE", detail)
}

fn route(error: &RouteError, path: &str) -> Problem {
    match error {
        RouteError::NotFound => {
            let path = text::cut(path);
            not_found("RESOURCE_NOT_FOUND", format!("There is no resource at {path}.")).with(path)
        }
        RouteError::MethodNotAllowed { allow } => {
            let detail =
                format!("The resource does not know this method; expected one of {allow}.");
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail)
        }
    }
}

fn denied(denial: Denial, address: ClientIp) -> Problem {
    let (code, detail) = match denial {
        Denial::NotListed => (
            "IP_ADDRESS_NOT_ON_ACCESS_LIST",
            format!("The address {address} is on no entry of this credential's access list."),
        ),
        Denial::ListRequired => (
            "ORG_REQUIRES_ACCESS_LIST",
            format!(
                "The organization requires an access list and this credential's is empty, so {address} is not admitted."
            ),
        ),
        Denial::NotOnNamedList => {
            ("ACCESS_FORBIDDEN", format!("The address {address} is not admitted here."))
        }
    };
    Problem::new(StatusCode::FORBIDDEN, code, detail).with(address.to_string())
}

/// Parameters: path, seconds to wait, capacity, refill and its period, as published.
fn rate_limited(exceeded: &Exceeded, path: &str) -> Problem {
    let Exceeded { size, wait_seconds, .. } = exceeded;
    let (path, capacity, refill) = (text::cut(path), size.capacity, size.per_minute);
    let detail = format!(
        "Too many requests for {path}; try again in {wait_seconds} seconds. At most {capacity} may come at once, and {refill} \
         every {PERIOD_SECONDS} seconds."
    );
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", detail)
        .with(path)
        .with_number(i64::try_from(*wait_seconds).unwrap_or(i64::MAX))
        .with_number(capacity.get().into())
        .with_number(refill.get().into())
        .with_number(PERIOD_SECONDS)
}

fn body(error: &BodyError) -> Problem {
    match error {
        BodyError::ContentType { found } => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            format!(
                "The body is sent as {}; expected plain application/json or {V2023_01_01}.",
                text::quote(found)
            ),
        )
        .with(found.as_str()),
        BodyError::TooLarge { limit } => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PAYLOAD_TOO_LARGE",
            format!("The body is too large; expected at most {limit} bytes."),
        )
        .with_number(number(*limit)),
        BodyError::Incomplete(_) => {
            bad("MALFORMED_JSON", "The body breaks off; expected a JSON document.")
        }
        BodyError::Slow => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            "The body does not come in time.",
        ),
        BodyError::Malformed(error) => {
            bad("MALFORMED_JSON", expectation("The body is no JSON", error))
        }
        BodyError::Ambiguous(error) => {
            bad("INVALID_JSON", expectation("The body is ambiguous", error))
        }
    }
}

fn input(violation: &Violation) -> Problem {
    let Violation { field, name, rule, .. } = violation;
    let problem = bad(rule_code(rule), format!("Cannot use the body: {violation}."));
    let problem = match rule {
        Rule::AnAddress => problem.with("ipAddress").with("cidrBlock"),
        Rule::Entries { limit } => problem.with_number(number(*limit)),
        _ => problem.with(name.as_str()),
    };
    problem.with_field(field.as_str(), rule.to_string())
}

fn rule_code(rule: &Rule) -> &'static str {
    match rule {
        Rule::Type(_) | Rule::Members(_) => "INVALID_ATTRIBUTE",
        Rule::OneAddress => "BAD_ACCESS_LIST_ADD_REQUEST",
        Rule::AnAddress => "MISSING_ONE_OF_ATTRIBUTES",
        Rule::Address(_) => "INVALID_IP_ADDRESS_OR_CIDR_NOTATION",
        Rule::Range(PrefixError::HostBits { .. }) => "ATLAS_NON_CANONICAL_CIDR_BLOCK",
        Rule::Range(_) => "INVALID_CIDR_BLOCK",
        Rule::Specified => "CANNOT_ADD_IP_ADDRESS_TO_API_KEY_ACCESS_LIST",
        Rule::Entries { .. }
        | Rule::PlainText { .. }
        | Rule::ARole
        | Rule::Number(_)
        | Rule::NoHours
        | Rule::Held(_) => "VALIDATION_ERROR",
        Rule::Member(_) => "MISSING_ATTRIBUTE",
        Rule::Description => "API_KEY_REQUIRES_DESCRIPTION",
        Rule::DescriptionLength => "INVALID_API_KEY_DESC",
        Rule::SomeRole => "MISSING_API_KEY_ROLES",
        Rule::OrganizationRole => "INVALID_ROLE_FOR_ORG",
    }
}

fn number(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
