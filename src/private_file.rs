//! Files that only their owner may read: made with mode 0600 whatever the umask, and never over an existing file.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Read and write for the owner, nothing for anybody else.
pub const OWNER_ONLY: u32 = 0o600;

/// Makes an empty file of mode 0600, open for writing.
///
/// # Errors
/// There is something of that name already (`AlreadyExists`), or the directory can't be written to.
pub fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
    // A umask may have taken bits of the owner's away.
    file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    Ok(file)
}

/// Makes the name of a new file durable. Its content has to be synced by itself.
///
/// # Errors
/// The directory can't be opened or synced.
pub fn sync_name(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

/// The directory that holds `path`; a bare name is in the current one.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_the_owner_s_alone_and_replaces_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let mode = create(&path).unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, OWNER_ONLY);
        assert_eq!(create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        sync_name(&path).unwrap();
    }

    #[test]
    fn a_bare_name_lies_in_the_current_directory() {
        for (path, directory) in [("a", "."), ("a/b", "a"), ("/a", "/"), ("./a", ".")] {
            assert_eq!(directory_of(Path::new(path)), Path::new(directory), "{path}");
        }
    }
}
