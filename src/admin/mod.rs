//! The admin API: organizations, API keys and their access lists, as published clients know them.
//!
//! A call passes the checks in one order, which `AdminApi::answer` shows on one screen:
//!
//! | step | refused with |
//! |---|---|
//! | client address, authority | 400, 421 |
//! | route | 404, 405 |
//! | credentials | 401; 429 where too many from the address were refused |
//! | the credential's own access list | 403 |
//! | rate | 429 |
//! | organization | 404, the same for one that does not exist and one that is not the caller's |
//! | role | 403 |
//! | version | 406 |
//! | query, then the rest of the path | 400 |
//! | body | 415, 413, 408, 400 |
//! | existence, and what the control plane allows | 404, 400, 409 |
//!
//! Credentials come before the media type because a digest client's first request must get its challenge, and before
//! the body because that request has none yet.
//!
//! Invariants
//! - A change is judged by the snapshot in force when its turn comes: who lost a key, a role or an entry while sending, or
//!   while other changes were before it, changes nothing any more.
//! - Every answer is JSON with the published codes, the private half of a key is in one answer only, and what failed
//!   inside is told to the log alone.
//!
//! Beside this order stand the token endpoints (`oauth`), which have their own, and the document.
//!
//! Not here: what a change may do (`control`), the listener and its limits (`net`), metrics and health.

mod access_list;
mod api_key;
mod body;
mod caller;
pub mod document;
mod error;
mod input;
mod links;
mod oauth;
pub mod operations;
mod organization;
mod page;
mod percent;
mod query;
pub mod rate;
mod respond;
mod route;
pub mod server;
mod service_account;
mod system;
mod table;
mod text;
mod version;
mod wire;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt as _;
use http::request::Parts;
use serde_json::Value;
use tracing::Instrument as _;

use caller::Caller;
use document::{Document, Facts};
use error::{About, Failure, Rejection};
use links::Links;
use oauth::Endpoint;
use query::{Form, Query};
use rate::RateLimits;
use respond::{Answer, Success};
use route::{Alias, Route, RouteError};
use table::{Access, Operation, Row};
use version::Representation;

use crate::control::{CommandError, ControlPlane};
use crate::id::{IdGenerator, OrgId};
use crate::identity::{Authenticator, Role};
use crate::snapshot::Snapshot;
use crate::telemetry::metrics::Metrics;
use crate::time::Clock;

/// What the admin API is set to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The socket and its limits.
    pub listener: crate::net::ListenerSettings,
    /// Where a caller's address comes from.
    pub client_ip: crate::net::client_ip::Settings,
    /// Scheme and authority of links, such as `https://api.example.com`; none: those of the request.
    pub public_url: Option<Box<str>>,
    /// Bytes of a request body. Default 1 MiB.
    pub body_bytes: usize,
}

/// What the admin API works with.
#[derive(Clone)]
pub struct AdminState {
    /// What it is set to.
    pub settings: Arc<Settings>,
    /// Carries out the changes.
    pub control: Arc<ControlPlane>,
    /// Finds out who calls. The data plane's, so that a nonce is spent for both.
    pub authenticator: Arc<Authenticator>,
    /// Tells the time.
    pub clock: Clock,
    /// Names requests, for the log and for the answer.
    pub request_ids: Arc<IdGenerator>,
    /// How often callers may call.
    pub rate_limits: Arc<RateLimits>,
    /// Where the outcome of each authentication is counted.
    pub metrics: Arc<Metrics>,
    /// Entries that one body may hold: as many as the control plane allows on a list.
    pub entries_per_list: usize,
}

/// The admin API as a router, to be served by an accept loop of ours.
///
/// Each request must carry the other end of its connection as an extension of type [`PeerAddr`](crate::addr::PeerAddr);
/// without one it is refused with 500. One that came by TLS carries its [`Transport`](crate::net::tls::Transport) too.
///
/// Every path is answered, unknown ones with 404 in the API's shape, so a router that is merged in (`/metrics`,
/// `/healthz`, `/readyz`) brings routes and no fallback of its own. Those routes ask for no credential.
pub fn router(state: AdminState) -> Router {
    let api = AdminApi { document: Arc::default(), state };
    Router::new().fallback(move |request: Request| {
        let api = api.clone();
        async move { api.handle(request).await }
    })
}

