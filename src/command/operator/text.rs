//! How replies look to a person: tables for lists, a line a fact for what was made.
//!
//! A text that somebody else chose is shown without what could rewrite what a terminal shows: control characters, and those that turn
//! the text around them.

use std::fmt::Write as _;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use crate::local::{Account, Entries, Key, NewKey, NewSecret, Organization, Reply, Secret};

/// The reply as text.
pub(super) fn of(reply: &Reply) -> String {
    match reply {
        Reply::Organizations(list) => organizations(&list.results),
        Reply::Organization(organization) => one_organization(organization),
        Reply::Keys(list) => keys(&list.results),
        Reply::Key(new) => new_key(new),
        Reply::Accounts(list) => accounts(&list.results),
        Reply::Account(new) => new_account(new),
        Reply::Secret(new) => new_secret(new),
        Reply::Entries(list) => entries(list),
        Reply::Removed(removed) => format!("{} is removed.\n", removed.removed),
        Reply::SigningKey(key) => format!(
            "Access tokens are signed with key {} from now on. Those given before are good until they expire.\n",
            key.id
        ),
    }
}

/// The reply as JSON, without what tells replies apart: who typed the command knows which it is.
pub(super) fn json(reply: &Reply) -> serde_json::Result<String> {
    let text = match reply {
        Reply::Organizations(list) => serde_json::to_string_pretty(list),
        Reply::Organization(organization) => serde_json::to_string_pretty(organization),
        Reply::Keys(list) => serde_json::to_string_pretty(list),
        Reply::Key(key) => serde_json::to_string_pretty(key),
        Reply::Accounts(list) => serde_json::to_string_pretty(list),
        Reply::Account(account) => serde_json::to_string_pretty(account),
        Reply::Secret(secret) => serde_json::to_string_pretty(secret),
        Reply::Entries(list) => serde_json::to_string_pretty(list),
        Reply::Removed(removed) => serde_json::to_string_pretty(removed),
        Reply::SigningKey(key) => serde_json::to_string_pretty(key),
    };
    text.map(|text| text + "\n")
}

fn organizations(organizations: &[Organization]) -> String {
    let mut rows = vec![row(["ID", "API KEYS", "SERVICE ACCOUNTS", "LISTS", "CREATED", "NAME"])];
    rows.extend(organizations.iter().map(|organization| {
        vec![
            organization.id.clone(),
            organization.api_keys.to_string(),
            organization.service_accounts.to_string(),
            required(organization).to_owned(),
            organization.created_at.clone(),
            plain(&organization.name),
        ]
    }));
    table(&rows)
}

fn one_organization(organization: &Organization) -> String {
    facts(&[
        ("organization", organization.id.clone()),
        ("name", plain(&organization.name)),
        ("access lists", required(organization).to_owned()),
        ("API keys", organization.api_keys.to_string()),
        ("service accounts", organization.service_accounts.to_string()),
    ])
}

fn required(organization: &Organization) -> &'static str {
    if organization.api_access_list_required { "required" } else { "optional" }
}

fn keys(keys: &[Key]) -> String {
    let mut rows = vec![row(["ID", "PUBLIC KEY", "ENTRIES", "CREATED", "ROLES", "DESCRIPTION"])];
    rows.extend(keys.iter().map(|key| {
        vec![
            key.id.clone(),
            key.public_key.clone(),
            key.entries.to_string(),
            key.created_at.clone(),
            key.roles.join(","),
            plain(&key.desc),
        ]
    }));
    table(&rows)
}

fn new_key(new: &NewKey) -> String {
    let NewKey { key, private_key } = new;
    let mut text = facts(&[
        ("API key", key.id.clone()),
        ("public key", key.public_key.clone()),
        ("private key", private_key.expose().to_owned()),
        ("organization", key.org_id.clone()),
        ("roles", key.roles.join(", ")),
        ("description", plain(&key.desc)),
        ("allowed from", allowed(key.entries)),
    ]);
    text.push_str("\nThe private key is shown this once: keep it as you keep a password.\n");
    text.push_str(&way_in(key.entries, &key.id));
    text
}

