//! The behaviours of Portcullis, told through its front door.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has told what it had to tell; clippy's own exemption leaves out what tests share"
)]

mod tidy;
mod configuration;
mod store_contract;
