//! A client that sends exactly what it is told to, over a blocking socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use md5::Digest as _;
use rustls::{ClientConfig, ClientConnection};
use socket2::{Domain, Socket, Type};

use super::tls::Line;

/// A key as its owner has it.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) public_key: String,
    pub(crate) private_key: String,
}

/// A response, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The first header of that name.
    pub(crate) fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Every header of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let same = move |(own, _): &&(String, String)| own.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// The code of an error body, which the header has to repeat.
    pub(crate) fn error_code(&self) -> String {
        let code = self.json()["errorCode"].as_str().unwrap_or_default().to_owned();
        assert_eq!(self.header("x-error-code"), Some(code.as_str()), "the header repeats the code");
        assert_eq!(self.json()["error"], self.status, "the body repeats the status");
        code
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<Line>,
    /// What its `Host` lines say.
    host: String,
}

impl Client {
    /// Connects from 127.0.0.1.
    pub(crate) fn connect(to: SocketAddr) -> Self {
        Self::connect_from(Ipv4Addr::LOCALHOST.into(), to)
    }

    /// Connects from an address of this machine.
    pub(crate) fn connect_from(from: IpAddr, to: SocketAddr) -> Self {
        Self { stream: BufReader::new(Line::Plain(socket(from, to))), host: to.to_string() }
    }

    /// Connects from 127.0.0.1 by TLS, and asks for `name`, an address or a host, from then on.
    pub(crate) fn connect_tls(
        to: SocketAddr,
        name: &str,
        config: &Arc<ClientConfig>,
    ) -> std::io::Result<Self> {
        let line = Line::secure(socket(Ipv4Addr::LOCALHOST.into(), to), name, config)?;
        Ok(Self { stream: BufReader::new(line), host: name.to_owned() })
    }

    /// As [`connect_tls`](Self::connect_tls), behind bytes in plain text.
    pub(crate) fn connect_tls_behind(
        bytes: &[u8],
        to: SocketAddr,
        name: &str,
        config: &Arc<ClientConfig>,
    ) -> std::io::Result<Self> {
        let mut socket = socket(Ipv4Addr::LOCALHOST.into(), to);
        socket.write_all(bytes)?;
        let line = Line::secure(socket, name, config)?;
        Ok(Self { stream: BufReader::new(line), host: name.to_owned() })
    }

    /// What the client knows of its TLS.
    pub(crate) fn tls(&self) -> &ClientConnection {
        self.stream.get_ref().tls()
    }

