use proptest::prelude::*;

use super::*;

const WHOLE: &str = r#" username="abcdefgh", realm="MMS Public API", nonce="n", uri="/a?b=c", response="8ca523f5e9506fed4657c9700eebdbec", cnonce="c", qop=auth, nc=0000000a"#;

fn parse(text: &str) -> Result<Answer<'_>, RefusalReason> {
    Answer::parse(text.as_bytes())
}

fn refusal(text: &str) -> Option<RefusalReason> {
    parse(text).err()
}

#[test]
fn a_whole_answer_is_read() {
    let answer = parse(WHOLE).unwrap();
    assert_eq!(answer.username, b"abcdefgh");
    assert_eq!(answer.nonce, b"n");
    assert_eq!(answer.cnonce, b"c");
    assert_eq!(answer.count.value.get(), 10);
    assert_eq!(answer.count.digits, b"0000000a");
    assert!(answer.realm.equals(b"MMS Public API"));
    assert!(answer.uri.equals(b"/a?b=c"));
    assert!(matches!(answer.response, Response::Md5([0x8c, 0xa5, ..])));
}

#[test]
fn spellings_that_clients_use_are_read() {
    for (from, to) in [
        ("qop=auth", r#"qop="auth""#),
        ("qop=auth", "QOP=auth"),
        ("username", "UserName"),
        ("qop=auth", r#"qop=auth, algorithm="MD5""#),
        ("qop=auth", "qop=auth, algorithm=md5"),
        ("qop=auth", r#"qop=auth, opaque="", charset=UTF-8, charset=UTF-8"#),
        ("qop=auth", "qop=auth, userhash=false"),
        ("nc=0000000a", r#"nc="0000000a""#),
        ("nc=0000000a", "nc=0000000A"),
        (r#"cnonce="c""#, r#"cnonce="""#),
        ("8ca523f5e9506fed", "8CA523F5E9506FED"),
        (", ", ","),
        (", ", " , ,\t"),
        ("=", " = "),
        ("nc=0000000a", "nc=0000000a,"),
        ("MMS Public API", r"MMS \Public API"),
    ] {
        assert_eq!(refusal(&WHOLE.replacen(from, to, usize::MAX)), None, "{from} as {to}");
    }
}

#[test]
fn what_breaks_the_form_is_malformed() {
    for (from, to) in [
        ("nc=0000000a", ""),
        (r#"username="abcdefgh", "#, ""),
        (r#"cnonce="c", "#, ""),
        ("nc=0000000a", "nc=0000000a, nc=0000000a"),
        ("nc=0000000a", "nc=0000000a, NC=0000000b"),
        ("nc=0000000a", "nc=a"),
        ("nc=0000000a", "nc=00000000a"),
        ("nc=0000000a", "nc=0000000g"),
        ("nc=0000000a", "nc=+000000a"),
        ("nc=0000000a", "nc=00000000"),
        ("nc=0000000a", "nc=0000000a;"),
        ("nc=0000000a", "nc=0000000a b"),
        ("nc=0000000a", "nc"),
        ("nc=0000000a", "nc="),
        ("nc=0000000a", r#"nc=0000000a, x="unclosed"#),
        ("nc=0000000a", r#"nc=0000000a, x="unclosed\""#),
        ("nc=0000000a", "nc=0000000a, =x"),
        ("eebdbec", "eebdbe"),
        ("eebdbec", "eebdbecc"),
        ("eebdbec", "eebdbeg"),
        ("qop=auth", "qop=auth, algorithm=SHA-256"), // The response is of MD5's length.
        ("abcdefgh", r"abcd\efgh"),
        (r#"nonce="n""#, r#"nonce="\n""#),
        (r#"uri="/a?b=c""#, "uri=/a?b=c"),
    ] {
        let text = WHOLE.replace(from, to);
        assert_eq!(refusal(&text), Some(Malformed), "{from} as {to}");
    }
    assert_eq!(refusal(""), Some(Unsupported));
}

#[test]
fn what_was_not_offered_is_unsupported() {
    for (from, to) in [
        (", qop=auth", ""),
        ("qop=auth", "qop=auth-int"),
        ("qop=auth", r#"qop="auth,auth-int""#),
        ("qop=auth", "qop=auth, algorithm=MD5-sess"),
        ("qop=auth", "qop=auth, algorithm=SHA-256-sess"),
        ("qop=auth", "qop=auth, algorithm=SHA-512-256"),
        ("qop=auth", "qop=auth, userhash=true"),
        ("qop=auth", "qop=auth, userhash=TRUE"),
        (r#"username="abcdefgh""#, "username*=UTF-8''abcdefgh"),
        ("qop=auth", "qop=auth, username*=UTF-8''abcdefgh"),
    ] {
        let text = WHOLE.replace(from, to);
        assert_eq!(refusal(&text), Some(Unsupported), "{from} as {to}");
    }
}

#[test]
fn an_escape_stands_for_the_character_after_it() {
    for (sent, meant, equal) in [
        (r"a\bc", "abc", true),
        (r#"a\"c"#, r#"a"c"#, true),
        (r"a\\c", r"a\c", true),
        ("abc", "abc", true),
        ("abc", "ab", false),
        ("ab", "abc", false),
        (r"ab\", "ab", true), // The parser never yields this: the quote would have been escaped.
        ("", "", true),
    ] {
        assert_eq!(Text(sent.as_bytes()).equals(meant.as_bytes()), equal, "{sent}");
    }
}

/// What an answer says, before it is written down.
#[derive(Clone, Debug)]
struct Said {
    username: String,
    realm: String,
    uri: String,
    nonce: String,
    cnonce: String,
    count: u32,
    response: [u8; 32],
}

prop_compose! {
    fn anything_said()(
        username in "[a-z]{0,12}",
        realm in "\\PC{0,20}",
        uri in "[!-~]{0,30}",
        nonce in "[A-Za-z0-9_-]{1,40}",
        cnonce in "[A-Za-z0-9=+/]{0,40}",
        count in 1..=u32::MAX,
        response: [u8; 32],
    ) -> Said {
        Said { username, realm, uri, nonce, cnonce, count, response }
    }
}

/// The parameters in any order, each in any spelling that clients may use.
fn written(said: Said) -> impl Strategy<Value = (Said, String)> {
    let digits: String = said.response.iter().map(|byte| format!("{byte:02x}")).collect();
    let parameters = vec![
        spelled("username", said.username.clone(), false),
        spelled("realm", said.realm.clone(), false),
        spelled("uri", said.uri.clone(), false),
        spelled("nonce", said.nonce.clone(), true),
        spelled("cnonce", said.cnonce.clone(), false),
        spelled("nc", format!("{:08x}", said.count), true),
        spelled("response", digits, true),
        spelled("algorithm", "SHA-256".to_owned(), true),
        spelled("qop", "auth".to_owned(), true),
        spelled("opaque", "\"quo,ted\\".to_owned(), false),
    ];
    (parameters.prop_shuffle(), "[ \t]{0,2},[ \t,]{0,2}")
        .prop_map(move |(parameters, comma)| (said.clone(), parameters.join(&comma)))
}

fn spelled(
    name: &'static str,
    value: String,
    may_be_bare: bool,
) -> impl Strategy<Value = String> + Clone {
    (any::<bool>(), any::<bool>(), "[ \t]{0,2}", "[ \t]{0,2}").prop_map(
        move |(upper, bare, before, after)| {
            let name = if upper { name.to_uppercase() } else { name.to_owned() };
            let value = if bare && may_be_bare {
                value.clone()
            } else {
                format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))
            };
            format!("{name}{before}={after}{value}")
        },
    )
}

proptest! {
    #[test]
    fn whatever_the_order_and_the_quoting_the_same_is_read(
        (said, text) in anything_said().prop_flat_map(written),
    ) {
        let answer = parse(&text).unwrap();
        prop_assert_eq!(answer.username, said.username.as_bytes());
        prop_assert!(answer.realm.equals(said.realm.as_bytes()));
        prop_assert!(answer.uri.equals(said.uri.as_bytes()));
        prop_assert_eq!(answer.nonce, said.nonce.as_bytes());
        prop_assert_eq!(answer.cnonce, said.cnonce.as_bytes());
        prop_assert_eq!(answer.count.value.get(), said.count);
        prop_assert!(matches!(answer.response, Response::Sha256(read) if read == said.response));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Answer::parse(&bytes);
    }

    #[test]
    fn no_damage_to_a_whole_answer_makes_it_panic(at in 0..WHOLE.len(), to: u8, cut in 0..WHOLE.len()) {
        let mut bytes = WHOLE.as_bytes().to_vec();
        bytes[at] = to;
        let _ = Answer::parse(&bytes);
        bytes.truncate(cut);
        let _ = Answer::parse(&bytes);
    }
}
