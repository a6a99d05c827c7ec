//! Certificates that are renewed while they serve.

use rustls::pki_types::CertificateDer;

use super::*;

/// The certificate that a new connection gets.
fn served(gateway: &Gateway, name: &str) -> CertificateDer<'static> {
    let client = Client::connect_tls(gateway.proxy(), name, &credulous()).unwrap();
    client.tls().peer_certificates().unwrap()[0].clone().into_owned()
}

fn reloads(outcome: &str, count: u32) -> String {
    format!("tls_certificate_reloads_total{{listener=\"main\",outcome=\"{outcome}\"}} {count}")
}

fn not_after(ca: &Ca, file: &str, seconds: u32) -> String {
    let file = ca.path(file);
    format!("not_after_seconds{{certificate=\"{}\",listener=\"main\"}} {seconds}", file.display())
}

#[test]
fn a_renewed_certificate_serves_and_open_connections_stay() {
    let ca = Ca::new();
    let other = ca.issue("other", &["other.example.com"]);
    ca.issue_with("api", &["api.example.com"], |certificate| {
        certificate.not_after = rcgen::date_time_ymd(2040, 1, 1);
    });
    let (_upstream, gateway) = start(&ca, &["other", "api"], "");
    gateway.wait_for_metric(&not_after(&ca, "api.pem", 2_208_988_800));
    let config = ca.client(HTTP_1_1);
    let mut open = Client::connect_tls(gateway.proxy(), "api.example.com", &config).unwrap();
    assert_eq!(open.get("/before").status, 200);
    let h2 = Http2::connect_tls(gateway.proxy(), "api.example.com", &ca.client(&["h2"]));
    assert_eq!(h2.get("/before").status, 200);

    let new = ca.issue_with("api", &["api.example.com", "new.example.com"], |certificate| {
        certificate.not_after = rcgen::date_time_ymd(2041, 1, 1);
    });
    gateway.wait_for_metric(&reloads("loaded", 1));
    assert_eq!(served(&gateway, "api.example.com"), new);
    assert_eq!(served(&gateway, "new.example.com"), new, "and its new name");
    assert_eq!(served(&gateway, "other.example.com"), other);
    gateway.wait_for_metric(&not_after(&ca, "api.pem", 2_240_611_200));
    assert_eq!(open.get("/after").status, 200);
    assert_eq!(open.naming("new.example.com").get("/").status, 421, "it began with the old one");
    assert_eq!(h2.get("/after").status, 200);
    gateway.wait_for_metric(&reloads("refused", 0));
}

#[test]
fn a_pair_that_cannot_be_used_leaves_the_one_before_in_place() {
    let ca = Ca::new();
    let old = ca.issue("api", &["api.example.com"]);
    let (_upstream, gateway) = start(&ca, &["api"], "");
    let (certificate, key, new) = ca.make(&["api.example.com"], |_| ());
    ca.write("api.pem", &certificate);
    gateway.wait_for_metric(&reloads("refused", 1));
    assert_eq!(served(&gateway, "api.example.com"), old, "the key does not belong to it");
    ca.write("api.pem", "no certificate at all");
    gateway.wait_for_metric(&reloads("refused", 2));
    std::fs::remove_file(ca.path("api.pem")).unwrap();
    gateway.wait_for_metric(&reloads("refused", 3));
    assert_eq!(served(&gateway, "api.example.com"), old);
    ca.write("api.key", &key);
    ca.write("api.pem", &certificate);
    gateway.wait_for_metric(&reloads("loaded", 1));
    assert_eq!(served(&gateway, "api.example.com"), new);
}

#[test]
fn a_directory_that_is_exchanged_for_another_brings_its_certificate() {
    let ca = Ca::new();
    for directory in ["one", "two"] {
        std::fs::create_dir(ca.path(directory)).unwrap();
    }
    ca.issue("one/api", &["api.example.com"]);
    let new = ca.issue("two/api", &["api.example.com"]);
    // As Kubernetes mounts a secret: the files stay where they are, and a link to their directory moves.
    std::os::unix::fs::symlink("one", ca.path("now")).unwrap();
    let (_upstream, gateway) = start(&ca, &["now/api"], "");
    std::os::unix::fs::symlink("two", ca.path("next")).unwrap();
    std::fs::rename(ca.path("next"), ca.path("now")).unwrap();
    gateway.wait_for_metric(&reloads("loaded", 1));
    assert_eq!(served(&gateway, "api.example.com"), new);
}
