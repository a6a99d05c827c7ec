//! Serves commands on the socket: HTTP/1.1, one command a connection, `POST /command` with JSON both ways.
//!
//! A command that has begun is answered also while the program stops; the socket takes no new one then.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, SERVER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::socket::SocketFile;
use super::{Bound, COMMAND_BYTES, Command, Complaint, PATH, Refusal, Reply, run};
use crate::control::ControlPlane;

/// Takes commands on a socket.
pub struct Server {
    listener: UnixListener,
    file: SocketFile,
    control: Arc<ControlPlane>,
    /// The user that the program runs as.
    own_uid: u32,
}

impl Server {
    /// A server that takes nothing yet. To be made inside a runtime.
    ///
    /// # Errors
    /// The operating system has no event queue, or does not tell whose process this is.
    pub fn new(bound: Bound, control: Arc<ControlPlane>) -> io::Result<Self> {
        let Bound { listener, file } = bound;
        let own_uid = UnixStream::pair()?.0.peer_cred()?.uid();
        Ok(Self { listener: UnixListener::from_std(listener)?, file, control, own_uid })
    }

    /// Takes commands until `stop` becomes true, then answers those that have begun, within `drain`.
    pub async fn serve(self, mut stop: watch::Receiver<bool>, drain: Duration) {
        let Self { listener, file, control, own_uid } = self;
        let mut open = JoinSet::new();
        loop {
            let has_room = open.len() < CONNECTIONS;
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Some(_) = open.join_next() => continue,
                accepted = listener.accept(), if has_room => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (control, stop) = (Arc::clone(&control), stop.clone());
                    open.spawn(converse(stream, own_uid, control, stop));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept commands; trying again");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
        // Nobody finds it any more, and who waits to be accepted is told at once.
        drop((file, listener));
        let _ = timeout(drain, async { while open.join_next().await.is_some() {} }).await;
    }
}

/// One connection. Who may not give commands is not even heard.
async fn converse(
    stream: UnixStream,
    own_uid: u32,
    control: Arc<ControlPlane>,
    mut stop: watch::Receiver<bool>,
) {
    let uid = match stream.peer_cred() {
        Ok(peer) if is_operator(peer.uid(), own_uid) => peer.uid(),
        Ok(peer) => {
            return tracing::warn!(
                uid = peer.uid(),
                "refused who is neither this program's user nor root"
            );
        }
        Err(error) => return tracing::warn!(%error, "refused who can't be told"),
    };
    let has_begun = AtomicBool::new(false);
    let service = service_fn(|request| {
        has_begun.store(true, Ordering::Relaxed);
        let span = tracing::info_span!("operator", uid);
        answer(request, &control).instrument(span)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let talk = async {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            _ = stop.wait_for(|stop| *stop) => {}
        }
        if has_begun.load(Ordering::Relaxed) {
            let _ = connection.await;
        }
    };
    // A client that takes no bytes has its place for this long; a command that was given goes on without it.
    let _ = timeout(CONNECTION_TIME, talk).await;
}

/// Whoever the program runs as, and root, who could read the store as well.
fn is_operator(peer: u32, own: u32) -> bool {
    peer == own || peer == ROOT
}

async fn answer(
    request: Request<Incoming>,
    control: &ControlPlane,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answered = match understand(request).await {
        Ok(command) => run(control, command).await.map_err(Failure::Refused),
        Err(failure) => Err(failure),
    };
    Ok(respond(answered))
}

/// Why a command got no reply.
enum Failure {
    Target,
    Method,
    TooLarge,
    Slow,
    /// The connection ended in the middle of the command, or it is no JSON or no command.
    Malformed(String),
    Refused(Refusal),
}

/// The command of a request, read whole.
async fn understand(request: Request<Incoming>) -> Result<Command, Failure> {
    if request.uri().path() != PATH {
        return Err(Failure::Target);
    }
    if request.method() != Method::POST {
        return Err(Failure::Method);
    }
    let body = Limited::new(request.into_body(), COMMAND_BYTES).collect();
    let body = match timeout(BODY_TIME, body).await {
        Err(_) => return Err(Failure::Slow),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Failure::TooLarge),
        Ok(Err(error)) => return Err(Failure::Malformed(error.to_string())),
        Ok(Ok(body)) => body.to_bytes(),
    };
    serde_json::from_slice(&body).map_err(|error| Failure::Malformed(error.to_string()))
}

fn respond(answered: Result<Reply, Failure>) -> Response<Full<Bytes>> {
    let (status, body) = match answered {
        Ok(reply) => (StatusCode::OK, serde_json::to_vec(&reply)),
        Err(failure) => {
            let (status, complaint) = complaint(failure);
            (status, serde_json::to_vec(&complaint))
        }
    };
    // Texts and numbers always have a JSON form.
    let mut response = Response::new(Full::new(Bytes::from(body.unwrap_or_default())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(SERVER, HeaderValue::from_static(super::VERSION));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

fn complaint(failure: Failure) -> (StatusCode, Complaint) {
    match failure {
        Failure::Target => {
            (StatusCode::NOT_FOUND, Complaint::new(format!("expected the target {PATH}")))
        }
        Failure::Method => {
            (StatusCode::METHOD_NOT_ALLOWED, Complaint::new("expected the method POST"))
        }
        Failure::TooLarge => {
            let text = format!("the command has more than {COMMAND_BYTES} bytes");
            (StatusCode::PAYLOAD_TOO_LARGE, Complaint::new(text))
        }
        Failure::Slow => {
            (StatusCode::REQUEST_TIMEOUT, Complaint::new("the command did not come in time"))
        }
        Failure::Malformed(why) => {
            let text = format!("the command is not understood: {why}");
            (StatusCode::BAD_REQUEST, Complaint::new(text))
        }
        Failure::Refused(refusal) => {
            let complaint = Complaint::from(&refusal);
            if refusal.is_ours() {
                tracing::error!(
                    error = &refusal as &dyn std::error::Error,
                    "an operator's command failed"
                );
                return (StatusCode::INTERNAL_SERVER_ERROR, complaint);
            }
            (StatusCode::UNPROCESSABLE_ENTITY, complaint)
        }
    }
}

const ROOT: u32 = 0;

/// Connections at once. One more waits to be accepted.
const CONNECTIONS: usize = 16;

/// From the connection to the end of the request's head, as `limits.header_timeout` is by default.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The request's head: the library's least.
const HEAD_BYTES: usize = 8 << 10;

/// For the whole command, once its head is there.
const BODY_TIME: Duration = Duration::from_secs(10);

/// For everything: the disk may be slow, and the reply large.
const CONNECTION_TIME: Duration = Duration::from_secs(60);

/// After an error that touches every connection, such as too many open files.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_program_s_own_user_and_root_give_commands() {
        for (peer, own, may) in [
            (1000, 1000, true),
            (0, 1000, true),
            (0, 0, true),
            (1001, 1000, false),
            (1000, 0, false),
        ] {
            assert_eq!(is_operator(peer, own), may, "user {peer} to a program of user {own}");
        }
    }
}
