//! A request has one authority: what is routed by is what the upstream gets, and nothing in the request says otherwise.
//!
//! Input: a line `VERSION TARGET`, where the version is `1.0`, `1.1` or `2`, then the `Host` lines.

#![no_main]

use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http::{Request, Version};
use libfuzzer_sys::fuzz_target;
use portcullis::net::authority::{Authority, AuthorityError, Host, authority, set_host};
use portcullis_fuzz::first_line;

fuzz_target!(|bytes: &[u8]| {
    let Some((line, hosts)) = first_line(bytes) else { return };
    let Some(parts) = request(line, hosts) else { return };
    let hosts: Vec<&HeaderValue> = parts.headers.get_all(HOST).iter().collect();
    let target = parts.uri.authority().map(|target| target.as_str());
    match authority(&parts) {
        Ok(found) => {
            assert!(hosts.len() <= 1);
            is_a_host(&found);
            assert_eq!(Some(found.as_str()), target.or_else(|| hosts.first()?.to_str().ok()));
            if let (Some(target), Some(host)) = (target, hosts.first()) {
                let hosts = [target, host.to_str().expect("a host is ASCII")];
                assert_eq!(name_of(hosts[0]), name_of(hosts[1]), "{hosts:?}");
            }
            let mut headers = parts.headers.clone();
            set_host(&mut headers, &parts.uri);
            let sent: Vec<&[u8]> =
                headers.get_all(HOST).iter().map(|host| host.as_bytes()).collect();
            assert_eq!(sent, [found.as_str().as_bytes()]);
        }
        Err(AuthorityError::Missing) => assert!(hosts.is_empty()),
        Err(AuthorityError::Several) => assert!(hosts.len() > 1),
        Err(_) => assert!(target.is_some() || !hosts.is_empty()),
    }
});

fn request(line: &str, hosts: &[u8]) -> Option<Parts> {
    let (version, target) = line.split_once(' ')?;
    let version = match version {
        "1.0" => Version::HTTP_10,
        "1.1" => Version::HTTP_11,
        "2" => Version::HTTP_2,
        _ => return None,
    };
    let mut request = Request::builder().version(version).uri(target);
    if !hosts.is_empty() {
        for host in hosts.split(|byte| *byte == b'\n').take(3) {
            request = request.header(HOST, HeaderValue::from_bytes(host).ok()?);
        }
    }
    Some(request.body(()).ok()?.into_parts().0)
}

fn is_a_host(found: &Authority<'_>) {
    let text = found.as_str();
    assert!(text.is_ascii() && !text.contains(['@', '/', '?', '#', '%', ' ', ',', '\\']), "{text}");
    assert!(found.port() != Some(0));
    if let Host::Name(name) = found.host() {
        assert!(!name.is_empty() && !name.ends_with('.') && !name.contains(['[', ']', ':']));
        assert!(name.split('.').all(|label| !label.is_empty()));
        assert!(name.len() <= 255);
    }
    let again = Authority::parse(text).expect("what was read is read again");
    assert_eq!(again.port(), found.port());
}

/// The host without its port, dot at the end and case; IPv6 by its value.
fn name_of(authority: &str) -> String {
    match Authority::parse(authority).expect("what was accepted is well formed").host() {
        Host::Name(name) => name.to_ascii_lowercase(),
        Host::V6(address) => address.to_string(),
    }
}
