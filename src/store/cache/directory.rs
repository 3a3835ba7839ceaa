//! A cache in a folder: what a web server then serves as it lies there.

use super::calls::Calls;
use super::location::{CacheError, TransportOptions};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder; made when the first file is put into it.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
    calls: Calls,
    /// A call that takes longer hangs.
    patience: Duration,
}

impl Directory {
    pub(super) fn new(path: &Path, options: TransportOptions) -> Self {
        Directory {
            path: path.into(),
            calls: options.calls,
            patience: options.silence,
        }
    }

    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, CacheError> {
        let place = self.place(name);
        match self.call(|| open(&place))? {
            Ok(Some(file)) => Ok(Some(Box::new(self.calls.reader(&self.path, file)))),
            Ok(None) => Err(CacheError::NoFile {
                what: place.display().to_string(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &place, error)),
        }
    }

    fn call<T>(&self, call: impl FnOnce() -> T) -> Result<T, CacheError> {
        let made = self.calls.make(&self.path, self.patience, call);
        made.map_err(|since| CacheError::Hangs {
            what: self.path.display().to_string(),
            seconds: since.as_secs(),
        })
    }

    pub(super) fn has(&self, name: &str) -> Result<bool, CacheError> {
        let place = self.place(name);
        let has = self.call(|| place.try_exists())?;
        has.map_err(|error| failed("look at", &place, error))
    }

    /// Written beside its place, made durable, and renamed there: a server or
    /// a crash never shows half of it.
    pub(super) fn put(&self, name: &str, content: &mut File) -> Result<(), CacheError> {
        let place = self.place(name);
        let folder = place.parent().unwrap_or(&self.path);
        fs::create_dir_all(folder).map_err(|error| failed("create", folder, error))?;
        let new = folder.join(format!(".new-{:016x}", fastrand::u64(..)));
        let written = write(&new, content).and_then(|()| fs::rename(&new, &place));
        if written.is_err() {
            let _ = fs::remove_file(&new); // what failed is told already
        }
        written.map_err(|error| failed("write", &place, error))?;
        let folder = File::open(folder).and_then(|folder| folder.sync_all());
        folder.map_err(|error| failed("make durable", &place, error))
    }
}

/// `None`: it is a pipe, a socket, a device or a folder, of which no end need come.
fn open(place: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let opened = options
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(place);
    match opened {
        Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => Ok(None), // a socket
        Err(error) => Err(error),
    }
}

fn write(new: &Path, content: &mut File) -> io::Result<()> {
    content.rewind()?;
    let mut file = File::create_new(new)?;
    io::copy(content, &mut file)?;
    file.sync_all()
}

fn failed(attempted: &'static str, path: &Path, source: io::Error) -> CacheError {
    CacheError::Io {
        attempted,
        what: path.display().to_string(),
        source,
    }
}
