//! Portcullis among the programs it is made to stand beside: curl, haproxy, nginx, openssl, promtool, as Debian ships them.
//!
//! Apart from the other tests, so that those need nothing but Rust and a C compiler. None of these is skipped: a peer that
//! is missing is a failure that names it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has told what it had to tell; clippy's own exemption leaves out what tests share"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod curl;
mod demo;
mod haproxy;
mod nginx;
mod promtool;
mod tls;
