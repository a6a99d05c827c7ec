//! Portcullis lets a request through only when its credential is good and its address is on that credential's access list.
//!
//! This page is the map. Two lines run through the program, and they meet in one place:
//!
//! ```text
//! downstream ─ listener ─ client address ─ route ─ identity ─ access ─ forward ─ upstream
//!                                                     │          │
//!                                                     └ Snapshot ┘   one load per request
//!                                                          ▲
//! admin API ─ control plane ─ store (commit) ─ publish ────┘
//! ```
//!
//! # A request's life
//!
//! Follow one by opening the files in the order in which it passes them.
//!
//! | step | where | what may end it |
//! |---|---|---|
//! | accepted | [`net::listener`], [`net::connection`], [`net::tls`] | too many connections, no TLS, a slow or broken head |
//! | a worker's thread takes it | [`worker`], [`proxy::edge`] | |
//! | whose address | [`net::client_ip`] | 400: a trusted proxy's header that can't be read |
//! | which route | [`net::authority`], [`proxy::path`], [`proxy::route`] | 400, 404, 405, 421 |
//! | who | [`identity`], [`identity::digest`], [`identity::bearer`] | 401; 429 after too many |
//! | from where | [`access`]: [`admit`](access::admit) gives the [`Permit`](access::Permit) and counts | 403 |
//! | onward | `proxy::forward`, [`proxy::headers`], [`proxy::upstream`] | 502, 504 |
//!
//! [`proxy::Proxy::handle`] is these steps on one screen; [`proxy::rejection`] names every way to end early.
//!
//! # A change's life
//!
//! [`admin`] reads and authorises → [`control`] validates → [`store`] commits, durably → [`snapshot`] is published → the answer. So
//! after the answer the next request is judged by the new list. [`local`] is the operator's way to [`control`], without a credential.
//!
//! # What always holds
//!
//! - No request is forwarded without a permit, and only [`access`] makes one.
//! - A worker takes no lock, and does no disk or store I/O, on a request's way.
//! - What was acknowledged is stored; what is stored is in force.
//! - Counters live in cells that outlive snapshots: publishing loses none.
//! - Imports point one way: `app` → `admin` → `control` → `store`, `snapshot` → domain → vocabulary, and `app` → `proxy` →
//!   `snapshot`. A test reads the `use` lines.

// Vocabulary.
pub mod addr;
pub mod id;
pub mod private_file;
pub mod problem;
mod sync;
pub mod time;

// Domain.
pub mod access;
pub mod identity;
pub mod snapshot;

// Data plane.
pub mod net;
pub mod proxy;
pub mod worker;

// Control plane.
pub mod admin;
pub mod control;
pub mod keys;
pub mod local;
pub mod store;

// Across.
pub mod app;
pub mod command;
pub mod config;
pub mod telemetry;
