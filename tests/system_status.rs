//! What a caller may learn about itself: its credential, its list, the address it is judged by.

use portcullis::identity::Role;
use serde_json::json;

use crate::harness::account::bearer;
use crate::harness::{Account, Client, Gateway, Options, Upstream};

const V2: &str = "/api/atlas/v2";

const IP_INFO: &str = "/api/private/ipinfo";

fn gateway() -> Gateway {
    Gateway::start(Upstream::echo().address)
}

#[test]
fn a_key_learns_what_it_is_and_where_it_comes_from() {
    let gateway = gateway();
    let (id, key) = gateway.new_key(&[Role::ReadOnly], &["127.0.0.0/8", "127.0.0.1"]);
    for (prefix, accept) in [
        (V2, "Accept: application/vnd.atlas.2023-01-01+json"),
        ("/api/atlas/v2/", "Accept: application/vnd.atlas.2025-03-12+json"),
        ("/api/atlas/v1.0", "Accept: */*"),
        ("/api/public/v1.0/", "Accept: */*"),
    ] {
        let answer = gateway.api_with(&key, "GET", prefix, &[accept], "");
        assert_eq!(answer.status, 200, "{prefix}: {}", answer.text());
        let root = prefix.trim_end_matches('/');
        assert_eq!(
            answer.json(),
            json!({
                "apiKey": {
                    "accessList": [
                        { "cidrBlock": "127.0.0.0/8", "ipAddress": null },
                        { "cidrBlock": "127.0.0.1/32", "ipAddress": "127.0.0.1" },
                    ],
                    "id": id,
                    "publicKey": key.public_key,
                    "roles": [{ "orgId": gateway.org.to_string(), "roleName": "ORG_READ_ONLY" }],
                },
                "appName": "MongoDB Atlas",
                "build": concat!("portcullis/", env!("CARGO_PKG_VERSION")),
                "ipAddress": "127.0.0.1",
                "links": [{ "href": format!("http://{}{root}", gateway.admin()), "rel": "self" }],
                "throttling": false,
            })
        );
    }
    let head = gateway.api_with(&key, "HEAD", "/api/atlas/v1.0", &[], "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn a_service_account_is_told_that_it_is_one() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &["127.0.0.1"]);
    let line = bearer(&account.token(&gateway));
    let mut client = Client::connect(gateway.admin());
    let body = client.request("GET", "/api/atlas/v1.0", &[&line], b"").json();
    assert_eq!(body.get("apiKey"), None);
    assert_eq!(
        body["serviceAccount"],
        json!({
            "accessList": [{ "cidrBlock": "127.0.0.1/32", "ipAddress": "127.0.0.1" }],
            "clientId": account.client_id,
            "name": "robot",
            "roles": [{ "orgId": gateway.org.to_string(), "roleName": "ORG_MEMBER" }],
        })
    );
}

#[test]
fn the_caller_s_address_is_the_one_that_it_is_judged_by() {
    let gateway = Gateway::with(
        Upstream::echo().address,
        Options {
            admin: "client_address_header = \"x-forwarded-for\"\ntrusted_proxies = [\"127.0.0.1\"]"
                .to_owned(),
            ..Options::default()
        },
    );
    let (_, key) = gateway.new_key(&[Role::Member], &["192.0.2.0/24", "2001:db8::/32"]);
    for address in ["192.0.2.7", "2001:db8::7"] {
        for target in [IP_INFO, "/api/private/ipinfo/"] {
            let forwarded = format!("X-Forwarded-For: {address}");
            let answer = gateway.api_with(&key, "GET", target, &[&forwarded], "");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.json(), json!({ "currentIpv4Address": address }), "{target}");
        }
    }
}

#[test]
fn nobody_learns_anything_without_a_credential_or_from_elsewhere() {
    let gateway = gateway();
    for target in [V2, "/api/atlas/v1.0", IP_INFO] {
        let mut client = Client::connect(gateway.admin());
        assert_eq!(client.get(target).status, 401, "{target}");
        let mut elsewhere = Client::connect_from("127.0.0.2".parse().unwrap(), gateway.admin());
        let answer = elsewhere.digest(&gateway.owner, "GET", target, &[], b"");
        assert_eq!(answer.error_code(), "IP_ADDRESS_NOT_ON_ACCESS_LIST", "{target}");
        let answer = client.request("POST", target, &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
    }
    let unversioned = gateway.api_with(&gateway.owner, "GET", V2, &[], "");
    assert_eq!(unversioned.error_code(), "INVALID_VERSION_DATE");
}
