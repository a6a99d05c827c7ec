use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::sync::mpsc;

use http::{Method, StatusCode, Uri, Version};

use super::*;
use crate::addr::{ClientIp, PeerAddr, Prefix};
use crate::id::{CredentialId, ObjectId, OrgId};
use crate::telemetry::LogFormat;
use crate::telemetry::metrics::{Decision, RefusedReason};
use crate::time::Timestamp;

fn text(uri: &'static str) -> RequestText {
    RequestText::new("req-1", &Method::GET, "api.example.com:8443", &Uri::from_static(uri))
}

/// A record with nothing but what is always known.
fn bare(text: RequestText) -> Record {
    Record {
        time: Timestamp::from_millis(1_785_000_000_987),
        text,
        listener: "edge".into(),
        peer: PeerAddr("127.0.0.1:40000".parse().unwrap()),
        client: None,
        protocol: Version::HTTP_11,
        status: StatusCode::NOT_FOUND,
        duration: Duration::from_nanos(1_234_567),
        route: None,
        decision: Decision::Refused(RefusedReason::NoRoute),
        scheme: None,
        principal: None,
        org: None,
        entry: None,
        named_entry: None,
        upstream: None,
        upstream_status: None,
        bytes_received: 0,
        bytes_sent: 17,
        error: None,
    }
}

/// A record with everything.
fn full() -> Record {
    let id = |byte| ObjectId::from_bytes([byte; 12]);
    Record {
        client: Some(ClientIp::from(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10)))),
        protocol: Version::HTTP_2,
        status: StatusCode::BAD_GATEWAY,
        route: Some("api".into()),
        decision: Decision::Admitted,
        scheme: Some("digest"),
        principal: Some(CredentialId(id(0xc1))),
        org: Some(OrgId(id(0x01))),
        entry: Prefix::parse("203.0.113.0/24").ok(),
        named_entry: Prefix::parse("203.0.113.10").ok(),
        upstream: Some("echo".into()),
        upstream_status: Some(StatusCode::OK),
        bytes_received: 5,
        error: Some("upstream closed the connection".into()),
        ..bare(text("/v1/items?token=s3cret"))
    }
}

fn line(record: &Record) -> String {
    let mut line = Vec::new();
    record.write_line(&mut line);
    String::from_utf8(line).unwrap()
}

