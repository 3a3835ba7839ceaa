//! A cache in a folder: what a web server then serves as it lies there.

use super::location::CacheError;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

/// A folder; made when the first file is put into it.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(super) fn new(path: &Path) -> Self {
        Directory { path: path.into() }
    }

    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, CacheError> {
        let place = self.place(name);
        match File::open(&place) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &place, error)),
        }
    }

    pub(super) fn has(&self, name: &str) -> Result<bool, CacheError> {
        let place = self.place(name);
        place
            .try_exists()
            .map_err(|error| failed("look at", &place, error))
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
