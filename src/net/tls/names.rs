//! Which names and addresses a certificate is for.
//!
//! They are its subject alternative names. Only where it has none is its subject's common name taken for one, as OpenSSL does,
//! and so curl: certificates made by hand have no more. A wildcard stands for one whole label (RFC 6125 section 6.4.3).

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use crate::net::authority::{Authority, Host, HostKey};

/// The hosts that a certificate serves; names in lower case, each list sorted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Names {
    /// Whole names.
    pub(super) exact: Vec<Box<str>>,
    /// The domains of wildcards: `example.com` for `*.example.com`.
    pub(super) wildcards: Vec<Box<str>>,
    addresses: Vec<IpAddr>,
}

impl Names {
    /// The names in `certificate`.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut names = Self::default();
        // One that can't be read has no names: then clients don't take it either.
        if let Ok(Some(alternatives)) = certificate.subject_alternative_name() {
            for name in &alternatives.value.general_names {
                match name {
                    GeneralName::DNSName(name) => names.add(name),
                    GeneralName::IPAddress(octets) => names.addresses.extend(address(octets)),
                    _ => {}
                }
            }
        } else {
            let common = certificate.subject().iter_common_name();
            common.filter_map(|name| name.as_str().ok()).for_each(|name| names.add(name));
        }
        names.exact.sort_unstable();
        names.wildcards.sort_unstable();
        names.addresses.sort_unstable();
        names
    }

    fn add(&mut self, name: &str) {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if let Ok(address) = name.parse() {
            self.addresses.push(address);
        } else if let Some(domain) = name.strip_prefix("*.") {
            self.wildcards.push(domain.into());
        } else {
            self.exact.push(name.into());
        }
    }

    /// Whether a request for `authority` is in the right place.
    pub(super) fn serves(&self, authority: &Authority<'_>) -> bool {
        let mut buffer = HostKey::new();
        match authority.host() {
            Host::V6(address) => self.addresses.binary_search(&address.into()).is_ok(),
            Host::Name(_) => {
                let name = authority.key(&mut buffer);
                self.has(name) || self.has_address(name)
            }
        }
    }

    /// Whether it has `name`, in lower case.
    fn has(&self, name: &str) -> bool {
        let found =
            |list: &[Box<str>], name: &str| list.binary_search_by(|own| (**own).cmp(name)).is_ok();
        found(&self.exact, name)
            || name.split_once('.').is_some_and(|(_, domain)| found(&self.wildcards, domain))
    }

    fn has_address(&self, name: &str) -> bool {
        !self.addresses.is_empty()
            && name.parse().is_ok_and(|address| self.addresses.binary_search(&address).is_ok())
    }
}

/// Four octets or sixteen (RFC 5280 section 4.2.1.6).
pub(super) fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};
    use x509_parser::prelude::FromDer as _;

    use super::*;

    fn names(common: Option<&str>, alternatives: &[&str]) -> Names {
        let alternatives: Vec<_> = alternatives.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(alternatives).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(common) = common {
            parameters.distinguished_name.push(DnType::CommonName, common);
        }
        let made = parameters.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Names::of(&X509Certificate::from_der(made.der()).unwrap().1)
    }

    #[test]
    fn a_certificate_serves_its_names_its_addresses_and_one_label_for_a_wildcard() {
        let names = names(
            Some("cn.example.com"),
            &["api.example.com", "*.Example.org", "192.0.2.7", "2001:db8::1"],
        );
        for (authority, served) in [
            ("api.example.com", true),
            ("API.example.COM.:8443", true),
            ("a.example.org", true),
            ("192.0.2.7:443", true),
            ("[2001:db8::1]", true),
            ("cn.example.com", false), // There are alternative names.
            ("example.com", false),
            ("example.org", false),
            ("a.b.example.org", false),
            ("api.example.com.evil.example", false),
            ("192.0.2.8", false),
            ("[2001:db8::2]", false),
        ] {
            assert_eq!(names.serves(&Authority::parse(authority).unwrap()), served, "{authority}");
        }
    }

    #[test]
    fn a_certificate_without_alternative_names_serves_its_common_name() {
        let names = names(Some("localhost"), &[]);
        assert!(names.serves(&Authority::parse("localhost:8443").unwrap()));
        assert!(!names.serves(&Authority::parse("127.0.0.1").unwrap()));
    }
}
