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

/// What one row of the table says.
struct Row<'a> {
    needed: Role,
    method: &'a str,
    path: &'a str,
    body: &'a str,
    status: u16,
    content_type: &'a str,
    answers: Answers,
}

impl Row<'_> {
    /// Asks with each role that there is. In the path, `{spare}` and `{account}` stand for a credential with an entry that
    /// no call stands on, a new one for each caller: what one has deleted, the next has to find.
    fn holds(&self) {
        let gateway = gateway();
        for role in Role::ALL {
            let (_, caller) = gateway.new_key(&[role], &["127.0.0.1"]);
            let target = self.target(&gateway);
            let accept = format!("Accept: {}", self.content_type);
            let ask = |query: &str| {
                let call = call(&gateway, self.method, &format!("{target}{query}"));
                call.by(&caller).headers(&[&accept]).body(self.body).send()
            };
            let case = format!("{} does {} {}", role.as_str(), self.method, self.path);
            if !includes(role, self.needed) {
                let problem = refused(&ask(""), 403, "USER_UNAUTHORIZED", &case);
                assert_eq!(problem["parameters"], json!([self.needed.as_str()]), "{case}");
                continue;
            }
            if self.answers == Page {
                refused(&ask("?itemsPerPage=0"), 400, "INVALID_QUERY_PARAMETER", &case);
            }
            let answer = ask(if self.answers == Page { "" } else { "?itemsPerPage=0" });
            if self.answers == Nothing {
                gone(&answer, self.content_type, &case);
                continue;
            }
            let body = succeeded(&answer, self.status, &case);
            assert_eq!(answer.header("content-type"), Some(self.content_type), "{case}");
            let is_page = ["results", "totalCount"].map(|member| body.get(member).is_some());
            assert_eq!(is_page, [self.answers == Page; 2], "{case}: {body}");
        }
    }

    fn target(&self, gateway: &Gateway) -> String {
        let (spare, _) = gateway.new_key(&[Role::Member], &[ENTRY]);
        let mut target = format!("{V2}{}", self.path).replace("{spare}", &spare);
        if target.contains("{account}") {
            let account = Account::new(gateway, Role::Member, &[ENTRY]);
            target = target.replace("{account}", &account.client_id);
            target = target.replace("{secret}", &account.secret_id);
        }
        target
    }
}

fn key_family(needed: Role, method: &str, path: &str, body: &str, answers: Answers) {
    let content_type = V2023_TYPE;
    Row { needed, method, path, body, status: 200, content_type, answers }.holds();
}