#[derive(Clone)]
struct AdminApi {
    state: AdminState,
    /// Rendered when it is first asked for: few deployments' ever is, and a start need not wait for it.
    document: Arc<OnceLock<Document>>,
}

/// A call that has passed every check that needs neither its body nor the thing it names.
struct Call<'a> {
    api: &'a AdminApi,
    state: &'a AdminState,
    head: &'a Parts,
    role: Role,
    caller: Caller,
    links: Links,
    query: Query,
}

impl AdminApi {
    /// The API's own document, as it is for this deployment.
    fn document(&self) -> &Document {
        self.document.get_or_init(|| {
            Document::render(Facts {
                server: self.state.settings.public_url.as_deref().unwrap_or("/"),
                entries_per_list: self.state.entries_per_list,
            })
        })
    }

    /// Answers every request. A panic is a defect of ours; it ends in a 500 and leaves the connection to its other streams.
    async fn handle(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let request_id = self.state.request_ids.next(self.state.clock.now()).to_string();
        let mut response = match Endpoint::at(head.uri.path()) {
            Some(endpoint) => oauth::handle(endpoint, &self.state, &head, body, &request_id).await,
            None => self.handle_call(&head, body, &request_id).await,
        };
        respond::add_common_headers(response.headers_mut(), &request_id, &caller::scheme(&head));
        response
    }

    async fn handle_call(&self, head: &Parts, body: Body, request_id: &str) -> Response {
        let outcome = AssertUnwindSafe(self.answer(head, body, request_id)).catch_unwind().await;
        match outcome.unwrap_or(Err(Rejection::Panicked)) {
            Ok(success) => success.into_response(),
            Err(rejection) => {
                let problem = rejection.problem(head.uri.path());
                rejection.log(request_id, &head.method, &problem);
                let mut response = respond::refusal(&problem, Form::of_refusal(head.uri.query()));
                rejection.add_headers(response.headers_mut());
                response
            }
        }
    }

    /// The checks, in their order.
    async fn answer(
        &self,
        head: &Parts,
        body: Body,
        request_id: &str,
    ) -> Result<Success, Rejection> {
        let state = &self.state;
        let now = state.clock.now();
        let address = caller::address(state, head)?;
        let authority = caller::authority(head, now)?;
        let route = Route::find(&head.method, head.uri.path())?;
        let role = match route.row.access {
            Access::Role(role) => role,
            Access::Anyone => return self.answer_anyone(route.row),
            // Answered before, in its own shape.
            Access::Client => return Err(RouteError::NotFound.into()),
        };
        let caller = Caller::admit(state, head, address, &state.control.snapshot(), now)?;
        let allowance = caller.spend(&state.rate_limits, route.row.bucket)?;
        caller.enter(route.org())?;
        caller.require(role)?;
        let representation = representation(&route, head)?;
        let query = Query::parse(head.uri.query(), route.row.query)?;
        let form = query.form;
        let origin = match &state.settings.public_url {
            Some(url) => url.to_string(),
            None => format!("{}://{}", caller::scheme(head), authority.as_str()),
        };
        let links = Links::new(&origin, route.prefix(), route.list_name);
        let (principal, client) = (caller.principal.credential, caller.address);
        // A change is told in the operator's log with who made it, in the access log's words.
        let span = tracing::info_span!("caller", %principal, %client, request_id);
        let call = Call { api: self, state, head, role, caller, links, query };
        let answer = call.carry_out(&route, body).instrument(span).await?;
        Ok(Success { status: route.row.status, answer, representation, form, allowance })
    }

    /// The answer to an operation that asks nobody who they are.
    fn answer_anyone(&self, row: &Row) -> Result<Success, Rejection> {
        let answer = self.file(row.operation).ok_or(RouteError::NotFound)?;
        Ok(Success {
            status: row.status,
            answer,
            representation: Representation::Plain,
            form: Form::default(),
            allowance: None,
        })
    }

    /// The file that an operation shows, if it shows one.
    fn file(&self, operation: Operation) -> Option<Answer> {
        let (text, media_type) = match operation {
            Operation::ShowDocumentAsJson => (&self.document().json, Document::JSON),
            Operation::ShowDocumentAsYaml => (&self.document().yaml, Document::YAML),
            _ => return None,
        };
        Some(Answer::File { text: text.clone(), media_type })
    }
}

