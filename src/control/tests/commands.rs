//! What commands change, what they refuse, and what happens when the store fails or the caller goes away.

use std::sync::atomic::Ordering;

use secrecy::ExposeSecret as _;

use super::*;
use crate::identity::{Ha1, PublicKey};
use crate::store::StoreError;

#[tokio::test]
async fn an_added_entry_is_stored_and_in_force_when_the_command_answers() {
    let mut house = House::new().await;
    let reader = house.control.snapshots().reader();
    let list = house.add(&["10.0.0.0/8", "192.0.2.1"]).await.unwrap();
    assert_eq!(ranges(&list), ["10.0.0.0/8", "192.0.2.1/32"]);
    assert_eq!(house.store.revision(), Revision(3));
    let in_force = reader.with(|snapshot| {
        (snapshot.revision, snapshot.lists.find(house.owner).map(|list| ranges(list)))
    });
    assert_eq!(in_force, (Revision(3), Some(ranges(&list))));
    let entries = EntryCounts { credential: 2, named: 2 };
    assert_eq!(house.heard.try_recv(), Ok(Heard::Published(Revision(3), entries)));
    assert_eq!(
        ranges(house.reopened().await.snapshot().lists.find(house.owner).unwrap()),
        ranges(&list)
    );
}

#[tokio::test]
async fn entries_already_listed_stay_as_they_are() {
    let house = House::new().await;
    let spelled =
        |text: &str| NewEntry { prefix: prefix("2001:db8::1"), spelling: Some(text.into()) };
    let add = |entries| house.control.add_entries(house.org, ListOwner::Key(house.owner), entries);
    add(vec![spelled("2001:DB8::1")]).await.unwrap();
    let first = house.entry("2001:db8::1");
    first.usage.record(client("2001:db8::1"), house.clock.now());
    let revision = house.control.snapshot().revision;

    add(vec![spelled("2001:db8:0::1")]).await.unwrap();
    assert_eq!(house.control.snapshot().revision, revision, "nothing new, so nothing is stored");
    assert_eq!(house.store.revision(), revision);

    let list = add([
        new(&["10.0.0.0/8"]),
        vec![spelled("2001:db8:0::1")],
        new(&["10.0.0.0/8", "10.0.0.0/9"]),
    ]
    .concat())
    .await
    .unwrap();
    assert_eq!(ranges(&list), ["2001:db8::1/128", "10.0.0.0/8", "10.0.0.0/9"]);
    assert!(Arc::ptr_eq(&list.entries()[0], &first), "the usage cell moves on with its entry");
    assert_eq!(house.entry("2001:db8::1").spelling.as_deref(), Some("2001:DB8::1"));
}

#[tokio::test]
async fn a_list_grows_to_its_limit_and_not_beyond() {
    let settings = Settings { entries_per_list: 3, ..Settings::default() };
    let house = House::with(settings).await;
    house.add(&["10.0.0.1", "10.0.0.2"]).await.unwrap();
    let refused = house.add(&["10.0.0.3", "10.0.0.4"]).await;
    assert!(matches!(refused, Err(CommandError::TooManyEntries { limit: 3 })));
    assert_eq!(house.listed(), ["10.0.0.1/32", "10.0.0.2/32"], "all or none");
    house.add(&["10.0.0.1", "10.0.0.3", "10.0.0.3"]).await.unwrap();
    house.add(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]).await.expect("adds nothing to a full list");
    let four = new(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]);
    let refused = house.control.create_key(house.org, "four", roles([Role::Member]), four).await;
    assert!(matches!(refused, Err(CommandError::TooManyEntries { limit: 3 })));
}

#[tokio::test]
async fn a_removed_entry_is_gone_from_the_store_and_from_the_list_in_force() {
    let house = House::new().await;
    house.add(&["10.0.0.0/8", "192.0.2.1"]).await.unwrap();
    house.remove("10.0.0.0/8", stranger()).await.unwrap();
    assert_eq!(house.listed(), ["192.0.2.1/32"]);
    for absent in ["10.0.0.0/8", "192.0.2.0/24"] {
        let refused = house.remove(absent, stranger()).await;
        assert!(matches!(refused, Err(CommandError::EntryNotFound)), "{absent}");
    }
    house.remove("192.0.2.1", stranger()).await.unwrap();
    for snapshot in [house.control.snapshot(), house.reopened().await.snapshot()] {
        assert!(snapshot.lists.find(house.owner).is_none(), "an empty list is none");
    }
}

