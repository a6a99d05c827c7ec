//! The behaviours of Portcullis, told through its front door: real sockets, real store files, the real program.
//!
//! Each module is a behaviour; its tests' names are sentences about it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has told what it had to tell; clippy's own exemption leaves out what tests share"
)]

#[macro_use]
mod harness;

mod admin_api;
mod authentication;
mod bearer;
mod client_address;
mod configuration;
mod connections;
mod contract;
mod forwarding;
mod http2;
mod metrics;
mod oauth;
mod openapi;
mod pool;
mod program;
mod proxy_protocol;
mod publication;
mod rate_limits;
mod requests;
mod routing;
mod service_accounts;
mod settings;
mod smuggling;
mod stopping;
mod store_contract;
mod system_status;
mod tidy;
mod tls;
mod usage;
