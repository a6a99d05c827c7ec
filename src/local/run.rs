//! A command against the control plane: texts are read, names are found, and the command is given without an author.

use super::Command;
use super::find::{self, Credential};
use super::input::{self, Rule, Violation};
use super::refusal::Refusal;
use super::reply::{
    Account, Entries, Entry, Key, Listed, NewKey, NewSecret, Organization, Removed, Reply,
};
use crate::access::AccessList;
use crate::control::{self, CommandError, ControlPlane, CreatedKey, NewEntry, OrganizationUpdate};
use crate::identity::{ClientId, Roles};

/// Carries out `command` and says what came of it, once it is stored and in force.
///
/// # Errors
/// See [`Refusal`]; nothing has changed then, save as [`CommandError::Interrupted`] says.
pub async fn run(control: &ControlPlane, command: Command) -> Result<Reply, Refusal> {
    match command {
        Command::ListOrganizations {} => Ok(list_organizations(control)),
        Command::CreateOrganization { name } => create_organization(control, &name).await,
        Command::RenameOrganization { organization, name } => {
            rename_organization(control, &organization, &name).await
        }
        Command::ListKeys { organization } => list_keys(control, organization.as_deref()),
        Command::CreateKey { organization, description, roles, allow } => {
            let new = NewCredential { organization, roles, allow };
            create_key(control, new, &description).await
        }
        Command::DeleteKey { credential } => delete_key(control, &credential).await,
        Command::ListAccounts { organization } => list_accounts(control, organization.as_deref()),
        Command::CreateAccount { organization, name, description, roles, allow, secret_hours } => {
            let new = NewCredential { organization, roles, allow };
            create_account(control, new, &name, &description, secret_hours).await
        }
        Command::DeleteAccount { credential } => delete_account(control, &credential).await,
        Command::CreateSecret { credential, hours } => {
            create_secret(control, &credential, hours).await
        }
        Command::DeleteSecret { credential, secret } => {
            delete_secret(control, &credential, &secret).await
        }
        Command::ListEntries { credential } => list_entries(control, &credential),
        Command::AddEntries { credential, entries } => {
            add_entries(control, &credential, &entries).await
        }
        Command::RemoveEntry { credential, entry } => {
            remove_entry(control, &credential, &entry).await
        }
        Command::RotateSigningKey {} => {
            Ok(Reply::SigningKey(control.rotate_signing_key().await?.into()))
        }
    }
}

fn list_organizations(control: &ControlPlane) -> Reply {
    let snapshot = control.snapshot();
    let organizations = snapshot.credentials.organizations();
    let results = organizations.map(|org| Organization::of(org, &snapshot)).collect();
    Reply::Organizations(Listed { results })
}

async fn create_organization(control: &ControlPlane, name: &str) -> Result<Reply, Refusal> {
    let name = Violation::or("name", name, input::organization_name)?;
    let made = control.create_organization(&name).await?;
    Ok(Reply::Organization(Organization::of(&made, &control.snapshot())))
}

async fn rename_organization(
    control: &ControlPlane,
    organization: &str,
    name: &str,
) -> Result<Reply, Refusal> {
    let name = Violation::or("name", name, input::organization_name)?;
    let org = find::organization(&control.snapshot(), Some(organization))?;
    let update = OrganizationUpdate { name: Some(name), ..OrganizationUpdate::default() };
    let renamed = control.update_organization(org, update).await?;
    Ok(Reply::Organization(Organization::of(&renamed, &control.snapshot())))
}

/// What a new credential of either kind has.
struct NewCredential {
    organization: Option<String>,
    roles: Vec<String>,
    allow: Vec<String>,
}

impl NewCredential {
    fn roles(&self) -> Result<Roles, Violation> {
        if self.roles.is_empty() {
            return Err(Violation::absent("role", Rule::SomeRole));
        }
        self.roles.iter().map(|role| Violation::or("role", role, input::role)).collect()
    }

    fn entries(&self) -> Result<Vec<NewEntry>, Violation> {
        self.allow.iter().map(|entry| Violation::or("allow", entry, input::entry)).collect()
    }
}

fn list_keys(control: &ControlPlane, organization: Option<&str>) -> Result<Reply, Refusal> {
    let snapshot = control.snapshot();
    let org = find::organization(&snapshot, organization)?;
    let keys = snapshot.credentials.keys_of(org);
    Ok(Reply::Keys(Listed { results: keys.map(|key| Key::of(key, &snapshot)).collect() }))
}

async fn create_key(
    control: &ControlPlane,
    new: NewCredential,
    description: &str,
) -> Result<Reply, Refusal> {
    let description = Violation::or("desc", description, input::key_description)?;
    let (roles, entries) = (new.roles()?, new.entries()?);
    let org = find::organization(&control.snapshot(), new.organization.as_deref())?;
    let CreatedKey { key, private_key } =
        control.create_key(org, &description, roles, entries).await?;
    let key = Key::of(&key, &control.snapshot());
    Ok(Reply::Key(NewKey { key, private_key: private_key.into() }))
}

