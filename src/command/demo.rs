//! `demo`: the whole program on one machine, with commands to paste.
//!
//! Everything is kept in one directory: the config, the database, the key file, `demo.env` for scripts and `netrc` for curl, so
//! that no command line shows the private key. Started again on the same directory, the demo goes on with what is stored.

mod echo;
mod files;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use miette::{IntoDiagnostic, Report, WrapErr};
use secrecy::ExposeSecret;

use super::complaint::Advised;
use super::{DemoArguments, advice, init, run::Signals, say, shell_word};
use crate::app::{App, StartError};
use crate::config::Config;
use crate::local;
use crate::store::StoreError;
use crate::telemetry;
use crate::time::Clock;
use files::{Facts, MARK, Utf8Dir};

/// Starts everything, says what to try, and serves until Ctrl-C.
pub(super) fn run(arguments: &DemoArguments) -> miette::Result<()> {
    let dir = files::claim_directory(&arguments.dir)?;
    let echo =
        echo::start().into_diagnostic().wrap_err("the demo's upstream could not be started")?;
    files::write_private(&dir.config(), &config_text(arguments, &dir, echo))?;
    let config = Config::load(&dir.config(), std::iter::empty())?;
    telemetry::init(&config.log).into_diagnostic()?;
    let start = if config.store_path.exists() { Start::Again } else { Start::First };
    let facts = match start {
        Start::First => make(arguments, &config, &dir)?,
        Start::Again => files::read_facts(&dir)?,
    };
    let signals = Signals::listen()?;
    let app =
        App::start(config.clone(), Clock::system()).map_err(|error| refused(error, &config))?;
    let proxy = app.proxy_address(LISTENER).unwrap_or(arguments.proxy_listen);
    let facts = facts.at(url(proxy), url(app.admin_address()));
    files::write_facts(&dir, &facts)?;
    say(&greeting(&dir, &facts, echo, start))?;
    signals.serve(app)?;
    let again = format!(
        "\nStopped. Started again with the same --dir, the demo goes on with what is in {}.\n",
        dir.as_str()
    );
    // A terminal that was closed is no failure of the demo.
    let _ = say(&again);
    Ok(())
}

/// Whether there was a demo in the directory before.
#[derive(Clone, Copy)]
enum Start {
    First,
    Again,
}

/// Makes the database. The key is written down at once: a start that fails after this must not lose it.
fn make(arguments: &DemoArguments, config: &Config, dir: &Utf8Dir) -> miette::Result<Facts> {
    let made = init::make(config, "demo", &init::first_entries(&[]))?;
    let facts = Facts {
        proxy_url: url(arguments.proxy_listen),
        admin_url: url(arguments.admin_listen),
        org_id: made.organization.id.to_string(),
        api_key_id: made.key.id.to_string(),
        public_key: made.key.public_key.to_string(),
        private_key: made.private_key.clone(),
    };
    files::write_facts(dir, &facts)?;
    made.files.keep();
    Ok(facts)
}

