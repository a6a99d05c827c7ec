//! Words for what was expected: lists of choices, and the one that was probably meant.

use std::borrow::Cow;

/// What was expected, in words that follow "expected", and advice where there is some.
#[derive(Debug)]
pub(super) struct Expected {
    /// What was expected.
    pub(super) words: Cow<'static, str>,
    /// What to do about it, a half sentence.
    pub(super) advice: Option<String>,
}

impl Expected {
    /// Adds advice, where there is some.
    #[must_use]
    pub(super) fn advise(mut self, advice: Option<String>) -> Self {
        self.advice = advice;
        self
    }
}

impl From<&'static str> for Expected {
    fn from(words: &'static str) -> Self {
        Self { words: words.into(), advice: None }
    }
}

impl From<String> for Expected {
    fn from(words: String) -> Self {
        Self { words: words.into(), advice: None }
    }
}

/// `one of `a`, `b``, or the only one.
pub(super) fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "no key".to_owned(),
        [only] => only.clone(),
        _ => format!("one of {}", names.join(", ")),
    }
}

/// The one of `names` that `found` is a slip of the pen away from.
pub(super) fn suggest<'n>(
    found: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let length = found.chars().count();
    let distance = |name: &'n str| {
        (strsim::damerau_levenshtein(&found.to_lowercase(), &name.to_lowercase()), name)
    };
    if length > SUGGESTED_CHARS {
        return None;
    }
    let (distance, name) = names.into_iter().map(distance).min()?;
    (distance <= (length / 3).max(1)).then_some(name)
}

/// The advice that goes with a suggestion.
pub(super) fn did_you_mean(suggestion: Option<&str>) -> Option<String> {
    suggestion.map(|name| format!("did you mean `{name}`?"))
}

/// Characters of a text that suggestions are made for: the time they take grows with the square.
const SUGGESTED_CHARS: usize = 64;
