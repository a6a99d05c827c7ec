//! In front of a real web server, with a real client: nginx serves files, curl asks for them through the gateway.
//!
//! Neither of the two knows anything of Portcullis: what they agree on through it is HTTP as others speak it.

use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use md5::Digest as _;

use crate::harness::Deployment;
use crate::harness::client::{Client, Credential, authorization};
use crate::harness::deployment::{Owner, Running};
use crate::harness::program::{Process, finish};

/// The files that nginx serves, with their sizes.
const FILES: [(&str, usize); 3] = [("empty", 0), ("small", 1024), ("large", 10 * 1024 * 1024)];

#[test]
fn files_come_through_byte_for_byte_over_both_protocols() {
    let set = Setting::start();
    for protocol in PROTOCOLS {
        for (name, size) in FILES {
            let answer = set.curl(&[protocol], name);
            assert_eq!((answer.status, answer.body.len()), (200, size), "{protocol} {name}");
            let original = std::fs::read(set.nginx.files.join(name)).unwrap();
            assert_eq!(sum(&answer.body), sum(&original), "{protocol} {name}");
            assert_eq!(answer.header("content-length"), Some(size.to_string()));
            assert_eq!(answer.header("via").as_deref(), Some("1.1 portcullis"));
        }
    }
}

#[test]
fn heads_ranges_conditions_and_errors_mean_what_they_mean_without_a_proxy() {
    let set = Setting::start();
    let large = std::fs::read(set.nginx.files.join("large")).unwrap();
    for protocol in PROTOCOLS {
        let head = set.curl(&[protocol, "--head"], "large");
        assert_eq!((head.status, head.body.len()), (200, 0), "{protocol}");
        assert_eq!(head.header("content-length"), Some(large.len().to_string()));
        assert_eq!(head.header("accept-ranges").as_deref(), Some("bytes"));

        let part = set.curl(&[protocol, "--range", "1048570-1048585"], "large");
        assert_eq!(part.status, 206, "{protocol}");
        assert_eq!(part.body, large[1_048_570..=1_048_585]);
        let expected = format!("bytes 1048570-1048585/{}", large.len());
        assert_eq!(part.header("content-range"), Some(expected));
        let beyond = set.curl(&[protocol, "--range", "99999999-"], "large");
        assert_eq!(beyond.status, 416, "{protocol}");

        let tag = head.header("etag").expect("nginx tags files");
        let unchanged =
            set.curl(&[protocol, "--header", &format!("If-None-Match: {tag}")], "large");
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{protocol}");
        assert_eq!(unchanged.header("etag"), Some(tag));
        let changed = set.curl(&[protocol, "--header", "If-None-Match: \"other\""], "small");
        assert_eq!((changed.status, changed.body.len()), (200, 1024), "{protocol}");

        let missing = set.curl(&[protocol], "missing");
        assert_eq!(missing.status, 404, "{protocol}");
        let page = String::from_utf8(missing.body).unwrap();
        assert!(page.contains("404 Not Found") && page.contains("nginx"), "its own page: {page}");
        let deleted = set.curl(&[protocol, "--request", "DELETE"], "small");
        assert_eq!(deleted.status, 405, "{protocol}: nginx takes no DELETE for a file");
    }
}

#[test]
fn a_web_server_that_is_away_gives_502_until_it_is_back() {
    let mut set = Setting::start();
    for protocol in PROTOCOLS {
        assert_eq!(set.curl(&[protocol], "small").status, 200, "{protocol}: before");
        set.nginx.process.kill();
        let away = set.curl(&[protocol], "small");
        assert_eq!(away.status, 502, "{protocol}: meanwhile");
        let body: serde_json::Value = serde_json::from_slice(&away.body).unwrap();
        assert_eq!(body["error"], 502, "{body}");
        set.nginx.start_again();
        let back = set.curl(&[protocol], "small");
        assert_eq!((back.status, back.body.len()), (200, 1024), "{protocol}: after");
    }
}

/// curl, Portcullis and nginx.
struct Setting {
    nginx: Nginx,
    owner: Owner,
    running: Running,
    deployment: Deployment,
    curl_version: u32,
}

impl Setting {
    fn start() -> Self {
        let nginx = Nginx::start();
        let (deployment, owner) = Deployment::initialised(nginx.address, "");
        Self { running: deployment.run(), curl_version: curl_version(), nginx, owner, deployment }
    }

