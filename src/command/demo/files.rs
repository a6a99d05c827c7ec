//! The files of a demo: private ones, since they hold the key.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, WrapErr, miette};
use secrecy::{ExposeSecret, SecretString};

/// What a script needs to know of a demo.
pub(super) struct Facts {
    pub(super) proxy_url: String,
    pub(super) admin_url: String,
    pub(super) org_id: String,
    pub(super) api_key_id: String,
    pub(super) public_key: String,
    pub(super) private_key: SecretString,
}

impl Facts {
    /// The same credential, served elsewhere.
    pub(super) fn at(self, proxy_url: String, admin_url: String) -> Self {
        Self { proxy_url, admin_url, ..self }
    }
}

/// Makes the demo's directory, open to its owner only.
pub(super) fn make_directory(dir: &Path) -> miette::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.into_diagnostic().wrap_err_with(|| format!("cannot make the directory {}", dir.display()))
}

/// Writes a file that only its owner may read.
pub(super) fn write_private(path: &Path, text: &str) -> miette::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        File::set_permissions(&file, Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    };
    write().into_diagnostic().wrap_err_with(|| format!("cannot write {}", path.display()))
}

/// Where curl finds the key.
pub(super) fn netrc(dir: &Path) -> PathBuf {
    dir.join("netrc")
}

/// Writes `demo.env` and `netrc`.
pub(super) fn write_facts(dir: &Path, facts: &Facts) -> miette::Result<()> {
    let Facts { proxy_url, admin_url, org_id, api_key_id, public_key, private_key } = facts;
    let private_key = private_key.expose_secret();
    write_private(
        &dir.join(ENV),
        &format!(
            "PROXY_URL={proxy_url}\nADMIN_URL={admin_url}\nORG_ID={org_id}\nAPI_KEY_ID={api_key_id}\n\
             PUBLIC_KEY={public_key}\nPRIVATE_KEY={private_key}\n"
        ),
    )?;
    write_private(&netrc(dir), &format!("default login {public_key} password {private_key}\n"))
}

/// Reads `demo.env` back.
pub(super) fn read_facts(dir: &Path) -> miette::Result<Facts> {
    let path = dir.join(ENV);
    let text = std::fs::read_to_string(&path).into_diagnostic().wrap_err_with(|| {
        format!("{} has a database, but {} cannot be read", dir.display(), path.display())
    })?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(str::to_owned).ok_or_else(|| {
            miette!(
                help = "use another --dir, or move this one away",
                "{} has no line {name}=…",
                path.display()
            )
        })
    };
    Ok(Facts {
        proxy_url: value("PROXY_URL")?,
        admin_url: value("ADMIN_URL")?,
        org_id: value("ORG_ID")?,
        api_key_id: value("API_KEY_ID")?,
        public_key: value("PUBLIC_KEY")?,
        private_key: value("PRIVATE_KEY")?.into(),
    })
}

const ENV: &str = "demo.env";
