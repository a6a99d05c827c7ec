//! Request bodies to the domain: what a client may write, by the rules of the published API.
//!
//! One bad part and nothing is taken: the first is named with its place, its value and what was expected.

pub(super) mod account;
pub(super) mod schema;
pub(super) mod settings;

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::text;
use crate::addr::{Prefix, PrefixError};
use crate::control::{KeyUpdate, NewEntry};
use crate::identity::text::is_key_description;
use crate::identity::{Role, Roles};

/// What a client says about a new key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct NewKey {
    /// What it is for.
    pub(super) description: String,
    /// What it may do.
    pub(super) roles: Roles,
}

/// The first part of a body that breaks a rule.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field} is {found}; {rule}")]
pub(super) struct Violation {
    /// Where in the body, as in `[0].cidrBlock`.
    pub(super) field: String,
    /// The last part of that: the member's name.
    pub(super) name: String,
    /// What stands there, quoted and cut.
    pub(super) found: String,
    /// What was expected.
    pub(super) rule: Rule,
}

/// What was expected of a part of a body.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Rule {
    /// Another JSON type.
    #[error("expected {0}")]
    Type(&'static str),
    /// One of the members that there are.
    #[error("expected only the members {0}")]
    Members(&'static str),
    /// One of the two members that name a range, not both.
    #[error("expected either ipAddress or cidrBlock, not both")]
    OneAddress,
    /// One of the two members that name a range.
    #[error("expected ipAddress or cidrBlock")]
    AnAddress,
    /// A single address.
    #[error("{0}")]
    Address(PrefixError),
    /// A range.
    #[error("{0}")]
    Range(PrefixError),
    /// Not the address that stands for none.
    #[error("expected an address that requests can come from")]
    Specified,
    /// Fewer entries.
    #[error("expected at most {limit} entries")]
    Entries {
        /// How many there may be.
        limit: usize,
    },
    /// A description.
    #[error("expected a description of 1 to 250 characters")]
    Description,
    /// A description that is neither empty nor too long.
    #[error("expected 1 to 250 characters, none of them NUL")]
    DescriptionLength,
    /// A role.
    #[error("expected at least one role")]
    SomeRole,
    /// A member that has to be there.
    #[error("expected {0}")]
    Member(&'static str),
    /// A text of plain characters.
    #[error("expected 1 to {most} letters, digits, spaces, or any of - _ . , '")]
    PlainText {
        /// Characters that there may be.
        most: usize,
    },
    /// A role, of a service account.
    #[error("expected at least one role")]
    ARole,
    /// A number within its range.
    #[error("expected {0}")]
    Number(&'static str),
    /// No hours, since there is no secret that they could be of.
    #[error("expected none, since withoutInitialSecret is true")]
    NoHours,
    /// What holds, of a setting that cannot be set.
    #[error("expected {0}, since nothing else can hold here")]
    Held(&'static str),
    /// The name of an organization role.
    #[error("expected an organization role, such as ORG_MEMBER")]
    OrganizationRole,
}

/// The entries in the body of a POST to an access list, in their order.
///
/// # Errors
/// The first breach of a rule.
pub(super) fn parse_entries(body: &Value, limit: usize) -> Result<Vec<NewEntry>, Violation> {
    let Value::Array(elements) = body else {
        return Err(Place::body().breaks(Some(body), Rule::Type("an array of entries")));
    };
    if elements.len() > limit {
        let mut violation = Place::body().breaks(None, Rule::Entries { limit });
        violation.found = format!("an array of {}", elements.len());
        return Err(violation);
    }
    elements.iter().enumerate().map(|(index, element)| parse_entry(index, element)).collect()
}

fn parse_entry(index: usize, element: &Value) -> Result<NewEntry, Violation> {
    let place = Place::element(index);
    let Value::Object(members) = element else {
        return Err(place.breaks(Some(element), Rule::Type("an object")));
    };
    only_members(&place, members, &["cidrBlock", "ipAddress"], "cidrBlock and ipAddress")?;
    let address = text_member(&place, members, "ipAddress")?;
    let range = text_member(&place, members, "cidrBlock")?;
    match (address, range) {
        (Some(address), None) => {
            let prefix = Prefix::parse_address(address).map_err(Rule::Address);
            new_entry(prefix, address)
                .map_err(|rule| place.member("ipAddress").breaks_text(address, rule))
        }
        (None, Some(text)) => {
            let range = with_plain_slash(text);
            let prefix = Prefix::parse_cidr(&range).map_err(Rule::Range);
            let spelled = range.split('/').next().unwrap_or_default();
            new_entry(prefix, spelled)
                .map_err(|rule| place.member("cidrBlock").breaks_text(text, rule))
        }
        (Some(_), Some(_)) => Err(place.breaks(Some(element), Rule::OneAddress)),
        (None, None) => Err(place.breaks(Some(element), Rule::AnAddress)),
    }
}

/// An entry that remembers how its address was spelled, where that is not the canonical text.
fn new_entry(prefix: Result<Prefix, Rule>, spelled: &str) -> Result<NewEntry, Rule> {
    NewEntry::spelled(prefix?, spelled).ok_or(Rule::Specified)
}

/// The published pattern lets the slash be written as `%2F`; a text has one slash, of either form.
fn with_plain_slash(range: &str) -> String {
    if range.contains('/') {
        return range.to_owned();
    }
    range.replacen("%2F", "/", 1).replacen("%2f", "/", 1)
}

/// What the body of a POST says about a new key.
///
/// # Errors
/// The first breach of a rule.
pub(super) fn parse_new_key(body: &Value) -> Result<NewKey, Violation> {
    let place = Place::body();
    let KeyUpdate { description, roles } = parse_key_update(body)?;
    let description =
        description.ok_or_else(|| place.member("desc").breaks(None, Rule::Description))?;
    let roles = roles.ok_or_else(|| place.member("roles").breaks(None, Rule::SomeRole))?;
    Ok(NewKey { description, roles })
}

/// What the body of a PATCH changes of a key. `null` is as good as nothing.
///
/// # Errors
/// The first breach of a rule.
pub(super) fn parse_key_update(body: &Value) -> Result<KeyUpdate, Violation> {
    let (place, members) = object(body, &["desc", "roles"], "desc and roles")?;
    let description = text_member(&place, members, "desc")?;
    if let Some(text) = description
        && !is_key_description(text)
    {
        return Err(place.member("desc").breaks_text(text, Rule::DescriptionLength));
    }
    let roles = members.get("roles").filter(|roles| !roles.is_null());
    let roles = roles.map(|roles| parse_roles(&place.member("roles"), roles, Rule::SomeRole));
    let roles = roles.transpose()?;
    Ok(KeyUpdate { description: description.map(str::to_owned), roles })
}

/// The body as an object that has no other members than `known`, which `shown` lists.
fn object<'a>(
    body: &'a Value,
    known: &[&str],
    shown: &'static str,
) -> Result<(Place, &'a Map<String, Value>), Violation> {
    let place = Place::body();
    let Value::Object(members) = body else {
        return Err(place.breaks(Some(body), Rule::Type("an object")));
    };
    only_members(&place, members, known, shown)?;
    Ok((place, members))
}

fn parse_roles(place: &Place, roles: &Value, if_empty: Rule) -> Result<Roles, Violation> {
    let Value::Array(names) = roles else {
        return Err(place.breaks(Some(roles), Rule::Type("an array of role names")));
    };
    if names.is_empty() {
        return Err(place.breaks(Some(roles), if_empty));
    }
    let role = |(index, name): (usize, &Value)| match name {
        Value::String(text) => Role::parse(text)
            .ok_or_else(|| place.at(index).breaks(Some(name), Rule::OrganizationRole)),
        _ => Err(place.at(index).breaks(Some(name), Rule::Type("a role name"))),
    };
    names.iter().enumerate().map(role).collect()
}

fn only_members(
    place: &Place,
    members: &Map<String, Value>,
    known: &[&str],
    shown: &'static str,
) -> Result<(), Violation> {
    match members.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, value)) => {
            Err(place.member(&text::cut(name)).breaks(Some(value), Rule::Members(shown)))
        }
        None => Ok(()),
    }
}

