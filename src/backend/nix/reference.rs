//! The ref by which Nix reaches a commit: a branch may move away from it while
//! it is evaluated.

use super::program::attempted;
use crate::backend::{BackendError, Source};
use crate::source::repository;
use git2::{ObjectType, Oid, Repository, Signature, Time};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where the refs of evaluations are kept.
const FOLDER: &str = "refs/kiln/eval";

/// A ref that is there as long as this is.
#[derive(Debug)]
pub(super) struct Reference {
    repository: PathBuf,
    pub name: String,
    /// The commit it names: the source's own, or one that was made of a work
    /// tree's files.
    pub rev: String,
}

impl Reference {
    /// Makes it; `roots` names it, so that what a crash left is taken over by the
    /// attempt that follows. Blocking.
    ///
    /// # Errors
    /// When the commit is not there or the repository cannot be written.
    pub fn make(source: &Source, roots: &Path) -> Result<Self, BackendError> {
        let name = name_of(source, roots).map_err(|error| attempted("name a ref", error))?;
        let failed = |error| {
            attempted(
                format!("make {name} in {}", source.repository.display()),
                error,
            )
        };
        let opened = repository::open(&source.repository)
            .map_err(|error| attempted(format!("make {name}"), error))?;
        let rev = commit_of(&opened, source).map_err(failed)?;
        opened
            .reference(&name, rev, true, "kiln evaluates it")
            .map_err(failed)?;
        Ok(Reference {
            repository: source.repository.clone(),
            name,
            rev: rev.to_string(),
        })
    }
}

/// A name that means the same in a URL and in Git: a host's may be of any language,
/// and is told by its digest then.
fn name_of(source: &Source, roots: &Path) -> Result<String, git2::Error> {
    let Some(own) = roots.file_name() else {
        return Ok(format!("{FOLDER}/{}", source.commit.id));
    };
    let own = own.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let name = format!("{FOLDER}/{}", String::from_utf8_lossy(own));
    match own.iter().all(plain) && git2::Reference::is_valid_name(&name) {
        true => Ok(name),
        false => Ok(format!(
            "{FOLDER}/{}",
            Oid::hash_object(ObjectType::Blob, own)?
        )),
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let opened = Repository::open(&self.repository);
        let found = opened
            .as_ref()
            .map(|opened| opened.find_reference(&self.name));
        if let Ok(Ok(mut reference)) = found
            && let Err(error) = reference.delete()
        {
            tracing::warn!(%error, name = self.name, "the ref of an evaluation stays behind");
        }
    }
}

/// The commit with the source's files: Nix takes commits, and the files of a work
/// tree are in none. One that is made of them is the same for the same files.
fn commit_of(repository: &Repository, source: &Source) -> Result<Oid, git2::Error> {
    let id = Oid::from_str(source.commit.id.as_str())?;
    let commit = repository.find_commit(id)?;
    let tree = Oid::from_str(&source.commit.tree)?;
    if commit.tree_id() == tree {
        return Ok(id);
    }
    let time = Time::new(source.commit.time.unix_timestamp(), 0);
    let kiln = Signature::new("kiln", "kiln@localhost", &time)?;
    let tree = repository.find_tree(tree)?;
    let summary = format!("{} (with uncommitted files)", source.commit.summary);
    repository.commit(None, &kiln, &kiln, &summary, &tree, &[&commit])
}

/// The first of these places that lies in the source's files. Blocking.
pub(super) fn first_inside(
    source: &Source,
    places: Vec<crate::model::Location>,
) -> Option<crate::model::Location> {
    let repository = repository::open(&source.repository).ok()?;
    let tree = Oid::from_str(&source.commit.tree).ok()?;
    let tree = repository.find_tree(tree).ok()?;
    let is_inside = |file: &str| tree.get_path(Path::new(file)).is_ok();
    places.into_iter().find(|place| is_inside(&place.file))
}

/// `file:///var/lib/kiln/repository`
pub(super) fn file_url(repository: &Path) -> Result<String, BackendError> {
    let text = repository.to_str().filter(|path| path.starts_with('/'));
    match text {
        Some(path) => Ok(format!("file://{}", percent(path))),
        None => {
            let why = std::io::Error::other("it is no absolute path in UTF-8");
            let what = format!("name the repository {} to Nix", repository.display());
            Err(attempted(what, why))
        }
    }
}

/// By what names a restricted Nix asks for the commit: until 2.19 by the plain
/// URL, since then by one that has all there is to it.
pub(super) fn own_uris(url: &str, reference: &Reference) -> String {
    let Reference { name, rev, .. } = reference;
    let exact = format!("ref={name}&rev={rev}");
    format!(
        "{url} git+{url}?exportIgnore=1&{exact} git+{url}?{exact} git+{url}?{exact}&submodules=1"
    )
}

/// Percent-encodes what may mean something in a URL's path, query or fragment.
pub(super) fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let encoded = text.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    encoded.collect()
}
