//! Headers on their way through: what is taken off, what is set, what is kept.
//!
//! A request's headers are rewritten in one call, [`rewrite_request`], in the one order that is safe: what belongs to
//! the connection goes first, then everything that could be taken for ours, then ours are set. So nothing that a client
//! sends, and no name that it lists in `Connection`, shows up as ours or takes one of ours away.
//!
//! Decisions
//! - `Connection` may list any header except those that frame, route or authenticate, and ours; with those it is not
//!   obeyed, so that it can't be used to hide from the upstream what a proxy in front of us has said.
//! - `Trailer` is kept, since trailers are; `TE` is kept as far as it says `trailers`.
//! - `Via` and cookies are passed on; several `Cookie` lines, which HTTP/2 allows, become one (RFC 9113 section 8.2.3).
//! - A misspelled name, as in `Content_Length`, is dropped where the right one would mean something to a proxy.
//!
//! Nothing here fails: a value that can't be written is left out.
//!
//! Not here: `Authorization`, which goes where a scheme of the route consumed it, and `Expect`.

mod forwarding;
mod known;

use http::header::{CONNECTION, COOKIE, HeaderName, HeaderValue, TE, UPGRADE, VIA};
use http::{HeaderMap, Uri, Version};

pub use forwarding::Forwarding;

use crate::addr::Prefix;
use crate::id::{CredentialId, ObjectId, OrgId};
use crate::net::authority::set_host;
use crate::net::client_ip::AddressHeader;
use forwarding::put;
use known::{Class, known, reads_as};

/// The organization of the principal.
pub const X_PORTCULLIS_ORG: HeaderName = HeaderName::from_static("x-portcullis-org");
/// The credential that the principal presented.
pub const X_PORTCULLIS_PRINCIPAL: HeaderName = HeaderName::from_static("x-portcullis-principal");
/// The range of the entry that admitted the address.
pub const X_PORTCULLIS_ENTRY: HeaderName = HeaderName::from_static("x-portcullis-entry");
/// The id that a request has in logs.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who was let through, and by what. What is absent gets no header.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// The organization; none on a route without authentication.
    pub org: Option<OrgId>,
    /// The credential; none on a route without authentication.
    pub principal: Option<CredentialId>,
    /// The entry's range; none where the credential is unlisted.
    pub entry: Option<Prefix>,
}

/// Turns the headers of an accepted request into those that the upstream gets. `uri` is the target as received.
///
/// `upgrade` is what [`upgrade_token`] said of the headers before.
pub fn rewrite_request(
    headers: &mut HeaderMap,
    uri: &Uri,
    forwarding: &Forwarding<'_>,
    identity: &Identity,
    upgrade: Option<&str>,
) {
    let trailers = accepts_trailers(headers);
    let _ = headers.try_reserve(HEADERS_SET);
    remove_listed(headers);
    remove_where(headers, |name| !passes(name, forwarding));
    set_host(headers, uri);
    let mut scratch = Vec::with_capacity(256);
    join_cookies(headers, &mut scratch);
    forwarding::set(headers, forwarding, &mut scratch);
    set_identity(headers, identity, &mut scratch);
    put(headers, X_REQUEST_ID, Some(forwarding.request_id.clone()));
    append_via(headers, forwarding.version);
    if let Some(token) = upgrade {
        set_upgrade(headers, token);
    } else if trailers {
        put(headers, TE, Some(HeaderValue::from_static("trailers")));
        put(headers, CONNECTION, Some(HeaderValue::from_static("te"))); // RFC 9110 section 10.1.4.
    }
}

/// Turns the headers of an upstream's response into those that the downstream gets. `version` is the upstream's.
///
/// An upgrade that the upstream agreed to is put back by [`set_upgrade`].
pub fn rewrite_response(headers: &mut HeaderMap, version: Version) {
    remove_listed(headers);
    remove_where(headers, |name| known(name).is_some_and(|known| known.class == Class::Hop));
    append_via(headers, version);
}

/// Takes off trailers, of either direction, whatever only a head may say: framing, routing, credentials, and ours.
pub fn clean_trailers(trailers: &mut HeaderMap) {
    remove_where(trailers, |name| known(name).is_some() || *name == VIA);
}

/// The first protocol that the sender asks to change to and that is `allowed`; `None` also for `h2c`, which is never.
///
/// Serves for a request, and for the upstream's 101 with the token asked for as the only one allowed.
/// `Upgrade` means something in HTTP/1.1 only, and only where `Connection` lists it (RFC 9110 section 7.8).
pub fn upgrade_token<'a>(
    headers: &HeaderMap,
    version: Version,
    allowed: &'a [Box<str>],
) -> Option<&'a str> {
    let asked = version == Version::HTTP_11
        && tokens(headers, &CONNECTION).any(|option| option.eq_ignore_ascii_case("upgrade"));
    if !asked {
        return None;
    }
    let wanted = tokens(headers, &UPGRADE).filter(|token| !token.eq_ignore_ascii_case("h2c"));
    wanted
        .filter_map(|token| allowed.iter().find(|allowed| allowed.eq_ignore_ascii_case(token)))
        .map(|allowed| &**allowed)
        .next()
}

