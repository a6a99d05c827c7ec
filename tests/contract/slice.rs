//! The published shapes: each operation of the slice of the published document is asked for, and its answer compared.
//!
//! The slice lies beside the checkout or is not there; it never becomes part of the project. Where it is, every operation
//! must have its method, path, success status, media type and headers, and every body of an answer must be what the schema
//! says, without a member that it does not say. Known faults of the document are put right in [`adapt`], and nowhere else.

use std::io::Write as _;
use std::sync::Once;

use jsonschema::{Draft, Validator};

use super::page;
use super::*;
use crate::harness::gateway::Gateway;

/// The document, with its faults put right.
struct Slice(Value);

/// One operation of it.
struct Operation<'a> {
    method: String,
    path: &'a str,
    id: &'a str,
    whole: &'a Value,
}

impl Slice {
    /// Nothing where the file is not there, which is said on standard output.
    fn load() -> Option<Self> {
        let path = page::path("atlas-slice.openapi.yaml");
        let Ok(text) = std::fs::read_to_string(&path) else {
            static SAID: Once = Once::new();
            let absent =
                "the published shapes are not there, so answers were not compared with them";
            // Not by `println!`, which nobody sees while the test passes.
            SAID.call_once(|| drop(writeln!(std::io::stdout(), "{absent}: {}", path.display())));
            return None;
        };
        let mut document: Value = yaml_serde::from_str(&text).unwrap();
        adapt(&mut document["components"]["schemas"], "");
        Some(Self(document))
    }

    fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let operations: Vec<_> = paths
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().iter().map(move |each| (path, each))
            })
            .map(|(path, (method, whole))| Operation {
                method: method.to_uppercase(),
                path,
                id: whole["operationId"].as_str().unwrap(),
                whole,
            })
            .collect();
        assert!(operations.len() > 20, "the slice was read: {} operations", operations.len());
        operations
    }

    /// The thing itself, or what its reference leads to.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.0.pointer(reference.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    /// What is wrong with `body` by a schema that may refer to the document's.
    fn faults(&self, schema: &Value, body: &Value) -> Vec<String> {
        // A reference's neighbours are ignored, so it goes one level deeper.
        let whole = json!({ "allOf": [schema], "components": self.0["components"] });
        let validator: Validator = jsonschema::options()
            .with_draft(Draft::Draft4)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(true)
            .build(&whole)
            .unwrap();
        validator
            .iter_errors(body)
            .map(|error| format!("{} at {:?}", error, error.instance_path().to_string()))
            .collect()
    }
}

impl Operation<'_> {
    /// The one success that is published, and what it says of it.
    fn success<'a>(&'a self, slice: &'a Slice) -> (u16, &'a Value) {
        let responses = self.whole["responses"].as_object().unwrap();
        let mut successes = responses.iter().filter(|(status, _)| status.starts_with('2'));
        let (status, response) = successes.next().unwrap();
        assert!(successes.next().is_none(), "{}", self.id);
        (status.parse().unwrap(), slice.resolved(response))
    }

    /// The parameters that are in `place`.
    fn parameters<'a>(
        &'a self,
        slice: &'a Slice,
        place: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        let all = self.whole["parameters"].as_array().into_iter().flatten();
        all.map(|parameter| slice.resolved(parameter)).filter(move |each| each["in"] == place)
    }

    fn speaks_oauth(&self) -> bool {
        self.path.starts_with("/api/oauth")
    }
}

/// Makes a schema of the document one of JSON Schema, and puts right what is known to be wrong with it.
fn adapt(schema: &mut Value, name: &str) {
    match schema {
        Value::Object(members) => {
            if members.get("nullable") == Some(&json!(true)) && members["type"].is_string() {
                members["type"] = json!([members["type"], "null"]);
            }
            // Undocumented members are to be seen.
            if members.get("properties").is_some_and(Value::is_object) && name != "properties" {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
            match name {
                // Real answers hold 0 before the first request (contract, section 3).
                "count" => drop(members.remove("minimum")),
                // Real ones are strings and numbers (contract, section 6).
                "parameters" => members["items"] = json!({ "type": ["string", "number"] }),
                _ => {}
            }
            for (name, member) in members {
                adapt(member, name);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| adapt(element, "")),
        _ => {}
    }
}

/// A gateway with things for each operation to be asked about.
struct World {
    gateway: Gateway,
}

impl World {
    fn new() -> Self {
        Self { gateway: gateway() }
    }

    /// A path with everything in it that it names, made anew: what one call deletes, the next has to find.
    fn fill(&self, path: &str) -> String {
        let mut filled = path.replace("{orgId}", &self.gateway.org.to_string());
        if path.contains("{apiUserId}") {
            let (key, _) =
                self.gateway.new_key(&[Role::Member], &["203.0.113.10", "198.51.100.0/24"]);
            filled = filled.replace("{apiUserId}", &key);
        }
        if path.contains("{clientId}") {
            let account =
                Account::new(&self.gateway, Role::Member, &["203.0.113.10", "10.0.0.0/8"]);
            filled = filled.replace("{clientId}", &account.client_id);
            filled = filled.replace("{secretId}", &account.secret_id);
        }
        filled.replace("{ipAddress}", "203.0.113.10")
    }

    fn ask(&self, operation: &Operation<'_>, target: &str, body: &str) -> Answer {
        self.call(operation, target).body(body).send()
    }

    fn call<'a>(&'a self, operation: &'a Operation<'_>, target: &str) -> Call<'a> {
        // The date that people with curl send: whatever is published for it is newer than none of these.
        let lines =
            ["Accept: application/vnd.atlas.2025-03-12+json", "Content-Type: application/json"];
        call(&self.gateway, &operation.method, target).headers(&lines)
    }
}

