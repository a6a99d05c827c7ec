//! What every store promises, through real files: one suite, run for each kind.
#![expect(clippy::panic, clippy::unwrap_used, reason = "so a test fails, in its helpers too")]

mod accounts;
mod fixtures;
mod sqlite_file;

use std::sync::Arc;

use portcullis::addr::Prefix;
use portcullis::id::{EntryId, Revision};
use portcullis::identity::{PublicKey, Role};
use portcullis::keys::KeyFile;
use portcullis::store::{Change, Conflict, Store, StoreError, StoredUsage};

use self::accounts::*;
use self::fixtures::*;

/// Where a store of one kind lives, so that it can be left and opened again.
trait Place {
    fn create(&self, keys: &KeyFile) -> Result<Box<dyn Store>, StoreError>;
    fn open(&self, keys: &KeyFile) -> Result<Box<dyn Store>, StoreError>;
}

macro_rules! contract {
    ($($behaviour:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $behaviour() {
                super::$behaviour(&super::sqlite_file::SqliteFile::new());
            })+
        }
    };
}

contract!(
    a_new_store_is_empty_at_revision_zero,
    a_store_is_made_once_and_opened_only_when_made,
    a_reopened_store_holds_everything,
    each_change_moves_the_revision_by_one_and_is_seen,
    a_change_that_does_not_fit_stores_nothing,
    lists_keep_the_order_of_adding,
    changes_at_once_get_a_revision_each,
    usage_adds_up_and_moves_no_revision,
    a_batch_that_is_sent_again_counts_once,
    a_count_stops_at_its_largest_value,
    the_later_use_is_the_last_use,
    usage_of_what_is_gone_is_passed_over_and_that_of_named_lists_kept,
    usage_ends_with_its_entry,
    another_key_file_is_refused_and_both_are_named,
    after_a_key_is_rotated_old_and_new_verifiers_open,
    an_organization_keeps_its_name_and_settings,
    an_account_is_kept_with_its_secrets_its_tokens_and_its_list,
    a_change_of_accounts_that_does_not_fit_stores_nothing,
    a_secret_that_goes_takes_its_tokens_along,
    an_account_that_goes_takes_everything_of_its_own_along,
    a_token_given_notes_the_use_of_its_secret_and_forgets_expired_ones,
    a_token_given_back_is_known_as_such_even_if_it_was_never_seen,
    signing_keys_come_and_go_and_open_after_a_rotation_of_the_key_file,
);

fn a_new_store_is_empty_at_revision_zero(place: &dyn Place) {
    let image = load(&*place.create(&keys("a")).unwrap());
    assert_eq!(image.revision, Revision(0));
    assert_eq!(lines(&image), [""; 0]);
}

fn a_store_is_made_once_and_opened_only_when_made(place: &dyn Place) {
    let keys = keys("a");
    let missing = place.open(&keys).err().unwrap();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains("does not exist"), "{missing}");

    let store = place.create(&keys).unwrap();
    commit(&*store, new_organization(1)).unwrap();
    drop(store);
    assert!(matches!(place.create(&keys).err().unwrap(), StoreError::Exists { .. }));
    assert_eq!(load(&*place.open(&keys).unwrap()).revision, Revision(1));
}

fn a_reopened_store_holds_everything(place: &dyn Place) {
    let keys = keys("a");
    let store = place.create(&keys).unwrap();
    fill(&*store);
    flush(&*store, batch(1, 1, &[(11, 3, Some((500, "192.0.2.7")))], &[(99, 2, None)]));
    let before = load(&*store);
    assert_eq!(lines(&before).len(), 1 + 2 + 3 + 1);
    drop(store);

    let after = load(&*place.open(&keys).unwrap());
    assert_eq!(after.revision, before.revision);
    assert_eq!(lines(&after), lines(&before));
}