#[tokio::test]
async fn callers_cannot_remove_the_entry_that_they_stand_on() {
    for (list, removed, address, by_owner, allowed) in [
        (&["192.0.2.1"][..], "192.0.2.1", "192.0.2.1", true, false),
        (&["192.0.2.1"], "192.0.2.1", "192.0.2.1", false, true), // Somebody else's list.
        (&["192.0.2.1", "192.0.2.0/24"], "192.0.2.1", "192.0.2.1", true, true), // The wider entry serves.
        (&["192.0.2.0/24", "192.0.2.2"], "192.0.2.0/24", "192.0.2.1", true, false),
        (&["192.0.2.1", "198.51.100.0/24"], "198.51.100.0/24", "192.0.2.1", true, true),
        (&["0.0.0.0/0", "::/0"], "0.0.0.0/0", "192.0.2.1", true, false),
    ] {
        let house = House::new().await;
        house.add(list).await.unwrap();
        let credential = if by_owner { house.owner } else { stranger().credential };
        let caller = Caller { credential, address: client(address) };
        let outcome = house.remove(removed, caller).await;
        let case = format!("{removed} of {list:?} from {address}, own list: {by_owner}");
        match outcome {
            Ok(()) => assert!(allowed, "{case}"),
            Err(error) => {
                assert!(
                    !allowed && matches!(error, CommandError::RemovesCaller),
                    "{case}: {error}"
                );
                assert_eq!(house.listed().len(), list.len(), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn the_last_owner_stays_an_owner() {
    let house = House::new().await;
    let member = roles([Role::Member]);
    let demote = KeyUpdate { description: None, roles: Some(member) };
    let refused = house.control.update_key(house.org, house.owner, demote.clone()).await;
    assert!(matches!(refused, Err(CommandError::LastOwner)));
    let refused = house.control.delete_key(house.org, house.owner).await;
    assert!(matches!(refused, Err(CommandError::LastOwner)));

    // Neither a member nor an owner of another organization takes its place.
    house.control.create_key(house.org, "member", member, vec![]).await.unwrap();
    let elsewhere = house.control.create_organization("Elsewhere").await.unwrap().id;
    house.control.create_key(elsewhere, "owner", roles([Role::Owner]), vec![]).await.unwrap();
    let refused = house.control.delete_key(house.org, house.owner).await;
    assert!(matches!(refused, Err(CommandError::LastOwner)));

    let both = roles([Role::Owner, Role::Member]);
    let second = house.control.create_key(house.org, "second", both, vec![]).await.unwrap().key;
    house.control.update_key(house.org, house.owner, demote).await.unwrap();
    house.control.delete_key(house.org, house.owner).await.expect("a member may go");
    let refused = house.control.delete_key(house.org, second.id).await;
    assert!(matches!(refused, Err(CommandError::LastOwner)));
}

#[tokio::test]
async fn a_created_key_is_verified_by_what_is_kept_of_it() {
    let house = House::new().await;
    let entries = new(&["192.0.2.1"]);
    let CreatedKey { key, private_key } = house
        .control
        .create_key(house.org, "build", roles([Role::ReadOnly]), entries)
        .await
        .unwrap();
    let secret = private_key.expose_secret();
    assert_eq!(key.ha1, Ha1::new(key.public_key, secret));
    assert_eq!(&*key.private_key_tail, &secret[24..]);
    for snapshot in [house.control.snapshot(), house.reopened().await.snapshot()] {
        let kept = snapshot.credentials.key_by_public_key(key.public_key).unwrap();
        assert_eq!((kept.id, &kept.ha1), (key.id, &key.ha1));
        assert_eq!(ranges(snapshot.lists.find(key.id).unwrap()), ["192.0.2.1/32"]);
    }
    let shown = format!("{:?}", CreatedKey { key, private_key: secret.into() });
    assert!(!shown.contains(&secret[..23]), "{shown}");
}

#[tokio::test]
async fn a_key_changes_only_where_it_is_told_to() {
    let house = House::new().await;
    let update = |description: Option<&str>, roles| {
        let update = KeyUpdate { description: description.map(str::to_owned), roles };
        house.control.update_key(house.org, house.owner, update)
    };
    let before = house.control.snapshot();
    let same = update(Some("owner"), Some(roles([Role::Owner]))).await.unwrap();
    assert_eq!(house.store.revision(), before.revision, "nothing new, so nothing is stored");
    let renamed = update(Some("front door"), None).await.unwrap();
    assert_eq!((&*renamed.description, renamed.roles), ("front door", same.roles));
    let wider = roles([Role::Owner, Role::BillingAdmin]);
    let widened = update(None, Some(wider)).await.unwrap();
    assert_eq!((&*widened.description, widened.roles), ("front door", wider));
    for snapshot in [house.control.snapshot(), house.reopened().await.snapshot()] {
        let kept = snapshot.credentials.key_by_public_key(same.public_key).unwrap();
        assert_eq!((&*kept.description, kept.roles), ("front door", wider));
    }
}

#[tokio::test]
async fn a_deleted_key_takes_its_list_with_it() {
    let house = House::new().await;
    let entries = new(&["192.0.2.1"]);
    let key = house
        .control
        .create_key(house.org, "build", roles([Role::Member]), entries)
        .await
        .unwrap()
        .key;
    house.control.delete_key(house.org, key.id).await.unwrap();
    for snapshot in [house.control.snapshot(), house.reopened().await.snapshot()] {
        assert!(snapshot.credentials.key(house.org, key.id).is_none());
        assert!(snapshot.credentials.key_by_public_key(key.public_key).is_none());
        assert!(snapshot.lists.find(key.id).is_none());
    }
    assert!(matches!(
        house.control.delete_key(house.org, key.id).await,
        Err(CommandError::KeyNotFound)
    ));
}

#[tokio::test]
async fn an_organization_has_no_more_keys_than_it_may() {
    let house = House::with(Settings { keys_per_organization: 2, ..Settings::default() }).await;
    let create = |org| house.control.create_key(org, "one more", roles([Role::Member]), vec![]);
    create(house.org).await.unwrap();
    assert!(matches!(create(house.org).await, Err(CommandError::TooManyKeys { limit: 2 })));
    let elsewhere = house.control.create_organization("Elsewhere").await.unwrap();
    assert!(elsewhere.access_list_required, "closed by default");
    create(elsewhere.id).await.unwrap();
}

#[tokio::test]
async fn a_key_is_found_in_its_own_organization_only() {
    let house = House::new().await;
    let elsewhere = house.control.create_organization("Elsewhere").await.unwrap().id;
    let nowhere = OrgId(crate::id::ObjectId::from_bytes([9; 12]));
    for (org, missing) in [(elsewhere, "key"), (nowhere, "organization")] {
        let (control, id) = (&house.control, house.owner);
        let errors = [
            control.update_key(org, id, KeyUpdate::default()).await.unwrap_err(),
            control.delete_key(org, id).await.unwrap_err(),
            control.add_entries(org, ListOwner::Key(id), new(&["192.0.2.1"])).await.unwrap_err(),
            control
                .remove_entry(org, ListOwner::Key(id), prefix("192.0.2.1"), Some(stranger()))
                .await
                .unwrap_err(),
        ];
        for error in errors {
            match error {
                CommandError::KeyNotFound => assert_eq!(missing, "key"),
                CommandError::OrganizationNotFound => assert_eq!(missing, "organization"),
                other => panic!("{other}"),
            }
        }
    }
    let refused = house.control.create_key(nowhere, "lost", roles([Role::Owner]), vec![]).await;
    assert!(matches!(refused, Err(CommandError::OrganizationNotFound)));
}

#[tokio::test]
async fn a_change_that_the_store_did_not_keep_is_not_in_force() {
    let mut house = House::new().await;
    house.add(&["10.0.0.0/8"]).await.unwrap();
    house.forget_what_was_heard();
    let before = house.control.snapshot();
    house.store.refused_commits.store(2, Ordering::SeqCst);
    let refused = house.add(&["192.0.2.1"]).await;
    assert!(matches!(refused, Err(CommandError::Store(StoreError::Closed))));
    let refused = house.remove("10.0.0.0/8", stranger()).await;
    assert!(matches!(refused, Err(CommandError::Store(StoreError::Closed))));
    assert!(Arc::ptr_eq(&before, &house.control.snapshot()));
    assert!(house.heard.try_recv().is_err(), "nothing was published");
    house.add(&["192.0.2.1"]).await.expect("the next command finds all in order");
    assert_eq!(house.listed(), ["10.0.0.0/8", "192.0.2.1/32"]);
}

#[tokio::test]
async fn a_change_whose_caller_went_away_during_the_commit_comes_into_force() {
    let mut house = House::new().await;
    let gate = house.store.gate.shut();
    let command = tokio::spawn({
        let (control, org, owner) = (Arc::clone(&house.control), house.org, house.owner);
        async move {
            control.add_entries(org, ListOwner::Key(owner), new(&["192.0.2.1"])).await.map(drop)
        }
    });
    gate.reached().await;
    command.abort();
    assert!(command.await.unwrap_err().is_cancelled());
    assert!(house.listed().is_empty());
    gate.open();
    let heard = house.heard.recv().await;
    assert!(matches!(heard, Some(Heard::Published(Revision(3), _))), "{heard:?}");
    assert_eq!(house.listed(), ["192.0.2.1/32"]);
}

#[tokio::test]
async fn a_command_whose_caller_went_away_before_its_turn_does_nothing() {
    let house = House::new().await;
    let gate = house.store.gate.shut();
    let add = |range: &'static str| {
        let (control, org, owner) = (Arc::clone(&house.control), house.org, house.owner);
        tokio::spawn(async move {
            control.add_entries(org, ListOwner::Key(owner), new(&[range])).await.map(drop)
        })
    };
    let first = add("192.0.2.1");
    gate.reached().await;
    let second = add("192.0.2.2");
    tokio::task::yield_now().await; // It waits for its turn now.
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    gate.open();
    first.await.unwrap().unwrap();
    house.add(&["192.0.2.3"]).await.unwrap();
    assert_eq!(house.listed(), ["192.0.2.1/32", "192.0.2.3/32"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commands_at_the_same_time_all_come_into_force() {
    let house = House::new().await;
    let commands: Vec<_> = (0..64)
        .map(|last| {
            let (control, org, owner) = (Arc::clone(&house.control), house.org, house.owner);
            let range = format!("10.0.0.{last}");
            tokio::spawn(async move {
                let list =
                    control.add_entries(org, ListOwner::Key(owner), new(&[&range])).await.unwrap();
                assert!(list.find(prefix(&range)).is_some());
            })
        })
        .collect();
    for command in commands {
        command.await.unwrap();
    }
    assert_eq!(house.control.snapshot().revision, Revision(2 + 64));
    assert_eq!(house.listed().len(), 64);
}

#[tokio::test]
async fn a_replaced_snapshot_is_dropped_once_no_reader_remembers_it() {
    let house = House::new().await;
    let publisher = house.control.writer.publisher();
    let reader = house.control.snapshots().reader();
    house.add(&["192.0.2.1"]).await.unwrap();
    assert_eq!(publisher.retired_count(), 1, "the reader has not read since");
    reader.refresh();
    house.control.sweep_retired();
    assert_eq!(publisher.retired_count(), 0);
}

#[tokio::test]
async fn contradictions_in_what_is_stored_or_named_are_refused() {
    let twice = NamedListDefinition {
        name: ListName::from("twice"),
        entries: vec![(prefix("10.0.0.1"), None), (prefix("10.0.0.1/32"), None)],
    };
    for (lists, expected) in [
        (vec![office(), office()], "list office is defined twice"),
        (vec![twice], "list twice holds 10.0.0.1/32 twice"),
    ] {
        let refused = ControlPlane::open(
            Arc::new(MemoryStore::default()),
            SecretKeys::for_tests(),
            lists,
            Settings::default(),
            Clock::system(),
            Arc::new(()),
        )
        .await;
        assert_eq!(refused.unwrap_err().to_string(), expected);
    }
    let house = House::new().await;
    let org =
        Organization::clone(house.control.snapshot().credentials.organization(house.org).unwrap());
    let key =
        ApiKey::clone(house.control.snapshot().credentials.key(house.org, house.owner).unwrap());
    let another = ApiKey { id: stranger().credential, ..key.clone() };
    let same_id = ApiKey { public_key: PublicKey::parse("abcdefgh").unwrap(), ..key.clone() };
    let entry = || {
        let (id, created) = (crate::id::EntryId(key.id.0), key.created);
        let usage = crate::access::Usage::default();
        (
            key.id,
            Entry { id, prefix: prefix("10.0.0.1"), spelling: None, created, expires: None, usage },
        )
    };
    for (organizations, keys, entries, what) in [
        (vec![], vec![key.clone()], vec![], "organization unknown to key"),
        (vec![org.clone()], vec![key.clone(), another], vec![], "a second key like"),
        (vec![org.clone()], vec![key.clone(), same_id], vec![], "a second key like"),
        (vec![org.clone()], vec![], vec![entry()], "entries of an unknown credential"),
        (vec![org], vec![key.clone()], vec![entry(), entry()], "a range twice on the list of"),
    ] {
        let image = crate::store::Image { organizations, keys, entries, ..Default::default() };
        let refused = publish::snapshot_of(image, vec![], house.clock.now()).unwrap_err();
        assert!(refused.to_string().contains(what), "{what}: {refused}");
    }
}
