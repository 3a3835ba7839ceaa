//! Asks the caches for a record, in their order. Nothing they answer breaks an
//! evaluation: what is missing, wrong, slow or endless is said, and the next one
//! is asked.

use super::Prebuilt;
use super::record::{InvalidRecord, Question, RECORD_MAX, Record};
use crate::backend::Sink;
use crate::model::Evaluated;
use crate::store::cache::{CacheError, Location, PublicKey, Transport};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Of one cache; a record is one short file.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of looking.
#[derive(Debug)]
pub(in crate::backend::nix) enum Found {
    Record(Evaluated),
    /// None that counts; why not, for people: one part for each cache.
    Nothing(String),
    Cancelled,
}

/// Why a cache's answer is no record that counts.
#[derive(Debug, thiserror::Error)]
enum Absent {
    #[error("it has none")]
    Missing,
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Invalid(#[from] InvalidRecord),
    #[error("no answer in {} s", PATIENCE.as_secs())]
    Slow,
    #[error("it was not asked to the end: {0}")]
    Lost(#[from] tokio::task::JoinError),
}

/// The first record that counts, of paths in the store `folder`; what is found
/// is said to `sink`.
pub(in crate::backend::nix) async fn look_up(
    prebuilt: &Prebuilt,
    question: &Question,
    folder: &str,
    sink: &dyn Sink,
    cancel: &CancellationToken,
) -> Found {
    let mut why = Vec::new();
    for cache in &prebuilt.caches {
        let asked = tokio::select! {
            biased;
            () = cancel.cancelled() => return Found::Cancelled,
            asked = ask(prebuilt, cache, question, folder) => asked,
        };
        match asked {
            Ok((record, place)) => {
                say(
                    sink,
                    &format!("nothing is evaluated here: taken from {place}"),
                );
                return Found::Record(evaluated(record, place));
            }
            Err(absent) => {
                let said = format!("no record in {cache}: {absent}");
                log(question, &absent, &said);
                say(sink, &said);
                why.push(said);
            }
        }
    }
    Found::Nothing(why.join("; "))
}

/// The record in one cache, and where it lies there.
async fn ask(
    prebuilt: &Prebuilt,
    cache: &Location,
    question: &Question,
    folder: &str,
) -> Result<(Record, String), Absent> {
    let transport = Transport::new(cache, prebuilt.options.clone());
    let interrupted = Interrupted(transport.clone());
    let (question, folder, keys) = (question.clone(), folder.to_owned(), prebuilt.keys.clone());
    let reading = tokio::task::spawn_blocking(move || read(&transport, &question, &folder, &keys));
    let found = match tokio::time::timeout(PATIENCE, reading).await {
        Ok(read) => read?,
        Err(_) => Err(Absent::Slow),
    };
    drop(interrupted);
    found
}

/// Ends what is still asked when nobody waits for the answer any more.
struct Interrupted(Transport);

impl Drop for Interrupted {
    fn drop(&mut self) {
        self.0.interrupt();
    }
}

/// Blocking.
fn read(
    transport: &Transport,
    question: &Question,
    folder: &str,
    keys: &[PublicKey],
) -> Result<(Record, String), Absent> {
    let file = question.file();
    let text = transport.text_if_allowed(&file, RECORD_MAX)?;
    let text = text.ok_or(Absent::Missing)?;
    let record = Record::read(&text, question, folder, keys)?;
    Ok((record, transport.called(&file)))
}

fn evaluated(record: Record, place: String) -> Evaluated {
    Evaluated {
        drv_path: record.drv_path,
        out_path: Some(record.out_path),
        machine_id: record.machine_id,
        secrets: Vec::new(),
        nix: Some(Box::new(record.question.inputs)),
        record: Some(place),
    }
}

fn say(sink: &dyn Sink, text: &str) {
    sink.log(None, format!("{text}\n").as_bytes());
}

fn log(question: &Question, absent: &Absent, said: &str) {
    let Question { commit, host, .. } = question;
    match absent {
        Absent::Missing => tracing::info!(%commit, %host, "{said}"),
        Absent::Cache(_) | Absent::Invalid(_) | Absent::Slow | Absent::Lost(_) => {
            tracing::warn!(%commit, %host, "{said}");
        }
    }
}
