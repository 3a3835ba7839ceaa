//! A record in a binary cache: what a commit evaluates to for a host, said by
//! whoever signed it. docs/formats.md has the format and a test vector.

use crate::model::{BackendKind, CommitId, HostName, NixInputs};
use crate::store::cache::{InvalidKey, PublicKey, SecretKey, Signature, is_trusted};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Bytes of a record that are read: a few names, two paths and some signatures.
pub(super) const RECORD_MAX: u64 = 16 << 10;
/// Bytes of a machine's id; systemd's has 32.
const MACHINE_ID_MAX: usize = 200;
/// The format that is written, and the only one that is read.
const VERSION: u32 = 1;
/// The folder of a cache that records lie in.
const IN_CACHE: &str = "kiln/prebuilt";
/// What a signature of a record is of, and of nothing else.
const RECORD_TAG: &str = "kiln:prebuilt:1";
/// What the name of a record's file is a digest of.
const QUESTION_TAG: &str = "kiln:prebuilt-question:1";

/// All that decides an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub commit: CommitId,
    pub host: HostName,
    pub backend: BackendKind,
    pub inputs: NixInputs,
}

/// What the question's evaluation comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub question: Question,
    /// For people, and to compare an evaluation with: hosts need not have it.
    pub drv_path: String,
    pub out_path: String,
    /// The machine it is for, when it says so.
    pub machine_id: Option<String>,
    pub signatures: BTreeSet<Signature>,
}

/// Why a record does not count.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRecord {
    #[error("it is not read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it is of version {0}, which this kiln does not know")]
    Version(u32),
    #[error("it is of another evaluation: its {field} is {found:?}, not {wanted:?}")]
    Other {
        field: &'static str,
        found: String,
        wanted: String,
    },
    #[error("its {field} is no path in {folder}: {found:?}")]
    Path {
        field: &'static str,
        folder: String,
        found: String,
    },
    #[error("its machineId is no machine's id")]
    MachineId,
    #[error(transparent)]
    Signature(#[from] InvalidKey),
    #[error("no trusted key signed it")]
    Untrusted,
}

/// The file, keys in this order.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    version: u32,
    commit: String,
    host: String,
    backend: String,
    subdir: String,
    attribute: String,
    submodules: bool,
    file: Option<String>,
    machine_id: Option<String>,
    drv_path: String,
    out_path: String,
    signatures: Vec<String>,
}