    /// The same connection, with another name of the host in its requests.
    pub(crate) fn naming(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes until the other side takes no more of them.
    pub(crate) fn send_as_far_as_it_goes(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// Sends a request with a `Host` line; `headers` are whole lines without their end.
    pub(crate) fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Answer {
        self.send_request(method, target, headers, body);
        self.read_answer_to(method)
    }

    /// Sends a request and does not wait for the response.
    pub(crate) fn send_request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[&str],
        body: &[u8],
    ) {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.host);
        for line in headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        if !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.send([head.as_bytes(), body].concat());
    }

    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.request("GET", target, &[], b"")
    }

    /// Sends a request twice, as a digest client does: once to be challenged, once with the answer.
    pub(crate) fn digest(
        &mut self,
        credential: &Credential,
        method: &str,
        target: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Answer {
        let challenge = self.request(method, target, headers, b"");
        if challenge.status != 401 {
            return challenge;
        }
        let challenge = challenge.header("www-authenticate").expect("a challenge").to_owned();
        let authorization = authorization(credential, &challenge, method, target, 1);
        let mut lines = headers.to_vec();
        lines.push(&authorization);
        self.request(method, target, &lines, body)
    }

    /// Reads a response to a `GET`.
    pub(crate) fn read_answer(&mut self) -> Answer {
        self.read_answer_to("GET")
    }

    pub(crate) fn read_answer_to(&mut self, method: &str) -> Answer {
        let (status, headers) = self.read_head();
        let mut answer = Answer { status, headers, body: Vec::new() };
        if (100..200).contains(&status) && status != 101 {
            return answer;
        }
        if method == "HEAD" || matches!(status, 101 | 204 | 304) {
            return answer;
        }
        let is_chunked =
            answer.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
        if is_chunked {
            answer.body = self.read_chunks(&mut answer.headers);
        } else if let Some(length) = answer.header("content-length") {
            answer.body = vec![0; length.parse().unwrap()];
            self.stream.read_exact(&mut answer.body).unwrap();
        } else {
            self.stream.read_to_end(&mut answer.body).unwrap();
        }
        answer
    }

    /// The status and the headers of a response.
    pub(crate) fn read_head(&mut self) -> (u16, Vec<(String, String)>) {
        let line = self.read_line();
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.read_line();
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        (status, headers)
    }

    fn read_chunks(&mut self, trailers: &mut Vec<(String, String)>) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = self.read_line();
            let size = usize::from_str_radix(size.split(';').next().unwrap(), 16).unwrap();
            if size == 0 {
                break;
            }
            let start = body.len();
            body.resize(start + size, 0);
            self.stream.read_exact(&mut body[start..]).unwrap();
            assert_eq!(self.read_line(), "");
        }
        while let Some((name, value)) = self.read_line().split_once(':') {
            trailers.push((name.to_owned(), value.trim().to_owned()));
        }
        body
    }

    /// A line without its end; empty at the end of the stream.
    pub(crate) fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    /// Reads bytes as they come.
    pub(crate) fn read_exact(&mut self, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        self.stream.read_exact(&mut read).unwrap();
        read
    }

    /// As [`read_exact`](Self::read_exact); none where the stream ends before.
    pub(crate) fn try_read_exact(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let mut read = vec![0; bytes];
        self.stream.read_exact(&mut read).ok().map(|()| read)
    }

    /// Whether the other side has closed the connection, after it sent what it had to. A reset is a close.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => true,
            // Over TLS, an end without the alert that announces it.
            Err(error) => matches!(
                error.kind(),
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::UnexpectedEof
            ),
        }
    }

    /// Says that nothing more is sent.
    pub(crate) fn finish_sending(&mut self) {
        self.stream.get_ref().socket().shutdown(std::net::Shutdown::Write).unwrap();
    }
}

fn socket(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream: TcpStream = socket.into();
    // Far above anything that is waited for: a test that hangs fails instead.
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The `Authorization` line that answers a challenge, computed by RFC 7616 and by nothing of the program.
pub(crate) fn authorization(
    credential: &Credential,
    challenge: &str,
    method: &str,
    target: &str,
    nc: u32,
) -> String {
    let parameter = |name: &str| {
        let start = challenge
            .find(&format!("{name}="))
            .unwrap_or_else(|| panic!("no {name} in {challenge}"));
        let value = &challenge[start + name.len() + 1..];
        match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap().to_owned(),
            None => value.split(',').next().unwrap().trim().to_owned(),
        }
    };
    let (realm, nonce, algorithm) =
        (parameter("realm"), parameter("nonce"), parameter("algorithm"));
    let hash = |text: String| match algorithm.as_str() {
        "MD5" => hex(&md5::Md5::digest(text)),
        "SHA-256" => hex(&sha2::Sha256::digest(text)),
        other => panic!("unknown algorithm {other}"),
    };
    let Credential { public_key, private_key } = credential;
    let secret = hash(format!("{public_key}:{realm}:{private_key}"));
    let what = hash(format!("{method}:{target}"));
    let response = hash(format!("{secret}:{nonce}:{nc:08x}:6b657977:auth:{what}"));
    format!(
        "Authorization: Digest username=\"{public_key}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{target}\", \
         algorithm={algorithm}, qop=auth, nc={nc:08x}, cnonce=\"6b657977\", response=\"{response}\""
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
