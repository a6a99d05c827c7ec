//! Query parameters: what a client may say about the form of an answer, and about its part of a list.
//!
//! Parameters that an operation does not know are ignored. One that it knows may be given once: with two, client and
//! gateway could mean different ones.

use std::fmt;

use super::page::Paging;
use super::percent;
use super::text;

/// Which parameters an operation knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Known {
    /// None.
    Nothing,
    /// `envelope`, `pretty`.
    Document,
    /// Those, and `itemsPerPage`, `pageNum`, `includeCount`.
    Page,
    /// Those, and `name`.
    NamedPage,
    /// Those of a page, and `includeSystemManaged`.
    AccountPage,
}

/// A query parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum QueryParameter {
    /// `envelope`
    Envelope,
    /// `includeCount`
    IncludeCount,
    /// `includeSystemManaged`
    IncludeSystemManaged,
    /// `itemsPerPage`
    ItemsPerPage,
    /// `name`
    Name,
    /// `pageNum`
    PageNum,
    /// `pretty`
    Pretty,
}

impl Known {
    /// Every set of parameters that some operation knows.
    pub(super) const ALL: [Self; 5] =
        [Self::Nothing, Self::Document, Self::Page, Self::NamedPage, Self::AccountPage];

    /// The parameters of the set.
    pub(super) const fn parameters(self) -> &'static [QueryParameter] {
        use QueryParameter::{Envelope, IncludeCount, ItemsPerPage, PageNum, Pretty};
        match self {
            Self::Nothing => &[],
            Self::Document => &[Envelope, Pretty],
            Self::Page => &[ItemsPerPage, PageNum, IncludeCount, Envelope, Pretty],
            Self::NamedPage => {
                &[QueryParameter::Name, ItemsPerPage, PageNum, IncludeCount, Envelope, Pretty]
            }
            Self::AccountPage => &[
                QueryParameter::IncludeSystemManaged,
                ItemsPerPage,
                PageNum,
                IncludeCount,
                Envelope,
                Pretty,
            ],
        }
    }

    fn has(self, name: QueryParameter) -> bool {
        self.parameters().contains(&name)
    }
}

impl QueryParameter {
    /// As it is written.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::IncludeCount => "includeCount",
            Self::IncludeSystemManaged => "includeSystemManaged",
            Self::ItemsPerPage => "itemsPerPage",
            Self::Name => "name",
            Self::PageNum => "pageNum",
            Self::Pretty => "pretty",
        }
    }
}

/// What the query of a request says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Query {
    /// The form of the answer.
    pub(super) form: Form,
    /// The part of the list.
    pub(super) paging: Paging,
    /// The beginning of the names that are asked for.
    pub(super) name: Option<String>,
    /// Whether accounts that the system manages are asked for; none: not said.
    pub(super) include_system_managed: Option<bool>,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Form {
    /// Whether the status is told in the body as well.
    pub(super) envelope: bool,
    /// Whether the body is indented.
    pub(super) pretty: bool,
}

impl Query {
    /// Reads the parameters that an operation knows.
    ///
    /// # Errors
    /// The first parameter that is out of range, unreadable, or given twice.
    pub(super) fn parse(query: Option<&str>, known: Known) -> Result<Self, QueryError> {
        let query = Sent { query: query.unwrap_or_default(), known };
        let mut paging = Paging::default();
        let form = Form {
            envelope: query.flag(QueryParameter::Envelope)?.unwrap_or(false),
            pretty: query.flag(QueryParameter::Pretty)?.unwrap_or(false),
        };
        if let Some(include) = query.flag(QueryParameter::IncludeCount)? {
            paging.include_count = include;
        }
        if let Some(number) = query.find(QueryParameter::ItemsPerPage)? {
            paging.items_per_page = parse_items_per_page(&number)?;
        }
        if let Some(number) = query.find(QueryParameter::PageNum)? {
            paging.page = parse_page(&number)?;
        }
        let name = query.find(QueryParameter::Name)?;
        let include_system_managed = query.flag(QueryParameter::IncludeSystemManaged)?;
        Ok(Self { form, paging, name, include_system_managed })
    }
}

/// The parameters that were sent, of which only those that the operation knows are looked at.
struct Sent<'a> {
    query: &'a str,
    known: Known,
}

impl Sent<'_> {
    fn find(&self, name: QueryParameter) -> Result<Option<String>, QueryError> {
        if self.known.has(name) { find(self.query, name.as_str()) } else { Ok(None) }
    }

    fn flag(&self, name: QueryParameter) -> Result<Option<bool>, QueryError> {
        if self.known.has(name) { flag(self.query, name.as_str()) } else { Ok(None) }
    }
}

impl Form {
    /// The form of a refusal, which may come before the query is looked at: what can't be read counts as not said.
    pub(super) fn of_refusal(query: Option<&str>) -> Self {
        let said = |name| flag(query.unwrap_or_default(), name).ok().flatten().unwrap_or(false);
        Self { envelope: said("envelope"), pretty: said("pretty") }
    }
}

/// A query parameter that can't be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("query parameter {name} is {value}; expected {expected}")]
pub(super) struct QueryError {
    /// Which one.
    pub(super) name: &'static str,
    /// Its value, quoted and cut.
    pub(super) value: String,
    /// What it may be.
    pub(super) expected: &'static str,
}

impl QueryError {
    fn new(name: &'static str, value: &str, expected: &'static str) -> Self {
        Self { name, value: text::quote(value), expected }
    }
}

