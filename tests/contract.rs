//! The published contract, row by row, through a real socket: the list of these tests is to be read as the page.
//!
//! Each module is a section or one of its tables; each test is a row, a bullet or a step, numbered in the order of the page.
//! The line above it, `//= 5: host bits set`, names the section and the words that its row begins with. [`holes`] reads
//! those lines and, where the page lies beside the checkout, finds every row that has no test. [`slice`] does as much for
//! the published shapes.
//!
//! What is promised beyond the contract is in `admin_api` and in the modules of each behaviour.

mod s01a_endpoints;
mod s01b_other_requests;
mod s01c_aliases;
mod s02_media_types;
mod s03a_field_names;
mod s03b_what_a_post_does;
mod s04_query_parameters;
mod s05a_published_patterns;
mod s05b_addresses;
mod s05c_path_segment;
mod s06a_bad_requests;
mod s06b_other_refusals;
mod s07_the_rule_of_lists;
mod s08_http_digest;
mod s09a_tokens;
mod s09b_accounts_and_secrets;
mod s10_api_keys;
mod s11a_headers;
mod s11b_buckets;
mod s12_open_choices;

mod holes;
mod page;
mod slice;

use std::collections::BTreeSet;

use portcullis::identity::Role;
use serde_json::{Value, json};

use crate::harness::account::{Account, bearer, post_form};
use crate::harness::api::*;
use crate::harness::client::{Answer, Credential, authorization};
use crate::harness::{Client, Gateway, Options};

/// What a 2023-01-01 answer calls itself under the versioned prefix.
const V2023_TYPE: &str = "application/vnd.atlas.2023-01-01+json;charset=utf-8";

/// What an answer about service accounts calls itself there.
const V2024_TYPE: &str = "application/vnd.atlas.2024-08-05+json;charset=utf-8";

/// An organization's keys.
const KEYS: &str = "/api/atlas/v2/orgs/{org}/apiKeys";

/// The list of the owner's key.
const OWN_LIST: &str = "/api/atlas/v2/orgs/{org}/apiKeys/{key}/accessList";

/// An organization's service accounts.
const ACCOUNTS: &str = "/api/atlas/v2/orgs/{org}/serviceAccounts";

/// The list of a service account.
fn list_of_account(account: &Account) -> String {
    format!("{ACCOUNTS}/{}/accessList", account.client_id)
}

/// A gateway, and the list of a key that has these entries and makes no calls.
fn with_list(entries: &[&str]) -> (Gateway, String) {
    let gateway = gateway();
    let (key, _) = gateway.new_key(&[Role::Member], entries);
    (gateway, list_of(&key))
}

/// The only place that a refusal of a body names, and the refusal has to name it in its detail too.
#[track_caller]
fn place_named(problem: &Value, case: &str) -> String {
    let fields = problem["badRequestDetail"]["fields"].as_array();
    let fields = fields.unwrap_or_else(|| panic!("{case}: no fields in {problem}"));
    assert_eq!(fields.len(), 1, "{case}: {problem}");
    assert!(!fields[0]["description"].as_str().unwrap().is_empty(), "{case}: {problem}");
    let place = fields[0]["field"].as_str().unwrap().to_owned();
    tells(problem, &[&place], case);
    place
}

/// A credential with the right name and a wrong secret.
fn forged(credential: &Credential) -> Credential {
    let private_key = "00000000-0000-0000-0000-000000000000".to_owned();
    Credential { private_key, ..credential.clone() }
}

/// What a client sends as a body that makes an entry for one address.
fn one_address(address: &str) -> String {
    json!([{ "ipAddress": address }]).to_string()
}
