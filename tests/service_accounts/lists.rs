//! Access lists of service accounts: the rules of all lists, under names of their own.

use super::*;

#[test]
fn a_post_answers_with_the_whole_list_under_the_names_of_its_family() {
    let gateway = gateway();
    let list = format!("{}/accessList", path_of(&make(&gateway)));
    let add = |body: &str| accepted(&call(&gateway, "POST", &list, body), 200);
    add(r#"[{"ipAddress":"203.0.113.10"}]"#);
    let page =
        add(r#"[{"cidrBlock":"198.51.100.0/24","ipAddress":null},{"ipAddress":"2001:DB8::1"}]"#);
    let created = "2026-07-25T17:20:00Z";
    assert_eq!(
        page["results"],
        json!([
            { "cidrBlock": "203.0.113.10/32", "createdAt": created, "ipAddress": "203.0.113.10", "requestCount": 0 },
            { "cidrBlock": "198.51.100.0/24", "createdAt": created, "requestCount": 0 },
            { "cidrBlock": "2001:DB8::1/128", "createdAt": created, "ipAddress": "2001:DB8::1", "requestCount": 0 },
        ])
    );
    assert_eq!(page["totalCount"], 3);
    assert_eq!(accepted(&call(&gateway, "GET", &list, ""), 200), page);
    let second =
        accepted(&call(&gateway, "GET", &format!("{list}?itemsPerPage=2&pageNum=2"), ""), 200);
    assert_eq!(second["results"], json!([page["results"][2]]));
    let href = second["links"][0]["href"].as_str().unwrap();
    assert!(href.contains(&format!("/serviceAccounts{list}?")), "{href}");
}

#[test]
fn an_entry_is_removed_by_its_range_however_that_is_written() {
    let gateway = gateway();
    let list = format!("{}/accessList", path_of(&make(&gateway)));
    for (range, spelled) in [
        ("203.0.113.10", "203.0.113.10"),
        ("203.0.113.10", "203.0.113.10%2F32"),
        ("198.51.100.0/24", "198.51.100.0%2F24"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("2001:db8::/32", "2001:DB8::%2f32"),
    ] {
        let member = if range.contains('/') { "cidrBlock" } else { "ipAddress" };
        accepted(&call(&gateway, "POST", &list, &json!([{ member: range }]).to_string()), 200);
        gone(&call(&gateway, "DELETE", &format!("{list}/{spelled}"), ""));
        let again = call(&gateway, "DELETE", &format!("{list}/{spelled}"), "");
        let refusal = refused(&again, 404, "RESOURCE_NOT_FOUND");
        tells(&refusal, &[range, "service account", "mdb_sa_id_"]);
    }
    for wrong in ["198.51.100.0%252F24", "198.51.100.9%2F24", "x"] {
        let answer = call(&gateway, "DELETE", &format!("{list}/{wrong}"), "");
        refused(&answer, 400, "PATH_PARAM_PARSE_ERROR");
    }
}

#[test]
fn an_account_cannot_remove_the_entry_that_it_stands_on() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Owner, HERE);
    let line = bearer(&account.token(&gateway));
    let list = format!("/{}/accessList", account.client_id);
    let by_account = |method: &str, path: &str, body: &str| {
        let target = format!("/api/atlas/v2/orgs/{}/serviceAccounts{path}", gateway.org);
        let lines = [&*format!("Accept: {VERSION}"), &line];
        Client::connect(gateway.admin()).request(method, &target, &lines, body.as_bytes())
    };
    let entry = format!("{list}/127.0.0.1");
    let refusal =
        refused(&by_account("DELETE", &entry, ""), 400, "CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST");
    assert_eq!(refusal["parameters"], json!(["127.0.0.1"]));
    accepted(&by_account("POST", &list, r#"[{"cidrBlock":"127.0.0.0/30"}]"#), 200);
    gone(&by_account("DELETE", &entry, ""));
    // Another's list is no business of the guard's.
    gone(&call(&gateway, "DELETE", &format!("{list}/127.0.0.0%2F30"), ""));
    let answer = by_account("GET", &list, "");
    refused(&answer, 403, "ORG_REQUIRES_ACCESS_LIST");
}