fn each_change_moves_the_revision_by_one_and_is_seen(place: &dyn Place) {
    let store = place.create(&keys("a")).unwrap();
    let roles = [Role::ReadOnly, Role::BillingAdmin].into_iter().collect();
    let changes: [(Change, &[&str]); 8] = [
        (new_organization(1), &[ORG]),
        (new_key(1, 2, "aaaaaaaa", vec![]), &[ORG, KEY]),
        (
            add_entries(2, vec![entry(11, "192.0.2.0/24"), expiring(12, "2001:db8::/32", 900)]),
            &[ORG, KEY, ENTRY_11, ENTRY_12],
        ),
        (add_entries(2, vec![]), &[ORG, KEY, ENTRY_11, ENTRY_12]),
        (remove_entry(2, 11), &[ORG, KEY, ENTRY_12]),
        (
            Change::UpdateKey { id: credential(2), description: "new".into(), roles },
            &[ORG, KEY_UPDATED, ENTRY_12],
        ),
        (
            new_key(1, 3, "bbbbbbbb", vec![spelled(13, "2001:db8::1/128", "2001:DB8:0::1")]),
            &[ORG, KEY_UPDATED, OTHER_KEY, ENTRY_12, ENTRY_13],
        ),
        (Change::DeleteKey { id: credential(2) }, &[ORG, OTHER_KEY, ENTRY_13]),
    ];
    for (revision, (change, stored)) in (1..).zip(changes) {
        let shown = format!("{change:?}");
        assert_eq!(commit(&*store, change).unwrap(), Revision(revision), "{shown}");
        let image = load(&*store);
        assert_eq!(image.revision, Revision(revision), "{shown}");
        assert_eq!(lines(&image), stored, "{shown}");
    }
}

fn a_change_that_does_not_fit_stores_nothing(place: &dyn Place) {
    let store = place.create(&keys("a")).unwrap();
    fill(&*store);
    let before = load(&*store);
    let taken = |id, public_key: &str| Conflict::KeyExists {
        id: credential(id),
        public_key: PublicKey::parse(public_key).unwrap(),
    };
    let twice = |id, prefix| Conflict::EntryExists { credential: credential(id), prefix };
    let range = |text| Prefix::parse_cidr(text).unwrap();
    let gone = |id| Conflict::NoKey(credential(id));
    let no_entry = |id, entry| Conflict::NoEntry { credential: credential(id), entry };
    let fresh = || vec![entry(50, "198.51.100.0/24"), entry(51, "198.51.100.0/25")];
    let and = |more| [fresh(), vec![more]].concat();
    for (change, conflict) in [
        (new_organization(1), Conflict::OrganizationExists(org(1))),
        (new_key(9, 4, "cccccccc", vec![]), Conflict::NoOrganization(org(9))),
        (new_key(1, 2, "cccccccc", fresh()), taken(2, "cccccccc")),
        (new_key(1, 4, "aaaaaaaa", fresh()), taken(4, "aaaaaaaa")),
        (
            new_key(1, 4, "cccccccc", and(entry(52, "198.51.100.0/25"))),
            twice(4, range("198.51.100.0/25")),
        ),
        (add_entries(2, and(entry(52, "192.0.2.0/24"))), twice(2, range("192.0.2.0/24"))),
        (add_entries(2, and(entry(11, "203.0.113.0/24"))), twice(2, range("203.0.113.0/24"))),
        (add_entries(9, fresh()), Conflict::NoCredential(credential(9))),
        (add_entries(9, vec![]), Conflict::NoCredential(credential(9))),
        (
            Change::UpdateKey {
                id: credential(9),
                description: "".into(),
                roles: [Role::Owner].into_iter().collect(),
            },
            gone(9),
        ),
        (Change::DeleteKey { id: credential(9) }, gone(9)),
        (remove_entry(2, 50), no_entry(2, EntryId(id(50)))),
        (remove_entry(3, 11), no_entry(3, EntryId(id(11)))), // It is in the other key's list.
    ] {
        let shown = format!("{change:?}");
        match commit(&*store, change) {
            Err(StoreError::Conflict(found)) => assert_eq!(found, conflict, "{shown}"),
            other => panic!("{shown}: {other:?}"),
        }
        let after = load(&*store);
        assert_eq!(after.revision, before.revision, "{shown}");
        assert_eq!(lines(&after), lines(&before), "{shown}");
    }
    // The same range in the lists of two keys is no conflict.
    commit(&*store, add_entries(3, vec![entry(60, "192.0.2.0/24")])).unwrap();
}

