//! Sections 1 and 2: which requests there are, under which names, and what each answers with.

use portcullis::identity::Role;

use super::*;

/// The type of every success under a prefix.
fn type_under(prefix: &str) -> String {
    if prefix == V2 { format!("{VERSION};charset=utf-8") } else { "application/json".to_owned() }
}

/// What a client has to send under a prefix: the older ones know no versions.
fn headers_under(prefix: &str) -> Vec<String> {
    if prefix == V2 { vec![format!("Accept: {VERSION}")] } else { Vec::new() }
}

fn call_under<'a>(
    gateway: &'a Gateway,
    prefix: &str,
    method: &'a str,
    path: &str,
    body: &str,
) -> Call<'a> {
    let target = format!("{prefix}{path}");
    Call { headers: headers_under(prefix), ..call(gateway, method, &target) }.body(body)
}

#[test]
fn every_operation_answers_under_every_prefix_with_and_without_a_final_slash() {
    let gateway = gateway();
    for (prefix, end) in PREFIXES.into_iter().flat_map(|prefix| [(prefix, ""), (prefix, "/")]) {
        let ask = |method, path: &str, body: &str| {
            let answer = call_under(&gateway, prefix, method, &format!("{path}{end}"), body).send();
            let case = format!("{method} {prefix}{path}{end}");
            if method == "DELETE" {
                gone(&answer, &type_under(prefix), &case);
                return Value::Null;
            }
            assert_eq!(answer.header("content-type"), Some(type_under(prefix).as_str()), "{case}");
            accepted(&answer, &case)
        };
        let org = "/orgs/{org}";
        assert_eq!(ask("GET", "/orgs", "")["results"][0]["id"], gateway.org.to_string());
        assert_eq!(ask("GET", org, "")["id"], gateway.org.to_string());
        let keys = format!("{org}/apiKeys");
        let made = ask("POST", &keys, r#"{"desc":"made here","roles":["ORG_MEMBER"]}"#);
        let key = format!("{keys}/{}", made["id"].as_str().unwrap());
        let listed = ask("GET", &keys, "");
        let listed = listed["results"].as_array().unwrap();
        assert!(listed.len() == 2 && listed.iter().any(|key| key["id"] == made["id"]));
        assert_eq!(ask("GET", &key, "")["desc"], "made here");
        assert_eq!(ask("PATCH", &key, r#"{"desc":"changed here"}"#)["desc"], "changed here");
        let list = format!("{key}/accessList");
        assert_eq!(ask("GET", &list, "")["results"], json!([]));
        let page = ask("POST", &list, r#"[{"ipAddress":"203.0.113.10"}]"#);
        assert_eq!(ranges(&page), ["203.0.113.10/32"]);
        let entry = format!("{list}/203.0.113.10");
        assert_eq!(ask("GET", &entry, "")["ipAddress"], "203.0.113.10");
        ask("DELETE", &entry, "");
        assert_eq!(ask("GET", &list, "")["totalCount"], 0);
        ask("DELETE", &key, "");
        assert_eq!(ask("GET", &keys, "")["totalCount"], 1);
    }
}

#[test]
fn an_organization_has_the_published_shape() {
    let gateway = gateway();
    let org = gateway.org.to_string();
    let href = format!("http://{}{V2}/orgs", gateway.admin());
    let shown = json!({
        "id": org,
        "isDeleted": false,
        "links": [{ "href": format!("{href}/{org}"), "rel": "self" }],
        "name": "tests",
    });
    assert_eq!(call(&gateway, "GET", &format!("{V2}/orgs/{{org}}")).send().json(), shown);
    let page = json!({
        "links": [{ "href": format!("{href}?includeCount=true&itemsPerPage=100&pageNum=1"), "rel": "self" }],
        "results": [shown],
        "totalCount": 1,
    });
    assert_eq!(call(&gateway, "GET", &format!("{V2}/orgs")).send().json(), page);
}

#[test]
fn the_old_names_of_lists_are_known_under_the_old_prefixes_only() {
    let gateway = gateway();
    for name in ["whitelist", "accesslist"] {
        for prefix in &PREFIXES[1..] {
            let list = format!("/orgs/{{org}}/apiKeys/{{key}}/{name}");
            let ask =
                |method, path: &str, body| call_under(&gateway, prefix, method, path, body).send();
            let case = format!("{prefix} {name}");
            let page = accepted(&ask("POST", &list, r#"[{"ipAddress":"203.0.113.10"}]"#), &case);
            assert_eq!(ranges(&page), ["127.0.0.1/32", "203.0.113.10/32"], "{case}");
            let entry = filled(&gateway, &format!("{prefix}{list}/203.0.113.10"));
            let href = format!("http://{}{entry}", gateway.admin());
            assert_eq!(link(&page["results"][1], "self"), Some(href.as_str()), "{case}");
            assert_eq!(accepted(&ask("GET", &list, ""), &case)["totalCount"], 2, "{case}");
            let entry = format!("{list}/203.0.113.10");
            assert_eq!(link(&accepted(&ask("GET", &entry, ""), &case), "self"), Some(&*href));
            gone(&ask("DELETE", &entry, ""), "application/json", &case);
        }
        for path in ["", "/127.0.0.1"] {
            let target = format!("{V2}/orgs/{{org}}/apiKeys/{{key}}/{name}{path}");
            let answer = call(&gateway, "GET", &target).send();
            refused(&answer, 404, "RESOURCE_NOT_FOUND", &target);
        }
    }
}

#[test]
fn head_works_wherever_get_does_and_tells_the_same_without_the_body() {
    let gateway = gateway();
    // A list that no call of this test stands on, so that its counts stay.
    let (spare, _) = gateway.new_key(&[Role::Member], &["203.0.113.10"]);
    let spare = format!("/orgs/{{org}}/apiKeys/{spare}");
    for path in [
        "/orgs",
        "/orgs/{org}",
        "/orgs/{org}/apiKeys",
        &spare,
        &format!("{spare}/accessList"),
        &format!("{spare}/accessList/203.0.113.10"),
    ] {
        for prefix in PREFIXES {
            let mut client = Client::connect(gateway.admin());
            let head = call_under(&gateway, prefix, "HEAD", path, "").send_on(&mut client);
            // Read from the same connection: a body would be in the way.
            let get = call_under(&gateway, prefix, "GET", path, "").send_on(&mut client);
            accepted(&get, path);
            assert_eq!(head.status, 200, "{prefix}{path}");
            assert_eq!(head.header("content-type"), get.header("content-type"));
            let length = get.body.len().to_string();
            assert_eq!(head.header("content-length"), Some(length.as_str()), "{prefix}{path}");
        }
    }
    let mut client = Client::connect(gateway.admin());
    let absent = call(&gateway, "HEAD", "/nowhere").send_on(&mut client);
    assert_eq!((absent.status, absent.header("x-error-code")), (404, Some("RESOURCE_NOT_FOUND")));
    accepted(
        &call(&gateway, "GET", &format!("{V2}/orgs")).send_on(&mut client),
        "after a refused HEAD",
    );
}

#[test]
fn a_method_that_a_known_path_does_not_have_is_told_those_it_has() {
    let gateway = gateway();
    for (path, allowed) in [
        ("/orgs", "GET, HEAD"),
        ("/orgs/{org}", "GET, HEAD"),
        ("/orgs/{org}/apiKeys", "GET, HEAD, POST"),
        ("/orgs/{org}/apiKeys/{key}", "DELETE, GET, HEAD, PATCH"),
        ("/orgs/{org}/apiKeys/{key}/accessList", "GET, HEAD, POST"),
        ("/orgs/{org}/apiKeys/{key}/accessList/127.0.0.1", "DELETE, GET, HEAD"),
        ("/orgs/{org}/apiKeys/{key}/accessList/10.0.0.0/8/", "DELETE, GET, HEAD"),
    ] {
        for prefix in PREFIXES {
            let methods = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"];
            for method in methods.into_iter().filter(|method| !allowed.contains(method)) {
                let case = format!("{method} {prefix}{path}");
                let target = format!("{prefix}{path}");
                // Routing comes before credentials.
                let answer = call(&gateway, method, &target).send_anonymously();
                let body = refused(&answer, 405, "METHOD_NOT_ALLOWED", &case);
                assert_eq!(answer.all("allow").collect::<Vec<_>>(), [allowed], "{case}");
                tells(&body, &[allowed], &case);
            }
        }
    }
}

#[test]
fn an_unknown_path_is_not_found_before_anyone_is_asked_who_they_are() {
    let gateway = gateway();
    let key = "/orgs/{org}/apiKeys/{key}";
    for target in [
        "/",
        "/orgs",
        "/api",
        "/api/atlas/v3/orgs",
        "/api/atlas/v1/orgs",
        "/api/public/v2/orgs",
        "/API/atlas/v2/orgs",
        &format!("{V2}/Orgs"),
        &format!("{V2}orgs"),
        &format!("{V2}//orgs"),
        &format!("{V2}/orgs//"),
        &format!("{V2}/%6Frgs"),
        &format!("{V2}/orgs%2F{{org}}"),
        &format!("{V2}/groups"),
        &format!("{V2}/orgs/{{org}}/apikeys"),
        &format!("{V2}/orgs/{{org}}/apiKeys//accessList"),
        &format!("{V2}{key}/accesslists"),
        &format!("{V2}{key}/accessList%2F127.0.0.1"),
        &format!("{V2}{key}/accessList/10.0.0.0/8/24"),
        &format!("/api/atlas/v1.0{key}/whiteList"),
    ] {
        let answer = call(&gateway, "GET", target).send_anonymously();
        let body = refused(&answer, 404, "RESOURCE_NOT_FOUND", target);
        assert_eq!(body["parameters"].as_array().unwrap().len(), 1, "{target}");
        let path = filled(&gateway, target);
        let shown = body["parameters"][0].as_str().unwrap();
        assert!(path.starts_with(shown.trim_end_matches('…')), "{shown} is what was asked for");
        tells(&body, &[shown], target);
    }
}

#[test]
fn every_answer_carries_the_headers_of_section_11_and_an_id_of_its_own() {
    let gateway = gateway();
    let orgs = format!("{V2}/orgs");
    let mut ids = BTreeSet::new();
    for answer in [
        call(&gateway, "GET", &orgs).send(),
        call(&gateway, "GET", &orgs).send_anonymously(),
        call(&gateway, "GET", &orgs).headers(&["Origin: https://elsewhere.example"]).send(),
        call(&gateway, "PUT", &orgs).send(),
        call(&gateway, "GET", "/nowhere").send(),
    ] {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            // An answer may hold a private key.
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.all(name).collect::<Vec<_>>(), [value], "{name}");
        }
        let says = |prefix: &str| {
            answer.headers.iter().any(|(name, _)| name.to_lowercase().starts_with(prefix))
        };
        assert!(!says("access-control-"), "no CORS");
        assert!(!says("strict-transport-security"), "that is for TLS");
        assert!(!says("deprecation") && !says("sunset"), "nothing here is deprecated");
        ids.insert(answer.header("x-request-id").expect("an id").to_owned());
    }
    assert_eq!(ids.len(), 5);
}
