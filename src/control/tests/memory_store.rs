//! A store in memory that keeps the store's contract, and breaks it down on demand.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::access::{Entry, Usage};
use crate::id::{CredentialId, EntryId, Revision};
use crate::identity::{ApiKey, Organization, ServiceAccount, SigningKey};
use crate::store::{Change, Image, Store, StoreError, StoredUsage, UsageBatch};

/// See the module.
#[derive(Default)]
pub(crate) struct MemoryStore {
    stored: Mutex<Stored>,
    /// Commits that are refused from now on.
    pub(crate) refused_commits: AtomicUsize,
    /// Flushes that are refused from now on.
    pub(crate) refused_flushes: AtomicUsize,
    /// Flushes from now on that are stored although an error is answered.
    pub(crate) unanswered_flushes: AtomicUsize,
    /// Where commits and flushes stop, when it is shut.
    pub(crate) gate: Gate,
}

#[derive(Default)]
struct Stored {
    revision: Revision,
    organizations: Vec<Organization>,
    keys: Vec<ApiKey>,
    accounts: Vec<ServiceAccount>,
    signing_keys: Vec<SigningKey>,
    entries: Vec<(CredentialId, Arc<Entry>)>,
    usage: HashMap<EntryId, StoredUsage>,
    last_batch: HashMap<u64, u64>,
    batches: Vec<Arc<UsageBatch>>,
}

impl MemoryStore {
    pub(crate) fn revision(&self) -> Revision {
        self.stored().revision
    }

    /// Requests stored for one entry.
    pub(crate) fn count(&self, entry: EntryId) -> u64 {
        self.stored().usage.get(&entry).map_or(0, |usage| usage.count)
    }

    /// Every batch that was sent, retries included.
    pub(crate) fn batches(&self) -> Vec<Arc<UsageBatch>> {
        self.stored().batches.clone()
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap()
    }
}

impl Store for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<Image, StoreError>> {
        async move { Ok(self.stored().image()) }.boxed()
    }

    fn commit(&self, change: Change) -> BoxFuture<'_, Result<Revision, StoreError>> {
        async move {
            self.gate.pass().await;
            if take_one(&self.refused_commits) {
                return Err(StoreError::Closed);
            }
            let mut stored = self.stored();
            stored.apply(change);
            stored.revision = stored.revision.next();
            Ok(stored.revision)
        }
        .boxed()
    }

    fn flush_usage(&self, batch: Arc<UsageBatch>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.stored().batches.push(Arc::clone(&batch));
            if take_one(&self.refused_flushes) {
                return Err(StoreError::Closed);
            }
            self.stored().add_usage(&batch);
            self.gate.pass().await;
            if take_one(&self.unanswered_flushes) { Err(StoreError::Closed) } else { Ok(()) }
        }
        .boxed()
    }
}

