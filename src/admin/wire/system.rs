//! What a caller is told about itself and about what answers it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::{EntryFacts, WireRole, own_link, roles, to_value};
use crate::access::Entry;
use crate::addr::ClientIp;
use crate::admin::document::scalar;
use crate::admin::links::{Link, Links};
use crate::admin::page::Paging;
use crate::identity::{ApiKey, ServiceAccount};

/// The credential that a caller presented.
#[derive(Clone, Copy)]
pub(in crate::admin) enum Credential<'a> {
    /// An API key.
    Key(&'a ApiKey),
    /// A service account, by one of its tokens.
    Account(&'a ServiceAccount),
}

/// What answers, and who asks from where.
pub(in crate::admin) fn system(
    caller: Option<Credential<'_>>,
    list: &[Arc<Entry>],
    address: ClientIp,
    links: &Links,
) -> Value {
    let (api_key, service_account) = match caller {
        None => (None, None),
        Some(Credential::Key(key)) => (Some(caller_key(key, list)), None),
        Some(Credential::Account(account)) => (None, Some(caller_account(account, list))),
    };
    to_value(&WireSystem {
        api_key,
        app_name: APP_NAME,
        build: BUILD,
        ip_address: address.to_string(),
        links: Link::to_itself(links.root()),
        service_account,
        throttling: false,
    })
}

/// What answers, and who asks.
#[derive(Serialize, ToSchema)]
#[schema(as = SystemStatus)]
#[serde(rename_all = "camelCase")]
pub(in crate::admin) struct WireSystem<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    api_key: Option<WireCallerKey<'a>>,
    /// The API that is answered; clients accept no other name.
    #[schema(schema_with = app_name)]
    app_name: &'static str,
    /// The program that answers it, and its version.
    #[schema(schema_with = scalar::text)]
    build: &'static str,
    /// The address that access lists judge the caller by.
    #[schema(schema_with = scalar::address)]
    ip_address: String,
    #[schema(schema_with = own_link)]
    links: [Link; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    service_account: Option<WireCallerAccount<'a>>,
    /// Always false: limits are told call by call.
    throttling: bool,
}

/// The caller's API key.
#[derive(Serialize, ToSchema)]
#[schema(as = CallerApiKey)]
#[serde(rename_all = "camelCase")]
struct WireCallerKey<'a> {
    /// Its access list, oldest entry first; 500 entries at most.
    access_list: Vec<WireRange>,
    #[schema(schema_with = scalar::id)]
    id: String,
    /// Its user name.
    #[schema(schema_with = scalar::public_key)]
    public_key: &'a str,
    /// What it may do.
    roles: Vec<WireRole>,
}

/// The caller's service account.
#[derive(Serialize, ToSchema)]
#[schema(as = CallerServiceAccount)]
#[serde(rename_all = "camelCase")]
struct WireCallerAccount<'a> {
    /// Its access list, oldest entry first; 500 entries at most.
    access_list: Vec<WireRange>,
    #[schema(schema_with = scalar::client_id)]
    client_id: String,
    #[schema(schema_with = scalar::account_name)]
    name: &'a str,
    /// What it may do.
    roles: Vec<WireRole>,
}

/// What an entry holds.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessListRange)]
#[serde(rename_all = "camelCase")]
struct WireRange {
    /// The range; of a single address, all its bits.
    #[schema(schema_with = scalar::range)]
    cidr_block: String,
    /// The address, of an entry that holds one only; else `null`.
    #[schema(schema_with = scalar::address_or_null, required = true)]
    ip_address: Option<String>,
}

fn caller_key<'a>(key: &'a ApiKey, list: &[Arc<Entry>]) -> WireCallerKey<'a> {
    WireCallerKey {
        access_list: ranges(list),
        id: key.id.to_string(),
        public_key: key.public_key.as_str(),
        roles: roles(key.org, key.roles),
    }
}

fn caller_account<'a>(account: &'a ServiceAccount, list: &[Arc<Entry>]) -> WireCallerAccount<'a> {
    WireCallerAccount {
        access_list: ranges(list),
        client_id: account.client_id().to_string(),
        name: &account.name,
        roles: roles(account.org, account.roles),
    }
}

/// As many entries as a page may hold, since this is none.
fn ranges(list: &[Arc<Entry>]) -> Vec<WireRange> {
    let range = |entry: &Arc<Entry>| {
        let EntryFacts { range, address, .. } = EntryFacts::of(entry);
        WireRange { cidr_block: range, ip_address: address }
    };
    list.iter().take(Paging::MOST_ITEMS).map(range).collect()
}

/// The caller's address, by the name that the API's own console had for it.
pub(in crate::admin) fn caller_address(address: ClientIp) -> Value {
    to_value(&WireCallerAddress { current_ipv4_address: address.to_string() })
}

/// The caller's address.
#[derive(Serialize, ToSchema)]
#[schema(as = CallerAddress)]
#[serde(rename_all = "camelCase")]
pub(in crate::admin) struct WireCallerAddress {
    /// The address, of either family.
    #[schema(schema_with = scalar::address)]
    current_ipv4_address: String,
}

/// What `pyatlassdk` insists on.
const APP_NAME: &str = "MongoDB Atlas";

const BUILD: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));

fn app_name() -> ObjectBuilder {
    scalar::only(Type::String, APP_NAME)
}
