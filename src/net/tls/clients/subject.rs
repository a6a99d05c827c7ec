//! A subject as text, by RFC 4514: the last part first, what is special escaped, so that no name can pass for another.

use std::fmt::Write as _;

use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// `CN=ci,O=Example`.
pub(super) fn written(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let mut text = String::new();
    for part in parts.into_iter().rev() {
        if !text.is_empty() {
            text.push(',');
        }
        for (at, attribute) in part.iter().enumerate() {
            if at > 0 {
                text.push('+');
            }
            write_attribute(&mut text, attribute);
        }
    }
    text
}

fn write_attribute(text: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let oid = attribute.attr_type().to_id_string();
    match KINDS.iter().find(|(known, _)| *known == oid).zip(attribute.as_str().ok()) {
        Some(((_, kind), value)) => {
            text.push_str(kind);
            text.push('=');
            write_value(text, value);
        }
        // Section 2.4: the value in hexadecimal digits. Writing to a string can't fail.
        None => {
            _ = write!(text, "{oid}=#");
            attribute.as_slice().iter().for_each(|byte| _ = write!(text, "{byte:02x}"));
        }
    }
}

/// Section 2.4: what is escaped, and where.
fn write_value(text: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        let at_edge = letter == ' ' && (at == 0 || at == last) || letter == '#' && at == 0;
        match letter {
            '\0'..='\x1f' | '\x7f' => _ = write!(text, "\\{:02X}", letter as u32),
            _ if at_edge || "\",+;<>\\".contains(letter) => {
                text.push('\\');
                text.push(letter);
            }
            _ => text.push(letter),
        }
    }
}

/// The kinds that have short names. Source: RFC 4514 section 3; the last is OpenSSL's.
const KINDS: [(&str, &str); 10] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "street"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    use super::*;

    fn subject(parts: &[(DnType, &str)]) -> String {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name = DistinguishedName::new();
        for (kind, value) in parts {
            parameters.distinguished_name.push(kind.clone(), *value);
        }
        let made = parameters.self_signed(&KeyPair::generate().unwrap()).unwrap();
        written(X509Certificate::from_der(made.der()).unwrap().1.subject())
    }

    #[test]
    fn a_subject_is_written_as_rfc_4514_says() {
        use DnType::{CommonName, CountryName, CustomDnType, OrganizationName};
        for (parts, expected) in [
            (
                vec![(CountryName, "DE"), (OrganizationName, "Example"), (CommonName, "ci")],
                "CN=ci,O=Example,C=DE",
            ),
            (vec![(CommonName, "ci,O=Example")], "CN=ci\\,O=Example"),
            (vec![(CommonName, " #a+b\"c\\<d>;e ")], "CN=\\ #a\\+b\\\"c\\\\\\<d\\>\\;e\\ "),
            (vec![(CommonName, "#a\nb")], "CN=\\#a\\0Ab"),
            (vec![(CustomDnType(vec![1, 2, 3, 4]), "x")], "1.2.3.4=#78"),
            (vec![], ""),
        ] {
            assert_eq!(subject(&parts), expected, "{parts:?}");
        }
        let forged = subject(&[(CommonName, "ci,O=Example")]);
        assert_ne!(forged, subject(&[(OrganizationName, "Example"), (CommonName, "ci")]));
    }
}
