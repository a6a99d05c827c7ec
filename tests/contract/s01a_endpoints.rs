//! Section 1: what can be asked for, and each row's success, version, paging and role.

use super::*;

/// Whether an answer is a page of a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answers {
    Page,
    One,
    Nothing,
}

use Answers::{Nothing, One, Page};

/// An entry of a key of its own.
const ENTRY: &str = "203.0.113.10";

/// Asks with each role that there is. In `path`, `{spare}` stands for a key with an entry that no call stands on, a new
/// one for each caller: what one has deleted, the next has to find.
fn key_family(needed: Role, method: &str, path: &str, body: &str, answers: Answers) {
    let gateway = gateway();
    for role in Role::ALL {
        let (_, caller) = gateway.new_key(&[role], &["127.0.0.1"]);
        let (spare, _) = gateway.new_key(&[Role::Member], &[ENTRY]);
        let target = format!("{V2}{path}").replace("{spare}", &spare);
        let ask = |query: &str| {
            call(&gateway, method, &format!("{target}{query}")).by(&caller).body(body).send()
        };
        let case = format!("{} does {method} {path}", role.as_str());
        if !includes(role, needed) {
            let problem = refused(&ask(""), 403, "USER_UNAUTHORIZED", &case);
            assert_eq!(problem["parameters"], json!([needed.as_str()]), "{case}");
            continue;
        }
        if answers == Page {
            refused(&ask("?itemsPerPage=0"), 400, "INVALID_QUERY_PARAMETER", &case);
        }
        let answer = ask(if answers == Page { "" } else { "?itemsPerPage=0" });
        if answers == Nothing {
            gone(&answer, V2023_TYPE, &case);
            continue;
        }
        let body = accepted(&answer, &case);
        assert_eq!(answer.header("content-type"), Some(V2023_TYPE), "{case}");
        let members = ["links", "results", "totalCount"].map(|member| body.get(member).is_some());
        let expected = if answers == Page { [true; 3] } else { [true, false, false] };
        assert_eq!(members, expected, "{case}: {body}");
    }
}

/// The order of roles.
fn includes(role: Role, needed: Role) -> bool {
    match needed {
        Role::Member => true,
        Role::ReadOnly => matches!(role, Role::Owner | Role::ReadOnly),
        needed => matches!(role, Role::Owner) || role == needed,
    }
}

table! { key_family;
    //= 1: GET /orgs (name
    r01_get_orgs_200_of_2023_01_01_paged_for_any_role(Role::Member, "GET", "/orgs", "", Page);
    //= 1: GET /orgs/{orgId} |
    r02_get_one_org_200_of_2023_01_01_for_org_member(Role::Member, "GET", "/orgs/{org}", "", One);
    //= 1: GET /orgs/{orgId}/apiKeys
    r03_get_api_keys_200_of_2023_01_01_paged_for_org_member(Role::Member, "GET", "/orgs/{org}/apiKeys", "", Page);
    //= 1: POST /orgs/{orgId}/apiKeys
    r04_post_api_keys_200_not_201_of_2023_01_01_for_org_owner(
        Role::Owner, "POST", "/orgs/{org}/apiKeys", r#"{"desc":"new","roles":["ORG_MEMBER"]}"#, One
    );
    //= 1: GET {K} |
    r05_get_one_key_200_of_2023_01_01_for_org_member(Role::Member, "GET", "/orgs/{org}/apiKeys/{spare}", "", One);
    //= 1: PATCH {K} |
    r06_patch_key_200_of_2023_01_01_for_org_owner(
        Role::Owner, "PATCH", "/orgs/{org}/apiKeys/{spare}", r#"{"desc":"changed"}"#, One
    );
    //= 1: DELETE {K} |
    r07_delete_key_204_of_2023_01_01_for_org_owner(Role::Owner, "DELETE", "/orgs/{org}/apiKeys/{spare}", "", Nothing);
    //= 1: GET {K}/accessList |
    r08_get_a_keys_access_list_200_of_2023_01_01_paged_for_org_member(
        Role::Member, "GET", "/orgs/{org}/apiKeys/{spare}/accessList", "", Page
    );
    //= 1: POST {K}/accessList |
    r09_post_to_a_keys_access_list_200_and_a_page_of_the_whole_list_of_2023_01_01(
        Role::Owner, "POST", "/orgs/{org}/apiKeys/{spare}/accessList", r#"[{"ipAddress":"203.0.113.11"}]"#, Page
    );
    //= 1: GET {K}/accessList/{ipAddress} |
    r10_get_one_entry_of_a_key_200_of_2023_01_01_for_org_member(
        Role::Member, "GET", "/orgs/{org}/apiKeys/{spare}/accessList/203.0.113.10", "", One
    );
    //= 1: DELETE {K}/accessList/{ipAddress} |
    r11_delete_one_entry_of_a_key_204_of_2023_01_01(
        Role::Owner, "DELETE", "/orgs/{org}/apiKeys/{spare}/accessList/203.0.113.10", "", Nothing
    );
}