impl Stored {
    fn image(&self) -> Image {
        let usage_of = |id| self.usage.get(&id).copied().unwrap_or_default();
        let listed = |id| self.entries.iter().any(|(_, entry)| entry.id == id);
        let entries = self.entries.iter().map(|(credential, entry)| {
            let StoredUsage { count, last } = usage_of(entry.id);
            let usage = Usage::restored(count, last);
            let Entry { id, prefix, ref spelling, created, expires, .. } = **entry;
            let spelling = spelling.clone();
            (*credential, Entry { id, prefix, spelling, created, expires, usage })
        });
        Image {
            revision: self.revision,
            organizations: self.organizations.clone(),
            keys: self.keys.clone(),
            accounts: self.accounts.clone(),
            signing_keys: self.signing_keys.clone(),
            entries: entries.collect(),
            other_usage: self
                .usage
                .iter()
                .map(|(id, usage)| (*id, *usage))
                .filter(|(id, _)| !listed(*id))
                .collect(),
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::CreateOrganization { organization } => {
                self.organizations.push(Organization::clone(&organization));
            }
            Change::UpdateOrganization { organization } => {
                let stored = self.organizations.iter_mut().find(|org| org.id == organization.id);
                *stored.unwrap() = Organization::clone(&organization);
            }
            Change::CreateAccount { account, entries } => {
                self.entries.extend(entries.into_iter().map(|entry| (account.id, entry)));
                self.accounts.push(ServiceAccount::clone(&account));
            }
            Change::UpdateAccount { account } => {
                *self.account(account.id) = ServiceAccount::clone(&account);
            }
            Change::DeleteAccount { id } => {
                self.accounts.retain(|account| account.id != id);
                self.entries.retain(|(credential, _)| *credential != id);
            }
            Change::CreateSecret { account, secret } => self.account(account).secrets.push(secret),
            Change::DeleteSecret { account, secret } => {
                let account = self.account(account);
                account.secrets.retain(|kept| kept.id != secret);
                account.tokens.retain(|token| token.secret != secret);
            }
            Change::IssueToken { account, token, at } => {
                let account = self.account(account);
                account.tokens.retain(|token| !token.is_forgotten(at));
                account.put_token(token);
                let used = account.secrets.iter_mut().find(|secret| secret.id == token.secret);
                used.unwrap().last_used = Some(at);
            }
            Change::RevokeToken { account, token } => self.account(account).put_token(token),
            Change::RotateSigningKey { key, removed } => {
                self.signing_keys.retain(|kept| !removed.contains(&kept.id));
                self.signing_keys.push(key);
            }
            Change::CreateKey { key, entries } => {
                self.entries.extend(entries.into_iter().map(|entry| (key.id, entry)));
                self.keys.push(ApiKey::clone(&key));
            }
            Change::UpdateKey { id, description, roles } => {
                let key = self.keys.iter_mut().find(|key| key.id == id).unwrap();
                (key.description, key.roles) = (description, roles);
            }
            Change::DeleteKey { id } => {
                self.keys.retain(|key| key.id != id);
                self.entries.retain(|(credential, _)| *credential != id);
            }
            Change::AddEntries { credential, entries } => {
                self.entries.extend(entries.into_iter().map(|entry| (credential, entry)));
            }
            Change::RemoveEntry { credential, entry } => {
                self.entries.retain(|(owner, kept)| (*owner, kept.id) != (credential, entry));
                self.usage.remove(&entry);
            }
        }
    }

    fn account(&mut self, id: CredentialId) -> &mut ServiceAccount {
        self.accounts.iter_mut().find(|account| account.id == id).unwrap()
    }

    fn add_usage(&mut self, batch: &UsageBatch) {
        let last = self.last_batch.entry(batch.boot).or_default();
        if batch.sequence <= *last {
            return;
        }
        *last = batch.sequence;
        let listed: HashSet<_> = self.entries.iter().map(|(_, entry)| entry.id).collect();
        let deltas = batch.deltas.iter().filter(|(entry, _)| listed.contains(entry));
        for (entry, delta) in deltas.chain(&batch.named_deltas) {
            let stored = self.usage.entry(*entry).or_default();
            stored.count += delta.count;
            stored.last = delta.last.or(stored.last);
        }
    }
}

/// A place where work waits as long as the gate is shut.
#[derive(Default)]
pub(crate) struct Gate {
    shut: Mutex<Option<Arc<Shut>>>,
}

pub(crate) struct Shut {
    reached: Semaphore,
    opened: Semaphore,
}

impl Shut {
    /// Waits until somebody stands at the gate.
    pub(crate) async fn reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }

    /// Lets everybody pass, now and later.
    pub(crate) fn open(&self) {
        self.opened.close();
    }
}

impl Gate {
    /// Shuts the gate until the value returned is told to open it.
    pub(crate) fn shut(&self) -> Arc<Shut> {
        let shut = Arc::new(Shut { reached: Semaphore::new(0), opened: Semaphore::new(0) });
        *self.shut.lock().unwrap() = Some(Arc::clone(&shut));
        shut
    }

    async fn pass(&self) {
        let shut = self.shut.lock().unwrap().clone();
        if let Some(shut) = shut {
            shut.reached.add_permits(1);
            // The only outcome is the error that says the semaphore is closed, which is the gate's opening.
            assert!(shut.opened.acquire().await.is_err());
        }
    }
}

fn take_one(from: &AtomicUsize) -> bool {
    from.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}
