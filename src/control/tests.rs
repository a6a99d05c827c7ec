//! The control plane through its front door, over a store in memory that can fail on demand.

mod accounts;
mod commands;
pub(crate) mod memory_store;
mod usage;

use std::sync::Arc;

use tokio::sync::mpsc;

use self::memory_store::MemoryStore;
use super::*;
use crate::access::Entry;
use crate::identity::Role;

/// A control plane with one organization and its owner key, whose list is empty.
struct House {
    store: Arc<MemoryStore>,
    control: Arc<ControlPlane>,
    heard: mpsc::UnboundedReceiver<Heard>,
    secrets: SecretKeys,
    clock: Clock,
    org: OrgId,
    owner: CredentialId,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Heard {
    Published(Revision, EntryCounts),
    Flushed(FlushReport),
    FlushFailed(u64),
}

struct Ears(mpsc::UnboundedSender<Heard>);

impl Observer for Ears {
    fn published(&self, Publication { revision, entries, .. }: Publication) {
        let _ = self.0.send(Heard::Published(revision, entries));
    }

    fn flushed(&self, report: FlushReport) {
        let _ = self.0.send(Heard::Flushed(report));
    }

    fn flush_failed(&self, unflushed: u64) {
        let _ = self.0.send(Heard::FlushFailed(unflushed));
    }
}

impl House {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let clock = Clock::manual(Timestamp::from_millis(1_785_000_000_000));
        let store = Arc::new(MemoryStore::default());
        let secrets = SecretKeys::for_tests();
        let (ears, heard) = mpsc::unbounded_channel();
        let control = ControlPlane::open(
            Arc::clone(&store) as Arc<dyn Store>,
            secrets.clone(),
            vec![office()],
            settings,
            clock.clone(),
            Arc::new(Ears(ears)),
        )
        .await
        .unwrap();
        let org = control.create_organization("Example").await.unwrap().id;
        let owner = control.create_key(org, "owner", roles([Role::Owner]), vec![]).await.unwrap();
        let owner = owner.key.id;
        let mut house = Self { store, control, heard, secrets, clock, org, owner };
        house.forget_what_was_heard();
        house
    }

    /// The same store, opened by a new process.
    async fn reopened(&self) -> Arc<ControlPlane> {
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        let settings = Settings::default();
        ControlPlane::open(
            store,
            self.secrets.clone(),
            vec![office()],
            settings,
            self.clock.clone(),
            Arc::new(()),
        )
        .await
        .unwrap()
    }

    async fn add(&self, ranges: &[&str]) -> Result<Arc<AccessList>, CommandError> {
        self.control.add_entries(self.org, ListOwner::Key(self.owner), new(ranges)).await
    }

    async fn remove(&self, range: &str, caller: Caller) -> Result<(), CommandError> {
        self.control
            .remove_entry(self.org, ListOwner::Key(self.owner), prefix(range), Some(caller))
            .await
    }

    fn entry(&self, range: &str) -> Arc<Entry> {
        let snapshot = self.control.snapshot();
        let list = snapshot.lists.find(self.owner).expect("the owner has a list");
        Arc::clone(list.find(prefix(range)).expect("the entry is listed"))
    }

    /// The ranges on the owner's list that is in force.
    fn listed(&self) -> Vec<String> {
        let snapshot = self.control.snapshot();
        snapshot.lists.find(self.owner).map(|list| ranges(list)).unwrap_or_default()
    }

    fn forget_what_was_heard(&mut self) {
        while self.heard.try_recv().is_ok() {}
    }
}

/// Somebody with another credential than the owner.
fn stranger() -> Caller {
    let credential = CredentialId(crate::id::ObjectId::from_bytes([0xee; 12]));
    Caller { credential, address: client("192.0.2.1") }
}

fn office() -> NamedListDefinition {
    NamedListDefinition {
        name: ListName::from("office"),
        entries: vec![(prefix("198.51.100.0/24"), None), (prefix("203.0.113.7"), None)],
    }
}

fn roles(roles: impl IntoIterator<Item = Role>) -> Roles {
    roles.into_iter().collect()
}

fn prefix(text: &str) -> Prefix {
    Prefix::parse(text).unwrap()
}

fn client(text: &str) -> ClientIp {
    ClientIp::from(text.parse::<std::net::IpAddr>().unwrap())
}

fn new(ranges: &[&str]) -> Vec<NewEntry> {
    let entry = |range: &&str| NewEntry { prefix: prefix(range), spelling: None };
    ranges.iter().map(entry).collect()
}

fn ranges(list: &AccessList) -> Vec<String> {
    list.entries().iter().map(|entry| entry.prefix.to_string()).collect()
}
