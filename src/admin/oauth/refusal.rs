//! Why an endpoint gives nothing, in OAuth's words: RFC 6749, section 5.2, and the published codes beside them.
//!
//! What is answered to a wrong secret, to one that has expired and to a client that does not exist is the same.

use axum::response::Response;
use http::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, StatusCode};

use super::document;
use super::form::{FormError, MOST_BYTES};
use super::schema::WireError;
use crate::admin::body::BodyError;
use crate::admin::error::Rejection;
use crate::admin::rate::Exceeded;
use crate::control::CommandError;
use crate::identity::bearer::token::EncodeError;
use crate::identity::failures::TooManyFailures;
use crate::time::Timestamp;

/// Why a request to an endpoint was refused. Variants follow the order of the checks.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("not a POST")]
    Method,
    #[error("client address or authority unusable")]
    Request(#[source] Box<Rejection>),
    #[error("form unusable")]
    Form(#[from] FormError),
    #[error("client authentication is presented in two ways")]
    TwoWays,
    #[error("no client authentication is presented")]
    NoClient,
    #[error(transparent)]
    TooManyFailures(#[from] TooManyFailures),
    #[error("client authentication that can't be read")]
    Malformed,
    #[error("no client has this secret")]
    WrongSecret,
    #[error("called too often")]
    RateLimited(#[from] Exceeded),
    #[error("no {0} in the form")]
    Missing(&'static str),
    #[error("another grant type than client_credentials")]
    GrantType,
    #[error("the token is another client's")]
    ForeignToken,
    #[error("command not carried out")]
    Command { source: CommandError, now: Timestamp },
    #[error("token not written")]
    Encode(#[from] EncodeError),
    #[error("handler panicked")]
    Panicked,
}

/// What an answer says.
struct Said {
    status: StatusCode,
    error: &'static str,
    description: String,
    /// Seconds after which the client may come again.
    retry_after: Option<u64>,
}

impl Refusal {
    /// The whole response.
    pub(super) fn into_response(self) -> Response {
        let Said { status, error, description, retry_after } = self.said();
        let body = WireError { error, error_description: &description };
        let mut response = document(status, &body, None);
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        match status {
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
            }
            _ => {}
        }
        response
    }

    /// Whether it counts as a failure of whoever sent it: a client's secret was there and was not right, or could not be read.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Malformed | Self::WrongSecret)
    }

    /// What the metrics call the outcome of a client's authentication.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::NoClient => "not_presented",
            Self::TooManyFailures(_) => "limited",
            Self::WrongSecret => "wrong_secret",
            _ => "malformed",
        }
    }

    /// Tells the operator, under the id that the answer carries too.
    pub(super) fn log(&self, request_id: &str, method: &Method) {
        let error = self as &(dyn std::error::Error + 'static);
        let Said { status, error: code, .. } = self.said();
        if status.is_server_error() {
            tracing::error!(request_id, %method, code, error, "token call failed");
        } else {
            tracing::debug!(request_id, %method, code, error, "token call refused");
        }
    }

    fn said(&self) -> Said {
        match self {
            Self::Method => {
                let description = "expected the method POST";
                Said::new(StatusCode::METHOD_NOT_ALLOWED, INVALID_REQUEST, description)
            }
            Self::Request(rejection) => request(rejection),
            Self::Form(error) => form(error),
            Self::TwoWays => Said::invalid(
                "expected the client either in the Authorization header or in the form, not in both",
            ),
            Self::NoClient | Self::Malformed | Self::WrongSecret => unauthorized(),
            Self::TooManyFailures(limited) => Said::limited(
                "too many failed attempts to authenticate from this address",
                limited.retry_after_seconds,
            ),
            Self::RateLimited(Exceeded { wait_seconds, .. }) => {
                Said::limited("too many requests for tokens of this client", *wait_seconds)
            }
            Self::Missing(name) => Said::invalid(&format!("expected the parameter {name}")),
            Self::GrantType => Said::new(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "expected grant_type=client_credentials",
            ),
            Self::ForeignToken => Said::new(
                StatusCode::BAD_REQUEST,
                "invalid_grant",
                "the token was given to another client",
            ),
            Self::Command { source, now } => command(source, *now),
            Self::Encode(_) | Self::Panicked => failed(),
        }
    }
}

impl Said {
    fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into(), retry_after: None }
    }

    fn invalid(description: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, description)
    }

    fn limited(description: &str, seconds: u64) -> Self {
        let description = format!("{description}; try again in {seconds} seconds");
        let retry_after = Some(seconds);
        Self {
            retry_after,
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", description)
        }
    }
}

fn request(rejection: &Rejection) -> Said {
    let problem = rejection.problem("");
    if problem.status.is_server_error() {
        return failed();
    }
    Said::new(problem.status, INVALID_REQUEST, problem.detail)
}

