//! Where things lie in a state directory: the table of the outside contract.

use super::StateError;
use crate::model::GenerationNumber;
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What a transition needs at least.
const PROBE: usize = 64 << 10;

/// Names every place in one state directory.
#[derive(Debug, Clone)]
pub struct Places {
    pub folder: PathBuf,
}

impl Places {
    /// The places below `folder`, which need not exist.
    pub fn new(folder: &Path) -> Self {
        Places {
            folder: folder.into(),
        }
    }
    /// The bare repository everything is read from.
    pub fn repository(&self) -> PathBuf {
        self.folder.join("repository.git")
    }
    /// The content-addressed store's real place.
    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }
    pub fn generations(&self) -> PathBuf {
        self.folder.join("generations")
    }
    /// A generation's folder: `generation.json`, and the links that keep what it
    /// refers to from being collected.
    pub fn generation(&self, number: GenerationNumber) -> PathBuf {
        self.generations().join(number.to_string())
    }
    /// Says the process id of the agent that owns the state, which holds a lock on it.
    pub fn owner(&self) -> PathBuf {
        self.folder.join("lock")
    }
    /// A folder for each of a generation's hooks: its log, and what became of it.
    pub fn hooks(&self, number: GenerationNumber) -> PathBuf {
        self.generation(number).join("hooks")
    }
    /// Where a generation's logs lie.
    pub fn logs(&self, number: GenerationNumber) -> PathBuf {
        self.folder.join("logs").join(number.to_string())
    }
    /// Folders of steps that failed, where they are kept.
    pub fn failed(&self) -> PathBuf {
        self.folder.join("failed")
    }
    /// Link to `generations/<n>/result` of the newest built generation.
    pub fn current(&self) -> PathBuf {
        self.folder.join("current")
    }
    pub(super) fn suspension(&self) -> PathBuf {
        self.folder.join("suspension.json")
    }
    /// The newest generation when the baseline was last moved by hand.
    pub(super) fn reset(&self) -> PathBuf {
        self.folder.join("reset.json")
    }
    /// Who asked for which change, and what came of it.
    pub fn audit(&self) -> PathBuf {
        self.folder.join("audit.jsonl")
    }

    pub(super) fn hold(&self) -> PathBuf {
        self.folder.join("hold.json")
    }
    pub(super) fn sequence(&self) -> PathBuf {
        self.folder.join("sequence")
    }
    pub(super) fn index(&self) -> PathBuf {
        self.folder.join("sled")
    }
    /// The transition being written; absent between two.
    pub(super) fn transition(&self) -> PathBuf {
        self.folder.join("transition.json")
    }
    /// The version of everything here.
    pub(super) fn version(&self) -> PathBuf {
        self.folder.join("version")
    }
    pub(super) fn reserve(&self) -> PathBuf {
        self.folder.join("reserve")
    }
    /// `refs/kiln/baseline` as a loose ref: it is never packed, and so can be
    /// replaced with the same care as every other file.
    pub fn baseline(&self) -> PathBuf {
        self.repository().join("refs/kiln/baseline")
    }

    /// Makes the folders; the state itself is closed to others.
    pub(super) fn prepare(&self) -> Result<(), StateError> {
        make(&self.folder, 0o750)?;
        self.check_owner()?;
        for folder in [
            self.generations(),
            self.folder.join("logs"),
            self.repository().join("refs/kiln"),
        ] {
            make(&folder, 0o755)?;
        }
        make(&self.store(), 0o755)
    }

    /// Can anything be written here now?
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn probe(&self) -> Result<(), StateError> {
        let io = |e| StateError::io("write to", &self.folder, e);
        let file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(&self.folder)
            .map_err(io)?;
        std::io::Write::write_all(&mut file.as_file(), &[1; PROBE])
            .and_then(|()| file.as_file().sync_all())
            .map_err(io)
    }

    /// Whoever owns the folder can replace what lies in it.
    ///
    /// # Errors
    /// When it belongs to another user than this process acts as.
    pub(crate) fn check_owner(&self) -> Result<(), StateError> {
        let metadata = std::fs::metadata(&self.folder)
            .map_err(|e| StateError::io("look at", &self.folder, e))?;
        let (owner, we) = (metadata.uid(), nix::unistd::geteuid().as_raw());
        match owner == we {
            true => Ok(()),
            false => Err(StateError::Unexpected {
                path: self.folder.clone(),
                message: format!(
                    "belongs to user {owner}, and kiln runs as user {we}: run it as {owner}, \
                     name another state directory, or give it over with chown -R {we}"
                ),
            }),
        }
    }

    /// Makes the state's folder for one user alone, where it is not there yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_private(&self) -> Result<(), StateError> {
        make(&self.folder, 0o700)
    }

    /// Makes a generation's folder, durably.
    pub(super) fn make_generation(&self, number: GenerationNumber) -> Result<PathBuf, StateError> {
        let folder = self.generation(number);
        if !folder.is_dir() {
            make(&folder, 0o755)?;
            super::files::sync_folder(&self.generations())?;
        }
        Ok(folder)
    }
}

/// Makes `folder` and its parents; an existing one keeps its mode.
fn make(folder: &Path, mode: u32) -> Result<(), StateError> {
    if folder.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
    made.and_then(|()| std::fs::set_permissions(folder, Permissions::from_mode(mode)))
        .map_err(|e: io::Error| StateError::io("make the folder", folder, e))
}
