//! Bodies that are none: each is refused cleanly, nothing changes, and the process lives.

use portcullis::identity::Role;

use super::*;
use crate::harness::client::authorization;

/// Calls with a body: a list, the keys, a key.
const TARGETS: [(&str, &str); 3] = [
    ("POST", "/api/atlas/v2/orgs/{org}/apiKeys/{key}/accessList"),
    ("POST", "/api/atlas/v2/orgs/{org}/apiKeys"),
    ("PATCH", "/api/atlas/v2/orgs/{org}/apiKeys/{key}"),
];

/// Bytes of the largest body. Source: contract, section 5.
const LIMIT: usize = 1 << 20;

/// What a refused change must leave as it was.
#[track_caller]
fn unchanged(gateway: &Gateway) {
    assert_eq!(stored(gateway, &list_of("{key}")), ["127.0.0.1/32"]);
    let keys = call(gateway, "GET", &format!("{V2}/orgs/{{org}}/apiKeys")).send().json();
    assert_eq!((&keys["totalCount"], &keys["results"][0]["desc"]), (&json!(1), &json!("owner")));
}

/// A connection that has a nonce, and the head of a call with these lines, up to the body.
fn begun(gateway: &Gateway, method: &str, target: &str, lines: &[&str]) -> (Client, String) {
    begun_by(gateway, &gateway.owner, method, target, lines)
}

fn begun_by(
    gateway: &Gateway,
    credential: &Credential,
    method: &str,
    target: &str,
    lines: &[&str],
) -> (Client, String) {
    let target = filled(gateway, target);
    let mut client = Client::connect(gateway.admin());
    let challenge = client.get(&target).header("www-authenticate").unwrap().to_owned();
    let line = authorization(credential, &challenge, method, &target, 1);
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {}\r\nAccept: {VERSION}\r\n{line}\r\n{}\r\n\r\n",
        gateway.admin(),
        lines.join("\r\n"),
    );
    (client, head)
}

/// Whoever sends it is told that it is no JSON, and hears nothing of it again.
fn is_no_json(body: &[u8]) {
    let gateway = gateway();
    for (method, target) in TARGETS {
        let answer = call(&gateway, method, target).body(body).send();
        let problem = refused(&answer, 400, "MALFORMED_JSON", &format!("{method} {target}"));
        tells(&problem, &["no JSON"], target);
        assert!(answer.body.len() < 1_000, "the body is not repeated");
    }
    unchanged(&gateway);
}

