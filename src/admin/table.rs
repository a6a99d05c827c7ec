//! The operations of the API, one row each. Routing, `Allow`, roles, versions, query parameters, statuses and the API's own
//! document are all read from here, so that they cannot disagree.
//!
//! To add an operation: a variant of [`Operation`], a row in a file below this one, and an arm in `Call::carry_out`, which the
//! compiler asks for. What a row leaves open (the statuses that every operation of its kind may answer with, the
//! prefixes, `HEAD` beside `GET`) follows from the rest of it.
//!
//! Not here: how a path is read (`route`), what a body may hold (`input`), what an answer holds (`wire`).

mod access_list;
mod api_key;
mod document;
mod oauth;
mod organization;
mod service_account;
mod system;

use std::borrow::Cow;

use http::{Method, StatusCode};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::query::Known;
use super::rate::RateBucket;
use super::version::Version;
use crate::identity::Role;

/// What can be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    /// `GET /orgs`
    ListOrganizations,
    /// `GET /orgs/{orgId}`
    ShowOrganization,
    /// `GET …/apiKeys`
    ListKeys,
    /// `POST …/apiKeys`
    CreateKey,
    /// `GET …/apiKeys/{apiUserId}`
    ShowKey,
    /// `PATCH …/apiKeys/{apiUserId}`
    UpdateKey,
    /// `DELETE …/apiKeys/{apiUserId}`
    DeleteKey,
    /// `GET …/apiKeys/{apiUserId}/accessList`
    ListEntries,
    /// `POST …/apiKeys/{apiUserId}/accessList`
    AddEntries,
    /// `GET …/apiKeys/{apiUserId}/accessList/{ipAddress}`
    ShowEntry,
    /// `DELETE …/apiKeys/{apiUserId}/accessList/{ipAddress}`
    RemoveEntry,
    /// `GET /orgs/{orgId}/settings`
    ShowSettings,
    /// `PATCH /orgs/{orgId}/settings`
    UpdateSettings,
    /// `GET …/serviceAccounts`
    ListAccounts,
    /// `POST …/serviceAccounts`
    CreateAccount,
    /// `GET …/serviceAccounts/{clientId}`
    ShowAccount,
    /// `PATCH …/serviceAccounts/{clientId}`
    UpdateAccount,
    /// `DELETE …/serviceAccounts/{clientId}`
    DeleteAccount,
    /// `POST …/serviceAccounts/{clientId}/secrets`
    CreateSecret,
    /// `DELETE …/serviceAccounts/{clientId}/secrets/{secretId}`
    DeleteSecret,
    /// `GET …/serviceAccounts/{clientId}/accessList`
    ListAccountEntries,
    /// `POST …/serviceAccounts/{clientId}/accessList`
    AddAccountEntries,
    /// `DELETE …/serviceAccounts/{clientId}/accessList/{ipAddress}`
    RemoveAccountEntry,
    /// `GET` of a prefix alone
    ShowSystem,
    /// `GET /api/private/ipinfo`
    ShowCallerAddress,
    /// `POST /api/oauth/token`
    IssueToken,
    /// `POST /api/oauth/revoke`
    RevokeToken,
    /// `GET /api/openapi.json`
    ShowDocumentAsJson,
    /// `GET /api/openapi.yaml`
    ShowDocumentAsYaml,
}

/// One row: an operation, and all that is published of it.
#[derive(Debug)]
pub(super) struct Row {
    /// What is asked for.
    pub(super) operation: Operation,
    /// Its name in the document.
    pub(super) id: &'static str,
    /// How it is asked for.
    pub(super) method: Verb,
    /// Where its path begins.
    pub(super) place: Place,
    /// The rest of the path: empty, or segments with `/` before each, those in braces being parameters.
    pub(super) path: &'static str,
    /// Who may ask.
    pub(super) access: Access,
    /// The bucket that a call takes a token from, in the caller's name; none where the caller is not known, or is known to
    /// the handler alone.
    pub(super) bucket: Option<RateBucket>,
    /// The versions that it is published in, oldest first; none at a fixed path.
    pub(super) versions: &'static [Version],
    /// The query parameters that it knows.
    pub(super) query: Known,
    /// The body that it takes.
    pub(super) body: Option<Shape>,
    /// The status of success.
    pub(super) status: StatusCode,
    /// What the answer then holds.
    pub(super) answer: Answers,
    /// Statuses of refusals beyond those that follow from the rest of the row.
    pub(super) refusals: &'static [StatusCode],
    /// What it does, in a line.
    pub(super) summary: &'static str,
    /// What its caller should know beyond that. May be empty.
    pub(super) description: &'static str,
}

/// Where the path of an operation begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// Under each prefix of the API.
    Prefixed,
    /// Nowhere else than at its own path, without versions.
    Fixed,
}

/// Who may ask for an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// A member of the organization with this role, by a credential and from an address of its list.
    Role(Role),
    /// A client of OAuth, by a secret and from any address. Bodies are forms, and errors have the shape of OAuth.
    Client,
    /// Anyone: it is the same for everyone, and no secret.
    Anyone,
}

