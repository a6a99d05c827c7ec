//! The settings of an organization, as published. Two of them have a meaning here; the others say what holds.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::to_value;
use crate::admin::document::scalar;
use crate::identity::Organization;

/// What an organization is set to.
pub(in crate::admin) fn settings(organization: &Organization) -> Value {
    to_value(&WireSettings {
        api_access_list_required: organization.access_list_required,
        custom_session_timeouts: (),
        gen_ai_features_enabled: true,
        max_service_account_secret_validity_in_hours: organization.most_secret_hours,
        multi_factor_auth_required: false,
        operations_contact: (),
        restrict_employee_access: false,
        security_contact: (),
        streams_cross_group_enabled: false,
    })
}

/// The settings of an organization.
#[derive(Serialize, ToSchema)]
#[schema(as = OrganizationSettings)]
#[serde(rename_all = "camelCase")]
pub(in crate::admin) struct WireSettings {
    /// Whether a credential whose access list is empty is refused everywhere.
    api_access_list_required: bool,
    /// Always `null`: there are no sessions.
    #[schema(schema_with = scalar::null)]
    custom_session_timeouts: (),
    /// Always true, the published default: there are none to be turned off.
    #[serde(rename = "genAIFeaturesEnabled")]
    gen_ai_features_enabled: bool,
    /// Hours that a new secret of a service account may be valid at most; `null`: 8760.
    #[schema(schema_with = scalar::hours_or_null)]
    max_service_account_secret_validity_in_hours: Option<u32>,
    /// Always false: only programs have credentials.
    multi_factor_auth_required: bool,
    /// Always `null`: nobody is notified.
    #[schema(schema_with = scalar::null)]
    operations_contact: (),
    /// Always false: there are no employees.
    restrict_employee_access: bool,
    /// Always `null`: nobody is notified.
    #[schema(schema_with = scalar::null)]
    security_contact: (),
    /// Always false: there are no streams.
    streams_cross_group_enabled: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn settings_say_what_holds_of_every_published_member() {
        let organization = Organization {
            id: "32b6e34b3d91647abb20e7b8".parse().unwrap(),
            name: "Acme".into(),
            access_list_required: true,
            most_secret_hours: Some(24),
            created: Timestamp::from_millis(0),
        };
        assert_eq!(
            settings(&organization),
            json!({
                "apiAccessListRequired": true,
                "customSessionTimeouts": null,
                "genAIFeaturesEnabled": true,
                "maxServiceAccountSecretValidityInHours": 24,
                "multiFactorAuthRequired": false,
                "operationsContact": null,
                "restrictEmployeeAccess": false,
                "securityContact": null,
                "streamsCrossGroupEnabled": false,
            })
        );
    }
}
