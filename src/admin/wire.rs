//! The JSON shapes of answers, as published. Members come in alphabetical order.
//!
//! What bodies may hold is in `input`.

pub(super) mod account;
pub(super) mod settings;
pub(super) mod system;

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::document::scalar;
use super::links::{Link, Links};
use crate::access::Entry;
use crate::id::{CredentialId, OrgId};
use crate::identity::{ApiKey, Organization, Role, Roles};

/// An organization.
pub(super) fn organization(organization: &Organization, links: &Links) -> Value {
    to_value(&WireOrganization {
        id: organization.id.to_string(),
        is_deleted: false,
        links: Link::to_itself(links.organization(organization.id)),
        name: &organization.name,
    })
}

/// An organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Organization)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireOrganization<'a> {
    #[schema(schema_with = scalar::id)]
    id: String,
    /// Always false: what is deleted is not shown.
    is_deleted: bool,
    #[schema(schema_with = own_link)]
    links: [Link; 1],
    #[schema(schema_with = scalar::name)]
    name: &'a str,
}

/// A key as it is shown ever after: of its private half, the last twelve characters.
pub(super) fn key(key: &ApiKey, links: &Links) -> Value {
    to_value(&wire_key(key, format!("********-****-****-{}", key.private_key_tail), links))
}

/// A key in the answer that makes it: the one place where its private half is shown.
pub(super) fn created_key(key: &ApiKey, private_key: &SecretString, links: &Links) -> Value {
    to_value(&wire_key(key, private_key.expose_secret().to_owned(), links))
}

/// An API key. Of its private half, the end is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireKey<'a> {
    /// What it is for.
    #[schema(schema_with = scalar::description)]
    desc: &'a str,
    #[schema(schema_with = scalar::id)]
    id: String,
    #[schema(schema_with = own_link)]
    links: [Link; 1],
    #[schema(schema_with = scalar::masked_private_key)]
    private_key: String,
    /// The user name of the key.
    #[schema(schema_with = scalar::public_key)]
    public_key: &'a str,
    /// What it may do.
    #[schema(min_items = 1)]
    roles: Vec<WireRole>,
}

/// An API key with the whole of its private half.
pub(super) struct CreatedKey;

impl PartialSchema for CreatedKey {
    fn schema() -> RefOr<Schema> {
        let mut schema = WireKey::schema();
        if let RefOr::T(Schema::Object(key)) = &mut schema {
            key.description = Some("An API key with the whole of its private half.".to_owned());
            key.properties.insert("privateKey".to_owned(), scalar::private_key().into());
        }
        schema
    }
}

impl ToSchema for CreatedKey {
    fn name() -> Cow<'static, str> {
        "CreatedApiKey".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        WireKey::schemas(schemas);
    }
}

/// A role in an organization.
#[derive(Serialize, ToSchema)]
#[schema(as = RoleAssignment)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireRole {
    /// Where it holds.
    #[schema(schema_with = scalar::id)]
    org_id: String,
    #[schema(schema_with = scalar::role)]
    role_name: &'static str,
}

fn wire_key<'a>(key: &'a ApiKey, private_key: String, links: &Links) -> WireKey<'a> {
    WireKey {
        desc: &key.description,
        id: key.id.to_string(),
        links: Link::to_itself(links.key(key.org, key.id)),
        private_key,
        public_key: key.public_key.as_str(),
        roles: roles(key.org, key.roles),
    }
}

fn roles(org: OrgId, roles: Roles) -> Vec<WireRole> {
    let role = |role: Role| WireRole { org_id: org.to_string(), role_name: role.as_str() };
    roles.iter().map(role).collect()
}

/// Whose list an entry is on.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    /// The organization.
    pub(super) org: OrgId,
    /// The key.
    pub(super) key: CredentialId,
}

/// An entry of a key's access list.
pub(super) fn key_entry(entry: &Entry, owner: Owner, links: &Links) -> Value {
    let facts = EntryFacts::of(entry);
    to_value(&WireKeyEntry {
        cidr_block: facts.range,
        count: facts.count,
        created: facts.created,
        ip_address: facts.address,
        last_used: facts.last_used,
        last_used_address: facts.last_used_address,
        links: Link::to_itself(links.entry(owner.org, owner.key, entry.prefix)),
    })
}

