//! The API's error body, which both planes answer with.
//!
//! Shape and codes: the published API's `ApiError`. `error` is the HTTP status as a number, `reason` its standard
//! phrase, and the header `X-Error-Code` repeats the code.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

/// The header that repeats a problem's code.
pub const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");

/// An answer that says why there is no other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The status of the answer.
    pub status: StatusCode,
    /// The code that programs read, such as `IP_ADDRESS_NOT_ON_ACCESS_LIST`.
    pub code: &'static str,
    /// The sentence that people read. Names the field, the value and what was expected.
    pub detail: String,
    /// The values in `detail`, in order.
    pub parameters: Vec<Parameter>,
    /// What was wrong with which field of the body.
    pub fields: Vec<FieldViolation>,
}

/// A value that a problem names.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ErrorParameter)]
pub enum Parameter {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// What was wrong with one field of a request body.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub struct FieldViolation {
    /// What was expected.
    pub description: String,
    /// Where in the body, as in `[0].cidrBlock`.
    pub field: String,
}

impl Problem {
    /// A problem without parameters.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), parameters: Vec::new(), fields: Vec::new() }
    }

    /// The answer to an address from which too many credentials were refused: not a word about the one that came now.
    pub fn too_many_failures(retry_after_seconds: u64) -> Self {
        let detail = format!(
            "Too many failed attempts to authenticate from this address; try again in {retry_after_seconds} seconds."
        );
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", detail)
            .with_number(i64::try_from(retry_after_seconds).unwrap_or(i64::MAX))
    }

    /// The answer to a request on a connection whose certificate is not for it (RFC 9110 section 15.5.20).
    pub fn misdirected() -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "MISDIRECTED_REQUEST",
            "This connection is not for this host: its TLS named another.",
        )
    }

    /// The answer on a connection whose client's certificate has ended or is revoked since it began.
    pub fn client_certificate() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "CLIENT_CERTIFICATE_INVALID",
            "The client certificate of this connection is no longer good.",
        )
    }

    /// Adds a text that the detail names.
    #[must_use]
    pub fn with(mut self, parameter: impl Into<String>) -> Self {
        self.parameters.push(Parameter::Text(parameter.into()));
        self
    }

    /// Adds a number that the detail names.
    #[must_use]
    pub fn with_number(mut self, parameter: i64) -> Self {
        self.parameters.push(Parameter::Number(parameter));
        self
    }

    /// Adds what was wrong with one field of the body.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, description: impl Into<String>) -> Self {
        self.fields.push(FieldViolation { description: description.into(), field: field.into() });
        self
    }

    /// The body as a JSON value, members in alphabetical order.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(Wire::from(self)).unwrap_or_default()
    }

    /// The whole answer.
    pub fn into_response(self) -> Response<Bytes> {
        let body = serde_json::to_vec(&Wire::from(&self)).unwrap_or_default();
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(X_ERROR_CODE, HeaderValue::from_static(self.code));
        response
    }
}

/// Why there is no other answer.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiError)]
pub struct Wire<'a> {
    #[serde(rename = "badRequestDetail", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bad_request_detail: Option<Detail<'a>>,
    /// What is wrong, for people.
    detail: &'a str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    error: u16,
    /// What is wrong, for programs.
    #[serde(rename = "errorCode")]
    #[schema(pattern = "^[A-Z][A-Z0-9_]*$", example = "IP_ADDRESS_NOT_ON_ACCESS_LIST")]
    error_code: &'static str,
    /// The values in `detail`, in order.
    parameters: &'a [Parameter],
    /// The standard phrase of the status.
    reason: &'static str,
}

/// Which fields of a request body were wrong.
#[derive(Serialize, ToSchema)]
#[schema(as = BadRequestDetail)]
struct Detail<'a> {
    fields: &'a [FieldViolation],
}

impl<'a> From<&'a Problem> for Wire<'a> {
    fn from(problem: &'a Problem) -> Self {
        Self {
            bad_request_detail: (!problem.fields.is_empty())
                .then_some(Detail { fields: &problem.fields }),
            detail: &problem.detail,
            error: problem.status.as_u16(),
            error_code: problem.code,
            parameters: &problem.parameters,
            reason: problem.status.canonical_reason().unwrap_or("Unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_published_shape() {
        let response = Problem::new(StatusCode::FORBIDDEN, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "no")
            .with("192.0.2.1")
            .into_response();
        assert_eq!(response.headers()[X_ERROR_CODE], "IP_ADDRESS_NOT_ON_ACCESS_LIST");
        assert_eq!(
            response.body(),
            r#"{"detail":"no","error":403,"errorCode":"IP_ADDRESS_NOT_ON_ACCESS_LIST","parameters":["192.0.2.1"],"reason":"Forbidden"}"#
        );
    }
}
