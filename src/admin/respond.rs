//! The last step of every call: outcome to response.
//!
//! Every response carries the request's id, says that nobody keeps it (one may hold a private key; only a file that is the same
//! for everyone may be kept), and keeps browsers from guessing at it. There are no CORS headers: the API is not for scripts of other sites.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::uri::Scheme;
use http_body::Frame;
use serde_json::{Value, json};

use super::query::Form;
use super::rate::Allowance;
use super::version::Representation;
use crate::problem::{Problem, X_ERROR_CODE};

/// What a call asked for.
#[derive(Debug)]
pub(super) enum Answer {
    /// One document.
    Document(Value),
    /// A page of a list.
    Page(Value),
    /// Nothing, for it is gone now.
    Gone,
    /// A text of its own media type. It may be kept for a while.
    File {
        /// The text.
        text: Bytes,
        /// What it calls itself.
        media_type: &'static str,
    },
}

/// A call's success.
pub(super) struct Success {
    /// The status that the operation answers with.
    pub(super) status: StatusCode,
    /// What was asked for.
    pub(super) answer: Answer,
    /// What it calls itself.
    pub(super) representation: Representation,
    /// The form asked for.
    pub(super) form: Form,
    /// How many more calls the caller may make; none: as many as it likes.
    pub(super) allowance: Option<Allowance>,
}

impl Success {
    /// The whole response.
    pub(super) fn into_response(self) -> Response {
        let status = self.status;
        let mut response = match self.answer {
            Answer::File { text, media_type } => return file(status, text, media_type),
            Answer::Gone => with_status(status, Body::new(NoContent)),
            Answer::Document(content) if self.form.envelope => {
                let envelope = json!({ "content": content, "status": status.as_u16() });
                with_status(status, write(&envelope, self.form))
            }
            Answer::Document(content) => with_status(status, write(&content, self.form)),
            Answer::Page(page) => {
                with_status(status, write(&enveloped(page, status, self.form), self.form))
            }
        };
        if let Ok(content_type) = HeaderValue::try_from(self.representation.to_string()) {
            response.headers_mut().insert(CONTENT_TYPE, content_type);
        }
        if let Some(allowance) = self.allowance {
            allowance.add_headers(response.headers_mut());
        }
        response
    }
}

fn file(status: StatusCode, text: Bytes, media_type: &'static str) -> Response {
    let mut response = with_status(status, Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(FOR_A_WHILE));
    response
}

/// The response that says why there is no other, always as plain JSON.
pub(super) fn refusal(problem: &Problem, form: Form) -> Response {
    let body = enveloped(problem.to_json(), problem.status, form);
    let mut response = with_status(problem.status, write(&body, form));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_ERROR_CODE, HeaderValue::from_static(problem.code));
    response
}

/// Adds what every response carries, unless it says something else.
pub(super) fn add_common_headers(headers: &mut HeaderMap, request_id: &str, scheme: &Scheme) {
    if *scheme == Scheme::HTTPS {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(A_YEAR));
    }
    for (name, value) in COMMON {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::try_from(request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
}

/// Browsers come by TLS alone from now on, to this host and not to those below it: they may be others'.
const A_YEAR: &str = "max-age=31536000";

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const COMMON: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// A file changes with the program and its config: soon after a restart everyone has the new one.
const FOR_A_WHILE: &str = "public, max-age=300";

fn with_status(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// A page and a problem are their own envelope: the status joins their members.
fn enveloped(mut body: Value, status: StatusCode, form: Form) -> Value {
    if form.envelope
        && let Value::Object(members) = &mut body
    {
        members.insert("status".to_owned(), status.as_u16().into());
    }
    body
}

fn write(body: &Value, form: Form) -> Body {
    let text = if form.pretty { format!("{body:#}\n") } else { body.to_string() };
    Body::from(text)
}

/// The body of a 204: at its end from the start, and without a length to tell. With `Body::empty` the router would add
/// `Content-Length: 0`, which a 204 must not have (RFC 9110 section 8.6).
struct NoContent;

impl http_body::Body for NoContent {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;

    use super::super::version::V2023_01_01;
    use super::*;

    fn text(response: Response) -> String {
        let body = response.into_body().collect().now_or_never().unwrap().unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    fn answered(answer: Answer, form: Form) -> Response {
        let representation = Representation::Versioned(V2023_01_01);
        let status = match answer {
            Answer::Gone => StatusCode::NO_CONTENT,
            Answer::Document(_) | Answer::Page(_) | Answer::File { .. } => StatusCode::OK,
        };
        Success { status, answer, representation, form, allowance: None }.into_response()
    }

    const PLAIN: Form = Form { envelope: false, pretty: false };
    const ENVELOPE: Form = Form { envelope: true, pretty: false };

    #[test]
    fn an_envelope_holds_a_document_and_joins_a_page_or_a_problem() {
        let document = answered(Answer::Document(json!({ "id": 1 })), ENVELOPE);
        assert_eq!(text(document), r#"{"content":{"id":1},"status":200}"#);
        let page = answered(Answer::Page(json!({ "results": [] })), ENVELOPE);
        assert_eq!(text(page), r#"{"results":[],"status":200}"#);
        let problem = Problem::new(StatusCode::NOT_FOUND, "ORG_NOT_FOUND", "none");
        let response = refusal(&problem, ENVELOPE);
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[X_ERROR_CODE], "ORG_NOT_FOUND");
        assert_eq!(
            text(response),
            r#"{"detail":"none","error":404,"errorCode":"ORG_NOT_FOUND","parameters":[],"reason":"Not Found","status":404}"#
        );
    }

    #[test]
    fn a_pretty_body_is_indented() {
        let pretty = Form { envelope: false, pretty: true };
        let document = answered(Answer::Document(json!({ "id": 1 })), pretty);
        assert_eq!(text(document), "{\n  \"id\": 1\n}\n");
    }

    #[test]
    fn an_answer_names_its_version_and_a_refusal_is_plain_json() {
        let versioned = "application/vnd.atlas.2023-01-01+json;charset=utf-8";
        let document = answered(Answer::Document(Value::Null), PLAIN);
        assert_eq!(document.headers()[CONTENT_TYPE], versioned);
        let gone = answered(Answer::Gone, PLAIN);
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
        assert_eq!(gone.headers()[CONTENT_TYPE], versioned);
        assert_eq!(text(gone), "");
        let problem = Problem::new(StatusCode::NOT_FOUND, "ORG_NOT_FOUND", "none");
        assert_eq!(refusal(&problem, PLAIN).headers()[CONTENT_TYPE], "application/json");
    }
}
