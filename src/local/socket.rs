//! Binding the socket: private before anybody could connect, never over one that is listened on, gone after a stop.
//!
//! It is bound under another name, given its mode, listened on, and only then renamed to the name where it is looked for, over what
//! a crashed process left there. From the question whether somebody listens there to the new name, the directory is locked: of
//! two programs that start at once, the second finds the first.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::Settings;
use crate::private_file::{self, OWNER_ONLY};

/// A socket that is listened on. Its file goes when this is dropped.
#[derive(Debug)]
pub struct Bound {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

impl Bound {
    /// Binds the socket, not blocking, with mode 0600.
    ///
    /// # Errors
    /// [`SocketError::InUse`], [`SocketError::NoSocket`], [`SocketError::Io`].
    pub fn bind(settings: &Settings) -> Result<Self, SocketError> {
        let path = &settings.socket;
        let (listener, mut file) = listen(path)?;
        let _turn = Turn::take(path)?;
        refuse_taken(path)?;
        fs::rename(&file.path, path).map_err(io_error(path, "can't be made"))?;
        path.clone_into(&mut file.path);
        Ok(Self { listener, file })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

/// Why the socket was not bound.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another program listens on it.
    #[error("socket {path} is in use by another process")]
    InUse {
        /// Which one.
        path: PathBuf,
    },
    /// Something else has its name.
    #[error("socket {path} can't be made: there is something else of that name")]
    NoSocket {
        /// Which one.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("socket {path} {action}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What failed.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// The name of a socket of ours. Removed when dropped, unless another socket has the name by now.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = |file: fs::Metadata| (file.dev(), file.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            // Should it stay, the next start finds that nobody listens on it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A socket beside `path`, of mode 0600 before it takes a connection.
fn listen(path: &Path) -> Result<(UnixListener, SocketFile), SocketError> {
    let failed = || io_error(path, "can't be made");
    let nameless = beside(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed())?;
    let address = SockAddr::unix(&nameless).map_err(failed())?;
    socket.bind(&address).map_err(failed())?;
    let made = fs::symlink_metadata(&nameless).map_err(failed())?;
    let file = SocketFile { path: nameless, identity: (made.dev(), made.ino()) };
    fs::set_permissions(&file.path, Permissions::from_mode(OWNER_ONLY)).map_err(failed())?;
    socket.set_nonblocking(true).map_err(failed())?;
    socket.listen(BACKLOG).map_err(failed())?;
    Ok((socket.into(), file))
}

/// Holds the directory of `path` while it is found out who has that name, and given to another.
struct Turn(File);

impl Turn {
    fn take(path: &Path) -> Result<Self, SocketError> {
        let failed = || io_error(path, "can't be made: its directory can't be locked");
        let directory = File::open(private_file::directory_of(path)).map_err(failed())?;
        for _ in 0..TRIES {
            match directory.try_lock() {
                Ok(()) => return Ok(Self(directory)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_TRIES),
                Err(TryLockError::Error(error)) => return Err(failed()(error)),
            }
        }
        Err(failed()(ErrorKind::TimedOut.into()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.0.unlock(); // Should it fail, closing the directory is all that is left.
    }
}

/// Finds that `path` is free, or a socket that nobody listens on.
fn refuse_taken(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error(path, "can't be examined")(error)),
        Ok(found) if !found.file_type().is_socket() => {
            Err(SocketError::NoSocket { path: path.to_owned() })
        }
        Ok(_) if is_listened_on(path)? => Err(SocketError::InUse { path: path.to_owned() }),
        Ok(_) => Ok(()),
    }
}

/// Whether a connection would be taken. Never waits.
fn is_listened_on(path: &Path) -> Result<bool, SocketError> {
    let connect = || -> io::Result<()> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    match connect().map_err(|error| (error.kind(), error)) {
        // As many connections wait for it as may.
        Ok(()) | Err((ErrorKind::WouldBlock, _)) => Ok(true),
        Err((ErrorKind::ConnectionRefused | ErrorKind::NotFound, _)) => Ok(false),
        Err((_, error)) => Err(io_error(path, "can't be asked whether it is in use")(error)),
    }
}

/// A name in the same directory that nothing has, eight bytes longer.
fn beside(path: &Path) -> Result<PathBuf, SocketError> {
    let mut random = [0_u8; 4];
    getrandom::fill(&mut random)
        .map_err(|error| io_error(path, "can't be given a name")(io::Error::other(error)))?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:07x}", u32::from_be_bytes(random) >> 4));
    Ok(name.into())
}

fn io_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> SocketError {
    move |source| SocketError::Io { path: path.to_owned(), action, source }
}

/// Connections that wait to be accepted: commands are few and short.
const BACKLOG: i32 = 64;

/// The lock is held for an instant; who has it for longer is no program of ours.
const TRIES: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

#[cfg(test)]
#[cfg(not(portcullis_loom))]
mod tests {
    use super::*;

    fn settings(directory: &tempfile::TempDir) -> Settings {
        Settings { socket: directory.path().join("p.sock") }
    }

    fn names(directory: &tempfile::TempDir) -> Vec<String> {
        let files = fs::read_dir(directory.path()).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_socket_is_its_owner_s_alone_and_goes_with_its_listener() {
        let directory = tempfile::tempdir().unwrap();
        let bound = Bound::bind(&settings(&directory)).unwrap();
        let mode = fs::symlink_metadata(bound.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, OWNER_ONLY);
        assert_eq!(names(&directory), ["p.sock"], "the name that it was bound under is gone");
        drop(bound);
        assert_eq!(names(&directory), [""; 0]);
    }

    #[test]
    fn one_that_is_listened_on_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let first = Bound::bind(&settings(&directory)).unwrap();
        let error = Bound::bind(&settings(&directory)).unwrap_err();
        assert!(matches!(error, SocketError::InUse { .. }), "{error}");
        assert_eq!(names(&directory), ["p.sock"]);
        assert!(is_listened_on(first.path()).unwrap());
    }

    #[test]
    fn one_that_a_crash_left_is_replaced_and_its_owner_does_not_take_the_new_one_away() {
        let directory = tempfile::tempdir().unwrap();
        let Bound { listener, file } = Bound::bind(&settings(&directory)).unwrap();
        drop(listener); // As the end of a process does, whatever it left undone.
        let second = Bound::bind(&settings(&directory)).unwrap();
        drop(file);
        assert_eq!(names(&directory), ["p.sock"]);
        assert!(is_listened_on(second.path()).unwrap());
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("p.sock"), "mine").unwrap();
        let error = Bound::bind(&settings(&directory)).unwrap_err();
        assert!(matches!(error, SocketError::NoSocket { .. }), "{error}");
        assert_eq!(fs::read(directory.path().join("p.sock")).unwrap(), b"mine");
        assert_eq!(names(&directory), ["p.sock"]);
    }

    #[test]
    fn of_many_that_bind_at_once_over_a_stale_one_one_has_it() {
        let directory = tempfile::tempdir().unwrap();
        let Bound { listener, file } = Bound::bind(&settings(&directory)).unwrap();
        drop(listener);
        let _file = file;
        let settings = settings(&directory);
        let bound: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Bound::bind(&settings))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(bound.iter().filter(|bound| bound.is_ok()).count(), 1, "{bound:?}");
        assert!(is_listened_on(&settings.socket).unwrap());
        assert_eq!(names(&directory), ["p.sock"]);
    }
}
