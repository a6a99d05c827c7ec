//! The JSON shapes of bodies: those of the wire, and what a page, an envelope and an error make of them.

use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Components, Ref, RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema};

use super::scalar;
use crate::admin::input::schema::NewEntries;
use crate::admin::links::Link;
use crate::admin::oauth::schema::WireError;
use crate::admin::page::Paging;
use crate::admin::query::QueryParameter;
use crate::admin::table::{Answers, Row, Shape};
use crate::problem::Wire;

/// What the body of an answer holds.
pub(super) fn answer(row: &Row) -> Option<RefOr<Schema>> {
    match row.answer {
        Answers::Document(shape) if !has_envelope(row) => Some(reference(shape).into()),
        Answers::Document(shape) => {
            let enveloped = Ref::from_schema_name(envelope_name(shape));
            Some(OneOfBuilder::new().item(reference(shape)).item(enveloped).into())
        }
        Answers::Page(shape) => Some(Ref::from_schema_name(page_name(shape)).into()),
        Answers::File { shape, .. } => Some(reference(shape).into()),
        Answers::Nothing => None,
    }
}

fn has_envelope(row: &Row) -> bool {
    row.query.parameters().contains(&QueryParameter::Envelope)
}

/// Where an error of OAuth is described.
pub(super) fn oauth_error() -> Ref {
    Ref::from_schema_name(WireError::name())
}

/// Where a shape is described.
pub(super) fn reference(shape: Shape) -> Ref {
    Ref::from_schema_name((shape.name)())
}

/// Where an error is described.
pub(super) fn problem() -> Ref {
    Ref::from_schema_name(Wire::name())
}

/// Adds the shapes that an operation reads and writes.
pub(super) fn add(components: &mut Components, row: &Row, entries_per_list: usize) {
    if let Some(shape) = row.body {
        add_shape(components, shape);
    }
    match row.answer {
        Answers::Document(shape) => {
            add_shape(components, shape);
            if has_envelope(row) {
                components.schemas.insert(envelope_name(shape), envelope(shape, row).into());
            }
        }
        Answers::Page(shape) => {
            add_shape(components, shape);
            components.schemas.insert(page_name(shape), page(shape, row).into());
        }
        Answers::File { shape, .. } => add_shape(components, shape),
        Answers::Nothing => {}
    }
    if let Some(RefOr::T(Schema::Array(entries))) = components.schemas.get_mut(&*NewEntries::name())
    {
        entries.max_items = Some(entries_per_list);
    }
}

fn add_shape(components: &mut Components, shape: Shape) {
    let mut parts = vec![((shape.name)().into_owned(), (shape.schema)())];
    (shape.parts)(&mut parts);
    components.schemas.extend(parts);
}

/// Adds what any answer may hold: links, the error body of OAuth, and the API's own with the status that an envelope adds to it.
pub(super) fn add_common(components: &mut Components) {
    let mut parts = vec![
        (<Link as ToSchema>::name().into_owned(), Link::schema()),
        (WireError::name().into_owned(), WireError::schema()),
    ];
    Wire::schemas(&mut parts);
    components.schemas.extend(parts);
    let mut schema = Wire::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        let status =
            scalar::integer().minimum(Some(400)).maximum(Some(599)).description(Some(OF_ENVELOPE));
        object.properties.insert("status".to_owned(), status.into());
    }
    components.schemas.insert(Wire::name().into_owned(), schema);
}

fn envelope_name(shape: Shape) -> String {
    format!("{}Envelope", (shape.name)())
}

fn envelope(shape: Shape, row: &Row) -> Object {
    ObjectBuilder::new()
        .description(Some("What `envelope=true` makes of a document."))
        .property("content", reference(shape))
        .property("status", scalar::only(Type::Integer, row.status.as_u16()))
        .required("content")
        .required("status")
        .build()
}

fn page_name(shape: Shape) -> String {
    format!("{}Page", (shape.name)())
}

fn page(shape: Shape, row: &Row) -> Object {
    let links = ArrayBuilder::new()
        .items(Ref::from_schema_name(<Link as ToSchema>::name()))
        .min_items(Some(1))
        .max_items(Some(3))
        .description(Some("This page, and the pages before and after it where there are such."));
    let results = ArrayBuilder::new()
        .items(reference(shape))
        .max_items(Some(Paging::MOST_ITEMS))
        .description(Some("The items of this page."));
    let total = scalar::count()
        .description(Some("How many items there are in all; left out where `includeCount=false`."));
    let status = scalar::only(Type::Integer, row.status.as_u16()).description(Some(OF_ENVELOPE));
    ObjectBuilder::new()
        .description(Some("A page of a list."))
        .property("links", links)
        .property("results", results)
        .property("totalCount", total)
        .property("status", status)
        .required("links")
        .required("results")
        .build()
}

const OF_ENVELOPE: &str = "The status of the answer, where `envelope=true` asks for it.";
