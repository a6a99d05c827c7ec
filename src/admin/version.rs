//! Media types: which version of a resource a client asks for, and what an answer calls itself.
//!
//! Only the current prefix has versions. There a client names a date in `Accept`, and gets the newest version
//! that is not later; the answer's `Content-Type` names the version really used. The older prefixes speak plain JSON.

use std::fmt;

use http::HeaderMap;
use http::header::ACCEPT;
use jiff::civil::{self, Date};

/// A version of a resource, named by the date it was published on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Version(Date);

/// The first version of organizations, API keys and their access lists.
pub(super) const V2023_01_01: Version = Version(civil::date(2023, 1, 1));

/// The first version of service accounts, their secrets and their access lists.
pub(super) const V2024_08_05: Version = Version(civil::date(2024, 8, 5));

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "application/vnd.atlas.{}+json", self.0)
    }
}

/// What an answer calls itself in `Content-Type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Representation {
    /// A version of the current prefix.
    Versioned(Version),
    /// `application/json`, under the prefixes that have no versions.
    Plain,
}

impl fmt::Display for Representation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Versioned(version) => write!(f, "{version};charset=utf-8"),
            Self::Plain => f.write_str("application/json"),
        }
    }
}

/// The version that a request gets of a resource published in `published` versions, oldest first.
///
/// Of several acceptable media types the one with the greatest `q` counts, then the one named first. `None`: no
/// acceptable one is named; `*/*` and `application/json` name no version.
pub(super) fn negotiate(headers: &HeaderMap, published: &[Version]) -> Option<Version> {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .filter_map(|range| acceptable(range, published))
        .reduce(|best, next| if next.quality > best.quality { next } else { best })
        .map(|best| best.version)
}

struct Acceptable {
    version: Version,
    quality: u16,
}

/// One element of `Accept`. Parameters other than `q` do not matter.
fn acceptable(range: &str, published: &[Version]) -> Option<Acceptable> {
    let mut parts = range.split(';').map(str::trim);
    let asked = version_asked(parts.next()?)?;
    let quality = match parts.find_map(quality_text) {
        Some(text) => parse_quality(text)?,
        None => FULL_QUALITY,
    };
    let version = published.iter().copied().rfind(|version| *version <= asked)?;
    (quality > 0).then_some(Acceptable { version, quality })
}

/// The date in `application/vnd.atlas.YYYY-MM-DD+json`, when it is one of the calendar.
fn version_asked(media_type: &str) -> Option<Version> {
    let lower = media_type.to_ascii_lowercase();
    let date = lower.strip_prefix("application/vnd.atlas.")?.strip_suffix("+json")?;
    let [year, month, day] = date.split('-').collect::<Vec<_>>().try_into().ok()?;
    let date = Date::new(digits(year, 4)?, digits(month, 2)?, digits(day, 2)?).ok()?;
    Some(Version(date))
}

fn digits<N: std::str::FromStr>(text: &str, count: usize) -> Option<N> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn quality_text(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case("q").then_some(value.trim())
}

/// A weight in thousandths, by RFC 9110 section 12.4.2: 0 to 1 with at most three decimals.
fn parse_quality(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let whole: u16 = digits(whole, 1)?;
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = whole * FULL_QUALITY + format!("{decimals:0<3}").parse::<u16>().ok()?;
    (thousandths <= FULL_QUALITY).then_some(thousandths)
}

const FULL_QUALITY: u16 = 1000;

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn asked(accept: &str, published: &[Version]) -> Option<Version> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        negotiate(&headers, published)
    }

    #[test]
    fn the_newest_version_not_later_than_the_date_is_taken() {
        let both = &[V2023_01_01, V2024_08_05][..];
        for (date, version) in [
            ("2022-12-31", None),
            ("2023-01-01", Some(V2023_01_01)),
            ("2024-08-04", Some(V2023_01_01)),
            ("2024-08-05", Some(V2024_08_05)),
            ("2025-03-12", Some(V2024_08_05)),
            ("9999-12-31", Some(V2024_08_05)),
        ] {
            assert_eq!(
                asked(&format!("application/vnd.atlas.{date}+json"), both),
                version,
                "{date}"
            );
        }
    }

    #[test]
    fn what_names_no_version_gets_none() {
        for accept in [
            "",
            "*/*",
            "application/*",
            "application/json",
            "application/vnd.atlas.2023-02-30+json",
            "application/vnd.atlas.2023-1-1+json",
            "application/vnd.atlas.+2023-01-01+json",
            "application/vnd.atlas.20230101+json",
            "application/vnd.atlas.2023-01-01-01+json",
            "application/vnd.atlas.2023-01-01",
            "application/vnd.atlas.2023-01-01+xml",
            "application/vnd.atlas.preview+json",
            "application/vnd.atlas.upcoming+json",
            "application/vnd.other.2023-01-01+json",
            "application/vnd.atlas.2023-01-01+json;q=0",
            "application/vnd.atlas.2023-01-01+json;q=2",
            "application/vnd.atlas.2023-01-01+json;q=high",
        ] {
            assert_eq!(asked(accept, &[V2023_01_01]), None, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new(), &[V2023_01_01]), None);
    }

    #[test]
    fn of_several_types_the_weightiest_counts_then_the_first() {
        let old = "application/vnd.atlas.2023-01-01+json";
        let new = "application/vnd.atlas.2024-08-05+json";
        let both = &[V2023_01_01, V2024_08_05][..];
        for (accept, version) in [
            (format!("{old}, {new}"), V2023_01_01),
            (format!("{new},{old}"), V2024_08_05),
            (format!("{old};q=0.5, {new};q=0.51"), V2024_08_05),
            (format!("{old};q=0.9, {new} ; Q=0.9"), V2023_01_01),
            (format!("*/*, {old};q=0.001"), V2023_01_01),
            (format!("{old};charset=utf-8;q=0.2, {new};q=0"), V2023_01_01),
            (old.to_uppercase(), V2023_01_01),
        ] {
            assert_eq!(asked(&accept, both), Some(version), "{accept}");
        }
    }

    #[test]
    fn several_accept_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT, HeaderValue::from_static("text/html"));
        headers.append(ACCEPT, HeaderValue::from_static("application/vnd.atlas.2025-03-12+json"));
        assert_eq!(negotiate(&headers, &[V2023_01_01]), Some(V2023_01_01));
    }

    #[test]
    fn an_answer_names_the_version_it_is_in() {
        assert_eq!(
            Representation::Versioned(V2023_01_01).to_string(),
            "application/vnd.atlas.2023-01-01+json;charset=utf-8"
        );
        assert_eq!(Representation::Plain.to_string(), "application/json");
    }

    proptest! {
        #[test]
        fn no_accept_header_makes_negotiation_panic(accept in "[ -~]{0,80}") {
            let _ = asked(&accept, &[V2023_01_01]);
        }
    }
}
