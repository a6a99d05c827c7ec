//! What is kept of a service account: its names, its roles, its secrets, and the access tokens that they were given for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Roles, SecretVerifier};
use crate::id::{CredentialId, IdError, OrgId, SecretId, TokenId};
use crate::time::Timestamp;

/// A service account. Immutable; a change makes a new one in its place.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Names the account; its digits are those of the [`client_id`](Self::client_id).
    pub id: CredentialId,
    /// The organization it belongs to.
    pub org: OrgId,
    /// What people call it.
    pub name: Box<str>,
    /// What it is for.
    pub description: Box<str>,
    /// What it may do on the admin API, and what a route may ask for.
    pub roles: Roles,
    /// Its secrets, oldest first, those that have expired included; [`MOST_SECRETS`](Self::MOST_SECRETS) at most.
    pub secrets: Vec<Secret>,
    /// Its access tokens that may still be presented, by ascending id.
    pub tokens: Vec<Token>,
    /// When it was made.
    pub created: Timestamp,
}

impl ServiceAccount {
    /// Secrets that one account may have. Source: contract, section 9.
    pub const MOST_SECRETS: usize = 2;

    /// The name that OAuth clients have for the account.
    pub fn client_id(&self) -> ClientId {
        ClientId(self.id)
    }

    /// The secret of that id.
    pub fn secret(&self, id: SecretId) -> Option<&Secret> {
        self.secrets.iter().find(|secret| secret.id == id)
    }

    /// Whether a token could be had at `now`.
    pub fn has_live_secret(&self, now: Timestamp) -> bool {
        self.secrets.iter().any(|secret| secret.is_live(now))
    }

    /// What is known of the token of that id. A token that is not known may have been given by another node.
    pub fn token(&self, id: TokenId) -> Option<&Token> {
        let at = self.tokens.binary_search_by_key(&id, |token| token.id).ok()?;
        self.tokens.get(at)
    }

    /// Whether a token with these facts holds: neither it nor its secret has expired, and neither was taken back.
    pub fn holds(&self, token: &TokenRef, now: Timestamp) -> bool {
        let secret = self.secret(token.secret);
        now < token.expires
            && secret.is_some_and(|secret| secret.is_live(now))
            && self.token(token.id).is_none_or(|known| !known.revoked)
    }

    /// Puts what is known of a token in the place of what was known of it before.
    pub fn put_token(&mut self, token: Token) {
        match self.tokens.binary_search_by_key(&token.id, |known| known.id) {
            Ok(at) => self.tokens[at] = token,
            Err(at) => self.tokens.insert(at, token),
        }
    }

    /// Tokens that could be used at `now`.
    pub fn live_tokens(&self, now: Timestamp) -> usize {
        self.tokens.iter().filter(|token| !token.revoked && now < token.expires).count()
    }
}

/// One of the passwords of a service account, without the password: only what verifies it is kept.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Names it.
    pub id: SecretId,
    /// What a presented secret is verified against.
    pub verifier: SecretVerifier,
    /// The last four characters, shown ever after.
    pub tail: Box<str>,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it gives no token, and those it gave are void.
    pub expires: Timestamp,
    /// When it last gave a token.
    pub last_used: Option<Timestamp>,
}

impl Secret {
    /// How every secret begins. Source: contract, section 9.
    pub const PREFIX: &'static str = "mdb_sa_sk_";

    /// Whether it may be used at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires
    }
}

/// What is kept of an access token until it has expired.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Token {
    /// Names it.
    pub id: TokenId,
    /// The secret it was given for.
    pub secret: SecretId,
    /// From when on it is void.
    pub expires: Timestamp,
    /// Whether its holder has given it back.
    pub revoked: bool,
}

impl Token {
    /// How long a token is good for, unless its secret expires before. Source: contract, section 9.
    pub const LIFETIME: Duration = Duration::from_secs(3600);

