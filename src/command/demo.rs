//! `demo`: the whole program on one machine, with commands to paste.
//!
//! Everything is kept in one directory: the config, the database, the key file, `demo.env` for scripts and `netrc` for curl, so
//! that no command line shows the private key. Started again on the same directory, the demo goes on with what is stored.

mod echo;
mod files;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use miette::{IntoDiagnostic, WrapErr};
use secrecy::ExposeSecret;

use super::{DemoArguments, init, run::serve};
use crate::app::App;
use crate::config::Config;
use crate::telemetry;
use crate::time::Clock;
use files::Facts;

/// Starts everything, says what to try, and serves until Ctrl-C.
#[expect(clippy::print_stdout, reason = "the demo talks to a person at a terminal")]
pub(super) fn run(arguments: &DemoArguments) -> miette::Result<()> {
    files::make_directory(&arguments.dir)?;
    let echo =
        echo::start().into_diagnostic().wrap_err("the demo's upstream could not be started")?;
    let config_path = arguments.dir.join("portcullis.toml");
    let text = config_text(arguments, echo);
    files::write_private(&config_path, &text)?;
    let config = Config::load(&config_path, std::iter::empty())?;
    telemetry::init(&config.log).into_diagnostic()?;
    let is_new = !config.store_path.exists();
    let made = if is_new { Some(init::make(&config, "demo", &[])?) } else { None };
    let app = App::start(config, Clock::system()).into_diagnostic()?;
    let proxy = app.proxy_address("demo").unwrap_or(arguments.proxy_listen);
    let (proxy_url, admin_url) =
        (format!("http://{proxy}"), format!("http://{}", app.admin_address()));
    let facts = match &made {
        Some(made) => Facts {
            proxy_url,
            admin_url,
            org_id: made.organization.id.to_string(),
            api_key_id: made.key.id.to_string(),
            public_key: made.key.public_key.to_string(),
            private_key: made.private_key.clone(),
        },
        None => files::read_facts(&arguments.dir)?.at(proxy_url, admin_url),
    };
    files::write_facts(&arguments.dir, &facts)?;
    println!("{}", greeting(&arguments.dir, &facts, echo, is_new));
    serve(app)
}

fn config_text(arguments: &DemoArguments, echo: SocketAddr) -> String {
    format!(
        "\
# Written by `portcullis demo` at each start.
[listeners.demo]
listen = \"{proxy}\"

[admin]
listen = \"{admin}\"
insecure = {insecure}

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
        insecure = !arguments.admin_listen.ip().is_loopback(),
    )
}

fn greeting(dir: &Path, facts: &Facts, echo: SocketAddr, is_new: bool) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "Portcullis is running. Its files are in {}.\n", dir.display());
    let _ = writeln!(text, "  proxy          {}  (to an echo upstream on {echo})", facts.proxy_url);
    let _ = writeln!(text, "  admin, metrics {}", facts.admin_url);
    let _ = writeln!(text, "  organization   {}", facts.org_id);
    let _ = writeln!(text, "  API key        {}", facts.api_key_id);
    let _ = writeln!(text, "  public key     {}", facts.public_key);
    if is_new {
        let _ = writeln!(text, "  private key    {}", facts.private_key.expose_secret());
    } else {
        let _ = writeln!(
            text,
            "  private key    as printed at the first start; {} has it",
            dir.join("demo.env").display()
        );
    }
    let _ = writeln!(
        text,
        "\nThe key's access list holds 127.0.0.1 and ::1. Paste these into another terminal, in order:"
    );
    for (number, (what, command)) in commands(dir, facts).into_iter().enumerate() {
        let _ = writeln!(text, "\n# {}. {what}\n{command}", number + 1);
    }
    text.push_str("\nBelow is the access log, a line a request: what was decided, and why. Ctrl-C stops the demo.");
    text
}

/// What to paste, and what it does.
fn commands(dir: &Path, facts: &Facts) -> [(&'static str, String); 5] {
    let curl = format!("curl -sS --digest --netrc-file {}", shell_quoted(&files::netrc(dir)));
    let list = format!(
        "'{}/api/atlas/v2/orgs/{}/apiKeys/{}/accessList?pretty=true'",
        facts.admin_url, facts.org_id, facts.api_key_id
    );
    let accept = "-H 'Accept: application/vnd.atlas.2023-01-01+json'";
    let hello = format!("{}/hello", facts.proxy_url);
    [
        (
            "A request through the proxy. Allowed: the key is good, and 127.0.0.1 is on its list. The upstream shows what it got.",
            format!("{curl} {hello}"),
        ),
        (
            "Add an entry to the list over the API. The answer is the whole list.",
            format!(
                "{curl} {accept} -H 'Content-Type: application/json' -d '[{{\"ipAddress\":\"127.0.0.3\"}}]' {list}"
            ),
        ),
        (
            "The same request from 127.0.0.2, which is on no entry. Refused with 403. (From 127.0.0.3 it would pass now.)",
            format!("{curl} --interface 127.0.0.2 {hello}"),
        ),
        (
            "The list again: 127.0.0.1 with its count, its last use and its last address; 127.0.0.3 with a count of 0.",
            format!("{curl} {accept} {list}"),
        ),
        (
            "The metrics: how many requests were admitted, how many refused, and why.",
            format!(
                "curl -sS {}/metrics | grep '^portcullis_access_decisions_total{{.*route=\"demo\"'",
                facts.admin_url
            ),
        ),
    ]
}

/// The path as one word of a POSIX shell.
fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
