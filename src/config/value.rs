//! Values without a place in the network or the file system: numbers, durations, sizes, choices, instants.
//!
//! Each reader takes a [`Node`] or says what it expected instead, its range included.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::value::{Datetime, Offset};

use super::expected::{Expected, did_you_mean, one_of, suggest};
use super::reader::{Field, Reported};
use super::tree::{Node, Value};
use crate::time::Timestamp;

/// `true` or `false`.
pub(super) fn boolean(node: &Node) -> Result<bool, Expected> {
    node.as_bool().ok_or_else(|| "`true` or `false`".into())
}

/// A whole number within `range`.
pub(super) fn integer<T: Copy + fmt::Display + PartialOrd + TryFrom<i64>>(
    range: RangeInclusive<T>,
) -> impl Fn(&Node) -> Result<T, Expected> {
    move |node| {
        let number = node.as_integer().and_then(|number| T::try_from(number).ok());
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            format!("a whole number from {} to {}", range.start(), range.end()).into()
        })
    }
}

/// A duration within `range`, as in `"250ms"`, `"5s"`, `"5m"`, `"1h"`.
pub(super) fn duration(
    range: RangeInclusive<Duration>,
) -> impl Fn(&Node) -> Result<Duration, Expected> {
    move |node| {
        let duration = node.as_str().and_then(|text| {
            let (number, unit) = number_and_unit(text)?;
            let unit = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?.1;
            number.checked_mul(unit).map(Duration::from_millis)
        });
        duration.filter(|duration| range.contains(duration)).ok_or_else(|| {
            let (start, end) = (write_duration(*range.start()), write_duration(*range.end()));
            let units = one_of(DURATION_UNITS.map(|(name, _)| name));
            format!("a duration from \"{start}\" to \"{end}\", its unit {units}").into()
        })
    }
}

/// A number of bytes within `range`, as in `"512B"`, `"64KiB"`, `"1MiB"`.
pub(super) fn size(range: RangeInclusive<usize>) -> impl Fn(&Node) -> Result<usize, Expected> {
    move |node| {
        let size = node.as_str().and_then(|text| {
            let (number, unit) = number_and_unit(text)?;
            let unit = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?.1;
            number.checked_mul(unit).and_then(|bytes| usize::try_from(bytes).ok())
        });
        size.filter(|size| range.contains(size)).ok_or_else(|| {
            let (start, end) = (write_size(*range.start()), write_size(*range.end()));
            let units = one_of(SIZE_UNITS.map(|(name, _)| name));
            format!("a size from \"{start}\" to \"{end}\", its unit {units}").into()
        })
    }
}

/// What one of a few words stands for.
pub(super) fn choice<T: Copy>(
    choices: &'static [(&'static str, T)],
) -> impl Fn(&Node) -> Result<T, Expected> {
    move |node| choice_row(choices)(node).map(|row| row.1)
}

/// A list of such words, what each stands for, none twice.
pub(super) fn choices<T: Copy>(
    field: &Field<'_>,
    expected: &'static str,
    choices: &'static [(&'static str, T)],
) -> Result<Vec<T>, Reported> {
    let rows = field.each_once(expected, |name| name.read(choice_row(choices)), |row| row.0)?;
    Ok(rows.into_iter().map(|(row, _)| row.1).collect())
}

/// One of a few words, and what it stands for.
fn choice_row<T>(
    choices: &'static [(&'static str, T)],
) -> impl Fn(&Node) -> Result<&'static (&'static str, T), Expected> {
    let names = || choices.iter().map(|(name, _)| *name);
    move |node| {
        let found = node.as_str();
        choices.iter().find(|(name, _)| Some(*name) == found).ok_or_else(|| {
            let meant = found.and_then(|found| suggest(found, names()));
            Expected::from(one_of(names())).advise(did_you_mean(meant))
        })
    }
}

/// The name of one of the tables in `names`, which are `what`.
pub(super) fn name_of(
    what: &'static str,
    names: &[&str],
) -> impl Fn(&Node) -> Result<String, Expected> {
    move |node| {
        let found = node.as_str();
        let name = found.filter(|found| names.contains(found));
        name.map(str::to_owned).ok_or_else(|| {
            let meant = found.and_then(|found| suggest(found, names.iter().copied()));
            Expected::from(a_name_of(what, names)).advise(did_you_mean(meant))
        })
    }
}

/// What is expected of a name of one of `names`.
pub(super) fn a_name_of(what: &'static str, names: &[&str]) -> String {
    let few = one_of(names.iter().copied().take(NAMES_LISTED));
    match names.len() {
        0 => format!("the name of {what}, of which there is none"),
        1..=NAMES_LISTED => format!("the name of {what}, {few}"),
        _ => format!("the name of {what}, {few}, …"),
    }
}

/// An instant by RFC 3339, with or without quotes.
pub(super) fn instant(node: &Node) -> Result<Timestamp, Expected> {
    let read = |text: &str| Timestamp::parse_rfc3339(text).ok();
    let instant = match &node.value {
        // A local time, without an offset, names no instant.
        Value::Datetime(Datetime { date: Some(_), time: Some(_), offset: Some(offset) }) => {
            offset_is_real(*offset).then(|| read(node.span.text())).flatten()
        }
        _ => node.as_str().and_then(read),
    };
    instant.ok_or_else(|| "a date and time with an offset, as in `2027-01-01T00:00:00Z`".into())
}

