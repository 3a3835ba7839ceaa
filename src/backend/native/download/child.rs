//! `kiln internal download`: one request to one server, in a process that
//! gave up everything but its network and one open file.

use super::client::{self, Task};
use crate::backend::native::confined::{Confinement, obey, say};
use crate::model::Failure;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What the child is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub task: Task,
    pub file: PathBuf,
    pub confinement: Confinement,
}

/// What it says, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// To another URL, shown without its query.
    Redirected {
        to: String,
    },
    /// The body begins at byte `at` of the file, which has `total`.
    Began {
        at: u64,
        total: Option<u64>,
        /// By which the server knows this very file again.
        validator: Option<String>,
    },
    /// So much of the file is there, and it came fast enough.
    Progress {
        bytes: u64,
    },
    Done {
        bytes: u64,
    },
    Failed(Failure),
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
    // What needs the host's files is read while they can be.
    let roots = match crate::tls::authorities(None) {
        Ok(roots) => roots,
        Err(failure) => return Ok(Said::Failed(failure)),
    };
    let path = &order.file;
    let mut file = open(path).map_err(|error| format!("open {}: {error}", path.display()))?;
    order
        .confinement
        .enter()
        .map_err(|error| error.to_string())?;
    // A line that cannot be said has no reader: the parent is gone, and with
    // it soon this process.
    let mut tell = |said: Said| drop(say(&said));
    Ok(
        match client::download(&order.task, roots, &mut file, &mut tell) {
            Ok(bytes) => Said::Done { bytes },
            Err(failure) => Said::Failed(failure),
        },
    )
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(libc::O_NOFOLLOW).open(path)
}