//= 1: GET /orgs (name
#[test]
fn r01_name_is_a_prefix_filter_in_any_case() {
    let gateway = gateway();
    for (name, count) in
        [("", 1), ("t", 1), ("TES", 1), ("tests", 1), ("testsx", 0), ("ests", 0), ("%74ests", 1)]
    {
        let page = call(&gateway, "GET", &format!("{V2}/orgs?name={name}")).send();
        let page = accepted(&page, name);
        assert_eq!(page["totalCount"], count, "{name}");
        assert_eq!(page["results"].as_array().unwrap().len(), count, "{name}");
        let again = accepted(&follow(&gateway, link(&page, "self").unwrap()), name);
        assert_eq!(again["totalCount"], count, "the link keeps the filter: {name}");
    }
}

//= 1: GET /orgs (name
#[test]
fn r01_only_the_callers_organizations_are_shown() {
    let gateway = gateway();
    let (other, _, stranger) = gateway.new_organization("tests of others");
    for (caller, org) in [(&gateway.owner, gateway.org), (&stranger, other)] {
        let page = call(&gateway, "GET", &format!("{V2}/orgs")).by(caller).send();
        let page = accepted(&page, "the caller's");
        assert_eq!(
            (&page["results"][0]["id"], &page["totalCount"]),
            (&json!(org.to_string()), &json!(1))
        );
    }
}

//= 1: Who may write an API key's list
#[test]
fn r24_only_an_org_owner_may_write_an_api_keys_list() {
    let gateway = gateway();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Owner) {
        let (own, caller) = gateway.new_key(&[role], &["127.0.0.1", ENTRY]);
        for list in [list_of(&own), OWN_LIST.to_owned()] {
            let post = call(&gateway, "POST", &list).by(&caller).body(one_address("203.0.113.11"));
            refused(&post.send(), 403, "USER_UNAUTHORIZED", role.as_str());
            let delete = call(&gateway, "DELETE", &format!("{list}/{ENTRY}")).by(&caller);
            let problem = refused(&delete.send(), 403, "USER_UNAUTHORIZED", role.as_str());
            tells(&problem, &["ORG_OWNER"], role.as_str());
        }
        assert_eq!(stored(&gateway, &list_of(&own)), ["127.0.0.1/32", "203.0.113.10/32"]);
    }
    assert_eq!(stored(&gateway, OWN_LIST), ["127.0.0.1/32"]);
}

//= 1: Role order for checks
#[test]
fn r25_org_owner_may_all_and_every_role_counts_as_org_member() {
    let gateway = gateway();
    let names: BTreeSet<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let published = [
        "ORG_BILLING_ADMIN",
        "ORG_BILLING_READ_ONLY",
        "ORG_GROUP_CREATOR",
        "ORG_MEMBER",
        "ORG_OWNER",
        "ORG_READ_ONLY",
        "ORG_STREAM_PROCESSING_ADMIN",
    ];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), published);
    for name in published {
        let body = json!({ "desc": name, "roles": [name] }).to_string();
        let made = accepted(&call(&gateway, "POST", KEYS).body(body).send(), name);
        assert_eq!(made["roles"][0]["roleName"], name);
    }
    // Roles add up: one of several is enough.
    let (_, both) = gateway.new_key(&[Role::BillingAdmin, Role::Owner], &["127.0.0.1"]);
    accepted(
        &call(&gateway, "POST", OWN_LIST).by(&both).body("[]").send(),
        "an owner among others",
    );
}

//= 1: HEAD works wherever GET does
#[test]
fn r27_head_works_wherever_get_does_and_tells_the_same_without_the_body() {
    let gateway = gateway();
    // A list that no call of this test stands on, so that its counts stay.
    let (spare, _) = gateway.new_key(&[Role::Member], &[ENTRY]);
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
            let target = format!("{prefix}{path}");
            let mut client = Client::connect(gateway.admin());
            let head = call(&gateway, "HEAD", &target).send_on(&mut client);
            // Read from the same connection: a body would be in the way.
            let get = call(&gateway, "GET", &target).send_on(&mut client);
            accepted(&get, path);
            assert_eq!(head.status, 200, "{target}");
            assert_eq!(head.header("content-type"), get.header("content-type"));
            let length = get.body.len().to_string();
            assert_eq!(head.header("content-length"), Some(length.as_str()), "{target}");
        }
    }
    let mut client = Client::connect(gateway.admin());
    let absent = call(&gateway, "HEAD", "/nowhere").send_on(&mut client);
    assert_eq!((absent.status, absent.header("x-error-code")), (404, Some("RESOURCE_NOT_FOUND")));
    let after = call(&gateway, "GET", &format!("{V2}/orgs")).send_on(&mut client);
    accepted(&after, "after a refused HEAD");
}
