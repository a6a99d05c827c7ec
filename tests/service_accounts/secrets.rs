//! Secrets: made by many at once, and for a time that the organization may cut.

use super::*;

const HOURS: &str = r#"{"secretExpiresAfterHours":8}"#;

fn secrets_of(gateway: &Gateway, path: &str) -> Vec<Value> {
    let account = accepted(&call(gateway, "GET", path, ""), 200);
    account["secrets"].as_array().unwrap().clone()
}

#[test]
fn of_many_who_make_secrets_at_once_two_do() {
    let gateway = gateway();
    let mut new = new_account();
    new["withoutInitialSecret"] = true.into();
    new.as_object_mut().unwrap().remove("secretExpiresAfterHours");
    let path = path_of(&accepted(&call(&gateway, "POST", "", &new.to_string()), 201));
    let target = format!("/api/atlas/v1.0/orgs/{}/serviceAccounts{path}/secrets", gateway.org);
    let (admin, owner) = (gateway.admin(), gateway.owner.clone());
    let statuses = std::thread::scope(|scope| {
        let make = || {
            let mut client = Client::connect(admin);
            client.digest(&owner, "POST", &target, &[], HOURS.as_bytes()).status
        };
        let making: Vec<_> = (0..6).map(|_| scope.spawn(make)).collect();
        making.into_iter().map(|each| each.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 2, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 4, "{statuses:?}");
    assert_eq!(secrets_of(&gateway, &path).len(), 2);
}

#[test]
fn the_organization_s_maximum_holds_for_secrets_made_from_then_on() {
    let gateway = gateway();
    let path = path_of(&make(&gateway));
    let settings = format!("/orgs/{}/settings", gateway.org);
    let set = |body: &str| assert_eq!(gateway.api("PATCH", &settings, body).status, 200);
    set(r#"{"maxServiceAccountSecretValidityInHours":24}"#);
    let day = r#"{"secretExpiresAfterHours":24}"#;
    let longer = r#"{"secretExpiresAfterHours":25}"#;
    let secrets = format!("{path}/secrets");
    let mut new = new_account();
    new["secretExpiresAfterHours"] = 25.into();
    for answer in
        [call(&gateway, "POST", &secrets, longer), call(&gateway, "POST", "", &new.to_string())]
    {
        let refusal = refused(&answer, 400, "VALIDATION_ERROR");
        tells(&refusal, &["secretExpiresAfterHours", "25", "24"]);
        assert_eq!(refusal["badRequestDetail"]["fields"][0]["field"], "secretExpiresAfterHours");
    }
    let made = accepted(&call(&gateway, "POST", &secrets, day), 201);
    gone(&call(&gateway, "DELETE", &format!("{secrets}/{}", made["id"].as_str().unwrap()), ""));
    set(r#"{"maxServiceAccountSecretValidityInHours":null}"#);
    accepted(&call(&gateway, "POST", &secrets, longer), 201);
}
