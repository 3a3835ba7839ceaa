//! Unpacking: the tree in an archive, whatever its bytes say it is.
//!
//! ```text
//! Unpack ──order, lifeline──▶ child (build user, read-only mounts) ──▶ scratch/tree
//!     ◀──answer, a line──────────┘  archive ▶ tar | zip | deb ▶ Tree (safe paths)
//! ```
//! In: an object that is a file, an empty folder. Out: a tree in that folder,
//! or why the archive is refused. What an archive says is believed in nothing:
//! names, links, sizes and counts are checked, and the child could write
//! nowhere else even if a check were missing.

mod archive;
mod child;
mod deb;
mod tarball;
mod tree;
mod zipfile;

pub use archive::{ReadSeek, unpack};
pub use child::internal_main;
pub use tree::{Limits, Tree, UnpackError};

use super::attempted;
use super::confined::Confinement;
use crate::backend::BackendError;
use crate::model::Failure;
use crate::process::{self, Spawn, Stream};
use child::{Order, Said};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Part of what an unpacked tree is known by: raised when the same archive
/// gives another tree.
pub const UNPACKER_VERSION: u32 = 1;

/// Bytes of address space of the child: the largest dictionaries in use fit.
const MEMORY: u64 = 2 << 30;
/// Files, folders and links one archive may have.
const ENTRIES: u64 = 1_000_000;
/// Lines of progress of the longest unpacking fit.
const OUTPUT_LIMIT: u64 = 16 << 20;

/// One archive to unpack.
pub(super) struct UnpackRequest {
    pub archive: PathBuf,
    /// An empty folder; `tree` is made in it.
    pub folder: PathBuf,
    /// Bytes the tree may have.
    pub size: u64,
    pub user: Option<u32>,
    pub timeout: Duration,
    pub silence: Duration,
}

/// How it ended; the child is gone.
#[derive(Debug)]
pub(super) enum Unpacked {
    /// The tree, a single top folder taken off where the format calls for it.
    Tree {
        path: PathBuf,
        entries: u64,
        bytes: u64,
    },
    Failed(Failure),
    TimedOut,
    Cancelled,
}

impl UnpackRequest {
    /// Runs the child to its end.
    ///
    /// # Errors
    /// When this host cannot run it.
    pub async fn run(self, cancel: &CancellationToken) -> Result<Unpacked, BackendError> {
        let order = Order {
            archive: self.archive,
            folder: self.folder.clone(),
            limits: Limits {
                bytes: self.size,
                entries: ENTRIES,
            },
            confinement: Confinement {
                user: self.user,
                memory: MEMORY,
                file_size: self.size,
            },
        };
        let json = serde_json::to_vec(&order).map_err(attempted("write the unpacker's order"))?;
        let mut child =
            Spawn::internal("unpack", json).map_err(attempted("find kiln's own program"))?;
        child.timeout = Some(self.timeout);
        child.silence = Some(self.silence);
        child.output_limit = Some(OUTPUT_LIMIT);
        let (mut said, mut stray) = (Vec::new(), Vec::new());
        let end = child
            .run(cancel, |stream, bytes| match stream {
                Stream::Stdout => said.extend_from_slice(bytes),
                Stream::Stderr => stray.extend_from_slice(bytes),
            })
            .await
            .map_err(attempted("run the unpacker's child"))?;
        ended(end, &said, &stray, &self.folder)
    }
}

fn ended(
    end: process::End,
    said: &[u8],
    stray: &[u8],
    folder: &Path,
) -> Result<Unpacked, BackendError> {
    let status = match end {
        process::End::Exited(status) => status,
        process::End::Cancelled => return Ok(Unpacked::Cancelled),
        process::End::TimedOut | process::End::Silent => return Ok(Unpacked::TimedOut),
        process::End::TooMuchOutput => {
            let failure = Failure::certain("unpacking printed too many lines");
            return Ok(Unpacked::Failed(failure));
        }
        process::End::Stuck { pid } => {
            let why = format!("process {pid} does not die");
            return Err(attempted("end the unpacker's child")(why));
        }
    };
    let last = said
        .split(|byte| *byte == b'\n')
        .rfind(|line| !line.is_empty());
    let last = last.and_then(|line| serde_json::from_slice(line).ok());
    Ok(match last {
        Some(Said::Unpacked { entries, bytes, strip }) => Unpacked::Tree {
            path: top(folder, strip).map_err(attempted("look at what was unpacked"))?,
            entries,
            bytes,
        },
        Some(Said::Refused { message }) => Unpacked::Failed(Failure::certain(message)),
        Some(Said::Host { message }) => Unpacked::Failed(
            Failure::transient(message).hint("check the space and the file system of the store"),
        ),
        Some(Said::Broken { message }) => {
            return Err(attempted("set up the unpacker's child")(message));
        }
        Some(Said::Progress { .. }) | None => Unpacked::Failed(
            Failure::certain(format!(
                "unpacking ended early ({status}): {}",
                String::from_utf8_lossy(stray).trim()
            ))
            .hint("it may have met its memory limit of 2 GiB: pack the archive with a smaller dictionary"),
        ),
    })
}

/// What counts of the tree: the one folder at its top, if that is all there is.
fn top(folder: &Path, strip: bool) -> std::io::Result<PathBuf> {
    let tree = folder.join(child::TREE);
    let mut entries = std::fs::read_dir(&tree)?;
    match (strip, entries.next().transpose()?, entries.next()) {
        (true, Some(only), None) if only.file_type()?.is_dir() => Ok(only.path()),
        _ => Ok(tree),
    }
}
