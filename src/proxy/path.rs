//! What is unusual about a raw path, and how a lenient upstream might read it.
//!
//! A route is found by the path's raw bytes, and the upstream gets those bytes. That is safe only while the upstream
//! reads them as they were judged, so every form that servers are known to read in more than one way is refused,
//! unless a route lets it through by name.
//!
//! Not here: which route a path has (`route`).

use percent_encoding::percent_decode;

/// A form of path that is refused unless a route lets it through by this name.
///
/// A path is matched raw, whatever is let through. [`Routes::find`](super::route::Routes::find) still refuses one that
/// a lenient reader would take to another route; below the route's own prefix, the upstream is alone with it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PathForm {
    /// `dot-segments`: `.` or `..`, plain, encoded, or with parameters after `;`. Dangerous: whatever path rules the
    /// upstream has, a reader that resolves the dots before them and one that does so after see two different paths.
    DotSegments,
    /// `empty-segments`: `//` inside the path.
    EmptySegments,
    /// `backslash`: `\` as such. Some servers take it for `/`.
    Backslash,
    /// `encoded-slash`: `%2f`. A dot segment that ends in one is a dot segment all the same.
    EncodedSlash,
    /// `encoded-backslash`: `%5c`.
    EncodedBackslash,
    /// `encoded-nul`: `%00`. Some servers cut the path off there.
    EncodedNul,
    /// `broken-escapes`: `%` without two hexadecimal digits after it.
    BrokenEscapes,
}

impl PathForm {
    /// Every form, the most dangerous first.
    pub const ALL: [Self; 7] = [
        Self::DotSegments,
        Self::EncodedNul,
        Self::BrokenEscapes,
        Self::EncodedSlash,
        Self::EncodedBackslash,
        Self::Backslash,
        Self::EmptySegments,
    ];

    /// The name that the config lets it through by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DotSegments => "dot-segments",
            Self::EmptySegments => "empty-segments",
            Self::Backslash => "backslash",
            Self::EncodedSlash => "encoded-slash",
            Self::EncodedBackslash => "encoded-backslash",
            Self::EncodedNul => "encoded-nul",
            Self::BrokenEscapes => "broken-escapes",
        }
    }
}

impl std::fmt::Display for PathForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of forms.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PathForms(u8);

impl PathForms {
    /// No form: what a route allows that names none.
    pub const NONE: Self = Self(0);

    /// Whether `form` is in the set.
    pub fn contains(self, form: PathForm) -> bool {
        self.0 & bit(form) != 0
    }

    fn add(&mut self, form: PathForm) {
        self.0 |= bit(form);
    }

    /// The most dangerous form that is here and not in `allowed`.
    fn first_beyond(self, allowed: Self) -> Option<PathForm> {
        let beyond = Self(self.0 & !allowed.0);
        PathForm::ALL.into_iter().find(|form| beyond.contains(*form))
    }
}

impl FromIterator<PathForm> for PathForms {
    fn from_iter<I: IntoIterator<Item = PathForm>>(forms: I) -> Self {
        let mut set = Self::NONE;
        forms.into_iter().for_each(|form| set.add(form));
        set
    }
}

/// Why a path is refused, whatever its route. The answer is 400.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PathError {
    /// The target is no path: `*`, or an authority.
    #[error("the request target is no path")]
    NotAbsolute,
    /// A control byte, a space, `?` or `#`.
    #[error("the path has a byte that no path may have")]
    Byte,
    /// A form that the route does not let through.
    #[error("the path has a form that this route does not let through: {0}")]
    Form(PathForm),
    /// The route that the raw bytes name is not the one that a lenient reader would find.
    #[error("the path can be read in two ways that have different routes")]
    Ambiguous,
}

/// How many ways there are to read a path that was not refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Readings {
    /// Its bytes mean themselves.
    One,
    /// It has escapes, parameters, or a form that was let through: see [`lenient_reading`].
    Several,
}

