//! An upstream, a gateway and a client in three lines.
//!
//! Everything listens on a port of its own on 127.0.0.1; a client may speak from any address of 127/8. Nothing sleeps:
//! whoever has to wait reads from a socket, a pipe or a channel.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each program of tests takes what it needs"
)]

/// Tests by table: each line is a test, its name what it shows, its arguments for `$check`.
macro_rules! table {
    ($check:ident; $($name:ident($($argument:expr),* $(,)?);)*) => {
        $(
            #[test]
            fn $name() {
                $check($($argument),*);
            }
        )*
    };
}

pub(crate) mod account;
pub(crate) mod api;
pub(crate) mod client;
pub(crate) mod deployment;
pub(crate) mod described;
pub(crate) mod flag;
pub(crate) mod gateway;
pub(crate) mod h2;
pub(crate) mod http2;
pub(crate) mod program;
pub(crate) mod session;
pub(crate) mod tls;
pub(crate) mod upstream;

pub(crate) use account::Account;
pub(crate) use client::Client;
pub(crate) use deployment::Deployment;
pub(crate) use flag::Flag;
pub(crate) use gateway::{Gateway, Options};
pub(crate) use session::Session;
pub(crate) use upstream::Upstream;
