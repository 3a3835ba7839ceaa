//! Whether the store holds what its records say, and mending it where it does
//! not. What can be proven from an object itself is written down again; what is
//! damaged is moved aside with every realisation of it, so that it is built again.

use super::gc::move_read_only;
use super::proof::{self, Look, prove};
use super::{ObjectInfo, Store, StoreError, StorePath, fs, lock};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// The object is not what its path and its record say.
    Damaged(String),
    /// The object is right, and its record is not.
    WrongRecord,
    /// There is a record and no object.
    RecordAlone,
    /// The record cannot be read.
    UnreadableRecord,
    /// There is an object and no record.
    ObjectAlone,
    /// Nothing of the store's.
    Stray,
    /// It refers to an object that is not there (or is damaged).
    Lacks(StorePath),
    /// A realisation of what is not wholly there.
    Hollow,
}

/// One flaw, of the object, record or file it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub subject: String,
    pub flaw: Flaw,
    /// It is mended, or gone.
    pub repaired: bool,
}

/// What a look at everything found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Objects that were read to their end.
    pub checked: u64,
    pub findings: Vec<Finding>,
}

/// How to look.
#[derive(Clone, Copy)]
pub struct Verification<'a> {
    /// Mend what is found.
    pub repair: bool,
    /// Whether to stop early.
    pub cancelled: &'a dyn Fn() -> bool,
}

impl Store {
    /// Reads every object and compares it with its address and its record; looks
    /// for records, objects and realisations that lack their counterpart.
    ///
    /// # Errors
    /// When the store cannot be listed or mended. What is wrong with single
    /// objects is a finding.
    pub fn verify(&self, verification: &Verification<'_>) -> Result<Verified, StoreError> {
        // No collection meanwhile: what is seen first is there later.
        let _one = lock(&self.inner.collecting);
        let _session = self.session();
        let mut found = Verified::default();
        self.verify_records(verification, &mut found)?;
        self.verify_entries(verification, &mut found)?;
        self.verify_references(&mut found)?;
        self.verify_realisations(verification, &mut found)?;
        if verification.repair {
            self.sync()?;
            self.syncfs()?;
        }
        Ok(found)
    }

    fn verify_records(
        &self,
        verification: &Verification<'_>,
        found: &mut Verified,
    ) -> Result<(), StoreError> {
        for file in self.inner.records.object_files()? {
            if (verification.cancelled)() {
                return Ok(());
            }
            let name = file.file_stem().and_then(|name| name.to_str());
            let path = name.and_then(|name| StorePath::from_base_name(name).ok());
            let flaw = match path
                .as_ref()
                .map(|path| (self.inner.records.object(path), path))
            {
                Some((Some(info), path)) => match self.verify_object(path, &info, found)? {
                    Some(flaw) => flaw,
                    None => continue,
                },
                _ => Flaw::UnreadableRecord,
            };
            let subject = match &path {
                Some(path) => path.to_string(),
                None => file.display().to_string(),
            };
            if verification.repair {
                self.mend_record(&file, path.as_ref(), &flaw)?;
            }
            found.add(subject, flaw, verification.repair);
        }
        Ok(())
    }

    fn verify_object(
        &self,
        path: &StorePath,
        info: &ObjectInfo,
        found: &mut Verified,
    ) -> Result<Option<Flaw>, StoreError> {
        let place = self.real_path(path);
        if !super::nar::exists(&place).map_err(|e| StoreError::io("look at", &place, e))? {
            return Ok(Some(Flaw::RecordAlone));
        }
        found.checked += 1;
        let recorded = (info.nar_hash, info.nar_size);
        Ok(
            match prove(&place, path, Look::Said(&info.references), None) {
                Ok(proven) if is_same(&proven, info) => None,
                Ok(_) => Some(Flaw::WrongRecord),
                Err(error) => match prove(&place, path, Look::Among(&self.candidates()?), None) {
                    Ok(_) => Some(Flaw::WrongRecord),
                    // Taken from a cache on somebody's word: its record is what there is.
                    Err(_) if proof::nar_of(&place, None).is_ok_and(|nar| nar == recorded) => None,
                    Err(_) => Some(Flaw::Damaged(error.to_string())),
                },
            },
        )
    }

    /// What an object that says nothing may refer to: all that lies here.
    fn candidates(&self) -> Result<BTreeSet<StorePath>, StoreError> {
        let names = super::gc::entries(&self.inner.dir)?;
        let path = |name: &std::ffi::OsString| StorePath::from_base_name(name.to_str()?).ok();
        Ok(names.iter().filter_map(path).collect())
    }

