//! Is the index whole? Asked of a child process, since a damaged sled may
//! panic in its own threads, loop, or take the process down.

use super::StateError;
use super::index::Index;
use crate::process::{self, End, Spawn};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Exit code of the child for a host that is in the way, as opposed to damage.
const HOST: u8 = 3;
const TIMEOUT: Duration = Duration::from_secs(60);

/// Why the index at `path` cannot be used, `None` when it can.
///
/// # Errors
/// When the child cannot be started.
pub async fn damage(path: &Path) -> std::io::Result<Option<String>> {
    let request = path.to_string_lossy().into_owned().into_bytes();
    let mut child = Spawn::internal("check-index", request)?;
    child.timeout = Some(TIMEOUT);
    let mut said = Vec::new();
    let end = child
        .run(&CancellationToken::new(), |_, bytes| {
            said.extend_from_slice(bytes);
        })
        .await?;
    let said = String::from_utf8_lossy(&said);
    Ok(match end {
        End::Exited(status) if status.success() => None,
        End::Exited(status) if status.code() == Some(HOST.into()) => {
            return Err(std::io::Error::other(said.trim().to_owned()));
        }
        End::TimedOut => Some(format!(
            "reading it took longer than {} s",
            TIMEOUT.as_secs()
        )),
        End::Exited(_) => Some(
            said.lines()
                .next()
                .unwrap_or("reading it failed")
                .to_owned(),
        ),
        other => Some(format!(
            "{} ({other:?})",
            said.lines().next().unwrap_or("reading it failed")
        )),
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
    match Index::open_existing(&path).and_then(|index| index.read_all()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error @ StateError::Io { .. }) => {
            eprintln!("{error}");
            ExitCode::from(HOST)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