/// A body for each operation that has one, good by the published schema.
fn body_of(operation: &str) -> Option<Value> {
    Some(match operation {
        "createOrgApiKey" => json!({ "desc": "by the slice", "roles": ["ORG_MEMBER"] }),
        "updateOrgApiKey" => json!({ "desc": "changed", "roles": ["ORG_READ_ONLY"] }),
        "createOrgApiKeyAccessListEntry" => {
            json!([{ "ipAddress": "203.0.113.99" }, { "cidrBlock": "10.0.0.0/8" }])
        }
        "createOrgServiceAccount" => json!({
            "name": "robot",
            "description": "by the slice",
            "roles": ["ORG_MEMBER"],
            "secretExpiresAfterHours": 8,
        }),
        "updateOrgServiceAccount" => json!({ "name": "changed", "roles": ["ORG_READ_ONLY"] }),
        "createOrgServiceAccountSecret" => json!({ "secretExpiresAfterHours": 8 }),
        "createOrgServiceAccountAccessList" => {
            json!([{ "ipAddress": "203.0.113.99", "cidrBlock": null }, { "cidrBlock": "10.9.0.0/16" }])
        }
        _ => return None,
    })
}

#[test]
fn the_published_oauth_endpoints_answer_as_published() {
    let Some(slice) = Slice::load() else { return };
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &[]);
    let token = account.token(&gateway);
    let operations = slice.operations();
    let oauth: Vec<_> = operations.iter().filter(|operation| operation.speaks_oauth()).collect();
    assert_eq!(oauth.len(), 2, "a token, and its end");
    for operation in oauth {
        let ask = |form: &str| {
            post_form(&mut Client::connect(gateway.admin()), operation.path, &[], form)
        };
        let form = format!("{}&token={token}", account.form());
        for (status, answer) in [
            (200, ask(&form)),
            (401, ask("grant_type=client_credentials&token=x")),
            (400, ask(&form.replace("grant_type=", "x=").replace("token=", "y="))),
        ] {
            assert_eq!(answer.status, status, "{}: {}", operation.id, answer.text());
            let response = slice.resolved(&operation.whole["responses"][status.to_string()]);
            match response.pointer("/content/application~1json/schema") {
                None => assert_eq!(answer.text(), "", "{}", operation.id),
                Some(schema) => {
                    assert_eq!(answer.header("content-type"), Some("application/json"));
                    let faults = slice.faults(schema, &answer.json());
                    assert_eq!(faults, [""; 0], "{}: {}", operation.id, answer.text());
                }
            }
        }
    }
}

#[test]
fn every_published_operation_answers_as_published() {
    let Some(slice) = Slice::load() else { return };
    let world = World::new();
    for operation in slice.operations().iter().filter(|operation| !operation.speaks_oauth()) {
        let id = operation.id;
        let body = match operation.whole.pointer("/requestBody/content") {
            None => String::new(),
            Some(content) => {
                let body = body_of(id).unwrap_or_else(|| panic!("no body for {id}"));
                let (_, media) = content.as_object().unwrap().iter().next().unwrap();
                assert_eq!(slice.faults(&media["schema"], &body), [""; 0], "{id}: the request");
                body.to_string()
            }
        };
        let answer = world.ask(operation, &world.fill(operation.path), &body);
        let (status, response) = operation.success(&slice);
        assert_eq!(answer.status, status, "{id}: {}", answer.text());
        for header in response["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(answer.header(header).is_some(), "{id}: {header} in {:?}", answer.headers);
        }
        let (media_type, media) = response["content"].as_object().unwrap().iter().next().unwrap();
        let expected = format!("{media_type};charset=utf-8");
        assert_eq!(answer.header("content-type"), Some(expected.as_str()), "{id}");
        match media.get("schema") {
            Some(schema) => {
                let faults = slice.faults(schema, &answer.json());
                assert_eq!(faults, [""; 0], "{id}: {}", answer.text());
            }
            None => assert_eq!(answer.text(), "", "{id}"),
        }
    }
}

