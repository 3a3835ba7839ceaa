//! What the child gives up before it reads a repository that may be hostile.

use super::{EvalRequest, last_words};
use crate::process::privileges::{READ_ANYTHING, keep_capabilities};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::geteuid;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The kernel's own limits, then every right the evaluation does without.
/// Processor time may reach the wall-clock limit, and a little more: the
/// parent, which knows why, should be the first.
///
/// # Errors
/// When the kernel refuses.
pub fn confine(request: &EvalRequest) -> io::Result<()> {
    let reserved = request.memory.saturating_add(last_words::RESERVE);
    setrlimit(Resource::RLIMIT_AS, request.memory, reserved)?;
    let seconds = request.timeout.as_secs().saturating_add(5);
    setrlimit(Resource::RLIMIT_CPU, seconds, seconds)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?; // pipes, which it answers by, are no files
    nix::sys::prctl::set_no_new_privs()?;
    let kept: &[u32] = match geteuid().is_root() && all_mine(&request.repository) {
        true => &[],
        // Root in another user's work tree, whose objects only this right reaches;
        // an ordinary user has none to lose.
        false => &[READ_ANYTHING],
    };
    keep_capabilities(kept).map_err(io::Error::other)
}

/// No further process or thread; once all that are needed run.
///
/// # Errors
/// When the kernel refuses.
pub fn start_nothing() -> io::Result<()> {
    Ok(setrlimit(Resource::RLIMIT_NPROC, 0, 0)?)
}

/// Whether the caller owns the repository and whatever it borrows objects of.
fn all_mine(repository: &Path) -> bool {
    let borrowed = fs::read_to_string(repository.join("objects/info/alternates"));
    let borrowed = borrowed.unwrap_or_default();
    let folders = borrowed.lines().map(PathBuf::from);
    let mine =
        |folder: &Path| fs::metadata(folder).is_ok_and(|folder| folder.uid() == geteuid().as_raw());
    mine(repository) && folders.into_iter().all(|folder| mine(&folder))
}
