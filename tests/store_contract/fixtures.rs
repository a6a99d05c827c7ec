//! Small stores to try the contract on, and their content as text.

use std::future::Future;
use std::io::Write;
use std::sync::Arc;

use portcullis::access::{Entry, LastUse, Usage, UsageDelta};
use portcullis::addr::{ClientIp, Prefix};
use portcullis::id::{CredentialId, EntryId, ObjectId, OrgId, Revision};
use portcullis::identity::{ApiKey, Ha1, Organization, PublicKey, Role};
use portcullis::keys::KeyFile;
use portcullis::private_file;
use portcullis::store::{Change, Image, Store, StoreError, UsageBatch};
use portcullis::time::Timestamp;

/// One organization, two keys, three entries: 11 and 12 of key 2, 13 of key 3.
pub(super) fn fill(store: &dyn Store) {
    let first = vec![entry(11, "192.0.2.0/24"), expiring(12, "2001:db8::/32", 900)];
    let second = vec![spelled(13, "2001:db8::1/128", "2001:DB8:0::1")];
    commit(store, new_organization(1)).unwrap();
    commit(store, new_key(1, 2, "aaaaaaaa", first)).unwrap();
    commit(store, new_key(1, 3, "bbbbbbbb", second)).unwrap();
}

/// The key file `a`, `b`, or `b over a` that has the lines of both.
pub(super) fn keys(name: &str) -> KeyFile {
    let lines = match name {
        "a" => [KEY_A].concat(),
        "b" => [KEY_B].concat(),
        "b over a" => [KEY_B, KEY_A].concat(),
        _ => panic!("no key file {name}"),
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    private_file::create(&path).unwrap().write_all(lines.as_bytes()).unwrap();
    KeyFile::load(&path).unwrap()
}

pub(super) fn commit(store: &dyn Store, change: Change) -> Result<Revision, StoreError> {
    wait(store.commit(change))
}

pub(super) fn load(store: &dyn Store) -> Image {
    wait(store.load()).unwrap()
}

pub(super) fn flush(store: &dyn Store, batch: UsageBatch) {
    wait(store.flush_usage(Arc::new(batch))).unwrap();
}

pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(super) fn id(number: u8) -> ObjectId {
    ObjectId::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number])
}

pub(super) fn org(number: u8) -> OrgId {
    OrgId(id(number))
}

pub(super) fn credential(number: u8) -> CredentialId {
    CredentialId(id(number))
}

pub(super) fn new_organization(number: u8) -> Change {
    Change::CreateOrganization {
        organization: Arc::new(Organization {
            id: org(number),
            name: "An organization".into(),
            access_list_required: number % 2 == 1,
            most_secret_hours: None,
            created: Timestamp::from_millis(100),
        }),
    }
}

pub(super) fn new_key(owner: u8, number: u8, public_key: &str, entries: Vec<Arc<Entry>>) -> Change {
    let letter = public_key.as_bytes()[0];
    let key = ApiKey {
        id: credential(number),
        org: org(owner),
        public_key: PublicKey::parse(public_key).unwrap(),
        description: "a key".into(),
        roles: [Role::Owner, Role::Member].into_iter().collect(),
        private_key_tail: "0123456789ab".into(),
        // For `a`, 0xa1 and 0xa2; for `b`, 0xb1 and 0xb2: the search for them looks for these.
        ha1: Ha1 {
            md5: [(letter - b'a' + 10) << 4 | 1; 16],
            sha256: [(letter - b'a' + 10) << 4 | 2; 32],
        },
        created: Timestamp::from_millis(200),
    };
    Change::CreateKey { key: Arc::new(key), entries }
}

pub(super) fn entry(number: u8, prefix: &str) -> Arc<Entry> {
    Arc::new(bare_entry(number, prefix))
}

pub(super) fn expiring(number: u8, prefix: &str, expires: i64) -> Arc<Entry> {
    let expires = Some(Timestamp::from_millis(expires));
    Arc::new(Entry { expires, ..bare_entry(number, prefix) })
}

