//! What does a request cost on its way through the whole program, and what without it?
//!
//! Unit: wall time of one request and its response of 1 KiB on one kept-alive HTTP/1.1 connection over loopback, one at a time.
//! Held fixed: one worker, one upstream connection, access log off. `direct` is the same client and the same upstream
//! with nothing between: the difference is the proxy's. The list's size must not show.

#![allow(
    missing_docs,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::app::App;
use portcullis::config::Config;
use portcullis::keys::KeyFile;
use portcullis::store::SqliteStore;
use portcullis::time::Clock;

/// Answers every request on every connection with 1 KiB.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer_all(stream));
        }
    });
    address
}

fn answer_all(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut response = b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n".to_vec();
    response.resize(response.len() + 1024, b'x');
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        if line == "\r\n" && reader.get_mut().write_all(&response).is_err() {
            return;
        }
        line.clear();
    }
}

fn gateway(upstream: SocketAddr, entries: usize, directory: &std::path::Path) -> App {
    let entries: Vec<String> = (0..entries)
        .map(|n| format!("\"10.{}.{}.{}\"", n >> 16, (n >> 8) & 255, n & 255))
        .collect();
    let text = format!(
        "[listeners.main]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [store]\npath = \"portcullis.db\"\nkey_file = \"portcullis.key\"\n\
         [upstreams.main]\nendpoint = \"{upstream}\"\n[workers]\ncount = 1\n[log]\naccess = \"off\"\n\
         [routes.main]\nupstream = \"main\"\nschemes = []\nlist = \"local\"\n\
         [lists.local]\nentries = [\"127.0.0.0/8\", {}]\n",
        entries.join(", ")
    );
    let path = directory.join("portcullis.toml");
    std::fs::write(&path, text).unwrap();
    let config = Config::load(&path, []).unwrap_or_else(|errors| panic!("{errors}"));
    let keys = KeyFile::create(&config.key_file).unwrap();
    drop(SqliteStore::create(&config.store_path, &keys).unwrap());
    App::start(config, Clock::system()).unwrap()
}

/// One request after the other on one connection.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    fn exchange(&mut self) {
        self.0
            .get_mut()
            .write_all(b"GET /orders/7 HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\n\r\n")
            .unwrap();
        let mut line = String::new();
        while self.0.read_line(&mut line).unwrap() > 2 {
            line.clear();
        }
        self.0.read_exact(&mut [0; 1024]).unwrap();
    }
}

fn proxy_path(criterion: &mut Criterion) {
    let upstream = upstream();
    let mut direct = Client::connect(upstream);
    criterion
        .bench_function("direct/http1/keepalive", |bencher| bencher.iter(|| direct.exchange()));
    for (entries, name) in [(10, "10"), (10_000, "10k")] {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let app = gateway(upstream, entries, directory.path());
        let mut client = Client::connect(app.proxy_address("main").unwrap());
        let name = format!("proxy_path/http1/keepalive/list_of_{name}");
        criterion.bench_function(&name, |bencher| bencher.iter(|| client.exchange()));
        drop(client);
        app.stop().unwrap();
    }
}

criterion_group!(benches, proxy_path);
criterion_main!(benches);
