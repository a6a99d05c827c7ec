//! Finds out who sends a request.
//!
//! A scheme looks at what a request presents and has one of three [`Outcome`]s. The schemes of a route are
//! asked in its order; the first that finds its credential presented decides, so a failed credential is
//! never retried as something else.
//!
//! Not here: where the principal may come from (`access`), how a refusal is answered (`proxy::respond`, `admin::error`).

mod credential;

pub use credential::{ApiKey, Credentials, Ha1, Organization, Principal, PublicKey, Role, Roles};

pub mod digest;

/// A way to authenticate.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SchemeKind {
    /// HTTP Digest, RFC 7616.
    Digest,
}
