//! The command line: what an operator types, and what is printed back.

mod demo;
mod init;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::addr::Prefix;
use crate::config::Config;

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
    /// Make the key file, the database, an organization and its owner key
    Init(InitArguments),
    /// Serve, until SIGTERM or Ctrl-C
    Run(ConfigArguments),
    /// Check a config file and list everything that is wrong with it
    Check(ConfigArguments),
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
    #[arg(long, value_name = "NAME", default_value = "default")]
    organization: String,
}

#[derive(Args, Debug)]
struct DemoArguments {
    /// Where the demo keeps its database, its key file and demo.env
    #[arg(long, value_name = "DIR", default_value = "portcullis-demo")]
    dir: PathBuf,
    /// Where the proxy listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    proxy_listen: std::net::SocketAddr,
    /// Where the admin API and the metrics listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8081")]
    admin_listen: std::net::SocketAddr,
}

/// Does what the process's arguments say.
pub fn run() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => run::check(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            complain(&report);
            ExitCode::FAILURE
        }
    }
}

/// Loads a config with what the environment overrides.
fn load(arguments: &ConfigArguments) -> miette::Result<Config> {
    Ok(Config::load(&arguments.config, std::env::vars())?)
}

fn parse_prefix(text: &str) -> Result<Prefix, crate::addr::PrefixError> {
    Prefix::parse(text)
}

#[expect(
    clippy::print_stderr,
    reason = "this is where a person at a terminal is told what went wrong"
)]
fn complain(report: &miette::Report) {
    eprintln!("{report:?}");
}

const AFTER_HELP: &str = "\
A first look:       portcullis demo
A first deployment: portcullis init --config portcullis.toml --allow 10.0.0.0/8
                    portcullis run --config portcullis.toml

Each key of the config file is explained in config/portcullis.toml. Any of them can be set in the environment, as in
PORTCULLIS__ADMIN__LISTEN=127.0.0.1:9000.";
