//! The rows about the caller itself.

use http::StatusCode;

use super::{Access, Answers, Operation, Place, Row, Shape, Verb};
use crate::admin::query::Known;
use crate::admin::rate::RateBucket;
use crate::admin::version::V2023_01_01;
use crate::admin::wire;
use crate::identity::Role;

pub(super) const ROWS: &[Row] = &[
    Row {
        operation: Operation::ShowSystem,
        id: "getSystemStatus",
        method: Verb::Get,
        place: Place::Prefixed,
        path: "",
        // Any role makes a member, and this tells the caller of itself.
        access: Access::Role(Role::Member),
        bucket: Some(RateBucket::Caller),
        versions: &[V2023_01_01],
        query: Known::Document,
        body: None,
        status: StatusCode::OK,
        answer: Answers::Document(Shape::of::<wire::system::WireSystem>()),
        refusals: &[],
        summary: "Show what answers, and who asks",
        description: "`apiKey` is the caller's credential where that is an API key, `serviceAccount` where it is one of those. At most \
            500 entries of its access list are shown.",
    },
    Row {
        operation: Operation::ShowCallerAddress,
        id: "getCallerAddress",
        method: Verb::Get,
        place: Place::Fixed,
        path: "/api/private/ipinfo",
        access: Access::Role(Role::Member),
        bucket: Some(RateBucket::Caller),
        versions: &[],
        query: Known::Document,
        body: None,
        status: StatusCode::OK,
        answer: Answers::Document(Shape::of::<wire::system::WireCallerAddress>()),
        refusals: &[],
        summary: "Show the caller's address",
        description: "The one that access lists judge the caller by. A caller that comes from an IPv6 address finds that in the same \
            member, since it asks in order to put the address on a list.",
    },
];
