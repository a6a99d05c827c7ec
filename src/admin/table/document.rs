//! The rows of the API's own document.

use http::StatusCode;

use super::{Access, Answers, Operation, Place, Row, Shape, Verb};
use crate::admin::document::Document;
use crate::admin::query::Known;
use crate::admin::wire;

pub(super) const ROWS: &[Row] = &[
    Row {
        operation: Operation::ShowDocumentAsJson,
        id: "getOpenApiJson",
        method: Verb::Get,
        place: Place::Fixed,
        path: "/api/openapi.json",
        access: Access::Anyone,
        bucket: None,
        versions: &[],
        query: Known::Nothing,
        body: None,
        status: StatusCode::OK,
        answer: Answers::File { media_type: Document::JSON, shape: Shape::of::<wire::OpenApi>() },
        refusals: &[],
        summary: "Show this document as JSON",
        description: "",
    },
    Row {
        operation: Operation::ShowDocumentAsYaml,
        id: "getOpenApiYaml",
        method: Verb::Get,
        place: Place::Fixed,
        path: "/api/openapi.yaml",
        access: Access::Anyone,
        bucket: None,
        versions: &[],
        query: Known::Nothing,
        body: None,
        status: StatusCode::OK,
        answer: Answers::File { media_type: Document::YAML, shape: Shape::of::<wire::OpenApi>() },
        refusals: &[],
        summary: "Show this document as YAML",
        description: "",
    },
];
