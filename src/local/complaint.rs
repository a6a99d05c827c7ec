//! Why a command was not carried out, in words that go over the socket.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Refusal;

/// An error, its cause, and what can be done about it.
#[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Complaint {
    /// What went wrong.
    error: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<Box<Self>>,
    /// What can be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl Complaint {
    /// A complaint that says it all.
    pub fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), cause: None, help: None }
    }

    /// What can be done about it.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    fn of(error: &dyn Error) -> Self {
        let cause = error.source().map(|cause| Box::new(Self::of(cause)));
        Self { error: error.to_string(), cause, help: None }
    }
}

impl From<&Refusal> for Complaint {
    fn from(refusal: &Refusal) -> Self {
        Self { help: refusal.advice(), ..Self::of(refusal) }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

impl Error for Complaint {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}
