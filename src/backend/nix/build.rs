//! A derivation to its outputs, by one Nix process.

use super::program::{Ran, not_started};
use super::progress::{self, Progress};
use super::{NixConfig, diagnose, prebuilt, roots};
use crate::backend::{BackendError, BuildOutcome, BuildRequest, StepEnd};
use crate::model::{BlockedReason, Evaluated, Failure, FailureKind, Steps};
use crate::process::End;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

/// What Nix's exit code has set when a step took too long.
const TIMED_OUT: i32 = 101;

/// One build.
pub(super) struct Build<'a> {
    pub config: &'a NixConfig,
    pub request: BuildRequest,
    /// What cannot be had is waited for: nothing is evaluated here.
    pub waits: bool,
}

impl Build<'_> {
    pub async fn run(self) -> Result<BuildOutcome, BackendError> {
        let request = &self.request;
        let mut progress = Progress::of_build(Arc::clone(&request.sink));
        let silence = request.silence.as_secs().max(1).to_string();
        let program = roots::realise(self.config, &request.evaluated, &request.roots).await?;
        let ran = program
            .option("max-silent-time", &silence)
            .timeout(request.timeout)
            .run(&request.cancel, |message| progress.hear(message))
            .await?;
        match ran.end {
            End::Exited(status) if status.success() => self.succeeded(&ran, progress).await,
            End::Exited(status) => self.failed(&ran, status, progress).await,
            End::TimedOut => Ok(self.out_of_time(progress)),
            End::Cancelled | End::Silent | End::TooMuchOutput | End::Stuck { .. } => {
                let steps = progress.end(StepEnd::Cancelled);
                Ok(BuildOutcome::Cancelled { steps })
            }
        }
    }

    async fn succeeded(
        &self,
        ran: &Ran,
        mut progress: Progress,
    ) -> Result<BuildOutcome, BackendError> {
        let steps = progress.end(StepEnd::Built);
        let (config, evaluated) = (self.config.clone(), self.request.evaluated.clone());
        let links = ran.answer.clone();
        let read = move || roots::built(&config, &evaluated, &links);
        let built = tokio::task::spawn_blocking(read).await;
        let built = built.map_err(|error| super::program::attempted("read the result", error))?;
        let built = built?;
        Ok(BuildOutcome::Succeeded { built, steps })
    }

    async fn failed(
        &self,
        ran: &Ran,
        status: ExitStatus,
        mut progress: Progress,
    ) -> Result<BuildOutcome, BackendError> {
        let timed_out = status.code() == Some(TIMED_OUT);
        let steps = progress.end(match timed_out {
            true => StepEnd::TimedOut,
            false => StepEnd::Failed,
        });
        if let Some(failure) = not_started(&ran.end, &progress.last_words()) {
            return Ok(BuildOutcome::Failed { failure, steps });
        }
        if let (Some(record), None) = (&self.request.evaluated.record, status.signal()) {
            return Ok(self.not_brought(record, &mut progress, steps));
        }
        let failure = match (status.signal(), progress.failure()) {
            (Some(signal), _) => {
                Failure::transient(format!("nix-store was ended by signal {signal}"))
                    .hint("the host may be out of memory: see the kernel's log")
            }
            (None, Some(failure)) => fetched(self.config, failure, &progress).await,
            (None, None) => Failure {
                log_tail: progress.last_words(),
                ..Failure::certain(format!("nix-store failed without a word: {status}"))
            },
        };
        if !timed_out && self.is_gone(&progress).await? {
            return Ok(BuildOutcome::NotEvaluated { steps });
        }
        let waits = self.config.jobs == Some(0) && diagnose::nothing_builds(&failure);
        if waits {
            let message = "nothing is built on this host, and no binary cache has what is missing";
            return Ok(BuildOutcome::Blocked {
                reason: BlockedReason::Cache,
                message: message.into(),
                steps,
            });
        }
        Ok(match timed_out {
            true => BuildOutcome::TimedOut { failure, steps },
            false => BuildOutcome::Failed { failure, steps },
        })
    }

    /// What a record names could not be had. There is nothing that could be built
    /// instead before it is evaluated here.
    fn not_brought(&self, record: &str, progress: &mut Progress, steps: Steps) -> BuildOutcome {
        let Evaluated {
            drv_path, out_path, ..
        } = &self.request.evaluated;
        let out_path = out_path.as_ref().unwrap_or(drv_path);
        let why = why_not(progress.troubles(), out_path, record);
        let message = format!("no binary cache gives {out_path}, which {record} names: {why}");
        let message = diagnose::brief(&message);
        let is_of_host = diagnose::is_of_host(&why);
        tracing::warn!("{message}");
        progress.note(&message);
        if is_of_host {
            let failure = Failure {
                log_tail: progress.last_words(),
                ..Failure::transient(message)
            };
            return BuildOutcome::Failed { failure, steps };
        }
        match self.waits {
            false => BuildOutcome::NotEvaluated { steps },
            true => BuildOutcome::Blocked {
                reason: BlockedReason::Cache,
                message,
                steps,
            },
        }
    }

    /// The derivation itself was collected before the build began.
    async fn is_gone(&self, progress: &Progress) -> Result<bool, BackendError> {
        if !progress
            .error_text()
            .contains("cannot build missing derivation")
            && !progress.error_text().contains("is not valid")
        {
            return Ok(false);
        }
        let (drv, roots) = (&self.request.evaluated.drv_path, &self.request.roots);
        let is_there = roots::derivation(self.config, drv, roots, &self.request.cancel).await?;
        Ok(!is_there)
    }

    fn out_of_time(&self, mut progress: Progress) -> BuildOutcome {
        let steps = progress.end(StepEnd::TimedOut);
        let seconds = self.request.timeout.as_secs_f64();
        let message = format!("limit reached: the build took longer than {seconds} s");
        let failure = Failure::certain(message).hint(
            "raise `[builder] build_timeout` in the configuration, or look at what it waits for",
        );
        BuildOutcome::TimedOut { failure, steps }
    }
}

