//! The files of a demo: private ones, since they hold the key.

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, WrapErr, miette};
use secrecy::{ExposeSecret, SecretString};

use crate::private_file;

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

/// The directory of a demo, by its absolute name, so that a command works wherever it is pasted. Made, open to its owner only,
/// where there is none. One that holds other things is refused: the demo writes over its files.
pub(super) fn claim_directory(dir: &Path) -> miette::Result<Utf8Dir> {
    let what = || format!("the demo cannot use the directory {}", dir.display());
    if !dir.is_dir() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.into_diagnostic().wrap_err_with(what)?;
    }
    let absolute = std::fs::canonicalize(dir).into_diagnostic().wrap_err_with(what)?;
    let is_empty =
        std::fs::read_dir(&absolute).into_diagnostic().wrap_err_with(what)?.next().is_none();
    let is_ours =
        std::fs::read(absolute.join(CONFIG)).is_ok_and(|text| text.starts_with(MARK.as_bytes()));
    match absolute.into_os_string().into_string() {
        Ok(absolute) if is_empty || is_ours => Ok(Utf8Dir(absolute)),
        Ok(absolute) => Err(miette!(
            help = "choose another one with --dir",
            "the directory {absolute} is neither empty nor an earlier demo's"
        )),
        Err(_) => Err(miette!(
            help = "choose another one with --dir",
            "the directory {} has a name that is no text",
            dir.display()
        )),
    }
}

/// A demo's directory.
#[derive(Debug)]
pub(super) struct Utf8Dir(String);

impl Utf8Dir {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn config(&self) -> PathBuf {
        self.file(CONFIG)
    }

    /// For scripts.
    pub(super) fn env(&self) -> PathBuf {
        self.file("demo.env")
    }

    /// Where curl finds the key.
    pub(super) fn netrc(&self) -> PathBuf {
        self.file("netrc")
    }

    /// Where the operator's commands come in, unless the path is too long for that.
    pub(super) fn socket(&self) -> PathBuf {
        self.file(SOCKET)
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(&self.0).join(name)
    }
}

/// Writes a file that only its owner may read: whole or not at all, since one of them holds the only copy of the key.
pub(super) fn write_private(path: &Path, text: &str) -> miette::Result<()> {
    let write = || {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".new");
        let unfinished = Path::new(&unfinished);
        match std::fs::remove_file(unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private_file::create(unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(unfinished, path)?;
        private_file::sync_name(path)
    };
    write().into_diagnostic().wrap_err_with(|| format!("cannot write {}", path.display()))
}

/// Writes `demo.env` and `netrc`.
pub(super) fn write_facts(dir: &Utf8Dir, facts: &Facts) -> miette::Result<()> {
    let Facts { proxy_url, admin_url, org_id, api_key_id, public_key, private_key } = facts;
    let private_key = private_key.expose_secret();
    write_private(
        &dir.env(),
        &format!(
            "PROXY_URL={proxy_url}\nADMIN_URL={admin_url}\nORG_ID={org_id}\nAPI_KEY_ID={api_key_id}\n\
             PUBLIC_KEY={public_key}\nPRIVATE_KEY={private_key}\n"
        ),
    )?;
    write_private(&dir.netrc(), &format!("default login {public_key} password {private_key}\n"))
}

/// Reads `demo.env` back.
pub(super) fn read_facts(dir: &Utf8Dir) -> miette::Result<Facts> {
    let path = dir.env();
    let text = std::fs::read_to_string(&path).map_err(|cause| {
        miette!(
            help =
                "the private key was in it: choose another --dir, or remove this one to start anew",
            "{} has a database, but demo.env in it cannot be read: {cause}",
            dir.as_str()
        )
    })?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(str::to_owned).ok_or_else(|| {
            miette!(
                help = "choose another --dir, or remove this one to start anew",
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

/// How the config of a demo begins.
pub(super) const MARK: &str = "# Written by `portcullis demo` at each start.\n";
const CONFIG: &str = "portcullis.toml";

/// The name of the socket for the operator's commands, with the dot that tells a path from a word.
pub(super) const SOCKET: &str = "portcullis.sock";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_holds_other_things_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("demo");
        let claimed = claim_directory(&dir).unwrap();
        write_private(&claimed.config(), MARK).unwrap();
        claim_directory(&dir).unwrap();
        std::fs::write(claimed.config(), "# mine\n").unwrap();
        assert!(claim_directory(&dir).unwrap_err().to_string().contains("neither empty nor"));
        assert!(claim_directory(&claimed.config()).is_err(), "a file is no directory");
    }

    #[test]
    fn a_file_is_replaced_whole_and_stays_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("secret");
        for text in ["a first and longer text", "a second"] {
            write_private(&path, text).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
