//! How a client's own words are shown back to it: quoted, and never longer than a line.

use serde_json::Value;

/// Characters of a client's text that an answer repeats.
const MOST_CHARACTERS: usize = 100;

/// The beginning of `text`, with a mark where something was left out.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `text` in quotation marks, with control characters escaped.
pub(super) fn quote(text: &str) -> String {
    Value::from(cut(text)).to_string()
}

/// A JSON value, as short as it can be said.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => cut(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut(&"ä".repeat(100)), "ä".repeat(100));
        assert_eq!(cut(&"ä".repeat(101)), format!("{}…", "ä".repeat(100)));
    }

    #[test]
    fn a_value_is_shown_on_one_short_line() {
        assert_eq!(describe(&json!("a\nb\u{7}")), r#""a\nb\u0007""#);
        assert_eq!(describe(&json!([1, 2])), "an array");
        assert_eq!(describe(&json!({ "a": 1 })), "an object");
        assert_eq!(describe(&json!(1.5)), "1.5");
        assert_eq!(describe(&Value::Null), "null");
    }
}
