//! Certificates of clients: who gets in with one, who without, and who no longer.

use std::sync::Arc;

use rustls::ClientConfig;

use super::*;

/// A listener that asks for certificates of `ca`'s as `mode` says.
fn asking(ca: &Ca, mode: &str, more: &str) -> Gateway {
    let more = format!(
        "client_certificates = \"{mode}\"\nclient_ca = {:?}\n{more}",
        ca.path("clients.pem")
    );
    Gateway::with(Upstream::echo().address, options(ca, &["api"], &more))
}

/// An issuer of everything: the listener's certificate, and clients'.
fn ca() -> Ca {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    ca.write("clients.pem", &std::fs::read_to_string(ca.path("ca.pem")).unwrap());
    ca
}

fn connect(gateway: &Gateway, config: &Arc<ClientConfig>) -> std::io::Result<Client> {
    Client::connect_tls(gateway.proxy(), "api.example.com", config)
}

/// Whether a client gets in. With TLS 1.3 it sees a refusal only when it reads.
fn passes(gateway: &Gateway, config: &Arc<ClientConfig>) -> bool {
    let Ok(mut client) = connect(gateway, config) else { return false };
    client.send_as_far_as_it_goes(b"GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
    client.try_read_exact(12).is_some_and(|answer| answer == b"HTTP/1.1 200")
}

#[test]
fn a_certificate_is_asked_for_as_the_operator_says() {
    let ca = ca();
    let good = ca.client_with(&ca.identity(1, "good", &[]));
    let strange = ca.client_with(&Ca::new().identity(1, "strange", &[]));
    let none = ca.client(&[]);
    for (mode, without) in [("require", false), ("request", true)] {
        let gateway = asking(&ca, mode, "");
        assert!(passes(&gateway, &good), "{mode}");
        assert!(!passes(&gateway, &strange), "{mode}: another issuer's");
        assert_eq!(passes(&gateway, &none), without, "{mode}");
        let refused = if without { 1 } else { 2 };
        gateway.wait_for_metric(&format!("outcome=\"client_certificate\"}} {refused}"));
    }
    let gateway = asking(&ca, "require", "minimum_version = \"1.2\"\n");
    let old = ca.client_of(&[&TLS12], HTTP_1_1);
    assert!(connect(&gateway, &old).is_err(), "in the handshake itself");
}

#[test]
fn a_client_with_a_certificate_shows_it_on_every_connection() {
    let ca = ca();
    let gateway = asking(&ca, "request", "");
    let config = ca.client_with(&ca.identity(1, "good", &[]));
    for _ in 0..2 {
        let mut client = connect(&gateway, &config).unwrap();
        assert_eq!(client.get("/").status, 200);
        assert_eq!(client.tls().handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn a_revoked_certificate_is_out_at_once_and_no_other() {
    let ca = ca();
    ca.write("revoked.pem", &ca.revoke(&[7], 2100));
    let lists = format!("client_crl = [{:?}]\n", ca.path("revoked.pem"));
    let gateway = asking(&ca, "require", &lists);
    let [seven, eight, nine] =
        [7, 8, 9].map(|serial| ca.client_with(&ca.identity(serial, "client", &[])));
    assert!(!passes(&gateway, &seven), "revoked from the start");
    let mut open = [&eight, &nine].map(|config| connect(&gateway, config).unwrap());
    for client in &mut open {
        assert_eq!(client.get("/").status, 200);
    }
    ca.write("revoked.pem", &ca.revoke(&[7, 8], 2100));
    gateway.wait_for_metric("reloads_total{listener=\"main\",outcome=\"loaded\"} 1");
    assert!(!passes(&gateway, &eight));
    assert!(passes(&gateway, &nine));
    let [mut revoked, mut other] = open;
    let answer = revoked.get("/");
    assert_eq!((answer.status, &*answer.error_code()), (403, "CLIENT_CERTIFICATE_INVALID"));
    assert!(revoked.is_closed());
    assert_eq!(other.get("/").status, 200, "checked again, and good");
    gateway.wait_for_metric("reason=\"client_certificate\",route=\"none\"} 1");
}

#[test]
fn a_list_past_its_date_lets_nobody_in() {
    let ca = ca();
    ca.write("revoked.pem", &ca.revoke(&[], 2021));
    let lists = format!("client_crl = [{:?}]\n", ca.path("revoked.pem"));
    let gateway = asking(&ca, "require", &lists);
    assert!(!passes(&gateway, &ca.client_with(&ca.identity(1, "good", &[]))));
}

#[test]
fn issuers_change_without_a_restart() {
    let (ca, next) = (ca(), Ca::new());
    let gateway = asking(&ca, "require", "");
    let old = ca.client_with(&ca.identity(1, "old", &[]));
    let new = ca.client_with(&next.identity(1, "new", &[]));
    assert!(passes(&gateway, &old) && !passes(&gateway, &new));
    ca.write("clients.pem", "nobody");
    gateway.wait_for_metric("reloads_total{listener=\"main\",outcome=\"refused\"} 1");
    assert!(passes(&gateway, &old), "those before count on");
    ca.write("clients.pem", &std::fs::read_to_string(next.path("ca.pem")).unwrap());
    gateway.wait_for_metric("reloads_total{listener=\"main\",outcome=\"loaded\"} 1");
    assert!(!passes(&gateway, &old) && passes(&gateway, &new));
}