#[test]
fn a_line_tells_everything_known_in_this_form() {
    insta::assert_snapshot!(line(&full()), @r#"{"time":"2026-07-25T17:20:00.987Z","request_id":"req-1","listener":"edge","peer":"127.0.0.1:40000","client":"203.0.113.10","method":"GET","authority":"api.example.com:8443","path":"/v1/items","protocol":"HTTP/2.0","status":502,"duration_ms":1.234,"route":"api","decision":"admitted","reason":"none","scheme":"digest","principal":"c1c1c1c1c1c1c1c1c1c1c1c1","org":"010101010101010101010101","entry":"203.0.113.0/24","named_entry":"203.0.113.10/32","upstream":"echo","upstream_status":200,"bytes_received":5,"bytes_sent":17,"error":"upstream closed the connection"}"#);
}

#[test]
fn what_is_not_known_is_left_out() {
    insta::assert_snapshot!(line(&bare(text("/"))), @r#"{"time":"2026-07-25T17:20:00.987Z","request_id":"req-1","listener":"edge","peer":"127.0.0.1:40000","method":"GET","authority":"api.example.com:8443","path":"/","protocol":"HTTP/1.1","status":404,"duration_ms":1.234,"decision":"refused","reason":"no_route","bytes_received":0,"bytes_sent":17}"#);
}

#[test]
fn no_query_and_no_user_part_gets_into_a_line() {
    let uri = Uri::from_static("http://user:s3cret@host/path?api_key=s3cret");
    let text = RequestText::new("1", &Method::GET, "user:s3cret@host", &uri);
    assert_eq!((text.authority(), text.path()), ("host", "/path"));
    let line = line(&bare(text));
    assert!(!line.contains("s3cret"), "{line}");
}

#[test]
fn control_characters_are_escaped_so_that_a_line_stays_one_line() {
    let text = RequestText::new("a\r\nb\u{1b}[2J\"", &Method::GET, "", &Uri::from_static("/"));
    let line = line(&bare(text));
    assert_eq!(line.matches(['\n', '\r', '\u{1b}']).count(), 1, "{line}");
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json["request_id"], "a\r\nb\u{1b}[2J\"");
}

#[test]
fn what_a_client_may_make_long_is_cut() {
    let method = Method::from_bytes(&[b'M'; 5000]).unwrap();
    let uri: Uri = format!("/{}?q", "p".repeat(50_000)).parse().unwrap();
    let text = RequestText::new(&"é".repeat(70), &method, &"h".repeat(5000), &uri);
    assert_eq!(text.id(), format!("{}…", "é".repeat(64)));
    assert_eq!(text.method(), format!("{}…", "M".repeat(32)));
    assert_eq!(text.authority(), format!("{}…", "h".repeat(259)));
    assert_eq!(text.path(), format!("/{}…", "p".repeat(1023)));
}

#[test]
fn what_fits_is_kept_whole() {
    let id = "i".repeat(128);
    let text = RequestText::new(&id, &Method::OPTIONS, "", &Uri::from_static("*"));
    let parts = (text.id(), text.method(), text.authority(), text.path());
    assert_eq!(parts, (&id[..], "OPTIONS", "", "*"));
}

/// A target that says when it is written to and goes on when it is let.
struct Gate {
    entered: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.entered.send(()).unwrap();
        // An error means that the test opened the gate for good.
        let _ = self.go_on.recv();
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A target that keeps what is written.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn lines(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|byte| **byte == b'\n').count()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A target that fails after three bytes while it is told to.
struct Flaky {
    failures: usize,
    written: Memory,
}

impl Write for Flaky {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failures == 0 {
            return self.written.write(bytes);
        }
        if bytes.len() <= 3 {
            return self.written.write(bytes);
        }
        if self.written.0.lock().unwrap().ends_with(b"{\"t") {
            self.failures -= 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written.write(&bytes[..3])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn dropped() -> IntCounter {
    IntCounter::new("dropped", "dropped").unwrap()
}

#[test]
fn a_full_queue_drops_and_counts_and_never_waits() {
    let (entered, at_gate) = mpsc::channel();
    let (open, go_on) = mpsc::channel::<()>();
    let written = Memory::default();
    let gate = Gate { entered, go_on, written: Arc::clone(&written.0) };
    let dropped = dropped();
    let (log, guard) = AccessLog::start_with(Box::new(gate), 4, dropped.clone()).unwrap();

    log.write(full());
    at_gate.recv().unwrap();
    // The writer stands at the gate with the first line: four more fit, the rest is lost.
    for _ in 0..10 {
        log.write(full());
    }
    assert_eq!(dropped.get(), 6);

    drop(open);
    guard.close();
    assert_eq!(written.lines(), 5);
    assert_eq!(dropped.get(), 6);
}

#[test]
fn closing_writes_everything_handed_in_before() {
    let memory = Memory::default();
    let dropped = dropped();
    let (log, guard) =
        AccessLog::start_with(Box::new(memory.clone()), 8192, dropped.clone()).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            let log = log.clone();
            scope.spawn(move || (0..1000).for_each(|_| log.write(full())));
        }
    });
    guard.close();
    assert_eq!((memory.lines(), dropped.get()), (4000, 0));
}

#[test]
fn dropping_the_guard_closes_too_and_what_comes_later_is_counted() {
    let memory = Memory::default();
    let dropped = dropped();
    let (log, guard) = AccessLog::start_with(Box::new(memory.clone()), 1, dropped.clone()).unwrap();
    log.write(full());
    drop(guard);
    log.write(full());
    assert_eq!((memory.lines(), dropped.get()), (1, 1));
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_the_next_one_is_whole() {
    let memory = Memory::default();
    let sink = Flaky { failures: 1, written: memory.clone() };
    let lines = Vec::new();
    let mut batch = Batch { sink: Box::new(sink), lines, count: 0, state: SinkState::Well };
    batch.add(&full());
    batch.add(&full());
    assert_eq!(batch.write(), 2);
    batch.add(&full());
    assert_eq!(batch.write(), 0);
    let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text, format!("{{\"t\n{}", line(&full())));
}

#[test]
fn a_log_that_is_off_takes_records_and_does_nothing() {
    let (log, guard) = AccessLog::start(&settings(AccessLogTarget::Off), dropped()).unwrap();
    assert!(!log.is_on());
    log.write(full());
    guard.close();
}

#[test]
fn a_file_is_appended_to_and_not_for_everybody_to_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    for _ in 0..2 {
        let target = AccessLogTarget::File(path.clone());
        let (log, guard) = AccessLog::start(&settings(target), dropped()).unwrap();
        log.write(full());
        guard.close();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), line(&full()).repeat(2));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{mode:o}");
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_at_start() {
    let target = AccessLogTarget::File("/dev/null/access.log".into());
    assert!(AccessLog::start(&settings(target), dropped()).is_err());
}

fn settings(access_log: AccessLogTarget) -> LogSettings {
    LogSettings { access_log, access_log_queue: 16, level: "info".into(), format: LogFormat::Text }
}