pub(super) fn spelled(number: u8, prefix: &str, spelling: &str) -> Arc<Entry> {
    Arc::new(Entry { spelling: Some(spelling.into()), ..bare_entry(number, prefix) })
}

pub(super) fn bare_entry(number: u8, prefix: &str) -> Entry {
    Entry {
        id: EntryId(id(number)),
        prefix: Prefix::parse_cidr(prefix).unwrap(),
        spelling: None,
        created: Timestamp::from_millis(300),
        expires: None,
        usage: Usage::default(),
    }
}

pub(super) fn add_entries(owner: u8, entries: Vec<Arc<Entry>>) -> Change {
    Change::AddEntries { credential: credential(owner), entries }
}

pub(super) fn remove_entry(owner: u8, number: u8) -> Change {
    Change::RemoveEntry { credential: credential(owner), entry: EntryId(id(number)) }
}

/// An entry's number, what it gathered, and the time and address of its last use.
pub(super) type Delta<'a> = (u8, u64, Option<(i64, &'a str)>);

pub(super) fn batch(
    boot: u64,
    sequence: u64,
    deltas: &[Delta<'_>],
    named: &[Delta<'_>],
) -> UsageBatch {
    let read = |deltas: &[Delta<'_>]| {
        let delta = |&(number, count, last): &Delta<'_>| {
            (EntryId(id(number)), UsageDelta { count, last: last.map(last_use) })
        };
        deltas.iter().map(delta).collect()
    };
    UsageBatch { boot, sequence, deltas: read(deltas), named_deltas: read(named) }
}

pub(super) fn last_use((at, from): (i64, &str)) -> LastUse {
    LastUse {
        at: Timestamp::from_millis(at),
        from: ClientIp::from(from.parse::<std::net::IpAddr>().unwrap()),
    }
}

/// The number and the count of each entry, those of named lists at the end.
pub(super) fn counts(image: &Image) -> Vec<(u8, u64)> {
    let number = |entry: &EntryId| entry.0.as_bytes()[11];
    let listed = image.entries.iter().map(|(_, entry)| (number(&entry.id), entry.usage.count()));
    let other = image.other_usage.iter().map(|(entry, usage)| (number(entry), usage.count));
    listed.chain(other).collect()
}

/// Every stored value, a line for each row.
pub(super) fn lines(image: &Image) -> Vec<String> {
    let organizations = image.organizations.iter().map(|organization| {
        let Organization { id, name, access_list_required, most_secret_hours, created } =
            organization;
        let hours = most_secret_hours.map(|hours| format!(", {hours} h")).unwrap_or_default();
        let created = created.as_millis();
        format!("{id} {name}, lists required: {access_list_required}{hours}, {created}")
    });
    let keys = image.keys.iter().map(|key| {
        let ApiKey { id, org, public_key, description, roles, private_key_tail, ha1, created } =
            key;
        let roles: Vec<_> = roles.iter().map(Role::as_str).collect();
        let (md5, sha256) = (hex(&ha1.md5), hex(&ha1.sha256));
        let created = created.as_millis();
        format!(
            "{id} of {org}, {public_key} {private_key_tail} {md5} {sha256} {description}, {roles:?}, {created}"
        )
    });
    let entries = image.entries.iter().map(|(owner, entry)| {
        let Entry { id, prefix, spelling, created, expires, usage } = entry;
        let (created, expires) = (created.as_millis(), expires.map(Timestamp::as_millis));
        let (count, last) = (usage.count(), usage.last());
        format!(
            "{id} of {owner}, {prefix} {spelling:?}, {created} to {expires:?}, {count} {last:?}"
        )
    });
    let other = image.other_usage.iter().map(|(entry, usage)| format!("{entry} {usage:?}"));
    let accounts = super::accounts::account_lines(image);
    organizations.chain(keys).chain(accounts).chain(entries).chain(other).collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const KEY_A: &str = "portcullis-key-1 57402702 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";
const KEY_B: &str = "portcullis-key-1 e27605af CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=\n";
