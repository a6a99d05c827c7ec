use proptest::prelude::*;

use super::*;
use crate::id::{CredentialId, ObjectId, SecretId, SigningKeyId, TokenId};
use crate::identity::TokenRef;
use crate::time::Timestamp;

fn verified(number: u8, expires: i64) -> Verified {
    let id = ObjectId::from_bytes([number; 12]);
    Verified {
        signed_by: SigningKeyId(id),
        account: CredentialId(id),
        token: TokenRef {
            id: TokenId(id),
            secret: SecretId(id),
            expires: Timestamp::from_millis(expires),
        },
    }
}

#[test]
fn what_was_put_is_found_under_its_whole_text_only() {
    let cache = TokenCache::new(64);
    cache.put(b"a.token-of-ours", verified(1, 10));
    assert_eq!(cache.find(b"a.token-of-ours"), Some(verified(1, 10)));
    for other in [&b""[..], b"a.token-of-our", b"a.token-of-ours.", b"b.token-of-ours"] {
        assert_eq!(cache.find(other), None);
    }
}

#[test]
fn a_full_set_gives_up_the_token_that_expires_first() {
    let cache = TokenCache::new(WAYS);
    for (number, expires) in [(1, 40), (2, 10), (3, 30), (4, 20), (5, 50)] {
        cache.put(&[number], verified(number, expires));
    }
    let found: Vec<u8> = (1..=5).filter(|number| cache.find(&[*number]).is_some()).collect();
    assert_eq!(found, [1, 3, 4, 5]);
}

#[test]
fn it_never_holds_more_than_it_may() {
    for most in [1_usize, 16, 17, 100] {
        let cache = TokenCache::new(most);
        let texts = (0..1_000_u32).map(u32::to_be_bytes);
        for text in texts.clone() {
            cache.put(&text, verified(1, 10));
        }
        let held = texts.filter(|text| cache.find(text).is_some()).count();
        assert!(held <= most.max(WAYS), "{held} of {most}");
        assert!(held * 2 > most, "the hash spreads: {held} of {most}");
    }
}

#[test]
fn what_is_forgotten_is_let_go() {
    let cache = TokenCache::new(WAYS);
    for number in 0..=u8::MAX {
        cache.put(&[number], verified(number, 10));
    }
    let entry = cache.sets[0].0[0].load_full().unwrap();
    for number in 0..=u8::MAX {
        cache.put(&[number, number], verified(number, 20));
    }
    assert_eq!(Arc::strong_count(&entry), 1, "nobody else holds it");
}

#[test]
fn many_threads_find_what_was_put_under_their_text() {
    let cache = TokenCache::new(16);
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let cache = &cache;
            scope.spawn(move || {
                for turn in 0..2_000_u32 {
                    let number = (turn % 40) as u8 ^ thread;
                    cache.put(&[number; 9], verified(number, i64::from(turn)));
                    for other in 0..40 {
                        let found = cache.find(&[other; 9]);
                        assert!(
                            found.is_none_or(|found| found.account == verified(other, 0).account)
                        );
                    }
                }
            });
        }
    });
}

proptest! {
    #[test]
    fn texts_are_the_same_when_every_byte_is(
        a in proptest::collection::vec(any::<u8>(), 0..40),
        at: prop::sample::Index,
        flipped in 0_u8..8,
    ) {
        prop_assert!(is_same(&a, &a.clone()));
        if !a.is_empty() {
            let mut b = a.clone();
            b[at.index(a.len())] ^= 1 << flipped;
            prop_assert!(!is_same(&a, &b));
            prop_assert!(!is_same(&a, &a[1..]));
        }
    }
}