    fn mend_record(
        &self,
        file: &Path,
        path: Option<&StorePath>,
        flaw: &Flaw,
    ) -> Result<(), StoreError> {
        let Some(path) = path else {
            return super::gc::unlink(file);
        };
        match flaw {
            Flaw::WrongRecord | Flaw::UnreadableRecord | Flaw::ObjectAlone => {
                self.prove_again(path)
            }
            Flaw::Damaged(_) => self.set_aside(path),
            Flaw::RecordAlone => self.drop_record(path),
            Flaw::Stray | Flaw::Lacks(_) | Flaw::Hollow => Ok(()),
        }
    }

    /// Writes the record that the object itself proves; what proves none goes.
    fn prove_again(&self, path: &StorePath) -> Result<(), StoreError> {
        let place = self.real_path(path);
        let exists = super::nar::exists(&place);
        if !exists.map_err(|e| StoreError::io("look at", &place, e))? {
            return self.drop_record(path);
        }
        let said = self.inner.records.object(path).map(|info| info.references);
        let proven = said.and_then(|said| prove(&place, path, Look::Said(&said), None).ok());
        let proven = match proven {
            Some(info) => Ok(info),
            None => prove(&place, path, Look::Among(&self.candidates()?), None),
        };
        match proven {
            Ok(info) => {
                self.inner.records.save_object(&info)?;
                self.index().objects.insert(path.clone(), info.into());
                Ok(())
            }
            Err(_) => self.set_aside(path),
        }
    }

    fn drop_record(&self, path: &StorePath) -> Result<(), StoreError> {
        let gate = self.inner.gate.write();
        let _closed = gate.unwrap_or_else(PoisonError::into_inner);
        {
            let mut index = self.index();
            index.objects.remove(path);
            index.whole.roots.clear();
        }
        super::gc::unlink(&self.inner.records.object_file(path))
    }

    /// Out of the store, its record first; kept for a look at what happened to it.
    fn set_aside(&self, path: &StorePath) -> Result<(), StoreError> {
        self.drop_record(path)?;
        self.syncfs()?;
        let (place, kept) = (self.real_path(path), self.damaged().join(path.base_name()));
        super::create(&self.damaged(), 0o700)?;
        fs::remove_all(&kept).map_err(|e| StoreError::io("remove", &kept, e))?;
        let _one = lock(&self.inner.installing);
        tracing::warn!(%path, kept = %kept.display(), "a damaged object was moved aside");
        move_read_only(&place, &kept).map_err(|e| StoreError::io("move aside", &place, e))
    }

    /// Where damaged objects are kept until the next collection of garbage.
    pub(super) fn damaged(&self) -> PathBuf {
        self.inner.dir.join(".kiln/damaged")
    }

    /// Entries of the store's folder without a record.
    fn verify_entries(
        &self,
        verification: &Verification<'_>,
        found: &mut Verified,
    ) -> Result<(), StoreError> {
        for name in super::gc::entries(&self.inner.dir)? {
            if name == ".kiln" || (verification.cancelled)() {
                continue;
            }
            let place = self.inner.dir.join(&name);
            let path = name
                .to_str()
                .and_then(|name| StorePath::from_base_name(name).ok());
            match path {
                Some(path) if self.contains(&path) => {}
                // Not a finding twice.
                Some(path) if self.inner.records.object_file(&path).exists() => {}
                Some(path) => {
                    if verification.repair {
                        self.prove_again(&path)?;
                    }
                    found.add(path.to_string(), Flaw::ObjectAlone, verification.repair);
                }
                None => found.add(place.display().to_string(), Flaw::Stray, false),
            }
        }
        Ok(())
    }

    fn verify_references(&self, found: &mut Verified) -> Result<(), StoreError> {
        for path in self.candidates()? {
            let Some(info) = self.info(&path) else {
                continue;
            };
            let lacks = |reference: &&StorePath| !self.contains(reference);
            if let Some(missing) = info.references.iter().find(lacks) {
                found.add(path.to_string(), Flaw::Lacks(missing.clone()), false);
            }
        }
        Ok(())
    }

    fn verify_realisations(
        &self,
        verification: &Verification<'_>,
        found: &mut Verified,
    ) -> Result<(), StoreError> {
        for (key, file, outputs) in self.inner.records.realisations()? {
            let newest = self.index().realisations.get(&key).cloned().or(outputs);
            let whole = newest.is_some_and(|o| self.closure(o.into_values()).is_ok());
            if whole {
                continue;
            }
            if verification.repair {
                self.index().realisations.remove(&key);
                super::gc::unlink(&file)?;
            }
            found.add(
                format!("realisation {key}"),
                Flaw::Hollow,
                verification.repair,
            );
        }
        Ok(())
    }
}

impl Verified {
    fn add(&mut self, subject: String, flaw: Flaw, repaired: bool) {
        self.findings.push(Finding {
            subject,
            flaw,
            repaired,
        });
    }
}

/// Times and derivers are nobody's proof.
fn is_same(proven: &ObjectInfo, recorded: &ObjectInfo) -> bool {
    (proven.nar_hash, proven.nar_size) == (recorded.nar_hash, recorded.nar_size)
        && proven.references == recorded.references
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
