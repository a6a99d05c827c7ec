//! What an access log line says, field by field.
//!
//! | field | always there | what it is |
//! |---|---|---|
//! | `time` | yes | when the request's head was read: RFC 3339, UTC, milliseconds |
//! | `request_id` | yes | the value of `X-Request-Id`, as the upstream gets it |
//! | `listener` | yes | the listener's name in the config |
//! | `peer` | yes | address and port of the other end of the connection |
//! | `client` | no | the address the request was judged by; absent where it could not be told |
//! | `method` | yes | as sent |
//! | `authority` | no | host, and port where one was sent |
//! | `path` | yes | as sent, without the query: queries carry secrets |
//! | `protocol` | yes | `HTTP/1.1`, `HTTP/2.0` |
//! | `status` | yes | of the answer |
//! | `duration_ms` | yes | from the head read to the answer's last byte, to a microsecond |
//! | `route` | no | the route's name in the config |
//! | `decision` | yes | `admitted`, `unlisted` or `refused` |
//! | `reason` | yes | why it was refused; `none` where it was not. The values of the metric's label |
//! | `scheme` | no | the scheme that authenticated it |
//! | `principal` | no | the credential's id |
//! | `org` | no | the organization's id |
//! | `entry` | no | the range of the entry of the credential's list that admitted it |
//! | `named_entry` | no | the range of the entry of the route's named list that admitted it |
//! | `upstream` | no | the upstream's name in the config |
//! | `upstream_status` | no | the status that the upstream answered |
//! | `bytes_received` | yes | of the request's body |
//! | `bytes_sent` | yes | of the answer's body |
//! | `error` | no | what went wrong after the decision |
//!
//! A field that is not there is left out. New fields may come; none changes its meaning.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode, Uri, Version};
use serde::{Serialize, Serializer};

use crate::addr::{ClientIp, PeerAddr, Prefix};
use crate::id::{CredentialId, OrgId};
use crate::telemetry::metrics::Decision;
use crate::time::Timestamp;

/// One answered request. The module's table says what each field means.
#[derive(Clone, Debug)]
pub struct Record {
    /// When the request's head was read.
    pub time: Timestamp,
    /// Id, method, authority and path.
    pub text: RequestText,
    /// The listener's name.
    pub listener: Arc<str>,
    /// The other end of the connection.
    pub peer: PeerAddr,
    /// The address it was judged by.
    pub client: Option<ClientIp>,
    /// The protocol's version, downstream.
    pub protocol: Version,
    /// The answer's status.
    pub status: StatusCode,
    /// From the head read to the answer's last byte.
    pub duration: Duration,
    /// The route's name.
    pub route: Option<Arc<str>>,
    /// How it was judged, and why.
    pub decision: Decision,
    /// The scheme that authenticated it.
    pub scheme: Option<&'static str>,
    /// The credential.
    pub principal: Option<CredentialId>,
    /// The credential's organization.
    pub org: Option<OrgId>,
    /// The range of the entry of the credential's list that admitted it.
    pub entry: Option<Prefix>,
    /// The range of the entry of the route's named list that admitted it.
    pub named_entry: Option<Prefix>,
    /// The upstream's name.
    pub upstream: Option<Arc<str>>,
    /// What the upstream answered.
    pub upstream_status: Option<StatusCode>,
    /// Bytes of the request's body.
    pub bytes_received: u64,
    /// Bytes of the answer's body.
    pub bytes_sent: u64,
    /// What went wrong after the decision: words of ours, never of the request.
    pub error: Option<Cow<'static, str>>,
}

impl Record {
    /// Appends the record as one line of JSON. Control characters are escaped, so a line is always one line.
    pub(super) fn write_line(&self, out: &mut Vec<u8>) {
        let start = out.len();
        match serde_json::to_writer(&mut *out, &Line::from(self)) {
            Ok(()) => out.push(b'\n'),
            // Nothing in a line can fail to serialize; were it to, half a line must not stay.
            Err(_) => out.truncate(start),
        }
    }
}

/// What a request says of itself, as far as it is logged: cut copies in one allocation.
///
/// Copies, because a clone of the header's bytes would keep a connection's whole read buffer in memory for as long
/// as the record waits, and in a form that can't hold a secret: no query, no user part, no header but the id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestText {
    text: Box<str>,
    /// Where the method, the authority and the path begin.
    starts: [u16; 3],
}