/// What is shown of an entry, whatever its owner's family calls it.
struct EntryFacts {
    range: String,
    /// Of an entry that holds one address only.
    address: Option<String>,
    created: String,
    count: i32,
    last_used: Option<String>,
    last_used_address: Option<String>,
}

impl EntryFacts {
    fn of(entry: &Entry) -> Self {
        let spelled = entry.spelling.as_deref().map(str::to_owned);
        let address = spelled.unwrap_or_else(|| entry.prefix.network().to_string());
        // The count first: whoever has seen a request counted finds its time and address.
        let count = entry.usage.count();
        let last = entry.usage.last();
        Self {
            range: format!("{address}/{}", entry.prefix.length()),
            address: entry.prefix.is_host().then_some(address),
            created: entry.created.to_rfc3339_seconds(),
            count: i32::try_from(count).unwrap_or(i32::MAX),
            last_used: last.map(|last| last.at.to_rfc3339_seconds()),
            last_used_address: last.map(|last| last.from.to_string()),
        }
    }
}

/// An entry of an API key's access list, and the use that was made of it.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessListEntry)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireKeyEntry {
    /// The range; of a single address, all its bits.
    #[schema(schema_with = scalar::range)]
    cidr_block: String,
    /// Requests that this entry let through.
    #[schema(schema_with = scalar::count)]
    count: i32,
    /// When it was added.
    #[schema(schema_with = scalar::timestamp)]
    created: String,
    /// The address, of an entry that holds one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = scalar::address, required = false)]
    ip_address: Option<String>,
    /// When it let a request through last; left out before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = scalar::timestamp, required = false)]
    last_used: Option<String>,
    /// Where that request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = scalar::address, required = false)]
    last_used_address: Option<String>,
    #[schema(schema_with = own_link)]
    links: [Link; 1],
}

/// The API's own document. Its shape is told by its standard, not here.
#[derive(ToSchema)]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(super) struct OpenApi {
    #[schema(schema_with = open_api_version)]
    openapi: String,
    #[schema(schema_with = any_object)]
    info: Value,
    #[schema(schema_with = any_object)]
    paths: Value,
}

fn open_api_version() -> ObjectBuilder {
    scalar::text().pattern(Some(r"^3\.1\.[0-9]+$"))
}

fn any_object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

/// The one link of a thing that is shown.
fn own_link() -> ArrayBuilder {
    ArrayBuilder::new()
        .items(Ref::from_schema_name(<Link as ToSchema>::name()))
        .min_items(Some(1))
        .max_items(Some(1))
        .description(Some("The thing itself."))
}

