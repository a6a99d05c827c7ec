//! An upstream that answers as the test says.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// What an upstream saw of a request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Seen {
    /// The header's value; several lines are joined by `|`.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let lines: Vec<_> =
            self.headers.get_all(name).iter().map(|line| line.to_str().unwrap()).collect();
        (!lines.is_empty()).then(|| lines.join("|"))
    }
}

/// An upstream on a port of its own.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Receiver<Seen>,
}

impl Upstream {
    /// Answers 200 with the target as the body.
    pub(crate) fn echo() -> Self {
        Self::answering(|seen| Response::new(Full::from(seen.target.clone())))
    }

    /// Answers what `answer` makes of what was seen.
    pub(crate) fn answering(
        answer: impl Fn(&Seen) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, seen) = channel();
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let (answer, tell) = (Arc::clone(&answer), tell.clone());
                    let service = service_fn(move |request: Request<Incoming>| {
                        let (answer, tell) = (Arc::clone(&answer), tell.clone());
                        async move {
                            let (parts, body) = request.into_parts();
                            let body = body
                                .collect()
                                .await
                                .map(|body| (body.trailers().cloned(), body.to_bytes()));
                            let (trailers, body) = body.unwrap_or_default();
                            let seen = Seen {
                                method: parts.method.to_string(),
                                target: parts.uri.to_string(),
                                headers: parts.headers,
                                body,
                                trailers,
                            };
                            let response = answer(&seen);
                            let _ = tell.send(seen);
                            Ok::<_, Infallible>(response)
                        }
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    tokio::spawn(async move {
                        http.serve_connection(TokioIo::new(stream), service).await
                    });
                }
            });
        });
        Self { address, seen }
    }

    /// The next request that came, waiting for it.
    pub(crate) fn next(&self) -> Seen {
        self.seen
            .recv_timeout(std::time::Duration::from_secs(30))
            .expect("a request reaches the upstream")
    }

    /// Every request that came so far.
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.seen.try_iter().collect()
    }
}

/// An upstream of bare sockets: each connection is handed to the test.
#[derive(Debug)]
pub(crate) struct RawUpstream {
    pub(crate) address: SocketAddr,
    connections: Mutex<Receiver<TcpStream>>,
}

impl RawUpstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (hand_over, connections) = channel();
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if hand_over.send(stream).is_err() {
                    break;
                }
            }
        });
        Self { address, connections: Mutex::new(connections) }
    }

    /// The next connection that the gateway opens.
    pub(crate) fn accept(&self) -> BufReader<TcpStream> {
        let connections = self.connections.lock().unwrap();
        BufReader::new(
            connections
                .recv_timeout(std::time::Duration::from_secs(30))
                .expect("the gateway connects"),
        )
    }

    /// Reads a request's head, as lines.
    pub(crate) fn read_head(stream: &mut BufReader<TcpStream>) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                return lines;
            }
            lines.push(line.to_owned());
        }
    }
}
