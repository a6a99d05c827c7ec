//! An admin API over a fresh store, with one organization, two keys and a service account, and a client that holds the owner's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use portcullis::addr::{ClientIp, PeerAddr, Prefix};
use portcullis::admin::rate::{self, RateLimits};
use portcullis::admin::{self, AdminState};
use portcullis::control::{self, ControlPlane, CreatedKey, NewAccount, NewEntry};
use portcullis::id::{CredentialId, IdGenerator, OrgId, SecretId};
use portcullis::identity::bearer::token::{self, Claims};
use portcullis::identity::bearer::{self, Bearer};
use portcullis::identity::digest::{self, Digest, NonceKey};
use portcullis::identity::failures::{self, Failures};
use portcullis::identity::{self, Authenticator, ClientId, Role, SchemeKind, SecretKeys};
use portcullis::keys::KeyFile;
use portcullis::local::{self, Command, Refusal, Reply};
use portcullis::net::{ConnectionLimits, ListenerSettings, client_ip};
use portcullis::snapshot::Snapshot;
use portcullis::store::SqliteStore;
use portcullis::telemetry::metrics::Metrics;
use portcullis::time::{Clock, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::client::{Answer, Pair, parameters};

/// The admin API with what it stands on.
pub struct House {
    /// Its one organization.
    pub org: OrgId,
    /// The caller: an owner, listed for 127.0.0.1 alone.
    pub owner: CredentialId,
    /// A member's key with an empty list.
    pub member: CredentialId,
    /// A member's service account, listed for 127.0.0.1.
    pub account: Account,
    pair: Pair,
    router: Router,
    authenticator: Arc<Authenticator>,
    clock: Clock,
    runtime: Runtime,
    control: Arc<ControlPlane>,
    // Last, so that the store is closed before its files go.
    _directory: TempDir,
}

/// A service account as its program has it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: CredentialId,
    /// Its one secret's id.
    pub secret_id: SecretId,
    /// The secret.
    pub secret: String,
}

impl Account {
    /// Its name in OAuth.
    pub fn client_id(&self) -> String {
        ClientId(self.id).to_string()
    }
}

/// An answer.
#[derive(Debug)]
pub struct Heard {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl House {
    /// Carries out an operator's command.
    ///
    /// # Errors
    /// Why it was not carried out.
    pub fn operate(&self, command: Command) -> Result<Reply, Refusal> {
        self.runtime.block_on(local::run(&self.control, command))
    }

    /// A house as it is before anybody has called.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let keys = KeyFile::create(&directory.path().join("key")).expect("a key file");
        let store = SqliteStore::create(&directory.path().join("db"), &keys).expect("a store");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let clock = Clock::manual(Timestamp::from_millis(1_785_000_000_000));
        let settings = control::Settings {
            entries_per_list: ENTRIES,
            keys_per_organization: 3,
            ..control::Settings::default()
        };
        let (control, org, owner, member, account) = runtime.block_on(async {
            let (store, clock, nobody) = (Arc::new(store), clock.clone(), Arc::new(()));
            let secrets = SecretKeys::new(&keys);
            let control = ControlPlane::open(store, secrets, vec![], settings, clock, nobody).await;
            let control = control.expect("a control plane");
            let org = control.create_organization("Fuzzed").await.expect("an organization").id;
            let owner = make_key(&control, org, Role::Owner, &[caller()]).await;
            let member = make_key(&control, org, Role::Member, &[]).await;
            let account = make_account(&control, org).await;
            (control, org, owner, member, account)
        });
        let digest = Digest::new(digest::Settings::default(), NonceKey::from_bytes([9; 32]));
        let bearer = Bearer::new(bearer::Settings { tokens_cached: 16 });
        let failures = Failures::new(failures::Settings::OFF);
        let authenticator = Arc::new(Authenticator::new(digest, bearer, failures));
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let off = rate::Settings::off();
        let router = admin::router(AdminState {
            settings: Arc::new(admin_settings()),
            control: Arc::clone(&control),
            authenticator: Arc::clone(&authenticator),
            clock: clock.clone(),
            request_ids: Arc::new(IdGenerator::new().expect("random bytes")),
            rate_limits: Arc::new(RateLimits::new(&off, &clock, Arc::clone(&metrics))),
            metrics,
            entries_per_list: ENTRIES,
        });
        let pair = Pair {
            public: owner.key.public_key.to_string(),
            private: owner.private_key.expose_secret().to_owned(),
        };
        let (owner, member) = (owner.key.id, member.key.id);
        Self {
            org,
            owner,
            member,
            account,
            pair,
            router,
            authenticator,
            clock,
            runtime,
            control,
            _directory: directory,
        }
    }