    /// How long what is known of a token is kept after its end: a clock that was set back, or another node's that is late, must not
    /// find one good again that was given back.
    pub const REMEMBERED: Duration = Duration::from_secs(60);

    /// Whether nothing need be known of it any more.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        self.expires.after(Self::REMEMBERED) <= now
    }
}

/// The facts of a token that was presented and verified; by them it is judged again under each new snapshot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenRef {
    /// Names it.
    pub id: TokenId,
    /// The secret it was given for.
    pub secret: SecretId,
    /// From when on it is void.
    pub expires: Timestamp,
}

impl From<Token> for TokenRef {
    fn from(Token { id, secret, expires, .. }: Token) -> Self {
        Self { id, secret, expires }
    }
}

/// A service account's name in OAuth: `mdb_sa_id_` and the 24 digits of its id.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ClientId(pub CredentialId);

impl ClientId {
    /// How every client id begins. Source: contract, section 9.
    pub const PREFIX: &'static str = "mdb_sa_id_";
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

impl FromStr for ClientId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix(Self::PREFIX).ok_or(IdError)?.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ObjectId;
    use crate::identity::SecretKeys;

    fn object(last: u8) -> ObjectId {
        let mut bytes = [0; 12];
        bytes[11] = last;
        ObjectId::from_bytes(bytes)
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn account(tokens: Vec<Token>) -> ServiceAccount {
        let secret = Secret {
            id: SecretId(object(2)),
            verifier: SecretKeys::for_tests().verifier(CredentialId(object(1)), "a secret"),
            tail: "cret".into(),
            created: at(0),
            expires: at(100),
            last_used: None,
        };
        ServiceAccount {
            id: CredentialId(object(1)),
            org: OrgId(object(9)),
            name: "ci".into(),
            description: "ci".into(),
            roles: Roles::default(),
            secrets: vec![secret],
            tokens,
            created: at(0),
        }
    }

    #[test]
    fn a_client_id_reads_back_from_its_text() {
        let text = "mdb_sa_id_1234567890abcdef12345678";
        assert_eq!(text.parse::<ClientId>().unwrap().to_string(), text);
        for other in
            ["1234567890abcdef12345678", "mdb_sa_id_1234", "MDB_SA_ID_1234567890abcdef12345678"]
        {
            assert!(other.parse::<ClientId>().is_err(), "{other}");
        }
    }

    #[test]
    fn a_token_holds_until_it_or_its_secret_expires_or_is_taken_back() {
        let token =
            TokenRef { id: TokenId(object(5)), secret: SecretId(object(2)), expires: at(50) };
        let known =
            |revoked| Token { id: token.id, secret: token.secret, expires: token.expires, revoked };
        for (case, account, token, now, holds) in [
            ("fresh", account(vec![known(false)]), token, 49, true),
            ("given by another node", account(vec![]), token, 49, true),
            ("expired", account(vec![known(false)]), token, 50, false),
            ("given back", account(vec![known(true)]), token, 49, false),
            (
                "its secret is gone",
                account(vec![]),
                TokenRef { secret: SecretId(object(3)), ..token },
                49,
                false,
            ),
            (
                "its secret has expired",
                account(vec![]),
                TokenRef { expires: at(200), ..token },
                100,
                false,
            ),
        ] {
            assert_eq!(account.holds(&token, at(now)), holds, "{case}");
        }
    }

    #[test]
    fn a_token_that_was_given_back_or_has_expired_is_not_counted() {
        let token = |last, expires, revoked| Token {
            id: TokenId(object(last)),
            secret: SecretId(object(2)),
            expires: at(expires),
            revoked,
        };
        let tokens = vec![token(1, 50, false), token(2, 60, true), token(3, 70, false)];
        assert_eq!(account(tokens.clone()).live_tokens(at(49)), 2);
        assert_eq!(account(tokens).live_tokens(at(50)), 1);
    }
}
