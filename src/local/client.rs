//! Gives a command to the node that runs, and waits for its reply.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, SERVER};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{Command, Complaint, PATH, Reply, VERSION};

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens on the socket: no node runs there.
    #[error("socket {path}: nobody listens")]
    NobodyListens {
        /// Which one.
        path: PathBuf,
    },
    /// The socket can't be used.
    #[error("socket {path} can't be connected to")]
    Connect {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The command was sent, or part of it, and no reply came.
    #[error("socket {path}: no reply")]
    NoReply {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The node is another version, and does not know the command.
    #[error("the running node is {node}, this program {VERSION}")]
    OtherVersion {
        /// What the node says it is.
        node: String,
        /// What it said.
        source: Complaint,
    },
    /// The command was not carried out.
    #[error(transparent)]
    Refused(#[from] Complaint),
}

/// Gives `command` to the node that listens on `socket`. Blocks until its reply is there.
///
/// # Errors
/// See [`AskError`]. After [`AskError::NoReply`] it is not known whether the command was carried out.
pub fn ask(socket: &Path, command: &Command) -> Result<Reply, AskError> {
    let connect = |source| AskError::Connect { path: socket.to_owned(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(connect)?.block_on(async {
        let stream = UnixStream::connect(socket).await.map_err(|source| match source.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                AskError::NobodyListens { path: socket.to_owned() }
            }
            _ => connect(source),
        })?;
        let answer = match timeout(REPLY_TIME, exchange(stream, command)).await {
            Ok(answer) => answer,
            Err(late) => Err(late.into()),
        };
        let no_reply = |source| AskError::NoReply { path: socket.to_owned(), source };
        understand(&answer.map_err(no_reply)?).map_err(no_reply)?
    })
}

type Unanswered = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(stream: UnixStream, command: &Command) -> Result<Response<Bytes>, Unanswered> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its end is told by the request's own error.
    tokio::spawn(connection);
    let request = Request::post(PATH)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(serde_json::to_vec(command)?)))?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, REPLY_BYTES).collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

/// What the answer says; an error where it is none of ours.
fn understand(answer: &Response<Bytes>) -> Result<Result<Reply, AskError>, Unanswered> {
    if answer.status() == StatusCode::OK {
        return Ok(Ok(serde_json::from_slice(answer.body())?));
    }
    let complaint: Complaint = serde_json::from_slice(answer.body())?;
    let node = answer.headers().get(SERVER).and_then(|node| node.to_str().ok()).unwrap_or_default();
    let is_understood = answer.status() != StatusCode::BAD_REQUEST;
    Ok(Err(match is_understood || node == VERSION {
        true => complaint.into(),
        false => AskError::OtherVersion { node: node.to_owned(), source: complaint },
    }))
}

/// As long as the node gives a connection.
const REPLY_TIME: Duration = Duration::from_secs(60);

/// Far more than any list of credentials that a node keeps in memory.
const REPLY_BYTES: usize = 256 << 20;