fn account_family(
    needed: Role,
    method: &str,
    path: &str,
    body: &str,
    (status, answers): (u16, Answers),
) {
    let content_type = V2024_TYPE;
    Row { needed, method, path, body, status, content_type, answers }.holds();
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

table! { account_family;
    //= 1: GET /orgs/{orgId}/serviceAccounts
    r12_get_service_accounts_200_of_2024_08_05_paged_for_org_read_only(
        Role::ReadOnly, "GET", "/orgs/{org}/serviceAccounts", "", (200, Page)
    );
    //= 1: POST /orgs/{orgId}/serviceAccounts
    r13_post_service_accounts_201_of_2024_08_05_for_org_owner(
        Role::Owner, "POST", "/orgs/{org}/serviceAccounts",
        r#"{"name":"robot","description":"new","roles":["ORG_MEMBER"],"secretExpiresAfterHours":8}"#, (201, One)
    );
    //= 1: GET {S} |
    r14_get_one_service_account_200_of_2024_08_05_for_org_read_only(
        Role::ReadOnly, "GET", "/orgs/{org}/serviceAccounts/{account}", "", (200, One)
    );
    //= 1: PATCH {S} |
    r15_patch_service_account_200_of_2024_08_05_for_org_owner(
        Role::Owner, "PATCH", "/orgs/{org}/serviceAccounts/{account}", r#"{"name":"changed"}"#, (200, One)
    );
    //= 1: DELETE {S} |
    r16_delete_service_account_204_of_2024_08_05_for_org_owner(
        Role::Owner, "DELETE", "/orgs/{org}/serviceAccounts/{account}", "", (204, Nothing)
    );
    //= 1: POST {S}/secrets
    r17_post_secrets_201_of_2024_08_05_for_org_owner(
        Role::Owner, "POST", "/orgs/{org}/serviceAccounts/{account}/secrets", r#"{"secretExpiresAfterHours":8}"#, (201, One)
    );
    //= 1: DELETE {S}/secrets/{secretId}
    r18_delete_secret_204_of_2024_08_05_for_org_owner(
        Role::Owner, "DELETE", "/orgs/{org}/serviceAccounts/{account}/secrets/{secret}", "", (204, Nothing)
    );
    //= 1: GET {S}/accessList |
    r19_get_a_service_accounts_access_list_200_of_2024_08_05_paged_for_org_read_only(
        Role::ReadOnly, "GET", "/orgs/{org}/serviceAccounts/{account}/accessList", "", (200, Page)
    );
    //= 1: POST {S}/accessList |
    r20_post_to_a_service_accounts_access_list_200_and_a_page_of_the_whole_list_of_2024_08_05_for_org_owner(
        Role::Owner, "POST", "/orgs/{org}/serviceAccounts/{account}/accessList", r#"[{"ipAddress":"203.0.113.11"}]"#, (200, Page)
    );
    //= 1: DELETE {S}/accessList/{ipAddress}
    r21_delete_one_entry_of_a_service_account_204_of_2024_08_05_for_org_owner(
        Role::Owner, "DELETE", "/orgs/{org}/serviceAccounts/{account}/accessList/203.0.113.10", "", (204, Nothing)
    );
}

//= 1: GET /orgs/{orgId}/serviceAccounts
#[test]
fn r12_include_system_managed_is_a_boolean_and_false_by_default() {
    let gateway = gateway();
    Account::new(&gateway, Role::Member, &[]);
    let ask = |query: &str| call(&gateway, "GET", &format!("{ACCOUNTS}{query}")).send();
    for query in ["", "?includeSystemManaged=false", "?includeSystemManaged=true"] {
        let page = accepted(&ask(query), query);
        assert_eq!(page["totalCount"], 1, "none is managed by the system: {query}");
    }
    let answer = ask("?includeSystemManaged=perhaps");
    let problem = refused(&answer, 400, "INVALID_QUERY_PARAMETER", "no boolean");
    tells(&problem, &["includeSystemManaged", "perhaps", "true or false"], "no boolean");
}

//= 1: POST /api/oauth/token, /api/oauth/revoke
#[test]
fn r22_post_oauth_token_and_revoke_200_for_client_credentials_without_a_version() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &[]);
    let answer = account.ask(&gateway);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let token = accepted(&answer, "a token")["access_token"].as_str().unwrap().to_owned();
    let form = format!("{}&token={token}", account.form());
    let answer = post_form(&mut Client::connect(gateway.admin()), "/api/oauth/revoke", &[], &form);
    assert_eq!((answer.status, answer.text()), (200, String::new()));
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

//= 1: A service account's list has no GET-one
#[test]
fn r23_a_service_accounts_list_has_no_get_one_an_entry_is_found_by_paging() {
    let gateway = gateway();
    let account = Account::new(&gateway, Role::Member, &["203.0.113.9", ENTRY, "10.0.0.0/8"]);
    let list = list_of_account(&account);
    for segment in [ENTRY, "10.0.0.0%2F8", "10.0.0.0/8"] {
        let answer = call(&gateway, "GET", &format!("{list}/{segment}")).send();
        refused(&answer, 405, "METHOD_NOT_ALLOWED", segment);
        assert_eq!(answer.header("allow"), Some("DELETE"));
    }
    let page = call(&gateway, "GET", &format!("{list}?itemsPerPage=1&pageNum=2")).send();
    assert_eq!(accepted(&page, "the second page")["results"][0]["ipAddress"], ENTRY);
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
fn r26_head_works_wherever_get_does_and_tells_the_same_without_the_body() {
    let gateway = gateway();
    // A list that no call of this test stands on, so that its counts stay.
    let (spare, _) = gateway.new_key(&[Role::Member], &[ENTRY]);
    let spare = format!("/orgs/{{org}}/apiKeys/{spare}");
    let account = Account::new(&gateway, Role::Member, &[ENTRY]).client_id;
    let account = format!("/orgs/{{org}}/serviceAccounts/{account}");
    for path in [
        "/orgs",
        "/orgs/{org}",
        "/orgs/{org}/apiKeys",
        &spare,
        &format!("{spare}/accessList"),
        &format!("{spare}/accessList/203.0.113.10"),
        "/orgs/{org}/settings",
        "/orgs/{org}/serviceAccounts",
        &account,
        &format!("{account}/accessList"),
    ] {
        for prefix in PREFIXES {
            let target = format!("{prefix}{path}");
            let mut client = Client::connect(gateway.admin());
            let accept = ["Accept: application/vnd.atlas.2025-03-12+json"];
            let head = call(&gateway, "HEAD", &target).headers(&accept).send_on(&mut client);
            // Read from the same connection: a body would be in the way.
            let get = call(&gateway, "GET", &target).headers(&accept).send_on(&mut client);
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
