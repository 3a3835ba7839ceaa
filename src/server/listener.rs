//! The Unix socket: appears under its name with mode and group already set,
//! never takes the name of one that lives, and is removed at the end.

use super::peer::Connection;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;
use tokio_stream::{Stream, StreamExt, wrappers::UnixListenerStream};
use tokio_util::sync::CancellationToken;

/// Bytes a socket's path may have (`sun_path` without its end).
const PATH_MAX: usize = 107;

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The kernel has no room for it.
    #[error("the socket path {0:?} has more than {PATH_MAX} bytes: choose a shorter one")]
    TooLong(PathBuf),
    /// Somebody answers there.
    #[error("another agent listens on {0:?}: end it first, or choose another socket")]
    InUse(PathBuf),
    /// It would overwrite something.
    #[error("{0:?} exists and is not a socket: remove it, or choose another path")]
    NotASocket(PathBuf),
    /// A system call failed.
    #[error("{attempted} {path:?} failed")]
    Io {
        attempted: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

/// A listening socket; dropping it removes it from the file system.
pub struct Listener {
    socket: UnixListener,
    name: Name,
}

/// The socket's name, removed at the end unless another agent took it over.
struct Name {
    path: PathBuf,
    inode: (u64, u64),
}

impl Drop for Name {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path).map(|found| (found.dev(), found.ino()));
        if found.is_ok_and(|found| found == self.inode) {
            let _ = fs::remove_file(&self.path); // a stale one is recognised at the next start
        }
    }
}

impl Listener {
    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.name.path
    }

    /// Connections as they come, each with its peer, until `end` fires; the name
    /// goes with the stream.
    pub(super) fn incoming(
        self,
        end: CancellationToken,
    ) -> impl Stream<Item = io::Result<Connection>> {
        let Listener { socket, name } = self;
        UnixListenerStream::new(socket).map(move |stream| {
            let _kept_until_the_end = &name;
            stream.map(|stream| Connection::new(stream, &end))
        })
    }
}

/// Binds `path`, replacing a stale socket. Must be called inside a runtime.
///
/// # Errors
/// When somebody listens there, something else has the name, or a call fails.
pub fn bind(path: &Path, mode: u32, group: Option<u32>) -> Result<Listener, BindError> {
    if path.as_os_str().len() > PATH_MAX {
        return Err(BindError::TooLong(path.to_owned()));
    }
    let parent = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(io_error("creating the folder", parent))?;
    clear_stale(path)?;
    let (socket, inode) = bind_privately(parent, path, mode, group)?;
    Ok(Listener {
        socket,
        name: Name {
            path: path.to_owned(),
            inode,
        },
    })
}

/// Binds in a folder nobody else can enter and moves the finished socket to its
/// name, so that it is never reachable with wrong permissions.
fn bind_privately(
    parent: &Path,
    path: &Path,
    mode: u32,
    group: Option<u32>,
) -> Result<(UnixListener, (u64, u64)), BindError> {
    let private = tempfile::Builder::new()
        .prefix(".kiln-")
        .tempdir_in(parent)
        .map_err(io_error("creating a folder in", parent))?;
    let folder = fs::File::open(private.path()).map_err(io_error("opening", private.path()))?;
    let made = private.path().join("s");
    // By descriptor, because the folder's own path may be too long for a socket.
    let short = format!("/proc/self/fd/{}/s", folder.as_raw_fd());
    let socket = UnixListener::bind(short).map_err(io_error("binding the socket", path))?;
    std::os::unix::fs::chown(&made, None, group).map_err(io_error("giving its group to", path))?;
    fs::set_permissions(&made, fs::Permissions::from_mode(mode))
        .map_err(io_error("setting the mode of", path))?;
    let inode = fs::symlink_metadata(&made)
        .map(|made| (made.dev(), made.ino()))
        .map_err(io_error("reading", path))?;
    fs::rename(&made, path).map_err(io_error("putting the socket at", path))?;
    Ok((socket, inode))
}

fn clear_stale(path: &Path) -> Result<(), BindError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("reading", path)(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(BindError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match connect_once(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(io_error("removing the stale socket", path))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A full backlog is an agent too: it lives, however badly.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(BindError::InUse(path.to_owned()))
        }
        Err(error) => Err(io_error("connecting to the socket that is there,", path)(
            error,
        )),
        Ok(()) => Err(BindError::InUse(path.to_owned())),
    }
}

/// Whether somebody listens on `socket`, however busy; never waits.
pub fn is_listening(socket: &Path) -> bool {
    match connect_once(socket) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

/// Whether somebody listens, without ever waiting for them.
fn connect_once(path: &Path) -> io::Result<()> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let probe = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    Ok(connect(probe.as_raw_fd(), &UnixAddr::new(path)?)?)
}

fn io_error(attempted: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BindError {
    let path = path.to_owned();
    move |source| BindError::Io {
        attempted,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_has_its_mode_from_the_first_moment_and_goes_with_the_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/kiln.sock");
        let listener = bind(&path, 0o600, None).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "no private folder is left"
        );
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_living_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kiln.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = bind(&path, 0o600, None).unwrap();
        assert!(matches!(bind(&path, 0o600, None), Err(BindError::InUse(_))));
        drop(first);
        bind(&path, 0o600, None).unwrap();
    }

    #[tokio::test]
    async fn something_that_is_no_socket_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(
            bind(&path, 0o600, None),
            Err(BindError::NotASocket(_))
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_listener_does_not_remove_the_socket_of_its_successor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kiln.sock");
        let first = bind(&path, 0o600, None).unwrap();
        fs::remove_file(&path).unwrap();
        let _second = bind(&path, 0o600, None).unwrap();
        drop(first);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_path_the_kernel_has_no_room_for_is_refused_by_name() {
        let path = Path::new("/tmp").join("x".repeat(120));
        assert!(matches!(
            bind(&path, 0o600, None),
            Err(BindError::TooLong(_))
        ));
    }
}
