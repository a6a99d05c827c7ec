//! What each operation does.

use super::*;

fn ranges(page: &Value) -> Vec<&str> {
    let entries = page["results"].as_array().unwrap();
    entries.iter().map(|entry| entry["cidrBlock"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn added_entries_are_answered_as_a_page_of_the_whole_list() {
    let house = House::new().await;
    let list = house.list_path(&house.owner);
    let body = r#"[{"ipAddress":"192.168.0.229"},{"cidrBlock":"198.51.100.0%2F24"},{"ipAddress":"192.168.0.229"}]"#;
    let heard = house.call("POST", &list, body).await;
    assert_eq!(heard.headers[CONTENT_TYPE], format!("{VERSION};charset=utf-8"));
    let page = heard.is_ok();
    assert_eq!(ranges(&page), ["127.0.0.1/32", "192.168.0.229/32", "198.51.100.0/24"]);
    assert_eq!(page["totalCount"], 3);
    let again = house.call("POST", &format!("{list}?itemsPerPage=1&pageNum=2"), body).await.is_ok();
    assert_eq!(ranges(&again), ["192.168.0.229/32"]);
    assert_eq!(again["totalCount"], 3);
    let unchanged = house.call("POST", &list, "[]").await.is_ok();
    assert_eq!(unchanged["totalCount"], 3);
}

#[tokio::test]
async fn one_bad_entry_and_none_is_stored() {
    let house = House::new().await;
    let list = house.list_path(&house.owner);
    let body = r#"[{"ipAddress":"10.0.0.1"},{"cidrBlock":"10.0.0.9/24"}]"#;
    let heard = house.call("POST", &list, body).await;
    heard.is(400, "ATLAS_NON_CANONICAL_CIDR_BLOCK");
    assert_eq!(heard.json()["badRequestDetail"]["fields"][0]["field"], "[1].cidrBlock");
    assert!(heard.json()["detail"].as_str().unwrap().contains("10.0.0.0/24"));
    let full: Value = (1..=5).map(|n| json!({ "ipAddress": format!("10.0.0.{n}") })).collect();
    house.call("POST", &list, full.to_string()).await.is(400, "VALIDATION_ERROR");
    assert_eq!(house.get(&list).await.is_ok()["totalCount"], 1);
}

#[tokio::test]
async fn a_list_is_in_force_for_the_next_request_and_counts_it() {
    let house = House::new().await;
    let list = house.list_path(&house.owner);
    let from_there =
        || Sent::new("GET", &list).by(&house.owner).with("accept", VERSION).from(UNLISTED);
    house.send(from_there()).await.is(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST");
    house.call("POST", &list, r#"[{"ipAddress":"127.0.0.2"}]"#).await.is_ok();
    let page = house.send(from_there()).await.is_ok();
    assert_eq!(
        (&page["results"][1]["count"], &page["results"][1]["lastUsedAddress"]),
        (&json!(1), &json!(UNLISTED))
    );
    assert_eq!(page["results"][0]["count"], 1);
    let deleted = house.call("DELETE", &format!("{list}/{UNLISTED}"), Body::empty()).await;
    assert_eq!(deleted.status, 204);
    house.send(from_there()).await.is(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST");
}

#[tokio::test]
async fn an_entry_is_found_and_removed_by_its_range() {
    let house = House::new().await;
    let list = house.list_path(&house.owner);
    house.call("POST", &list, r#"[{"cidrBlock":"2001:DB8::/32"}]"#).await.is_ok();
    for address in ["2001:db8::%2F32", "2001:db8:0::/32", "2001%3ADB8%3A%3A%2F32"] {
        let entry = house.get(&format!("{list}/{address}")).await.is_ok();
        assert_eq!(entry["cidrBlock"], "2001:DB8::/32");
    }
    house.get(&format!("{list}/2001:db8::%252F32")).await.is(400, "PATH_PARAM_PARSE_ERROR");
    let gone = house.call("DELETE", &format!("{list}/2001:db8::%2F32"), Body::empty()).await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
    assert_eq!(gone.headers[CONTENT_TYPE], format!("{VERSION};charset=utf-8"));
    assert!(!gone.headers.contains_key(CONTENT_LENGTH), "{gone:?}");
    for method in ["GET", "DELETE"] {
        let heard = house.call(method, &format!("{list}/2001:db8::%2F32"), Body::empty()).await;
        heard.is(404, "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND");
    }
}

#[tokio::test]
async fn the_caller_does_not_remove_the_entry_it_stands_on() {
    let house = House::new().await;
    let entry = format!("{}/{LISTED}", house.list_path(&house.owner));
    let heard = house.call("DELETE", &entry, Body::empty()).await;
    heard.is(400, "CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST");
    assert_eq!(heard.json()["parameters"], json!([LISTED]));
}

#[tokio::test]
async fn a_key_shows_its_private_half_once() {
    let house = House::new().await;
    let keys = format!("{}/apiKeys", house.org_path());
    let made =
        house.call("POST", &keys, r#"{"desc":"ci","roles":["ORG_READ_ONLY"]}"#).await.is_ok();
    let private = made["privateKey"].as_str().unwrap();
    assert_eq!(private.len(), 36);
    let self_link = made["links"][0]["href"].as_str().unwrap();
    let path = self_link.strip_prefix("http://gateway.example:8081").unwrap();
    let shown = house.get(path).await.is_ok();
    assert_eq!(shown["privateKey"], format!("********-****-****-{}", &private[24..]));
    assert_eq!(
        shown["roles"],
        json!([{ "orgId": house.org.to_string(), "roleName": "ORG_READ_ONLY" }])
    );
    let listed = house.get(&keys).await;
    assert_eq!(listed.is_ok()["results"][1], shown);
    assert!(!listed.text.contains(private));
}

#[tokio::test]
async fn a_key_is_changed_and_deleted() {
    let house = House::new().await;
    let key = house.key(Role::Member, &[]).await;
    let path = format!("{}/apiKeys/{}", house.org_path(), key.id);
    let changed =
        house.call("PATCH", &path, r#"{"desc":"new","roles":["ORG_READ_ONLY"]}"#).await.is_ok();
    assert_eq!(
        (&changed["desc"], &changed["roles"][0]["roleName"]),
        (&json!("new"), &json!("ORG_READ_ONLY"))
    );
    assert_eq!(house.call("PATCH", &path, "{}").await.is_ok(), changed);
    assert_eq!(house.call("DELETE", &path, Body::empty()).await.status, 204);
    house.call("DELETE", &path, Body::empty()).await.is(404, "API_KEY_NOT_FOUND");
    house.get(&path).await.is(404, "API_KEY_NOT_FOUND");
    house.get(&format!("{path}/accessList")).await.is(404, "API_KEY_NOT_FOUND");
    house
        .get(&format!("{}/apiKeys/{}", house.org_path(), key.public))
        .await
        .is(400, "PATH_PARAM_PARSE_ERROR");
}

#[tokio::test]
async fn the_last_owner_stays_one() {
    let house = House::new().await;
    let path = format!("{}/apiKeys/{}", house.org_path(), house.owner.id);
    house.call("DELETE", &path, Body::empty()).await.is(409, "CANNOT_REMOVE_LAST_OWNER");
    house
        .call("PATCH", &path, r#"{"roles":["ORG_MEMBER"]}"#)
        .await
        .is(409, "CANNOT_REMOVE_LAST_OWNER");
}

#[tokio::test]
async fn an_organization_has_a_limit_of_keys() {
    let house = House::new().await;
    let keys = format!("{}/apiKeys", house.org_path());
    let body = r#"{"desc":"ci","roles":["ORG_MEMBER"]}"#;
    house.call("POST", &keys, body).await.is_ok();
    house.call("POST", &keys, body).await.is_ok();
    house.call("POST", &keys, body).await.is(400, "MAX_API_KEYS_PER_ORG_EXCEEDED");
}

#[tokio::test]
async fn organizations_are_filtered_by_the_beginning_of_their_name() {
    let house = House::new().await;
    for (name, count) in [("", 1), ("aC", 1), ("ACME", 1), ("cme", 0), ("Acmes", 0)] {
        let page = house.get(&format!("{V2}/orgs?name={name}")).await.is_ok();
        assert_eq!(page["totalCount"], count, "{name}");
    }
    let shown = house.get(&house.org_path()).await.is_ok();
    assert_eq!((&shown["name"], &shown["isDeleted"]), (&json!("Acme"), &json!(false)));
}

#[tokio::test]
async fn the_older_prefixes_speak_plain_json_and_link_to_themselves() {
    let house = House::new().await;
    for (prefix, name) in [("/api/atlas/v1.0", "whitelist"), ("/api/public/v1.0", "accessList")] {
        let list = format!("{prefix}/orgs/{}/apiKeys/{}/{name}", house.org, house.owner.id);
        let sent = Sent::new("GET", &format!("{list}/?envelope=true")).by(&house.owner);
        let heard = house.send(sent).await;
        assert_eq!(heard.headers[CONTENT_TYPE], "application/json");
        let page = heard.is_ok();
        assert_eq!(page["status"], 200);
        let entry = page["results"][0]["links"][0]["href"].as_str().unwrap();
        assert_eq!(entry, format!("http://gateway.example:8081{list}/127.0.0.1"));
    }
}

#[tokio::test]
async fn links_begin_with_the_public_url_where_there_is_one() {
    let house = House::with(|state| {
        let public_url = Some("https://api.example.com".into());
        state.settings = Arc::new(Settings { public_url, ..settings() });
    })
    .await;
    let page = house.get(&format!("{V2}/orgs")).await.is_ok();
    let href = page["links"][0]["href"].as_str().unwrap();
    assert_eq!(
        href,
        "https://api.example.com/api/atlas/v2/orgs?includeCount=true&itemsPerPage=100&pageNum=1"
    );
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_body() {
    let house = House::new().await;
    let got = house.get(&house.org_path()).await;
    let head = house.call("HEAD", &house.org_path(), Body::empty()).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(head.headers[CONTENT_TYPE], got.headers[CONTENT_TYPE]);
    assert_eq!(head.headers[CONTENT_LENGTH], got.text.len().to_string());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let house = House::new().await;
    let body = format!("[{}]", " ".repeat(1024));
    house.call("POST", &house.list_path(&house.owner), body).await.is(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn a_store_that_is_away_is_no_defect_of_the_call() {
    let house = House::new().await;
    house.store.refused_commits.store(1, Ordering::SeqCst);
    let list = house.list_path(&house.owner);
    let body = r#"[{"ipAddress":"10.0.0.1"}]"#;
    house.call("POST", &list, body).await.is(503, "SERVICE_UNAVAILABLE");
    house.call("POST", &list, body).await.is_ok();
}

#[tokio::test]
async fn who_loses_its_role_or_its_entry_while_sending_changes_nothing() {
    let house = House::new().await;
    let list = house.list_path(&house.owner);
    let slow = house.key(Role::Owner, &[LISTED, "10.0.0.0/8"]).await;
    for (loss, status, code) in
        [("entry", 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST"), ("key", 403, "USER_UNAUTHORIZED")]
    {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<&str, std::io::Error>>(1);
        let body = futures_util::stream::unfold(receiver, async |mut parts| {
            let part = parts.recv().await?;
            Some((part, parts))
        });
        let sent = Sent::new("POST", &list).by(&slow).with("accept", VERSION);
        let sent = sent.body(Body::from_stream(body));
        let sending = house.send(sent);
        let losing = async {
            // Taken up only when the call waits for its body, so it has passed the checks before.
            sender.send(Ok("[")).await.unwrap();
            sender.reserve().await.unwrap();
            lose(&house, &slow, loss).await;
            sender.send(Ok("]")).await.unwrap();
            drop(sender);
        };
        let (heard, ()) = tokio::join!(sending, losing);
        heard.is(status, code);
        if loss == "entry" {
            let entry = NewEntry { prefix: Prefix::parse(LISTED).unwrap(), spelling: None };
            house
                .state
                .control
                .add_entries(house.org, ListOwner::Key(slow.id), vec![entry])
                .await
                .unwrap();
        }
    }
}

/// Who floods the API with changes, so that some still wait when the key is taken away, must not gain by it.
#[tokio::test]
async fn a_change_that_waits_behind_the_end_of_its_caller_s_rights_is_refused() {
    for (loss, status, code) in
        [("entry", 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST"), ("key", 403, "USER_UNAUTHORIZED")]
    {
        let house = House::new().await;
        let evil = house.key(Role::Owner, &[LISTED, "10.0.0.0/8"]).await;
        let keys = format!("{}/apiKeys", house.org_path());
        let body = r#"{"desc":"back door","roles":["ORG_OWNER"]}"#;
        let gate = house.store.gate.shut();
        let sent = Sent::new("POST", &keys).by(&evil).with("accept", VERSION).body(body);
        let opening = async {
            gate.reached().await; // The loss is being stored; the change was accepted and waits.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            gate.open();
        };
        let ((), heard, ()) = tokio::join!(lose(&house, &evil, loss), house.send(sent), opening);
        heard.is(status, code);
        let snapshot = house.state.control.snapshot();
        let descriptions = snapshot.credentials.keys_of(house.org).map(|key| &*key.description);
        assert!(
            !descriptions.collect::<Vec<_>>().contains(&"back door"),
            "after the loss of the {loss}"
        );
    }
}

async fn lose(house: &House, key: &Key, loss: &str) {
    let control = &house.state.control;
    if loss == "entry" {
        let elsewhere = control::Caller {
            credential: house.owner.id,
            address: crate::addr::ClientIp::from("10.0.0.1".parse::<std::net::IpAddr>().unwrap()),
        };
        let entry = Prefix::parse(LISTED).unwrap();
        control
            .remove_entry(house.org, ListOwner::Key(key.id), entry, Some(elsewhere))
            .await
            .unwrap();
    } else {
        control.delete_key(house.org, key.id).await.unwrap();
    }
}

/// The router and the HTTP library each have a mind of their own about lengths; this is what a client sees.
#[tokio::test]
async fn a_204_has_neither_length_nor_body_on_the_wire() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let house = House::new().await;
    let spare = house.key(Role::Member, &[]).await;
    let target = format!("{}/apiKeys/{}", house.org_path(), spare.id);
    let nonce = house.nonce().await;
    let answer = authorization(&house.owner, &Method::DELETE, &target.parse().unwrap(), &nonce);
    let (mut client, server) = tokio::io::duplex(16 * 1024);
    let router = house.router.clone();
    let service =
        hyper::service::service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(PeerAddr(SocketAddr::from(([127, 0, 0, 1], 40_000))));
            router.clone().oneshot(request)
        });
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(hyper_util::rt::TokioIo::new(server), service);
    let asking = async {
        let head = format!(
            "DELETE {target} HTTP/1.1\r\nHost: gateway.example\r\nAccept: {VERSION}\r\n\
             Authorization: {answer}\r\nConnection: close\r\n\r\n"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        text
    };
    let (served, text) = tokio::join!(connection, asking);
    served.unwrap();
    assert!(text.starts_with("HTTP/1.1 204 No Content\r\n"), "{text}");
    assert!(text.contains(&format!("\r\ncontent-type: {VERSION};charset=utf-8\r\n")), "{text}");
    assert!(!text.contains("content-length") && !text.contains("transfer-encoding"), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
}
