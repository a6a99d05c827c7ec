//! The API's own document, in OpenAPI 3.1: made from the table of operations and from the shapes that bodies are read and
//! written by, so that it says what the program does.
//!
//! It is the same for everyone and holds no secret, so it is served without a credential. `portcullis openapi` prints it
//! as it is with the defaults, and a test keeps `deploy/openapi.yaml` in step with that.
//!
//! Not here: the words about one operation (`table`), what requests are judged by (`query`, `input`).

mod operation;
mod responses;
pub(super) mod scalar;
mod security;
mod shapes;

use bytes::Bytes;
use utoipa::openapi::path::PathsBuilder;
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{
    Components, Info, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Server,
};

use super::table::{self, Group};
use crate::control;

/// What the document says of one deployment.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Where the API is: a URL, or `/` for wherever the document was found.
    pub server: &'a str,
    /// Entries that one body may hold.
    pub entries_per_list: usize,
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Self { server: "/", entries_per_list: control::Settings::default().entries_per_list }
    }
}

/// The document, rendered.
#[derive(Clone, Debug)]
pub struct Document {
    /// As JSON.
    pub json: Bytes,
    /// As YAML.
    pub yaml: Bytes,
}

impl Document {
    /// What it calls itself as JSON.
    pub(super) const JSON: &'static str = "application/json";

    /// What it calls itself as YAML. Source: RFC 9512.
    pub(super) const YAML: &'static str = "application/yaml";

    /// Renders the document.
    pub fn render(facts: Facts<'_>) -> Self {
        let document = build(facts);
        // Maps whose keys are texts: there is nothing in it that either form cannot hold.
        let json = document.to_pretty_json().unwrap_or_default() + "\n";
        let yaml = document.to_yaml().unwrap_or_default();
        Self { json: json.into(), yaml: yaml.into() }
    }
}

fn build(facts: Facts<'_>) -> OpenApi {
    let mut components = Components::new();
    operation::add_parameters(&mut components);
    responses::add_headers(&mut components);
    responses::add_refusals(&mut components);
    responses::add_oauth_refusals(&mut components);
    security::add_schemes(&mut components);
    shapes::add_common(&mut components);
    let mut paths = PathsBuilder::new();
    for group in table::GROUPS {
        for row in group.rows {
            shapes::add(&mut components, row, facts.entries_per_list);
            paths = paths.path(operation::path(row), operation::item(group, row));
        }
    }
    OpenApiBuilder::new()
        .info(info())
        .servers(Some([Server::new(facts.server)]))
        .paths(paths.build())
        .components(Some(components))
        .tags(Some(table::GROUPS.iter().map(tag)))
        .build()
}

fn tag(group: &Group) -> Tag {
    TagBuilder::new().name(group.name).description(Some(group.about)).build()
}

fn info() -> Info {
    let license = LicenseBuilder::new().name("Apache License 2.0").identifier(Some("Apache-2.0"));
    InfoBuilder::new()
        .title("Portcullis admin API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license.build()))
        .build()
}

/// What holds for all operations.
const ABOUT: &str = "\
Organizations, their credentials, and the access lists that say from which addresses each credential may be used.

## Paths

Every path that begins with `/api/atlas/v2` is also served under `/api/atlas/v1.0` and `/api/public/v1.0`. There nothing has \
versions, bodies are `application/json` both ways, and the last part of `accessList` paths may be called `accesslist` or `whitelist`. \
A `/` at the end changes nothing. `HEAD` is answered wherever `GET` is. A method that a path does not know gets 405 with `Allow`.

Service accounts give access tokens for their secrets, at paths and with errors of OAuth 2.0, which know no prefix and no version.

## Versions

Under `/api/atlas/v2`, `Accept` names a version by its date, as in `application/vnd.atlas.2023-01-01+json`. A later date gets the \
newest version that is not later; `Content-Type` names the one that was used. Anything else, `*/*` included, gets 406. Requests may \
call their body by any version or plain `application/json`.

## Credentials

A request passes if its credential is good and its address is on that credential's access list; the lists apply to this API as to \
everything else. The organization in a path must be the caller's own: any other gets the 404 of one that does not exist.

## Refusals

Each is an `ApiError`, always as `application/json`. `errorCode` is for programs and is in `X-Error-Code` too, `detail` is for people \
and names what was sent and what was expected. The checks come in this order: path and method (404, 405), credential (401, or 429 where too many from the same address were wrong), its \
access list (403), rate (429), organization (404), role (403), version (406), query and path parameters (400), body (415, 413, 400), existence \
and what the change itself demands (404, 400, 409).

## Formats

| format | what fits |
|---|---|
| `ip-address` | an IPv4 address of four decimal parts without leading zeros, or an IPv6 address in any valid text and either case, \
without a zone; not an IPv4-mapped one (`::ffff:a.b.c.d`), and not `0.0.0.0` or `::` |
| `ip-range` | such an address, then `/` (or `%2F`), then a prefix length up to 32 or 128 without sign or leading zero; bits beyond the \
length are zero, so `0.0.0.0/0` and `::/0` fit, and a length of 32 or 128 does not fit `0.0.0.0` or `::` |
| `ip-address-or-range` | in a path: either of these, the `/` escaped as `%2F`; two spellings of one range name the same entry |
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// Collects what a document refers to.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(place)) = members.get("$ref") {
                    found.insert(place.clone());
                }
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(elements) => elements.iter().for_each(|each| references(each, found)),
            _ => {}
        }
    }

    #[test]
    fn what_is_referred_to_is_there_and_what_is_there_is_referred_to() {
        let document = Document::render(Facts::default());
        let document: Value = serde_json::from_slice(&document.json).unwrap();
        let (mut meant, mut there) = (BTreeSet::new(), BTreeSet::new());
        references(&document, &mut meant);
        for (kind, components) in document["components"].as_object().unwrap() {
            let names = components.as_object().unwrap().keys();
            there.extend(names.map(|name| format!("#/components/{kind}/{name}")));
        }
        // Requirements name these, not references.
        there.retain(|place| !place.contains("/securitySchemes/"));
        // Of a path and no operation.
        meant.insert("#/components/responses/MethodNotAllowed".to_owned());
        assert_eq!(meant, there);
    }

    #[test]
    fn both_forms_are_whole() {
        let document =
            Document::render(Facts { server: "https://api.example.com", entries_per_list: 3 });
        let yaml = String::from_utf8(document.yaml.to_vec()).unwrap();
        let json: Value = serde_json::from_slice(&document.json).unwrap();
        assert_eq!(json["openapi"], "3.1.0");
        assert!(yaml.starts_with("openapi: 3.1.0\n"), "{yaml}");
        for path in json["paths"].as_object().unwrap().keys() {
            assert!(yaml.contains(&format!("\n  {path}:\n")), "{path}");
        }
    }
}
