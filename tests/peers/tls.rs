//! The real curl and `openssl s_client` over TLS.

use std::process::{Command, Stdio};

use crate::harness::tls::Ca;
use crate::harness::{Gateway, Options, Upstream};

fn start(ca: &Ca, more: &str) -> Gateway {
    let options = Options {
        listener: format!("{}{more}", ca.table("listeners.main", &["api", "any"])),
        ..Options::default()
    };
    Gateway::with(Upstream::echo().address, options)
}

fn ca() -> Ca {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    ca.issue("any", &["*.example.org"]);
    ca
}

/// What curl prints of an answer: the HTTP version, the status and the body.
fn curl(ca: &Ca, gateway: &Gateway, host: &str, more: &[&str]) -> Result<String, String> {
    let to = gateway.proxy();
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--cacert"])
        .arg(ca.path("ca.pem"))
        .args(["--connect-to", &format!("::{}:{}", to.ip(), to.port())])
        .args(["--write-out", "%{http_version} %{http_code} "])
        .args(more)
        .arg(format!("https://{host}/path"))
        .output()
        .expect("curl, with TLS and HTTP/2, is on the PATH");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn curl_speaks_http2_and_http1_with_its_digest() {
    let ca = ca();
    let gateway = start(&ca, "");
    let owner = format!("{}:{}", gateway.owner.public_key, gateway.owner.private_key);
    let digest = ["--digest", "--user", &owner];
    for (protocol, expected) in [("--http2", "/path2 200 "), ("--http1.1", "/path1.1 200 ")] {
        for host in ["api.example.com", "www.example.org"] {
            let answer = curl(&ca, &gateway, host, &[&[protocol][..], &digest].concat()).unwrap();
            assert_eq!(answer, expected, "{host}");
        }
    }
    // A request whose host is not the one that TLS was begun for.
    let misdirected =
        curl(&ca, &gateway, "api.example.com", &["--header", "Host: www.example.org"]).unwrap();
    assert!(misdirected.ends_with("2 421 "), "{misdirected}");
    let refused = curl(&ca, &gateway, "unknown.example", &[]).unwrap_err();
    assert!(refused.contains("no alternative certificate subject name"), "{refused}");
}

#[test]
fn curl_is_told_where_it_speaks_plain_text_or_an_old_version() {
    let ca = ca();
    let gateway = start(&ca, "minimum_version = \"1.3\"\n");
    let old = curl(&ca, &gateway, "api.example.com", &["--tls-max", "1.2"]).unwrap_err();
    assert!(old.contains("alert protocol version"), "{old}");
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--include", &format!("http://{}/", gateway.proxy())])
        .output()
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("HTTPS"), "{answer}");
}

#[test]
fn curl_shows_its_certificate() {
    let ca = ca();
    let asking =
        format!("client_certificates = \"require\"\nclient_ca = {:?}\n", ca.path("ca.pem"));
    let gateway = start(&ca, &asking);
    let (certificate, key, _) = ca.make(&["client.example.com"], |_| ());
    ca.write("client.pem", &certificate);
    ca.write("client.key", &key);
    let [pem, key] = ["client.pem", "client.key"].map(|file| ca.path(file).display().to_string());
    let mine = ["--cert", &pem, "--key", &key];
    let answer = curl(&ca, &gateway, "api.example.com", &mine).unwrap();
    assert!(answer.ends_with("2 401 "), "{answer}");
    // In TLS 1.3 a client may send its request before it hears that it lacks one; then the reset can overtake the alert.
    let refused = curl(&ca, &gateway, "api.example.com", &["--tls-max", "1.2"]).unwrap_err();
    assert!(refused.contains("handshake failure") || refused.contains("certificate"), "{refused}");
    curl(&ca, &gateway, "api.example.com", &[]).unwrap_err();
}

/// What `openssl s_client` tells of a connection that it opens and closes at once.
fn s_client(ca: &Ca, gateway: &Gateway, more: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &gateway.proxy().to_string(), "-CAfile"])
        .arg(ca.path("ca.pem"))
        .args(more)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is on the PATH");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn openssl_agrees_on_versions_protocols_and_certificates() {
    let ca = ca();
    let gateway = start(&ca, "");
    for (name, subject) in
        [("api.example.com", "DNS:api.example.com"), ("a.example.org", "DNS:*.example.org")]
    {
        for (version, alpn) in [("-tls1_3", "h2"), ("-tls1_2", "http/1.1")] {
            let told = s_client(
                &ca,
                &gateway,
                &["-servername", name, "-verify_hostname", name, version, "-alpn", alpn],
            );
            for part in ["Verify return code: 0 (ok)", &format!("ALPN protocol: {alpn}")] {
                assert!(told.contains(part), "{part} for {subject} in {told}");
            }
        }
    }
    let old = s_client(&ca, &gateway, &["-servername", "api.example.com", "-tls1_1"]);
    assert!(!old.contains("Verify return code: 0 (ok)\n---\nread"), "{old}");
    assert!(old.contains("alert") || old.contains("no protocols available"), "{old}");
}

#[test]
fn openssl_resumes_a_session_by_its_ticket() {
    let ca = ca();
    let gateway = start(&ca, "");
    let session = ca.path("session");
    let session = session.to_str().unwrap();
    let name = ["-servername", "api.example.com", "-tls1_2"];
    let first = s_client(&ca, &gateway, &[&name[..], &["-sess_out", session]].concat());
    assert!(first.contains("New, TLSv1.2"), "{first}");
    let second = s_client(&ca, &gateway, &[&name[..], &["-sess_in", session]].concat());
    assert!(second.contains("Reused, TLSv1.2"), "{second}");
}
