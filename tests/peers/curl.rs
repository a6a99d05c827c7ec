//! The real curl over HTTP/2 by prior knowledge.

use std::process::Command;

use http::Response;
use http_body_util::Full;

use crate::harness::client::{Credential, authorization};
use crate::harness::{Gateway, Upstream};

/// What curl prints: version, status, and the body of the answer; before these, the head where `more` asks for it.
fn curl(gateway: &Gateway, path: &str, more: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--http2-prior-knowledge", "--max-time", "30"])
        .args(["--write-out", "%{stderr}%{http_version} %{http_code}"])
        .args(more)
        .arg(format!("http://{}{path}", gateway.proxy()))
        .output()
        .expect("curl, with HTTP/2, is on the PATH");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let body = String::from_utf8(output.stdout).unwrap();
    format!("{} {body}", String::from_utf8(output.stderr).unwrap())
}

/// Two calls of curl, as `curl --digest` makes two requests, the first without a body. Not `--digest` itself: curl 7.88, which Debian 12 has, breaks
/// off when it uses an HTTP/2 connection of prior knowledge again (curl's pull request 10643), whoever serves it.
fn curl_digest(
    gateway: &Gateway,
    credential: &Credential,
    (method, path): (&str, &str),
    more: &[&str],
) -> String {
    let challenged = curl(gateway, path, &["--request", method, "--include"]);
    assert!(challenged.starts_with("2 401 "), "{challenged}");
    let challenge = challenged.lines().find_map(|line| line.strip_prefix("www-authenticate: "));
    let line = authorization(credential, challenge.unwrap().trim(), method, path, 1);
    curl(gateway, path, &[&["--header", &line], more].concat())
}

#[test]
fn curl_passes_with_its_digest() {
    let upstream = Upstream::echo();
    let gateway = Gateway::start(upstream.address);
    let get =
        |credential, path, more: &[&str]| curl_digest(&gateway, credential, ("GET", path), more);
    assert_eq!(get(&gateway.owner, "/a%20b?c=d", &[]), "2 200 /a%20b?c=d");
    let seen = upstream.next();
    assert_eq!(seen.header("via").as_deref(), Some("2.0 portcullis"));
    assert_eq!(seen.header("host"), Some(gateway.proxy().to_string()));
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(seen.header("x-portcullis-entry").as_deref(), Some("127.0.0.1/32"));
    let wrong = Credential { private_key: "wrong".into(), ..gateway.owner.clone() };
    assert!(get(&wrong, "/", &[]).starts_with("2 401 {"));
    let elsewhere = get(&gateway.owner, "/", &["--interface", "127.0.0.2"]);
    assert!(elsewhere.starts_with("2 403 ") && elsewhere.contains("127.0.0.2"), "{elsewhere}");
}

#[test]
fn curl_posts_a_body() {
    let upstream = Upstream::answering(|seen| Response::new(Full::from(seen.body.clone())));
    let gateway = Gateway::start(upstream.address);
    let data = ["--data", "two shoes"];
    let answer = curl_digest(&gateway, &gateway.owner, ("POST", "/orders"), &data);
    assert_eq!(answer, "2 200 two shoes");
    let seen = upstream.next();
    assert_eq!((seen.method.as_str(), &seen.body[..]), ("POST", &b"two shoes"[..]));
    assert_eq!(seen.header("content-length").as_deref(), Some("9"));
}
