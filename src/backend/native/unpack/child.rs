//! `kiln internal unpack`: one archive into one folder, in a process that gave
//! up everything else.

use super::archive::unpack;
use super::tree::{Limits, Tree, UnpackError};
use crate::backend::native::confined::{Confinement, obey, say};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, chown};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Where the tree is made, below the order's folder.
pub(super) const TREE: &str = "tree";
/// Between two lines that say it goes on.
const PROGRESS: Duration = Duration::from_secs(1);

/// What the child is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub archive: PathBuf,
    pub folder: PathBuf,
    pub limits: Limits,
    pub confinement: Confinement,
}

/// What it says, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    Progress {
        bytes: u64,
    },
    Unpacked {
        entries: u64,
        bytes: u64,
        /// A single top folder is only a wrapping.
        strip: bool,
    },
    /// The archive is no archive, or one that must not be unpacked.
    Refused {
        message: String,
    },
    /// The disk failed.
    Host {
        message: String,
    },
    /// This host could not set the child up.
    Broken {
        message: String,
    },
}

/// An order on standard input, lines on standard output.
pub fn internal_main() -> ExitCode {
    obey(run, |message| Said::Broken { message })
}

fn run(order: Order) -> Result<Said, String> {
    umask(Mode::from_bits_truncate(0o022));
    let path = &order.archive;
    let failed = |error: std::io::Error| format!("open {}: {error}", path.display());
    let mut archive = File::open(path).map_err(failed)?;
    let tree = order.folder.join(TREE);
    let folder = make(&tree, order.confinement.user)
        .map_err(|error| format!("make {}: {error}", tree.display()))?;
    order
        .confinement
        .enter()
        .map_err(|error| error.to_string())?;
    let mut told = Instant::now();
    let mut progress = |bytes| {
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            let _ = say(&Said::Progress { bytes }); // nobody is left to be told
        }
    };
    let mut tree = Tree::new(folder, order.limits, &mut progress);
    Ok(match unpack(&mut archive, &mut tree) {
        Ok(format) => Said::Unpacked {
            entries: tree.entries(),
            bytes: tree.bytes(),
            strip: format.is_wrapped(),
        },
        Err(error @ UnpackError::Write { .. }) => Said::Host {
            message: error.to_string(),
        },
        Err(error) => Said::Refused {
            message: error.to_string(),
        },
    })
}

/// The folder, opened while its way can still be walked.
fn make(tree: &Path, user: Option<u32>) -> Result<OwnedFd, nix::Error> {
    nix::unistd::mkdir(tree, Mode::S_IRWXU)?;
    if let Some(user) = user {
        chown(tree, Some(Uid::from_raw(user)), Some(Gid::from_raw(user)))?;
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    open(tree, flags, Mode::empty())
}