/// Refuses a raw path with a form that is not `allowed`. Takes one pass over the path and allocates nothing.
///
/// Bytes from 0x80 on are let through: the HTTP library has seen to it that they are UTF-8, and no reader takes them
/// for a separator.
///
/// # Errors
/// See [`PathError`]; never [`PathError::Ambiguous`].
pub fn check(path: &str, allowed: PathForms) -> Result<Readings, PathError> {
    if !path.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    let mut scan = Scan::default();
    let mut rest = path.as_bytes();
    while let Some((unit, after)) = next_unit(rest) {
        scan.take(unit)?;
        rest = after;
    }
    scan.end_segment();
    match scan.found.first_beyond(allowed) {
        Some(form) => Err(PathError::Form(form)),
        None => Ok(scan.readings()),
    }
}

/// The path as the most lenient upstream would read it: escapes decoded once, `\` a slash, parameters cut off,
/// the name cut at NUL, empty segments merged, dots resolved. Has no `/` at its end; the root is empty.
pub fn lenient_reading(path: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut segment = 0; // Where the current segment's slash stands in `out`.
    let mut named = true;
    for byte in percent_decode(path.as_bytes()) {
        match byte {
            b'/' | b'\\' => {
                settle(&mut out, segment);
                segment = out.len();
                out.push(b'/');
                named = true;
            }
            b';' | 0 => named = false,
            _ if named => out.push(byte),
            _ => {}
        }
    }
    settle(&mut out, segment);
    out
}

/// Whether `path` is `prefix` or lies below it, in whole segments. Neither prefix has a `/` at its end.
pub(super) fn lies_under(path: &[u8], prefix: &[u8]) -> bool {
    matches!(path.strip_prefix(prefix), Some([] | [b'/', ..]))
}

/// Takes an empty or dot segment, and what it undoes, off the end.
fn settle(out: &mut Vec<u8>, segment: usize) {
    match out.get(segment..) {
        Some(b"/" | b"/.") => out.truncate(segment),
        Some(b"/..") => {
            out.truncate(segment);
            let parent = out.iter().rposition(|b| *b == b'/').unwrap_or(0);
            out.truncate(parent);
        }
        _ => {}
    }
}

/// A byte as written, a byte written as an escape, or a `%` that begins none.
#[derive(Clone, Copy)]
enum Unit {
    Plain(u8),
    Escaped(u8),
    Broken,
}

fn next_unit(bytes: &[u8]) -> Option<(Unit, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first != b'%' {
        return Some((Unit::Plain(*first), rest));
    }
    Some(match escaped(rest) {
        Some(byte) => (Unit::Escaped(byte), &rest[2..]),
        None => (Unit::Broken, rest),
    })
}

/// The byte that two hexadecimal digits at the front stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else { return None };
    Some(hex(*high)? << 4 | hex(*low)?)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// What a path has shown so far.
#[derive(Default)]
struct Scan {
    found: PathForms,
    name: Name,
    named: Named,
    after_slash: bool,
    several: bool,
}

/// The name of the current segment, as far as dots go.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Name {
    #[default]
    Empty,
    Dot,
    DotDot,
    Other,
}

/// Whether bytes still belong to the segment's name.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Named {
    #[default]
    Yes,
    /// After `;` or NUL.
    Over,
}

impl Scan {
    fn take(&mut self, unit: Unit) -> Result<(), PathError> {
        let after_slash = std::mem::replace(&mut self.after_slash, false);
        match unit {
            Unit::Plain(0..=b' ' | 0x7f | b'?' | b'#') => return Err(PathError::Byte),
            Unit::Plain(b'/') => {
                if after_slash {
                    self.found.add(PathForm::EmptySegments);
                }
                self.after_slash = true;
                self.end_segment();
            }
            Unit::Plain(b'\\') => self.separator(PathForm::Backslash),
            Unit::Escaped(b'/') => self.separator(PathForm::EncodedSlash),
            Unit::Escaped(b'\\') => self.separator(PathForm::EncodedBackslash),
            Unit::Escaped(0) => {
                self.found.add(PathForm::EncodedNul);
                self.named = Named::Over;
            }
            Unit::Broken => {
                self.found.add(PathForm::BrokenEscapes);
                self.extend_name(b'%');
            }
            Unit::Plain(b';') | Unit::Escaped(b';') => {
                self.several = true;
                self.named = Named::Over;
            }
            Unit::Escaped(byte) => {
                self.several = true;
                self.extend_name(byte);
            }
            Unit::Plain(byte) => self.extend_name(byte),
        }
        Ok(())
    }

