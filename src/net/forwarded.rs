//! Reads the `Forwarded` header, RFC 7239, from its right end.
//!
//! The right end is what the nearest proxy wrote, the left end is whatever a client chose to send. So elements
//! are cut off at the right, and what an element says depends on nothing to its left: an unclosed quote in
//! front can't swallow the hop that a trusted proxy appended.
//!
//! Not here: which hop is believed (`client_ip`).

/// The elements of one header line, the last first. An unbalanced quote makes all that is left of it one element.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Elements<'a> {
    /// The elements of `line`; an empty line has one empty element.
    pub fn new(line: &'a [u8]) -> Self {
        Self { rest: Some(line) }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let Some(comma) = last_comma(rest) else {
            self.rest = None;
            return Some(rest.trim_ascii());
        };
        self.rest = Some(&rest[..comma]);
        Some(rest[comma + 1..].trim_ascii())
    }
}

/// What one proxy said about the request it received. Values are without their quotes and never hold a backslash.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Element<'a> {
    /// `for`: who sent the request to that proxy.
    pub node: Option<&'a str>,
    /// `proto`: the scheme it came by.
    pub proto: Option<&'a str>,
    /// `host`: the authority it named.
    pub host: Option<&'a str>,
}

impl<'a> Element<'a> {
    /// Reads one element. `None` when any part of it is malformed, a name we know comes twice, or a value has an escape.
    pub fn parse(element: &'a [u8]) -> Option<Self> {
        let mut rest = std::str::from_utf8(element).ok()?;
        let mut parsed = Self::default();
        loop {
            let (name, value, after) = pair(rest)?;
            parsed.set(name, value)?;
            rest = match after.trim_start_matches(OWS) {
                "" => return Some(parsed),
                more => more.strip_prefix(';')?.trim_start_matches(OWS),
            };
        }
    }

    fn set(&mut self, name: &str, value: &'a str) -> Option<()> {
        let known = if name.eq_ignore_ascii_case("for") {
            &mut self.node
        } else if name.eq_ignore_ascii_case("proto") {
            &mut self.proto
        } else if name.eq_ignore_ascii_case("host") {
            &mut self.host
        } else {
            return Some(());
        };
        known.replace(value).is_none().then_some(())
    }
}

/// Whether `text` is a token, RFC 9110 section 5.6.2, and so needs no quotes.
pub fn is_token(text: &[u8]) -> bool {
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !text.is_empty() && text.iter().all(token)
}

const OWS: [char; 2] = [' ', '\t'];

/// The position of the last comma that is outside quotes, read from the right.
fn last_comma(line: &[u8]) -> Option<usize> {
    let mut quoted = false;
    for at in (0..line.len()).rev() {
        match line[at] {
            b'"' if quoted && is_escaped(line, at) => {}
            b'"' => quoted = !quoted,
            b',' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// Whether an odd number of backslashes stands right before `at`.
///
/// Asked for quotes only, and each backslash stands before one quote, so a line is read twice at most.
fn is_escaped(line: &[u8], at: usize) -> bool {
    line[..at].iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
}

/// Cuts one `name=value` off the front: name, value, the rest.
fn pair(text: &str) -> Option<(&str, &str, &str)> {
    let (name, value) = text.split_once('=')?;
    if !is_token(name.as_bytes()) {
        return None;
    }
    if let Some(quoted) = value.strip_prefix('"') {
        let (inside, after) = quoted.split_once('"')?;
        return (!inside.contains('\\')).then_some((name, inside, after));
    }
    let end = value.find([';', ' ', '\t']).unwrap_or(value.len());
    let (value, after) = value.split_at(end);
    is_token(value.as_bytes()).then_some((name, value, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn elements(line: &str) -> Vec<&str> {
        Elements::new(line.as_bytes()).map(|e| std::str::from_utf8(e).unwrap()).collect()
    }

    #[test]
    fn elements_come_from_the_right_and_quotes_hide_commas() {
        for (line, expected) in [
            ("for=a, for=b;proto=http ,\tfor=c", vec!["for=c", "for=b;proto=http", "for=a"]),
            (r#"for="a,b";host="x\",y", for=c"#, vec!["for=c", r#"for="a,b";host="x\",y""#]),
            (r#"host="a\\", for=c"#, vec!["for=c", r#"host="a\\""#]),
            ("", vec![""]),
            (",", vec!["", ""]),
            (r#"for="a, for=b"#, vec!["for=b", r#"for="a"#]),
            (r#"host="a, for=b;host="c"#, vec![r#"host="a, for=b;host="c"#]),
            (r#"for="x, for="[::1]""#, vec![r#"for="[::1]""#, r#"for="x"#]),
        ] {
            assert_eq!(elements(line), expected, "{line}");
        }
    }

    #[test]
    fn an_element_is_read_whole_or_not_at_all() {
        let node = |node| Some(Element { node: Some(node), ..Element::default() });
        for (text, expected) in [
            ("for=192.0.2.1", node("192.0.2.1")),
            ("FOR=192.0.2.1", node("192.0.2.1")),
            (r#"for="[2001:db8::1]:4711""#, node("[2001:db8::1]:4711")),
            (r#"by=_x;for="a;b" ; ext="c,d""#, node("a;b")),
            (
                "host=h;proto=https;for=unknown",
                Some(Element { node: Some("unknown"), proto: Some("https"), host: Some("h") }),
            ),
            ("proto=http", Some(Element { proto: Some("http"), ..Element::default() })),
            ("", None),
            ("192.0.2.1", None),
            ("for=", None),
            ("for =a", None),
            ("for= a", None),
            ("for=a;", None),
            ("for=a;;proto=b", None),
            ("for=a b", None),
            ("for=a;for=b", None),
            ("for=2001:db8::1", None),
            ("for=[::1]", None),
            (r#"for="a"b"#, None),
            (r#"for="a"#, None),
            (r#"for="\[::1]""#, None),
            (r#"for=a;host="b\"c""#, None),
            ("for=\u{e9}", None),
        ] {
            assert_eq!(Element::parse(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(Element::parse(b"for=\xff"), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(line in prop::collection::vec(any::<u8>(), 0..80)) {
            for element in Elements::new(&line) {
                let _ = Element::parse(element);
            }
        }

        #[test]
        fn what_stands_before_a_comma_does_not_touch_the_element_behind_it(line in r#"[a-z"\\,;= ]{0,40}"#) {
            let whole = format!(r#"{line}, for="a,b";host=c"#);
            prop_assert_eq!(elements(&whole)[0], r#"for="a,b";host=c"#);
        }
    }
}
