//! A scrape as Prometheus' own tool judges it.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::harness::{Gateway, Upstream};

#[test]
fn promtool_has_nothing_to_say_about_a_scrape() {
    let gateway = Gateway::start(Upstream::echo().address);
    for from in ["127.0.0.1", "127.0.0.2"] {
        gateway.get_from(from, "/orders");
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool, of Debian's package prometheus, is on the PATH");
    promtool.stdin.take().unwrap().write_all(gateway.metrics().as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&said), "");
    assert!(output.status.success());
}
