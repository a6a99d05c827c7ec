//! Every organization and credential in force, and who was authenticated by one.

use std::sync::Arc;

use super::{ApiKey, Organization, PublicKey, Roles, SchemeKind};
use crate::id::{CredentialId, OrgId};

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
}

/// Every organization and API key in force. Clones share structure.
#[derive(Clone, Default)]
pub struct Credentials {
    organizations: imbl::OrdMap<OrgId, Arc<Organization>>,
    keys: imbl::OrdMap<(OrgId, CredentialId), Arc<ApiKey>>,
    by_public_key: imbl::GenericHashMap<
        PublicKey,
        Arc<ApiKey>,
        foldhash::fast::RandomState,
        imbl::shared_ptr::DefaultSharedPtr,
    >,
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
        self.keys
            .range((org, CredentialId(crate::id::ObjectId::from_bytes([0; 12])))..)
            .take_while(move |((owner, _), _)| *owner == org)
            .map(|(_, key)| key)
    }

    /// How many keys there are in all.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
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
}
