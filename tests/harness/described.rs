//! Whether an answer of the admin API is one that the API's own document describes: its status, its headers, its media type
//! and its body, down to the last member; and whether a body that was taken is one that the document lets be sent.
//!
//! Every call of [`Call`](super::api::Call) is looked at, so whatever a test of the API shows is shown of the document too.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::{Draft, Validator};
use portcullis::addr::Prefix;
use portcullis::admin::document::{Document, Facts};
use serde_json::{Value, json};

use super::api::{PREFIXES, V2};
use super::client::Answer;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let document = Document::render(Facts::default());
    let mut document: Value = serde_json::from_slice(&document.json).unwrap();
    for (name, schema) in document["components"]["schemas"].as_object_mut().unwrap() {
        // Members that are not described are to be seen; the document's own are described elsewhere.
        let is_object = schema["properties"].is_object() && name != "OpenApi";
        if is_object && schema.get("additionalProperties").is_none() {
            schema["additionalProperties"] = json!(false);
        }
        // How many there may be is a setting, which the document then tells.
        if name == "NewAccessListEntries" {
            schema.as_object_mut().unwrap().remove("maxItems");
        }
    }
    document
});

/// Looks at the answer to a request whose target has a path that the document knows.
#[track_caller]
pub(crate) fn check(method: &str, target: &str, body: &[u8], answer: &Answer) {
    let Some((is_versioned, item)) = find(target) else { return };
    let case = format!("{method} {target} {}: {}", answer.status, answer.text());
    let verb = if method == "HEAD" { "get" } else { &method.to_lowercase() };
    let not_allowed = json!({ "405": { "$ref": "#/components/responses/MethodNotAllowed" } });
    let operation = item.get(verb);
    let responses = operation.map_or(&not_allowed, |operation| &operation["responses"]);
    let Some(response) = responses.get(answer.status.to_string()).map(resolved) else {
        panic!("the document knows no such status: {case}");
    };
    check_headers(response, answer, &case);
    let media_type = answer.header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    match response["content"].as_object() {
        None => assert_eq!(answer.text(), "", "the document knows no body: {case}"),
        Some(content) => {
            let media = match content.get(media_type) {
                Some(media) => media,
                None if !is_versioned && media_type == "application/json" => {
                    content.values().next().unwrap()
                }
                None => panic!("the document knows no {media_type:?}: {case}"),
            };
            if method != "HEAD" && media_type.ends_with("json") {
                check_value(&media["schema"], &answer.json(), &case);
            }
        }
    }
    let taken = operation.map(|operation| &operation["requestBody"]["content"]["application/json"]);
    if let Some(media) = taken
        && answer.status < 300
        && media.is_object()
    {
        let sent = serde_json::from_slice(body).unwrap();
        check_value(&media["schema"], &sent, &format!("the body was taken: {sent} by {case}"));
    }
}

/// The path's item, and whether it was asked for where things have versions.
fn find(target: &str) -> Option<(bool, &'static Value)> {
    let path = target.split('?').next()?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let old = PREFIXES[1..].iter().find_map(|prefix| path.strip_prefix(prefix));
    let path = old.map_or_else(|| path.to_owned(), |rest| format!("{V2}{rest}"));
    let sent: Vec<&str> = path.split('/').collect();
    let is_list = |name: &str| name == "accessList" || (old.is_some() && name == "whitelist");
    let fits = |template: &&String| {
        let parts: Vec<&str> = template.split('/').collect();
        let rest = sent.len().checked_sub(parts.len());
        let each = parts.iter().zip(&sent).all(|(part, sent)| match *part {
            "accessList" => is_list(sent) || (old.is_some() && *sent == "accesslist"),
            part => part.starts_with('{') || part == *sent,
        });
        each && (rest == Some(0) || (rest == Some(1) && template.ends_with("{ipAddress}")))
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let template = paths.keys().find(fits)?;
    Some((old.is_none(), &paths[template]))
}

fn check_headers(response: &Value, answer: &Answer, case: &str) {
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let header = resolved(header);
        match answer.header(&name.to_lowercase()) {
            Some(value) if header["schema"]["type"] == "integer" => {
                check_value(&header["schema"], &json!(value.parse::<i64>().ok()), case);
            }
            Some(value) => check_value(&header["schema"], &json!(value), case),
            None => assert_ne!(header["required"], true, "no {name}: {case}"),
        }
    }
}

/// The thing itself, or what its reference leads to.
fn resolved(value: &Value) -> &Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

#[track_caller]
fn check_value(schema: &Value, value: &Value, case: &str) {
    let faults: Vec<String> = validator(schema)
        .iter_errors(value)
        .map(|error| format!("{error} at {:?}", error.instance_path().to_string()))
        .collect();
    assert_eq!(faults, [""; 0], "by the document: {case}");
}

/// Made once for each schema, since that takes longer than all its use.
fn validator(schema: &Value) -> Arc<Validator> {
    static MADE: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap();
    let made = made.entry(schema.to_string()).or_insert_with(|| {
        let whole = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
        let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(true)
            .with_format("ip-address", is_address)
            .with_format("ip-range", |text: &str| {
                Prefix::parse_cidr(&text.replace("%2F", "/").replace("%2f", "/")).is_ok()
            })
            .build(&whole);
        Arc::new(validator.unwrap())
    });
    Arc::clone(made)
}
