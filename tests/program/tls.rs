//! Certificates as an operator meets them: at the check, at the start, and in the log when they are renewed.

use std::net::Ipv4Addr;

use super::Deployment;
use crate::harness::program::Process;
use crate::harness::tls::Ca;

/// A deployment whose admin API has the certificate `api` of `ca`.
fn deployment(ca: &Ca) -> Deployment {
    let upstream = (Ipv4Addr::LOCALHOST, 9).into();
    Deployment::initialised(upstream, &ca.table("admin", &["api"])).0
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_by_the_check_and_by_the_start() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    let deployment = deployment(&ca);
    deployment.succeed("check", &[]);
    let (certificate, key, _) = ca.make(&["api.example.com"], |_| ());
    let files = [ca.path("api.pem"), ca.path("api.key")];
    let [pem, key_file] = files.each_ref().map(|path| path.display().to_string());
    for (file, text, message, advice) in [
        (
            "api.key",
            key.as_str(),
            format!("the certificate {pem} and the key {key_file} cannot be used together"),
            "of one pair",
        ),
        (
            "api.key",
            certificate.as_str(),
            format!("{key_file} holds no private key"),
            "openssl pkey",
        ),
        (
            "api.pem",
            "nothing",
            format!("{pem} holds no certificate in PEM"),
            "those of its issuers",
        ),
    ] {
        ca.write(file, text);
        for command in ["check", "run"] {
            let told = deployment.fail(command, &[]);
            for part in ["listener admin: no TLS", &message, advice] {
                assert!(told.contains(part), "{command}: {part} in {told}");
            }
            assert!(!told.contains("PRIVATE KEY"), "{told}");
        }
    }
    std::fs::remove_file(ca.path("api.pem")).unwrap();
    let told = deployment.fail("check", &[]);
    assert!(
        told.contains(&format!("cannot read {pem}")) && told.contains("No such file"),
        "{told}"
    );
}

#[test]
fn a_renewed_certificate_is_told_in_the_log_whether_it_serves_or_not() {
    let ca = Ca::new();
    ca.issue("api", &["api.example.com"]);
    let deployment = deployment(&ca);
    let mut process = Process::start(&mut deployment.command("run", &[]));
    process.stderr.until("\"ready\"");
    ca.write("api.pem", "no certificate at all");
    let told =
        process.stderr.until("a changed certificate cannot be used: the one before serves on");
    let line = told.lines().last().unwrap();
    for part in ["WARN", "\"listener\":\"admin\"", "api.pem", "holds no certificate in PEM"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    ca.issue("api", &["api.example.com"]);
    process.stderr.until("a changed certificate serves from now on");
    process.signal("TERM");
    assert_eq!(process.finish().code, Some(0));
}
