//! The rows of API keys.

use http::StatusCode;

use super::{Access, Answers, Operation, Place, Row, Shape, Verb};
use crate::admin::query::Known;
use crate::admin::rate::RateBucket;
use crate::admin::version::V2023_01_01;
use crate::admin::{input, wire};
use crate::identity::Role;

pub(super) const ROWS: &[Row] = &[
    Row {
        operation: Operation::ListKeys,
        id: "listApiKeys",
        method: Verb::Get,
        place: Place::Prefixed,
        path: "/orgs/{orgId}/apiKeys",
        access: Access::Role(Role::Member),
        bucket: Some(RateBucket::OrganizationResources),
        versions: &[V2023_01_01],
        query: Known::Page,
        body: None,
        status: StatusCode::OK,
        answer: Answers::Page(Shape::of::<wire::WireKey>()),
        refusals: &[],
        summary: "List an organization's API keys",
        description: "Oldest first. Of private keys only the last twelve characters are shown.",
    },
    Row {
        operation: Operation::CreateKey,
        id: "createApiKey",
        method: Verb::Post,
        place: Place::Prefixed,
        path: "/orgs/{orgId}/apiKeys",
        access: Access::Role(Role::Owner),
        bucket: Some(RateBucket::OrganizationResources),
        versions: &[V2023_01_01],
        query: Known::Document,
        body: Some(Shape::of::<input::schema::NewApiKey>()),
        status: StatusCode::OK,
        answer: Answers::Document(Shape::of::<wire::CreatedKey>()),
        refusals: &[],
        summary: "Make an API key",
        description: "This answer shows the whole private key, and no later one does. The new key's access list is empty, \
            so where the organization requires lists, another key has to add its first entry.",
    },
    Row {
        operation: Operation::ShowKey,
        id: "getApiKey",
        method: Verb::Get,
        place: Place::Prefixed,
        path: "/orgs/{orgId}/apiKeys/{apiUserId}",
        access: Access::Role(Role::Member),
        bucket: Some(RateBucket::OrganizationResources),
        versions: &[V2023_01_01],
        query: Known::Document,
        body: None,
        status: StatusCode::OK,
        answer: Answers::Document(Shape::of::<wire::WireKey>()),
        refusals: &[],
        summary: "Show an API key",
        description: "",
    },
    Row {
        operation: Operation::UpdateKey,
        id: "updateApiKey",
        method: Verb::Patch,
        place: Place::Prefixed,
        path: "/orgs/{orgId}/apiKeys/{apiUserId}",
        access: Access::Role(Role::Owner),
        bucket: Some(RateBucket::OrganizationResources),
        versions: &[V2023_01_01],
        query: Known::Document,
        body: Some(Shape::of::<input::schema::ApiKeyUpdate>()),
        status: StatusCode::OK,
        answer: Answers::Document(Shape::of::<wire::WireKey>()),
        refusals: &[StatusCode::CONFLICT],
        summary: "Change an API key's description or roles",
        description: "Roles that are given take the place of all that the key had. The last owner of an organization stays one.",
    },
    Row {
        operation: Operation::DeleteKey,
        id: "deleteApiKey",
        method: Verb::Delete,
        place: Place::Prefixed,
        path: "/orgs/{orgId}/apiKeys/{apiUserId}",
        access: Access::Role(Role::Owner),
        bucket: Some(RateBucket::OrganizationResources),
        versions: &[V2023_01_01],
        query: Known::Document,
        body: None,
        status: StatusCode::NO_CONTENT,
        answer: Answers::Nothing,
        refusals: &[StatusCode::CONFLICT],
        summary: "Delete an API key",
        description: "Its access list ends with it. The last owner of an organization stays.",
    },
];
