//! Handshakes that come to nothing: what the client is told, and what is counted.

use super::*;

/// The first bytes of a TLS record that never ends.
const BEGUN: &[u8] = &[22, 3, 1, 2, 0, 1];

#[test]
fn a_handshake_takes_only_so_long_and_holds_a_place_meanwhile() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    let mut options = options(&ca, &["api"], "");
    // As many as that, since the scrapes that are waited with have the same limit, and go a moment after they have ended.
    options.more += "\n[limits]\nhandshake_timeout = \"500ms\"\nconnections = 8";
    options.more += "\n[metrics]\nlisten = \"127.0.0.1:0\"";
    let gateway = Gateway::with(Upstream::echo().address, options);
    let (silent, mut slow): (Vec<_>, _) =
        ((1..8).map(|_| gateway.client()).collect(), gateway.client());
    slow.send(BEGUN);
    gateway.wait_for_metric("portcullis_connections{listener=\"main\"} 8");
    assert!(gateway.client().is_closed(), "every place is taken");
    assert!(silent.into_iter().chain([slow]).all(|mut client| client.is_closed()));
    gateway.wait_for_metric("closed_total{listener=\"main\",reason=\"handshake_timeout\"} 8");
    gateway.wait_for_metric("closed_total{listener=\"main\",reason=\"limit\"} 1");
    gateway.wait_for_metric("tls_handshakes_total{listener=\"main\",outcome=\"timeout\"} 8");
    gateway.wait_for_metric("portcullis_connections{listener=\"main\"} 0");
    let config = ca.client(HTTP_1_1);
    let mut next = Client::connect_tls(gateway.proxy(), "api.example.com", &config).unwrap();
    assert_eq!(next.get("/").status, 200);
}

#[test]
fn who_speaks_plain_text_is_told_so_in_plain_text() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    let (upstream, gateway) = start(&ca, &["api"], "");
    let mut client = gateway.client();
    let answer = client.get("/");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("HTTPS"), "{}", answer.text());
    assert!(client.is_closed());
    // What is no HTTP either gets nothing at all.
    let mut client = gateway.client();
    client.send([0, 1, 2, 3]);
    assert!(client.try_read_exact(1).is_none());
    gateway.wait_for_metric("tls_handshakes_total{listener=\"main\",outcome=\"not_tls\"} 2");
    gateway.wait_for_metric("closed_total{listener=\"main\",reason=\"handshake\"} 2");
    gateway.wait_for_metric("portcullis_connections{listener=\"main\"} 0");
    assert!(upstream.all().is_empty());
}

#[test]
fn a_handshake_that_fails_is_counted_by_its_reason() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    let (_upstream, gateway) = start(&ca, &["api"], "");
    // The certificate of another issuer: the client refuses.
    let stranger = Ca::new().client(HTTP_1_1);
    assert!(Client::connect_tls(gateway.proxy(), "api.example.com", &stranger).is_err());
    gateway.wait_for_metric("outcome=\"alert\"} 1");
    let mut client = gateway.client();
    client.send(BEGUN);
    client.finish_sending();
    assert!(client.is_closed());
    gateway.wait_for_metric("outcome=\"closed\"} 1");
    let mut client = gateway.client();
    // A first message of an unknown kind.
    client.send([22, 3, 1, 0, 4, 99, 0, 0, 0]);
    assert!(client.is_closed());
    gateway.wait_for_metric("outcome=\"malformed\"} 1");
    gateway.wait_for_metric("closed_total{listener=\"main\",reason=\"handshake\"} 3");
}

#[test]
fn a_stop_does_not_wait_for_handshakes_that_nobody_goes_on_with() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    let mut options = options(&ca, &["api"], "");
    options.more += "\n[limits]\nhandshake_timeout = \"60s\"";
    let gateway = Gateway::with(Upstream::echo().address, options);
    let mut client = gateway.client();
    client.send(BEGUN);
    gateway.wait_for_metric("portcullis_connections{listener=\"main\"} 1");
    let begun = std::time::Instant::now();
    gateway.stop();
    assert!(client.is_closed());
    assert!(begun.elapsed().as_secs() < 10, "nobody waited for the drain's limit");
}
