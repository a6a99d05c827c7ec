//! Who may ask: the ways to authenticate, and which of them an operation takes.

use utoipa::openapi::Components;
use utoipa::openapi::security::{
    ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityRequirement,
    SecurityScheme,
};

use crate::admin::caller;
use crate::admin::table::Access;
use crate::identity::SchemeKind;

/// Adds every scheme.
pub(super) fn add_schemes(components: &mut Components) {
    for kind in caller::SCHEMES {
        components.add_security_scheme(kind.as_str(), scheme(*kind));
    }
    let about = "A service account: its client id is the user name, a secret the password, each form-encoded. Both may be in the form \
        instead, never in both.";
    let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic).description(Some(about));
    components.add_security_scheme(CLIENT, SecurityScheme::Http(basic.build()));
}

/// The schemes of an operation, any of which does. None: nobody is asked.
pub(super) fn requirements(access: Access) -> Vec<SecurityRequirement> {
    match access {
        Access::Role(_) => caller::SCHEMES.iter().map(|kind| requirement(kind.as_str())).collect(),
        Access::Client => vec![requirement(CLIENT)],
        Access::Anyone => Vec::new(),
    }
}

fn requirement(name: &str) -> SecurityRequirement {
    SecurityRequirement::new(name, [""; 0])
}

fn scheme(kind: SchemeKind) -> SecurityScheme {
    match kind {
        SchemeKind::Digest => {
            let about = "An API key: its public key is the user name, its private key the password. Realm `MMS Public API`, \
                `qop=auth`, MD5 or SHA-256.";
            let digest = HttpBuilder::new().scheme(HttpAuthScheme::Digest).description(Some(about));
            SecurityScheme::Http(digest.build())
        }
        SchemeKind::ClientCert => {
            let about = "A certificate that the server's config maps to an API key or a service account, where the admin API asks for one.";
            SecurityScheme::MutualTls {
                description: Some(about.to_owned()),
                deprecated: None,
                extensions: None,
            }
        }
        SchemeKind::Bearer => {
            let about = "A service account: an access token of an hour, got with the account's client id and secret.";
            let flow = ClientCredentials::new(TOKEN_PATH, Scopes::new());
            SecurityScheme::OAuth2(OAuth2::with_description([Flow::ClientCredentials(flow)], about))
        }
    }
}

/// What the document calls the secret of a client.
const CLIENT: &str = "client_secret";

/// Where access tokens are got.
const TOKEN_PATH: &str = "/api/oauth/token";
