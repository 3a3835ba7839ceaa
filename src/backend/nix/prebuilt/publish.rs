//! Brings a result into a cache, and then the record that names it: a host that
//! finds the record finds the result too.

use super::super::program::{NARINFO_ABSENT_TTL, NARINFO_PRESENT_TTL, Program, not_started};
use super::super::progress::Progress;
use super::super::{NixConfig, roots};
use super::record::Record;
use crate::backend::BackendError;
use crate::model::Failure;
use crate::process::End;
use crate::store::cache::{CacheError, Location, Transport, beyond_file_url};
use std::io::Write;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Why something cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    Nix(#[from] BackendError),
    #[error(
        "cannot publish to {to}: Nix cannot be told of a cache in a folder with {beyond:?} in its path"
    )]
    Path { to: String, beyond: char },
    #[error("nix copy to {to} failed: {}", .failure.message)]
    Copy { to: String, failure: Failure },
    #[error("writing the record failed: {0}")]
    Write(#[from] std::io::Error),
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Has Nix copy a result, with all it refers to, to a cache; Nix signs it with
/// the key in `key_file`. What is there already is not sent again.
///
/// # Errors
/// When Nix cannot be asked, or fails: why, in its words.
pub async fn copy(
    config: &NixConfig,
    out_path: &str,
    to: &Location,
    key_file: &Path,
    cancel: &CancellationToken,
) -> Result<(), PublishError> {
    let folder = match to {
        Location::Directory(path) => path.to_string_lossy(),
        Location::Http(_) => "".into(),
    };
    if let Some(beyond) = beyond_file_url(&folder) {
        let to = to.to_string();
        return Err(PublishError::Path { to, beyond });
    }
    let key = super::super::reference::percent(&key_file.to_string_lossy());
    let url = match to {
        Location::Directory(path) => format!("file://{}", path.display()),
        Location::Http(url) => url.clone(),
    };
    let url = format!("{url}?compression=zstd&secret-key={key}");
    let program = Program::new(config, "nix")
        .args(["copy", "--to", &url, out_path])
        // The cache is asked what it has now: it may have been emptied, and a host that
        // shares this home may have asked before it was filled.
        .option(NARINFO_ABSENT_TTL, "0")
        .option(NARINFO_PRESENT_TTL, "0");
    let mut progress = Progress::of_build(roots::unheard());
    let ran = program
        .run(cancel, |message| progress.hear(message))
        .await?;
    let failure = match ran.end {
        End::Exited(status) if status.success() => return Ok(()),
        End::Exited(status) => not_started(&ran.end, &progress.last_words())
            .or_else(|| progress.failure())
            .unwrap_or_else(|| Failure::certain(status.to_string())),
        End::Cancelled | End::TimedOut | End::Silent | End::TooMuchOutput | End::Stuck { .. } => {
            Failure::transient("it was ended before it was done")
        }
    };
    let to = to.to_string();
    Err(PublishError::Copy { to, failure })
}

/// Puts a signed record into a cache; where it lies there. Blocking.
///
/// # Errors
/// When the cache does not take it.
pub fn put(record: &Record, transport: &Transport) -> Result<String, PublishError> {
    let mut content = tempfile::tempfile()?;
    content.write_all(record.text().as_bytes())?;
    let file = record.question.file();
    transport.put(&file, &mut content)?;
    Ok(transport.called(&file))
}
