//! Commands on service accounts and their secrets.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::organizations::{find_organization, refuse_last_owner};
use super::writer::{Context, Plan};
use super::{CommandError, ControlPlane, NewEntry, entries, secret};
use crate::access::AccessList;
use crate::id::{CredentialId, OrgId, SecretId};
use crate::identity::{Organization, Role, Roles, Secret, ServiceAccount};
use crate::snapshot::Snapshot;
use crate::store::Change;
use crate::time::Timestamp;

impl ControlPlane {
    /// Adds a service account to an organization, with a first secret where hours for it are given, and with the entries that
    /// its list starts with.
    ///
    /// # Errors
    /// [`CommandError::OrganizationNotFound`], [`CommandError::TooManyAccounts`], [`CommandError::TooManyEntries`],
    /// [`CommandError::SecretTooLong`], [`CommandError::Random`], [`CommandError::Store`].
    pub async fn create_account(
        &self,
        org: OrgId,
        new: NewAccount,
        entries: Vec<NewEntry>,
    ) -> Result<CreatedAccount, CommandError> {
        self.run(move |context, current| create(context, current, org, new, &entries)).await
    }

    /// Changes what a service account is called, what it is for and what it may do. Nothing new: nothing is stored.
    ///
    /// # Errors
    /// [`CommandError::OrganizationNotFound`], [`CommandError::AccountNotFound`], [`CommandError::LastOwner`],
    /// [`CommandError::Store`].
    pub async fn update_account(
        &self,
        org: OrgId,
        id: CredentialId,
        update: AccountUpdate,
    ) -> Result<Arc<ServiceAccount>, CommandError> {
        self.run(move |context, current| change(context, current, org, id, update)).await
    }

    /// Removes a service account, its secrets, its tokens, its list and the usage of that list.
    ///
    /// # Errors
    /// [`CommandError::OrganizationNotFound`], [`CommandError::AccountNotFound`], [`CommandError::LastOwner`],
    /// [`CommandError::Store`].
    pub async fn delete_account(&self, org: OrgId, id: CredentialId) -> Result<(), CommandError> {
        self.run(move |context, current| delete(context, current, org, id)).await
    }

    /// Adds a secret that is valid for so many hours to a service account.
    ///
    /// # Errors
    /// [`CommandError::OrganizationNotFound`], [`CommandError::AccountNotFound`], [`CommandError::TooManySecrets`],
    /// [`CommandError::SecretTooLong`], [`CommandError::Random`], [`CommandError::Store`].
    pub async fn create_secret(
        &self,
        org: OrgId,
        id: CredentialId,
        hours: u32,
    ) -> Result<CreatedSecret, CommandError> {
        self.run(move |context, current| add_secret(context, current, org, id, hours)).await
    }

    /// Removes a secret; the tokens that it gave are void from then on.
    ///
    /// # Errors
    /// [`CommandError::OrganizationNotFound`], [`CommandError::AccountNotFound`], [`CommandError::SecretNotFound`],
    /// [`CommandError::LastOwner`], [`CommandError::Store`].
    pub async fn delete_secret(
        &self,
        org: OrgId,
        id: CredentialId,
        secret: SecretId,
    ) -> Result<(), CommandError> {
        self.run(move |context, current| remove_secret(context, current, org, id, secret)).await
    }
}

/// A service account to be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewAccount {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it may do.
    pub roles: Roles,
    /// Hours that its first secret is valid; none: it has no secret yet.
    pub secret_hours: Option<u32>,
}

/// What is to change of a service account; what is none stays.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccountUpdate {
    /// The name from now on.
    pub name: Option<String>,
    /// The description from now on.
    pub description: Option<String>,
    /// The roles from now on; they replace the earlier ones.
    pub roles: Option<Roles>,
}

/// A service account just made, with the one copy of its first secret that there will ever be.
#[derive(Debug)]
pub struct CreatedAccount {
    /// The account as kept.
    pub account: Arc<ServiceAccount>,
    /// The first secret, where one was asked for.
    pub secret: Option<SecretString>,
}

/// A secret just made, with the one copy of its text that there will ever be.
#[derive(Debug)]
pub struct CreatedSecret {
    /// The secret as kept.
    pub secret: Secret,
    /// Its text.
    pub text: SecretString,
}

fn create(
    context: &Context,
    current: &Snapshot,
    org: OrgId,
    new: NewAccount,
    wanted: &[NewEntry],
) -> Result<Plan<CreatedAccount>, CommandError> {
    let organization = find_organization(current, org)?;
    let limit = context.settings.accounts_per_organization;
    if current.credentials.accounts_of(org).count() >= limit {
        return Err(CommandError::TooManyAccounts { limit });
    }
    let entries = entries::new_to(&AccessList::default(), wanted, context)?;
    let created = context.clock.now();
    let id = CredentialId(context.ids.next(created));
    let make = |hours| make_secret(context, organization, id, hours);
    let first = new.secret_hours.map(make).transpose()?;
    let (secrets, text) = match first {
        Some(CreatedSecret { secret, text }) => (vec![secret], Some(text)),
        None => (Vec::new(), None),
    };
    let account = Arc::new(ServiceAccount {
        id,
        org,
        name: new.name.into(),
        description: new.description.into(),
        roles: new.roles,
        secrets,
        tokens: Vec::new(),
        created,
    });
    let mut next = current.clone();
    next.credentials.put_account(Arc::clone(&account));
    if !entries.is_empty() {
        next.lists.put(id, Arc::new(AccessList::new(entries.clone())));
    }
    let change = Change::CreateAccount { account: Arc::clone(&account), entries };
    Ok(Plan::changed(change, next, CreatedAccount { account, secret: text }))
}

