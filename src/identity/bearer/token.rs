//! What an access token says, and its one form: a JWT (RFC 7519), signed by HMAC-SHA256 under a key of the store.
//!
//! The signature is made and verified by `jsonwebtoken` over the primitives that the rest of the program uses. Algorithm,
//! issuer and audience are fixed: a token that says anything else there is none of ours, whatever its signature.
//!
//! Not here: the time. Whether a token has expired is asked where it is judged, and of the caller's clock.

use std::sync::{LazyLock, OnceLock};

use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::id::{CredentialId, SecretId, SigningKeyId, TokenId};
use crate::identity::{ClientId, RefusalReason, SigningKey, TokenRef};
use crate::time::Timestamp;

/// What an access token says of itself. Times are cut off to whole seconds on their way into a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Claims {
    /// The service account that it stands for: `sub`, and `cid` beside it as the public API has it.
    pub account: CredentialId,
    /// What it was given as, for which secret and until when: `jti`, `sid`, `exp`.
    pub token: TokenRef,
    /// When it was given: `iat`.
    pub issued: Timestamp,
}

/// Why no token could be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the access token could not be signed")]
pub struct EncodeError;

/// The token that says `claims`, signed by `key`.
///
/// # Errors
/// The library refused to sign, which nothing that a caller can pass makes it do.
pub fn encode(claims: &Claims, key: &SigningKey) -> Result<SecretString, EncodeError> {
    if !is_provided() {
        return Err(EncodeError);
    }
    let header = Header { kid: Some(key.id.to_string()), ..Header::new(ALGORITHM) };
    let key = EncodingKey::from_secret(key.key.as_bytes());
    let token = jsonwebtoken::encode(&header, &Wire::from(claims), &key);
    token.map(SecretString::from).map_err(|_| EncodeError)
}

/// What `token` says, if one of `keys` has signed it. Whether it still holds is another question.
///
/// # Errors
/// [`ForeignToken`](RefusalReason::ForeignToken), [`UnknownSigningKey`](RefusalReason::UnknownSigningKey) or
/// [`WrongSignature`](RefusalReason::WrongSignature).
pub fn decode(token: &[u8], keys: &[SigningKey]) -> Result<Claims, RefusalReason> {
    decode_by(signing_key(token, keys)?, token)
}

/// A token whose signature is right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Verified {
    /// The key that verified it.
    pub(super) signed_by: SigningKeyId,
    /// The account that it stands for.
    pub(super) account: CredentialId,
    /// What is to be asked of the account.
    pub(super) token: TokenRef,
}

/// As [`decode`], for the scheme.
pub(super) fn verify(token: &[u8], keys: &[SigningKey]) -> Result<Verified, RefusalReason> {
    let key = signing_key(token, keys)?;
    let Claims { account, token, .. } = decode_by(key, token)?;
    Ok(Verified { signed_by: key.id, account, token })
}

/// The key that the token's header names.
fn signing_key<'a>(token: &[u8], keys: &'a [SigningKey]) -> Result<&'a SigningKey, RefusalReason> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| RefusalReason::ForeignToken)?;
    // What is critical must be understood (RFC 7515, section 4.1.11), and nothing is.
    if header.alg != ALGORITHM || header.crit.is_some() {
        return Err(RefusalReason::ForeignToken);
    }
    let id: Option<SigningKeyId> = header.kid.and_then(|id| id.parse().ok());
    let id = id.ok_or(RefusalReason::ForeignToken)?;
    keys.iter().find(|key| key.id == id).ok_or(RefusalReason::UnknownSigningKey)
}

fn decode_by(key: &SigningKey, token: &[u8]) -> Result<Claims, RefusalReason> {
    if !is_provided() {
        return Err(RefusalReason::WrongSignature);
    }
    let key = DecodingKey::from_secret(key.key.as_bytes());
    let data = jsonwebtoken::decode::<Wire>(token, &key, &VALIDATION);
    let data = data.map_err(|error| match error.kind() {
        ErrorKind::InvalidSignature => RefusalReason::WrongSignature,
        _ => RefusalReason::ForeignToken,
    })?;
    data.claims.into_claims().ok_or(RefusalReason::ForeignToken)
}

/// The claims as JSON has them: RFC 7519, section 4.1.
#[derive(Deserialize, Serialize)]
struct Wire {
    iss: String,
    aud: String,
    sub: String,
    cid: String,
    jti: String,
    sid: String,
    iat: i64,
    exp: i64,
}

impl From<&Claims> for Wire {
    fn from(claims: &Claims) -> Self {
        let client_id = ClientId(claims.account).to_string();
        Self {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: client_id.clone(),
            cid: client_id,
            jti: claims.token.id.to_string(),
            sid: claims.token.secret.to_string(),
            iat: seconds(claims.issued),
            exp: seconds(claims.token.expires),
        }
    }
}

impl Wire {
    fn into_claims(self) -> Option<Claims> {
        let ClientId(account) = self.sub.parse().ok()?;
        let id: TokenId = self.jti.parse().ok()?;
        let secret: SecretId = self.sid.parse().ok()?;
        let token = TokenRef { id, secret, expires: timestamp(self.exp)? };
        Some(Claims { account, token, issued: timestamp(self.iat)? })
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1000)
}

fn timestamp(seconds: i64) -> Option<Timestamp> {
    seconds.checked_mul(1000).map(Timestamp::from_millis)
}

/// The one algorithm, whatever a token's header asks for.
const ALGORITHM: Algorithm = Algorithm::HS256;

/// Who issues tokens, and for whom: every node that has the signing key.
const ISSUER: &str = "portcullis";

/// What the library checks besides the signature: issuer and audience, which have to be there. Not the time.
static VALIDATION: LazyLock<Validation> = LazyLock::new(|| {
    let mut validation = Validation::new(ALGORITHM);
    validation.set_required_spec_claims(&["iss", "aud"]);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    validation.validate_exp = false;
    validation
});

/// Whether the library computes with [`PROVIDER`]; without it, it would panic. Nothing else installs another.
fn is_provided() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| PROVIDER.install_default().is_ok())
}

/// HMAC-SHA256 by the crates that the program has for it, and nothing else.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(Hs256::new(*algorithm, key.as_bytes())?)),
    verifier_factory: |algorithm, key| {
        Ok(Box::new(Hs256::new(*algorithm, key.try_get_as_bytes()?)?))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self, Error> {
        if algorithm != ALGORITHM {
            return Err(ErrorKind::UnsupportedAlgorithm.into());
        }
        let keyed = Hmac::new_from_slice(key).map_err(|_| ErrorKind::InvalidKeyFormat)?;
        Ok(Self(keyed))
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.clone().chain_update(message).finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    /// In constant time.
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let mac = self.0.clone().chain_update(message);
        mac.verify_slice(signature).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        ALGORITHM
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        ALGORITHM
    }
}

#[cfg(test)]
mod tests;
