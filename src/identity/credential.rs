//! What is kept of a credential: the API key, its roles, its organization.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::SchemeKind;
use crate::id::{CredentialId, OrgId};
use crate::time::Timestamp;

/// An organization: the owner of credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Organization {
    /// Names it.
    pub id: OrgId,
    /// What people call it.
    pub name: Box<str>,
    /// Whether a credential with an empty access list is refused everywhere (`apiAccessListRequired`).
    pub access_list_required: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// An API key, without the private key: only what verifies one is kept.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Names the key; the API's `apiUserId`.
    pub id: CredentialId,
    /// The organization it belongs to.
    pub org: OrgId,
    /// The user name of the digest.
    pub public_key: PublicKey,
    /// What it is for, 1 to 250 characters.
    pub description: Box<str>,
    /// What it may do on the admin API, and what a route may ask for.
    pub roles: Roles,
    /// The last twelve characters of the private key, shown ever after.
    pub private_key_tail: Box<str>,
    /// What the digest is verified against.
    pub ha1: Ha1,
    /// When it was made.
    pub created: Timestamp,
}

/// Eight lower-case letters: the public half of an API key.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublicKey([u8; 8]);

impl PublicKey {
    /// Reads eight lower-case letters.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 8] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_lowercase).then_some(Self(letters))
    }

    /// The eight letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `H(public key:realm:private key)` by each algorithm. As good as a password for this realm, so it is stored sealed and never shown.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct Ha1 {
    /// By MD5.
    pub md5: [u8; 16],
    /// By SHA-256.
    pub sha256: [u8; 32],
}

impl PartialEq for Ha1 {
    fn eq(&self, other: &Self) -> bool {
        (self.md5.ct_eq(&other.md5) & self.sha256.ct_eq(&other.sha256)).into()
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(redacted)")
    }
}

/// One organization role, by its published name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// `ORG_OWNER`: everything.
    Owner,
    /// `ORG_MEMBER`
    Member,
    /// `ORG_GROUP_CREATOR`
    GroupCreator,
    /// `ORG_BILLING_ADMIN`
    BillingAdmin,
    /// `ORG_BILLING_READ_ONLY`
    BillingReadOnly,
    /// `ORG_STREAM_PROCESSING_ADMIN`
    StreamProcessingAdmin,
    /// `ORG_READ_ONLY`
    ReadOnly,
}

impl Role {
    /// Every role, in the order of the published list.
    pub const ALL: [Self; 7] = [
        Self::Owner,
        Self::Member,
        Self::GroupCreator,
        Self::BillingAdmin,
        Self::BillingReadOnly,
        Self::StreamProcessingAdmin,
        Self::ReadOnly,
    ];

    /// The published name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "ORG_OWNER",
            Self::Member => "ORG_MEMBER",
            Self::GroupCreator => "ORG_GROUP_CREATOR",
            Self::BillingAdmin => "ORG_BILLING_ADMIN",
            Self::BillingReadOnly => "ORG_BILLING_READ_ONLY",
            Self::StreamProcessingAdmin => "ORG_STREAM_PROCESSING_ADMIN",
            Self::ReadOnly => "ORG_READ_ONLY",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// A set of roles.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Roles(u8);

impl Roles {
    /// Whether `role` itself is in the set.
    pub fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// Whether the set has what `needed` asks for: an owner may everything, read-only includes member, and every role counts as member.
    pub fn include(self, needed: Role) -> bool {
        self.contains(Role::Owner)
            || self.contains(needed)
            || (needed == Role::Member && self.0 != 0)
    }

    /// The roles in the set, in published order.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.contains(*role))
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |set, role| set | (1 << role as u8)))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_every_role_and_every_role_makes_a_member() {
        let roles = |names: &[Role]| names.iter().copied().collect::<Roles>();
        for (held, needed, enough) in [
            (roles(&[Role::Owner]), Role::ReadOnly, true),
            (roles(&[Role::ReadOnly]), Role::Member, true),
            (roles(&[Role::BillingAdmin]), Role::Member, true),
            (roles(&[Role::BillingAdmin]), Role::ReadOnly, false),
            (roles(&[Role::Member]), Role::Owner, false),
            (roles(&[]), Role::Member, false),
        ] {
            assert_eq!(held.include(needed), enough, "{held:?} asked for {needed:?}");
        }
    }

    #[test]
    fn a_verifier_is_never_shown() {
        let ha1 = Ha1 { md5: [7; 16], sha256: [7; 32] };
        assert_eq!(format!("{ha1:?}"), "Ha1(redacted)");
    }
}
