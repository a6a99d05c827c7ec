//! The admin API as its clients meet it, where the published contract does not say: through a real socket.

mod bodies;
mod callers;
mod entries;
mod input;
mod keys;
mod media_types;
mod order;
mod paths;
mod query;
mod routes;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::api::*;
use crate::harness::client::{Answer, Credential};
use crate::harness::{Client, Gateway, Options};
