//! What request bodies look like, for the document alone: bodies are read by hand, so that each mistake is named.

use utoipa::ToSchema;

/// A new API key.
#[derive(ToSchema)]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(in crate::admin) struct NewApiKey {
    desc: String,
    roles: Vec<String>,
}

/// What changes of an API key.
#[derive(ToSchema)]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(in crate::admin) struct ApiKeyUpdate {
    desc: Option<String>,
    roles: Option<Vec<String>>,
}

/// Entries to be added to an access list.
#[derive(ToSchema)]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(in crate::admin) struct NewEntries(Vec<NewEntry>);

/// An entry to be added to an access list: an address or a range.
#[derive(ToSchema)]
#[schema(as = NewAccessListEntry)]
#[allow(dead_code, reason = "no value of it is made: the document reads its derived schema")]
pub(in crate::admin) struct NewEntry {
    cidr_block: Option<String>,
    ip_address: Option<String>,
}