#[test]
fn every_published_operation_refuses_as_published() {
    let Some(slice) = Slice::load() else { return };
    let world = World::new();
    let (_, member) = world.gateway.new_key(&[Role::Member], &["127.0.0.1"]);
    for operation in slice.operations().iter().filter(|operation| !operation.speaks_oauth()) {
        let target = world.fill(operation.path);
        let call = || world.call(operation, &target);
        let mut refusals = vec![(401, call().send_anonymously())];
        if operation.path.contains("{orgId}") {
            let elsewhere = target.replace(&world.gateway.org.to_string(), NOTHING);
            refusals.push((404, world.ask(operation, &elsewhere, "")));
        }
        if operation.method != "GET" {
            refusals.push((403, call().by(&member).send()));
        }
        for (status, answer) in refusals {
            let id = operation.id;
            assert_eq!(answer.status, status, "{id}: {}", answer.text());
            let response = slice.resolved(&operation.whole["responses"][status.to_string()]);
            let media = &response["content"]["application/json"];
            assert!(media.is_object(), "{id}: {status} is not published");
            assert_eq!(answer.header("content-type"), Some("application/json"), "{id}");
            let faults = slice.faults(&media["schema"], &answer.json());
            assert_eq!(faults, [""; 0], "{id}: {}", answer.text());
        }
    }
}

#[test]
fn every_published_query_parameter_is_read_within_its_bounds() {
    let Some(slice) = Slice::load() else { return };
    let world = World::new();
    for operation in slice.operations().iter().filter(|operation| !operation.speaks_oauth()) {
        for parameter in operation.parameters(&slice, "query") {
            let (name, schema) =
                (parameter["name"].as_str().unwrap(), slice.resolved(&parameter["schema"]));
            let outside =
                |bound: &str, by: i64| schema[bound].as_i64().map(|bound| (bound + by).to_string());
            let refused_values: Vec<String> = match schema["type"].as_str().unwrap() {
                "boolean" => vec!["maybe".to_owned()],
                "integer" => {
                    [outside("minimum", -1), outside("maximum", 1), Some("many".to_owned())]
                        .into_iter()
                        .flatten()
                        .collect()
                }
                _ => continue,
            };
            let target = world.fill(operation.path);
            for value in refused_values {
                let case = format!("{} with {name}={value}", operation.id);
                let answer = world.ask(operation, &format!("{target}?{name}={value}"), "");
                let problem = refused(&answer, 400, "INVALID_QUERY_PARAMETER", &case);
                assert_eq!(problem["parameters"], json!([name]), "{case}");
            }
        }
    }
}

#[test]
fn what_breaks_a_published_schema_is_found() {
    let mut document = json!({ "components": { "schemas": {
        "Link": { "type": "object", "properties": { "rel": { "type": "string" } } },
        "Entry": {
            "type": "object",
            "required": ["at"],
            "properties": {
                "at": { "type": "string", "format": "date-time" },
                "address": { "type": "string", "nullable": true, "pattern": "^(?!0)[0-9.]+$" },
                "count": { "type": "integer", "minimum": 1 },
                "links": { "type": "array", "items": { "$ref": "#/components/schemas/Link" } },
            },
        },
    } } });
    adapt(&mut document["components"]["schemas"], "");
    let slice = Slice(document);
    let schema = json!({ "$ref": "#/components/schemas/Entry" });
    let good = json!({ "at": "2026-07-25T17:20:00Z", "address": "10.0.0.1", "count": 0, "links": [{ "rel": "self" }] });
    assert_eq!(slice.faults(&schema, &good), [""; 0]);
    for (name, value) in [
        ("at", json!(null)),
        ("at", json!("yesterday")),
        ("address", json!("0.0.0.0")),
        ("address", json!(7)),
        ("count", json!("1")),
        ("links", json!([{ "rel": "self", "more": 1 }])),
        ("more", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert_eq!(slice.faults(&schema, &bad).len(), 1, "{bad}");
    }
    let mut null = good;
    null["address"] = json!(null);
    assert_eq!(slice.faults(&schema, &null), [""; 0], "nullable");
    assert_eq!(slice.faults(&schema, &json!({})).len(), 1, "a member that is required");
}
