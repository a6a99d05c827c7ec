//! Service accounts, their secrets and the entries of their lists, as published: the same facts as those of keys, by other
//! names and without links.

use std::borrow::Cow;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{EntryFacts, to_value};
use crate::access::Entry;
use crate::admin::document::scalar;
use crate::control;
use crate::identity::{Secret, ServiceAccount};

/// An account as it is shown ever after: of its secrets, the last four characters.
pub(in crate::admin) fn account(account: &ServiceAccount) -> Value {
    to_value(&wire_account(account, account.secrets.iter().map(masked).collect()))
}

/// An account in the answer that makes it: with the whole of its first secret, where it has one.
pub(in crate::admin) fn created_account(created: &control::CreatedAccount) -> Value {
    let secrets = created.account.secrets.iter().zip(&created.secret);
    let secrets = secrets.map(|(secret, text)| whole(secret, text)).collect();
    to_value(&wire_account(&created.account, secrets))
}

/// A secret in the answer that makes it: the one place where the whole of it is shown.
pub(in crate::admin) fn created_secret(created: &control::CreatedSecret) -> Value {
    to_value(&whole(&created.secret, &created.text))
}

/// A service account. Of its secrets, the end is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceAccount)]
#[serde(rename_all = "camelCase")]
pub(in crate::admin) struct WireAccount<'a> {
    /// Its name in OAuth, and in paths.
    #[schema(schema_with = scalar::client_id)]
    client_id: String,
    /// When it was made.
    #[schema(schema_with = scalar::timestamp)]
    created_at: String,
    /// What it is for.
    #[schema(schema_with = scalar::account_description)]
    description: &'a str,
    /// What people call it.
    #[schema(schema_with = scalar::account_name)]
    name: &'a str,
    /// What it may do.
    #[schema(schema_with = scalar::roles)]
    roles: Vec<&'static str>,
    /// Its secrets, oldest first, those that have expired included.
    #[schema(max_items = 2)]
    secrets: Vec<WireSecret>,
    /// Always false: every account is somebody's.
    system_managed: bool,
}

/// A secret of a service account. Its end is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceAccountSecret)]
#[serde(rename_all = "camelCase")]
pub(in crate::admin) struct WireSecret {
    /// When it was made.
    #[schema(schema_with = scalar::timestamp)]
    created_at: String,
    /// From when on it gives no access token, and those it gave are void.
    #[schema(schema_with = scalar::timestamp)]
    expires_at: String,
    #[schema(schema_with = scalar::id)]
    id: String,
    /// When it last gave an access token; left out before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = scalar::timestamp, required = false)]
    last_used_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = scalar::masked_secret, required = true)]
    masked_secret_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    secret: Option<String>,
}

/// A service account with the whole of its first secret.
pub(in crate::admin) struct CreatedAccount;

impl PartialSchema for CreatedAccount {
    fn schema() -> RefOr<Schema> {
        let mut schema = WireAccount::schema();
        if let RefOr::T(Schema::Object(account)) = &mut schema {
            let about = "A service account with the whole of its first secret.";
            account.description = Some(about.to_owned());
            let secrets = ArrayBuilder::new()
                .items(Ref::from_schema_name(CreatedSecret::name()))
                .max_items(Some(1))
                .description(Some("The first secret; none where none was asked for."));
            account.properties.insert("secrets".to_owned(), secrets.into());
        }
        schema
    }
}

impl ToSchema for CreatedAccount {
    fn name() -> Cow<'static, str> {
        "CreatedServiceAccount".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((CreatedSecret::name().into_owned(), CreatedSecret::schema()));
    }
}

/// A secret with the whole of its text.
pub(in crate::admin) struct CreatedSecret;

impl PartialSchema for CreatedSecret {
    fn schema() -> RefOr<Schema> {
        let mut schema = WireSecret::schema();
        if let RefOr::T(Schema::Object(secret)) = &mut schema {
            let about = "A secret of a service account with the whole of its text.";
            secret.description = Some(about.to_owned());
            for name in ["lastUsedAt", "maskedSecretValue"] {
                secret.properties.remove(name);
            }
            secret.required.retain(|name| name != "maskedSecretValue");
            secret.properties.insert("secret".to_owned(), scalar::secret().into());
            secret.required.push("secret".to_owned());
        }
        schema
    }
}

impl ToSchema for CreatedSecret {
    fn name() -> Cow<'static, str> {
        "CreatedServiceAccountSecret".into()
    }
}

fn wire_account(account: &ServiceAccount, secrets: Vec<WireSecret>) -> WireAccount<'_> {
    WireAccount {
        client_id: account.client_id().to_string(),
        created_at: account.created.to_rfc3339_seconds(),
        description: &account.description,
        name: &account.name,
        roles: account.roles.iter().map(|role| role.as_str()).collect(),
        secrets,
        system_managed: false,
    }
}

fn masked(secret: &Secret) -> WireSecret {
    WireSecret {
        masked_secret_value: Some(format!("{}...{}", Secret::PREFIX, secret.tail)),
        ..wire_secret(secret)
    }
}

fn whole(secret: &Secret, text: &SecretString) -> WireSecret {
    WireSecret { secret: Some(text.expose_secret().to_owned()), ..wire_secret(secret) }
}

fn wire_secret(secret: &Secret) -> WireSecret {
    WireSecret {
        created_at: secret.created.to_rfc3339_seconds(),
        expires_at: secret.expires.to_rfc3339_seconds(),
        id: secret.id.to_string(),
        last_used_at: secret.last_used.map(|at| at.to_rfc3339_seconds()),
        masked_secret_value: None,
        secret: None,
    }
}