/// The text of a member; `None` where it is absent or null.
fn text_member<'a>(
    place: &Place,
    members: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, Violation> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(place.member(name).breaks(Some(other), Rule::Type("a string"))),
    }
}

/// The flag that a member is; `None` where it is absent or null.
fn flag_member(
    place: &Place,
    members: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<bool>, Violation> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(place.member(name).breaks(Some(other), Rule::Type("true or false"))),
    }
}

/// The number within `range` that a member is; `None` where it is absent or null. `8.0` is as whole as `8`: JSON knows one
/// kind of number, and clients that know one as well may write it so.
fn whole_number(
    place: &Place,
    members: &Map<String, Value>,
    name: &'static str,
    range: RangeInclusive<u32>,
    expected: &'static str,
) -> Result<Option<u32>, Violation> {
    let number = match members.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(other) => {
            return Err(place.member(name).breaks(Some(other), Rule::Type("a whole number")));
        }
    };
    let whole = number.as_u64().or_else(|| number.as_f64().and_then(to_whole));
    let whole = whole.and_then(|number| u32::try_from(number).ok());
    match whole.filter(|number| range.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(place.member(name).breaks(members.get(name), Rule::Number(expected))),
    }
}

fn to_whole(number: f64) -> Option<u64> {
    let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    fits.then_some(number as u64)
}

/// A place in a body.
struct Place {
    field: String,
    name: String,
}

impl Place {
    fn body() -> Self {
        Self { field: String::new(), name: String::new() }
    }

    fn element(index: usize) -> Self {
        Self::body().at(index)
    }

    fn at(&self, index: usize) -> Self {
        let name = format!("{}[{index}]", self.name);
        Self { field: format!("{}[{index}]", self.field), name }
    }

    fn member(&self, name: &str) -> Self {
        let field =
            if self.field.is_empty() { name.to_owned() } else { format!("{}.{name}", self.field) };
        Self { field, name: name.to_owned() }
    }

    fn breaks(&self, found: Option<&Value>, rule: Rule) -> Violation {
        let named = |text: &str| if text.is_empty() { "body".to_owned() } else { text.to_owned() };
        Violation {
            field: named(&self.field),
            name: named(&self.name),
            found: found.map_or_else(|| "absent".to_owned(), text::describe),
            rule,
        }
    }

    fn breaks_text(&self, found: &str, rule: Rule) -> Violation {
        self.breaks(Some(&Value::from(text::cut(found))), rule)
    }
}

#[cfg(test)]
mod tests;