fn form(error: &FormError) -> Said {
    match error {
        FormError::ContentType => Said::invalid(
            "expected a form, called application/x-www-form-urlencoded, not compressed",
        ),
        FormError::Twice => Said::invalid("expected each parameter once"),
        FormError::Body(BodyError::TooLarge { .. }) => Said::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            INVALID_REQUEST,
            format!("expected at most {MOST_BYTES} bytes"),
        ),
        FormError::Body(BodyError::Slow) => Said::new(
            StatusCode::REQUEST_TIMEOUT,
            INVALID_REQUEST,
            "the form does not come in time",
        ),
        FormError::Body(_) => Said::invalid("the form breaks off"),
    }
}

fn command(source: &CommandError, now: Timestamp) -> Said {
    match source {
        // It was right a moment ago.
        CommandError::AccountNotFound | CommandError::SecretNotFound => unauthorized(),
        CommandError::TooManyTokens { limit, until } => {
            let wait = until.since(now);
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let description = format!("the client has {limit} tokens that have not expired");
            Said::limited(&description, seconds.max(1))
        }
        other if other.is_unavailable() => Said::new(
            StatusCode::SERVICE_UNAVAILABLE,
            SERVER_ERROR,
            "tokens can't be stored at the moment; try again",
        ),
        _ => failed(),
    }
}

fn unauthorized() -> Said {
    let description = "expected the client id and a secret of a service account";
    Said::new(StatusCode::UNAUTHORIZED, "invalid_client", description)
}

fn failed() -> Said {
    let description = "the request could not be completed; the operator's log has the cause under the id in X-Request-Id";
    Said::new(StatusCode::INTERNAL_SERVER_ERROR, SERVER_ERROR, description)
}

const INVALID_REQUEST: &str = "invalid_request";

const SERVER_ERROR: &str = "server_error";

/// Asks for a client's id and secret. Told with every 401, as HTTP has it (RFC 9110, section 15.5.2), whichever way the client
/// had chosen.
const CHALLENGE: &str = r#"Basic realm="MMS Public API""#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::rate::{RateBucket, Size};
    use crate::store::StoreError;

    fn command(source: CommandError) -> Refusal {
        Refusal::Command { source, now: Timestamp::from_millis(10_000) }
    }

    #[test]
    fn each_refusal_has_the_status_and_the_error_of_the_standard() {
        let exceeded =
            Exceeded { bucket: RateBucket::Token, size: Size::new(10, 10), wait_seconds: 6 };
        let until = Timestamp::from_millis(12_001);
        let large = FormError::Body(BodyError::TooLarge { limit: MOST_BYTES });
        for (refusal, status, error) in [
            (Refusal::Method, 405, "invalid_request"),
            (Refusal::Request(Box::new(Rejection::PeerUnknown)), 500, "server_error"),
            (FormError::ContentType.into(), 400, "invalid_request"),
            (FormError::Twice.into(), 400, "invalid_request"),
            (large.into(), 413, "invalid_request"),
            (FormError::Body(BodyError::Slow).into(), 408, "invalid_request"),
            (Refusal::TwoWays, 400, "invalid_request"),
            (Refusal::NoClient, 401, "invalid_client"),
            (TooManyFailures { retry_after_seconds: 9 }.into(), 429, "rate_limited"),
            (Refusal::Malformed, 401, "invalid_client"),
            (Refusal::WrongSecret, 401, "invalid_client"),
            (exceeded.into(), 429, "rate_limited"),
            (Refusal::Missing("grant_type"), 400, "invalid_request"),
            (Refusal::GrantType, 400, "unsupported_grant_type"),
            (Refusal::ForeignToken, 400, "invalid_grant"),
            (command(CommandError::AccountNotFound), 401, "invalid_client"),
            (command(CommandError::SecretNotFound), 401, "invalid_client"),
            (command(CommandError::TooManyTokens { limit: 100, until }), 429, "rate_limited"),
            (command(CommandError::Store(StoreError::Closed)), 503, "server_error"),
            (EncodeError.into(), 500, "server_error"),
            (Refusal::Panicked, 500, "server_error"),
        ] {
            let said = refusal.said();
            assert_eq!((said.status.as_u16(), said.error), (status, error), "{refusal}");
            assert_eq!(said.retry_after.is_some(), status == 429, "{refusal}");
            // The characters that an error and its description may have: RFC 6749, section 5.2.
            let fits = |c: char| (' '..='~').contains(&c) && c != '"' && c != '\\';
            assert!(said.description.chars().all(fits), "{}", said.description);
        }
        let tokens = command(CommandError::TooManyTokens { limit: 100, until });
        assert_eq!(tokens.said().retry_after, Some(3), "rounded up");
    }

    #[test]
    fn an_answer_says_what_to_do_next_in_its_headers() {
        let headers = |refusal: Refusal| refusal.into_response().headers().clone();
        assert_eq!(headers(Refusal::Method)[ALLOW], "POST");
        assert_eq!(headers(Refusal::NoClient)[WWW_AUTHENTICATE], CHALLENGE);
        assert_eq!(headers(Refusal::WrongSecret)[WWW_AUTHENTICATE], CHALLENGE);
        assert!(!headers(Refusal::TwoWays).contains_key(WWW_AUTHENTICATE));
    }
}
