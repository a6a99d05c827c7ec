//! The closed sets of label values.

use http::Method;

/// Declares an enum whose variants are the closed set of values of one label.
macro_rules! label_values {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $label:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of the variants.
            pub const ALL: [Self; [$($label),+].len()] = [$(Self::$variant),+];

            /// The label's value.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }
        }
    };
}

/// How a request was judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// An entry of a list admitted it.
    Admitted,
    /// The credential has no list, and its organization does not require one.
    Unlisted,
    /// It went no further.
    Refused(RefusedReason),
}

impl Decision {
    /// Every decision, in the order of [`index`](Self::index).
    pub(super) const ALL: [Self; 2 + RefusedReason::ALL.len()] = {
        let mut all = [Self::Admitted; 2 + RefusedReason::ALL.len()];
        all[1] = Self::Unlisted;
        let mut i = 0;
        while i < RefusedReason::ALL.len() {
            all[2 + i] = Self::Refused(RefusedReason::ALL[i]);
            i += 1;
        }
        all
    };

    pub(super) fn index(self) -> usize {
        match self {
            Self::Admitted => 0,
            Self::Unlisted => 1,
            Self::Refused(reason) => 2 + reason as usize,
        }
    }

    /// The value of the label `decision`: `admitted`, `unlisted` or `refused`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Unlisted => "unlisted",
            Self::Refused(_) => "refused",
        }
    }

    /// The value of the label `reason`; `none` where nothing was refused.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Admitted | Self::Unlisted => "none",
            Self::Refused(reason) => reason.label(),
        }
    }
}

label_values! {
    /// Why a request went no further than the checks.
    RefusedReason {
        /// The client address could not be told from what a trusted proxy sent.
        ClientAddress => "client_address",
        /// The request is not clear: authority, path or framing can be read in more than one way.
        Malformed => "malformed",
        /// The client's certificate has ended or is revoked.
        ClientCertificate => "client_certificate",
        /// The connection's certificate does not serve the authority.
        Misdirected => "misdirected",
        /// The method is not served: `TRACE`, or `CONNECT` outside RFC 8441.
        Method => "method",
        /// No route serves its authority and path.
        NoRoute => "no_route",
        /// No credential was presented, and the route asks for one.
        CredentialMissing => "credential_missing",
        /// A credential was presented and is not good.
        CredentialRefused => "credential_refused",
        /// A credential was presented and not looked at: too many from its address were refused.
        AuthFailures => "auth_failures",
        /// The route serves other organizations.
        Organization => "organization",
        /// The principal has none of the route's roles.
        Role => "role",
        /// The address is on no live entry of the credential's list.
        NotListed => "not_listed",
        /// The list is empty, and the organization requires one.
        ListRequired => "list_required",
        /// The address is on no live entry of the list that the route names.
        NotOnNamedList => "not_on_named_list",
    }
}

label_values! {
    /// A method as a label: one of those that HTTP defines for resources, or `other`.
    /// A method is any token that the client likes, so it can't be a label as it is.
    Verb {
        /// `GET`
        Get => "GET",
        /// `HEAD`
        Head => "HEAD",
        /// `POST`
        Post => "POST",
        /// `PUT`
        Put => "PUT",
        /// `DELETE`
        Delete => "DELETE",
        /// `PATCH`
        Patch => "PATCH",
        /// `OPTIONS`
        Options => "OPTIONS",
        /// Any other.
        Other => "other",
    }
}

impl From<&Method> for Verb {
    fn from(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::DELETE => Self::Delete,
            Method::PATCH => Self::Patch,
            Method::OPTIONS => Self::Options,
            _ => Self::Other,
        }
    }
}

label_values! {
    /// Why a downstream connection ended.
    CloseReason {
        /// Either side ended it between requests.
        Finished => "finished",
        /// The listener had as many connections as it may have.
        Limit => "limit",
        /// The TLS handshake took too long.
        HandshakeTimeout => "handshake_timeout",
        /// The TLS handshake failed.
        Handshake => "handshake",
        /// A request's head took too long.
        HeaderTimeout => "header_timeout",
        /// No request came for too long.
        IdleTimeout => "idle_timeout",
        /// A body made no progress for too long.
        StallTimeout => "stall_timeout",
        /// The PROXY protocol header is missing, broken, or of somebody who may not send one.
        ProxyProtocol => "proxy_protocol",
        /// What was sent is not HTTP.
        Malformed => "malformed",
        /// The connection broke.
        Error => "error",
        /// The program stops.
        Drain => "drain",
    }
}