/// Why the result that `record` names could not be had, of what was in the way, the
/// last first. What names another cache than the record's may be of something else.
fn why_not<'t>(
    mut troubles: impl Iterator<Item = &'t str> + Clone,
    out_path: &str,
    record: &str,
) -> String {
    let cache = prebuilt::cache_of(record);
    let is_about =
        |text: &&str| !text.contains("://") || text.contains(cache) || text.contains(out_path);
    match (troubles.clone().find(is_about), troubles.next()) {
        (Some(about), _) => about.to_owned(),
        (None, Some(other)) => format!("none that answers has it; {other}"),
        (None, None) => "none that Nix asks has it".to_owned(),
    }
}

/// A step that fetches fails for the network's reasons too.
pub(super) async fn fetched(config: &NixConfig, failure: Failure, progress: &Progress) -> Failure {
    if failure.kind == FailureKind::Transient {
        return failure;
    }
    let Some(drv) = progress.failed_drv() else {
        return failure;
    };
    let text = tokio::fs::read(config.real_path(drv)).await;
    let is_fetch = text.is_ok_and(|text| has_promised_hash(&text));
    progress::fetch_may_pass(failure, is_fetch)
}

/// Whether a derivation's file, `Derive([("out","/nix/store/..","sha256","..")],`,
/// promises the hash of its output; only such a step has the network.
fn has_promised_hash(drv: &[u8]) -> bool {
    let text = String::from_utf8_lossy(drv);
    let first = text
        .strip_prefix("Derive([(")
        .and_then(|rest| rest.split_once(')'));
    let fields: Vec<_> = first.map_or_else(Vec::new, |(first, _)| first.split(',').collect());
    fields.len() == 4 && fields[3] != "\"\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f07_why_a_result_is_waited_for_is_what_was_said_of_it_or_of_its_cache() {
        let (out, record) = ("/nix/store/1-x", "http://ci/c/kiln/prebuilt/0.json");
        let why = |troubles: &[&str]| why_not(troubles.iter().copied(), out, record);
        let elsewhere = "unable to download 'https://other/nix-cache-info': Couldn't connect";
        let lost = "file 'nar/2.nar.zst' does not exist in binary cache";
        let own = "unable to download 'http://ci/c/2.narinfo': HTTP error 500";
        let unsigned = "the substitute for '/nix/store/1-x' from 's3://b' is not signed";
        for about in [lost, own, unsigned] {
            assert_eq!(why(&[elsewhere, about]), about);
            assert_eq!(why(&[about, elsewhere]), about);
        }
        assert_eq!(why(&[own, lost]), own, "the last");
        let none = format!("none that answers has it; {elsewhere}");
        assert_eq!(why(&[elsewhere]), none);
        assert_eq!(why(&[]), "none that Nix asks has it");
    }

    #[test]
    fn f06_only_a_step_that_promises_a_hash_fetches() {
        let fixed = br#"Derive([("out","/nix/store/h-x","r:sha256","ab12")],[],[],"x","b",[],[])"#;
        let plain = br#"Derive([("out","/nix/store/h-x","","")],[],[],"x","b",[],[])"#;
        assert!(has_promised_hash(fixed));
        assert!(!has_promised_hash(plain));
        assert!(!has_promised_hash(b"nonsense"));
        // A floating content address is no promise.
        assert!(!has_promised_hash(
            br#"Derive([("out","","r:sha256","")],[])"#
        ));
    }
}
