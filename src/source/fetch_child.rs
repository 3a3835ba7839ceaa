//! The child that fetches: everything a remote can say or send is met here,
//! with limited memory, in a process that can be killed at any moment.
//!
//! Only the tracked branches are asked for, each by its full name, no tags.
//! A tracking ref moves once its commit is there, and goes with its branch.

use super::fetch::{FetchAnswer, FetchRequest, Heads};
use super::location::{LocalRepository, Location, display_url, locate};
use super::{https, repository};
use crate::model::{BranchName, Failure, FailureKind};
use crate::process::{self, privileges};
use git2::{
    AutotagOption, ConfigLevel, Direction, ErrorClass, ErrorCode, FetchOptions, Oid,
    RemoteCallbacks, Repository,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes a file may have for each byte that may be received.
const FILES_TO_RECEIVED: u64 = 4;
/// Refs and the like fit whatever the limit is.
const FILE_MIN: u64 = 1 << 20;
/// Repositories that borrow objects from each other, one after the other.
const ALTERNATES_DEPTH: usize = 5;
/// Bytes of a list of them.
const ALTERNATES_SIZE: u64 = 1 << 20;

/// `kiln internal fetch`: a request on standard input, the answer on standard output.
pub fn internal_main() -> ExitCode {
    let request = process::read_request()
        .map_err(|error| error.to_string())
        .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
    let request: FetchRequest = match request {
        Ok(request) => request,
        Err(error) => return complain(&format!("cannot read the request to fetch: {error}")),
    };
    process::die_with_parent();
    if let Err(error) = confine(&request) {
        return complain(&format!("cannot limit the fetching process: {error}"));
    }
    let answer = match fetch(&request) {
        Ok(heads) => FetchAnswer::Fetched(heads),
        Err(failure) => FetchAnswer::Failed(failure),
    };
    let written = serde_json::to_vec(&answer)
        .map_err(std::io::Error::other)
        .and_then(|bytes| std::io::stdout().write_all(&bytes));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("cannot write the answer: {error}")),
    }
}

fn complain(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{message}"); // nobody is left to be told
    ExitCode::FAILURE
}

/// Memory is limited, no core file may hold a token, no configuration but the
/// repository's own is read, and owners are checked by kiln.
fn confine(request: &FetchRequest) -> Result<(), Box<dyn std::error::Error>> {
    let memory = request.memory;
    // Root still reads the repositories of those it trusts, and does no more.
    privileges::keep_capabilities(&[privileges::READ_ANYTHING])?;
    nix::sys::prctl::set_no_new_privs()?;
    limit_files(request.bytes)?;
    setrlimit(Resource::RLIMIT_AS, memory, memory)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    repository::accept_any_owner();
    for level in [
        ConfigLevel::ProgramData,
        ConfigLevel::System,
        ConfigLevel::XDG,
        ConfigLevel::Global,
    ] {
        // SAFETY: a global of libgit2; no other thread of this process uses it.
        unsafe { git2::opts::set_search_path(level, "")? };
    }
    let window = usize::try_from(memory / 64)?;
    // SAFETY: as above. Mapped packs count as address space, by default up to 8 GiB.
    unsafe {
        git2::opts::set_mwindow_size(window)?;
        git2::opts::set_mwindow_mapped_limit(window * 8)?;
    }
    Ok(())
}

/// A file holds a pack or its index, which for tiny objects is the larger. A
/// write beyond is an error, not the end of the process.
fn limit_files(bytes: u64) -> Result<(), nix::errno::Errno> {
    let size = bytes.saturating_mul(FILES_TO_RECEIVED).max(FILE_MIN);
    // SAFETY: no handler is set.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn)? };
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
    setrlimit(Resource::RLIMIT_FSIZE, size.min(hard), size.min(hard))
}

/// What a transport knows better than libgit2 can pass on.
#[derive(Debug, Clone, Default)]
pub(super) struct Problem(Arc<Mutex<Option<Failure>>>);

