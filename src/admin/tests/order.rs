//! The checks, each against the next, and what every answer carries.

use super::*;

#[tokio::test]
async fn a_call_without_a_credential_is_challenged_in_json() {
    let house = House::new().await;
    let heard = house.send(Sent::new("GET", &format!("{V2}/orgs"))).await;
    heard.is(401, "UNEXPECTED_ERROR");
    let challenges: Vec<_> = heard.headers.get_all(WWW_AUTHENTICATE).iter().collect();
    assert_eq!(challenges.len(), 3, "{challenges:?}");
    assert!(challenges[0].to_str().unwrap().starts_with("Digest realm=\"MMS Public API\""));
    assert!(challenges[0].to_str().unwrap().contains("algorithm=MD5"));
    assert_eq!(challenges[2], "Bearer realm=\"MMS Public API\"");
}

#[tokio::test]
async fn the_checks_come_in_the_published_order() {
    let house = House::new().await;
    let member = house.key(Role::Member, &[LISTED]).await;
    let list = house.list_path(&member);
    let nowhere = format!("{V2}/orgs/000000000000000000000000/apiKeys?pageNum=0");
    let bad_query = format!("{list}?pageNum=0");
    let odd = |sent: Sent| sent.with(CONTENT_TYPE.as_str(), "text/plain").body("nonsense");
    let versioned = |sent: Sent| sent.with(ACCEPT.as_str(), VERSION);
    let post = |target: &str| Sent::new("POST", target);
    // Each of these breaks a later rule as well.
    for (sent, status, code) in [
        (post(&format!("{V2}/nothing")), 404, "RESOURCE_NOT_FOUND"),
        (Sent::new("PUT", &bad_query), 405, "METHOD_NOT_ALLOWED"),
        (odd(post(&bad_query)), 401, "UNEXPECTED_ERROR"),
        (odd(post(&nowhere)).by(&member).from(UNLISTED), 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST"),
        (odd(post(&nowhere)).by(&member), 404, "ORG_NOT_FOUND"),
        (odd(post(&bad_query)).by(&member), 403, "USER_UNAUTHORIZED"),
        (odd(post(&bad_query)).by(&house.owner), 406, "INVALID_VERSION_DATE"),
        (versioned(odd(post(&bad_query))).by(&house.owner), 400, "INVALID_QUERY_PARAMETER"),
        (versioned(odd(post(&list))).by(&house.owner), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ] {
        house.send(sent).await.is(status, code);
    }
    let gone = format!("{}/apiKeys/000000000000000000000000/accessList", house.org_path());
    house.call("POST", &gone, "nonsense").await.is(400, "MALFORMED_JSON");
    house.call("POST", &gone, r#"[{"ipAddress":"10.0.0.1"}]"#).await.is(404, "API_KEY_NOT_FOUND");
}

#[tokio::test]
async fn a_method_that_a_path_does_not_know_is_told_those_it_does() {
    let house = House::new().await;
    let heard = house.send(Sent::new("DELETE", &format!("{V2}/orgs"))).await;
    heard.is(405, "METHOD_NOT_ALLOWED");
    assert_eq!(heard.headers[ALLOW], "GET, HEAD");
}

#[tokio::test]
async fn a_wrong_private_key_hears_nothing_of_addresses() {
    let house = House::new().await;
    let wrong = Key { private: "wrong".to_owned(), ..house.owner.clone() };
    let sent = Sent::new("GET", &format!("{V2}/orgs")).by(&wrong).from(UNLISTED);
    house.send(sent).await.is(401, "UNEXPECTED_ERROR");
}

#[tokio::test]
async fn an_empty_list_admits_nobody_where_lists_are_required() {
    let house = House::new().await;
    let fresh = house.key(Role::Owner, &[]).await;
    let heard = house.send(Sent::new("GET", &format!("{V2}/orgs")).by(&fresh)).await;
    heard.is(403, "ORG_REQUIRES_ACCESS_LIST");
    assert_eq!(heard.json()["parameters"], json!([LISTED]));
    assert!(heard.json()["detail"].as_str().unwrap().contains(LISTED));
}

#[tokio::test]
async fn another_organization_answers_like_none_at_all() {
    let house = House::new().await;
    let other = house.state.control.create_organization("Other").await.unwrap().id;
    for org in [other.to_string(), "000000000000000000000000".to_owned()] {
        house.get(&format!("{V2}/orgs/{org}")).await.is(404, "ORG_NOT_FOUND");
    }
    house.get(&format!("{V2}/orgs/acme")).await.is(400, "PATH_PARAM_PARSE_ERROR");
    let orgs = house.get(&format!("{V2}/orgs")).await.is_ok();
    assert_eq!(orgs["totalCount"], 1);
    assert_eq!(orgs["results"][0]["id"], house.org.to_string());
}

#[tokio::test]
async fn every_answer_has_the_common_headers_and_an_id_of_its_own() {
    let house = House::new().await;
    let good = house.get(&format!("{V2}/orgs")).await;
    let bad = house.send(Sent::new("GET", "/nowhere")).await;
    for heard in [&good, &bad] {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(heard.headers[name], value);
        }
        assert!(!heard.headers.contains_key("access-control-allow-origin"));
    }
    assert_ne!(good.headers["x-request-id"], bad.headers["x-request-id"]);
}

#[tokio::test]
async fn a_refusal_that_comes_before_the_query_keeps_the_form_asked_for() {
    let house = House::new().await;
    let heard = house.send(Sent::new("GET", "/nowhere?envelope=true&pretty=true")).await;
    heard.is(404, "RESOURCE_NOT_FOUND");
    assert_eq!(heard.json()["status"], 404);
    assert!(heard.text.starts_with("{\n"));
}

#[tokio::test]
async fn a_request_without_one_authority_is_refused() {
    let house = House::new().await;
    let mut sent = Sent::new("GET", &format!("{V2}/orgs"));
    sent.request.headers_mut().append(HOST, "other.example".parse().unwrap());
    house.send(sent).await.is(400, "VALIDATION_ERROR");
    let mut sent = Sent::new("GET", &format!("{V2}/orgs"));
    sent.request.headers_mut().remove(HOST);
    house.send(sent).await.is(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn an_unusable_client_address_is_refused() {
    let house = House::with(|state| {
        let mut settings = settings();
        settings.client_ip.trusted_proxies = vec![Prefix::parse("127.0.0.0/8").unwrap()];
        settings.client_ip.header = crate::net::client_ip::AddressHeader::XForwardedFor;
        state.settings = Arc::new(settings);
    })
    .await;
    let sent = Sent::new("GET", &format!("{V2}/orgs")).with("x-forwarded-for", "unknown");
    house.send(sent).await.is(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn without_the_peer_s_address_nothing_is_answered() {
    let house = House::new().await;
    let mut sent = Sent::new("GET", &format!("{V2}/orgs"));
    sent.request.extensions_mut().clear();
    house.send(sent).await.is(500, "UNEXPECTED_ERROR");
}

#[tokio::test]
async fn other_routes_can_be_merged_in_and_need_no_credential() {
    let house = House::new().await;
    let router =
        router(house.state.clone()).merge(Router::new().route("/healthz", get(async || "ok\n")));
    let house = House { router, ..house };
    let heard = house.send(Sent::new("GET", "/healthz")).await;
    assert_eq!((heard.status.as_u16(), heard.text.as_str()), (200, "ok\n"));
    house.get(&format!("{V2}/orgs")).await.is_ok();
}