    /// What curl gets for a file, with the owner's key.
    fn curl(&self, options: &[&str], file: &str) -> Fetched {
        let (head, body) = (self.deployment.path("head"), self.deployment.path("body"));
        let _ = std::fs::remove_file(&body);
        let mut curl = Command::new("curl");
        // Not this machine's settings, and not a proxy between the two.
        curl.args(["--disable", "--noproxy", "*", "--silent", "--show-error"]).args(options);
        curl.arg("--dump-header").arg(&head).arg("--output").arg(&body);
        curl.args(self.credential(options, file));
        let finished = finish(curl.arg(format!("http://{}/{file}", self.running.proxy)));
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{options:?} {file}");
        let heads = std::fs::read_to_string(&head).unwrap();
        let is_head = options.contains(&"--head");
        let body = if is_head { Vec::new() } else { std::fs::read(&body).unwrap_or_default() };
        Fetched::new(&heads, body)
    }

    /// How curl is told to sign: by itself, where it can.
    ///
    /// Before its version 8, curl fails on the second request of any HTTP/2 connection that it opened by prior knowledge
    /// (<https://github.com/curl/curl/pull/10643>), and a digest takes two. There it is handed the answer to a challenge.
    fn credential(&self, options: &[&str], file: &str) -> Vec<String> {
        let credential = &self.owner.credential;
        if options.contains(&HTTP_1) || self.curl_version >= 8 {
            let Credential { public_key, private_key } = credential;
            return vec!["--digest".into(), "--user".into(), format!("{public_key}:{private_key}")];
        }
        let method = match options {
            [.., "--head"] => "HEAD",
            [.., "--request", method] => method,
            _ => "GET",
        };
        let target = format!("/{file}");
        let answer = Client::connect(self.running.proxy).request(method, &target, &[], b"");
        let challenge = answer.header("www-authenticate").unwrap();
        vec!["--header".into(), authorization(credential, challenge, method, &target, 1)]
    }
}

/// The first number of curl's version.
fn curl_version() -> u32 {
    let said = finish(Command::new("curl").arg("--version")).stdout;
    let version = said.strip_prefix("curl ").and_then(|rest| rest.split('.').next());
    version.and_then(|major| major.parse().ok()).unwrap_or_else(|| panic!("a version: {said}"))
}

struct Fetched {
    status: u16,
    head: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Fetched {
    /// `heads` are those of the challenge, if curl was challenged, and of the answer that counts.
    fn new(heads: &str, body: Vec<u8>) -> Self {
        let heads: Vec<_> = heads.split("\r\n\r\n").filter(|head| !head.is_empty()).collect();
        let Some((answer, challenges)) = heads.split_last() else { panic!("no answer") };
        assert!(challenges.iter().all(|head| status(head) == 401), "{heads:?}");
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Self { status: status(answer), head: answer.lines().filter_map(field).collect(), body }
    }

    fn header(&self, name: &str) -> Option<String> {
        self.head.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().trim().parse().unwrap()
}

/// An nginx with a configuration, a directory and a port of its own.
struct Nginx {
    process: Process,
    address: SocketAddr,
    files: PathBuf,
    directory: tempfile::TempDir,
}

impl Nginx {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let files = directory.path().join("files");
        std::fs::create_dir(&files).unwrap();
        for (name, size) in FILES {
            let bytes: Vec<u8> =
                (0..size as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
            std::fs::write(files.join(name), bytes).unwrap();
        }
        // Where nginx is started by root, it reads files as somebody else.
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let (process, address) = Self::on_a_free_port(directory.path());
        Self { process, address, files, directory }
    }

    /// nginx can't be told to choose its port; between the choice and its start another program may take it.
    fn on_a_free_port(directory: &Path) -> (Process, SocketAddr) {
        for _ in 0..10 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
            std::fs::write(directory.join("nginx.conf"), configuration(free)).unwrap();
            let mut process = Self::run(directory);
            let said = process.stderr.until_any(&[READY, "[emerg]"]);
            if said.contains(READY) {
                return (process, free);
            }
            assert!(said.contains("Address already in use"), "{said}");
        }
        panic!("no free port for nginx");
    }

    fn run(directory: &Path) -> Process {
        // Debian keeps it where only root looks.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = [path.to_str().unwrap(), "/usr/local/sbin", "/usr/sbin"].join(":");
        let mut nginx = Command::new("nginx");
        nginx.env("PATH", path).arg("-p").arg(directory).args(["-c", "nginx.conf", "-e", "stderr"]);
        Process::start(&mut nginx)
    }

    /// On the same port as before.
    fn start_again(&mut self) {
        self.process = Self::run(self.directory.path());
        self.process.stderr.until(READY);
        drop(TcpStream::connect(self.address).unwrap());
    }
}

/// One process, nothing outside of its directory, everything said on standard error.
fn configuration(address: SocketAddr) -> String {
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr notice;\n\
         events {{ worker_connections 64; }}\n\
         http {{\n\
           access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
           uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
           server {{ listen {address}; root files; }}\n\
         }}\n"
    )
}

fn sum(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

const HTTP_1: &str = "--http1.1";
const PROTOCOLS: [&str; 2] = [HTTP_1, "--http2-prior-knowledge"];

/// What nginx says once its sockets are open.
const READY: &str = "event method";