fn lists_keep_the_order_of_adding(place: &dyn Place) {
    let keys = keys("a");
    let store = place.create(&keys).unwrap();
    fill(&*store);
    commit(&*store, add_entries(2, vec![entry(40, "10.0.4.0/24"), entry(30, "10.0.3.0/24")]))
        .unwrap();
    commit(&*store, remove_entry(2, 11)).unwrap();
    commit(&*store, add_entries(2, vec![entry(20, "10.0.2.0/24")])).unwrap();
    drop(store);

    let image = load(&*place.open(&keys).unwrap());
    let of_key_2: Vec<_> = image
        .entries
        .iter()
        .filter(|(owner, _)| *owner == credential(2))
        .map(|(_, entry)| entry.prefix.to_string())
        .collect();
    assert_eq!(of_key_2, ["2001:db8::/32", "10.0.4.0/24", "10.0.3.0/24", "10.0.2.0/24"]);
}

fn changes_at_once_get_a_revision_each(place: &dyn Place) {
    let store: Arc<dyn Store> = place.create(&keys("a")).unwrap().into();
    let mut revisions = wait(async {
        let commits = (1..=100).map(|number| store.commit(new_organization(number)));
        futures_util::future::try_join_all(commits).await
    })
    .unwrap();
    revisions.sort();
    assert_eq!(revisions, (1..=100).map(Revision).collect::<Vec<_>>());
    assert_eq!(load(&*store).organizations.len(), 100);
}

fn usage_adds_up_and_moves_no_revision(place: &dyn Place) {
    let store = place.create(&keys("a")).unwrap();
    fill(&*store);
    let revision = load(&*store).revision;
    flush(&*store, batch(1, 1, &[(11, 3, None), (13, 1, None)], &[(99, 5, None)]));
    flush(&*store, batch(1, 2, &[(11, 4, None)], &[(99, 5, None)]));
    let image = load(&*store);
    assert_eq!(image.revision, revision);
    assert_eq!(counts(&image), [(11, 7), (12, 0), (13, 1), (99, 10)]);
}

fn a_batch_that_is_sent_again_counts_once(place: &dyn Place) {
    let keys = keys("a");
    let store = place.create(&keys).unwrap();
    fill(&*store);
    let batch = |boot, sequence| batch(boot, sequence, &[(11, 1, None)], &[(99, 1, None)]);
    for (boot, sequence, count) in [
        (7, 1, 1),
        (7, 1, 1), // A retry.
        (7, 2, 2),
        (7, 1, 2),        // One that lost its way.
        (u64::MAX, 1, 3), // Another boot has its own numbers.
        (u64::MAX, 1, 3),
        (7, 2, 3), // The first one's are still known.
        (7, u64::MAX, 4),
        (7, 3, 4),
    ] {
        flush(&*store, batch(boot, sequence));
        assert_eq!(counts(&load(&*store))[0], (11, count), "{boot}/{sequence}");
        assert_eq!(counts(&load(&*store))[3], (99, count), "{boot}/{sequence}");
    }
    drop(store);

    let store = place.open(&keys).unwrap();
    flush(&*store, batch(7, u64::MAX));
    assert_eq!(counts(&load(&*store))[0], (11, 4), "a retry after a restart");
    for boot in 100..200 {
        flush(&*store, batch(boot, 1));
        flush(&*store, batch(boot, 1));
    }
    assert_eq!(counts(&load(&*store))[0], (11, 104));
}

fn a_count_stops_at_its_largest_value(place: &dyn Place) {
    let store = place.create(&keys("a")).unwrap();
    fill(&*store);
    let most = i64::MAX.cast_unsigned();
    for (sequence, delta, count) in
        [(1, most - 1, most - 1), (2, 1, most), (3, 1, most), (4, u64::MAX, most)]
    {
        flush(&*store, batch(1, sequence, &[(11, delta, None)], &[(99, delta, None)]));
        assert_eq!(counts(&load(&*store))[0], (11, count));
        assert_eq!(counts(&load(&*store))[3], (99, count));
    }
}

fn the_later_use_is_the_last_use(place: &dyn Place) {
    let store = place.create(&keys("a")).unwrap();
    for (sequence, flushed, last) in [
        (1, None, None),
        (2, Some((500, "192.0.2.1")), Some((500, "192.0.2.1"))),
        (3, Some((600, "2001:db8::1")), Some((600, "2001:db8::1"))),
        (4, Some((550, "192.0.2.2")), Some((600, "2001:db8::1"))), // Of an earlier time.
        (5, None, Some((600, "2001:db8::1"))),
        (6, Some((600, "192.0.2.3")), Some((600, "192.0.2.3"))), // Of the same millisecond, and flushed later.
    ] {
        flush(&*store, batch(1, sequence, &[], &[(99, 1, flushed)]));
        let usage = StoredUsage { count: sequence, last: last.map(last_use) };
        assert_eq!(load(&*store).other_usage, [(EntryId(id(99)), usage)], "{sequence}");
    }
}

