//! The synchronization primitives that an interleaving model can take the place of.
//!
//! Code that the model examines takes its atomics from here. A normal build gets the standard library's;
//! under `--cfg portcullis_loom` loom's are used, which run a test through every order in which the
//! operations of its threads may happen.
//!
//! Not here: primitives of code that is not modelled, which imports the standard library's directly.

#[cfg(not(portcullis_loom))]
pub(crate) use std::{
    hint::spin_loop,
    sync::atomic::{AtomicI64, AtomicU64, Ordering, fence},
    thread::yield_now,
};

#[cfg(portcullis_loom)]
pub(crate) use loom::{
    hint::spin_loop,
    sync::atomic::{AtomicI64, AtomicU64, Ordering, fence},
    thread::yield_now,
};
