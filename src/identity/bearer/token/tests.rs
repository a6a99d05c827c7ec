use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

use super::*;
use crate::id::ObjectId;
use crate::identity::SigningSecret;

const fn object(number: u8) -> ObjectId {
    ObjectId::from_bytes([number; 12])
}

fn key(number: u8) -> SigningKey {
    SigningKey {
        id: SigningKeyId(object(number)),
        key: SigningSecret::from_bytes([number; 32]),
        created: Timestamp::from_millis(0),
    }
}

fn claims() -> Claims {
    Claims {
        account: CredentialId(object(1)),
        token: TokenRef {
            id: TokenId(object(2)),
            secret: SecretId(object(3)),
            expires: Timestamp::from_millis(1_785_003_600_000),
        },
        issued: Timestamp::from_millis(1_785_000_000_000),
    }
}

fn token() -> String {
    encode(&claims(), &key(7)).unwrap().expose_secret().to_owned()
}

const HEADER: &str = r#"{"typ":"JWT","alg":"HS256","kid":"070707070707070707070707"}"#;

const CLAIMS: &str = r#"{"iss":"portcullis","aud":"portcullis","sub":"mdb_sa_id_010101010101010101010101","cid":"mdb_sa_id_010101010101010101010101","jti":"020202020202020202020202","sid":"030303030303030303030303","iat":1785000000,"exp":1785003600}"#;

/// A token of its own making: it shares no line with the program's side.
fn signed(header: &str, claims: &str, key: &[u8; 32]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(&message).finalize();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.into_bytes()))
}

#[test]
fn a_token_has_the_form_that_it_is_documented_to_have() {
    assert_eq!(token(), signed(HEADER, CLAIMS, &[7; 32]));
    assert!(token().len() < 500);
}

#[test]
fn what_a_token_says_reads_back() {
    assert_eq!(decode(token().as_bytes(), &[key(6), key(7)]), Ok(claims()));
}

#[test]
fn times_are_cut_off_to_seconds_so_that_no_token_outlives_what_it_was_given_for() {
    let mut precise = claims();
    precise.token.expires = Timestamp::from_millis(1_785_003_600_999);
    precise.issued = Timestamp::from_millis(1_785_000_000_001);
    let token = encode(&precise, &key(7)).unwrap();
    assert_eq!(decode(token.expose_secret().as_bytes(), &[key(7)]), Ok(claims()));
}

#[test]
fn a_token_is_never_shown() {
    let token = encode(&claims(), &key(7)).unwrap();
    assert!(!format!("{token:?}").contains("ey"));
}

#[test]
fn a_token_in_another_form_is_foreign_even_where_a_known_key_has_signed_it() {
    let header = |from: &str, to: &str| {
        assert!(HEADER.contains(from));
        signed(&HEADER.replace(from, to), CLAIMS, &[7; 32])
    };
    let claims = |from: &str, to: &str| {
        assert!(CLAIMS.contains(from));
        signed(HEADER, &CLAIMS.replace(from, to), &[7; 32])
    };
    let unsigned = |token: String| token.rsplit_once('.').unwrap().0.to_owned();
    for (case, token) in [
        ("nothing", String::new()),
        ("one part", "abc".into()),
        ("two parts", unsigned(token())),
        ("four parts", format!("{}.{}", token(), "abc")),
        ("empty parts", "..".into()),
        ("no base64", format!("{}.a.b", "+".repeat(8))),
        ("padded base64", format!("{}=", token())),
        ("no JSON in its header", signed("abc", CLAIMS, &[7; 32])),
        ("no algorithm", header(r#""alg":"HS256","#, "")),
        ("algorithm none", header("HS256", "none")),
        ("algorithm none, unsigned", format!("{}.", unsigned(header("HS256", "none")))),
        ("algorithm none in another case", header("HS256", "nOnE")),
        ("another MAC", header("HS256", "HS512")),
        ("a public-key algorithm", header("HS256", "ES512")),
        ("no key named", header(r#","kid":"070707070707070707070707""#, "")),
        ("a key of another form", header("070707070707070707070707", "../../key")),
        ("a critical extension", header("{", r#"{"crit":["b64"],"b64":false,"#)),
        ("the algorithm twice", header("{", r#"{"alg":"none","#)),
        ("no JSON in its claims", signed(HEADER, "abc", &[7; 32])),
        ("another issuer", claims(r#""iss":"portcullis""#, r#""iss":"elsewhere""#)),
        ("no issuer", claims(r#""iss":"portcullis","#, "")),
        ("another audience", claims(r#""aud":"portcullis""#, r#""aud":"elsewhere""#)),
        ("no audience", claims(r#""aud":"portcullis","#, "")),
        ("an audience of null", claims(r#""aud":"portcullis""#, r#""aud":null"#)),
        ("another subject", claims(r#""sub":"mdb_sa_id_"#, r#""sub":""#)),
        ("no token id", claims(r#""jti":"020202020202020202020202","#, "")),
        ("a secret of another form", claims("030303030303030303030303", "3")),
        ("no end", claims(r#","exp":1785003600"#, "")),
        ("an end as text", claims("1785003600", r#""1785003600""#)),
        ("an end that is no time", claims("1785003600", "9223372036854775807")),
        ("an end of infinity", claims("1785003600", "1e999")),
    ] {
        assert_eq!(decode(token.as_bytes(), &[key(7)]), Err(RefusalReason::ForeignToken), "{case}");
    }
}

#[test]
fn a_token_must_be_signed_by_the_key_that_it_names() {
    use RefusalReason::{ForeignToken, UnknownSigningKey, WrongSignature};
    let token = token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let other_claims = URL_SAFE_NO_PAD.encode(CLAIMS.replace("0101", "0909"));
    let last = signature.chars().last().unwrap();
    let same_bytes = URL_SAFE_NO_PAD_ALPHABET
        .chars()
        .cycle()
        .skip_while(|letter| *letter != last)
        .nth(1)
        .unwrap();
    for (case, token, expected) in [
        ("another key's", signed(HEADER, CLAIMS, &[8; 32]), WrongSignature),
        ("other claims", format!("{header}.{other_claims}.{signature}"), WrongSignature),
        ("another signature", format!("{message}.{}", "A".repeat(43)), WrongSignature),
        ("a short signature", format!("{message}.{}", &signature[..42]), ForeignToken),
        ("half a signature", format!("{message}.{}", &signature[..24]), WrongSignature),
        ("no signature", format!("{message}."), WrongSignature),
        (
            "bits after the signature",
            format!("{message}.{}{same_bytes}", &signature[..42]),
            ForeignToken,
        ),
        (
            "a key there is not",
            signed(&HEADER.replace("0707", "0606"), CLAIMS, &[7; 32]),
            UnknownSigningKey,
        ),
        ("claims without a header", format!(".{claims}.{signature}"), ForeignToken),
    ] {
        assert_eq!(decode(token.as_bytes(), &[key(7), key(8)]), Err(expected), "{case}");
    }
    assert_eq!(decode(token.as_bytes(), &[]), Err(UnknownSigningKey));
}

const URL_SAFE_NO_PAD_ALPHABET: &str =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes, &[key(7)]).is_err());
    }

    #[test]
    fn no_header_or_claims_make_it_panic(header in "\\PC{0,60}", claims in "\\PC{0,60}") {
        prop_assert!(decode(signed(&header, &claims, &[7; 32]).as_bytes(), &[key(7)]).is_err());
    }

    #[test]
    fn a_token_has_one_text(at: prop::sample::Index, to: u8) {
        let mut bytes = token().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        prop_assert!(decode(&bytes, &[key(7)]).is_err());
    }
}