fn parse_items_per_page(value: &str) -> Result<usize, QueryError> {
    whole_number(value)
        .and_then(|number| usize::try_from(number).ok())
        .filter(|number| (1..=Paging::MOST_ITEMS).contains(number))
        .ok_or_else(|| {
            QueryError::new(
                QueryParameter::ItemsPerPage.as_str(),
                value,
                "a whole number from 1 to 500",
            )
        })
}

fn parse_page(value: &str) -> Result<u64, QueryError> {
    whole_number(value).filter(|number| *number >= 1).ok_or_else(|| {
        QueryError::new(QueryParameter::PageNum.as_str(), value, "a whole number from 1")
    })
}

/// A decimal number without sign. One that is too large to tell is the largest: there is no such page either.
fn whole_number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(u64::MAX))
}

fn flag(query: &str, name: &'static str) -> Result<Option<bool>, QueryError> {
    match find(query, name)?.as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => Err(QueryError::new(name, other, "true or false")),
    }
}

/// The value of a parameter. Form encoding: `+` is a space.
fn find(query: &str, name: &'static str) -> Result<Option<String>, QueryError> {
    let mut values = query.split('&').filter_map(|pair| {
        let (raw_name, raw_value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_decode(raw_name)? == name).then_some(raw_value)
    });
    let Some(raw) = values.next() else { return Ok(None) };
    if let Some(second) = values.next() {
        let both = format!("{} and {}", text::cut(raw), text::cut(second));
        return Err(QueryError::new(name, &both, "one value"));
    }
    form_decode(raw).map(Some).ok_or_else(|| QueryError::new(name, raw, "percent-encoded UTF-8"))
}

fn form_decode(raw: &str) -> Option<String> {
    percent::decode(&raw.replace('+', " "))
}

impl fmt::Display for Form {
    /// The parameters that say this form, each with `&` before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.envelope {
            f.write_str("&envelope=true")?;
        }
        if self.pretty {
            f.write_str("&pretty=true")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_query_the_published_defaults_hold() {
        let query = Query::parse(None, Known::NamedPage).unwrap();
        assert_eq!(query, Query::default());
        assert_eq!(query.paging, Paging { items_per_page: 100, page: 1, include_count: true });
    }

    #[test]
    fn every_parameter_is_read() {
        let said =
            "itemsPerPage=500&pageNum=3&includeCount=false&envelope=true&pretty=true&name=a%26b+c";
        let query = Query::parse(Some(said), Known::NamedPage).unwrap();
        assert_eq!(query.form, Form { envelope: true, pretty: true });
        assert_eq!(query.paging, Paging { items_per_page: 500, page: 3, include_count: false });
        assert_eq!(query.name.as_deref(), Some("a&b c"));
    }

    #[test]
    fn what_is_out_of_range_is_named_with_its_value_and_range() {
        for (said, name, value, expected) in [
            ("itemsPerPage=0", "itemsPerPage", "\"0\"", "a whole number from 1 to 500"),
            ("itemsPerPage=501", "itemsPerPage", "\"501\"", "a whole number from 1 to 500"),
            ("itemsPerPage=+5", "itemsPerPage", "\" 5\"", "a whole number from 1 to 500"),
            ("itemsPerPage=ten", "itemsPerPage", "\"ten\"", "a whole number from 1 to 500"),
            ("itemsPerPage", "itemsPerPage", "\"\"", "a whole number from 1 to 500"),
            ("pageNum=0", "pageNum", "\"0\"", "a whole number from 1"),
            ("pageNum=-1", "pageNum", "\"-1\"", "a whole number from 1"),
            ("pageNum=1.5", "pageNum", "\"1.5\"", "a whole number from 1"),
            ("includeCount=yes", "includeCount", "\"yes\"", "true or false"),
            ("envelope=1", "envelope", "\"1\"", "true or false"),
            ("pretty=TRUE", "pretty", "\"TRUE\"", "true or false"),
            ("pageNum=1&pageNum=2", "pageNum", "\"1 and 2\"", "one value"),
            ("name=%zz", "name", "\"%zz\"", "percent-encoded UTF-8"),
            ("name=%ff", "name", "\"%ff\"", "percent-encoded UTF-8"),
        ] {
            let error = Query::parse(Some(said), Known::NamedPage).unwrap_err();
            assert_eq!(error, QueryError { name, value: value.to_owned(), expected }, "{said}");
        }
    }

    #[test]
    fn what_an_operation_does_not_know_is_ignored() {
        for said in ["itemsPerPage=0&name=%zz", "x=%zz&%zz=1&&=", "Envelope=maybe"] {
            assert_eq!(Query::parse(Some(said), Known::Document), Ok(Query::default()), "{said}");
        }
    }

    #[test]
    fn a_page_number_too_large_to_tell_is_the_largest() {
        let said = "pageNum=99999999999999999999999999";
        assert_eq!(Query::parse(Some(said), Known::Page).unwrap().paging.page, u64::MAX);
    }

    #[test]
    fn a_refusal_takes_what_it_can_read() {
        let form = Form::of_refusal(Some("envelope=true&pretty=perhaps"));
        assert_eq!(form, Form { envelope: true, pretty: false });
    }

    #[test]
    fn a_parameter_is_read_exactly_where_it_is_said_to_be_known() {
        use QueryParameter::{Envelope, IncludeCount, ItemsPerPage, Name, PageNum, Pretty};
        for known in Known::ALL {
            for name in [Envelope, IncludeCount, ItemsPerPage, Name, PageNum, Pretty] {
                let said = format!("{}=%zz", name.as_str());
                let refused = Query::parse(Some(&said), known).is_err();
                assert_eq!(refused, known.parameters().contains(&name), "{known:?} {name:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_query_makes_reading_panic(query in "[ -~]{0,80}") {
            let _ = Query::parse(Some(&query), Known::NamedPage);
        }
    }
}
