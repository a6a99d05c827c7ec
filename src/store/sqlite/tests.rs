use super::opening::MIGRATIONS;
use super::*;
use crate::id::{CredentialId, EntryId, ObjectId, OrgId};
use crate::identity::{ApiKey, Ha1, Organization, PublicKey};
use crate::store::{Damage, OpenError};
use crate::time::Timestamp;

#[test]
fn a_full_disk_is_an_error_and_nothing_half_stored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("portcullis.db");
    let keys = KeyFile::create(&directory.path().join("key")).unwrap();
    let mut database = opening::create(&path, &keys).unwrap();
    database.commit(&organization(1, "one".into())).unwrap();
    limit_pages(&database, 30);

    let refused = database.commit(&organization(2, "x".repeat(1 << 20))).unwrap_err();
    assert!(
        matches!(refused, StoreError::Database { action: "new organization", .. }),
        "{refused:?}"
    );
    let image = database.load().unwrap();
    assert_eq!((image.revision, image.organizations.len()), (Revision(1), 1));

    limit_pages(&database, 10_000);
    assert_eq!(database.commit(&organization(2, "two".into())).unwrap(), Revision(2));
    database.close();
    let image = opening::open(&path, &keys).unwrap().load().unwrap();
    assert_eq!((image.revision, image.organizations.len()), (Revision(2), 2));
}

#[test]
fn a_verifier_that_was_moved_to_another_key_does_not_open() {
    let directory = tempfile::tempdir().unwrap();
    let keys = KeyFile::create(&directory.path().join("key")).unwrap();
    let mut database = opening::create(&directory.path().join("portcullis.db"), &keys).unwrap();
    database.commit(&organization(1, "one".into())).unwrap();
    database.commit(&key(2, "aaaaaaaa")).unwrap();
    database.commit(&key(3, "bbbbbbbb")).unwrap();
    let moved = "UPDATE api_key SET ha1_md5 = (SELECT max(ha1_md5) FROM api_key)";
    assert_eq!(database.connection.execute(moved, []).unwrap(), 2);
    match database.load().unwrap_err() {
        StoreError::Damaged {
            reason: Damage::Sealed { column: "api_key.ha1_md5", refusal: OpenError::Altered, .. },
            ..
        } => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_value_that_is_read_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let keys = KeyFile::create(&directory.path().join("key")).unwrap();
    let mut database = opening::create(&directory.path().join("portcullis.db"), &keys).unwrap();
    database.commit(&organization(1, "one".into())).unwrap();
    database.commit(&key(2, "aaaaaaaa")).unwrap();
    for (spoil, message) in [
        (
            "public_key = 'AAAAAAAA'",
            "api_key.public_key of row 000000000000000000000002: expected eight",
        ),
        (
            "roles = 'ORG_OWNER ORG_KING'",
            "api_key.roles of row 000000000000000000000002: expected names",
        ),
        ("org = x'00'", "api_key.org of row 000000000000000000000002: expected 12 bytes"),
        ("ha1_md5 = x''", "api_key.ha1_md5 of row 000000000000000000000002: no sealed value"),
        (
            "ha1_sha256 = ha1_md5",
            "api_key.ha1_sha256 of row 000000000000000000000002: it was altered",
        ),
    ] {
        let transaction = database.connection.transaction().unwrap();
        transaction.pragma_update(None, "defer_foreign_keys", true).unwrap();
        transaction.execute(&format!("UPDATE api_key SET {spoil}"), []).unwrap();
        match rows::load(&transaction, &database.sealer).unwrap_err() {
            Failure::Damage(damage) => assert!(damage.to_string().starts_with(message), "{damage}"),
            other => panic!("{spoil}: {other:?}"),
        }
    }
    assert_eq!(database.load().unwrap().keys.len(), 1);
}

#[test]
fn every_migration_is_counted_and_leaves_no_broken_reference() {
    let directory = tempfile::tempdir().unwrap();
    let keys = KeyFile::create(&directory.path().join("key")).unwrap();
    let database = opening::create(&directory.path().join("portcullis.db"), &keys).unwrap();
    let pragma = |name: &str| {
        database.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(pragma("user_version"), i64::try_from(MIGRATIONS.len()).unwrap());
    assert_eq!(pragma("application_id"), i64::from(opening::APPLICATION_ID));
    assert_eq!(pragma("foreign_keys"), 1);
    assert_eq!(pragma("synchronous"), 2, "FULL");
}

#[test]
fn a_store_whose_thread_ended_says_so() {
    let (requests, inbox) = mpsc::channel(1);
    drop(inbox);
    let store = SqliteStore { requests: Some(requests), thread: None };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(matches!(runtime.block_on(store.load()), Err(StoreError::Closed)));
}

fn limit_pages(database: &Database, pages: i64) {
    let limit = database
        .connection
        .pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0));
    assert_eq!(limit.unwrap(), pages);
}