impl Problem {
    /// The first report wins: what follows are its consequences.
    pub(super) fn report(&self, failure: Failure) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert(failure);
    }

    fn take(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Connects, lists, downloads what is new, moves the tracking refs.
pub(super) fn fetch(request: &FetchRequest) -> Result<Heads, Failure> {
    let url = transport_url(request)?;
    let repository =
        repository::open(&request.repository).map_err(|error| state_failure(&error))?;
    let tracking = request
        .repository
        .join(repository::TRACKING)
        .join(request.remote.as_str());
    repository::remove_locks(&tracking); // of a killed predecessor: this is the only writer
    let problem = Problem::default();
    if is_empty(request, &url).map_err(|error| classify(request, &error))? {
        let none = request
            .branches
            .iter()
            .map(|name| (name.clone(), None))
            .collect();
        move_refs(request, &repository, &none).map_err(|error| state_failure(&error))?;
        return Ok(none.into_keys().map(|name| (name, None)).collect());
    }
    https::register(request, &problem).map_err(|error| classify(request, &error))?;
    let fetched = transfer(request, &repository, &url, &problem);
    let heads =
        fetched.map_err(|error| problem.take().unwrap_or_else(|| classify(request, &error)))?;
    move_refs(request, &repository, &heads).map_err(|error| state_failure(&error))?;
    Ok(heads
        .into_iter()
        .map(|(name, head)| (name, head.map(repository::commit_id)))
        .collect())
}

/// A local remote without any ref. git2 0.20 makes a slice of a null pointer
/// of its list, which is undefined behaviour; other transports never give null.
fn is_empty(request: &FetchRequest, url: &str) -> Result<bool, git2::Error> {
    match locate(&request.url) {
        Ok(Location::Local(_)) => Ok(Repository::open(url)?.references()?.next().is_none()),
        _ => Ok(false),
    }
}

type Found = BTreeMap<BranchName, Option<Oid>>;

fn transfer(
    request: &FetchRequest,
    repository: &Repository,
    url: &str,
    problem: &Problem,
) -> Result<Found, git2::Error> {
    let mut remote = repository.remote_anonymous(url)?;
    let mut connection =
        remote.connect_auth(Direction::Fetch, Some(RemoteCallbacks::new()), None)?;
    let found = tracked(&request.branches, connection.list()?);
    let refspecs: Vec<String> = found
        .iter()
        .filter(|(_, head)| head.is_some())
        .map(|(name, _)| {
            format!(
                "+refs/heads/{name}:{}",
                repository::tracking_ref(&request.remote, name)
            )
        })
        .collect();
    if !refspecs.is_empty() {
        let received = Cell::new(0);
        let mut options = FetchOptions::new();
        options.download_tags(AutotagOption::None);
        options.remote_callbacks(limited(request.bytes, &received));
        let downloaded = connection.remote().download(&refspecs, Some(&mut options));
        if received.get() > request.bytes {
            problem.report(too_large(request));
        }
        downloaded?;
    }
    Ok(found)
}

/// The tracked branches among all the remote has, by their exact names.
fn tracked(branches: &[BranchName], advertised: &[git2::RemoteHead<'_>]) -> Found {
    let mut found: Found = branches.iter().map(|name| (name.clone(), None)).collect();
    for head in advertised {
        let branch = head.name().strip_prefix("refs/heads/");
        let branch = branch.and_then(|name| name.parse::<BranchName>().ok());
        if let Some(slot) = branch.and_then(|name| found.get_mut(&name)) {
            *slot = Some(head.oid());
        }
    }
    found
}

fn limited(bytes: u64, received: &Cell<u64>) -> RemoteCallbacks<'_> {
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(move |progress| {
        received.set(progress.received_bytes() as u64);
        received.get() <= bytes
    });
    callbacks
}

/// Sets the refs whose commit is readable and prunes all others of this remote.
/// A head that is unreadable is reported as it is, and judged by the parent.
fn move_refs(
    request: &FetchRequest,
    repository: &Repository,
    heads: &Found,
) -> Result<(), git2::Error> {
    let mut keep = Vec::new();
    for (name, head) in heads {
        let Some(head) = head else { continue };
        let tracking = repository::tracking_ref(&request.remote, name);
        if repository.find_commit(*head).is_ok()
            && repository.refname_to_id(&tracking).ok() != Some(*head)
        {
            repository.reference(&tracking, *head, true, "fetch")?;
        }
        keep.push(tracking);
    }
    let all = format!("{}/{}/*", repository::TRACKING, request.remote);
    for reference in repository.references_glob(&all)? {
        let mut reference = reference?;
        let kept = reference
            .name()
            .is_some_and(|name| keep.iter().any(|keep| keep == name));
        if !kept {
            reference.delete()?;
        }
    }
    Ok(())
}

/// What libgit2 is told: local remotes become plain paths once their owner is
/// one that may decide what this host builds.
fn transport_url(request: &FetchRequest) -> Result<String, Failure> {
    let Location::Local(path) = locate(&request.url)? else {
        return Ok(request.url.clone());
    };
    let Some(local) = LocalRepository::find(&path) else {
        return Err(
            Failure::certain(format!("there is no Git repository at {}", path.display())).hint(
                "check the path, and that its file system is mounted and readable by the agent",
            ),
        );
    };
    for folder in [
        &path,
        &local.git_dir,
        &local.common_dir,
        &local.git_dir.join("HEAD"),
    ] {
        check_owner(folder, request.owner.as_deref())?;
    }
    for name in ["refs", "refs/heads", "packed-refs"] {
        let path = local.common_dir.join(name);
        if path.symlink_metadata().is_ok() {
            check_owner(&path, request.owner.as_deref())?;
        }
    }
    check_objects(
        &local.common_dir.join("objects"),
        request.owner.as_deref(),
        0,
    )?;
    path.into_os_string().into_string().map_err(|path| {
        Failure::certain(format!("the path {} is not UTF-8", path.display()))
            .hint("rename the folder")
    })
}

/// The folder of objects and all it borrows from, where links lead.
fn check_objects(objects: &Path, owner: Option<&str>, depth: usize) -> Result<(), Failure> {
    check_owner(objects, owner)?;
    let list = objects.join("info/alternates");
    if list.symlink_metadata().is_err() {
        return Ok(());
    }
    check_owner(&list, owner)?;
    let refused = |why: String| {
        Failure::certain(format!("cannot use {}: {why}", list.display()))
            .hint("run `git repack -ad` there and remove the file")
    };
    if depth == ALTERNATES_DEPTH {
        return Err(refused(
            "too many repositories borrow from each other".into(),
        ));
    }
    let mut text = Vec::new();
    std::fs::File::open(&list)
        .and_then(|file| file.take(ALTERNATES_SIZE).read_to_end(&mut text))
        .map_err(|error| refused(error.to_string()))?;
    let lines = text.split(|byte| *byte == b'\n');
    for line in lines.filter(|line| !line.is_empty() && line[0] != b'#') {
        check_objects(&objects.join(OsStr::from_bytes(line)), owner, depth + 1)?;
    }
    Ok(())
}

fn check_owner(folder: &Path, owner: Option<&str>) -> Result<(), Failure> {
    let found = std::fs::metadata(folder).map_err(|error| {
        Failure::certain(format!("cannot look at {}: {error}", folder.display()))
            .hint("let the agent's user read it")
    })?;
    let allowed = match owner
        .filter(|name| !name.is_empty())
        .map(nix::unistd::User::from_name)
    {
        None => None,
        Some(Ok(Some(user))) => Some(user.uid.as_raw()),
        Some(_) => {
            let message = format!(
                "there is no user {:?} on this host",
                owner.unwrap_or_default()
            );
            return Err(Failure::certain(message).hint("correct owner of the remote"));
        }
    };
    let uid = found.uid();
    if uid == 0 || uid == nix::unistd::geteuid().as_raw() || Some(uid) == allowed {
        return Ok(());
    }
    let name = nix::unistd::User::from_uid(uid.into()).ok().flatten();
    let name = name.map_or_else(|| uid.to_string(), |user| user.name);
    Err(Failure::certain(format!(
        "{} belongs to {name}, who is neither root nor the agent's user",
        folder.display()
    ))
    .hint(format!(
        "if {name} may decide what this host builds, set owner = \"{name}\" for the remote"
    )))
}

fn too_large(request: &FetchRequest) -> Failure {
    let (url, limit) = (display_url(&request.url), request.bytes);
    Failure::certain(format!(
        "fetching {url} brought more than {limit} bytes and was ended"
    ))
    .hint("remove large files from the history")
}

fn state_failure(error: &dyn std::error::Error) -> Failure {
    let cause = error
        .source()
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    Failure::transient(format!("{error}{cause}"))
        .hint("check the state directory: space, owner, file system")
}

/// An error of libgit2 as a person is told about it.
fn classify(request: &FetchRequest, error: &git2::Error) -> Failure {
    let message = format!(
        "cannot fetch {}: {}",
        display_url(&request.url),
        error.message()
    );
    if error.class() == ErrorClass::Os && error.message().contains("File too large") {
        return too_large(request);
    }
    if error.class() == ErrorClass::NoMemory {
        let limit = request.memory;
        return Failure::certain(format!(
            "{message}: it needs more than {limit} bytes of memory"
        ))
        .hint("remove large files from the history");
    }
    let refused_by_server = error.message().starts_with("remote error:");
    let network = matches!(
        error.class(),
        ErrorClass::Net | ErrorClass::Os | ErrorClass::Http | ErrorClass::Ssl
    );
    let kind = match (
        refused_by_server || error.code() == ErrorCode::NotFound,
        network,
    ) {
        (false, true) => FailureKind::Transient,
        _ => FailureKind::Certain,
    };
    match kind {
        FailureKind::Transient => Failure::transient(message)
            .hint("check the network, the server's name and port; it is tried again"),
        FailureKind::Certain => Failure::certain(message)
            .hint("check the remote's url, and the repository there with `git fsck`"),
    }
}
