//! Calls of the admin API, and what every answer of it has to be.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Value, json};

use super::account::bearer;
use super::client::{Answer, Client, Credential};
use super::described;
use super::gateway::{Gateway, Options};
use super::upstream::Upstream;

/// The prefix whose resources have versions.
pub(crate) const V2: &str = "/api/atlas/v2";

/// Every prefix that the API is served under.
pub(crate) const PREFIXES: [&str; 3] = [V2, "/api/atlas/v1.0", "/api/public/v1.0"];

/// The one version that organizations, API keys and their lists have.
pub(crate) const VERSION: &str = "application/vnd.atlas.2023-01-01+json";

/// The one version that service accounts and their lists have.
pub(crate) const VERSION_2024: &str = "application/vnd.atlas.2024-08-05+json";

/// An identifier that nothing has.
pub(crate) const NOTHING: &str = "000000000000000000000000";

pub(crate) fn gateway() -> Gateway {
    Gateway::start(Upstream::echo().address)
}

pub(crate) fn gateway_with(options: Options) -> Gateway {
    Gateway::with(Upstream::echo().address, options)
}

/// A call of the API. Where a test says nothing, it is the owner's, from 127.0.0.1, in the first version of
/// what it is about, with no body.
pub(crate) struct Call<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) credential: &'a Credential,
    pub(crate) from: &'a str,
    pub(crate) method: &'a str,
    pub(crate) target: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// A call of `target`, in which `{org}` and `{key}` stand for the gateway's organization and its owner's key.
pub(crate) fn call<'a>(gateway: &'a Gateway, method: &'a str, target: &str) -> Call<'a> {
    Call {
        gateway,
        credential: &gateway.owner,
        from: "127.0.0.1",
        method,
        target: filled(gateway, target),
        headers: vec![format!("Accept: {}", version_of(target))],
        body: Vec::new(),
    }
}

fn version_of(target: &str) -> &'static str {
    if target.contains("/serviceAccounts") { VERSION_2024 } else { VERSION }
}

pub(crate) fn filled(gateway: &Gateway, target: &str) -> String {
    target.replace("{org}", &gateway.org.to_string()).replace("{key}", &gateway.key_id)
}

impl<'a> Call<'a> {
    pub(crate) fn by(self, credential: &'a Credential) -> Self {
        Self { credential, ..self }
    }

    pub(crate) fn from(self, address: &'a str) -> Self {
        Self { from: address, ..self }
    }

    /// With these header lines, and no others.
    pub(crate) fn headers(self, lines: &[&str]) -> Self {
        Self { headers: lines.iter().map(|line| (*line).to_owned()).collect(), ..self }
    }

    pub(crate) fn body(self, body: impl AsRef<[u8]>) -> Self {
        Self { body: body.as_ref().to_vec(), ..self }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect_from(self.from.parse().unwrap(), self.gateway.admin())
    }

    /// As a digest client: asks, is challenged, asks again.
    #[track_caller]
    pub(crate) fn send(self) -> Answer {
        self.send_on(&mut self.connect())
    }

    #[track_caller]
    pub(crate) fn send_on(&self, client: &mut Client) -> Answer {
        let lines: Vec<&str> = self.headers.iter().map(String::as_str).collect();
        self.described(client.digest(
            self.credential,
            self.method,
            &self.target,
            &lines,
            &self.body,
        ))
    }

    /// With an access token in place of a key.
    pub(crate) fn send_bearing(self, token: &str) -> Answer {
        let line = bearer(token);
        let lines: Vec<&str> = self.headers.iter().chain([&line]).map(String::as_str).collect();
        self.connect().request(self.method, &self.target, &lines, &self.body)
    }

    /// Without any credential.
    #[track_caller]
    pub(crate) fn send_anonymously(self) -> Answer {
        let lines: Vec<&str> = self.headers.iter().map(String::as_str).collect();
        self.described(self.connect().request(self.method, &self.target, &lines, &self.body))
    }

    /// The answer, once it is found to be as the API's own document has it.
    #[track_caller]
    fn described(&self, answer: Answer) -> Answer {
        described::check(self.method, &self.target, &self.body, &answer);
        answer
    }
}

/// Checks a success that has a body, and gives the body.
#[track_caller]
pub(crate) fn accepted(answer: &Answer, case: &str) -> Value {
    succeeded(answer, 200, case)
}