/// What the operator log tells: levels, alone or for a part of the program, as in `info,portcullis::proxy=debug`.
///
/// Narrower than what the logging library takes: there, a misspelt level is a part of the program by that name, and
/// the log falls silent.
pub(super) fn log_filter(node: &Node) -> Result<Box<str>, Expected> {
    let is_level = |text: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text));
    let is_target = |text: &str| {
        let inside = |b: u8| b.is_ascii_alphanumeric() || b":_-".contains(&b);
        !text.is_empty() && text.bytes().all(inside)
    };
    let is_directive = |text: &str| match text.split_once('=') {
        Some((target, level)) => is_target(target) && is_level(level),
        None => is_level(text),
    };
    let filter = node.as_str().filter(|text| text.len() <= 1024);
    filter.filter(|text| text.split(',').all(is_directive)).map(Into::into).ok_or_else(|| {
        let levels = one_of(LEVELS);
        format!("a level, {levels}, or levels by part, as in `info,portcullis::proxy=debug`").into()
    })
}

/// A number without sign, and what follows it.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

/// The duration in the largest unit that it is a whole number of.
fn write_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    let whole = DURATION_UNITS.iter().rev().find(|(_, unit)| ms.is_multiple_of(u128::from(*unit)));
    whole.map_or_else(String::new, |(name, unit)| format!("{}{name}", ms / u128::from(*unit)))
}

/// The size in the largest unit that it is a whole number of.
fn write_size(bytes: usize) -> String {
    let bytes = bytes as u64;
    let whole = SIZE_UNITS.iter().rev().find(|(_, unit)| bytes.is_multiple_of(*unit));
    whole.map_or_else(String::new, |(name, unit)| format!("{}{name}", bytes / unit))
}

/// Less than a day: the TOML library takes any two digits of hours.
fn offset_is_real(offset: Offset) -> bool {
    match offset {
        Offset::Z => true,
        Offset::Custom { minutes } => minutes.unsigned_abs() < 24 * 60,
    }
}

/// Units of durations and their milliseconds, the smallest first.
const DURATION_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Units of sizes and their bytes, the smallest first.
const SIZE_UNITS: [(&str, u64); 4] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Names that a message lists before it breaks off.
const NAMES_LISTED: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::Source;
    use crate::config::tree::parse_variable;

    fn node(text: &str) -> Node {
        parse_variable(&Source::variable("V", text, 1), 2)
    }

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        let read = duration(Duration::from_millis(1)..=Duration::from_secs(24 * 3600));
        for (text, ms) in [
            ("250ms", Some(250)),
            ("5s", Some(5_000)),
            ("5m", Some(300_000)),
            ("24h", Some(86_400_000)),
            ("25h", None),
            ("0s", None),
            ("5", None),
            ("s", None),
            ("5 s", None),
            ("-5s", None),
            ("1.5s", None),
            ("5S", None),
            ("1m30s", None),
            ("18446744073709551615h", None),
            ("99999999999999999999s", None),
            ("", None),
        ] {
            assert_eq!(read(&node(text)).ok(), ms.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn a_size_is_a_whole_number_and_a_binary_unit() {
        let read = size(1..=1 << 30);
        for (text, bytes) in [
            ("512B", Some(512)),
            ("64KiB", Some(65_536)),
            ("1MiB", Some(1 << 20)),
            ("1GiB", Some(1 << 30)),
            ("2GiB", None),
            ("0B", None),
            ("64", None),
            ("64KB", None),
            ("64kib", None),
            ("18446744073709551615GiB", None),
        ] {
            assert_eq!(read(&node(text)).ok(), bytes, "{text}");
        }
    }

    #[test]
    fn a_range_is_written_as_it_would_be_set() {
        let words = |text| {
            let range = Duration::from_millis(250)..=Duration::from_secs(7200);
            duration(range)(&node(text)).unwrap_err().words
        };
        assert_eq!(
            words("1ms"),
            r#"a duration from "250ms" to "2h", its unit one of `ms`, `s`, `m`, `h`"#
        );
    }

    #[test]
    fn an_instant_needs_an_offset() {
        let at = Some(Timestamp::from_millis(1_798_761_600_000));
        for (text, instant) in [
            ("2027-01-01T00:00:00Z", at),
            ("\"2027-01-01T00:00:00Z\"", at),
            ("2027-01-01 02:00:00+02:00", at),
            ("2027-01-01T00:00:00", None),
            ("2027-01-01", None),
            ("00:00:00", None),
            ("2027-02-30T00:00:00Z", None),
            ("soon", None),
            ("5", None),
        ] {
            assert_eq!(super::instant(&node(text)).ok(), instant, "{text}");
        }
    }

    #[test]
    fn a_misspelt_level_is_no_level() {
        for (text, good) in [
            ("info", true),
            ("WARN", true),
            ("info,portcullis::proxy=debug", true),
            ("portcullis=trace,off", true),
            ("inof", false),
            ("portcullis=inof", false),
            ("=info", false),
            ("info,", false),
            ("[span]=info", false),
            ("", false),
        ] {
            assert_eq!(log_filter(&node(text)).is_ok(), good, "{text}");
        }
    }
}
