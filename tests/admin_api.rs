//! The admin API as its clients meet it, where the published contract does not say: through a real socket.

mod bodies;
mod documents;
mod entries;
mod keys;

use serde_json::{Value, json};

use crate::harness::api::*;
use crate::harness::client::{Answer, Credential};
use crate::harness::{Client, Gateway, Options};
