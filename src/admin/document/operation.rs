//! One operation of the document: what it is called, what it takes, what it answers with.

use utoipa::openapi::path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{Components, Content, HttpMethod, Ref, Required};

use super::{responses, scalar, security, shapes};
use crate::admin::oauth::form::FORM;
use crate::admin::page::Paging;
use crate::admin::query::{Known, QueryParameter};
use crate::admin::route::Alias;
use crate::admin::table::{self, Access, Group, Place, Row, Verb};

/// The path of an operation, under the current prefix where it has one.
pub(super) fn path(row: &Row) -> String {
    let prefix = match row.place {
        Place::Prefixed => Alias::AtlasV2.prefix(),
        Place::Fixed => "",
    };
    format!("{prefix}{}", row.path)
}

/// An operation at its path.
pub(super) fn item(group: &Group, row: &Row) -> PathItem {
    let method = match row.method {
        Verb::Delete => HttpMethod::Delete,
        Verb::Get => HttpMethod::Get,
        Verb::Patch => HttpMethod::Patch,
        Verb::Post => HttpMethod::Post,
    };
    PathItem::new(method, operation(group, row))
}

fn operation(group: &Group, row: &Row) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(row.id))
        .tag(group.name)
        .summary(Some(row.summary))
        .description((!row.description.is_empty()).then_some(row.description))
        .request_body(request_body(row))
        .responses(responses::responses(row))
        .securities(Some(security::requirements(row.access)));
    let in_path = row.parts().filter_map(table::parameter);
    let in_query = row.query.parameters().iter().map(|name| name.as_str());
    for name in in_path.chain(in_query) {
        operation = operation.parameter_ref(Ref::new(format!("#/components/parameters/{name}")));
    }
    operation.build()
}

/// A body may be called by any version of its operation or be plain JSON; clients of OAuth send a form.
fn request_body(row: &Row) -> Option<RequestBody> {
    let shape = row.body?;
    let mut body = RequestBodyBuilder::new().required(Some(Required::True));
    if row.access == Access::Client {
        return Some(body.content(FORM, Content::new(Some(shapes::reference(shape)))).build());
    }
    let versions = row.versions.iter().map(ToString::to_string);
    for media_type in versions.chain(["application/json".to_owned()]) {
        body = body.content(media_type, Content::new(Some(shapes::reference(shape))));
    }
    Some(body.build())
}

/// Adds every parameter that there is.
pub(super) fn add_parameters(components: &mut Components) {
    let of_path = [
        ("orgId", scalar::id(), "The organization, which has to be the caller's own."),
        ("apiUserId", scalar::id(), "The API key's `id`; its public key is no name for it."),
        ("clientId", scalar::client_id(), "The service account's `clientId`."),
        ("secretId", scalar::id(), "The secret's `id`."),
        (
            "ipAddress",
            scalar::of_format(scalar::ADDRESS_OR_RANGE)
                .examples(["203.0.113.10", "198.51.100.0/24"]),
            "The entry's address, or its range with `/` escaped as `%2F`. Any spelling of the range will do.",
        ),
    ];
    for (name, schema, about) in of_path {
        let parameter = parameter(name, ParameterIn::Path, schema, about).required(Required::True);
        components.parameters.insert(name.to_owned(), parameter.build().into());
    }
    for name in Known::ALL.iter().flat_map(|known| known.parameters()) {
        let (schema, about) = of_query(*name);
        let parameter = parameter(name.as_str(), ParameterIn::Query, schema, about);
        components
            .parameters
            .insert(name.as_str().to_owned(), parameter.required(Required::False).build().into());
    }
}

fn of_query(name: QueryParameter) -> (ObjectBuilder, &'static str) {
    let default = Paging::default();
    match name {
        QueryParameter::Envelope => (
            scalar::boolean().default(Some(false.into())),
            "Whether the status is told in the body as well: a document comes inside of an object with `status` and `content`, a page \
                and an error get a member `status`.",
        ),
        QueryParameter::Pretty => {
            (scalar::boolean().default(Some(false.into())), "Whether the body is indented.")
        }
        QueryParameter::ItemsPerPage => (
            scalar::integer()
                .minimum(Some(1))
                .maximum(Some(Paging::MOST_ITEMS))
                .default(Some(default.items_per_page.into())),
            "Items of one page.",
        ),
        QueryParameter::PageNum => (
            scalar::integer().minimum(Some(1)).default(Some(default.page.into())),
            "The page, from 1. A page past the end is empty.",
        ),
        QueryParameter::IncludeCount => (
            scalar::boolean().default(Some(default.include_count.into())),
            "Whether the answer tells how many items there are in all.",
        ),
        QueryParameter::IncludeSystemManaged => (
            scalar::boolean().default(Some(false.into())),
            "Whether accounts that the system manages are shown as well. There are none, so it changes nothing.",
        ),
        QueryParameter::Name => {
            (scalar::text(), "The beginning of the names that are asked for, in whatever case.")
        }
    }
}

fn parameter(
    name: &str,
    place: ParameterIn,
    schema: ObjectBuilder,
    about: &str,
) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .description(Some(about))
        .schema(Some(schema))
}
