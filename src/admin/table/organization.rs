//! The rows of organizations.

use http::StatusCode;

use super::{Access, Answers, Operation, Place, Row, Shape, Verb};
use crate::admin::query::Known;
use crate::admin::rate::RateBucket;
use crate::admin::version::V2023_01_01;
use crate::admin::{input, wire};
use crate::identity::Role;

pub(super) const ROWS: &[Row] = &[
    Row {
        operation: Operation::ListOrganizations,
        id: "listOrganizations",
        method: Verb::Get,
        place: Place::Prefixed,
        path: "/orgs",
        // Any role makes a member, so a list of one's own organizations asks for that one.
        access: Access::Role(Role::Member),
        bucket: Some(RateBucket::Caller),
        versions: &[V2023_01_01],
        query: Known::NamedPage,
        body: None,
        status: StatusCode::OK,
        answer: Answers::Page(Shape::of::<wire::WireOrganization>()),
        refusals: &[],
        summary: "List the caller's organizations",
        description: "A credential belongs to one organization, so the list has one item, or none where `name` leaves it out.",
    },
    Row {
        operation: Operation::ShowOrganization,
        id: "getOrganization",
        method: Verb::Get,
        place: Place::Prefixed,
        path: "/orgs/{orgId}",
        access: Access::Role(Role::Member),
        bucket: Some(RateBucket::Organization),
        versions: &[V2023_01_01],
        query: Known::Document,
        body: None,
        status: StatusCode::OK,
        answer: Answers::Document(Shape::of::<wire::WireOrganization>()),
        refusals: &[],
        summary: "Show the caller's organization",
        description: "Any other organization is answered like one that does not exist.",
    },
    Row {
        operation: Operation::ShowSettings,
        id: "getOrganizationSettings",
        method: Verb::Get,
        place: Place::Prefixed,
        path: "/orgs/{orgId}/settings",
        access: Access::Role(Role::Member),
        bucket: Some(RateBucket::OrganizationSettings),
        versions: &[V2023_01_01],
        query: Known::Document,
        body: None,
        status: StatusCode::OK,
        answer: Answers::Document(Shape::of::<wire::settings::WireSettings>()),
        refusals: &[],
        summary: "Show an organization's settings",
        description: "What a published setting has no meaning for here is `false` or `null`.",
    },
    Row {
        operation: Operation::UpdateSettings,
        id: "updateOrganizationSettings",
        method: Verb::Patch,
        place: Place::Prefixed,
        path: "/orgs/{orgId}/settings",
        access: Access::Role(Role::Owner),
        bucket: Some(RateBucket::OrganizationSettings),
        versions: &[V2023_01_01],
        query: Known::Document,
        body: Some(Shape::of::<input::settings::schema::SettingsUpdate>()),
        status: StatusCode::OK,
        answer: Answers::Document(Shape::of::<wire::settings::WireSettings>()),
        refusals: &[StatusCode::CONFLICT],
        summary: "Change an organization's settings",
        description: "Settings that have no meaning here are taken when they say what holds, and refused otherwise. Lists are not \
            required at the word of a caller whose own list is empty.",
    },
];
