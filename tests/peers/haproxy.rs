//! Behind a real balancer: HAProxy introduces its clients by the PROXY protocol, in both versions.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::program::Process;
use crate::harness::{Client, Gateway, Options, Upstream};

#[test]
fn clients_of_haproxy_are_judged_by_their_own_addresses() {
    let upstream = Upstream::echo();
    let options = Options {
        listener: "proxy_protocol = \"require\"\nproxy_protocol_peers = [\"127.0.0.1\"]".into(),
        route: "schemes = []\nlist = \"near\"".into(),
        more: "[lists.near]\nentries = [\"127.0.0.9\"]".into(),
        ..Options::default()
    };
    let gateway = Gateway::with(upstream.address, options);
    let directory = tempfile::tempdir().unwrap();
    // The second with a checksum, which HAProxy computes by code of its own.
    for sending in
        ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"]
    {
        let (_haproxy, address) = start(directory.path(), gateway.proxy(), sending);
        let mut near = Client::connect_from("127.0.0.9".parse().unwrap(), address);
        assert_eq!(near.get("/").status, 200, "{sending}");
        assert_eq!(upstream.next().headers["x-forwarded-for"], "127.0.0.9", "{sending}");
        let far = Client::connect_from("127.0.0.8".parse().unwrap(), address).get("/");
        assert_eq!(far.error_code(), "IP_ADDRESS_NOT_ON_ACCESS_LIST", "{sending}");
        assert_eq!(far.json()["parameters"][0], "127.0.0.8", "{sending}");
    }
}

/// HAProxy before `server`, and where it listens. It can't be told to choose its port; between the choice and its start another
/// program may take it.
fn start(directory: &Path, server: SocketAddr, sending: &str) -> (Process, SocketAddr) {
    for _ in 0..10 {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let file = directory.join("haproxy.cfg");
        std::fs::write(&file, configuration(free, server, sending)).unwrap();
        // Debian keeps it where only root looks.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = [path.to_str().unwrap(), "/usr/local/sbin", "/usr/sbin"].join(":");
        let mut haproxy = Command::new("haproxy");
        haproxy.env("PATH", path).arg("-db").arg("-f").arg(&file);
        let process = Process::start(&mut haproxy);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if TcpStream::connect(free).is_ok() {
                return (process, free);
            }
            std::thread::yield_now();
        }
    }
    panic!("HAProxy does not listen");
}

fn configuration(listen: SocketAddr, server: SocketAddr, sending: &str) -> String {
    format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
         listen front\n bind {listen}\n server portcullis {server} {sending}\n"
    )
}
