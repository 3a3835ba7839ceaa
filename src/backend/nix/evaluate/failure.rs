//! Why an evaluation came to nothing: in Nix's words, or by which limit.

use super::Evaluation;
use crate::backend::EvaluationOutcome;
use crate::backend::nix::attribute::shown;
use crate::backend::nix::program::{Ran, not_started};
use crate::backend::nix::progress::Progress;
use crate::backend::nix::{build, diagnose, reference};
use crate::model::Failure;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

impl Evaluation<'_> {
    pub(super) async fn failed(
        &self,
        ran: &Ran,
        status: ExitStatus,
        progress: &Progress,
    ) -> EvaluationOutcome {
        if let Some(failure) = not_started(&ran.end, &progress.last_words()) {
            return self.say(failure);
        }
        let text = progress.error_text();
        let failure = match (status.signal(), progress.failure()) {
            (Some(libc::SIGABRT | libc::SIGSEGV | libc::SIGBUS), _) => self.out_of_memory(),
            (Some(signal), _) => Failure {
                log_tail: progress.last_words(),
                ..Failure::transient(format!("nix was ended by signal {signal}"))
                    .hint("the host may be out of memory: see the kernel's log")
            },
            (None, Some(failure)) if failure.message == "out of memory" => self.out_of_memory(),
            (None, Some(failure)) if failure.message.contains("does not provide attribute") => {
                let first = self.config.attribute.names(&self.request.host);
                let first = first.first().map_or("", String::as_str);
                let message = format!("flake.nix has no output {}", shown(first));
                Failure {
                    usage: true,
                    ..Failure::certain(message).hint("declare it, or set `[backend] attribute`")
                }
            }
            (None, Some(failure)) => build::fetched(self.config, failure, progress).await,
            (None, None) => Failure {
                log_tail: progress.last_words(),
                ..Failure::certain(format!("nix failed without a word: {status}"))
            },
        };
        let (source, places) = (self.request.source.clone(), diagnose::places(text));
        let place = tokio::task::spawn_blocking(move || reference::first_inside(&source, places));
        let location = place.await.ok().flatten();
        EvaluationOutcome::Failed(Failure {
            location,
            ..failure
        })
    }

    /// A failure that Nix itself did not put into the log.
    pub(super) fn say(&self, failure: Failure) -> EvaluationOutcome {
        if self.logs_errors {
            let text = format!("{}\n", failure.message);
            self.request.sink.log(None, text.as_bytes());
        }
        EvaluationOutcome::Failed(failure)
    }

    pub(super) fn out_of_time(&self) -> Failure {
        let seconds = self.request.timeout.as_secs_f64();
        Failure::certain(format!(
            "limit reached: the evaluation took longer than {seconds} s"
        ))
        .hint(
            "raise `[builder] eval_timeout` in the configuration, or look for an endless recursion",
        )
    }

    fn out_of_memory(&self) -> Failure {
        Failure::certain(format!(
            "limit reached: the evaluation needs more than its {} MiB of memory",
            self.memory() >> 20
        ))
        .hint("raise `[builder] eval_memory` in the configuration")
    }

    pub(super) fn too_much(&self) -> Failure {
        Failure::certain(format!(
            "limit reached: the evaluation says more than {} MiB",
            self.config.log_size >> 20
        ))
        .hint("look for builtins.trace, or raise `[limits] log_size`")
    }
}
