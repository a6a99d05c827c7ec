//! What request bodies look like, for the document alone. Bodies are read by hand, so that each mistake is named; tests beside
//! the reader hold the two together.

use std::borrow::Cow;

use serde::Deserialize;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::admin::document::scalar;

/// A new API key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "desc": "ci", "roles": ["ORG_READ_ONLY"] })))]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(in crate::admin) struct NewApiKey {
    /// What it is for.
    #[schema(schema_with = scalar::description)]
    desc: String,
    /// What it may do.
    #[schema(schema_with = scalar::roles)]
    roles: Vec<String>,
}

/// What changes of an API key. What is left out or `null` stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "desc": "ci of the other team" })))]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(in crate::admin) struct ApiKeyUpdate {
    /// What it is for.
    #[schema(schema_with = scalar::description_or_null, required = false)]
    desc: Option<String>,
    /// What it may do from now on, in place of all that it could.
    #[schema(schema_with = scalar::roles_or_null, required = false)]
    roles: Option<Vec<String>>,
}

/// Entries to be added to an access list.
pub(in crate::admin) struct NewEntries;

impl PartialSchema for NewEntries {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new()
            .description(Some("Entries to be added to an access list."))
            .items(Ref::from_schema_name(NewEntry::name()))
            .examples([serde_json::json!([
                { "ipAddress": "203.0.113.10" },
                { "cidrBlock": "198.51.100.0/24" },
            ])])
            .into()
    }
}

impl ToSchema for NewEntries {
    fn name() -> Cow<'static, str> {
        "NewAccessListEntries".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((NewEntry::name().into_owned(), NewEntry::schema()));
    }
}

/// An entry to be added to an access list: an address or a range, the other being absent or `null`.
struct NewEntry;

impl PartialSchema for NewEntry {
    fn schema() -> RefOr<Schema> {
        let one_of = |title: &str, name: &str, value: ObjectBuilder, other: &str| {
            ObjectBuilder::new()
                .title(Some(title))
                .property(name, value)
                .property(other, scalar::null())
                .required(name)
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        OneOfBuilder::new()
            .description(Some(
                "An entry to be added: an address or a range. The other is left out or `null`.",
            ))
            .item(one_of("address", "ipAddress", scalar::address(), "cidrBlock"))
            .item(one_of("range", "cidrBlock", scalar::range(), "ipAddress"))
            .into()
    }
}

impl ToSchema for NewEntry {
    fn name() -> Cow<'static, str> {
        "NewAccessListEntry".into()
    }
}
