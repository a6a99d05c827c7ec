//! Whatever is sent to the operator's socket is carried out whole or changes nothing, by the bounds of the admin API.
//!
//! Input: a command as JSON. `$owner` and `$member` stand for the ids of the two keys.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use portcullis::identity::text::{
    is_account_description, is_account_name, is_key_description, is_organization_name,
};
use portcullis::local::{Command, Complaint, Reply};
use portcullis::snapshot::Snapshot;
use portcullis_fuzz::house::House;

thread_local! {
    static HOUSE: RefCell<House> = RefCell::new(House::new());
}

fuzz_target!(|bytes: &[u8]| {
    HOUSE.with_borrow_mut(|house| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let owner = text.replace("$owner", &house.owner.to_string());
        let text = owner.replace("$member", &house.member.to_string());
        let Ok(command) = serde_json::from_str::<Command>(&text) else { return };
        let written = serde_json::to_vec(&command).expect("a command has a form");
        assert_eq!(serde_json::from_slice::<Command>(&written).expect("read again"), command);
        let before = house.snapshot();
        match house.operate(command) {
            Ok(reply) => is_told(&reply),
            Err(refusal) => {
                let told = Complaint::from(&refusal).to_string();
                assert!(!told.is_empty() && !told.chars().any(char::is_control), "{told:?}");
                assert!(house.is_new(&before), "a refused command changed something");
            }
        }
        keeps_to_bounds(&house.snapshot());
        if !house.is_new(&before) {
            *house = House::new();
        }
    });
});

fn is_told(reply: &Reply) {
    let written = serde_json::to_vec(reply).expect("a reply has a form");
    serde_json::from_slice::<Reply>(&written).expect("read again");
}

fn keeps_to_bounds(snapshot: &Snapshot) {
    for organization in snapshot.credentials.organizations() {
        assert!(is_organization_name(&organization.name));
        for key in snapshot.credentials.keys_of(organization.id) {
            assert!(is_key_description(&key.description) && !key.roles.is_empty());
        }
        for account in snapshot.credentials.accounts_of(organization.id) {
            assert!(is_account_name(&account.name) && !account.roles.is_empty());
            assert!(is_account_description(&account.description));
        }
    }
    for entry in snapshot.lists.credential_entries() {
        assert!(!(entry.prefix.is_host() && entry.prefix.network().is_unspecified()));
    }
}
