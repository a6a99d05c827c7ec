//! A client that keeps its connection and its nonce, as a busy program does.

use super::client::{Answer, Client, Credential, authorization};

/// One connection and one nonce, whose count grows with each request.
#[derive(Debug)]
pub(crate) struct Session {
    client: Client,
    credential: Credential,
    challenge: String,
    count: u32,
}

impl Session {
    /// Asks for a challenge, which is to serve every request from then on.
    pub(crate) fn open(mut client: Client, credential: &Credential) -> Self {
        let answer = client.get("/");
        assert_eq!(answer.status, 401, "the route authenticates");
        let challenge = answer.header("www-authenticate").expect("a challenge").to_owned();
        Self { client, credential: credential.clone(), challenge, count: 0 }
    }

    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.count += 1;
        let line = authorization(&self.credential, &self.challenge, "GET", target, self.count);
        self.client.request("GET", target, &[&line], b"")
    }
}