/// An entry of a service account's access list.
pub(in crate::admin) fn entry(entry: &Entry) -> Value {
    let facts = EntryFacts::of(entry);
    to_value(&WireAccountEntry {
        cidr_block: facts.range,
        created_at: facts.created,
        ip_address: facts.address,
        last_used_address: facts.last_used_address,
        last_used_at: facts.last_used,
        request_count: facts.count,
    })
}

/// An entry of a service account's access list, and the use that was made of it.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceAccountAccessListEntry)]
#[serde(rename_all = "camelCase")]
pub(in crate::admin) struct WireAccountEntry {
    /// The range; of a single address, all its bits.
    #[schema(schema_with = scalar::range)]
    cidr_block: String,
    /// When it was added.
    #[schema(schema_with = scalar::timestamp)]
    created_at: String,
    /// The address, of an entry that holds one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = scalar::address, required = false)]
    ip_address: Option<String>,
    /// Where the last request that it let through came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = scalar::address, required = false)]
    last_used_address: Option<String>,
    /// When it let a request through last; left out before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = scalar::timestamp, required = false)]
    last_used_at: Option<String>,
    /// Requests that this entry let through.
    #[schema(schema_with = scalar::count)]
    request_count: i32,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::access::Usage;
    use crate::addr::Prefix;
    use crate::id::{EntryId, ObjectId};
    use crate::identity::{Role, SecretKeys};
    use crate::time::Timestamp;

    const ORG: &str = "32b6e34b3d91647abb20e7b8";
    const ID: &str = "65f0c0ffee0123456789abcd";
    const SECRET: &str = "6610c0ffee0123456789abcd";

    fn secret(last_used: Option<Timestamp>) -> Secret {
        Secret {
            id: SECRET.parse().unwrap(),
            verifier: SecretKeys::for_tests().verifier(ID.parse().unwrap(), "x"),
            tail: "wxyz".into(),
            created: Timestamp::from_millis(1_785_000_000_987),
            expires: Timestamp::from_millis(1_785_028_800_987),
            last_used,
        }
    }

    fn one(secrets: Vec<Secret>) -> ServiceAccount {
        ServiceAccount {
            id: ID.parse().unwrap(),
            org: ORG.parse().unwrap(),
            name: "ci".into(),
            description: "builds".into(),
            roles: [Role::ReadOnly, Role::Owner].into_iter().collect(),
            secrets,
            tokens: Vec::new(),
            created: Timestamp::from_millis(1_785_000_000_000),
        }
    }

    #[test]
    fn an_account_has_the_published_shape_and_hides_its_secrets() {
        let used = Timestamp::from_millis(1_785_000_060_000);
        assert_eq!(
            account(&one(vec![secret(Some(used))])).to_string(),
            format!(
                concat!(
                    r#"{{"clientId":"mdb_sa_id_{ID}","createdAt":"2026-07-25T17:20:00Z","description":"builds","name":"ci","#,
                    r#""roles":["ORG_OWNER","ORG_READ_ONLY"],"secrets":[{{"createdAt":"2026-07-25T17:20:00Z","#,
                    r#""expiresAt":"2026-07-26T01:20:00Z","id":"{SECRET}","lastUsedAt":"2026-07-25T17:21:00Z","#,
                    r#""maskedSecretValue":"mdb_sa_sk_...wxyz"}}],"systemManaged":false}}"#,
                ),
                ID = ID,
                SECRET = SECRET,
            )
        );
    }

    #[test]
    fn the_answer_that_makes_a_secret_shows_all_of_it_in_place_of_its_end() {
        let text = SecretString::from("mdb_sa_sk_whole");
        let made = control::CreatedAccount {
            account: Arc::new(one(vec![secret(None)])),
            secret: Some(text.clone()),
        };
        let made = created_account(&made);
        let shown = json!({
            "createdAt": "2026-07-25T17:20:00Z",
            "expiresAt": "2026-07-26T01:20:00Z",
            "id": SECRET,
            "secret": "mdb_sa_sk_whole",
        });
        assert_eq!(made["secrets"], json!([shown]));
        let made = created_secret(&control::CreatedSecret { secret: secret(None), text });
        assert_eq!(made, shown);
    }

    #[test]
    fn an_account_without_a_first_secret_has_an_empty_list_of_them() {
        let made = control::CreatedAccount { account: Arc::new(one(vec![])), secret: None };
        assert_eq!(created_account(&made)["secrets"], json!([]));
    }

    #[test]
    fn an_entry_has_the_names_of_its_family_and_no_link() {
        let entry_of = |range: &str| Entry {
            id: EntryId(ObjectId::from_bytes([1; 12])),
            prefix: Prefix::parse(range).unwrap(),
            spelling: None,
            created: Timestamp::from_millis(1_785_000_000_987),
            expires: None,
            usage: Usage::default(),
        };
        assert_eq!(
            entry(&entry_of("192.168.0.229")).to_string(),
            concat!(
                r#"{"cidrBlock":"192.168.0.229/32","createdAt":"2026-07-25T17:20:00Z","ipAddress":"192.168.0.229","#,
                r#""requestCount":0}"#,
            )
        );
        assert_eq!(entry(&entry_of("10.0.0.0/8")).get("ipAddress"), None);
    }
}