async fn delete_key(control: &ControlPlane, credential: &str) -> Result<Reply, Refusal> {
    let found = find::credential(&control.snapshot(), credential)?;
    let Credential::Key { org, id } = found else {
        return Err(Refusal::NotAKey { found: input::quoted(credential) });
    };
    control.delete_key(org, id).await?;
    Ok(Reply::Removed(Removed { removed: found.to_string() }))
}

fn list_accounts(control: &ControlPlane, organization: Option<&str>) -> Result<Reply, Refusal> {
    let snapshot = control.snapshot();
    let org = find::organization(&snapshot, organization)?;
    let accounts = snapshot.credentials.accounts_of(org);
    let results = accounts.map(|account| Account::of(account, &snapshot)).collect();
    Ok(Reply::Accounts(Listed { results }))
}

async fn create_account(
    control: &ControlPlane,
    new: NewCredential,
    name: &str,
    description: &str,
    secret_hours: Option<u32>,
) -> Result<Reply, Refusal> {
    let name = Violation::or("name", name, input::account_name)?;
    let description = Violation::or("desc", description, input::account_description)?;
    let (roles, entries) = (new.roles()?, new.entries()?);
    let secret_hours = secret_hours.map(hours).transpose()?;
    let org = find::organization(&control.snapshot(), new.organization.as_deref())?;
    let account = control::NewAccount { name, description, roles, secret_hours };
    let made = control.create_account(org, account, entries).await?;
    Ok(Reply::Account(Account::new(made, &control.snapshot())))
}

async fn delete_account(control: &ControlPlane, credential: &str) -> Result<Reply, Refusal> {
    let found = find::account(&control.snapshot(), credential)?;
    control.delete_account(found.org, found.id).await?;
    Ok(Reply::Removed(Removed { removed: ClientId(found.id).to_string() }))
}

async fn create_secret(
    control: &ControlPlane,
    credential: &str,
    valid: u32,
) -> Result<Reply, Refusal> {
    let valid = hours(valid)?;
    let found = find::account(&control.snapshot(), credential)?;
    let made = control.create_secret(found.org, found.id, valid).await?;
    Ok(Reply::Secret(NewSecret::of(made, ClientId(found.id))))
}

async fn delete_secret(
    control: &ControlPlane,
    credential: &str,
    secret: &str,
) -> Result<Reply, Refusal> {
    let id = Violation::or("secret", secret, input::secret)?;
    let found = find::account(&control.snapshot(), credential)?;
    control.delete_secret(found.org, found.id, id).await?;
    Ok(Reply::Removed(Removed { removed: id.to_string() }))
}

fn list_entries(control: &ControlPlane, credential: &str) -> Result<Reply, Refusal> {
    let snapshot = control.snapshot();
    let found = find::credential(&snapshot, credential)?;
    let list = snapshot.lists.find(found.owner().credential());
    Ok(entries_of(found, list.map(|list| &**list)))
}

async fn add_entries(
    control: &ControlPlane,
    credential: &str,
    entries: &[String],
) -> Result<Reply, Refusal> {
    if entries.is_empty() {
        return Err(Violation::absent("entry", Rule::SomeEntry).into());
    }
    let new: Result<_, _> =
        entries.iter().map(|entry| Violation::or("entry", entry, input::entry)).collect();
    let new = new?;
    let found = find::credential(&control.snapshot(), credential)?;
    let list = control.add_entries(found.org(), found.owner(), new).await?;
    Ok(entries_of(found, Some(&list)))
}

async fn remove_entry(
    control: &ControlPlane,
    credential: &str,
    entry: &str,
) -> Result<Reply, Refusal> {
    let prefix = Violation::or("entry", entry, input::entry)?.prefix;
    let found = find::credential(&control.snapshot(), credential)?;
    // Without a caller: the operator stands on no entry.
    let removed = control.remove_entry(found.org(), found.owner(), prefix, None).await;
    removed.map_err(|error| match error {
        CommandError::EntryNotFound => {
            Refusal::EntryUnknown { credential: found.to_string(), entry: prefix }
        }
        error => error.into(),
    })?;
    Ok(Reply::Removed(Removed { removed: prefix.to_string() }))
}

fn entries_of(credential: Credential, list: Option<&AccessList>) -> Reply {
    let entries = list.map_or(&[][..], AccessList::entries);
    let results = entries.iter().map(|entry| Entry::of(entry)).collect();
    Reply::Entries(Entries { credential: credential.to_string(), results })
}

fn hours(hours: u32) -> Result<u32, Violation> {
    Violation::or("secret hours", &hours.to_string(), input::secret_hours)
}
