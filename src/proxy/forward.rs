//! From a permitted request to the upstream's, and from its response to ours.

use std::rc::Rc;

use http::header::{AUTHORIZATION, EXPECT, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use crate::access::Permit;
use crate::identity::{Principal, SchemeKind};
use crate::net::client_ip::ClientAddress;
use crate::proxy::body::ResponseBody;
use crate::proxy::edge::{Exchange, Inbound};
use crate::proxy::headers::{self, Forwarding, Identity};
use crate::proxy::rejection::Rejection;
use crate::proxy::route::Route;
use crate::proxy::tunnel;
use crate::proxy::upload::RequestBody;
use crate::proxy::upstream::{Upstream, UpstreamError};

/// A request that passed every check.
#[derive(Debug)]
pub(super) struct Passed {
    /// Who sent it; nobody on a route without authentication.
    pub(super) principal: Option<Principal>,
    /// The proof. Without it there is nothing to forward.
    pub(super) permit: Permit,
}

/// Where a request came from and where it goes.
#[derive(Debug)]
pub(super) struct Way<'a> {
    pub(super) inbound: &'a Inbound,
    pub(super) client: ClientAddress,
    pub(super) route: &'a Route,
    pub(super) upstream: &'a Rc<Upstream>,
}

/// Sends a request upstream and hands its response back, streaming.
///
/// Takes what was passed by value: whoever has no permit can't call this.
pub(super) async fn forward(
    passed: Passed,
    way: Way<'_>,
    mut parts: Parts,
    body: RequestBody,
    exchange: &mut Exchange,
) -> Result<Response<ResponseBody>, Rejection> {
    let upgrade = headers::upgrade_token(&parts.headers, parts.version, way.route.upgrades());
    let downstream_upgrade = parts.extensions.remove::<OnUpgrade>();
    rewrite(&mut parts, passed, &way, upgrade, exchange.id());
    exchange.set_upstream(way.upstream.name());
    let request = Request::from_parts(parts, body);
    let rejected = |source| Rejection::Upstream { upstream: way.upstream.name().clone(), source };
    let (mut response, lease) = way.upstream.send(request).await.map_err(rejected)?;
    exchange.set_upstream_status(response.status());
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        rewrite_response(&mut response);
        return Ok(response.map(|body| ResponseBody::upstream(body, lease)));
    }
    let upstream_upgrade = hyper::upgrade::on(&mut response);
    match (downstream_upgrade, agreed(&response, upgrade)) {
        (Some(downstream), Some(token)) => {
            lease.upgraded();
            rewrite_response(&mut response);
            headers::set_upgrade(response.headers_mut(), token);
            tunnel::spawn(downstream, upstream_upgrade, way.inbound);
            Ok(response.map(|_| ResponseBody::Own(None)))
        }
        _ => {
            lease.invalid();
            Err(rejected(UpstreamError::UnexpectedUpgrade))
        }
    }
}

/// The protocol that was asked for, if it is the one that the upstream has switched to.
fn agreed<'a>(response: &Response<Incoming>, asked: Option<&'a str>) -> Option<&'a str> {
    let asked = asked?;
    headers::upgrade_token(response.headers(), response.version(), &[asked.into()]).map(|_| asked)
}

/// Makes the client's request the upstream's.
fn rewrite(
    parts: &mut Parts,
    passed: Passed,
    way: &Way<'_>,
    upgrade: Option<&str>,
    id: &HeaderValue,
) {
    let Passed { principal, permit } = passed;
    // Every scheme but one reads `Authorization`: who has a principal by it has consumed it.
    if principal.is_some_and(|principal| principal.scheme != SchemeKind::ClientCert) {
        parts.headers.remove(AUTHORIZATION);
    }
    // Our own side tells the client to go on, once the upstream's connection takes the body.
    parts.headers.remove(EXPECT);
    let forwarding = Forwarding {
        client: way.client,
        peer: way.inbound.peer,
        address_header: &way.inbound.client_ip.header,
        scheme: way.inbound.transport.scheme(),
        version: parts.version,
        request_id: id,
    };
    let identity = Identity {
        org: principal.map(|principal| principal.org),
        principal: principal.map(|principal| principal.credential),
        entry: permit.entry().or(permit.named_entry()).map(|entry| entry.prefix),
    };
    headers::rewrite_request(&mut parts.headers, &parts.uri, &forwarding, &identity, upgrade);
    parts.uri = origin_form(&parts.uri);
    parts.version = Version::HTTP_11;
}

/// Makes the upstream's response ours: the version on this hop is ours as well (RFC 9110 section 2.5).
fn rewrite_response(response: &mut Response<Incoming>) {
    let version = std::mem::replace(response.version_mut(), Version::HTTP_11);
    headers::rewrite_response(response.headers_mut(), version);
}

/// The same path and query, byte for byte, without scheme and authority.
fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")).into()
}
