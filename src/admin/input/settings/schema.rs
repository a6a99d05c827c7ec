//! What a change of settings looks like, for the document alone.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use crate::admin::document::scalar;
use crate::admin::input::account::schema::{false_or_null, true_or_null};

/// What changes of an organization's settings. What is left out stays, and so does what is `null`, except for the maximum,
/// which `null` takes away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = OrganizationSettingsUpdate, examples(json!({ "maxServiceAccountSecretValidityInHours": 720 })))]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(in crate::admin) struct SettingsUpdate {
    /// Whether a credential whose access list is empty is refused everywhere.
    #[schema(schema_with = boolean_or_null, required = false)]
    api_access_list_required: Option<bool>,
    /// Cannot be set.
    #[schema(schema_with = scalar::null, required = false)]
    custom_session_timeouts: Value,
    /// Cannot be turned off.
    #[serde(rename = "genAIFeaturesEnabled")]
    #[schema(schema_with = true_or_null, required = false)]
    gen_ai_features_enabled: Option<bool>,
    /// Hours that a new secret of a service account may be valid at most; `null`: no maximum but the API's own.
    #[schema(schema_with = scalar::hours_or_null, required = false)]
    max_service_account_secret_validity_in_hours: Option<u32>,
    /// Cannot be turned on.
    #[schema(schema_with = false_or_null, required = false)]
    multi_factor_auth_required: Option<bool>,
    /// Cannot be set.
    #[schema(schema_with = scalar::null, required = false)]
    operations_contact: Value,
    /// Cannot be turned on.
    #[schema(schema_with = false_or_null, required = false)]
    restrict_employee_access: Option<bool>,
    /// Cannot be set; an empty text says so too.
    #[schema(schema_with = nobody, required = false)]
    security_contact: Option<String>,
    /// Cannot be turned on.
    #[schema(schema_with = false_or_null, required = false)]
    streams_cross_group_enabled: Option<bool>,
}

fn boolean_or_null() -> ObjectBuilder {
    scalar::or_null(scalar::boolean(), Type::Boolean)
}

fn nobody() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Array(vec![Type::String, Type::Null]))
        .enum_values(Some([Value::from(""), Value::Null]))
}
