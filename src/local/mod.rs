//! The operator's way in: commands that need no credential and no list, over a socket that the operator alone can open.
//!
//! It is how organizations and first keys are made, and the way back in for who has locked themselves out. A command goes to the
//! node that runs ([`client`] → [`server`] → `run`), or, where none does, is run on the store by who would have sent it.
//!
//! Invariants
//! - Who may open the socket is the operator: the user that the program runs as, and root. The mode says so from the first instant
//!   that anybody could connect, and each peer's credentials are asked for besides, whatever the mode has become.
//! - A command goes through [`ControlPlane`](crate::control::ControlPlane) as a call of the admin API does, with the same bounds; it
//!   is answered once it is stored and in force.
//! - A private key or a secret leaves in the one [`Reply`] that makes it, and is shown by no `Debug`.
//! - What comes over the socket is bounded in size and time; nothing that is sent ends the program.
//!
//! Not here: what is typed and how replies look to a person (`command`).

pub mod client;
mod command;
mod complaint;
mod find;
pub mod input;
mod refusal;
mod reply;
mod run;
pub mod server;
mod socket;

use std::path::PathBuf;

pub use command::Command;
pub use complaint::Complaint;
pub use refusal::Refusal;
pub use reply::{
    Account, Entries, Entry, Key, Listed, NewKey, NewSecret, Organization, Removed, Reply, Secret,
    Shown, SigningKey,
};
pub use run::run;
pub use socket::{Bound, SocketError};

/// Where commands come in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The socket's path: [`MOST_PATH_BYTES`] at most.
    pub socket: PathBuf,
}

/// Bytes that the socket's path may have. A socket's address has 104 bytes on BSD and 108 on Linux, one of them NUL (`unix(4)`,
/// `unix(7)`), and the socket is bound under a name that is eight longer.
pub const MOST_PATH_BYTES: usize = 95;

/// What this program is, for a node and its operator's program to compare.
const VERSION: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));

/// Where a command is posted.
const PATH: &str = "/command";

/// Bytes of a command: 200 entries of the longest spelling have a tenth.
const COMMAND_BYTES: usize = 1 << 20;
