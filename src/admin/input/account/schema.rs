//! What bodies about service accounts look like, for the document alone.

use std::borrow::Cow;

use serde::Deserialize;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::admin::document::scalar;

/// A new service account, with a first secret that is valid for so many hours or without one.
pub(in crate::admin) struct NewServiceAccount;

impl PartialSchema for NewServiceAccount {
    fn schema() -> RefOr<Schema> {
        let with = account("with a secret")
            .property(HOURS, scalar::hours())
            .property(WITHOUT, false_or_null())
            .required(HOURS);
        let without = account("without a secret")
            .property(HOURS, scalar::null())
            .property(WITHOUT, scalar::only(Type::Boolean, true))
            .required(WITHOUT);
        OneOfBuilder::new()
            .description(Some(
                "A new service account, with a first secret that is valid for so many hours or without one.",
            ))
            .item(with)
            .item(without)
            .examples([serde_json::json!({
                "name": "ci",
                "description": "Builds of the main branch",
                "roles": ["ORG_READ_ONLY"],
                HOURS: 720,
            })])
            .into()
    }
}

impl ToSchema for NewServiceAccount {
    fn name() -> Cow<'static, str> {
        "NewServiceAccount".into()
    }
}

fn account(title: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .title(Some(title))
        .property("description", scalar::account_description())
        .property("name", scalar::account_name())
        .property("roles", scalar::roles())
        .required("description")
        .required("name")
        .required("roles")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

/// `false`, or `null`, which says the same.
pub(in crate::admin) fn false_or_null() -> ObjectBuilder {
    one_or_null(false)
}

/// `true`, or nothing said.
pub(in crate::admin) fn true_or_null() -> ObjectBuilder {
    one_or_null(true)
}

fn one_or_null(value: bool) -> ObjectBuilder {
    let values = [serde_json::Value::Bool(value), serde_json::Value::Null];
    ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::SchemaType::Array(vec![Type::Boolean, Type::Null]))
        .enum_values(Some(values))
}

/// What changes of a service account. What is left out or `null` stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "description": "Builds of every branch" })))]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(in crate::admin) struct ServiceAccountUpdate {
    /// What it is for.
    #[schema(schema_with = description_or_null, required = false)]
    description: Option<String>,
    /// What people call it.
    #[schema(schema_with = name_or_null, required = false)]
    name: Option<String>,
    /// What it may do from now on, in place of all that it could.
    #[schema(schema_with = scalar::roles_or_null, required = false)]
    roles: Option<Vec<String>>,
}

/// A new secret of a service account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewServiceAccountSecret, examples(json!({ "secretExpiresAfterHours": 720 })))]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(in crate::admin) struct NewSecret {
    /// Hours that it is valid. The organization may allow fewer.
    #[schema(schema_with = scalar::hours)]
    secret_expires_after_hours: u32,
}

fn name_or_null() -> ObjectBuilder {
    scalar::or_null(scalar::account_name(), Type::String)
}

fn description_or_null() -> ObjectBuilder {
    scalar::or_null(scalar::account_description(), Type::String)
}

const HOURS: &str = "secretExpiresAfterHours";

const WITHOUT: &str = "withoutInitialSecret";