/// Asks for, or confirms, a change to the protocol `token`.
pub fn set_upgrade(headers: &mut HeaderMap, token: &str) {
    if let Ok(token) = HeaderValue::from_str(token) {
        put(headers, UPGRADE, Some(token));
        put(headers, CONNECTION, Some(HeaderValue::from_static("upgrade")));
    }
}

/// The id that a trusted peer gave the request: one line of 1 to [`MAX_REQUEST_ID_BYTES`] visible ASCII characters.
///
/// Ask for a trusted peer's only; anyone else's request gets an id of our own.
pub fn request_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(X_REQUEST_ID).iter();
    let id = lines.next().filter(|_| lines.next().is_none())?;
    let fits = (1..=MAX_REQUEST_ID_BYTES).contains(&id.len());
    (fits && id.as_bytes().iter().all(u8::is_ascii_graphic)).then_some(id)
}

/// Bytes of a request id that is taken over: enough for a UUID or a trace id with a prefix, small in a log.
pub const MAX_REQUEST_ID_BYTES: usize = 128;

/// Headers that a request may gain, so that the map grows once at most.
const HEADERS_SET: usize = 12;

/// Whether a header of a request goes on to the upstream.
fn passes(name: &HeaderName, forwarding: &Forwarding<'_>) -> bool {
    if let AddressHeader::Single(single) = forwarding.address_header
        && reads_as(name.as_str(), single.as_str())
    {
        return forwarding.extends(name);
    }
    let Some(known) = known(name) else { return true };
    known.is_exact
        && match known.class {
            Class::Hop | Class::Own | Class::RequestId => false,
            Class::HeadOnly => true,
            Class::Address => forwarding.extends(name),
            Class::Forwarded | Class::Target => forwarding.believes_forwarded(),
        }
}

/// Removes the headers that `Connection` lists, except those that it can't.
fn remove_listed(headers: &mut HeaderMap) {
    let mut line = 0;
    // By position, not by iterator: lines are few, and removing needs the map to itself.
    while let Some(options) = headers.get_all(CONNECTION).iter().nth(line).cloned() {
        for option in list(options.as_bytes()) {
            if let Ok(name) = HeaderName::from_bytes(option.as_bytes())
                && may_be_listed(&name)
            {
                headers.remove(name);
            }
        }
        line += 1;
    }
}

/// Whether `Connection` can have this header removed. Those of one connection are removed in any case, and later.
fn may_be_listed(name: &HeaderName) -> bool {
    *name != VIA && known(name).is_none()
}

fn remove_where(headers: &mut HeaderMap, removed: impl Fn(&HeaderName) -> bool) {
    // Allocates only when there is something to remove.
    let names: Vec<HeaderName> = headers.keys().filter(|name| removed(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

fn accepts_trailers(headers: &HeaderMap) -> bool {
    let coding = |token: &str| {
        token.split(';').next().is_some_and(|name| name.trim_end().eq_ignore_ascii_case("trailers"))
    };
    tokens(headers, &TE).any(coding)
}

fn join_cookies(headers: &mut HeaderMap, scratch: &mut Vec<u8>) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let joined = write_value(scratch, |out| {
        for (at, line) in headers.get_all(COOKIE).iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"" } else { b"; " });
            out.extend_from_slice(line.as_bytes());
        }
    });
    put(headers, COOKIE, joined);
}

fn set_identity(headers: &mut HeaderMap, identity: &Identity, scratch: &mut Vec<u8>) {
    let mut set = |name, value| put(headers, name, value);
    let id = |id: ObjectId| HeaderValue::from_bytes(&id.to_hex()).ok();
    set(X_PORTCULLIS_ORG, identity.org.and_then(|org| id(org.0)));
    set(X_PORTCULLIS_PRINCIPAL, identity.principal.and_then(|principal| id(principal.0)));
    let entry = identity.entry.and_then(|entry| write_value(scratch, |out| entry.write_to(out)));
    set(X_PORTCULLIS_ENTRY, entry);
}

/// Adds us to `Via`, with the version that the message came by (RFC 9110 section 7.6.3).
fn append_via(headers: &mut HeaderMap, version: Version) {
    let via = match version {
        Version::HTTP_10 => "1.0 portcullis",
        Version::HTTP_2 => "2.0 portcullis",
        _ => "1.1 portcullis",
    };
    let _ = headers.try_append(VIA, HeaderValue::from_static(via));
}

/// The elements of a header's lines, in order.
fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers.get_all(name).iter().flat_map(|line| list(line.as_bytes()))
}

/// The elements of one line; those that are no text are passed over.
fn list(line: &[u8]) -> impl Iterator<Item = &str> {
    line.split(|b| *b == b',').filter_map(|e| std::str::from_utf8(e.trim_ascii()).ok())
}

/// A value written through `scratch`, which keeps its room for the next one. `None` if it can't be a value.
fn write_value(scratch: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Option<HeaderValue> {
    scratch.clear();
    write(scratch);
    HeaderValue::from_bytes(scratch).ok()
}

#[cfg(test)]
mod tests;