fn change(
    context: &Context,
    current: &Snapshot,
    org: OrgId,
    id: CredentialId,
    update: AccountUpdate,
) -> Result<Plan<Arc<ServiceAccount>>, CommandError> {
    let before = find_account(current, org, id)?;
    let name = update.name.map_or_else(|| before.name.clone(), Into::into);
    let description = update.description.map_or_else(|| before.description.clone(), Into::into);
    let roles = update.roles.unwrap_or(before.roles);
    if (&name, &description, roles) == (&before.name, &before.description, before.roles) {
        return Ok(Plan::Unchanged(Arc::clone(before)));
    }
    if !roles.contains(Role::Owner) {
        refuse_last_owner(context, current, org, id, before.roles)?;
    }
    let after = ServiceAccount { name, description, roles, ..ServiceAccount::clone(before) };
    let (next, after) = with_account(current, after);
    Ok(Plan::changed(Change::UpdateAccount { account: Arc::clone(&after) }, next, after))
}

fn delete(
    context: &Context,
    current: &Snapshot,
    org: OrgId,
    id: CredentialId,
) -> Result<Plan<()>, CommandError> {
    let account = find_account(current, org, id)?;
    refuse_last_owner(context, current, org, id, account.roles)?;
    let mut next = current.clone();
    next.credentials.remove_account(org, id);
    next.lists.remove(id);
    Ok(Plan::changed(Change::DeleteAccount { id }, next, ()))
}

fn add_secret(
    context: &Context,
    current: &Snapshot,
    org: OrgId,
    id: CredentialId,
    hours: u32,
) -> Result<Plan<CreatedSecret>, CommandError> {
    let account = find_account(current, org, id)?;
    let organization = find_organization(current, org)?;
    let limit = ServiceAccount::MOST_SECRETS;
    if account.secrets.len() >= limit {
        return Err(CommandError::TooManySecrets { limit });
    }
    let created = make_secret(context, organization, id, hours)?;
    let mut after = ServiceAccount::clone(account);
    after.secrets.push(created.secret.clone());
    let (next, _) = with_account(current, after);
    let change = Change::CreateSecret { account: id, secret: created.secret.clone() };
    Ok(Plan::changed(change, next, created))
}

fn remove_secret(
    context: &Context,
    current: &Snapshot,
    org: OrgId,
    id: CredentialId,
    secret: SecretId,
) -> Result<Plan<()>, CommandError> {
    let account = find_account(current, org, id)?;
    if account.secret(secret).is_none() {
        return Err(CommandError::SecretNotFound);
    }
    let mut after = ServiceAccount::clone(account);
    after.secrets.retain(|kept| kept.id != secret);
    let now = context.clock.now();
    if account.has_live_secret(now) && !after.has_live_secret(now) {
        refuse_last_owner(context, current, org, id, account.roles)?;
    }
    after.tokens.retain(|token| token.secret != secret);
    let (next, _) = with_account(current, after);
    Ok(Plan::changed(Change::DeleteSecret { account: id, secret }, next, ()))
}

fn make_secret(
    context: &Context,
    organization: &Organization,
    account: CredentialId,
    hours: u32,
) -> Result<CreatedSecret, CommandError> {
    let most = organization.most_secret_hours.unwrap_or(*Organization::SECRET_HOURS.end());
    if hours > most {
        return Err(CommandError::SecretTooLong { hours, most });
    }
    let text = secret::account_secret().map_err(CommandError::Random)?;
    let created = context.clock.now();
    let secret = Secret {
        id: SecretId(context.ids.next(created)),
        verifier: context.secrets.verifier(account, text.expose_secret()),
        tail: secret::tail_of(&text, SECRET_TAIL),
        created,
        expires: hours_after(created, hours),
        last_used: None,
    };
    Ok(CreatedSecret { secret, text })
}

/// The account `id` of `org`. An organization that does not exist is told apart from one without the account.
pub(super) fn find_account(
    current: &Snapshot,
    org: OrgId,
    id: CredentialId,
) -> Result<&Arc<ServiceAccount>, CommandError> {
    find_organization(current, org)?;
    current.credentials.account(org, id).ok_or(CommandError::AccountNotFound)
}

/// The snapshot in which `account` stands as it is here.
pub(super) fn with_account(
    current: &Snapshot,
    account: ServiceAccount,
) -> (Snapshot, Arc<ServiceAccount>) {
    let account = Arc::new(account);
    let mut next = current.clone();
    next.credentials.put_account(Arc::clone(&account));
    (next, account)
}

fn hours_after(start: Timestamp, hours: u32) -> Timestamp {
    start.after(Duration::from_secs(u64::from(hours) * 3600))
}

/// Characters of a secret that are shown ever after. Source: contract, section 9.
const SECRET_TAIL: usize = 4;
