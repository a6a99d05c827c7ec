//! Who calls: client address, credential, the credential's own list, rate, organization and role, in this order.
//!
//! The admin API obeys the lists that it manages: an admitted call counts as a use of the entry that admitted it.

use std::sync::Arc;

use http::request::Parts;
use http::uri::Scheme;

use super::AdminState;
use super::error::Rejection;
use super::rate::{Allowance, Exceeded, RateBucket, RateLimits};
use super::route::Parameter;
use crate::access::{Admission, EmptyList, Permit, admit};
use crate::addr::{ClientIp, PeerAddr};
use crate::control::Author;
use crate::id::OrgId;
use crate::identity::client_cert::Shown;
use crate::identity::{self, Organization, Presented, Principal, Role, SchemeKind};
use crate::net::authority::{self, Authority};
use crate::net::target::raw_target;
use crate::net::tls::Transport;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// A caller whose credential and address are good.
#[derive(Debug)]
pub(super) struct Caller {
    /// Who it is.
    pub(super) principal: Principal,
    /// The address it was judged by.
    pub(super) address: ClientIp,
    /// The organization it belongs to; there is no other that it may see.
    pub(super) organization: Arc<Organization>,
    /// The proof: without one there is no caller.
    _permit: Permit,
}

/// What the admin API takes for a credential.
pub(super) const SCHEMES: &[SchemeKind] =
    &[SchemeKind::Digest, SchemeKind::Bearer, SchemeKind::ClientCert];

/// The address that a call is judged by.
///
/// # Errors
/// The accept loop did not tell the peer, or the header of a trusted proxy can't be used.
pub(super) fn address(state: &AdminState, head: &Parts) -> Result<ClientIp, Rejection> {
    let peer = head.extensions.get::<PeerAddr>().ok_or(Rejection::PeerUnknown)?;
    let client = state.settings.client_ip.resolve(*peer, &head.headers);
    Ok(client.map_err(Rejection::ClientAddress)?.ip)
}

/// The one authority of a call, which its connection may ask for.
///
/// # Errors
/// There is none, or more than one; or TLS was begun for another, or by a certificate that is no longer good.
pub(super) fn authority(head: &Parts, now: Timestamp) -> Result<Authority<'_>, Rejection> {
    let authority = authority::authority(head)?;
    match head.extensions.get::<Transport>() {
        Some(transport) if !transport.stands(now) => Err(Rejection::ClientCertificate),
        Some(transport) if !transport.serves(&authority) => Err(Rejection::Misdirected),
        _ => Ok(authority),
    }
}

/// The scheme that a call came by.
pub(super) fn scheme(head: &Parts) -> Scheme {
    head.extensions.get().map_or(Scheme::HTTP, Transport::scheme)
}

impl Caller {
    /// The caller whose credential `head` presents, once its own list has let `address` pass.
    ///
    /// # Errors
    /// No credential, a wrong one, or one after too many wrong ones, before any word about addresses; then an address that the list does not hold.
    pub(super) fn admit(
        state: &AdminState,
        head: &Parts,
        address: ClientIp,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let target = raw_target(head);
        let certificate = head.extensions.get().and_then(Transport::client);
        let presented = Presented {
            method: &head.method,
            target: &target,
            headers: &head.headers,
            certificate: certificate.map(|it| Shown { subject: it.subject(), names: it.names() }),
        };
        let principal = identify(state, &presented, address, snapshot, now)?;
        let organization = snapshot.credentials.organization(principal.org);
        let organization =
            Arc::clone(organization.ok_or(Rejection::NoOrganization(principal.org))?);
        let empty = EmptyList::of(organization.access_list_required);
        let credential = Some((principal.credential, empty));
        let permit = admit(&snapshot.lists, Admission { credential, named: None }, address, now)
            .map_err(|denial| Rejection::Address { denial, address })?;
        Ok(Self { principal, address, organization, _permit: permit })
    }

    /// Takes a token for the call, where its operation has a bucket.
    ///
    /// # Errors
    /// The bucket is empty.
    pub(super) fn spend(
        &self,
        limits: &RateLimits,
        bucket: Option<RateBucket>,
    ) -> Result<Option<Allowance>, Exceeded> {
        let Principal { org, credential, .. } = self.principal;
        bucket.map_or(Ok(None), |bucket| limits.spend(bucket, org, credential))
    }

    /// Lets the caller into the organization that the path names, which may be its own only.
    ///
    /// # Errors
    /// The name can't be read; or it is not the caller's: whether there is such an organization is not told.
    pub(super) fn enter(&self, org: Option<Parameter<OrgId>>) -> Result<(), Rejection> {
        match org.transpose()? {
            Some(other) if other != self.organization.id => Err(Rejection::NoOrganization(other)),
            _ => Ok(()),
        }
    }

    /// Asks for a role.
    ///
    /// # Errors
    /// The caller has none that includes it.
    pub(super) fn require(&self, needed: Role) -> Result<(), Rejection> {
        if self.principal.roles.include(needed) { Ok(()) } else { Err(Rejection::Role { needed }) }
    }

    /// The right that a command is given by, to be asked for again after a wait: a key, a role or an entry taken away
    /// meanwhile must not do any more.
    pub(super) fn author(&self, needed: Role) -> Author {
        Author { principal: self.principal, address: self.address, needed }
    }
}

fn identify(
    state: &AdminState,
    presented: &Presented<'_>,
    address: ClientIp,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Principal, Rejection> {
    let outcome =
        state.authenticator.authenticate(SCHEMES, presented, address, &snapshot.credentials, now);
    let (scheme, label) = identity::labels(SCHEMES, &outcome);
    state.metrics.auth(scheme, label);
    outcome.map_err(|refusal| Rejection::Credentials {
        challenges: state.authenticator.challenges(SCHEMES, &refusal, now),
        source: refusal,
    })
}
