//! Request bodies: bounded, JSON, each member once.
//!
//! A JSON body is read once its caller is known: only those who may use the API have theirs read. The form that a client of
//! OAuth presents itself in comes from anybody, and has a time for the whole of it as well (`oauth`).

mod patience;

use std::error::Error as _;
use std::fmt;

use axum::body::Body;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Value};

pub(super) use self::patience::Patient;
use self::patience::StandsStill;
use super::text;

/// The JSON document that the body of a request is, of at most `limit` bytes.
///
/// # Errors
/// The body is called something else than JSON, is too large, breaks off, stands still, or is no JSON with distinct members.
pub(super) async fn read_json(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Value, BodyError> {
    if !body.is_end_stream() {
        check_content_type(headers)?;
    }
    parse(&read(body, limit).await?)
}

/// Why a body can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// It is not called JSON, or is compressed.
    #[error("the body is {found}")]
    ContentType {
        /// What it is called, cut.
        found: String,
    },
    /// It is too large.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// Bytes that it may have.
        limit: usize,
    },
    /// It ends before its end.
    #[error("the body breaks off")]
    Incomplete(#[source] axum::Error),
    /// It stands still.
    #[error("the body does not come in time")]
    Slow,
    /// It is no JSON: bad syntax, no UTF-8, nested too deeply.
    #[error("the body is no JSON")]
    Malformed(#[source] serde_json::Error),
    /// It is JSON with a member given twice, which readers understand in different ways.
    #[error("the body has a member twice")]
    Ambiguous(#[source] serde_json::Error),
}

/// Clients say `application/json` or any version of the vendor's type; without a word, JSON is meant.
fn check_content_type(headers: &HeaderMap) -> Result<(), BodyError> {
    let refuse = |found: &[u8]| {
        let found = text::cut(&String::from_utf8_lossy(found));
        Err(BodyError::ContentType { found })
    };
    if let Some(encoding) = headers.get(CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return refuse(encoding.as_bytes());
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.to_str().is_ok_and(is_json) => Ok(()),
        (Some(first), _) => refuse(first.as_bytes()),
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/vnd.atlas.") && essence.ends_with("+json"))
}

/// The bytes of a body, of at most `limit`. Copied into one buffer: kept as they come, a million frames of one byte would take
/// many times its size.
///
/// # Errors
/// The body is too large, breaks off or stands still.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Vec<u8>, BodyError> {
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(BodyError::TooLarge { limit });
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if data.len() > limit - bytes.len() {
            return Err(BodyError::TooLarge { limit });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn broken(error: axum::Error) -> BodyError {
    match error.source() {
        Some(cause) if cause.is::<StandsStill>() => BodyError::Slow,
        _ => BodyError::Incomplete(error),
    }
}

fn parse(bytes: &[u8]) -> Result<Value, BodyError> {
    let document: Distinct = serde_json::from_slice(bytes).map_err(|error| {
        match error.classify() {
            // The only error of this kind is the one made below.
            Category::Data => BodyError::Ambiguous(error),
            Category::Io | Category::Syntax | Category::Eof => BodyError::Malformed(error),
        }
    })?;
    Ok(document.0)
}

/// A JSON value all of whose objects have distinct members.
struct Distinct(Value);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistinctVisitor).map(Self)
    }
}

struct DistinctVisitor;

impl<'de> Visitor<'de> for DistinctVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Distinct(element)) = elements.next_element()? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                let name = text::quote(&name);
                return Err(de::Error::custom(format_args!("member {name} is given twice")));
            }
            let Distinct(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use http::HeaderValue;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn typed(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))])
    }

    fn read_now(headers: &HeaderMap, body: Body, limit: usize) -> Result<Value, BodyError> {
        read_json(headers, body, limit).now_or_never().expect("the body is there already")
    }

    #[test]
    fn json_is_accepted_by_each_of_its_names() {
        for name in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.atlas.2023-01-01+json",
            "application/vnd.atlas.2025-03-12+json;charset=utf-8",
        ] {
            assert_eq!(read_now(&typed(name), Body::from("[]"), 9).unwrap(), json!([]), "{name}");
        }
        assert_eq!(read_now(&HeaderMap::new(), Body::from("[]"), 9).unwrap(), json!([]));
    }

    #[test]
    fn a_body_that_is_called_something_else_is_not_read() {
        for name in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            let refused = read_now(&typed(name), Body::from("[]"), 9);
            assert!(matches!(refused, Err(BodyError::ContentType { .. })), "{name}: {refused:?}");
        }
        let mut twice = typed("application/json");
        twice.append(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert!(matches!(
            read_now(&twice, Body::from("[]"), 9),
            Err(BodyError::ContentType { .. })
        ));
        let mut packed = typed("application/json");
        packed.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(matches!(
            read_now(&packed, Body::from("[]"), 9),
            Err(BodyError::ContentType { .. })
        ));
    }

    #[test]
    fn a_body_over_the_limit_is_refused_whether_its_size_is_told_or_not() {
        let json = typed("application/json");
        assert!(read_now(&json, Body::from("[1, 2]"), 6).is_ok());
        let told = read_now(&json, Body::from("[1, 2]"), 5);
        assert!(matches!(told, Err(BodyError::TooLarge { limit: 5 })), "{told:?}");
        let frames = ["[1,", " 2]"].map(Ok::<_, std::io::Error>);
        let untold = Body::from_stream(futures_util::stream::iter(frames));
        let untold = read_now(&json, untold, 5);
        assert!(matches!(untold, Err(BodyError::TooLarge { limit: 5 })), "{untold:?}");
    }

    #[test]
    fn a_body_that_breaks_off_is_incomplete() {
        let frames = [Ok("[1,"), Err(std::io::Error::other("gone"))];
        let broken = Body::from_stream(futures_util::stream::iter(frames));
        let broken = read_now(&HeaderMap::new(), broken, 99);
        assert!(matches!(broken, Err(BodyError::Incomplete(_))), "{broken:?}");
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = "[".repeat(200_000);
        for body in [
            "",
            " ",
            "{",
            "[1,]",
            "{'a':1}",
            "nul",
            "[] []",
            "\u{feff}[]",
            "\"\0\"",
            "[1e999]",
            &deep,
        ] {
            assert!(matches!(parse(body.as_bytes()), Err(BodyError::Malformed(_))), "{body:.20}");
        }
        for body in [&b"\"\xff\""[..], b"\"\\ud800\"", b"\xff\xfe[\0]\0"] {
            assert!(matches!(parse(body), Err(BodyError::Malformed(_))), "{body:?}");
        }
    }

    #[test]
    fn a_member_given_twice_is_refused_at_any_depth() {
        for body in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
            match parse(body.as_bytes()) {
                Err(BodyError::Ambiguous(error)) => {
                    assert!(
                        error.to_string().starts_with("member \"a\" is given twice"),
                        "{error}"
                    );
                }
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_a_plain_reader_reads(text in r#"[\[\]{}:,"a1. tn-]{0,40}"#) {
            let plain: Option<Value> = serde_json::from_str(&text).ok();
            match parse(text.as_bytes()) {
                Ok(value) => prop_assert_eq!(Some(value), plain),
                Err(BodyError::Ambiguous(_)) => {}
                Err(_) => prop_assert_eq!(None, plain),
            }
        }
    }
}
