//! `--wait`: until the generation is evaluated and any build and hooks of it ended.

use super::error::{CliError, Outcome, Problem};
use super::human;
use super::render::Output;
use crate::client::Client;
use crate::pb::{self, BlockedReason, BuildStatus, EvaluationStatus};
use std::time::Duration;

/// Between two looks at a generation whose log stream ended before it did.
const AGAIN: Duration = Duration::from_millis(200);

/// Waits for the end of generation `number` and prints it.
///
/// # Errors
/// When it did not go well, or the agent went away.
pub async fn wait(client: &Client, out: &Output, number: u32) -> Result<(), CliError> {
    let ended = match until_ended(client, out, number).await {
        Err(CliError::Problem(problem)) if problem.outcome == Outcome::Unreachable => {
            let message = format!("the agent went away while generation {number} was in work");
            let hint = format!("its next start takes it up; then: kiln show {number}");
            return Err(CliError::Problem(Box::new(Problem {
                message,
                hint,
                ..*problem
            })));
        }
        ended => ended?,
    };
    if let Some(problem) = verdict(&ended) {
        return Err(problem.into());
    }
    out.either(&ended, || human::generation(&ended, crate::model::now()))
}

async fn until_ended(
    client: &Client,
    out: &Output,
    number: u32,
) -> Result<pb::Generation, CliError> {
    let mut said = "";
    loop {
        let request = pb::GetGenerationRequest { number };
        let generation = client.agent().get_generation(request).await?.into_inner();
        if is_ended(&generation) {
            return Ok(generation);
        }
        let now = human::outcome(&generation);
        if now != said {
            said = now;
            out.note(&format!("generation {number}: {now}"));
        }
        // A followed log ends when the generation has: the agent wakes us.
        follow(client, number).await?;
        tokio::time::sleep(AGAIN).await;
    }
}

async fn follow(client: &Client, number: u32) -> Result<(), CliError> {
    let request = pb::ReadLogRequest {
        generation_number: number,
        follow: true,
        ..Default::default()
    };
    let mut log = client.agent().read_log(request).await?.into_inner();
    while log.message().await?.is_some() {}
    Ok(())
}

/// Nothing will happen to it any more without somebody asking.
fn is_ended(generation: &pb::Generation) -> bool {
    if let Some(build) = &generation.build {
        if is_for_another_machine(build) {
            return true;
        }
        return !matches!(build.status(), BuildStatus::Pending | BuildStatus::Running)
            && !is_tried_again(build.retry.as_ref())
            && !has_open_hooks(generation);
    }
    let evaluation = generation.evaluation.clone().unwrap_or_default();
    !matches!(
        evaluation.status(),
        EvaluationStatus::Pending | EvaluationStatus::Running
    ) && !is_tried_again(evaluation.retry.as_ref())
        && !has_open_hooks(generation)
}

fn is_tried_again(retry: Option<&pb::Retry>) -> bool {
    retry.is_some_and(|retry| retry.next_at.is_some())
}

fn has_open_hooks(generation: &pb::Generation) -> bool {
    let is_open = |hook: &pb::Hook| {
        matches!(
            hook.status(),
            pb::HookStatus::Pending | pb::HookStatus::Running
        )
    };
    generation.hooks.iter().any(is_open)
}

/// Waiting would not help.
fn is_for_another_machine(build: &pb::Build) -> bool {
    let blocked = build.blocked.as_ref();
    blocked.is_some_and(|blocked| blocked.reason() == BlockedReason::MachineId)
}

/// What to tell about a generation that did not end well.
pub fn verdict(generation: &pb::Generation) -> Option<Problem> {
    let build = generation.build.clone().unwrap_or_default();
    let number = generation.number;
    if build.status() == BuildStatus::Succeeded {
        let bad = generation.hooks.iter().find_map(human::hook_failure)?;
        let message = format!("generation {number} is built, but its {bad}");
        return Some(Problem::failed(message).hint(format!("kiln show {number}")));
    }
    if is_for_another_machine(&build) {
        let why = build
            .blocked
            .map(|blocked| blocked.message)
            .unwrap_or_default();
        let message = format!("generation {number} is for another machine: {why}");
        return Some(Problem::failed(message).hint(format!("kiln show {number}")));
    }
    let superseded = build.superseded_by.max(
        generation
            .evaluation
            .as_ref()
            .map_or(0, |e| e.superseded_by),
    );
    let (mut message, mut hint) = (
        format!("generation {number}: {}", human::outcome(generation)),
        format!("kiln log {number}"),
    );
    if superseded > 0 {
        message = format!("{message} by generation {superseded}");
        hint = format!("kiln show {superseded}");
    }
    Some(
        Problem::failed(message)
            .hint(hint)
            .because(human::failure_of(generation).cloned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(status: BuildStatus, superseded_by: u32) -> pb::Generation {
        let build = pb::Build {
            status: status.into(),
            superseded_by,
            cancelled_by: 1,
            ..Default::default()
        };
        pb::Generation {
            number: 4,
            build: Some(build),
            ..Default::default()
        }
    }

    #[test]
    fn only_a_built_generation_went_well() {
        assert_eq!(verdict(&generation(BuildStatus::Succeeded, 0)), None);
        for status in [
            BuildStatus::Failed,
            BuildStatus::TimedOut,
            BuildStatus::Cancelled,
        ] {
            assert!(verdict(&generation(status, 0)).is_some(), "{status:?}");
        }
        let evaluation = pb::Evaluation {
            status: EvaluationStatus::Failed.into(),
            ..Default::default()
        };
        let failed = pb::Generation {
            number: 4,
            evaluation: Some(evaluation),
            ..Default::default()
        };
        assert!(is_ended(&failed) && verdict(&failed).is_some());
        let mut foreign = generation(BuildStatus::Pending, 0);
        assert!(!is_ended(&foreign));
        foreign.build.as_mut().unwrap().blocked = Some(pb::Blocked {
            reason: BlockedReason::MachineId.into(),
            ..Default::default()
        });
        assert!(
            is_ended(&foreign) && verdict(&foreign).is_some(),
            "waiting would not help"
        );
        let mut applied = generation(BuildStatus::Succeeded, 0);
        let hook = |status: pb::HookStatus| pb::Hook {
            name: "apply".into(),
            status: status.into(),
            exit_code: 7,
            ..Default::default()
        };
        applied.hooks = vec![hook(pb::HookStatus::Running)];
        assert!(!is_ended(&applied), "its hooks are waited for");
        applied.hooks = vec![hook(pb::HookStatus::Failed)];
        assert_eq!(
            verdict(&applied).unwrap().message,
            "generation 4 is built, but its hook apply failed with exit code 7"
        );
        let newer = verdict(&generation(BuildStatus::Cancelled, 5)).unwrap();
        assert_eq!(
            (&newer.message[..], &newer.hint[..]),
            ("generation 4: superseded by generation 5", "kiln show 5")
        );
    }
}
