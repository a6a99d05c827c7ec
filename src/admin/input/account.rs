//! Bodies about service accounts and their secrets.

pub(in crate::admin) mod schema;

use serde_json::{Map, Value};

use super::{Place, Rule, Violation, flag_member, object, parse_roles, text_member, whole_number};
use crate::control::{AccountUpdate, NewAccount};
use crate::identity::Organization;
use crate::identity::text::{
    MOST_DESCRIPTION_CHARACTERS, MOST_NAME_CHARACTERS, is_account_description, is_account_name,
};

/// What the body of a POST says about a new account.
///
/// # Errors
/// The first breach of a rule.
pub(in crate::admin) fn parse_new_account(body: &Value) -> Result<NewAccount, Violation> {
    let (place, members) = object(body, NEW_MEMBERS, NEW_WORDS)?;
    let AccountUpdate { name, description, roles } = parse_names_and_roles(&place, members)?;
    let missing = |name, expected| place.member(name).breaks(None, Rule::Member(expected));
    let name = name.ok_or_else(|| missing("name", "a name"))?;
    let description = description.ok_or_else(|| missing("description", "a description"))?;
    let roles = roles.ok_or_else(|| missing("roles", "at least one role"))?;
    let secret_hours = parse_first_secret(&place, members)?;
    Ok(NewAccount { name, description, roles, secret_hours })
}

/// What the body of a PATCH changes of an account. `null` is as good as nothing.
///
/// # Errors
/// The first breach of a rule.
pub(in crate::admin) fn parse_account_update(body: &Value) -> Result<AccountUpdate, Violation> {
    let (place, members) = object(body, UPDATE_MEMBERS, UPDATE_WORDS)?;
    parse_names_and_roles(&place, members)
}

/// For how many hours the body of a POST asks for a secret.
///
/// # Errors
/// The first breach of a rule.
pub(in crate::admin) fn parse_new_secret(body: &Value) -> Result<u32, Violation> {
    let (place, members) = object(body, &[HOURS], HOURS)?;
    let hours = parse_hours(&place, members)?;
    hours.ok_or_else(|| place.member(HOURS).breaks(None, Rule::Member(HOURS_EXPECTED)))
}

fn parse_names_and_roles(
    place: &Place,
    members: &Map<String, Value>,
) -> Result<AccountUpdate, Violation> {
    let name = plain_text(place, members, "name", is_account_name, MOST_NAME_CHARACTERS)?;
    let most = MOST_DESCRIPTION_CHARACTERS;
    let description = plain_text(place, members, "description", is_account_description, most)?;
    let roles = members.get("roles").filter(|roles| !roles.is_null());
    let roles = roles.map(|roles| parse_roles(&place.member("roles"), roles, Rule::ARole));
    Ok(AccountUpdate { name, description, roles: roles.transpose()? })
}

/// Hours of the first secret; none where the client asks for none, which it has to say.
fn parse_first_secret(
    place: &Place,
    members: &Map<String, Value>,
) -> Result<Option<u32>, Violation> {
    let without = flag_member(place, members, WITHOUT)?.unwrap_or(false);
    match (without, members.get(HOURS).filter(|hours| !hours.is_null())) {
        (true, None) => Ok(None),
        (true, Some(hours)) => Err(place.member(HOURS).breaks(Some(hours), Rule::NoHours)),
        (false, None) => Err(place.member(HOURS).breaks(None, Rule::Member(HOURS_UNLESS))),
        (false, Some(_)) => parse_hours(place, members),
    }
}

fn parse_hours(place: &Place, members: &Map<String, Value>) -> Result<Option<u32>, Violation> {
    whole_number(place, members, HOURS, Organization::SECRET_HOURS, HOURS_EXPECTED)
}

/// A text of letters and digits of any script and a few signs.
fn plain_text(
    place: &Place,
    members: &Map<String, Value>,
    name: &'static str,
    fits: fn(&str) -> bool,
    most: usize,
) -> Result<Option<String>, Violation> {
    let Some(text) = text_member(place, members, name)? else { return Ok(None) };
    if !fits(text) {
        return Err(place.member(name).breaks_text(text, Rule::PlainText { most }));
    }
    Ok(Some(text.to_owned()))
}

const HOURS: &str = "secretExpiresAfterHours";

const WITHOUT: &str = "withoutInitialSecret";

const HOURS_EXPECTED: &str = "a whole number from 8 to 8760";

const HOURS_UNLESS: &str = "a whole number from 8 to 8760, unless withoutInitialSecret is true";

const NEW_MEMBERS: &[&str] = &["description", "name", "roles", HOURS, WITHOUT];

const NEW_WORDS: &str =
    "description, name, roles, secretExpiresAfterHours and withoutInitialSecret";

const UPDATE_MEMBERS: &[&str] = &["description", "name", "roles"];

const UPDATE_WORDS: &str = "description, name and roles";

#[cfg(test)]
mod tests;
