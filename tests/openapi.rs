//! The API's own document: what is served, what the command prints, and what is committed say the same, and it is true.

use http::Method;
use portcullis::admin::document::{Document, Facts};
use serde_json::Value;

use crate::harness::client::{Answer, Client};
use crate::harness::program::{finish, portcullis};
use crate::harness::{Gateway, Options, Upstream};

const JSON: &str = "/api/openapi.json";
const YAML: &str = "/api/openapi.yaml";

fn gateway_with(admin: &str) -> Gateway {
    Gateway::with(Upstream::echo().address, Options { admin: admin.into(), ..Options::default() })
}

fn gateway() -> Gateway {
    gateway_with("")
}

/// A request without any credential.
fn ask(gateway: &Gateway, method: &str, target: &str) -> Answer {
    Client::connect(gateway.admin()).request(method, target, &[], b"")
}

/// Each method of each path of the document, with its description.
fn operations(document: &Value) -> Vec<(String, &str, &Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((method.to_uppercase(), path.as_str(), operation));
        }
    }
    assert!(found.len() > 10, "the operations were not found");
    found
}

/// The path, with something that can be read for each parameter.
fn filled(path: &str) -> String {
    let id = "000000000000000000000000";
    let parts = path.split('/').map(|part| match part {
        "{ipAddress}" => "203.0.113.10",
        part if part.starts_with('{') => id,
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn the_committed_document_is_in_step_with_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/openapi.yaml");
    let committed = std::fs::read_to_string(path).unwrap();
    let made = Document::render(Facts::default()).yaml;
    assert!(
        committed.as_bytes() == made,
        "deploy/openapi.yaml does not say what the code does; renew it with\n\n    cargo run -- openapi > deploy/openapi.yaml\n"
    );
}

#[test]
fn the_command_prints_what_the_code_says_in_either_form() {
    let document = Document::render(Facts::default());
    for (arguments, expected) in
        [(&["openapi"][..], &document.yaml), (&["openapi", "--json"], &document.json)]
    {
        let printed = finish(&mut portcullis(arguments));
        assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(printed.stdout.as_bytes() == *expected, "{arguments:?}");
    }
}

#[test]
fn anyone_is_told_the_document_in_either_form() {
    let gateway = gateway();
    let document = Document::render(Facts::default());
    for (target, media_type, expected) in [
        (JSON, "application/json", &document.json),
        (YAML, "application/yaml", &document.yaml),
        ("/api/openapi.json/?pretty=perhaps", "application/json", &document.json),
    ] {
        let answer = ask(&gateway, "GET", target);
        assert_eq!(answer.status, 200, "{target}");
        assert!(answer.body == *expected, "{target}: {}", answer.text());
        let mut client = Client::connect(gateway.admin());
        let head = client.request("HEAD", target, &[], b"");
        let length = expected.len().to_string();
        for answer in [&answer, &head] {
            assert_eq!(answer.all("content-type").collect::<Vec<_>>(), [media_type], "{target}");
            let kept: Vec<_> = answer.all("cache-control").collect();
            assert_eq!(kept, ["public, max-age=300"], "{target}");
            assert_eq!(answer.header("content-length"), Some(length.as_str()), "{target}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
        }
        // A body after the HEAD would be in the way of this.
        assert_eq!(client.request("GET", "/healthz", &[], b"").text(), "ok\n", "{target}");
    }
}

#[test]
fn the_document_names_the_public_url_and_the_limit_that_the_config_sets() {
    let gateway = gateway_with("public_url = \"https://api.example.com\"");
    let document = ask(&gateway, "GET", JSON).json();
    assert_eq!(document["servers"], serde_json::json!([{ "url": "https://api.example.com" }]));
    let document = Document::render(Facts { server: "/", entries_per_list: 7 }).json;
    let document: Value = serde_json::from_slice(&document).unwrap();
    let entries = &document["components"]["schemas"]["NewAccessListEntries"];
    assert_eq!(entries["maxItems"], 7);
}

#[test]
fn what_the_document_describes_is_there_and_asks_for_a_credential_where_it_says_so() {
    let gateway = gateway();
    let document = ask(&gateway, "GET", JSON).json();
    for (method, path, operation) in operations(&document) {
        let answer = ask(&gateway, &method, &filled(path));
        let secured = operation["security"].as_array().is_some_and(|ways| !ways.is_empty());
        let expected = if secured { 401 } else { 200 };
        assert_eq!(answer.status, expected, "{method} {path}: {}", answer.text());
        let documented = &operation["responses"];
        assert!(documented.get(expected.to_string()).is_some(), "{method} {path}: {documented}");
    }
}

#[test]
fn a_path_of_the_document_allows_the_methods_that_it_describes_and_no_other() {
    let gateway = gateway();
    let document = ask(&gateway, "GET", JSON).json();
    for (path, item) in document["paths"].as_object().unwrap() {
        let mut described: Vec<String> =
            item.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
        if described.contains(&"GET".to_owned()) {
            described.push("HEAD".to_owned());
        }
        described.sort_unstable();
        let others = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let other = others.iter().find(|other| !described.contains(&other.to_string())).unwrap();
        let answer = ask(&gateway, other.as_str(), &filled(path));
        assert_eq!(answer.status, 405, "{other} {path}");
        assert_eq!(answer.header("allow"), Some(described.join(", ").as_str()), "{path}");
    }
}