fn id(number: u8) -> ObjectId {
    ObjectId::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number])
}

fn organization(number: u8, name: String) -> Change {
    Change::CreateOrganization {
        organization: Arc::new(Organization {
            id: OrgId(id(number)),
            name: name.into(),
            access_list_required: true,
            most_secret_hours: None,
            created: Timestamp::default(),
        }),
    }
}

fn key(number: u8, public_key: &str) -> Change {
    let key = ApiKey {
        id: CredentialId(id(number)),
        org: OrgId(id(1)),
        public_key: PublicKey::parse(public_key).unwrap(),
        description: "".into(),
        roles: std::iter::empty().collect(),
        private_key_tail: "".into(),
        ha1: Ha1 { md5: [number; 16], sha256: [number; 32] },
        created: Timestamp::default(),
    };
    Change::CreateKey { key: Arc::new(key), entries: Vec::new() }
}

#[test]
fn a_file_of_the_first_schema_is_brought_up_with_all_that_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let keys = KeyFile::create(&directory.path().join("key")).unwrap();
    let path = directory.path().join("portcullis.db");
    opening::fill(&path, &keys, &MIGRATIONS[..1]).unwrap();
    let old = Connection::open(&path).unwrap();
    let sealer = Sealer::new(&keys);
    let seal = |column, plain: &[u8]| {
        sealer.seal(crate::store::seal::Place { column, row: id(2).as_bytes() }, plain).unwrap()
    };
    old.execute("INSERT INTO organization VALUES (?1, 'one', 1, 100)", [id(1).as_bytes()]).unwrap();
    old.execute(
        "INSERT INTO api_key VALUES (?1, ?2, 'aaaaaaaa', 'a key', 'ORG_OWNER', 'tail', ?3, ?4, 200)",
        rusqlite::params![
            id(2).as_bytes(),
            id(1).as_bytes(),
            seal("api_key.ha1_md5", &[1; 16]),
            seal("api_key.ha1_sha256", &[2; 32])
        ],
    )
    .unwrap();
    for (position, entry, prefix) in [(5, 11, "10.0.2.0/24"), (3, 12, "10.0.1.0/24")] {
        old.execute(
            "INSERT INTO entry VALUES (?1, ?2, ?3, ?4, NULL, 300, NULL)",
            rusqlite::params![position, id(entry).as_bytes(), id(2).as_bytes(), prefix],
        )
        .unwrap();
    }
    old.execute("INSERT INTO usage VALUES (?1, 7, 400, '10.0.2.9')", [id(11).as_bytes()]).unwrap();
    drop(old);

    let mut database = opening::open(&path, &keys).unwrap();
    let image = database.load().unwrap();
    assert_eq!((image.organizations.len(), image.keys.len(), image.accounts.len()), (1, 1, 0));
    let entries: Vec<_> = image
        .entries
        .iter()
        .map(|(_, entry)| (entry.prefix.to_string(), entry.usage.count()))
        .collect();
    let expected = [("10.0.1.0/24", 0), ("10.0.2.0/24", 7)].map(|(p, n)| (p.to_owned(), n));
    assert_eq!(entries, expected, "in the order of their adding");
    let violations: Vec<String> = {
        let mut check = database.connection.prepare("PRAGMA foreign_key_check").unwrap();
        check.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(violations, [""; 0], "every reference holds");
    let removed = Change::RemoveEntry { credential: CredentialId(id(2)), entry: EntryId(id(11)) };
    database.commit(&removed).unwrap();
    database.commit(&Change::DeleteKey { id: CredentialId(id(2)) }).unwrap();
}