fn to_value(shape: &impl Serialize) -> Value {
    serde_json::to_value(shape).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use serde_json::json;

    use super::*;
    use crate::access::{LastUse, Usage};
    use crate::addr::{ClientIp, Prefix};
    use crate::id::EntryId;
    use crate::identity::{Ha1, PublicKey};
    use crate::time::Timestamp;

    const ORG: &str = "32b6e34b3d91647abb20e7b8";
    const KEY: &str = "65f0c0ffee0123456789abcd";
    const ORGS: &str = "http://gateway.example/api/atlas/v2/orgs";

    fn links() -> Links {
        Links::new("http://gateway.example", "/api/atlas/v2", "accessList")
    }

    fn owner() -> Owner {
        Owner { org: ORG.parse().unwrap(), key: KEY.parse().unwrap() }
    }

    fn api_key() -> ApiKey {
        ApiKey {
            id: owner().key,
            org: owner().org,
            public_key: PublicKey::parse("zmmrboas").unwrap(),
            description: "ci".into(),
            roles: [Role::ReadOnly, Role::Owner].into_iter().collect(),
            private_key_tail: "e66d20841f3e".into(),
            ha1: Ha1 { md5: [7; 16], sha256: [7; 32] },
            created: Timestamp::from_millis(0),
        }
    }

    fn entry(range: &str, spelling: Option<&str>, usage: Usage) -> Entry {
        Entry {
            id: EntryId(crate::id::ObjectId::from_bytes([1; 12])),
            prefix: Prefix::parse(range).unwrap(),
            spelling: spelling.map(Into::into),
            created: Timestamp::from_millis(1_785_000_000_987),
            expires: None,
            usage,
        }
    }

    #[test]
    fn an_organization_has_the_published_shape() {
        let acme = Organization {
            id: ORG.parse().unwrap(),
            name: "Acme".into(),
            access_list_required: true,
            most_secret_hours: None,
            created: Timestamp::from_millis(0),
        };
        assert_eq!(
            organization(&acme, &links()).to_string(),
            format!(
                r#"{{"id":"{ORG}","isDeleted":false,"links":[{{"href":"{ORGS}/{ORG}","rel":"self"}}],"name":"Acme"}}"#
            )
        );
    }

    #[test]
    fn a_key_has_the_published_shape_and_hides_its_private_half() {
        assert_eq!(
            key(&api_key(), &links()).to_string(),
            format!(
                concat!(
                    r#"{{"desc":"ci","id":"{KEY}","links":[{{"href":"{ORGS}/{ORG}/apiKeys/{KEY}","rel":"self"}}],"#,
                    r#""privateKey":"********-****-****-e66d20841f3e","publicKey":"zmmrboas","roles":"#,
                    r#"[{{"orgId":"{ORG}","roleName":"ORG_OWNER"}},{{"orgId":"{ORG}","roleName":"ORG_READ_ONLY"}}]}}"#,
                ),
                KEY = KEY,
                ORG = ORG,
                ORGS = ORGS,
            )
        );
    }

    #[test]
    fn the_answer_that_makes_a_key_shows_all_of_it() {
        let private = SecretString::from("55c3bbb6-b4bb-0be1-aaaa-e66d20841f3e");
        let created = created_key(&api_key(), &private, &links());
        assert_eq!(created["privateKey"], "55c3bbb6-b4bb-0be1-aaaa-e66d20841f3e");
        assert_eq!(created["publicKey"], "zmmrboas");
    }

    #[test]
    fn an_unused_entry_has_a_count_of_zero_and_no_last_use() {
        let shown = key_entry(&entry("192.168.0.229", None, Usage::default()), owner(), &links());
        assert_eq!(
            shown.to_string(),
            format!(
                concat!(
                    r#"{{"cidrBlock":"192.168.0.229/32","count":0,"created":"2026-07-25T17:20:00Z","ipAddress":"192.168.0.229","#,
                    r#""links":[{{"href":"{ORGS}/{ORG}/apiKeys/{KEY}/accessList/192.168.0.229","rel":"self"}}]}}"#,
                ),
                KEY = KEY,
                ORG = ORG,
                ORGS = ORGS,
            )
        );
    }

    #[test]
    fn a_range_has_no_address_of_its_own() {
        let shown = key_entry(&entry("198.51.100.0/24", None, Usage::default()), owner(), &links());
        assert_eq!(shown["cidrBlock"], "198.51.100.0/24");
        assert_eq!(shown.get("ipAddress"), None);
        let href = shown["links"][0]["href"].as_str().unwrap();
        assert!(href.ends_with("/accessList/198.51.100.0%2F24"), "{href}");
    }

    #[test]
    fn an_address_is_shown_as_first_spelled_and_linked_as_canonical() {
        let spelled = entry("2001:db8::1", Some("2001:DB8:0::1"), Usage::default());
        let shown = key_entry(&spelled, owner(), &links());
        assert_eq!(shown["ipAddress"], "2001:DB8:0::1");
        assert_eq!(shown["cidrBlock"], "2001:DB8:0::1/128");
        let href = shown["links"][0]["href"].as_str().unwrap();
        assert!(href.ends_with("/accessList/2001:db8::1"), "{href}");
    }

    #[test]
    fn a_count_saturates_at_the_wire_s_integer() {
        let used = entry("10.0.0.0/8", None, Usage::restored(u64::MAX / 2, None));
        assert_eq!(key_entry(&used, owner(), &links())["count"], json!(i32::MAX));
    }

    #[test]
    fn the_last_use_is_shown_with_its_address() {
        let from = ClientIp::from("10.1.2.3".parse::<IpAddr>().unwrap());
        let last = LastUse { at: Timestamp::from_millis(1_785_000_001_999), from };
        let used = entry("10.0.0.0/8", None, Usage::restored(3, Some(last)));
        let shown = key_entry(&used, owner(), &links());
        assert_eq!(shown["count"], 3);
        assert_eq!(shown["lastUsed"], "2026-07-25T17:20:01Z");
        assert_eq!(shown["lastUsedAddress"], "10.1.2.3");
    }
}
