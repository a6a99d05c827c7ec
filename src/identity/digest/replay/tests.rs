use std::collections::{HashMap, HashSet};
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::*;

/// Spreads numbers evenly over 64 bits, the same in every run (SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn nonce(issued_ms: u64, number: u64) -> Nonce {
    Nonce { issued_ms, random: mixed(number) >> 16, spread: mixed(!number) }
}

fn spend(table: &ReplayTable, nonce: &Nonce, count: u32) -> Verdict {
    table.spend(nonce, NonZeroU32::new(count).unwrap())
}

/// What the table stands for, without its bounds.
#[derive(Default)]
struct Twin(HashMap<u64, HashSet<u32>>);

impl Twin {
    fn spend(&mut self, number: u64, count: u32) -> Verdict {
        let seen = self.0.entry(number).or_default();
        let highest = seen.iter().max().copied().unwrap_or(0);
        let too_far_behind = count < highest && highest - count >= 64;
        if too_far_behind || !seen.insert(count) { Verdict::Repeated } else { Verdict::First }
    }
}

#[test]
fn a_count_may_jump_and_come_late_and_never_repeats() {
    use Verdict::{First, Repeated};
    let table = ReplayTable::new(16);
    let nonce = nonce(1_000, 0);
    for (count, verdict) in [
        (5, First), // A first use may say anything.
        (5, Repeated),
        (7, First),
        (6, First),
        (6, Repeated),
        (1, First),
        (68, First),
        (5, Repeated),
        (4, Repeated), // 64 below the highest: nobody knows.
        (8, First),
        (u32::MAX, First),
        (u32::MAX, Repeated),
        (u32::MAX - 63, First),
        (u32::MAX - 64, Repeated),
        (8, Repeated),
    ] {
        assert_eq!(spend(&table, &nonce, count), verdict, "count {count}");
    }
}

#[test]
fn what_was_issued_before_the_table_began_is_forgotten() {
    let table = ReplayTable::new(16);
    table.begin(5_000);
    table.begin(9_000); // It has begun.
    assert_eq!(spend(&table, &nonce(4_999, 0), 1), Verdict::Forgotten);
    assert_eq!(spend(&table, &nonce(5_000, 1), 1), Verdict::First);
}

#[test]
fn the_window_of_an_evicted_nonce_is_not_its_successors() {
    let window = AtomicU128::new(0);
    let count = |generation, count| count_in(&window, generation, NonZeroU32::new(count).unwrap());
    assert_eq!(count(1, 9), Verdict::First);
    assert_eq!(count(2, 9), Verdict::First); // The slot changed hands.
    assert_eq!(count(1, 10), Verdict::Forgotten); // A thread that still thinks it is the first tenant's.
    assert_eq!(count(2, 9), Verdict::Repeated);
}

#[test]
fn generations_go_round() {
    let window = AtomicU128::new(Window::new(u32::MAX, 3, 1).0);
    assert_eq!(count_in(&window, 0, NonZeroU32::MIN), Verdict::First);
    assert_eq!(count_in(&window, u32::MAX, NonZeroU32::MAX), Verdict::Forgotten);
}

#[test]
fn a_nonce_found_in_two_slots_is_refused() {
    let table = ReplayTable::new(1);
    let nonce = nonce(1_000, 0);
    assert_eq!(spend(&table, &nonce, 1), Verdict::First);
    let elsewhere = Key::of(&nonce).in_generation(1);
    table.homes(&nonce).key(7).store(elsewhere.0, SeqCst);
    assert_eq!(spend(&table, &nonce, 2), Verdict::Forgotten);
}

#[test]
fn a_thread_that_was_overtaken_by_its_nonce_s_eviction_is_refused() {
    let table = ReplayTable::new(1);
    let (first, second) = (nonce(1_000, 0), NonZeroU32::new(2).unwrap());
    assert_eq!(spend(&table, &first, 1), Verdict::First);
    let slow = table.enter(&first).unwrap();
    for number in 1..16 {
        assert_eq!(spend(&table, &nonce(1_001, number), 1), Verdict::First);
    }
    // Its slot is another's now, whose own window has not begun: the count itself would go in.
    let evictor = nonce(1_002, 16);
    table.enter(&evictor).unwrap();
    assert_eq!(table.count(&first, slow, second), Verdict::Forgotten);
    assert_eq!(spend(&table, &evictor, 2), Verdict::First, "and the new tenant does not notice");
    assert_eq!(spend(&table, &evictor, 2), Verdict::Repeated);
}

#[test]
fn a_nonce_older_than_all_at_home_gives_way() {
    let table = ReplayTable::new(1);
    for number in 0..16 {
        assert_eq!(spend(&table, &nonce(2_000, number), 1), Verdict::First);
    }
    assert_eq!(spend(&table, &nonce(2_000, 16), 1), Verdict::Forgotten);
    assert_eq!(spend(&table, &nonce(1_999, 17), 1), Verdict::Forgotten);
    assert_eq!(table.watermark_ms(), 0, "nobody was evicted for them");
    assert_eq!(spend(&table, &nonce(2_000, 3), 2), Verdict::First);
}

