//! Portcullis lets a request through only when its credential is good and its address is on that credential's access list.

pub mod access;
pub mod addr;
pub mod admin;
pub mod config;
pub mod control;
pub mod id;
pub mod identity;
pub mod net;
pub mod problem;
pub mod proxy;
pub mod snapshot;
pub mod store;
mod sync;
pub mod telemetry;
pub mod time;
