use super::*;
use crate::fixtures::{NOW, at, evaluated, generation, succeeded};

fn hook(name: &str, on: Occasion, status: HookStatus) -> Hook {
    let name = name.parse().unwrap();
    Hook { name, on, status }
}

fn waits(name: &str) -> Hook {
    hook(name, Occasion::Built, HookStatus::Pending { attempt: 1 })
}

fn ran(name: &str) -> Hook {
    let span = Span {
        attempt: 1,
        started_at: at(NOW),
        ended_at: at(NOW),
    };
    hook(name, Occasion::Built, HookStatus::Succeeded { span })
}

fn with(number: u32, hooks: Vec<Hook>) -> Generation {
    let mut generation = generation(number, 'a', evaluated(succeeded()));
    generation.hooks = hooks;
    generation
}

fn key(number: u32, name: &str, on: Occasion) -> Key {
    let name = name.parse().unwrap();
    let number = GenerationNumber(number);
    Key { number, name, on }
}

fn next_of(open: &[Generation], current: u32, suspended: bool) -> Option<Next> {
    next(open, Some(GenerationNumber(current)), suspended, |name| {
        name.as_str() != "removed"
    })
}

fn run(number: u32, name: &str) -> Option<Next> {
    Some(Next::Run(key(number, name, Occasion::Built), 1))
}

fn superseded(number: u32, name: &str, newer: u32) -> Option<Next> {
    let by = CancelledBy::Superseded(GenerationNumber(newer));
    Some(Next::Cancel(key(number, name, Occasion::Built), by))
}

#[test]
fn hooks_run_in_order() {
    let one = with(1, vec![waits("apply"), waits("tell")]);
    assert_eq!(next_of(&[one], 1, false), run(1, "apply"));
    let one = with(1, vec![ran("apply"), waits("tell")]);
    assert_eq!(next_of(&[one], 1, false), run(1, "tell"));
    assert_eq!(next_of(&[with(1, vec![ran("apply")])], 1, false), None);
}

#[test]
fn h02_of_the_generations_built_meanwhile_only_the_newest_gets_its_hooks() {
    let two = with(2, vec![waits("apply")]);
    let three = with(3, vec![waits("apply")]);
    assert_eq!(
        next_of(&[two, three.clone()], 3, false),
        superseded(2, "apply", 3)
    );
    assert_eq!(next_of(&[three], 3, false), run(3, "apply"));
}

#[test]
fn h02_what_has_begun_is_gone_through_but_not_retried_when_a_newer_one_is_there() {
    let one = with(1, vec![ran("apply"), waits("tell")]);
    let two = with(2, vec![waits("apply"), waits("tell")]);
    assert_eq!(next_of(&[one, two.clone()], 2, false), run(1, "tell"));
    let again = hook("apply", Occasion::Built, HookStatus::Pending { attempt: 2 });
    let one = with(1, vec![again.clone()]);
    assert_eq!(next_of(&[one, two], 2, false), superseded(1, "apply", 2));
    let retry = Some(Next::Run(key(1, "apply", Occasion::Built), 2));
    assert_eq!(next_of(&[with(1, vec![again])], 1, false), retry);
}

#[test]
fn a_suspension_holds_what_has_not_started_but_not_what_tells_of_it() {
    let told = hook(
        "tell",
        Occasion::Suspended,
        HookStatus::Pending { attempt: 1 },
    );
    let one = with(1, vec![waits("apply"), told]);
    let tells = Some(Next::Run(key(1, "tell", Occasion::Suspended), 1));
    assert_eq!(next_of(&[one], 1, true), tells);
    let one = with(1, vec![waits("apply")]);
    assert_eq!(next_of(std::slice::from_ref(&one), 1, true), None);
    assert_eq!(next_of(&[one], 1, false), run(1, "apply"));
}

#[test]
fn h03_what_was_running_is_waited_for_before_anything_else() {
    let started_at = at(NOW);
    let running = HookStatus::Running {
        attempt: 2,
        started_at,
    };
    let running = hook("tell", Occasion::Failed, running);
    let open = [with(1, vec![waits("apply")]), with(2, vec![running])];
    let adopt = Next::Adopt(key(2, "tell", Occasion::Failed), 2, started_at);
    assert_eq!(next_of(&open, 1, true), Some(adopt));
}

#[test]
fn failed_hooks_of_an_earlier_generation_run_and_removed_ones_do_not() {
    let tell = hook("tell", Occasion::Failed, HookStatus::Pending { attempt: 1 });
    let one = with(1, vec![tell]);
    let tells = Some(Next::Run(key(1, "tell", Occasion::Failed), 1));
    assert_eq!(next_of(&[one], 3, false), tells);
    let gone = key(1, "removed", Occasion::Built);
    assert_eq!(
        next_of(&[with(1, vec![waits("removed")])], 1, false),
        Some(Next::Cancel(gone, CancelledBy::Stop))
    );
}

fn outcome(end: End) -> Outcome {
    Outcome {
        started_at: at(NOW),
        ended_at: at(NOW + 1),
        end,
        log_tail: "words".into(),
    }
}

#[test]
fn h03_a_failing_hook_is_retried_as_configured_with_growing_delays() {
    let fails = |attempt| after(outcome(End::Exited { code: 7 }), attempt, 3);
    for (attempt, seconds) in [(1, 1), (2, 2), (3, 4)] {
        let next = HookStatus::Pending {
            attempt: attempt + 1,
        };
        assert_eq!(fails(attempt), (next, Some(Duration::from_secs(seconds))));
    }
    let (last, delay) = fails(4);
    assert!(matches!(last, HookStatus::Failed { exit_code: 7, .. }) && delay.is_none());
    let (never, _) = after(outcome(End::Exited { code: 1 }), 1, 0);
    assert!(matches!(never, HookStatus::Failed { .. }));
    assert_eq!(delay_of(60), MAX_DELAY);
}

fn delay_of(attempt: u32) -> Duration {
    super::delay(attempt)
}

#[test]
fn success_and_timeout_are_ends() {
    let (well, delay) = after(outcome(End::Exited { code: 0 }), 2, 3);
    assert!(matches!(well, HookStatus::Succeeded { .. }) && delay.is_none());
    let (late, delay) = after(outcome(End::TimedOut), 1, 3);
    assert!(matches!(late, HookStatus::TimedOut { .. }) && delay.is_none());
}
