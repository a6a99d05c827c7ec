//! The form that a request sends: bounded, of the one media type, each parameter once.

use std::borrow::Cow;
use std::collections::HashSet;

use axum::body::Body;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body::Body as _;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::admin::body::{self, BodyError};

/// The parameters that mean something here. One that is empty is as good as left out (RFC 6749, section 3.2), and so is one that
/// means nothing.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretString>,
    pub(super) grant_type: Option<String>,
    pub(super) token: Option<SecretString>,
}

/// Why a form can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FormError {
    /// It is called something else, or is compressed.
    #[error("the body is no form of plain application/x-www-form-urlencoded")]
    ContentType,
    /// It is too large, or breaks off.
    #[error("the form can't be read")]
    Body(#[source] BodyError),
    /// A parameter is given twice.
    #[error("a parameter of the form is given twice")]
    Twice,
}

impl Form {
    /// Reads the form that is the body of a request.
    ///
    /// # Errors
    /// It is no form, is too large, breaks off, or has a parameter twice.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, FormError> {
        if !body.is_end_stream() {
            check_content_type(headers)?;
        }
        let bytes = body::read(body, MOST_BYTES).await.map_err(FormError::Body)?;
        Self::parse(&Zeroizing::new(bytes))
    }

    /// Reads a form that was sent.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, FormError> {
        let mut form = Self::default();
        let mut seen = HashSet::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            if !seen.insert(name.clone()) {
                return Err(FormError::Twice);
            }
            if !value.is_empty() {
                form.take(&name, value);
            }
        }
        Ok(form)
    }

    fn take(&mut self, name: &str, value: Cow<'_, str>) {
        let value = value.into_owned();
        match name {
            "client_id" => self.client_id = Some(value),
            "client_secret" => self.client_secret = Some(value.into()),
            "grant_type" => self.grant_type = Some(value),
            "token" => self.token = Some(value.into()),
            _ => {}
        }
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), FormError> {
    let is_plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let only = types.next().filter(|_| types.next().is_none());
    let essence = only.and_then(|only| only.to_str().ok()?.split(';').next());
    match essence {
        Some(essence) if is_plain && essence.trim().eq_ignore_ascii_case(FORM) => Ok(()),
        _ => Err(FormError::ContentType),
    }
}

/// What a form calls itself.
pub(in crate::admin) const FORM: &str = "application/x-www-form-urlencoded";

/// Bytes of a form. Its longest part is a token, of less than one kilobyte.
pub(super) const MOST_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use http::HeaderValue;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn typed(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))])
    }

    fn read(headers: &HeaderMap, body: impl Into<Body>) -> Result<Form, FormError> {
        Form::read(headers, body.into()).now_or_never().unwrap()
    }

    #[test]
    fn a_form_is_decoded_once_and_what_it_does_not_need_is_passed_over() {
        let form = Form::parse(
            b"grant_type=client+credentials&scope=x&client_secret=a%2525b%2B%3A&token=",
        );
        let form = form.unwrap();
        assert_eq!(form.grant_type.as_deref(), Some("client credentials"));
        assert_eq!(form.client_secret.unwrap().expose_secret(), "a%25b+:");
        assert!(form.token.is_none() && form.client_id.is_none());
    }

    #[test]
    fn a_parameter_is_given_once_whatever_it_means() {
        for twice in ["a=1&b=2&a=1", "token=a&token=b", "token=&token=a", "tok%65n=a&token=b"] {
            assert!(matches!(Form::parse(twice.as_bytes()), Err(FormError::Twice)), "{twice}");
        }
    }

    #[test]
    fn a_body_is_a_form_by_its_name_alone() {
        for name in [FORM, "Application/X-WWW-Form-Urlencoded; charset=utf-8"] {
            assert!(read(&typed(name), "a=b").is_ok(), "{name}");
        }
        for name in ["application/json", "multipart/form-data; boundary=x", "text/plain", ""] {
            assert!(matches!(read(&typed(name), "a=b"), Err(FormError::ContentType)), "{name}");
        }
        assert!(matches!(read(&HeaderMap::new(), "a=b"), Err(FormError::ContentType)));
        assert!(read(&HeaderMap::new(), "").is_ok(), "there is nothing to be called anything");
        let mut packed = typed(FORM);
        packed.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(matches!(read(&packed, "a=b"), Err(FormError::ContentType)));
    }

    #[test]
    fn a_form_has_its_size() {
        let fits = format!("a={}", "b".repeat(MOST_BYTES - 2));
        assert!(read(&typed(FORM), fits.clone()).is_ok());
        let large = read(&typed(FORM), format!("{fits}b"));
        assert!(matches!(large, Err(FormError::Body(BodyError::TooLarge { .. }))));
    }

    #[test]
    fn a_secret_in_a_form_is_not_shown() {
        let form = Form::parse(b"client_secret=mdb_sa_sk_x&token=abc.def").unwrap();
        let shown = format!("{form:?}");
        assert!(!shown.contains("mdb_sa_sk_x") && !shown.contains("abc"), "{shown}");
    }
}
