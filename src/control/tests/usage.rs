//! Usage on its way to the store: each request once, whatever fails in between.

use std::sync::atomic::Ordering;

use super::*;
use crate::access::named_entry_id;

fn use_entry(house: &House, range: &str, times: u64) {
    let entry = house.entry(range);
    for _ in 0..times {
        entry.usage.record(client("192.0.2.1"), house.clock.now());
    }
}

#[tokio::test]
async fn a_count_survives_every_change_of_its_list_and_a_restart() {
    let house = House::new().await;
    house.add(&["192.0.2.1"]).await.unwrap();
    let before = house.control.snapshot();
    house.add(&["10.0.0.0/8"]).await.unwrap();
    // A request that loaded the snapshot before the change counts after it.
    let seen_before = before.lists.find(house.owner).unwrap().find(prefix("192.0.2.1")).unwrap();
    seen_before.usage.record(client("192.0.2.1"), house.clock.now());
    use_entry(&house, "192.0.2.1", 2);
    assert_eq!(house.entry("192.0.2.1").usage.count(), 3);

    house.control.flush_usage().await.unwrap();
    let reopened = house.reopened().await.snapshot();
    let usage = &reopened.lists.find(house.owner).unwrap().entries()[0].usage;
    assert_eq!((usage.count(), usage.last().unwrap().from), (3, client("192.0.2.1")));
}

#[tokio::test]
async fn a_flush_stores_what_came_since_the_one_before() {
    let mut house = House::new().await;
    house.add(&["192.0.2.1", "10.0.0.0/8"]).await.unwrap();
    house.forget_what_was_heard();
    use_entry(&house, "192.0.2.1", 3);
    let report = house.control.flush_usage().await.unwrap();
    assert_eq!(report, FlushReport { entries: 1, requests: 3 });
    assert_eq!(house.heard.try_recv(), Ok(Heard::Flushed(report)));
    use_entry(&house, "192.0.2.1", 2);
    house.control.flush_usage().await.unwrap();
    assert_eq!(house.control.flush_usage().await.unwrap(), FlushReport::default());
    assert_eq!(house.store.count(house.entry("192.0.2.1").id), 5);
    assert_eq!(house.store.batches().len(), 2, "nothing gathered, nothing sent");
}

#[tokio::test]
async fn a_flush_that_failed_is_sent_again_as_it_was_and_counts_once() {
    for stored_all_the_same in [false, true] {
        let mut house = House::new().await;
        house.add(&["192.0.2.1", "10.0.0.0/8"]).await.unwrap();
        house.forget_what_was_heard();
        use_entry(&house, "192.0.2.1", 3);
        let failures = if stored_all_the_same {
            &house.store.unanswered_flushes
        } else {
            &house.store.refused_flushes
        };
        failures.store(2, Ordering::SeqCst);
        house.control.flush_usage().await.unwrap_err();
        assert_eq!(house.heard.try_recv(), Ok(Heard::FlushFailed(3)));
        use_entry(&house, "192.0.2.1", 4);
        use_entry(&house, "10.0.0.0/8", 1);
        house.control.flush_usage().await.unwrap_err();
        let report = house.control.flush_usage().await.unwrap();
        assert_eq!(report.requests, 8);

        let batches = house.store.batches();
        assert_eq!(batches.len(), 4);
        assert_eq!(batches[0], batches[1]);
        assert_eq!(batches[0], batches[2]);
        assert_eq!(
            (batches[3].boot, batches[3].sequence),
            (batches[0].boot, batches[0].sequence + 1)
        );
        assert_eq!(house.store.count(house.entry("192.0.2.1").id), 7);
        assert_eq!(house.store.count(house.entry("10.0.0.0/8").id), 1);
    }
}

#[tokio::test]
async fn a_flush_that_was_dropped_on_its_way_counts_once() {
    let house = House::new().await;
    house.add(&["192.0.2.1"]).await.unwrap();
    use_entry(&house, "192.0.2.1", 3);
    let gate = house.store.gate.shut();
    let flush = tokio::spawn({
        let control = Arc::clone(&house.control);
        async move { control.flush_usage().await.map(drop) }
    });
    gate.reached().await;
    flush.abort();
    assert!(flush.await.unwrap_err().is_cancelled());
    gate.open();
    use_entry(&house, "192.0.2.1", 1);
    house.control.flush_usage().await.unwrap();
    assert_eq!(house.store.count(house.entry("192.0.2.1").id), 4);
}

