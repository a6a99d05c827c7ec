//! Bodies that are none, and members that no change has.

use super::*;

#[test]
fn a_body_that_is_none_is_refused_cleanly_wherever_there_is_one() {
    let gateway = gateway();
    let path = path_of(&make(&gateway));
    for (method, path) in [
        ("POST", String::new()),
        ("PATCH", path.clone()),
        ("POST", format!("{path}/secrets")),
        ("POST", format!("{path}/accessList")),
    ] {
        let send = |headers: &[&str], body: &[u8]| {
            let target = format!("/api/atlas/v2/orgs/{}/serviceAccounts{path}", gateway.org);
            let accept = format!("Accept: {VERSION}");
            let lines = [&[accept.as_str()], headers].concat();
            Client::connect(gateway.admin()).digest(&gateway.owner, method, &target, &lines, body)
        };
        for (body, code) in [
            (&b""[..], "MALFORMED_JSON"),
            (b"{", "MALFORMED_JSON"),
            (b"\"\xff\"", "MALFORMED_JSON"),
            (br#"{"name":"a","name":"b"}"#, "INVALID_JSON"),
            (b"null", "INVALID_ATTRIBUTE"),
            (b"7", "INVALID_ATTRIBUTE"),
        ] {
            let answer = send(&[], body);
            assert_eq!(
                (answer.status, answer.error_code().as_str()),
                (400, code),
                "{method} {path}"
            );
        }
        let typed = send(&["Content-Type: text/plain"], b"{}");
        assert_eq!((typed.status, typed.error_code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"));
        let large = send(&[], &vec![b' '; (1 << 20) + 1]);
        assert_eq!((large.status, large.error_code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    }
}

#[test]
fn a_change_has_no_secret_in_it() {
    let gateway = gateway();
    let path = path_of(&make(&gateway));
    for name in ["secretExpiresAfterHours", "withoutInitialSecret", "secrets", "systemManaged"] {
        let body = json!({ name: null }).to_string();
        let refusal = refused(&call(&gateway, "PATCH", &path, &body), 400, "INVALID_ATTRIBUTE");
        tells(&refusal, &[name, "description, name and roles"]);
    }
}