/// As [`accepted`], with another status.
#[track_caller]
pub(crate) fn succeeded(answer: &Answer, status: u16, case: &str) -> Value {
    assert_eq!(answer.status, status, "{case}: {}", answer.text());
    assert_eq!(answer.header("x-error-code"), None, "{case}");
    answer.json()
}

/// Checks a 204: it tells its type, and neither a length nor a body.
#[track_caller]
pub(crate) fn gone(answer: &Answer, content_type: &str, case: &str) {
    assert_eq!(answer.status, 204, "{case}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some(content_type), "{case}");
    assert_eq!(answer.header("content-length"), None, "{case}");
    assert_eq!(answer.header("transfer-encoding"), None, "{case}");
}

/// Checks a refusal from the status to the last member of its body, and gives the body.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, code: &str, case: &str) -> Value {
    assert_eq!(answer.status, status, "{case}: {}", answer.text());
    assert_eq!(answer.error_code(), code, "{case}");
    let content_types: Vec<_> = answer.all("content-type").collect();
    assert_eq!(content_types, ["application/json"], "{case}");
    let body = answer.json();
    let required = ["detail", "error", "errorCode", "parameters", "reason"];
    let optional = ["badRequestDetail", "status"];
    let members: BTreeSet<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    for member in required {
        assert!(members.contains(member), "{case}: {body}");
    }
    assert!(
        members.iter().all(|name| required.contains(name) || optional.contains(name)),
        "{body}"
    );
    let reason = StatusCode::from_u16(status).unwrap().canonical_reason();
    assert_eq!(body["reason"].as_str(), reason, "{case}");
    let scalar = |parameter: &Value| parameter.is_string() || parameter.is_number();
    assert!(body["parameters"].as_array().unwrap().iter().all(scalar), "{case}: {body}");
    body
}

/// Checks that a refusal's detail tells each of `words`.
#[track_caller]
pub(crate) fn tells(body: &Value, words: &[&str], case: &str) {
    let detail = body["detail"].as_str().unwrap();
    for word in words {
        assert!(detail.contains(word), "{case}: {word:?} is not in {detail:?}");
    }
}

/// The ranges on a page, in its order.
pub(crate) fn ranges(page: &Value) -> Vec<&str> {
    let results = page["results"].as_array().unwrap_or_else(|| panic!("no page: {page}"));
    results.iter().map(|entry| entry["cidrBlock"].as_str().unwrap()).collect()
}

/// A link of a page or a document.
pub(crate) fn link<'a>(body: &'a Value, rel: &str) -> Option<&'a str> {
    let links = body["links"].as_array().unwrap_or_else(|| panic!("no links: {body}"));
    let mut found = links.iter().filter(|link| link["rel"] == rel);
    let link = found.next()?;
    assert!(found.next().is_none(), "one {rel} link: {body}");
    Some(link["href"].as_str().unwrap())
}

/// Follows a link as it is written: connects to its authority and asks for the rest.
pub(crate) fn follow(gateway: &Gateway, href: &str) -> Answer {
    let rest = href.strip_prefix("http://").unwrap_or_else(|| panic!("not absolute: {href}"));
    let (authority, _) = rest.split_once('/').unwrap();
    assert_eq!(authority, gateway.admin().to_string(), "{href}");
    call(gateway, "GET", &rest[authority.len()..]).send()
}

/// The list of a key of the gateway's organization.
pub(crate) fn list_of(key: &str) -> String {
    format!("{V2}/orgs/{{org}}/apiKeys/{key}/accessList")
}

/// The owner adds entries to a list.
#[track_caller]
pub(crate) fn add(gateway: &Gateway, list: &str, entries: &Value) -> Value {
    accepted(&call(gateway, "POST", list).body(entries.to_string()).send(), "add entries")
}

/// The ranges of a list now, by the owner's word.
#[track_caller]
pub(crate) fn stored(gateway: &Gateway, list: &str) -> Vec<String> {
    let page = accepted(&call(gateway, "GET", list).send(), "read the list");
    assert_eq!(page["totalCount"], json!(ranges(&page).len()), "the whole list fits on the page");
    ranges(&page).into_iter().map(str::to_owned).collect()
}