fn usage_of_what_is_gone_is_passed_over_and_that_of_named_lists_kept(place: &dyn Place) {
    let keys = keys("a");
    let store = place.create(&keys).unwrap();
    fill(&*store);
    commit(&*store, remove_entry(2, 11)).unwrap();
    flush(&*store, batch(1, 1, &[(11, 3, None), (12, 1, None), (77, 9, None)], &[(99, 2, None)]));
    drop(store);

    let image = load(&*place.open(&keys).unwrap());
    assert_eq!(counts(&image), [(12, 1), (13, 0), (99, 2)]);
}

fn usage_ends_with_its_entry(place: &dyn Place) {
    let store = place.create(&keys("a")).unwrap();
    fill(&*store);
    flush(&*store, batch(1, 1, &[(11, 1, None), (12, 2, None), (13, 3, None)], &[(99, 4, None)]));
    commit(&*store, remove_entry(2, 12)).unwrap();
    commit(&*store, Change::DeleteKey { id: credential(3) }).unwrap();
    assert_eq!(counts(&load(&*store)), [(11, 1), (99, 4)]);
    commit(&*store, add_entries(2, vec![entry(12, "10.0.0.0/8"), entry(13, "10.1.0.0/16")]))
        .unwrap();
    assert_eq!(counts(&load(&*store)), [(11, 1), (12, 0), (13, 0), (99, 4)]);
}

fn another_key_file_is_refused_and_both_are_named(place: &dyn Place) {
    let (ours, other) = (keys("a"), keys("b"));
    let store = place.create(&ours).unwrap();
    fill(&*store);
    drop(store);
    match place.open(&other).err().unwrap() {
        error @ StoreError::WrongKey { .. } => {
            let message = error.to_string();
            assert!(message.contains(ours.id()) && message.contains(other.id()), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(load(&*place.open(&ours).unwrap()).keys.len(), 2);
}

fn after_a_key_is_rotated_old_and_new_verifiers_open(place: &dyn Place) {
    let store = place.create(&keys("a")).unwrap();
    fill(&*store);
    drop(store);
    let rotated = keys("b over a");
    let store = place.open(&rotated).unwrap();
    commit(&*store, new_key(1, 4, "cccccccc", vec![])).unwrap();
    drop(store);

    let image = load(&*place.open(&rotated).unwrap());
    let verifiers: Vec<_> = image.keys.iter().map(|key| key.ha1.md5[0]).collect();
    assert_eq!(verifiers, [0xa1, 0xb1, 0xc1]);
}

const ORG: &str = "000000000000000000000001 An organization, lists required: true, 100";
const KEY: &str = concat!(
    "000000000000000000000002 of 000000000000000000000001, aaaaaaaa 0123456789ab ",
    "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1 ",
    "a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2 ",
    r#"a key, ["ORG_OWNER", "ORG_MEMBER"], 200"#
);
const KEY_UPDATED: &str = concat!(
    "000000000000000000000002 of 000000000000000000000001, aaaaaaaa 0123456789ab ",
    "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1 ",
    "a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2 ",
    r#"new, ["ORG_BILLING_ADMIN", "ORG_READ_ONLY"], 200"#
);
const OTHER_KEY: &str = concat!(
    "000000000000000000000003 of 000000000000000000000001, bbbbbbbb 0123456789ab ",
    "b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1 ",
    "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2 ",
    r#"a key, ["ORG_OWNER", "ORG_MEMBER"], 200"#
);
const ENTRY_11: &str =
    "00000000000000000000000b of 000000000000000000000002, 192.0.2.0/24 None, 300 to None, 0 None";
const ENTRY_12: &str = concat!(
    "00000000000000000000000c of 000000000000000000000002, ",
    "2001:db8::/32 None, 300 to Some(900), 0 None"
);
const ENTRY_13: &str = concat!(
    "00000000000000000000000d of 000000000000000000000003, ",
    r#"2001:db8::1/128 Some("2001:DB8:0::1"), 300 to None, 0 None"#
);
