//! Who gives a command, and whether that one still may.

use super::CommandError;
use crate::access::{Denial, EmptyList};
use crate::addr::ClientIp;
use crate::identity::{Principal, Role};
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// On whose behalf a command is given, and the right that it was accepted by.
///
/// A command may wait for its body and for its turn. Its author may lose credential, role or entry meanwhile, and is asked again.
#[derive(Clone, Copy, Debug)]
pub struct Author {
    /// Who was authenticated.
    pub principal: Principal,
    /// The address that it was judged by.
    pub address: ClientIp,
    /// The role that the command needs.
    pub needed: Role,
}

impl Author {
    /// Whether the author may give the command under this snapshot. Counts no use.
    ///
    /// # Errors
    /// [`CommandError::RoleLost`], also where the credential or the token that it presented is gone; [`CommandError::NotAdmitted`].
    pub fn check(&self, current: &Snapshot, now: Timestamp) -> Result<(), CommandError> {
        let roles = current.credentials.roles_now(&self.principal, now);
        if !roles.is_some_and(|roles| roles.include(self.needed)) {
            return Err(CommandError::RoleLost { needed: self.needed });
        }
        let organization = current.credentials.organization(self.principal.org);
        let empty = EmptyList::of(organization.is_none_or(|org| org.access_list_required));
        let list = current.lists.find(self.principal.credential).filter(|list| !list.is_empty());
        match (list, empty) {
            (Some(list), _) if list.longest_live(self.address, now).is_none() => {
                Err(CommandError::NotAdmitted(Denial::NotListed))
            }
            (None, EmptyList::AdmitsNobody) => Err(CommandError::NotAdmitted(Denial::ListRequired)),
            _ => Ok(()),
        }
    }
}
