//! Bodies about the settings of an organization.
//!
//! Of the published settings two have a meaning here. Programs send all of them, so the others are taken when they say what
//! holds; another value is refused, since to take it would be a promise that nothing keeps.

pub(in crate::admin) mod schema;

use serde_json::Value;

use super::{Rule, Violation, flag_member, object, whole_number};
use crate::control::OrganizationUpdate;
use crate::identity::Organization;

/// What the body of a PATCH changes of an organization. `null` is as good as nothing, except where it means that there is
/// no maximum.
///
/// # Errors
/// The first breach of a rule.
pub(in crate::admin) fn parse_settings_update(
    body: &Value,
) -> Result<OrganizationUpdate, Violation> {
    let (place, members) = object(body, MEMBERS, WORDS)?;
    for (name, held, expected) in HELD {
        let sent = members.get(*name).filter(|sent| !sent.is_null());
        if let Some(sent) = sent
            && !held.is_same(sent)
        {
            return Err(place.member(name).breaks(Some(sent), Rule::Held(expected)));
        }
    }
    let hours = whole_number(&place, members, HOURS, Organization::SECRET_HOURS, HOURS_EXPECTED)?;
    Ok(OrganizationUpdate {
        name: None,
        access_list_required: flag_member(&place, members, REQUIRED)?,
        most_secret_hours: members.contains_key(HOURS).then_some(hours),
    })
}

/// What holds of a setting that cannot be set.
#[derive(Clone, Copy)]
enum Held {
    False,
    True,
    /// Nobody: `null`, or as one client has it, an empty text.
    Nobody,
    Nothing,
}

impl Held {
    /// Whether `sent`, which is not null, says just this.
    fn is_same(self, sent: &Value) -> bool {
        match self {
            Self::False => *sent == Value::Bool(false),
            Self::True => *sent == Value::Bool(true),
            Self::Nobody => sent.as_str() == Some(""),
            Self::Nothing => false,
        }
    }
}

const REQUIRED: &str = "apiAccessListRequired";

const HOURS: &str = "maxServiceAccountSecretValidityInHours";

const HOURS_EXPECTED: &str = "a whole number from 8 to 8760, or null for no maximum";

/// The settings that cannot be set. Source: the published schema, August 2026.
const HELD: &[(&str, Held, &str)] = &[
    ("customSessionTimeouts", Held::Nothing, "null"),
    // The one that is on unless it is turned off, which Terraform sends with every change.
    ("genAIFeaturesEnabled", Held::True, "true"),
    ("multiFactorAuthRequired", Held::False, "false"),
    ("operationsContact", Held::Nothing, "null"),
    ("restrictEmployeeAccess", Held::False, "false"),
    ("securityContact", Held::Nobody, "null or an empty text"),
    ("streamsCrossGroupEnabled", Held::False, "false"),
];

const MEMBERS: &[&str] = &[
    REQUIRED,
    "customSessionTimeouts",
    "genAIFeaturesEnabled",
    HOURS,
    "multiFactorAuthRequired",
    "operationsContact",
    "restrictEmployeeAccess",
    "securityContact",
    "streamsCrossGroupEnabled",
];

const WORDS: &str = "apiAccessListRequired, customSessionTimeouts, genAIFeaturesEnabled, \
    maxServiceAccountSecretValidityInHours, multiFactorAuthRequired, operationsContact, restrictEmployeeAccess, securityContact \
    and streamsCrossGroupEnabled";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_can_be_set_is_read_and_the_rest_is_taken_when_it_says_what_holds() {
        for (body, required, hours) in [
            (json!({}), None, None),
            (json!({ "apiAccessListRequired": true }), Some(true), None),
            (json!({ "apiAccessListRequired": null }), None, None),
            (json!({ HOURS: 8 }), None, Some(Some(8))),
            (json!({ HOURS: 8760 }), None, Some(Some(8760))),
            (json!({ HOURS: null }), None, Some(None)),
            (
                json!({
                    "apiAccessListRequired": false,
                    "customSessionTimeouts": null,
                    "genAIFeaturesEnabled": true,
                    "multiFactorAuthRequired": false,
                    "operationsContact": null,
                    "restrictEmployeeAccess": false,
                    "securityContact": "",
                    "streamsCrossGroupEnabled": null,
                }),
                Some(false),
                None,
            ),
        ] {
            let update = parse_settings_update(&body).unwrap();
            assert_eq!(update.access_list_required, required, "{body}");
            assert_eq!(update.most_secret_hours, hours, "{body}");
        }
    }

    #[test]
    fn a_setting_that_cannot_be_kept_is_refused_by_its_name() {
        for (name, value) in [
            ("customSessionTimeouts", json!({ "idleSessionTimeoutInSeconds": 60 })),
            ("genAIFeaturesEnabled", json!(false)),
            ("multiFactorAuthRequired", json!(true)),
            ("multiFactorAuthRequired", json!("false")),
            ("operationsContact", json!("")),
            ("restrictEmployeeAccess", json!(true)),
            ("securityContact", json!("security@example.com")),
            ("streamsCrossGroupEnabled", json!(1)),
            (HOURS, json!(7)),
            (HOURS, json!(8761)),
            (HOURS, json!(8.5)),
            (HOURS, json!("8")),
            (REQUIRED, json!("true")),
            ("name", json!("Acme")),
        ] {
            let violation = parse_settings_update(&json!({ name: value.clone() })).unwrap_err();
            assert_eq!(violation.field, name, "{value}");
        }
        assert!(parse_settings_update(&json!([])).is_err());
    }
}
