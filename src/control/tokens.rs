//! Access tokens of service accounts: given for a secret, given back, and the keys that sign them.
//!
//! A token itself is kept nowhere. What is stored of one is enough to count it and to know that it was given back.

use std::sync::Arc;
use std::time::Duration;

use super::accounts::with_account;
use super::secret;
use super::writer::{Context, Plan};
use super::{CommandError, ControlPlane};
use crate::id::{CredentialId, SecretId, SigningKeyId, TokenId};
use crate::identity::{ServiceAccount, SigningKey, Token, TokenRef};
use crate::snapshot::Snapshot;
use crate::store::Change;
use crate::time::Timestamp;

impl ControlPlane {
    /// The account of that client id and the live one of its secrets that `secret` is; none where there is no such account or
    /// `secret` is none of its live ones. Takes the same time whether there is such an account or not, and however many secrets
    /// it has.
    pub fn verify_secret(
        &self,
        client: CredentialId,
        secret: &str,
    ) -> Option<(Arc<ServiceAccount>, SecretId)> {
        let Context { secrets, clock, .. } = self.writer.context();
        let (snapshot, now) = (self.snapshot(), clock.now());
        let account = snapshot.credentials.account_by_id(client);
        let mut found = None;
        for place in 0..ServiceAccount::MOST_SECRETS {
            match account.and_then(|account| account.secrets.get(place)) {
                Some(kept) => {
                    if secrets.verify(&kept.verifier, client, secret) && kept.is_live(now) {
                        found = Some(kept.id);
                    }
                }
                None => secrets.verify_nothing(client, secret),
            }
        }
        Some((Arc::clone(account?), found?))
    }

    /// Gives a token for a secret that was [verified](Self::verify_secret): stored before it is told, and signed by the newest
    /// key, which is made anew first where it is too old.
    ///
    /// # Errors
    /// [`CommandError::AccountNotFound`] or [`CommandError::SecretNotFound`] when it is gone by now,
    /// [`CommandError::TooManyTokens`], [`CommandError::Random`], [`CommandError::Store`].
    pub async fn issue_token(
        &self,
        account: CredentialId,
        secret: SecretId,
    ) -> Result<Grant, CommandError> {
        self.run(rotate_when_due).await?;
        self.run(move |context, current| issue(context, current, account, secret)).await
    }

    /// Ends a token. One that holds no more, or whose account is gone, stays as it is.
    ///
    /// # Errors
    /// [`CommandError::Store`].
    pub async fn revoke_token(
        &self,
        account: CredentialId,
        token: TokenRef,
    ) -> Result<(), CommandError> {
        self.run(move |context, current| revoke(context, current, account, token)).await
    }

    /// Makes a new key to sign tokens with. Those before it verify until their last token has expired.
    ///
    /// # Errors
    /// [`CommandError::Random`], [`CommandError::Store`].
    pub async fn rotate_signing_key(&self) -> Result<SigningKeyId, CommandError> {
        self.run(rotate).await
    }
}

/// A token that was given: all that its text says.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Whose it is.
    pub account: CredentialId,
    /// Its name, its secret and its end.
    pub token: Token,
    /// When it was given.
    pub issued: Timestamp,
    /// What it is to be signed with.
    pub key: SigningKey,
}

fn issue(
    context: &Context,
    current: &Snapshot,
    id: CredentialId,
    secret: SecretId,
) -> Result<Plan<Grant>, CommandError> {
    let issued = context.clock.now();
    let account = current.credentials.account_by_id(id).ok_or(CommandError::AccountNotFound)?;
    let live = account.secret(secret).filter(|secret| secret.is_live(issued));
    let until = live.ok_or(CommandError::SecretNotFound)?.expires;
    let mut after = ServiceAccount::clone(account);
    after.tokens.retain(|token| !token.is_forgotten(issued));
    refuse_too_many(&after.tokens, issued)?;
    let token = Token {
        id: TokenId(context.ids.next(issued)),
        secret,
        expires: issued.after(Token::LIFETIME).min(until),
        revoked: false,
    };
    after.put_token(token);
    for used in after.secrets.iter_mut().filter(|used| used.id == secret) {
        used.last_used = Some(issued);
    }
    // `rotate_when_due` came before, and the last key never goes.
    let key = current.credentials.signing_keys().last().ok_or(CommandError::SecretNotFound)?;
    let grant = Grant { account: id, token, issued, key: key.clone() };
    let (next, _) = with_account(current, after);
    Ok(Plan::changed(Change::IssueToken { account: id, token, at: issued }, next, grant))
}

fn refuse_too_many(tokens: &[Token], now: Timestamp) -> Result<(), CommandError> {
    let live = || tokens.iter().filter(|token| !token.revoked && now < token.expires);
    let (limit, until) = if live().count() >= MOST_LIVE_TOKENS {
        (MOST_LIVE_TOKENS, live().map(|token| token.expires).min())
    } else if tokens.len() >= MOST_KNOWN_TOKENS {
        let forgotten = tokens.iter().map(|token| token.expires.after(Token::REMEMBERED));
        (MOST_KNOWN_TOKENS, forgotten.min())
    } else {
        return Ok(());
    };
    Err(CommandError::TooManyTokens { limit, until: until.unwrap_or_default() })
}

fn revoke(
    context: &Context,
    current: &Snapshot,
    id: CredentialId,
    token: TokenRef,
) -> Result<Plan<()>, CommandError> {
    let Some(account) = current.credentials.account_by_id(id) else {
        return Ok(Plan::Unchanged(()));
    };
    if !account.holds(&token, context.clock.now()) {
        return Ok(Plan::Unchanged(()));
    }
    let TokenRef { id: name, secret, expires } = token;
    let token = Token { id: name, secret, expires, revoked: true };
    let mut after = ServiceAccount::clone(account);
    after.put_token(token);
    let (next, _) = with_account(current, after);
    Ok(Plan::changed(Change::RevokeToken { account: id, token }, next, ()))
}

fn rotate_when_due(
    context: &Context,
    current: &Snapshot,
) -> Result<Plan<SigningKeyId>, CommandError> {
    let now = context.clock.now();
    match current.credentials.signing_keys().last() {
        Some(key) if now.since(key.created) < context.settings.signing_key_lifetime => {
            Ok(Plan::Unchanged(key.id))
        }
        _ => rotate(context, current),
    }
}

fn rotate(context: &Context, current: &Snapshot) -> Result<Plan<SigningKeyId>, CommandError> {
    let now = context.clock.now();
    let before = current.credentials.signing_keys();
    let kept = current.credentials.verifying_keys(now);
    // The store has them in the order of their making: a clock that was set back must not make an old key sign again.
    let next_created = before.last().map(|key| key.created.after(Duration::from_millis(1)));
    let key = SigningKey {
        id: SigningKeyId(context.ids.next(now)),
        key: secret::signing_key().map_err(CommandError::Random)?,
        created: next_created.map_or(now, |least| now.max(least)),
    };
    let removed = before[..before.len() - kept.len()].iter().map(|key| key.id).collect();
    let keys: Arc<[SigningKey]> = kept.iter().cloned().chain([key.clone()]).collect();
    let mut next = current.clone();
    next.credentials.put_signing_keys(keys);
    let id = key.id;
    Ok(Plan::changed(Change::RotateSigningKey { key, removed }, next, id))
}

/// Tokens that one account may have at once. Source: contract, section 9.
const MOST_LIVE_TOKENS: usize = 100;

/// Those included that were given back, and those whose end is a moment ago: what is kept of an account is bounded however often it gives back
/// what it got.
const MOST_KNOWN_TOKENS: usize = 1_000;