label_values! {
    /// How a TLS handshake ended.
    HandshakeOutcome {
        /// In a session.
        Full => "full",
        /// In a session that goes on from an earlier one.
        Resumed => "resumed",
        /// What was sent is not TLS.
        NotTls => "not_tls",
        /// The client speaks older versions only.
        Version => "version",
        /// No suite, group or signature that both sides know.
        Parameters => "parameters",
        /// No protocol that both sides speak over TLS.
        Protocol => "protocol",
        /// The client refused, most often the certificate.
        Alert => "alert",
        /// The client's certificate is missing or not good.
        ClientCertificate => "client_certificate",
        /// The client broke the rules of TLS.
        Malformed => "malformed",
        /// The client went away.
        Closed => "closed",
        /// It took too long.
        Timeout => "timeout",
        /// The program stops.
        BrokenOff => "broken_off",
        /// The trouble was ours.
        Failed => "failed",
    }
}

label_values! {
    /// A version of TLS.
    TlsVersion {
        /// 1.2.
        Tls12 => "1.2",
        /// 1.3.
        Tls13 => "1.3",
    }
}

label_values! {
    /// How the keys of a session were agreed upon.
    TlsGroup {
        /// Not anew: a session of TLS 1.2 was resumed.
        None => "none",
        /// X25519 and ML-KEM-768, which holds against a quantum computer.
        X25519MlKem768 => "X25519MLKEM768",
        /// X25519.
        X25519 => "X25519",
        /// P-256.
        Secp256r1 => "secp256r1",
        /// P-384.
        Secp384r1 => "secp384r1",
        /// Another one.
        Other => "other",
    }
}

label_values! {
    /// What became of a certificate whose files changed.
    ReloadOutcome {
        /// It serves.
        Loaded => "loaded",
        /// It can't be used: the one before serves on.
        Refused => "refused",
    }
}

label_values! {
    /// How an attempt to connect to an upstream ended.
    ConnectOutcome {
        /// The connection is open.
        Ok => "ok",
        /// The upstream refused it.
        Refused => "refused",
        /// It took too long.
        Timeout => "timeout",
        /// The upstream's name has no address.
        Resolve => "resolve",
        /// Anything else.
        Error => "error",
    }
}

label_values! {
    /// Why an upstream failed a request.
    UpstreamFailure {
        /// No connection could be opened.
        Connect => "connect",
        /// The answer's head took too long.
        FirstByteTimeout => "first_byte_timeout",
        /// A body made no progress for too long.
        IdleTimeout => "idle_timeout",
        /// The connection broke in the middle.
        Reset => "reset",
        /// What was sent is not HTTP.
        Protocol => "protocol",
    }
}

label_values! {
    /// A limit of the admin API, by what it is of. The config has a key of the same name for each.
    RateBucket {
        /// API keys, service accounts and their lists, for each organization.
        OrganizationResources => "organization_resources",
        /// What a caller asks about itself and the program, `GET /orgs` first of all, for each credential.
        Caller => "caller",
        /// An organization by its id, for each organization.
        Organization => "organization",
        /// An organization's settings, for each organization.
        OrganizationSettings => "organization_settings",
        /// Access tokens, for each service account.
        Token => "token",
    }
}

/// Values of the label `scheme`, without `other`.
pub const AUTH_SCHEMES: &[&str] = &["digest", "bearer", "client_cert", "client_secret"];

/// Values of the label `outcome`, without `other`.
///
/// `verified`: good; `not_presented`: none of this scheme; `limited`: not looked at, since too many from the address were
/// refused. The rest says why a credential was refused, in the words
/// that `identity` has for it.
pub const AUTH_OUTCOMES: &[&str] = &[
    "verified",
    "not_presented",
    "limited",
    "malformed",
    "unsupported",
    "wrong_realm",
    "wrong_target",
    "unknown_key",
    "wrong_response",
    "stale_nonce",
    "replayed",
    "foreign_token",
    "unknown_signing_key",
    "wrong_signature",
    "unknown_account",
    "expired_token",
    "revoked_token",
    "secret_gone",
    "wrong_secret",
];

/// What stands for everything that has no value of its own.
pub(super) const OTHER: &str = "other";
