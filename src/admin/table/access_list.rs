//! The rows of the access lists of API keys.

use http::StatusCode;

use super::{Access, Answers, Operation, Place, Row, Shape, Verb};
use crate::admin::query::Known;
use crate::admin::rate::RateBucket;
use crate::admin::version::V2023_01_01;
use crate::admin::{input, wire};
use crate::identity::Role;

pub(super) const ROWS: &[Row] = &[
    Row {
        operation: Operation::ListEntries,
        id: "listAccessListEntries",
        method: Verb::Get,
        place: Place::Prefixed,
        path: "/orgs/{orgId}/apiKeys/{apiUserId}/accessList",
        access: Access::Role(Role::Member),
        bucket: Some(RateBucket::OrganizationResources),
        versions: &[V2023_01_01],
        query: Known::Page,
        body: None,
        status: StatusCode::OK,
        answer: Answers::Page(Shape::of::<wire::WireKeyEntry>()),
        refusals: &[],
        summary: "List the entries of an API key's access list",
        description: "Oldest first.",
    },
    Row {
        operation: Operation::AddEntries,
        id: "addAccessListEntries",
        method: Verb::Post,
        place: Place::Prefixed,
        path: "/orgs/{orgId}/apiKeys/{apiUserId}/accessList",
        access: Access::Role(Role::Owner),
        bucket: Some(RateBucket::OrganizationResources),
        versions: &[V2023_01_01],
        query: Known::Page,
        body: Some(Shape::of::<input::schema::NewEntries>()),
        status: StatusCode::OK,
        answer: Answers::Page(Shape::of::<wire::WireKeyEntry>()),
        refusals: &[],
        summary: "Add entries to an API key's access list",
        description: "Adds all or none. What is on the list already stays as it is, its counts included. The answer is a page of \
            the whole list after the change, which is in force from then on.",
    },
    Row {
        operation: Operation::ShowEntry,
        id: "getAccessListEntry",
        method: Verb::Get,
        place: Place::Prefixed,
        path: "/orgs/{orgId}/apiKeys/{apiUserId}/accessList/{ipAddress}",
        access: Access::Role(Role::Member),
        bucket: Some(RateBucket::OrganizationResources),
        versions: &[V2023_01_01],
        query: Known::Document,
        body: None,
        status: StatusCode::OK,
        answer: Answers::Document(Shape::of::<wire::WireKeyEntry>()),
        refusals: &[],
        summary: "Show an entry of an API key's access list",
        description: "The entry is found by its range, however that is written.",
    },
    Row {
        operation: Operation::RemoveEntry,
        id: "removeAccessListEntry",
        method: Verb::Delete,
        place: Place::Prefixed,
        path: "/orgs/{orgId}/apiKeys/{apiUserId}/accessList/{ipAddress}",
        access: Access::Role(Role::Owner),
        bucket: Some(RateBucket::OrganizationResources),
        versions: &[V2023_01_01],
        query: Known::Document,
        body: None,
        status: StatusCode::NO_CONTENT,
        answer: Answers::Nothing,
        refusals: &[],
        summary: "Remove an entry from an API key's access list",
        description: "An entry is kept where it is the last one of the caller's own list that holds the caller's address.",
    },
];