/// Of a text whose other keys may mean something else.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Question {
    /// The record's file in a cache.
    pub fn file(&self) -> String {
        let tag = [Some(QUESTION_TAG.to_owned())].into_iter();
        let fields = self.fields().map(|(_, field)| field);
        let text: String = tag.chain(fields).map(framed).collect();
        let digest: String = Sha256::digest(text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{IN_CACHE}/{digest}.json")
    }

    /// Its parts by the names of the file's keys, in the order they are signed in.
    fn fields(&self) -> [(&'static str, Option<String>); 7] {
        let NixInputs {
            subdir,
            attribute,
            submodules,
            file,
        } = &self.inputs;
        [
            ("commit", Some(self.commit.to_string())),
            ("host", Some(self.host.to_string())),
            ("backend", Some(self.backend.to_string())),
            ("subdir", Some(subdir.clone())),
            ("attribute", Some(attribute.clone())),
            ("submodules", Some(submodules.to_string())),
            ("file", file.clone()),
        ]
    }
}

/// The cache that a record lies in at `place`.
pub fn cache_of(place: &str) -> &str {
    let before = place.rsplit_once(IN_CACHE).map(|(before, _)| before);
    before.map_or(place, |cache| cache.trim_end_matches('/'))
}

impl Record {
    /// What is signed: every part with its length, behind a tag.
    pub fn fingerprint(&self) -> String {
        let answer = [
            self.machine_id.clone(),
            Some(self.drv_path.clone()),
            Some(self.out_path.clone()),
        ];
        let question = self.question.fields().map(|(_, field)| field);
        let all = [Some(RECORD_TAG.to_owned())].into_iter();
        all.chain(question).chain(answer).map(framed).collect()
    }

    /// Adds the signature of `key`.
    pub fn sign(&mut self, key: &SecretKey) {
        self.signatures.insert(key.sign(&self.fingerprint()));
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let Question {
            commit,
            host,
            backend,
            inputs,
        } = &self.question;
        let text = Text {
            version: VERSION,
            commit: commit.to_string(),
            host: host.to_string(),
            backend: backend.to_string(),
            subdir: inputs.subdir.clone(),
            attribute: inputs.attribute.clone(),
            submodules: inputs.submodules,
            file: inputs.file.clone(),
            machine_id: self.machine_id.clone(),
            drv_path: self.drv_path.clone(),
            out_path: self.out_path.clone(),
            signatures: self.signatures.iter().map(ToString::to_string).collect(),
        };
        // Texts and lists of texts: nothing in it can fail to be written.
        serde_json::to_string(&text).unwrap_or_default()
    }

    /// Reads the record that answers `question` by paths of the store `folder`,
    /// as one of `keys` says.
    ///
    /// # Errors
    /// When it is none, answers something else, or nobody believed signed it.
    pub fn read(
        json: &str,
        question: &Question,
        folder: &str,
        keys: &[PublicKey],
    ) -> Result<Self, InvalidRecord> {
        let record = Record::unverified(json, question, Some(folder))?;
        match is_trusted(keys, &record.fingerprint(), &record.signatures) {
            true => Ok(record),
            false => Err(InvalidRecord::Untrusted),
        }
    }

    /// Reads what answers `question`, whoever signed it, by paths of the store
    /// `folder`; `None`: of any.
    ///
    /// # Errors
    /// When it is no record, or answers something else.
    pub(super) fn unverified(
        json: &str,
        question: &Question,
        folder: Option<&str>,
    ) -> Result<Self, InvalidRecord> {
        match serde_json::from_str(json)? {
            Versioned { version: VERSION } => {}
            Versioned { version } => return Err(InvalidRecord::Version(version)),
        }
        let text: Text = serde_json::from_str(json)?;
        text.answers(question)?;
        Ok(Record {
            question: question.clone(),
            drv_path: in_store("drvPath", text.drv_path, folder, |path| {
                path.ends_with(".drv")
            })?,
            out_path: in_store("outPath", text.out_path, folder, |path| {
                !path.ends_with(".drv")
            })?,
            machine_id: machine_id(text.machine_id)?,
            signatures: signatures(&text.signatures)?,
        })
    }
}

impl Text {
    /// It may be a record of another commit or host under this one's name.
    fn answers(&self, question: &Question) -> Result<(), InvalidRecord> {
        let found = [
            Some(&self.commit),
            Some(&self.host),
            Some(&self.backend),
            Some(&self.subdir),
            Some(&self.attribute),
            Some(&self.submodules.to_string()),
            self.file.as_ref(),
        ]
        .map(Option::<&String>::cloned);
        let wanted = question.fields();
        let differs = wanted
            .into_iter()
            .zip(found)
            .find(|((_, wanted), found)| wanted != found);
        match differs {
            None => Ok(()),
            Some(((field, wanted), found)) => Err(InvalidRecord::Other {
                field,
                found: shown(found),
                wanted: shown(wanted),
            }),
        }
    }
}

/// `5:web-1,`: with its length no two lists of parts are the same text; `-,` is
/// a part that is not there.
fn framed(part: Option<String>) -> String {
    match part {
        Some(part) => format!("{}:{part},", part.len()),
        None => "-,".to_owned(),
    }
}

/// What a message shows of a part that may be anything.
fn shown(part: Option<String>) -> String {
    let part = part.unwrap_or_else(|| "none".to_owned());
    part.chars().take(200).collect()
}

fn in_store(
    field: &'static str,
    path: String,
    folder: Option<&str>,
    is_kind: fn(&str) -> bool,
) -> Result<String, InvalidRecord> {
    let parent = path.rsplit_once('/').map(|(parent, _)| parent);
    let is_inside = folder.is_none() || folder == parent;
    match is_inside && super::super::evaluate::is_store_path(&path) && is_kind(&path) {
        true => Ok(path),
        false => Err(InvalidRecord::Path {
            field,
            folder: folder.unwrap_or("any store").to_owned(),
            found: shown(Some(path)),
        }),
    }
}

/// One that is empty would let every machine pass.
fn machine_id(id: Option<String>) -> Result<Option<String>, InvalidRecord> {
    let is_plain = |id: &String| {
        (1..=MACHINE_ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match id {
        Some(id) if !is_plain(&id) => Err(InvalidRecord::MachineId),
        id => Ok(id),
    }
}

fn signatures(texts: &[String]) -> Result<BTreeSet<Signature>, InvalidKey> {
    texts.iter().map(|text| text.parse()).collect()
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
