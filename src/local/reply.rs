//! What an operator is told, as it is sent and as `--json` prints it. Names of members are the admin API's.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::access;
use crate::control::{CreatedAccount, CreatedSecret};
use crate::id::SigningKeyId;
use crate::identity::{self, ClientId, Roles};
use crate::snapshot::Snapshot;

/// The answer to a command that was carried out.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// Every organization.
    Organizations(Listed<Organization>),
    /// An organization that was made or renamed.
    Organization(Organization),
    /// The keys of an organization.
    Keys(Listed<Key>),
    /// A key that was made.
    Key(NewKey),
    /// The service accounts of an organization.
    Accounts(Listed<Account>),
    /// A service account that was made.
    Account(Account),
    /// A secret that was made.
    Secret(NewSecret),
    /// An access list, after the change if there was one.
    Entries(Entries),
    /// What is no more.
    Removed(Removed),
    /// The key that signs tokens from now on.
    SigningKey(SigningKey),
}

/// A list, oldest first.
#[derive(Debug, Deserialize, Serialize)]
pub struct Listed<T> {
    /// What there is.
    pub results: Vec<T>,
}

/// An organization.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether an empty list admits nobody.
    pub api_access_list_required: bool,
    /// How many API keys it has.
    pub api_keys: usize,
    /// How many service accounts it has.
    pub service_accounts: usize,
    /// When it was made.
    pub created_at: String,
}

/// An API key.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Its id.
    pub id: String,
    /// Its organization.
    pub org_id: String,
    /// The user name of the digest.
    pub public_key: String,
    /// What it is for.
    pub desc: String,
    /// What it may do.
    pub roles: Vec<String>,
    /// How many entries its list has.
    pub entries: usize,
    /// When it was made.
    pub created_at: String,
}

/// A key just made.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewKey {
    /// The key.
    #[serde(flatten)]
    pub key: Key,
    /// Its private half, this once.
    pub private_key: Shown,
}

/// A service account.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// The id that OAuth clients have for it.
    pub client_id: String,
    /// Its organization.
    pub org_id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it may do.
    pub roles: Vec<String>,
    /// Its secrets, oldest first.
    pub secrets: Vec<Secret>,
    /// How many entries its list has.
    pub entries: usize,
    /// When it was made.
    pub created_at: String,
}

/// A secret of a service account.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// Its id.
    pub id: String,
    /// The secret itself, in the one reply that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Shown>,
    /// What is shown of it ever after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_secret_value: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// From when on it is void.
    pub expires_at: String,
    /// When it last gave a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

/// A secret just made.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewSecret {
    /// Whose it is.
    pub client_id: String,
    /// The secret.
    #[serde(flatten)]
    pub secret: Secret,
}

/// An access list.
#[derive(Debug, Deserialize, Serialize)]
pub struct Entries {
    /// Whose list it is: a key's id or an account's client id.
    pub credential: String,
    /// The entries, oldest first.
    pub results: Vec<Entry>,
}

/// An entry of an access list, with its usage.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The range.
    pub cidr_block: String,
    /// The address as spelled, where the range holds no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// Requests that it admitted.
    pub count: u64,
    /// When it last admitted one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
    /// From where that one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_address: Option<String>,
    /// When it was added.
    pub created: String,
}

/// What is no more.
#[derive(Debug, Deserialize, Serialize)]
pub struct Removed {
    /// Its id, or its range.
    pub removed: String,
}

/// A key that signs tokens.
#[derive(Debug, Deserialize, Serialize)]
pub struct SigningKey {
    /// The `kid` of the tokens that it signs.
    pub id: String,
}

/// A private key or a secret on its way to who asked for it.
pub struct Shown(SecretString);

impl Shown {
    /// The text itself, for the one output that shows it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<SecretString> for Shown {
    fn from(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(redacted)")
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

impl Organization {
    pub(super) fn of(organization: &identity::Organization, snapshot: &Snapshot) -> Self {
        let id = organization.id;
        Self {
            id: id.to_string(),
            name: organization.name.to_string(),
            api_access_list_required: organization.access_list_required,
            api_keys: snapshot.credentials.keys_of(id).count(),
            service_accounts: snapshot.credentials.accounts_of(id).count(),
            created_at: organization.created.to_rfc3339_seconds(),
        }
    }
}

impl Key {
    pub(super) fn of(key: &identity::ApiKey, snapshot: &Snapshot) -> Self {
        Self {
            id: key.id.to_string(),
            org_id: key.org.to_string(),
            public_key: key.public_key.to_string(),
            desc: key.description.to_string(),
            roles: names(key.roles),
            entries: snapshot.lists.find(key.id).map_or(0, |list| list.entries().len()),
            created_at: key.created.to_rfc3339_seconds(),
        }
    }
}

impl Account {
    /// An account just made, with its first secret, if it has one.
    pub(super) fn new(made: CreatedAccount, snapshot: &Snapshot) -> Self {
        let mut account = Self::of(&made.account, snapshot);
        if let Some(text) = made.secret {
            account.secrets =
                account.secrets.into_iter().map(|only| only.showing(text.clone())).collect();
        }
        account
    }

    pub(super) fn of(account: &identity::ServiceAccount, snapshot: &Snapshot) -> Self {
        Self {
            client_id: account.client_id().to_string(),
            org_id: account.org.to_string(),
            name: account.name.to_string(),
            description: account.description.to_string(),
            roles: names(account.roles),
            secrets: account.secrets.iter().map(Secret::of).collect(),
            entries: snapshot.lists.find(account.id).map_or(0, |list| list.entries().len()),
            created_at: account.created.to_rfc3339_seconds(),
        }
    }
}

impl Secret {
    fn of(secret: &identity::Secret) -> Self {
        let masked = format!("{}...{}", identity::Secret::PREFIX, secret.tail);
        Self {
            id: secret.id.to_string(),
            secret: None,
            masked_secret_value: Some(masked),
            created_at: secret.created.to_rfc3339_seconds(),
            expires_at: secret.expires.to_rfc3339_seconds(),
            last_used_at: secret.last_used.map(|at| at.to_rfc3339_seconds()),
        }
    }

    /// The same, this once with the secret itself.
    fn showing(self, text: SecretString) -> Self {
        Self { secret: Some(text.into()), masked_secret_value: None, ..self }
    }
}

impl NewSecret {
    pub(super) fn of(made: CreatedSecret, account: ClientId) -> Self {
        let secret = Secret::of(&made.secret).showing(made.text);
        Self { client_id: account.to_string(), secret }
    }
}

impl Entry {
    pub(super) fn of(entry: &access::Entry) -> Self {
        // The count before the last use: a use that is counted is one that is told.
        let count = entry.usage.count();
        let last = entry.usage.last();
        let network = entry.prefix.network().to_string();
        let address = entry.spelling.as_deref().unwrap_or(&network);
        Self {
            cidr_block: format!("{address}/{}", entry.prefix.length()),
            ip_address: entry.prefix.is_host().then(|| address.to_owned()),
            count,
            last_used: last.map(|last| last.at.to_rfc3339_seconds()),
            last_used_address: last.map(|last| last.from.to_string()),
            created: entry.created.to_rfc3339_seconds(),
        }
    }
}

impl From<SigningKeyId> for SigningKey {
    fn from(id: SigningKeyId) -> Self {
        Self { id: id.to_string() }
    }
}

fn names(roles: Roles) -> Vec<String> {
    roles.iter().map(|role| role.as_str().to_owned()).collect()
}