fn accounts(accounts: &[Account]) -> String {
    let mut rows = vec![row(["CLIENT ID", "ENTRIES", "CREATED", "ROLES", "NAME", "DESCRIPTION"])];
    rows.extend(accounts.iter().map(|account| {
        vec![
            account.client_id.clone(),
            account.entries.to_string(),
            account.created_at.clone(),
            account.roles.join(","),
            plain(&account.name),
            plain(&account.description),
        ]
    }));
    let mut text = table(&rows);
    let mut rows = vec![row(["SECRET", "CLIENT ID", "VALUE", "EXPIRES", "LAST USED"])];
    rows.extend(
        accounts
            .iter()
            .flat_map(|account| account.secrets.iter().map(|secret| secret_row(account, secret))),
    );
    if rows.len() > 1 {
        let _ = write!(text, "\n{}", table(&rows));
    }
    text
}

fn secret_row(account: &Account, secret: &Secret) -> Vec<String> {
    vec![
        secret.id.clone(),
        account.client_id.clone(),
        secret.masked_secret_value.clone().unwrap_or_default(),
        secret.expires_at.clone(),
        or_never(secret.last_used_at.as_deref()),
    ]
}

fn new_account(account: &Account) -> String {
    let id = &account.client_id;
    let mut lines = vec![("client id", id.clone())];
    lines.extend(account.secrets.iter().flat_map(secret_facts));
    lines.extend([
        ("organization", account.org_id.clone()),
        ("roles", account.roles.join(", ")),
        ("name", plain(&account.name)),
        ("description", plain(&account.description)),
        ("allowed from", allowed(account.entries)),
    ]);
    let mut text = facts(&lines);
    text.push_str(&match account.secrets.first() {
        Some(_) => format!("\n{SECRET_ONCE}"),
        None => format!(
            "\nIt has no secret yet: portcullis service-account secret create {id} --hours 2160\n"
        ),
    });
    text.push_str(&way_in(account.entries, id));
    text
}

fn new_secret(new: &NewSecret) -> String {
    let mut lines = vec![("client id", new.client_id.clone())];
    lines.extend(secret_facts(&new.secret));
    format!("{}\n{SECRET_ONCE}", facts(&lines))
}

/// A secret just made.
fn secret_facts(secret: &Secret) -> [(&'static str, String); 3] {
    let text = secret.secret.as_ref().map_or_else(String::new, |text| text.expose().to_owned());
    [
        ("secret", text),
        ("secret's id", secret.id.clone()),
        ("secret expires", secret.expires_at.clone()),
    ]
}

fn entries(list: &Entries) -> String {
    let mut rows = vec![row(["ENTRY", "COUNT", "LAST USED", "LAST ADDRESS", "ADDED"])];
    rows.extend(list.results.iter().map(|entry| {
        vec![
            entry.ip_address.as_ref().unwrap_or(&entry.cidr_block).clone(),
            entry.count.to_string(),
            or_never(entry.last_used.as_deref()),
            or_never(entry.last_used_address.as_deref()),
            entry.created.clone(),
        ]
    }));
    table(&rows)
}

fn or_never(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

fn allowed(entries: usize) -> String {
    match entries {
        0 => "nowhere yet".to_owned(),
        1 => "1 entry".to_owned(),
        many => format!("{many} entries"),
    }
}

/// What to do about an empty list.
fn way_in(entries: usize, credential: &str) -> String {
    match entries {
        0 => format!("Its list is empty: portcullis access-list add {credential} ADDRESS\n"),
        _ => String::new(),
    }
}

/// The text without control and format characters, each of which is shown as its escape.
fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        // Also what is no control and turns the text around it, as U+202E does.
        let is_unseen = character.general_category() == GeneralCategory::Format;
        match character.is_control() || is_unseen {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).into()
}

/// Rows with their columns aligned. The last one is as wide as it is.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A fact a line.
fn facts(facts: &[(&str, String)]) -> String {
    table(
        &facts
            .iter()
            .map(|(name, value)| vec![(*name).to_owned(), value.clone()])
            .collect::<Vec<_>>(),
    )
}

const SECRET_ONCE: &str = "The secret is shown this once: keep it as you keep a password.\n";

#[cfg(test)]
mod tests;