#[tokio::test]
async fn an_entry_that_is_removed_takes_its_usage_with_it() {
    let house = House::new().await;
    house.add(&["192.0.2.1", "10.0.0.0/8"]).await.unwrap();
    use_entry(&house, "192.0.2.1", 3);
    use_entry(&house, "10.0.0.0/8", 1);
    house.store.refused_flushes.store(1, Ordering::SeqCst);
    house.control.flush_usage().await.unwrap_err();
    let removed = house.entry("192.0.2.1").id;
    house.remove("192.0.2.1", stranger()).await.unwrap();
    house.control.flush_usage().await.unwrap();
    assert_eq!(house.store.count(removed), 0);
    assert_eq!(house.store.count(house.entry("10.0.0.0/8").id), 1);
    house.add(&["192.0.2.1"]).await.unwrap();
    assert_eq!(house.entry("192.0.2.1").usage.count(), 0, "added again, it begins anew");
}

#[tokio::test]
async fn the_usage_of_many_entries_goes_in_several_batches() {
    let settings = Settings { entries_per_list: 5_000, ..Settings::default() };
    let house = House::with(settings).await;
    let many: Vec<String> = (0..5_000).map(|n| format!("10.0.{}.{}", n / 256, n % 256)).collect();
    house.add(&many.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    let snapshot = house.control.snapshot();
    for entry in snapshot.lists.find(house.owner).unwrap().entries() {
        entry.usage.record(client("10.0.0.1"), house.clock.now());
    }
    house.store.unanswered_flushes.store(1, Ordering::SeqCst);
    house.control.flush_usage().await.unwrap_err();
    let report = house.control.flush_usage().await.unwrap();
    assert_eq!(report, FlushReport { entries: 5_000, requests: 5_000 });
    let sizes: Vec<_> =
        house.store.batches().iter().map(|batch| (batch.sequence, batch.deltas.len())).collect();
    assert_eq!(sizes, [(1, 4_096), (1, 4_096), (2, 904)]);
    assert!(snapshot.lists.entries().all(|entry| house.store.count(entry.id) <= 1));
}

#[tokio::test]
async fn a_named_list_goes_on_counting_after_a_restart() {
    let house = House::new().await;
    let name = ListName::from("office");
    let snapshot = house.control.snapshot();
    let entry = &snapshot.lists.find_named(&name).unwrap().entries()[1];
    assert_eq!(entry.id, named_entry_id(&name, prefix("203.0.113.7")));
    entry.usage.record(client("203.0.113.7"), house.clock.now());
    house.control.flush_usage().await.unwrap();
    let reopened = house.reopened().await.snapshot();
    let counts: Vec<_> = reopened
        .lists
        .find_named(&name)
        .unwrap()
        .entries()
        .iter()
        .map(|entry| entry.usage.count())
        .collect();
    assert_eq!(counts, [0, 1]);
}

#[tokio::test]
async fn usage_is_flushed_at_the_stop() {
    let house = House::new().await;
    house.add(&["192.0.2.1"]).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let flusher = tokio::spawn(Arc::clone(&house.control).run_flusher(async move {
        let _ = stopped.await;
    }));
    use_entry(&house, "192.0.2.1", 3);
    stop.send(()).unwrap();
    flusher.await.unwrap();
    assert_eq!(house.store.count(house.entry("192.0.2.1").id), 3);
}

#[tokio::test]
async fn usage_is_flushed_on_its_interval() {
    let interval = Duration::ZERO; // As short as it can be; the flusher keeps to its shortest.
    let mut house =
        House::with(Settings { usage_flush_interval: interval, ..Settings::default() }).await;
    house.add(&["192.0.2.1"]).await.unwrap();
    use_entry(&house, "192.0.2.1", 3);
    house.forget_what_was_heard();
    let flusher = tokio::spawn(Arc::clone(&house.control).run_flusher(std::future::pending()));
    let heard = house.heard.recv().await;
    assert_eq!(heard, Some(Heard::Flushed(FlushReport { entries: 1, requests: 3 })));
    flusher.abort();
}