/// The methods that there are. `HEAD` is `GET`. In the order in which `Allow` names them.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Verb {
    /// `DELETE`
    Delete,
    /// `GET` and `HEAD`
    Get,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answers {
    /// One document.
    Document(Shape),
    /// A page of a list, whose items are such.
    Page(Shape),
    /// A text of its own media type, which no query changes.
    File {
        /// What it calls itself.
        media_type: &'static str,
        /// What it holds, once read.
        shape: Shape,
    },
    /// No body.
    Nothing,
}

/// A JSON shape, as the document describes it.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// What the document calls it.
    pub(super) name: fn() -> Cow<'static, str>,
    /// What it is.
    pub(super) schema: fn() -> RefOr<Schema>,
    /// Adds the shapes that it refers to.
    pub(super) parts: fn(&mut Vec<(String, RefOr<Schema>)>),
}

/// Rows that belong together.
#[derive(Debug)]
pub(super) struct Group {
    /// What the document calls them.
    pub(super) name: &'static str,
    /// What they are about.
    pub(super) about: &'static str,
    /// The rows.
    pub(super) rows: &'static [Row],
}

/// Every row, in the order of the document.
pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "Organizations",
        about: "What a caller may see and set of its organization.",
        rows: organization::ROWS,
    },
    Group {
        name: "API keys",
        about: "Credentials of a public and a private half, for HTTP Digest.",
        rows: api_key::ROWS,
    },
    Group {
        name: "Access lists of API keys",
        about: "From which addresses a key may be used, and what use was made of it from there.",
        rows: access_list::ROWS,
    },
    Group {
        name: "Service accounts",
        about: "Credentials of a client id and up to two secrets, for access tokens by OAuth 2.0.",
        rows: service_account::ROWS,
    },
    Group {
        name: "Access lists of service accounts",
        about: "From which addresses a service account's tokens may be used, and what use was made of them from there.",
        rows: service_account::LIST_ROWS,
    },
    Group {
        name: "Caller",
        about: "What a caller may learn about itself and about what answers it.",
        rows: system::ROWS,
    },
    Group {
        name: "Access tokens",
        about: "OAuth 2.0 for service accounts. Errors have the shape that RFC 6749 gives them, not that of the API.",
        rows: oauth::ROWS,
    },
    Group { name: "Document", about: "This document.", rows: document::ROWS },
];

/// Every row.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|group| group.rows)
}

impl Row {
    /// The segments of its path.
    pub(super) fn parts(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').skip(1)
    }

    /// Where among the segments the parameter `name` is.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.parts().position(|part| parameter(part) == Some(name))
    }
}

/// The name of the parameter that a segment of a row's path is.
pub(super) fn parameter(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

impl Verb {
    /// What `method` is here.
    pub(super) fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::GET | Method::HEAD => Some(Self::Get),
            Method::POST => Some(Self::Post),
            Method::PATCH => Some(Self::Patch),
            Method::DELETE => Some(Self::Delete),
            _ => None,
        }
    }

    /// As `Allow` has it.
    pub(super) const fn allowed(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET, HEAD",
            Self::Patch => "PATCH",
            Self::Post => "POST",
        }
    }
}

impl Shape {
    /// The shape of `T`.
    pub(super) const fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: T::schema, parts: T::schemas }
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&(self.name)())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_operation_and_each_method_at_a_path_has_one_row() {
        let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
        for row in rows() {
            assert!(ids.insert(row.id), "{row:?}");
            // Parameters fit anything, so that their names make no difference.
            let shape: Vec<_> =
                row.parts().map(|part| parameter(part).map_or(part, |_| "{}")).collect();
            assert!(places.insert((row.place == Place::Fixed, shape, row.method)), "{row:?}");
            let same = rows().filter(|other| other.operation == row.operation).count();
            assert_eq!(same, 1, "{row:?}");
        }
    }

    #[test]
    fn each_row_can_be_found_and_answered() {
        for row in rows() {
            assert!(row.path.is_empty() || row.path.starts_with('/'), "{row:?}");
            assert!(!row.path.ends_with('/'), "{row:?}");
            assert_eq!(row.versions.is_empty(), row.place == Place::Fixed, "{row:?}");
            assert!(row.versions.is_sorted(), "{row:?}");
            assert!(row.status.is_success(), "{row:?}");
            let without_body = matches!(row.answer, Answers::Nothing);
            if row.access != Access::Client {
                assert_eq!(row.status == StatusCode::NO_CONTENT, without_body, "{row:?}");
            }
            assert!(!row.summary.is_empty() && !row.summary.ends_with('.'), "{row:?}");
        }
    }

    #[test]
    fn each_row_takes_from_the_published_bucket() {
        for row in rows() {
            let bucket = match *row.parts().collect::<Vec<_>>() {
                ["orgs"] => RateBucket::Caller,
                ["orgs", _] => RateBucket::Organization,
                ["orgs", _, "settings"] => RateBucket::OrganizationSettings,
                ["orgs", _, "apiKeys" | "serviceAccounts", ..] => RateBucket::OrganizationResources,
                _ => continue,
            };
            assert_eq!(row.bucket, Some(bucket), "{row:?}");
        }
    }
}
