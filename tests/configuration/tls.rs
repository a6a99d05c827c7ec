//! TLS in the config.

use super::*;

const CERTIFICATES: &str =
    "a list of at least one pair, as in `[{ cert = \"api.pem\", key = \"api.key\" }]`";

#[test]
fn a_listener_s_tls_names_its_certificates() {
    for (lines, expected) in [
        ("[admin.tls]", format!("7:1: key `admin.tls.certificates`: missing, expected {CERTIFICATES}")),
        (
            "[admin.tls]\ncertificates = []",
            format!("8:16: key `admin.tls.certificates`: found `[]`, expected {CERTIFICATES}"),
        ),
        (
            "[admin.tls]\ncertificates = [{ cert = \"a.pem\" }]",
            "8:17: key `admin.tls.certificates[0].key`: missing, expected the PEM file of the certificate's private key, as in `api.key`".into(),
        ),
        (
            "[admin.tls]\ncertificates = [{ cert = \"a.pem\", key = \"a.key\" }]\nminimum_version = \"1.1\"",
            "9:19: key `admin.tls.minimum_version`: found `\"1.1\"`, expected one of `1.2`, `1.3`; did you mean `1.2`?".into(),
        ),
        (
            "[metrics.tls]\ncertificates = [{ cert = \"a.pem\", key = \"a.key\" }]",
            "7:2: key `metrics.listen`: missing, expected an address of its own for what `[metrics.tls]` is set for, as in `0.0.0.0:9100`".into(),
        ),
    ] {
        assert_mistake(lines, &expected);
    }
}

#[test]
fn a_certificate_s_files_begin_at_the_config_s_directory() {
    let text = with("[admin.tls]\ncertificates = [{ cert = \"tls/a.pem\", key = \"/k/a.key\" }]");
    let config = Config::parse("/etc/portcullis/t.toml", &text, []).unwrap();
    let tls = config.admin.listener.tls.unwrap();
    assert_eq!(tls.certificates[0].certificate.to_str(), Some("/etc/portcullis/tls/a.pem"));
    assert_eq!(tls.certificates[0].key.to_str(), Some("/k/a.key"));
}

#[test]
fn the_admin_api_leaves_the_host_by_tls() {
    let lines = "[admin]\nlisten = \"0.0.0.0:8081\"\ntls.certificates = [{ cert = \"a.pem\", key = \"a.key\" }]";
    assert_eq!(mistakes(lines), [""; 0]);
}

#[test]
fn client_certificates_need_to_be_wanted_and_to_have_issuers() {
    let tls = "[admin.tls]\ncertificates = [{ cert = \"a.pem\", key = \"a.key\" }]";
    for (lines, expected) in [
        (
            "client_certificates = \"require\"",
            "7:1: key `admin.tls.client_ca`: missing, expected the PEM file of those whose certificates clients show, as in `clients-ca.pem`",
        ),
        (
            "client_ca = \"ca.pem\"",
            "7:1: key `admin.tls.client_certificates`: missing, expected `request` or `require`: without it, clients show no certificates",
        ),
        (
            "client_crl = [\"revoked.pem\"]",
            "7:1: key `admin.tls.client_certificates`: missing, expected `request` or `require`: without it, clients show no certificates",
        ),
        (
            "client_certificates = \"always\"\nclient_ca = \"ca.pem\"",
            "9:23: key `admin.tls.client_certificates`: found `\"always\"`, expected one of `off`, `request`, `require`",
        ),
    ] {
        assert_mistake(&format!("{tls}\n{lines}"), expected);
    }
}

#[test]
fn a_certificate_stands_for_one_credential() {
    let holders = |list: &str| format!("[client_cert]\nholders = [{list}]");
    let san = "an alternative name, as in `dns:ci.example.com`, `uri:spiffe://example.com/ci`, `email:ci@example.com` or `ip:192.0.2.7`";
    for (list, expected) in [
        (
            "{ san = \"ci.example.com\", credential = \"abcdefgh\" }",
            format!("8:20: key `client_cert.holders[0].san`: found `\"ci.example.com\"`, expected {san}"),
        ),
        (
            "{ credential = \"abcdefgh\" }",
            format!("8:12: key `client_cert.holders[0].san`: missing, expected {san}"),
        ),
        (
            "{ san = \"uri:a\", subject = \"CN=a\", credential = \"abcdefgh\" }",
            "8:12: key `client_cert.holders[0]`: found `{ san = \"uri:a\", subject = \"CN=a\", credential = \"abcdefgh\" }`, expected `subject` or `san`, not both".into(),
        ),
        (
            "{ san = \"uri:a\", credential = \"a\" }",
            "8:42: key `client_cert.holders[0].credential`: found `\"a\"`, expected an API key's public key of 8 letters, or a service account's client id, `mdb_sa_id_` and 24 digits".into(),
        ),
        (
            "{ san = \"dns:A\", credential = \"abcdefgh\" }, { san = \"dns:a\", credential = \"bcdefghi\" }",
            "8:56: key `client_cert.holders[1]`: found `{ san = \"dns:a\", credential = \"bcdefghi\" }`, expected each value once; it is the same as `client_cert.holders[0]`".into(),
        ),
    ] {
        assert_mistake(&holders(list), &expected);
    }
}
