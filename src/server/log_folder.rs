//! A generation's logs on disk. Each attempt makes its folders anew, often with
//! files of the same names: a folder is held by its descriptor, so that its inode
//! cannot be used again and another one in its place is told from it.

use crate::state::packed_log::{PackedLog, SUFFIX};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What is made anew together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Evaluation,
    Steps,
}

/// One log there is.
#[derive(Debug)]
pub struct Found {
    pub part: Part,
    /// Start order; the evaluation is 0.
    pub order: u64,
    /// Empty: the evaluation.
    pub derivation: String,
    /// Leads through the held folder: never to another attempt's log.
    pub path: PathBuf,
    pub length: u64,
}

/// The folder `logs/<n>`, attempt after attempt. All of it blocks on the disk.
#[derive(Debug)]
pub struct LogFolder {
    path: PathBuf,
    whole: Option<Held>,
    steps: Option<Held>,
}

#[derive(Debug)]
struct Held {
    folder: File,
    inode: (u64, u64),
}

impl Held {
    fn open(path: &Path) -> Option<Held> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW);
        let folder = options.open(path).ok()?;
        let found = folder.metadata().ok()?;
        let inode = (found.dev(), found.ino());
        Some(Held { folder, inode })
    }

    fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.folder.as_raw_fd()).into()
    }
}

/// Holds what is at `path` now; whether what was held is no longer there.
fn renew(held: &mut Option<Held>, path: &Path) -> bool {
    let now = Held::open(path);
    let inode = |held: &Option<Held>| held.as_ref().map(|held| held.inode);
    if inode(held) == inode(&now) {
        return false;
    }
    std::mem::replace(held, now).is_some()
}

impl LogFolder {
    pub fn new(path: PathBuf) -> Self {
        LogFolder {
            path,
            whole: None,
            steps: None,
        }
    }

    /// Parts that were made anew since it was asked last: what was read of them is
    /// of an attempt that is over.
    pub fn made_anew(&mut self) -> Vec<Part> {
        let whole = renew(&mut self.whole, &self.path);
        let steps = renew(&mut self.steps, &self.path.join("steps"));
        let parts = [(whole, Part::Evaluation), (steps, Part::Steps)];
        let anew = parts.into_iter().filter(|(anew, _)| *anew);
        anew.map(|(_, part)| part).collect()
    }

    /// The logs in the folders held; what cannot be listed is not there yet.
    pub fn list(&self) -> Vec<Found> {
        let evaluation = self.whole.as_ref().and_then(|whole| {
            let path = whole.path().join("evaluation.log");
            let length = length(&path)?;
            Some(Found {
                part: Part::Evaluation,
                order: 0,
                derivation: String::new(),
                path,
                length,
            })
        });
        let steps = self.steps.as_ref();
        let entries = steps.and_then(|steps| fs::read_dir(steps.path()).ok());
        let entries = entries.into_iter().flatten().flatten();
        let paths: BTreeSet<PathBuf> = entries.map(|entry| plain(entry.path())).collect();
        let steps = paths.into_iter().filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            let (order, derivation) = parse_step(name)?;
            Some(Found {
                part: Part::Steps,
                order,
                derivation: derivation.to_owned(),
                length: length(&path)?,
                path,
            })
        });
        evaluation.into_iter().chain(steps).collect()
    }
}

/// A log is known by its plain name, packed or not: it may be packed while it
/// is read.
fn plain(path: PathBuf) -> PathBuf {
    let name = path.to_str().and_then(|name| name.strip_suffix(SUFFIX));
    name.map_or_else(|| path.clone(), PathBuf::from)
}

/// Bytes of a log's text.
fn length(path: &Path) -> Option<u64> {
    match fs::symlink_metadata(path) {
        Ok(found) => Some(found.len()),
        Err(_) => Some(PackedLog::open(path).ok()?.length()),
    }
}

/// `0003-hello.log` is the third step that started, `hello`.
fn parse_step(name: &str) -> Option<(u64, &str)> {
    let (order, derivation) = name.strip_suffix(".log")?.split_once('-')?;
    Some((order.parse().ok()?, derivation))
}

/// At most `most` bytes from `position` on; none of a log that left with its attempt.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read_at(path: &Path, position: u64, most: u64) -> io::Result<Vec<u8>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return read_packed(path, position, most);
        }
        file => file?,
    };
    let mut data = vec![0; usize::try_from(most).unwrap_or(0)];
    let mut length = 0;
    while length < data.len() {
        match file.read_at(&mut data[length..], position + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    data.truncate(length);
    Ok(data)
}

fn read_packed(path: &Path, position: u64, most: u64) -> io::Result<Vec<u8>> {
    match PackedLog::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        packed => packed?.read_at(position, usize::try_from(most).unwrap_or(usize::MAX)),
    }
}
