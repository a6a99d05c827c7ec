//! An upstream, a gateway and a client in three lines.
//!
//! Everything listens on a port of its own on 127.0.0.1; a client may speak from any address of 127/8. Nothing sleeps:
//! whoever has to wait reads from a socket or a channel.

#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod client;
pub(crate) mod gateway;
pub(crate) mod h2;
pub(crate) mod upstream;

pub(crate) use client::Client;
pub(crate) use gateway::{Gateway, Options};
pub(crate) use upstream::Upstream;