    /// The snapshot in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.control.snapshot()
    }

    /// Sends a request with the owner's credential, unless `headers` has one.
    pub fn call(
        &self,
        method: &Method,
        target: &Uri,
        mut headers: HeaderMap,
        body: &[u8],
    ) -> Heard {
        if !headers.contains_key(AUTHORIZATION) {
            headers.insert(AUTHORIZATION, self.authorization(method, target));
        }
        self.send(method, target, headers, body)
    }

    /// Sends a request as it is.
    pub fn send(&self, method: &Method, target: &Uri, headers: HeaderMap, body: &[u8]) -> Heard {
        let mut request = Request::new(Body::from(body.to_vec()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = target.clone();
        *request.headers_mut() = headers;
        let headers = request.headers_mut();
        headers.entry(HOST).or_insert(HeaderValue::from_static("gateway.example:8081"));
        request.extensions_mut().insert(PeerAddr(SocketAddr::new(caller(), 40_000)));
        self.runtime.block_on(async {
            let Ok(response) = self.router.clone().oneshot(request).await;
            let (head, body) = response.into_parts();
            let body = body.collect().await.expect("the body is in memory").to_bytes().to_vec();
            Heard { status: head.status, headers: head.headers, body }
        })
    }

    fn authorization(&self, method: &Method, target: &Uri) -> HeaderValue {
        let schemes = [SchemeKind::Digest];
        let now = self.clock.now();
        let challenges =
            self.authenticator.challenges(&schemes, &identity::Refusal::NotPresented, now);
        let challenge = parameters(challenges[0].as_bytes()).expect("a challenge is well formed");
        let nonce = challenge.into_iter().find(|(name, _)| name == "nonce").expect("a nonce").1;
        let target = target.path_and_query().map_or("", |target| target.as_str());
        let header = self.pair.authorization(&Answer {
            algorithm: b"MD5",
            method: method.as_str(),
            target,
            nonce: &nonce,
            nc: b"00000001",
            cnonce: b"fuzz",
        });
        HeaderValue::from_bytes(&header.expect("MD5 is known")).expect("a target is visible")
    }

    /// An access token of the account.
    pub fn token(&self) -> String {
        let issued = self.control.issue_token(self.account.id, self.account.secret_id);
        let grant = self.runtime.block_on(issued).expect("a token");
        let claims =
            Claims { account: grant.account, token: grant.token.into(), issued: grant.issued };
        token::encode(&claims, &grant.key).expect("signed").expose_secret().to_owned()
    }

    /// Checks what holds of every answer, and of the house after it. `before` is the snapshot that the call met.
    pub fn check(&self, method: &Method, target: &Uri, heard: &Heard, before: &Snapshot) {
        let status = heard.status.as_u16();
        assert!(!heard.status.is_server_error(), "{heard:?}");
        let text = String::from_utf8(heard.body.clone()).expect("answers are text");
        assert!(!text.contains(&self.pair.private), "a private key is shown once");
        assert!(!text.contains(&self.account.secret), "and so is a secret");
        let is_oauth = ["/api/oauth/token", "/api/oauth/revoke"]
            .contains(&target.path().strip_suffix('/').unwrap_or(target.path()));
        let is_yaml =
            heard.headers.get(CONTENT_TYPE).is_some_and(|name| name == "application/yaml");
        if heard.status == StatusCode::NO_CONTENT || method == Method::HEAD {
            assert!(text.is_empty());
        } else if is_oauth {
            check_oauth(heard, &text);
        } else if is_yaml {
            assert!(text.starts_with("openapi:"));
        } else {
            let json: Value = serde_json::from_str(&text).expect("answers are JSON");
            let is_json = |value: &HeaderValue| value.to_str().is_ok_and(|v| v.contains("json"));
            assert!(heard.headers.get(CONTENT_TYPE).is_some_and(is_json));
            if status >= 400 {
                assert_eq!(json["error"], status);
                assert_eq!(
                    json["errorCode"],
                    heard.headers["x-error-code"].to_str().expect("a code")
                );
            }
        }
        let after = self.snapshot();
        let is_change = heard.status.is_success() && !method.is_safe();
        assert!(is_change || after.revision == before.revision, "{method} changed something");
        self.is_in_order(&after);
    }

    /// Checks that the owner could call again, and that every list keeps to its limit.
    fn is_in_order(&self, now: &Snapshot) {
        let owner = now.credentials.key(self.org, self.owner).expect("the last owner stays");
        assert!(owner.roles.contains(Role::Owner));
        let list = now.lists.find(self.owner).expect("the caller's list stays");
        let caller = ClientIp::from(caller());
        assert!(list.longest_live(caller, self.clock.now()).is_some(), "the caller stays listed");
        for account in now.credentials.accounts_of(self.org) {
            assert!(now.lists.find(account.id).is_none_or(|list| list.entries().len() <= ENTRIES));
            assert!(!account.roles.is_empty() && account.secrets.len() <= 2);
            assert!((1..=64).contains(&account.name.chars().count()));
            assert!((1..=250).contains(&account.description.chars().count()));
        }
        for key in now.credentials.keys_of(self.org) {
            assert!(now.lists.find(key.id).is_none_or(|list| list.entries().len() <= ENTRIES));
            assert!(!key.roles.is_empty());
            assert!((1..=250).contains(&key.description.chars().count()));
        }
    }

    /// Whether nothing was changed since the house was made.
    pub fn is_new(&self, first: &Snapshot) -> bool {
        self.snapshot().revision == first.revision
    }
}

impl Default for House {
    fn default() -> Self {
        Self::new()
    }
}

/// Checks what holds of every answer of the token endpoints.
fn check_oauth(heard: &Heard, text: &str) {
    if heard.status == StatusCode::OK && text.is_empty() {
        return;
    }
    assert_eq!(heard.headers[CACHE_CONTROL], "no-store");
    let json: Value = serde_json::from_str(text).expect("answers are JSON");
    if heard.status == StatusCode::OK {
        assert_eq!(json["token_type"], "Bearer");
    } else {
        assert!(json["error"].is_string() && json["error_description"].is_string(), "{json}");
        assert_eq!(heard.status == StatusCode::UNAUTHORIZED, json["error"] == "invalid_client");
    }
}

/// Entries that a list may hold here: few, so that the limit is met.
pub const ENTRIES: usize = 5;

fn caller() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

async fn make_key(control: &ControlPlane, org: OrgId, role: Role, listed: &[IpAddr]) -> CreatedKey {
    let entry = |ip: &IpAddr| NewEntry { prefix: Prefix::host((*ip).into()), spelling: None };
    let entries = listed.iter().map(entry).collect();
    let roles = [role].into_iter().collect();
    control.create_key(org, "made to be fuzzed", roles, entries).await.expect("a key")
}

async fn make_account(control: &ControlPlane, org: OrgId) -> Account {
    let new = NewAccount {
        name: "fuzzed".into(),
        description: "made to be fuzzed".into(),
        roles: [Role::Member].into_iter().collect(),
        secret_hours: Some(24),
    };
    let entries = vec![NewEntry { prefix: Prefix::host(caller().into()), spelling: None }];
    let made = control.create_account(org, new, entries).await.expect("an account");
    let secret = made.secret.expect("a secret").expose_secret().to_owned();
    Account { id: made.account.id, secret_id: made.account.secrets[0].id, secret }
}

fn admin_settings() -> admin::Settings {
    admin::Settings {
        listener: ListenerSettings {
            name: "admin".into(),
            listen: SocketAddr::new(caller(), 0),
            limits: ConnectionLimits::default(),
            proxy_protocol: None,
            tls: None,
        },
        client_ip: client_ip::Settings::default(),
        public_url: None,
        body_bytes: 2048,
    }
}
