//! Brings a result into a cache, and then the record that names it: a host that
//! finds the record finds the result too.

use super::super::program::{NARINFO_ABSENT_TTL, NARINFO_PRESENT_TTL, Program, not_started};
use super::super::progress::Progress;
use super::super::{NixConfig, roots};
use super::record::{InvalidRecord, RECORD_MAX, Record};
use crate::backend::BackendError;
use crate::model::Failure;
use crate::process::End;
use crate::store::cache::{CacheError, Location, PublicKey, Signature, Transport, beyond_file_url};
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
    #[error(
        "{place} says that the commit is {out_path}, signed by {by}: a record has one answer, and this one's is {own}"
    )]
    Answered {
        place: String,
        out_path: String,
        /// Names of keys.
        by: String,
        own: String,
    },
    #[error("{place} is of version {version}, which this kiln does not know")]
    Newer { place: String, version: u32 },
    #[error("{place} would be longer than {RECORD_MAX} bytes with one more signature")]
    Full { place: String },
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

/// Puts a record that `key` signed into a cache, beside the signatures of others who
/// gave the same answer; what it says then, and where it lies there. Of two that are
/// put at the same time one stays. Blocking.
///
/// # Errors
/// When others gave another answer, or the cache does not take it.
pub fn put(
    record: Record,
    key: &PublicKey,
    transport: &Transport,
) -> Result<(Record, String), PublishError> {
    let file = record.question.file();
    let place = transport.called(&file);
    let record = match transport.text(&file, RECORD_MAX) {
        Ok(Some(text)) => beside(record, key, &text, &place)?,
        // What is no text, or endless, is nobody's answer. Who is forbidden to read is
        // told so of what is not there, too: it is taken for that.
        Ok(None) | Err(CacheError::TooLong { .. } | CacheError::NotText { .. }) => record,
        Err(error) => return Err(error.into()),
    };
    let mut content = tempfile::tempfile()?;
    content.write_all(record.text().as_bytes())?;
    transport.put(&file, &mut content)?;
    Ok((record, place))
}

/// `record` with the signatures that the one there has of the same answer.
fn beside(
    record: Record,
    key: &PublicKey,
    there: &str,
    place: &str,
) -> Result<Record, PublishError> {
    let place = place.to_owned();
    let there = match Record::unverified(there, &record.question, None) {
        Ok(there) => there,
        Err(InvalidRecord::Version(version)) => return Err(PublishError::Newer { place, version }),
        Err(
            InvalidRecord::Json(_)
            | InvalidRecord::Other { .. }
            | InvalidRecord::Path { .. }
            | InvalidRecord::MachineId
            | InvalidRecord::Signature(_)
            | InvalidRecord::Untrusted,
        ) => return Ok(record), // nobody believes it
    };
    let says = there.fingerprint();
    let is_same = says == record.fingerprint();
    let of_others = there.signatures.into_iter();
    let of_others = of_others.filter(|signature| !key.verifies(&says, signature));
    let of_others: Vec<Signature> = of_others.collect();
    if !is_same && !of_others.is_empty() {
        let names: Vec<&str> = of_others.iter().map(Signature::key).collect();
        return Err(PublishError::Answered {
            place,
            out_path: there.out_path,
            by: names.join(", "),
            own: record.out_path,
        });
    }
    let mut all = record;
    all.signatures.extend(of_others);
    match all.text().len() as u64 > RECORD_MAX {
        true => Err(PublishError::Full { place }),
        false => Ok(all),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Question;
    use super::*;
    use crate::model::{BackendKind, NixInputs};
    use crate::store::cache::SecretKey;
    use std::collections::BTreeSet;

    fn key(name: &str) -> SecretKey {
        SecretKey::generate(name).unwrap().parse().unwrap()
    }

    fn answer(name: &str, keys: &[&SecretKey]) -> Record {
        let inputs = NixInputs {
            subdir: ".".into(),
            attribute: "nixosConfigurations.web-1".into(),
            submodules: false,
            file: None,
        };
        let question = Question {
            commit: "3f".repeat(20).parse().unwrap(),
            host: "web-1".parse().unwrap(),
            backend: BackendKind::NixFlake,
            inputs,
        };
        let path = format!("/nix/store/{}-{name}", "1".repeat(32));
        let mut record = Record {
            question,
            drv_path: format!("{path}.drv"),
            out_path: path,
            machine_id: None,
            signatures: BTreeSet::new(),
        };
        keys.iter().for_each(|key| record.sign(key));
        record
    }

    #[test]
    fn f07_one_s_own_answer_is_replaced_and_that_of_another_key_of_this_name_is_not() {
        let (own, other) = (key("ci-1"), key("ci-1"));
        let put = |there: &Record, new: Record| beside(new, &own.public(), &there.text(), "there");
        let new = || answer("new", &[&own]);
        assert_eq!(put(&answer("old", &[&own]), new()).unwrap(), new());
        for keys in [&[&other][..], &[&own, &other]] {
            let refused = put(&answer("old", keys), new()).unwrap_err();
            assert!(
                matches!(&refused, PublishError::Answered { by, .. } if by == "ci-1"),
                "{refused}"
            );
        }
        let both = put(&answer("new", &[&other]), new()).unwrap();
        assert_eq!(both, answer("new", &[&own, &other]));
        assert_eq!(put(&both, new()).unwrap(), both);
    }
}
