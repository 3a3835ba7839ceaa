//! The files that say what the store holds. An object without its record, or a
//! record that cannot be read, is not there.

use super::{Hash, RealisationKey, StoreError, StorePath};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// Raised when the meaning of a record changes.
const VERSION: u32 = 1;

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectInfo {
    pub path: StorePath,
    /// Of the NAR as it lies there.
    pub nar_hash: Hash,
    /// Bytes of the NAR.
    pub nar_size: u64,
    /// Objects whose digest occurs in it, itself among them when it does.
    pub references: BTreeSet<StorePath>,
    #[serde(with = "time::serde::rfc3339")]
    pub registered_at: OffsetDateTime,
    /// The step that made it, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deriver: Option<String>,
}

impl ObjectInfo {
    pub(super) fn new(
        path: StorePath,
        nar_hash: Hash,
        nar_size: u64,
        references: BTreeSet<StorePath>,
    ) -> Self {
        ObjectInfo {
            path,
            nar_hash,
            nar_size,
            references,
            registered_at: crate::model::now(),
            deriver: None,
        }
    }
}

/// Output name -> object.
pub type Outputs = BTreeMap<String, StorePath>;

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    #[serde(flatten)]
    record: T,
}

#[derive(Serialize, Deserialize)]
struct Realisation {
    outputs: Outputs,
}

/// Key, file, and the outputs where they can be read.
pub(super) type SavedRealisation = (RealisationKey, PathBuf, Option<Outputs>);

/// Where records lie and are written.
#[derive(Debug, Clone)]
pub(super) struct Records {
    objects: PathBuf,
    realisations: PathBuf,
    companions: PathBuf,
    tmp: PathBuf,
}

impl Records {
    /// Records in the store's own folder, `<store>/.kiln`.
    pub(super) fn new(own: &Path) -> Self {
        Records {
            objects: own.join("objects"),
            realisations: own.join("realisations"),
            companions: own.join("companions"),
            tmp: own.join("tmp"),
        }
    }

    pub(super) fn object(&self, path: &StorePath) -> Option<ObjectInfo> {
        let info: ObjectInfo = read(&self.object_file(path))?;
        (info.path == *path).then_some(info)
    }

    pub(super) fn realisation(&self, key: RealisationKey) -> Option<Outputs> {
        read(&self.realisation_file(key)).map(|realisation: Realisation| realisation.outputs)
    }

    pub(super) fn save_object(&self, info: &ObjectInfo) -> Result<(), StoreError> {
        self.save(&self.object_file(&info.path), info)
    }

    pub(super) fn save_realisation(
        &self,
        key: RealisationKey,
        outputs: &Outputs,
    ) -> Result<(), StoreError> {
        let outputs = outputs.clone();
        self.save(&self.realisation_file(key), Realisation { outputs })
    }

    /// Every realisation on disk, with its file; unreadable ones without outputs,
    /// and what is named like none not at all.
    pub(super) fn realisations(&self) -> Result<Vec<SavedRealisation>, StoreError> {
        let read = |file: PathBuf| {
            let key = RealisationKey::from_hex(file.file_stem()?.to_str()?)?;
            let outputs = read(&file).map(|record: Realisation| record.outputs);
            Some((key, file, outputs))
        };
        Ok(files(&self.realisations)?
            .into_iter()
            .filter_map(read)
            .collect())
    }

    /// Every object's record file.
    pub(super) fn object_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        files(&self.objects)
    }

    pub(super) fn object_file(&self, path: &StorePath) -> PathBuf {
        self.objects.join(format!("{}.json", path.base_name()))
    }

    /// What is kept with an object, a base name a line.
    pub(super) fn companions_file(&self, owner: &StorePath) -> PathBuf {
        self.companions.join(owner.base_name())
    }

    pub(super) fn companions_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        files(&self.companions)
    }

    fn realisation_file(&self, key: RealisationKey) -> PathBuf {
        self.realisations.join(format!("{key}.json"))
    }

    /// Whole or not at all; the caller makes it durable.
    fn save(&self, file: &Path, record: impl Serialize) -> Result<(), StoreError> {
        let version = VERSION;
        let json = serde_json::to_vec(&Versioned { version, record })
            .map_err(|e| StoreError::io("encode", file, e))?;
        let new = self.tmp.join(format!("record-{:016x}", fastrand::u64(..)));
        fs::write(&new, json).map_err(|e| StoreError::io("write", &new, e))?;
        fs::rename(&new, file).map_err(|e| StoreError::io("put into place", file, e))
    }
}

fn read<T: DeserializeOwned>(file: &Path) -> Option<T> {
    let json = match fs::read(file) {
        Ok(json) => json,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return None,
        Err(e) => {
            tracing::warn!(file = %file.display(), "cannot read a store record: {e}");
            return None;
        }
    };
    match serde_json::from_slice::<Versioned<T>>(&json) {
        Ok(Versioned {
            version: VERSION,
            record,
        }) => Some(record),
        Ok(Versioned { version, .. }) => {
            tracing::warn!(file = %file.display(), version, "a store record of another version");
            None
        }
        Err(e) => {
            tracing::warn!(file = %file.display(), "a damaged store record: {e}");
            None
        }
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let list = || {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>, std::io::Error>>()
    };
    list().map_err(|e| StoreError::io("list", folder, e))
}