/// What the answer will call itself: the version that the client accepts, where there are versions.
fn representation(route: &Route<'_>, head: &Parts) -> Result<Representation, Rejection> {
    let published = route.row.versions;
    match (route.alias.is_some_and(Alias::is_versioned), published.first()) {
        (true, Some(&first)) => version::negotiate(&head.headers, published)
            .map(Representation::Versioned)
            .ok_or(Rejection::Version { first }),
        _ => Ok(Representation::Plain),
    }
}

impl Call<'_> {
    async fn carry_out(&self, route: &Route<'_>, body: Body) -> Result<Answer, Rejection> {
        match route.row.operation {
            Operation::ShowDocumentAsJson | Operation::ShowDocumentAsYaml => {
                self.api.file(route.row.operation).ok_or(RouteError::NotFound.into())
            }
            Operation::IssueToken | Operation::RevokeToken => Err(RouteError::NotFound.into()),
            Operation::ListOrganizations => Ok(organization::list(self)),
            Operation::ShowOrganization => Ok(organization::show(self)),
            Operation::ListKeys => Ok(api_key::list(self)),
            Operation::CreateKey => api_key::create(self, body).await,
            Operation::ShowKey => api_key::show(self, route.key()?),
            Operation::UpdateKey => api_key::update(self, route.key()?, body).await,
            Operation::DeleteKey => api_key::delete(self, route.key()?).await,
            Operation::ListEntries | Operation::ListAccountEntries => {
                access_list::list(self, route.owner()?)
            }
            Operation::AddEntries | Operation::AddAccountEntries => {
                access_list::add(self, route.owner()?, body).await
            }
            Operation::ShowEntry => access_list::show(self, route.owner()?, route.range()?),
            Operation::RemoveEntry | Operation::RemoveAccountEntry => {
                access_list::remove(self, route.owner()?, route.range()?).await
            }
            Operation::ShowSettings => Ok(organization::settings(self)),
            Operation::UpdateSettings => organization::update_settings(self, body).await,
            Operation::ListAccounts => Ok(service_account::list(self)),
            Operation::CreateAccount => service_account::create(self, body).await,
            Operation::ShowAccount => service_account::show(self, route.account()?),
            Operation::UpdateAccount => service_account::update(self, route.account()?, body).await,
            Operation::DeleteAccount => service_account::delete(self, route.account()?).await,
            Operation::CreateSecret => {
                service_account::create_secret(self, route.account()?, body).await
            }
            Operation::DeleteSecret => {
                service_account::delete_secret(self, route.account()?, route.secret()?).await
            }
            Operation::ShowSystem => system::show(self),
            Operation::ShowCallerAddress => Ok(system::address(self)),
        }
    }

    /// The organization that the call is in: the caller's.
    fn org(&self) -> OrgId {
        self.caller.organization.id
    }

    /// The snapshot in force now. Loaded anew where it is needed, so that a client that is slow to send holds none.
    fn snapshot(&self) -> Arc<Snapshot> {
        self.state.control.snapshot()
    }

    /// The body, once the caller has been found to be who may send it still.
    async fn read_json(&self, body: Body) -> Result<Value, Rejection> {
        let json =
            body::read_json(&self.head.headers, body, self.state.settings.body_bytes).await?;
        let now = self.state.clock.now();
        let author = self.caller.author(self.role);
        author
            .check(&self.snapshot(), now)
            .map_err(|error| self.failed(About::Organization(self.org()), error))?;
        Ok(json)
    }

    /// The control plane, for a command of the caller's, who is asked again for the right to it when its turn comes.
    fn control(&self) -> ControlPlane {
        self.state.control.on_behalf_of(self.caller.author(self.role))
    }

    fn failed(&self, about: About, source: CommandError) -> Rejection {
        let address = self.caller.address;
        Rejection::Command(Box::new(Failure { about, address, source }))
    }
}

#[cfg(test)]
#[cfg(not(portcullis_loom))]
// Apart from the line above, or clippy does not see that these are tests.
mod tests;
