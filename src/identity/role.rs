//! What a credential may do: organization roles by their published names.

use std::fmt;

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
}
