//! The command line: what an operator types, and what is printed back.

mod access_list;
mod advice;
mod complaint;
mod demo;
mod init;
mod key;
mod openapi;
mod operator;
mod org;
mod run;
mod service_account;
mod signing_key;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::addr::Prefix;
use crate::config::{Config, VARIABLE_PREFIX};
use crate::identity::text::is_organization_name;

/// Lets a request through only when its credential is good and its address is on that credential's access list.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show it at work: an upstream, the proxy and the admin API on this machine, with curl commands to paste
    Demo(DemoArguments),
    /// Make the key file, the database, an organization and its owner key, whose private half is shown once
    Init(InitArguments),
    /// Serve, until SIGTERM or Ctrl-C; requests in flight are finished first. The config is read once
    Run(ConfigArguments),
    /// Check a config file and list everything that is wrong with it; exits with 1 if anything is. Certificates are
    /// read; ports and other files are not tried
    Check(ConfigArguments),
    /// Print the admin API's OpenAPI document as YAML, as it is with the defaults
    Openapi(OpenapiArguments),
    /// Make, list and rename organizations
    #[command(subcommand, after_help = OPERATOR_HELP)]
    Org(org::OrgCommand),
    /// Make, list and delete API keys
    #[command(subcommand, after_help = OPERATOR_HELP)]
    Key(key::KeyCommand),
    /// Make, list and delete service accounts and their secrets
    #[command(subcommand, after_help = OPERATOR_HELP)]
    ServiceAccount(service_account::ServiceAccountCommand),
    /// Change from where a credential may be used: the way back in for who has locked themselves out
    #[command(subcommand, after_help = OPERATOR_HELP)]
    AccessList(access_list::AccessListCommand),
    /// Replace the key that signs access tokens
    #[command(subcommand, after_help = OPERATOR_HELP)]
    SigningKey(signing_key::SigningKeyCommand),
}

#[derive(Args, Debug)]
struct ConfigArguments {
    /// The config file
    #[arg(long, value_name = "FILE", default_value = "portcullis.toml")]
    config: PathBuf,
}

#[derive(Args, Debug)]
struct InitArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// A range or address from which the owner key may be used, beside 127.0.0.1 and ::1; may be repeated
    #[arg(long, value_name = "CIDR", value_parser = parse_prefix)]
    allow: Vec<Prefix>,
    /// The organization's name
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = parse_name)]
    organization: String,
}

#[derive(Args, Debug)]
struct DemoArguments {
    /// Where the demo keeps its database, its key file and demo.env; a new, an empty or an earlier demo's directory
    #[arg(long, value_name = "DIR", default_value = "portcullis-demo")]
    dir: PathBuf,
    /// Where the proxy listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = parse_listen)]
    proxy_listen: std::net::SocketAddr,
    /// Where the admin API and the metrics listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8081", value_parser = parse_listen)]
    admin_listen: std::net::SocketAddr,
}

#[derive(Args, Debug)]
struct OpenapiArguments {
    /// As JSON instead
    #[arg(long)]
    json: bool,
}

/// Does what the process's arguments say.
pub fn run() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => run::check(&arguments),
        Command::Openapi(arguments) => openapi::run(&arguments),
        Command::Org(command) => org::run(command),
        Command::Key(command) => key::run(command),
        Command::ServiceAccount(command) => service_account::run(command),
        Command::AccessList(command) => access_list::run(command),
        Command::SigningKey(command) => signing_key::run(command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            complaint::complain(&report);
            ExitCode::FAILURE
        }
    }
}

/// Loads a config with what the environment overrides.
fn load(arguments: &ConfigArguments) -> miette::Result<Config> {
    let path = &arguments.config;
    Config::load(path, variables()?).map_err(|errors| advice::on_config(errors, path))
}

/// The environment. What is no text is passed over, unless it is meant for the config: dropping it would change what is served.
fn variables() -> miette::Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        let shown = name.to_string_lossy().into_owned();
        let is_ours = shown.to_ascii_uppercase().starts_with(VARIABLE_PREFIX);
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => variables.push((name, value)),
            _ if is_ours => return Err(miette!("environment variable {shown}: not UTF-8")),
            _ => {}
        }
    }
    Ok(variables)
}

/// Prints what a command has to say. A reader that has left is an error, and no panic.
fn say(text: &str) -> miette::Result<()> {
    let mut out = std::io::stdout().lock();
    let said = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    said.into_diagnostic().wrap_err("cannot write to standard output")
}

/// The text as one word of a POSIX shell.
fn shell_word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+:,@%".contains(&b);
    match !text.is_empty() && text.bytes().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

fn parse_prefix(text: &str) -> Result<Prefix, crate::addr::PrefixError> {
    Prefix::parse(text)
}

fn parse_listen(text: &str) -> Result<std::net::SocketAddr, &'static str> {
    text.parse().map_err(
        |_| "expected an IP address and a port, as in 127.0.0.1:8080; port 0 is any that is free",
    )
}

fn parse_name(text: &str) -> Result<String, &'static str> {
    match is_organization_name(text) {
        true => Ok(text.to_owned()),
        false => Err("expected 1 to 64 characters on one line, without spaces at the ends"),
    }
}

const OPERATOR_HELP: &str = "\
An operator's act: no credential is asked for. While Portcullis runs, it is done through the socket of `admin.socket`, which \
only root and the user that Portcullis runs as may open, and is in force at once; while it is stopped, on the database.";

const AFTER_HELP: &str = "\
A first look:       portcullis demo
A first deployment: portcullis init --config portcullis.toml --allow 10.0.0.0/8
                    portcullis run --config portcullis.toml

Each key of the config file is explained in config/portcullis.toml.
Any of them can be set in the environment: PORTCULLIS__ADMIN__LISTEN=127.0.0.1:9000.
The exit code is 0, 1 where a command failed, and 2 where it was not understood.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_word_is_quoted_where_it_must_be() {
        for (text, word) in [
            ("/var/lib/portcullis.toml", "/var/lib/portcullis.toml"),
            ("a dir", "'a dir'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }
}