/// A demo has no config to change: its addresses come from the command line.
fn refused(error: StartError, config: &Config) -> Report {
    match error {
        StartError::Bind(error) => {
            let advice = advice::for_bind(
                &error,
                "--proxy-listen or --admin-listen; port 0 is any that is free",
            );
            Advised::report(error, advice)
        }
        StartError::Store(error @ StoreError::InUse { .. }) => Advised::report(
            error,
            Some("another demo runs in this directory: stop that one, or choose another one with --dir".into()),
        ),
        other => advice::on_start(other, config),
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn config_text(arguments: &DemoArguments, dir: &Utf8Dir, echo: SocketAddr) -> String {
    // A demo starts wherever it is, if need be without the operator's socket.
    let has_room = dir.socket().as_os_str().len() <= local::MOST_PATH_BYTES;
    format!(
        "\
{MARK}
[listeners.{LISTENER}]
listen = \"{proxy}\"

[admin]
listen = \"{admin}\"
insecure = {insecure}
socket = \"{socket}\"

[store]
path = \"portcullis.db\"
key_file = \"portcullis.key\"

[upstreams.echo]
endpoint = \"{echo}\"

[routes.demo]
upstream = \"echo\"
organizations = [\"*\"]

[log]
access = \"stdout\"
level = \"warn\"
",
        proxy = arguments.proxy_listen,
        admin = arguments.admin_listen,
        socket = if has_room { files::SOCKET } else { "off" },
        insecure = !arguments.admin_listen.ip().is_loopback(),
    )
}

fn greeting(dir: &Utf8Dir, facts: &Facts, echo: SocketAddr, start: Start) -> String {
    let private_key = match start {
        Start::First => facts.private_key.expose_secret(),
        Start::Again => "shown at the first start; demo.env has it",
    };
    let env = format!("{}  as shell variables, for scripts", dir.env().display());
    let netrc = format!("{}  the key, for curl", dir.netrc().display());
    let mut text = String::from("Portcullis is running.\n\n");
    for (name, value) in [
        ("proxy", &*format!("{}  in front of an echo server on {echo}", facts.proxy_url)),
        ("admin API", &*format!("{}  with the metrics at /metrics", facts.admin_url)),
        ("organization", &facts.org_id),
        ("API key", &facts.api_key_id),
        ("public key", &facts.public_key),
        ("private key", private_key),
        ("all of this", &env),
        ("", &netrc),
    ] {
        let _ = writeln!(text, "  {name:<12}  {value}");
    }
    text.push_str(FIRST_WORDS);
    for (number, (what, command)) in commands(dir, facts).into_iter().enumerate() {
        let _ = writeln!(text, "\n# {}. {what}\n{command}", number + 1);
    }
    text.push_str(LAST_WORDS);
    text
}

/// What to paste, and what it does.
fn commands(dir: &Utf8Dir, facts: &Facts) -> [(&'static str, String); 5] {
    let curl = format!("curl -sS --digest --netrc-file {}", word(&dir.netrc()));
    let list = format!(
        "'{}/api/atlas/v2/orgs/{}/apiKeys/{}/accessList?pretty=true'",
        facts.admin_url, facts.org_id, facts.api_key_id
    );
    let accept = "-H 'Accept: application/vnd.atlas.2023-01-01+json'";
    let status = r"-w '\nstatus %{http_code}\n'";
    let hello = format!("{}/hello", facts.proxy_url);
    [
        (
            "A request through the proxy: 200. The key is good and 127.0.0.1 is on its list. The echo server shows what it got;
#    the x-portcullis headers tell it who was let in, and by which entry.",
            format!("{curl} {status} {hello}"),
        ),
        (
            "One more entry for the list, over the admin API. The answer is the whole list.",
            format!(
                "{curl} {accept} -H 'Content-Type: application/json' -d '[{{\"ipAddress\":\"127.0.0.3\"}}]' {list}"
            ),
        ),
        (
            "The first request again, but from 127.0.0.2, which is on no entry: 403, and why. (From 127.0.0.3 it would pass now.)",
            format!("{curl} {status} --interface 127.0.0.2 {hello}"),
        ),
        (
            "The list again: how often and when each entry let a request in, and from where. Calls of the admin API count as well;
#    the refused request counts nowhere.",
            format!("{curl} {accept} {list}"),
        ),
        (
            "The metrics: how many requests were let through, how many were refused, and why. (credential_missing: curl asks
#    without the key first, to be told how to sign.)",
            format!(
                "curl -sS {}/metrics | grep '^portcullis_access_decisions_total{{.*route=\"{LISTENER}\"}} [1-9]'",
                facts.admin_url
            ),
        ),
    ]
}

fn word(path: &Path) -> String {
    shell_word(&path.display().to_string())
}

/// The name of the demo's listener and of its route.
const LISTENER: &str = "demo";

const FIRST_WORDS: &str = "
The proxy lets a request through if it is signed with the key and comes from an address on the key's access list, which
began with 127.0.0.1 and ::1. Paste these commands into another terminal, in order:
";

const LAST_WORDS: &str = "
Below is the access log, one line a request: what was decided, and why. Ctrl-C stops the demo.
";
