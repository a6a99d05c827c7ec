//! A service account as the program that uses it has it.

use portcullis::addr::Prefix;
use portcullis::control::{NewAccount, NewEntry};
use portcullis::identity::Role;
use secrecy::ExposeSecret as _;

use super::client::{Answer, Client};
use super::gateway::Gateway;

/// A client id and a secret.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) client_id: String,
    pub(crate) secret_id: String,
    pub(crate) secret: String,
}

impl Account {
    /// In the gateway's organization, with a secret for so many hours, let in from `allow`.
    pub(crate) fn for_hours(gateway: &Gateway, hours: u32, role: Role, allow: &[&str]) -> Self {
        let new = NewAccount {
            name: "robot".into(),
            description: "a test's".into(),
            roles: [role].into_iter().collect(),
            secret_hours: Some(hours),
        };
        let entry = |text: &&str| NewEntry { prefix: Prefix::parse(text).unwrap(), spelling: None };
        let entries = allow.iter().map(entry).collect();
        let made = gateway.control().create_account(gateway.org, new, entries);
        let made = gateway.block_on(made).unwrap();
        Self {
            client_id: made.account.client_id().to_string(),
            secret_id: made.account.secrets[0].id.to_string(),
            secret: made.secret.unwrap().expose_secret().to_owned(),
        }
    }

    /// The same, with a secret for a day.
    pub(crate) fn new(gateway: &Gateway, role: Role, allow: &[&str]) -> Self {
        Self::for_hours(gateway, 24, role, allow)
    }

    /// The form that asks for a token.
    pub(crate) fn form(&self) -> String {
        let Self { client_id, secret, .. } = self;
        format!("grant_type=client_credentials&client_id={client_id}&client_secret={secret}")
    }

    /// Asks for a token from 127.0.0.1.
    pub(crate) fn ask(&self, gateway: &Gateway) -> Answer {
        post_form(&mut Client::connect(gateway.admin()), "/api/oauth/token", &[], &self.form())
    }

    /// An access token.
    pub(crate) fn token(&self, gateway: &Gateway) -> String {
        let answer = self.ask(gateway);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
}

/// Sends a form, with header lines beside.
pub(crate) fn post_form(client: &mut Client, target: &str, lines: &[&str], form: &str) -> Answer {
    let mut headers = vec!["Content-Type: application/x-www-form-urlencoded"];
    headers.extend(lines);
    client.request("POST", target, &headers, form.as_bytes())
}

/// The header line that presents a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}
