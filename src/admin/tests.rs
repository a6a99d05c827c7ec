//! The admin API through its router: real control plane, real digest, a store in memory.

mod calls;
mod order;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use axum::routing::get;
use http::header::{
    ACCEPT, ALLOW, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, WWW_AUTHENTICATE,
};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use md5::{Digest as _, Md5};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tower::ServiceExt as _;

use super::*;
use crate::addr::{PeerAddr, Prefix};
use crate::control::tests::memory_store::MemoryStore;
use crate::control::{self, ListOwner, NewEntry};
use crate::id::CredentialId;
use crate::identity::bearer::{self, Bearer};
use crate::identity::digest::{self, Digest, NonceKey};
use crate::identity::failures::{self, Failures};
use crate::identity::{Role, SecretKeys};
use crate::net::{ConnectionLimits, ListenerSettings};
use crate::problem::X_ERROR_CODE;
use crate::store::Store;
use crate::time::Timestamp;

const V2: &str = "/api/atlas/v2";
const VERSION: &str = "application/vnd.atlas.2023-01-01+json";
const LISTED: &str = "127.0.0.1";
const UNLISTED: &str = "127.0.0.2";

/// A gateway's admin API with one organization.
struct House {
    router: Router,
    state: AdminState,
    store: Arc<MemoryStore>,
    org: OrgId,
    owner: Key,
}

/// A key that the tests know both halves of.
#[derive(Clone)]
struct Key {
    id: CredentialId,
    public: String,
    private: String,
}

impl House {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut AdminState)) -> Self {
        let clock = Clock::manual(Timestamp::from_millis(1_785_000_000_000));
        let store = Arc::new(MemoryStore::default());
        let limits = control::Settings {
            keys_per_organization: 3,
            entries_per_list: 5,
            ..Default::default()
        };
        let shared = Arc::clone(&store) as Arc<dyn Store>;
        let control = ControlPlane::open(
            shared,
            SecretKeys::for_tests(),
            vec![],
            limits,
            clock.clone(),
            Arc::new(()),
        )
        .await
        .unwrap();
        let org = control.create_organization("Acme").await.unwrap().id;
        let digest = Digest::new(digest::Settings::default(), NonceKey::from_bytes([7; 32]));
        let metrics = Arc::new(Metrics::new().unwrap());
        let mut state = AdminState {
            settings: Arc::new(settings()),
            control,
            authenticator: Arc::new(Authenticator::new(
                digest,
                Bearer::new(bearer::Settings { tokens_cached: 16 }),
                Failures::new(failures::Settings::default()),
            )),
            request_ids: Arc::new(IdGenerator::new().unwrap()),
            rate_limits: Arc::new(RateLimits::new(
                &rate::Settings::default(),
                &clock,
                Arc::clone(&metrics),
            )),
            entries_per_list: 5,
            metrics,
            clock,
        };
        change(&mut state);
        let owner = make_key(&state, org, Role::Owner, &[LISTED]).await;
        Self { router: router(state.clone()), state, store, org, owner }
    }

    async fn key(&self, role: Role, listed: &[&str]) -> Key {
        make_key(&self.state, self.org, role, listed).await
    }

    /// The path of the owner's organization under the current prefix.
    fn org_path(&self) -> String {
        format!("{V2}/orgs/{}", self.org)
    }

    fn list_path(&self, key: &Key) -> String {
        format!("{}/apiKeys/{}/accessList", self.org_path(), key.id)
    }

    /// A call of the owner's, from an address on its list, of the version that there is.
    async fn call(&self, method: &str, target: &str, body: impl Into<Body>) -> Heard {
        self.send(
            Sent::new(method, target).by(&self.owner).with(ACCEPT.as_str(), VERSION).body(body),
        )
        .await
    }

    async fn get(&self, target: &str) -> Heard {
        self.call("GET", target, Body::empty()).await
    }

    async fn send(&self, mut sent: Sent) -> Heard {
        if let Some(key) = sent.key.take() {
            let nonce = self.nonce().await;
            let answer = authorization(&key, sent.request.method(), sent.request.uri(), &nonce);
            sent.request.headers_mut().insert(AUTHORIZATION, answer.parse().unwrap());
        }
        let response = self.router.clone().oneshot(sent.request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Heard {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// A nonce, got as clients get one: by asking without a credential.
    async fn nonce(&self) -> String {
        let asked = Sent::new("GET", "/api/atlas/v2/orgs").request;
        let response = self.router.clone().oneshot(asked).await.unwrap();
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        challenge.split_once("nonce=\"").unwrap().1.split('"').next().unwrap().to_owned()
    }
}

/// A request to be sent.
struct Sent {
    request: Request,
    key: Option<Key>,
}

impl Sent {
    fn new(method: &str, target: &str) -> Self {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = target.parse().unwrap();
        request.headers_mut().insert(HOST, "gateway.example:8081".parse().unwrap());
        Self { request, key: None }.from(LISTED)
    }

    fn by(mut self, key: &Key) -> Self {
        self.key = Some(key.clone());
        self
    }

    fn from(mut self, address: &str) -> Self {
        let peer = PeerAddr(SocketAddr::new(address.parse().unwrap(), 40_000));
        self.request.extensions_mut().insert(peer);
        self
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }
}

/// What came back.
#[derive(Debug)]
struct Heard {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks a refusal: status, header and body agree.
    #[track_caller]
    fn is(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers[X_ERROR_CODE], code, "{self:?}");
        assert_eq!(self.headers[CONTENT_TYPE], "application/json");
        let body = self.json();
        assert_eq!((&body["error"], &body["errorCode"]), (&json!(status), &json!(code)));
    }

    #[track_caller]
    fn is_ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }
}

async fn make_key(state: &AdminState, org: OrgId, role: Role, listed: &[&str]) -> Key {
    let entry = |text: &&str| NewEntry { prefix: Prefix::parse(text).unwrap(), spelling: None };
    let entries = listed.iter().map(entry).collect();
    let roles = [role].into_iter().collect();
    let made = state.control.create_key(org, "made by a test", roles, entries).await.unwrap();
    Key {
        id: made.key.id,
        public: made.key.public_key.to_string(),
        private: made.private_key.expose_secret().to_owned(),
    }
}

fn settings() -> Settings {
    Settings {
        listener: ListenerSettings {
            name: "admin".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            limits: ConnectionLimits::default(),
            proxy_protocol: None,
            tls: None,
        },
        client_ip: crate::net::client_ip::Settings::default(),
        public_url: None,
        body_bytes: 1024,
    }
}

fn authorization(key: &Key, method: &Method, uri: &http::Uri, nonce: &str) -> String {
    let hash = |text: String| {
        Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let Key { public, private, .. } = key;
    let realm = "MMS Public API";
    let ha1 = hash(format!("{public}:{realm}:{private}"));
    let ha2 = hash(format!("{method}:{uri}"));
    let response = hash(format!("{ha1}:{nonce}:00000001:cnonce:auth:{ha2}"));
    format!(
        "Digest username=\"{public}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm=MD5, \
         response=\"{response}\", qop=auth, nc=00000001, cnonce=\"cnonce\""
    )
}
