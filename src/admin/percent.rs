//! Percent-decoding that refuses what it can't read, instead of passing it on.

/// The text that `escaped` stands for, decoded once.
///
/// `None` where `%` is not followed by two hexadecimal digits (RFC 3986 section 2.1) or the bytes are no UTF-8.
pub(super) fn decode(escaped: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            rest = after;
            bytes.push((hex_digit(digits[0])? << 4) | hex_digit(digits[1])?);
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex_digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_once_and_strictly() {
        for (escaped, decoded) in [
            ("198.51.100.0%2F24", Some("198.51.100.0/24")),
            ("198.51.100.0%2f24", Some("198.51.100.0/24")),
            ("198.51.100.0%252F24", Some("198.51.100.0%2F24")),
            ("%C3%A4", Some("ä")),
            ("", Some("")),
            ("%", None),
            ("%2", None),
            ("%zz", None),
            ("%+1", None),
            ("%C3", None),
            ("%FF", None),
        ] {
            assert_eq!(decode(escaped).as_deref(), decoded, "{escaped}");
        }
    }
}
