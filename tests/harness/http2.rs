//! A client that speaks HTTP/2 by prior knowledge: many requests at once on one connection.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

use super::tls::name_of;

/// One connection.
#[derive(Debug)]
pub(crate) struct Http2 {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
    /// Scheme and authority of what is asked for.
    origin: String,
}

/// A request under way. Dropped, its stream is reset.
pub(crate) type Pending = tokio::task::JoinHandle<hyper::Result<Response<Incoming>>>;

/// A response, read whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Http2 {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        let runtime = runtime();
        let stream = runtime.block_on(TcpStream::connect(to)).unwrap();
        Self::begin_on(runtime, stream, format!("http://{to}"))
    }

    /// Connects by TLS to `name`.
    pub(crate) fn connect_tls(to: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Self {
        let runtime = runtime();
        let stream = runtime.block_on(async {
            let stream = TcpStream::connect(to).await.unwrap();
            TlsConnector::from(Arc::clone(config)).connect(name_of(name), stream).await.unwrap()
        });
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Self::begin_on(runtime, stream, format!("https://{name}"))
    }

    fn begin_on<S>(runtime: Runtime, stream: S, origin: String) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let sender = runtime.block_on(async {
            let (sender, connection) =
                handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender, origin }
    }

    /// The same connection, with another name of the host in its requests.
    pub(crate) fn naming(self, host: &str) -> Self {
        Self { origin: format!("https://{host}"), ..self }
    }

    /// A request to the gateway, to be completed.
    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("{}{path}", self.origin))
    }

    /// Sends a request; its response is waited for elsewhere.
    pub(crate) fn begin(&self, request: Request<Full<Bytes>>) -> Pending {
        let response = self.sender.clone().send_request(request);
        self.runtime.spawn(response)
    }

    /// The head of a response.
    pub(crate) fn head(&self, pending: Pending) -> hyper::Result<Response<Incoming>> {
        self.runtime.block_on(pending).unwrap()
    }

    /// The next piece of a body.
    pub(crate) fn next(&self, body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
        let frame = self.runtime.block_on(Pin::new(body).frame());
        frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default()))
    }

    /// The rest of a response.
    pub(crate) fn whole(&self, response: Response<Incoming>) -> hyper::Result<Whole> {
        let (parts, body) = response.into_parts();
        let body = self.runtime.block_on(body.collect())?;
        let trailers = body.trailers().cloned();
        let (status, headers) = (parts.status.as_u16(), parts.headers);
        Ok(Whole { status, headers, body: body.to_bytes(), trailers })
    }

    /// Sends a request and reads its response whole.
    pub(crate) fn send(&self, request: Request<Full<Bytes>>) -> Whole {
        let response = self.head(self.begin(request)).unwrap();
        self.whole(response).unwrap()
    }

    /// `GET`, whole.
    pub(crate) fn get(&self, path: &str) -> Whole {
        self.send(self.request("GET", path).body(Full::default()).unwrap())
    }

    /// Gives a request up: its stream is reset.
    pub(crate) fn give_up(&self, pending: Pending) {
        pending.abort();
        assert!(self.runtime.block_on(pending).unwrap_err().is_cancelled());
    }
}

/// A thread of its own, so that the connection lives while the test does something else.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}
