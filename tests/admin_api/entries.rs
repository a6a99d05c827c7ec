//! Lists as they come into force, and their limit where the config sets another.

use portcullis::identity::Role;

use super::*;

#[test]
fn a_change_of_a_list_is_in_force_for_the_next_call() {
    let gateway = gateway();
    let list = list_of("{key}");
    let from_there = || call(&gateway, "GET", &format!("{V2}/orgs")).from("127.0.0.2").send();
    for _ in 0..3 {
        refused(&from_there(), 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "before");
        add(&gateway, &list, &json!([{ "ipAddress": "127.0.0.2" }]));
        accepted(&from_there(), "added");
        let answer = call(&gateway, "DELETE", &format!("{list}/127.0.0.2")).send();
        gone(&answer, &format!("{VERSION};charset=utf-8"), "deleted");
    }
    refused(&from_there(), 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", "after");
}

#[test]
fn the_limit_of_a_list_is_the_config_s() {
    let gateway = gateway_with(Options {
        more: "[limits]\nentries_per_list = 250".into(),
        ..Options::default()
    });
    let (key, _) = gateway.new_key(&[Role::Member], &[]);
    let list = list_of(&key);
    let many: Value = (0..250).map(|n| json!({ "ipAddress": format!("10.1.0.{n}") })).collect();
    let page = add(&gateway, &format!("{list}?itemsPerPage=500"), &many);
    assert_eq!((ranges(&page).len(), &page["totalCount"]), (250, &json!(250)));
    let one_more = call(&gateway, "POST", &list).body(r#"[{"ipAddress":"10.0.0.1"}]"#).send();
    let problem = refused(&one_more, 400, "VALIDATION_ERROR", "one more");
    assert_eq!(problem["parameters"], json!([250]));
}