    /// A separator to some readers only; to those, it ends a dot segment.
    fn separator(&mut self, form: PathForm) {
        self.found.add(form);
        self.end_segment();
    }

    fn extend_name(&mut self, byte: u8) {
        if self.named == Named::Yes {
            self.name = match (self.name, byte) {
                (Name::Empty, b'.') => Name::Dot,
                (Name::Dot, b'.') => Name::DotDot,
                _ => Name::Other,
            };
        }
    }

    fn end_segment(&mut self) {
        if matches!(self.name, Name::Dot | Name::DotDot) {
            self.found.add(PathForm::DotSegments);
        }
        self.name = Name::Empty;
        self.named = Named::Yes;
    }

    fn readings(&self) -> Readings {
        let plain = !self.several && self.found == PathForms::NONE;
        if plain { Readings::One } else { Readings::Several }
    }
}

fn bit(form: PathForm) -> u8 {
    1 << form as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_unusual_path_is_refused_by_the_name_of_its_form() {
        use PathForm::*;
        for (path, expected) in [
            ("/", None),
            ("/a", None),
            ("/a/b/", None),
            ("/a.b/..c/d../.../.well-known", None),
            ("/a%20b/%41", None),
            ("/a;v=1/b;..;", None),
            ("/;/a", None),
            ("/caf\u{e9}", None),
            ("/a:b@c,d!e$f&g'h(i)*+=~|\"{}[]^_", None),
            ("/%252e%252e/%252f", None),
            ("/%c0%af", None),
            ("/.", Some(DotSegments)),
            ("/..", Some(DotSegments)),
            ("/../a", Some(DotSegments)),
            ("/a/./b", Some(DotSegments)),
            ("/a/../b", Some(DotSegments)),
            ("/a/..", Some(DotSegments)),
            ("/a/../", Some(DotSegments)),
            ("/a/%2e%2E/b", Some(DotSegments)),
            ("/a/.%2e/b", Some(DotSegments)),
            ("/a/%2e./b", Some(DotSegments)),
            ("/a/%2E", Some(DotSegments)),
            ("/a/..;/b", Some(DotSegments)),
            ("/a/..;v=1/b", Some(DotSegments)),
            ("/a/.;/b", Some(DotSegments)),
            ("/a/%2e%2e;x", Some(DotSegments)),
            ("/a/..%3bx/b", Some(DotSegments)),
            ("/a/..%00/b", Some(DotSegments)),
            ("/a/..%2fb", Some(DotSegments)),
            ("/a/x%2F..", Some(DotSegments)),
            ("/a/..\\b", Some(DotSegments)),
            ("/a/..%5cb", Some(DotSegments)),
            ("//", Some(EmptySegments)),
            ("//a", Some(EmptySegments)),
            ("/a//b", Some(EmptySegments)),
            ("/a//", Some(EmptySegments)),
            ("/a\\b", Some(Backslash)),
            ("/\\", Some(Backslash)),
            ("/a%2fb", Some(EncodedSlash)),
            ("/a%2F", Some(EncodedSlash)),
            ("/a%5cb", Some(EncodedBackslash)),
            ("/a%5Cb", Some(EncodedBackslash)),
            ("/a%00", Some(EncodedNul)),
            ("/a%00.png", Some(EncodedNul)),
            ("/%", Some(BrokenEscapes)),
            ("/a%2", Some(BrokenEscapes)),
            ("/a%2/b", Some(BrokenEscapes)),
            ("/a%zz", Some(BrokenEscapes)),
            ("/a%u002e", Some(BrokenEscapes)),
            ("/a%%41", Some(BrokenEscapes)),
            ("/a%+1", Some(BrokenEscapes)),
        ] {
            let refused = check(path, PathForms::NONE).err();
            assert_eq!(refused, expected.map(PathError::Form), "{path}");
            if let Some(form) = expected {
                let all_others = PathForm::ALL.into_iter().filter(|other| *other != form);
                let refused = check(path, all_others.collect()).err();
                assert_eq!(refused, Some(PathError::Form(form)), "{path} with all others");
                assert_eq!(check(path, PathForm::ALL.into_iter().collect()), Ok(Readings::Several));
            }
        }
    }

    #[test]
    fn what_is_no_path_is_refused_whatever_is_allowed() {
        let all: PathForms = PathForm::ALL.into_iter().collect();
        for (path, expected) in [
            ("", PathError::NotAbsolute),
            ("*", PathError::NotAbsolute),
            ("a/b", PathError::NotAbsolute),
            ("%2fa", PathError::NotAbsolute),
            ("/a b", PathError::Byte),
            ("/a\0", PathError::Byte),
            ("/a\tb", PathError::Byte),
            ("/a\r\nb", PathError::Byte),
            ("/a\x7f", PathError::Byte),
            ("/a?b", PathError::Byte),
            ("/a#b", PathError::Byte),
        ] {
            assert_eq!(check(path, all), Err(expected), "{path:?}");
        }
    }

    #[test]
    fn only_escapes_parameters_and_forms_make_a_second_reading() {
        for (path, expected) in [
            ("/", Readings::One),
            ("/a/b.c/", Readings::One),
            ("/a%20b", Readings::Several),
            ("/a;b", Readings::Several),
        ] {
            assert_eq!(check(path, PathForms::NONE), Ok(expected), "{path}");
        }
    }

    #[test]
    fn the_lenient_reading_decodes_merges_and_resolves() {
        for (path, expected) in [
            ("/", ""),
            ("/a/", "/a"),
            ("/%61/b", "/a/b"),
            ("/a;x=1/b;y", "/a/b"),
            ("/a%3bx/b", "/a/b"),
            ("//a///b//", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/../../a", "/a"),
            ("/a/..", ""),
            ("/a/..;x/b", "/b"),
            ("/a\\..%5cb%2fc", "/b/c"),
            ("/a%00b/c", "/a/c"),
            ("/a%2", "/a%2"),
            ("/;x/a", "/a"),
            ("/%252e", "/%2e"),
        ] {
            assert_eq!(String::from_utf8(lenient_reading(path)).unwrap(), expected, "{path}");
        }
    }

    fn path() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "/", "/", ".", "..", ";", "%2e", "%2F", "%5c", "%00", "%", "\\", "a", "b=", "%41",
            "%3B", "é",
        ]);
        prop::collection::vec(part, 0..12).prop_map(|parts| format!("/{}", parts.concat()))
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(path in "\\PC{0,60}") {
            let _ = check(&path, PathForms::NONE);
            let _ = lenient_reading(&path);
        }

        #[test]
        fn an_accepted_path_is_harmless_when_decoded(path in path()) {
            if check(&path, PathForms::NONE).is_ok() {
                let decoded: Vec<u8> = percent_decode(path.as_bytes()).collect();
                prop_assert!(!decoded.contains(&b'\\') && !decoded.contains(&0));
                let segments: Vec<&[u8]> = decoded.split(|b| *b == b'/').skip(1).collect();
                for (at, segment) in segments.iter().enumerate() {
                    let name = segment.split(|b| *b == b';').next().unwrap();
                    prop_assert!(name != b"." && name != b"..");
                    prop_assert!(!segment.is_empty() || at + 1 == segments.len());
                }
            }
        }

        #[test]
        fn a_path_with_one_reading_is_read_as_it_stands(path in path()) {
            if check(&path, PathForms::NONE) == Ok(Readings::One) {
                prop_assert_eq!(lenient_reading(&path), path.trim_end_matches('/').as_bytes());
            }
        }
    }
}
