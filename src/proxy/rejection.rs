//! Why a request ended here.

use http::HeaderValue;

use crate::access::Denial;
use crate::addr::ClientIp;
use crate::identity::Refusal;
use crate::net::client_ip::ClientIpError;
use crate::proxy::route::{NotServed, TargetError};
use crate::proxy::upstream::{UpstreamError, UpstreamName};

/// Why a request ended here. Variants follow the request's way; `respond.rs` maps every one, without `_`.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// A trusted proxy's header does not say who the client is.
    #[error("client address unusable")]
    ClientIp(#[from] ClientIpError),
    /// `CONNECT` or `TRACE`.
    #[error("method not served")]
    Method,
    /// More header lines than the listener takes.
    #[error("more than {limit} header lines")]
    TooManyHeaders {
        /// The listener's limit.
        limit: usize,
    },
    /// A transfer coding other than `chunked`, which could not be framed again faithfully.
    #[error("transfer coding not served")]
    TransferEncoding,
    /// The authority or the path is none, or there is no route for them.
    #[error("request target refused")]
    Target(#[from] TargetError),
    /// The certificate that the client began its connection with has ended or is revoked.
    #[error("client certificate no longer good")]
    ClientCertificate,
    /// The certificate that the connection got for its name does not serve the authority.
    #[error("authority not served by the connection's certificate")]
    Misdirected,
    /// No credential, a wrong one, or one that nobody looked at.
    #[error("authentication failed")]
    Identity {
        /// Which half was wrong goes to the log, never downstream.
        #[source]
        refusal: Refusal,
        /// What to ask the client for.
        challenges: Vec<HeaderValue>,
    },
    /// The route does not serve the principal.
    #[error("not served")]
    NotServed(#[from] NotServed),
    /// The address is not admitted.
    #[error("address {client} not admitted")]
    Access {
        /// The address judged.
        client: ClientIp,
        /// By which rule.
        #[source]
        denial: Denial,
    },
    /// The upstream gave no response.
    #[error("upstream {} failed", upstream.0)]
    Upstream {
        /// Which one.
        upstream: UpstreamName,
        /// How.
        #[source]
        source: UpstreamError,
    },
}
