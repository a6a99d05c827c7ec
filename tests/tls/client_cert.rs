//! The scheme `client_cert`: certificates that stand for API keys and service accounts.

use std::cell::RefCell;

use portcullis::identity::{ClientId, Role};
use rcgen::SanType;

use super::*;
use crate::harness::Account;
use crate::harness::tls::Identity;

/// A gateway that takes certificates on both planes, where `holders` says of the owner's public key whom they stand for.
fn start(
    ca: &Ca,
    upstream: &Upstream,
    schemes: &str,
    holders: impl Fn(&Gateway) -> String,
) -> Gateway {
    ca.issue("api", &["api.example.com"]);
    let asking =
        format!("client_certificates = \"request\"\nclient_ca = {:?}\n", ca.path("ca.pem"));
    let mut options = Options {
        listener: format!("{}{asking}", ca.table("listeners.main", &["api"])),
        admin: format!("{}{asking}", ca.table("admin", &["api"])),
        route: format!("organizations = [\"*\"]\nschemes = {schemes}"),
        more: "[metrics]\nlisten = \"127.0.0.1:0\"\n".into(),
        ..Options::default()
    };
    let mut gateway = Gateway::with(upstream.address, options.clone());
    options.more += &format!("[client_cert]\nholders = [{}]", holders(&gateway));
    gateway.reconfigure(upstream.address, &options);
    gateway
}

fn by_san(name: &str, credential: &str) -> String {
    format!("{{ san = \"{name}\", credential = \"{credential}\" }},")
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn connect(gateway: &Gateway, ca: &Ca, identity: &Identity) -> Client {
    Client::connect_tls(gateway.proxy(), "api.example.com", &ca.client_with(identity)).unwrap()
}

#[test]
fn a_certificate_stands_for_the_credential_that_the_config_names() {
    let (ca, upstream) = (Ca::new(), Upstream::echo());
    let gateway = start(&ca, &upstream, "[\"client_cert\"]", |gateway| {
        let key = &gateway.owner.public_key;
        format!(
            "{}{}{{ subject = \"CN=ci\\\\,1\", credential = \"{key}\" }}",
            by_san("uri:spiffe://example.com/ci", key),
            by_san("dns:CI.example.com", key),
        )
    });
    let dns = SanType::DnsName("ci.example.com".try_into().unwrap());
    for (common, names) in
        [("x", vec![uri("spiffe://example.com/ci")]), ("x", vec![dns]), ("ci,1", vec![])]
    {
        let mut client = connect(&gateway, &ca, &ca.identity(1, common, &names));
        let answer = client.request("GET", "/", &["Authorization: Basic eDp5"], b"");
        assert_eq!(answer.status, 200, "{names:?}: {}", answer.text());
        let seen = upstream.next();
        assert_eq!(seen.header("x-portcullis-entry").as_deref(), Some("127.0.0.1/32"));
        assert_eq!(seen.header("x-portcullis-principal"), Some(gateway.key_id.clone()));
        assert_eq!(seen.header("authorization").as_deref(), Some("Basic eDp5"), "not ours");
    }
    for (common, names) in [
        ("x", vec![uri("spiffe://example.com/ci2")]),
        ("ci", vec![]),
        ("spiffe://example.com/ci", vec![]),
    ] {
        let answer = connect(&gateway, &ca, &ca.identity(1, common, &names)).get("/");
        assert_eq!(answer.status, 403, "{common} {names:?}");
        assert_eq!(answer.error_code(), "CLIENT_CERTIFICATE_REQUIRED");
    }
    gateway.wait_for_metric("auth_total{outcome=\"verified\",scheme=\"client_cert\"} 3");
    gateway.wait_for_metric("auth_total{outcome=\"not_presented\",scheme=\"client_cert\"} 3");
}

#[test]
fn a_certificate_that_stands_for_nobody_leaves_the_other_schemes_their_turn() {
    let (ca, upstream) = (Ca::new(), Upstream::echo());
    let gateway = start(&ca, &upstream, "[\"client_cert\", \"digest\"]", |_| String::new());
    let mut client = connect(&gateway, &ca, &ca.identity(1, "nobody", &[]));
    let challenge = client.get("/");
    assert_eq!(challenge.status, 401);
    assert!(challenge.header("www-authenticate").unwrap().starts_with("Digest "));
    assert_eq!(client.digest(&gateway.owner, "GET", "/", &[], b"").status, 200);
}

#[test]
fn a_certificate_counts_no_longer_than_its_credential() {
    let (ca, upstream) = (Ca::new(), Upstream::echo());
    let made = RefCell::new(String::new());
    let gateway = start(&ca, &upstream, "[\"client_cert\"]", |gateway| {
        let account = Account::new(gateway, Role::Member, &["127.0.0.1"]);
        made.replace(account.client_id.clone());
        by_san("uri:urn:ci", &account.client_id)
    });
    let mut client = connect(&gateway, &ca, &ca.identity(1, "x", &[uri("urn:ci")]));
    assert_eq!(client.get("/").status, 200);
    let ClientId(account) = made.take().parse().unwrap();
    gateway.block_on(gateway.control().delete_account(gateway.org, account)).unwrap();
    assert_eq!(client.get("/").status, 403);
    gateway.wait_for_metric("auth_total{outcome=\"unknown_account\",scheme=\"client_cert\"} 1");
}

#[test]
fn the_admin_api_takes_certificates_too() {
    let (ca, upstream) = (Ca::new(), Upstream::echo());
    let gateway = start(&ca, &upstream, "[\"digest\"]", |gateway| {
        by_san("uri:urn:owner", &gateway.owner.public_key)
    });
    let config = ca.client_with(&ca.identity(1, "x", &[uri("urn:owner")]));
    let mut client = Client::connect_tls(gateway.admin(), "api.example.com", &config).unwrap();
    let accept = ["Accept: application/vnd.atlas.2023-01-01+json"];
    let answer = client.request("GET", "/api/atlas/v2/orgs", &accept, b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut nobody =
        Client::connect_tls(gateway.admin(), "api.example.com", &ca.client(&[])).unwrap();
    assert_eq!(nobody.get("/api/atlas/v2/orgs").status, 401);
}
