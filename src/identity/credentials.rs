//! Every organization and credential in force, and who was authenticated by one.

use std::sync::Arc;

use super::{
    ApiKey, Organization, PublicKey, Role, Roles, SchemeKind, ServiceAccount, SigningKey, TokenRef,
};
use crate::id::{CredentialId, ObjectId, OrgId};
use crate::time::Timestamp;

/// Who was authenticated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Principal {
    /// By which scheme.
    pub scheme: SchemeKind,
    /// The credential presented; its access list is the one that counts.
    pub credential: CredentialId,
    /// The organization it belongs to.
    pub org: OrgId,
    /// Its roles.
    pub roles: Roles,
    /// The access token presented; none where the credential itself was.
    pub token: Option<TokenRef>,
}

/// Every organization and credential in force. Clones share structure.
#[derive(Clone, Default)]
pub struct Credentials {
    organizations: imbl::OrdMap<OrgId, Arc<Organization>>,
    keys: imbl::OrdMap<(OrgId, CredentialId), Arc<ApiKey>>,
    by_public_key: Map<PublicKey, Arc<ApiKey>>,
    accounts: imbl::OrdMap<(OrgId, CredentialId), Arc<ServiceAccount>>,
    accounts_by_id: Map<CredentialId, Arc<ServiceAccount>>,
    /// Oldest first; few, since each is dropped soon after its successor was made.
    signing_keys: Arc<[SigningKey]>,
}

impl Credentials {
    /// The organization of that id.
    pub fn organization(&self, id: OrgId) -> Option<&Arc<Organization>> {
        self.organizations.get(&id)
    }

    /// Every organization, oldest first.
    pub fn organizations(&self) -> impl Iterator<Item = &Arc<Organization>> {
        self.organizations.values()
    }

    /// The key that belongs to `org` under that id.
    pub fn key(&self, org: OrgId, id: CredentialId) -> Option<&Arc<ApiKey>> {
        self.keys.get(&(org, id))
    }

    /// The key that a digest names as its user.
    pub fn key_by_public_key(&self, public_key: PublicKey) -> Option<&Arc<ApiKey>> {
        self.by_public_key.get(&public_key)
    }

    /// Every key of an organization, oldest first.
    pub fn keys_of(&self, org: OrgId) -> impl Iterator<Item = &Arc<ApiKey>> {
        of_organization(&self.keys, org)
    }

    /// The service account that belongs to `org` under that id.
    pub fn account(&self, org: OrgId, id: CredentialId) -> Option<&Arc<ServiceAccount>> {
        self.accounts.get(&(org, id))
    }

    /// The service account of that id, whosever it is: the one that a token names.
    pub fn account_by_id(&self, id: CredentialId) -> Option<&Arc<ServiceAccount>> {
        self.accounts_by_id.get(&id)
    }

    /// Every service account of an organization, oldest first.
    pub fn accounts_of(&self, org: OrgId) -> impl Iterator<Item = &Arc<ServiceAccount>> {
        of_organization(&self.accounts, org)
    }

    /// The keys of access tokens that are kept, oldest first; the last one signs.
    pub fn signing_keys(&self) -> &Arc<[SigningKey]> {
        &self.signing_keys
    }

    /// The keys that verify access tokens at `now`: the one that signs, and those that it replaced no longer ago than a token
    /// lives. Who gets hold of an older one gets nothing, whatever end a token gives itself.
    pub fn verifying_keys(&self, now: Timestamp) -> &[SigningKey] {
        let has_outlived = |successor: &&SigningKey| {
            now.since(successor.created) > SigningKey::OUTLIVES_SUCCESSION
        };
        let over = self.signing_keys.iter().skip(1).take_while(has_outlived).count();
        self.signing_keys.get(over..).unwrap_or_default()
    }

    /// The roles of a credential of `org`, of either kind; none where there is no such credential.
    pub fn roles(&self, org: OrgId, id: CredentialId) -> Option<Roles> {
        let key = || self.key(org, id).map(|key| key.roles);
        key().or_else(|| self.account(org, id).map(|account| account.roles))
    }

    /// The roles that `principal` has now; none where its credential is gone, or the token that it presented holds no more.
    pub fn roles_now(&self, principal: &Principal, now: Timestamp) -> Option<Roles> {
        match &principal.token {
            None => self.roles(principal.org, principal.credential),
            Some(token) => self
                .account(principal.org, principal.credential)
                .filter(|account| account.holds(token, now))
                .map(|account| account.roles),
        }
    }

    /// Whether `org` would have an owner without the credential `leaving`, one that can sign in at `now`: a service account
    /// without a live secret gets no token.
    pub fn has_other_owner(&self, org: OrgId, leaving: CredentialId, now: Timestamp) -> bool {
        let keys = self.keys_of(org).map(|key| (key.id, key.roles));
        let accounts = self.accounts_of(org).filter(|account| account.has_live_secret(now));
        let accounts = accounts.map(|account| (account.id, account.roles));
        keys.chain(accounts).any(|(id, roles)| id != leaving && roles.contains(Role::Owner))
    }

    /// How many credentials there are in all.
    pub fn len(&self) -> usize {
        self.keys.len() + self.accounts.len()
    }

    /// Whether there is no credential.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an organization or puts it in the place of the one with its id.
    pub fn put_organization(&mut self, organization: Arc<Organization>) {
        self.organizations.insert(organization.id, organization);
    }

    /// Adds a key or puts it in the place of the one with its id.
    pub fn put_key(&mut self, key: Arc<ApiKey>) {
        self.by_public_key.insert(key.public_key, Arc::clone(&key));
        self.keys.insert((key.org, key.id), key);
    }

    /// Forgets a key.
    pub fn remove_key(&mut self, org: OrgId, id: CredentialId) {
        if let Some(key) = self.keys.remove(&(org, id)) {
            self.by_public_key.remove(&key.public_key);
        }
    }

    /// Adds a service account or puts it in the place of the one with its id.
    pub fn put_account(&mut self, account: Arc<ServiceAccount>) {
        self.accounts_by_id.insert(account.id, Arc::clone(&account));
        self.accounts.insert((account.org, account.id), account);
    }

    /// Forgets a service account, and with it its secrets and tokens.
    pub fn remove_account(&mut self, org: OrgId, id: CredentialId) {
        if self.accounts.remove(&(org, id)).is_some() {
            self.accounts_by_id.remove(&id);
        }
    }

    /// Puts `keys`, oldest first, in the place of the earlier ones.
    pub fn put_signing_keys(&mut self, keys: Arc<[SigningKey]>) {
        self.signing_keys = keys;
    }
}

type Map<K, V> =
    imbl::GenericHashMap<K, V, foldhash::fast::RandomState, imbl::shared_ptr::DefaultSharedPtr>;

/// What belongs to one organization, oldest first.
fn of_organization<T>(
    map: &imbl::OrdMap<(OrgId, CredentialId), Arc<T>>,
    org: OrgId,
) -> impl Iterator<Item = &Arc<T>> {
    map.range((org, CredentialId(ObjectId::from_bytes([0; 12])))..)
        .take_while(move |((owner, _), _)| *owner == org)
        .map(|(_, each)| each)
}