fn nested(open: &str, close: &str) -> Vec<u8> {
    [open.repeat(100_000), close.repeat(100_000)].concat().into_bytes()
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

table! { is_no_json;
    no_body_is_no_json(b"");
    spaces_are_no_json(b"  \n");
    half_a_document_is_no_json(b"[{\"ipAddress\":\"203.0.113");
    two_documents_are_no_json(b"[] []");
    something_behind_a_document_is_no_json(b"[]x");
    a_final_comma_is_no_json(b"[{\"ipAddress\":\"203.0.113.10\"},]");
    a_comment_is_no_json(b"[] // none");
    single_quotes_are_no_json(b"[{'ipAddress':'203.0.113.10'}]");
    a_number_that_is_none_is_no_json(b"[NaN]");
    a_number_beyond_any_is_no_json(b"[1e999]");
    a_form_is_no_json(b"ipAddress=203.0.113.10");
    invalid_utf_8_is_no_json(b"[{\"ipAddress\":\"203.0.113.\xff\"}]");
    an_overlong_slash_is_no_json(b"[{\"cidrBlock\":\"10.0.0.0\xc0\xaf8\"}]");
    half_a_surrogate_pair_is_no_json(b"[{\"ipAddress\":\"\\ud800\"}]");
    utf_16_is_no_json(&utf_16("[]"));
    a_byte_order_mark_is_no_json(b"\xef\xbb\xbf[]");
    a_nul_byte_behind_a_document_is_no_json(b"[]\0");
    a_nul_byte_in_a_text_is_no_json(b"[{\"ipAddress\":\"203.0.113.10\0\"}]");
    nul_bytes_alone_are_no_json(&[0; 64]);
    deeply_nested_arrays_are_no_json(&nested("[", "]"));
    deeply_nested_objects_are_no_json(&nested("{\"a\":", "}"));
}

/// Readers understand such a body in different ways; the member is named.
fn is_ambiguous(body: &str, name: &str) {
    let gateway = gateway();
    for (method, target) in TARGETS {
        let answer = call(&gateway, method, target).body(body).send();
        tells(&refused(&answer, 400, "INVALID_JSON", target), &[name, "twice"], target);
    }
    unchanged(&gateway);
}

table! { is_ambiguous;
    a_member_twice_with_the_same_value_is_ambiguous(r#"[{"ipAddress":"10.0.0.1","ipAddress":"10.0.0.1"}]"#, "ipAddress");
    a_member_twice_with_another_value_is_ambiguous(r#"[{"cidrBlock":"10.0.0.0/8","cidrBlock":"0.0.0.0/0"}]"#, "cidrBlock");
    a_member_twice_once_spelled_with_an_escape_is_ambiguous(
        r#"[{"ipAddress":"10.0.0.1","ip\u0041ddress":"10.0.0.2"}]"#, "ipAddress"
    );
    a_member_twice_in_a_place_that_is_not_used_is_ambiguous(r#"[{"x":{"a":1,"a":2}}]"#, "\"a\"");
    a_role_and_then_another_is_ambiguous(
        r#"{"desc":"d","roles":["ORG_MEMBER"],"roles":["ORG_OWNER"]}"#, "roles"
    );
}

#[test]
fn a_long_text_of_the_client_is_not_repeated_whole() {
    let gateway = gateway();
    let body = json!([{ "ipAddress": "9".repeat(100_000) }]);
    let answer = call(&gateway, "POST", TARGETS[0].1).body(body.to_string()).send();
    refused(&answer, 400, "INVALID_IP_ADDRESS_OR_CIDR_NOTATION", "a long text");
    assert!(answer.body.len() < 2_000, "{} bytes", answer.body.len());
}

#[test]
fn a_body_of_one_mebibyte_is_read_and_one_byte_more_is_refused() {
    let gateway = gateway();
    let body = |bytes: usize| format!("[{}]", " ".repeat(bytes - 2));
    let list = list_of("{key}");
    let answer = call(&gateway, "POST", &list).body(body(LIMIT)).send();
    assert_eq!(accepted(&answer, "1 MiB")["totalCount"], 1);

    let too_large = |answer: &Answer, case: &str| {
        let problem = refused(answer, 413, "PAYLOAD_TOO_LARGE", case);
        assert_eq!(problem["parameters"], json!([LIMIT]), "{case}");
        tells(&problem, &["1048576"], case);
    };
    for (method, target) in TARGETS {
        let length = format!("Content-Length: {}", LIMIT + 1);
        let (mut client, head) = begun(&gateway, method, target, &[&length]);
        client.send(head);
        too_large(&client.read_answer(), "by its length, before a byte of it is sent");

        let (mut client, head) = begun(&gateway, method, target, &["Transfer-Encoding: chunked"]);
        client.send(head);
        let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", LIMIT + 1, body(LIMIT + 1));
        client.send_as_far_as_it_goes(chunk.as_bytes());
        too_large(&client.read_answer(), "by its bytes, where no length is told");
    }
    unchanged(&gateway);
}

#[test]
fn who_sends_all_of_a_body_that_is_too_large_still_reads_why_it_was_refused() {
    let gateway = gateway();
    for bytes in [LIMIT + 1, 4 * LIMIT, 16 * LIMIT] {
        let length = format!("Content-Length: {bytes}");
        let (mut client, head) = begun(&gateway, "POST", &list_of("{key}"), &[&length]);
        client.send(head);
        client.send_as_far_as_it_goes(&vec![b' '; bytes]);
        refused(&client.read_answer(), 413, "PAYLOAD_TOO_LARGE", &length);
    }
    unchanged(&gateway);
}

#[test]
fn the_limit_of_a_body_is_the_config_s() {
    let gateway =
        gateway_with(Options { admin: "body_limit = \"1KiB\"".into(), ..Options::default() });
    let list = list_of("{key}");
    let body = |bytes: usize| format!("[{}]", " ".repeat(bytes - 2));
    accepted(&call(&gateway, "POST", &list).body(body(1024)).send(), "1 KiB");
    let answer = call(&gateway, "POST", &list).body(body(1025)).send();
    let problem = refused(&answer, 413, "PAYLOAD_TOO_LARGE", "one byte more");
    assert_eq!(problem["parameters"], json!([1024]));
}

#[test]
fn a_body_that_breaks_off_changes_nothing() {
    let gateway = gateway();
    let whole = br#"[{"cidrBlock":"0.0.0.0/0"}]"#;
    for lines in [["Content-Length: 100"], ["Transfer-Encoding: chunked"]] {
        let (mut client, head) = begun(&gateway, "POST", &list_of("{key}"), &lines);
        client.send(head);
        if lines[0].starts_with("Transfer") {
            client.send(format!("{:x}\r\n", whole.len()));
        }
        // A whole document, and yet not the whole body.
        client.send(whole);
        client.finish_sending();
        let line = client.read_line();
        assert!(line.is_empty() || line.starts_with("HTTP/1.1 400 "), "{line}");
        unchanged(&gateway);
    }
}

#[test]
fn a_body_comes_in_chunks_as_well() {
    let gateway = gateway();
    let lines = ["Transfer-Encoding: chunked", "Content-Type: application/json"];
    let (mut client, head) = begun(&gateway, "POST", &list_of("{key}"), &lines);
    client.send(head);
    for part in ["[{\"ipAddr", "ess\":\"203.0.113.1", "0\"}]", ""] {
        client.send(format!("{:x}\r\n{part}\r\n", part.len()));
    }
    let page = accepted(&client.read_answer(), "in chunks");
    assert_eq!(ranges(&page), ["127.0.0.1/32", "203.0.113.10/32"]);
}

#[test]
fn a_body_is_waited_for_only_when_its_sender_may_change_something() {
    let gateway = gateway();
    let mut client = Client::connect(gateway.admin());
    let target = filled(&gateway, &list_of("{key}"));
    client.send(format!(
        "POST {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: 1000000\r\n\r\n",
        gateway.admin()
    ));
    // Not a byte of the body has been sent.
    refused(&client.read_answer(), 401, "UNEXPECTED_ERROR", "no credential");
}

#[test]
fn a_body_that_comes_after_its_request_was_refused_leaves_the_connection_good() {
    let gateway = gateway();
    let list = list_of("{key}");
    let body = r#"[{"ipAddress":"203.0.113.10"}]"#;
    let mut client = Client::connect(gateway.admin());
    let target = filled(&gateway, &list);
    let length = body.len();
    client.send(format!(
        "POST {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\n\r\n",
        gateway.admin()
    ));
    refused(&client.read_answer(), 401, "UNEXPECTED_ERROR", "no credential yet");
    // As Python's `requests` does: head and body are written apart, and the signed request follows on the connection.
    client.send(body);
    let (_, head) = begun(&gateway, "POST", &list, &[&format!("Content-Length: {length}")]);
    client.send(head);
    client.send(body);
    assert_eq!(accepted(&client.read_answer(), "signed")["totalCount"], 2);
}

#[test]
fn who_expects_to_be_told_to_continue_is_told() {
    let gateway = gateway();
    let body = r#"[{"ipAddress":"203.0.113.10"}]"#;
    let length = format!("Content-Length: {}", body.len());
    let lines = [length.as_str(), "Expect: 100-continue"];
    let (mut client, head) = begun(&gateway, "POST", &list_of("{key}"), &lines);
    client.send(head);
    assert_eq!(client.read_head().0, 100);
    client.send(body);
    assert_eq!(accepted(&client.read_answer(), "after the 100")["totalCount"], 2);
}

#[test]
fn who_loses_an_entry_a_role_or_the_key_while_sending_a_body_changes_nothing() {
    let gateway = gateway();
    let body = r#"[{"cidrBlock":"0.0.0.0/0"}]"#;
    let length = format!("Content-Length: {}", body.len());
    for (row, method, path, change, entries, code) in [
        (
            "an entry",
            "DELETE",
            "/accessList/127.0.0.1",
            "",
            &["127.0.0.1", "10.0.0.0/8"][..],
            "IP_ADDRESS_NOT_ON_ACCESS_LIST",
        ),
        (
            "the last entry",
            "DELETE",
            "/accessList/127.0.0.1",
            "",
            &["127.0.0.1"],
            "ORG_REQUIRES_ACCESS_LIST",
        ),
        ("a role", "PATCH", "", r#"{"roles":["ORG_MEMBER"]}"#, &["127.0.0.1"], "USER_UNAUTHORIZED"),
        ("the key", "DELETE", "", "", &["127.0.0.1"], "USER_UNAUTHORIZED"),
    ] {
        let (id, slow) = gateway.new_key(&[Role::Owner], entries);
        let lines = [length.as_str(), "Expect: 100-continue"];
        let (mut client, head) = begun_by(&gateway, &slow, "POST", &list_of("{key}"), &lines);
        client.send(head);
        assert_eq!(client.read_head().0, 100, "{row}: it has passed the checks that come before");
        let key = format!("{V2}/orgs/{{org}}/apiKeys/{id}{path}");
        let taken = call(&gateway, method, &key).body(change).send();
        assert!(matches!(taken.status, 200 | 204), "{row}: {}", taken.text());
        client.send(body);
        refused(&client.read_answer(), 403, code, row);
        assert_eq!(stored(&gateway, &list_of("{key}")), ["127.0.0.1/32"], "{row}");
    }
}
