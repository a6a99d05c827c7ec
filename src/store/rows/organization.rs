//! Organizations.

use rusqlite::{Transaction, params};

use super::{Broken, Columns, Failure, INTEGER, Query, TEXT, blob, expect_one};
use crate::id::OrgId;
use crate::identity::Organization;
use crate::store::Conflict;
use crate::time::Timestamp;

pub(super) fn insert(
    transaction: &Transaction<'_>,
    organization: &Organization,
) -> Result<(), Failure> {
    let Organization { id, name, access_list_required, most_secret_hours, created } = organization;
    let values =
        params![blob(id.0), name, access_list_required, most_secret_hours, created.as_millis()];
    transaction.prepare_cached(INSERT_ORGANIZATION)?.execute(values).map_err(|error| {
        match Broken::by(&error) {
            Some(Broken::Unique) => Failure::Conflict(Conflict::OrganizationExists(*id)),
            _ => error.into(),
        }
    })?;
    Ok(())
}

/// Writes the name and the settings anew.
pub(super) fn update(
    transaction: &Transaction<'_>,
    organization: &Organization,
) -> Result<(), Failure> {
    let sql = "UPDATE organization SET name = ?2, access_list_required = ?3, most_secret_hours = ?4
               WHERE id = ?1";
    let Organization { id, name, access_list_required, most_secret_hours, .. } = organization;
    let values = params![blob(id.0), name, access_list_required, most_secret_hours];
    expect_one(transaction.execute(sql, values)?, Conflict::NoOrganization(*id))
}

pub(super) fn organization(columns: &Columns<'_>) -> Result<Organization, Failure> {
    Ok(Organization {
        id: OrgId(columns.id),
        name: columns.read(1, TEXT)?,
        access_list_required: columns.read(2, "0 or 1")?,
        most_secret_hours: columns.read(3, "a number of hours, or null")?,
        created: Timestamp::from_millis(columns.read(4, INTEGER)?),
    })
}

pub(super) const ORGANIZATIONS: Query = Query {
    table: "organization",
    sql: "SELECT id, name, access_list_required, most_secret_hours, created_ms FROM organization
          ORDER BY id",
};

const INSERT_ORGANIZATION: &str = "
    INSERT INTO organization (id, name, access_list_required, most_secret_hours, created_ms)
    VALUES (?1, ?2, ?3, ?4, ?5)";
