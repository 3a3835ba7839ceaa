//! Is the index whole? Asked of a child process, since a damaged sled may
//! panic in its own threads, loop, or take the process down.

use super::StateError;
use super::index::Index;
use crate::process::{self, End, Spawn};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const TIMEOUT: Duration = Duration::from_secs(60);

/// What the child found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It can be used, and this many bytes of it are live.
    Whole {
        live: u64,
    },
    Damaged(String),
    /// A newer kiln wrote it.
    Newer {
        found: u32,
    },
    /// The disk is in the way: full, or read-only.
    Refused(String),
}

/// Exit code of a child that met a newer schema, whose number it prints.
const NEWER: u8 = 3;
/// Exit code of a child that the disk is in the way of.
const REFUSED: u8 = 4;

/// Reads the index at `path` in a child.
///
/// # Errors
/// When the child cannot be started.
pub(super) async fn check(path: &Path) -> std::io::Result<Found> {
    let request = path.to_string_lossy().into_owned().into_bytes();
    let mut child = Spawn::internal("check-index", request)?;
    child.timeout = Some(TIMEOUT);
    child.output_limit = Some(64 << 10);
    let mut said = Vec::new();
    let end = child
        .run(&CancellationToken::new(), |_, bytes| {
            said.extend_from_slice(bytes);
        })
        .await?;
    let said = String::from_utf8_lossy(&said);
    let first = said.lines().next().unwrap_or_default();
    let code = match &end {
        End::Exited(status) => status.code(),
        _ => None,
    };
    Ok(match (end, code, first.parse::<u64>()) {
        (_, Some(0), Ok(live)) => Found::Whole { live },
        (_, Some(code), Ok(found)) if code == i32::from(NEWER) => Found::Newer {
            found: u32::try_from(found).unwrap_or(u32::MAX),
        },
        (_, Some(code), _) if code == i32::from(REFUSED) => Found::Refused(first.to_owned()),
        (End::TimedOut, _, _) => Found::Damaged(format!(
            "reading it took longer than {} s",
            TIMEOUT.as_secs()
        )),
        (_, Some(_), _) if !first.is_empty() => Found::Damaged(first.to_owned()),
        (end, _, _) => Found::Damaged(format!("reading it failed: {end:?}")),
    })
}

/// `kiln internal check-index`: reads the index named on standard input to its end.
pub fn internal_main() -> ExitCode {
    let path = match process::read_request() {
        Ok(path) => PathBuf::from(String::from_utf8_lossy(&path).into_owned()),
        Err(error) => {
            eprintln!("cannot read the request: {error}");
            return ExitCode::from(2);
        }
    };
    process::die_with_parent();
    // The message is printed once, below; sled's threads are not to add theirs.
    std::panic::set_hook(Box::new(|_| {}));
    match Index::open(&path).and_then(|index| index.read_all()) {
        Ok(live) => {
            eprintln!("{live}");
            ExitCode::SUCCESS
        }
        Err(StateError::Newer { found, .. }) => {
            eprintln!("{found}");
            ExitCode::from(NEWER)
        }
        Err(error @ StateError::Io { .. }) => {
            eprintln!("{error}");
            ExitCode::from(REFUSED)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