impl RequestText {
    /// Copies what is logged of a request. A part that is too long is cut, and `…` put at its end.
    ///
    /// `authority` is the one that routing used; empty where there is none.
    pub fn new(id: &str, method: &Method, authority: &str, uri: &Uri) -> Self {
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let parts = [
            (id, ID_BYTES),
            (method.as_str(), METHOD_BYTES),
            (host, AUTHORITY_BYTES),
            (uri.path(), PATH_BYTES),
        ];
        let bytes = parts.iter().map(|(part, max)| part.len().min(max + ELLIPSIS.len())).sum();
        let mut text = String::with_capacity(bytes);
        let mut ends = [0; 4];
        for (end, (part, max)) in ends.iter_mut().zip(parts) {
            push_cut(&mut text, part, max);
            // At most the sum of the maxima: far below 64 Ki.
            *end = u16::try_from(text.len()).unwrap_or(u16::MAX);
        }
        let [method, authority, path, _] = ends;
        Self { text: text.into(), starts: [method, authority, path] }
    }

    /// The request's id.
    pub fn id(&self) -> &str {
        self.part(0, usize::from(self.starts[0]))
    }

    /// The method.
    pub fn method(&self) -> &str {
        self.part(usize::from(self.starts[0]), usize::from(self.starts[1]))
    }

    /// Host, and port where one was sent; empty where neither was.
    pub fn authority(&self) -> &str {
        self.part(usize::from(self.starts[1]), usize::from(self.starts[2]))
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.part(usize::from(self.starts[2]), self.text.len())
    }

    fn part(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }
}

fn push_cut(text: &mut String, part: &str, max: usize) {
    if part.len() <= max + ELLIPSIS.len() {
        text.push_str(part);
        return;
    }
    let end = (0..=max).rev().find(|end| part.is_char_boundary(*end)).unwrap_or(0);
    text.push_str(part.get(..end).unwrap_or_default());
    text.push_str(ELLIPSIS);
}

const ELLIPSIS: &str = "…";

/// Bytes logged of a request id: room for any trace id in use.
const ID_BYTES: usize = 128;
/// Bytes logged of a method; the longest registered one has 17 (RFC 9110, section 16.1).
const METHOD_BYTES: usize = 32;
/// Bytes logged of an authority: the longest host name (253, RFC 1035) with a port.
const AUTHORITY_BYTES: usize = 253 + ":65535".len();
/// Bytes logged of a path: enough to tell what was asked for; the queue's memory is bounded by it.
const PATH_BYTES: usize = 1024;

/// The JSON object of a line; the order of its fields is the order of writing.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    request_id: &'a str,
    listener: &'a str,
    peer: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<IpAddr>,
    method: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    authority: &'a str,
    path: &'a str,
    protocol: &'static str,
    status: u16,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    decision: &'static str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<Shown<CredentialId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org: Option<Shown<OrgId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<Shown<Prefix>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    named_entry: Option<Shown<Prefix>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_status: Option<u16>,
    bytes_received: u64,
    bytes_sent: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> From<&'a Record> for Line<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            time: record.time.to_rfc3339_millis(),
            request_id: record.text.id(),
            listener: &record.listener,
            peer: record.peer.0,
            client: record.client.map(ClientIp::as_ip),
            method: record.text.method(),
            authority: record.text.authority(),
            path: record.text.path(),
            protocol: protocol(record.protocol),
            status: record.status.as_u16(),
            duration_ms: milliseconds(record.duration),
            route: record.route.as_deref(),
            decision: record.decision.label(),
            reason: record.decision.reason(),
            scheme: record.scheme,
            principal: record.principal.map(Shown),
            org: record.org.map(Shown),
            entry: record.entry.map(Shown),
            named_entry: record.named_entry.map(Shown),
            upstream: record.upstream.as_deref(),
            upstream_status: record.upstream_status.map(|status| status.as_u16()),
            bytes_received: record.bytes_received,
            bytes_sent: record.bytes_sent,
            error: record.error.as_deref(),
        }
    }
}

/// A value written as the text that it shows.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_11 => "HTTP/1.1",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "unknown",
    }
}

/// Milliseconds with three decimals; more would claim a precision that the scheduler does not give.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