#[test]
fn beyond_capacity_the_oldest_are_stale_and_never_accepted_again() {
    let table = ReplayTable::new(64);
    let nonces: Vec<_> = (0..2_000).map(|number| nonce(1_000 + number, number)).collect();
    for nonce in &nonces {
        assert_eq!(spend(&table, nonce, 1), Verdict::First);
    }
    for nonce in &nonces {
        for count in [1, 2] {
            let verdict = spend(&table, nonce, count);
            let forgotten = nonce.issued_ms <= table.watermark_ms();
            assert_eq!(verdict == Verdict::Forgotten, forgotten, "{nonce:?}");
            assert!(verdict != Verdict::First || count == 2, "{nonce:?}");
        }
    }
    assert!(table.watermark_ms() > 2_000, "most had to leave");
}

#[test]
fn as_many_nonces_as_asked_for_are_remembered() {
    const REMEMBERED: u64 = 4_096;
    let table = ReplayTable::new(4_096);
    for number in 0..50_000 {
        assert_eq!(spend(&table, &nonce(1_000 + number, number), 1), Verdict::First);
        let latest_forgotten = table.watermark_ms().saturating_sub(1_000);
        assert!(latest_forgotten + REMEMBERED <= number.max(REMEMBERED), "after {number}");
    }
}

#[test]
fn threads_that_send_the_same_are_told_once_each() {
    const THREADS: usize = 8;
    const NONCES: u64 = 200;
    const COUNTS: u32 = 40;
    let table = ReplayTable::new(1_024);
    let accepted: Vec<_> = (0..NONCES * u64::from(COUNTS)).map(|_| AtomicUsize::new(0)).collect();
    in_threads(THREADS, |_| {
        for number in 0..NONCES {
            for count in 1..=COUNTS {
                if spend(&table, &nonce(1_000, number), count) == Verdict::First {
                    let at = usize::try_from(number * u64::from(COUNTS) + u64::from(count) - 1);
                    accepted[at.unwrap()].fetch_add(1, SeqCst);
                }
            }
        }
    });
    assert!(accepted.iter().all(|times| times.load(SeqCst) == 1));
}

/// Sixteen slots for forty nonces that come again and again: keys are replaced while others count in their windows.
#[test]
fn threads_that_evict_each_other_accept_nothing_twice() {
    const THREADS: usize = 8;
    const NONCES: u64 = 40;
    const COUNTS: u32 = 4;
    for round in 0..300 {
        let table = ReplayTable::new(1);
        let accepted: Vec<_> =
            (0..NONCES * u64::from(COUNTS)).map(|_| AtomicUsize::new(0)).collect();
        in_threads(THREADS, |thread| {
            for step in 0..400 {
                let dice = mixed((round << 32) | (thread << 16) | step);
                // Young ones come into play as the run goes on, and any that is in play comes again.
                let number = dice % (NONCES * (step + 40) / 440).max(1);
                let count = u32::try_from(1 + (dice >> 32) % u64::from(COUNTS)).unwrap();
                if spend(&table, &nonce(1_000 + number, number), count) == Verdict::First {
                    let at = usize::try_from(number * u64::from(COUNTS) + u64::from(count) - 1);
                    accepted[at.unwrap()].fetch_add(1, SeqCst);
                }
            }
        });
        assert!(accepted.iter().all(|times| times.load(SeqCst) <= 1), "round {round}");
        assert!(table.watermark_ms() > 0, "round {round} evicted nobody");
    }
}

fn in_threads(threads: usize, work: impl Fn(u64) + Sync) {
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                work(thread as u64);
            });
        }
    });
}

prop_compose! {
    /// Mostly small steps, and sometimes a jump.
    fn any_count()(small in 1_u32..150, large in 1_u32.., jump in 0..10) -> u32 {
        if jump == 0 { large } else { small }
    }
}

proptest! {
    /// Sixteen nonces always find room, so that nothing is forgotten and the twin knows every verdict.
    #[test]
    fn within_capacity_the_table_says_what_its_twin_says(
        uses in proptest::collection::vec((0_u64..16, any_count()), 1..400),
    ) {
        let table = ReplayTable::new(1);
        let mut twin = Twin::default();
        for (number, count) in uses {
            prop_assert_eq!(spend(&table, &nonce(1_000 + number, number), count), twin.spend(number, count));
        }
    }

    #[test]
    fn beyond_capacity_nothing_is_accepted_that_its_twin_refuses(
        uses in proptest::collection::vec((0_u64..60, 1_u32..80), 1..600),
    ) {
        let table = ReplayTable::new(1);
        let mut twin = Twin::default();
        let mut watermark_ms = 0;
        for (number, count) in uses {
            let nonce = nonce(1_000 + number, number);
            let was_forgotten = nonce.issued_ms <= watermark_ms;
            match spend(&table, &nonce, count) {
                Verdict::First => {
                    prop_assert_eq!(twin.spend(number, count), Verdict::First);
                    prop_assert!(!was_forgotten);
                }
                Verdict::Repeated => prop_assert_eq!(twin.spend(number, count), Verdict::Repeated),
                Verdict::Forgotten => {}
            }
            prop_assert!(table.watermark_ms() >= watermark_ms);
            watermark_ms = table.watermark_ms();
        }
    }
}
