//! Whatever an owner asks the admin API for, the answer is one of the published kind and the owner stays in.
//!
//! Input: a line `METHOD TARGET`, then headers, `name: value`. In the target, `$org`, `$owner`, `$member`, `$account` and
//! `$secret` stand for the ids that there are.

#![no_main]

use std::cell::RefCell;

use http::{Method, Uri};
use libfuzzer_sys::fuzz_target;
use portcullis_fuzz::house::House;
use portcullis_fuzz::{first_line, headers};

thread_local! {
    static HOUSE: RefCell<House> = RefCell::new(House::new());
}

fuzz_target!(|bytes: &[u8]| {
    HOUSE.with_borrow_mut(|house| {
        let Some((line, rest)) = first_line(bytes) else { return };
        let Some((method, target)) = line.split_once(' ') else { return };
        let target = target
            .replace("$org", &house.org.to_string())
            .replace("$owner", &house.owner.to_string())
            .replace("$member", &house.member.to_string())
            .replace("$account", &house.account.client_id())
            .replace("$secret", &house.account.secret_id.to_string());
        let (Ok(method), Ok(target)) = (method.parse::<Method>(), target.parse::<Uri>()) else {
            return;
        };
        let before = house.snapshot();
        let heard = house.call(&method, &target, headers(rest), b"");
        house.check(&method, &target, &heard, &before);
        if !house.is_new(&before) {
            *house = House::new();
        }
    });
});
