//! The admin API and the operational endpoints by TLS.

use super::*;

fn admin(ca: &Ca, metrics: &str) -> Options {
    Options {
        admin: ca.table("admin", &["admin"]),
        more: format!("[metrics]\nlisten = \"127.0.0.1:0\"\n{metrics}"),
        ..Options::default()
    }
}

fn connect(gateway: &Gateway, ca: &Ca) -> Client {
    Client::connect_tls(gateway.admin(), "admin.example.com", &ca.client(HTTP_1_1)).unwrap()
}

#[test]
fn the_admin_api_links_to_https_and_keeps_browsers_there() {
    let ca = Ca::new();
    ca.issue("admin", &["admin.example.com"]);
    let gateway = Gateway::with(Upstream::echo().address, admin(&ca, ""));
    let headers = ["Accept: application/vnd.atlas.2023-01-01+json"];
    let path = format!("/api/atlas/v2{}", gateway.list_path());
    let answer = connect(&gateway, &ca).digest(&gateway.owner, "GET", &path, &headers, b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    let link = answer.json()["links"][0]["href"].as_str().unwrap().to_owned();
    assert!(link.starts_with("https://admin.example.com/api/atlas/v2/"), "{link}");
    let challenge = connect(&gateway, &ca).get(&path);
    assert_eq!(challenge.status, 401);
    assert!(challenge.header("strict-transport-security").is_some());
    let h2 = Http2::connect_tls(gateway.admin(), "admin.example.com", &ca.client(&["h2"]));
    assert_eq!(h2.get(&path).status, 401);
    let mut plain = Client::connect(gateway.admin());
    assert_eq!(plain.get(&path).status, 400, "not by plain text");
    gateway.wait_for_metric("tls_handshakes_total{listener=\"admin\",outcome=\"not_tls\"} 1");
}

#[test]
fn the_admin_api_in_plain_text_does_not_send_browsers_to_tls() {
    let gateway = Gateway::start(Upstream::echo().address);
    let answer = Client::connect(gateway.admin()).get("/api/atlas/v2/orgs");
    assert_eq!(answer.header("strict-transport-security"), None);
}

#[test]
fn the_admin_api_serves_the_hosts_of_its_certificate() {
    let ca = Ca::new();
    ca.issue("admin", &["admin.example.com"]);
    let gateway = Gateway::with(Upstream::echo().address, admin(&ca, ""));
    let answer = connect(&gateway, &ca).naming("other.example.com").get("/api/atlas/v2/orgs");
    assert_eq!(answer.status, 421);
    assert_eq!(answer.error_code(), "MISDIRECTED_REQUEST");
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    let mut client = connect(&gateway, &ca).naming("other.example.com");
    assert_eq!(client.request("POST", "/api/oauth/token", &form, b"x=y").status, 421);
}

#[test]
fn metrics_are_scraped_by_tls_where_their_listener_has_it() {
    let ca = Ca::new();
    ca.issue_with("admin", &["admin.example.com"], |certificate| {
        certificate.not_after = rcgen::date_time_ymd(2040, 1, 1);
    });
    let gateway =
        Gateway::with(Upstream::echo().address, admin(&ca, &ca.table("metrics", &["admin"])));
    let config = ca.client(&["h2"]);
    let scrape = Http2::connect_tls(gateway.operations(), "admin.example.com", &config);
    let scrape = String::from_utf8(scrape.get("/metrics").body.to_vec()).unwrap();
    for listener in ["admin", "metrics"] {
        let file = ca.path("admin.pem");
        let line = format!(
            "portcullis_tls_cert_not_after_seconds{{certificate=\"{}\",listener=\"{listener}\"}} 2208988800",
            file.display()
        );
        assert!(scrape.contains(&line), "{line} in {scrape}");
    }
}
