use super::*;
use crate::fixtures::*;
use crate::model::{
    Blocked, Build, CancelledBy, Failure, GenerationNumber, Hold, HookStatus, Occasion, Steps,
    Suspension,
};
use Condition::*;

/// A host where all is well; each test breaks one thing.
struct World {
    builder: BuilderState,
    current: Option<Generation>,
    latest: Option<Generation>,
    selection: Option<Selection>,
    remotes: Vec<RemoteStatus>,
    started_at: OffsetDateTime,
    state_damaged: bool,
    disk_full: bool,
    interval: Duration,
}

fn world() -> World {
    let built = generation(3, 'a', evaluated(succeeded()));
    World {
        builder: BuilderState {
            phase: Phase::Idle,
            generation: Some(GenerationNumber(3)),
            suspension: None,
            hold: None,
        },
        current: Some(built.clone()),
        latest: Some(built),
        selection: Some(selection('a')),
        remotes: vec![remote(Verdict::Selected)],
        started_at: at(NOW - 3600),
        state_damaged: false,
        disk_full: false,
        interval: Duration::from_secs(60),
    }
}

impl World {
    fn conditions(&self) -> Vec<Condition> {
        let name = |remote: &RemoteStatus| (remote.name.clone(), self.interval);
        conditions(&Inputs {
            now: at(NOW),
            started_at: self.started_at,
            builder: &self.builder,
            current: self.current.as_ref(),
            latest: self.latest.as_ref(),
            selection: self.selection.as_ref(),
            remotes: &self.remotes,
            intervals: &self.remotes.iter().map(name).collect(),
            state_damaged: self.state_damaged,
            disk_full: self.disk_full,
        })
    }

    fn latest(mut self, evaluation: Evaluation) -> Self {
        self.latest = Some(generation(4, 'b', evaluation));
        self.selection = Some(selection('b'));
        self
    }

    fn phase(mut self, phase: Phase) -> Self {
        self.builder.phase = phase;
        self
    }
}

fn suspension() -> Option<Suspension> {
    Some(Suspension {
        since: at(NOW),
        until: None,
        reason: "holiday".into(),
        by: "ada".into(),
    })
}

fn pending(reason: BlockedReason) -> Evaluation {
    let blocked = Some(Blocked {
        reason,
        since: at(NOW),
        message: String::new(),
    });
    evaluated(Build::Pending {
        tries: 0,
        confirmed: false,
        attempt: 1,
        asked: 0,
        blocked,
    })
}

fn failed() -> Evaluation {
    Evaluation::Failed {
        then: Default::default(),
        span: span(),
        failure: Failure::certain("no such host"),
    }
}

#[test]
fn a_host_where_all_is_well_is_up_to_date() {
    assert_eq!(world().conditions(), [UpToDate]);
}

#[test]
fn d04_a_host_whose_disk_is_full_waits_and_is_not_up_to_date() {
    let mut world = world();
    world.disk_full = true;
    assert_eq!(world.conditions(), [Waiting]);
}

#[test]
fn conditions_stand_in_the_order_of_the_contract() {
    let mut world = world().latest(failed()).phase(Phase::Evaluating);
    world.state_damaged = true;
    world.builder.suspension = suspension();
    world.builder.hold = Some(Hold {
        since: at(NOW),
        until: None,
        by: "ada".into(),
    });
    let mut diverged = remote(Verdict::Diverged);
    diverged.last_success = None;
    world.remotes = vec![diverged];
    assert_eq!(
        world.conditions(),
        [
            StateDamaged,
            Suspended,
            Held,
            Failed,
            Refused,
            Stale,
            Evaluating
        ]
    );
}

#[test]
fn each_state_of_the_latest_generation_has_its_line() {
    let running = Build::Running {
        tries: 0,
        asked: 0,
        attempt: 1,
        started_at: at(NOW),
        steps: Steps::default(),
    };
    let evaluating = Evaluation::Running {
        tries: 0,
        attempt: 1,
        asked: 0,
        started_at: at(NOW),
    };
    let stopped = Evaluation::Cancelled {
        tries: 0,
        span: span(),
        by: CancelledBy::Stop,
    };
    let table = [
        (failed(), Phase::Idle, Failed),
        (pending(BlockedReason::MachineId), Phase::Waiting, Refused),
        (pending(BlockedReason::Space), Phase::Waiting, Waiting),
        (pending(BlockedReason::Platform), Phase::Waiting, Waiting),
        (evaluated(running.clone()), Phase::Building, Building),
        (evaluated(running), Phase::Stopping, Building),
        (evaluating.clone(), Phase::Evaluating, Evaluating),
        (evaluating, Phase::Stopping, Evaluating),
        (stopped, Phase::Idle, Waiting),
    ];
    for (evaluation, phase, wanted) in table {
        let found = world().latest(evaluation.clone()).phase(phase).conditions();
        assert_eq!(found.first(), Some(&wanted), "{evaluation:?} {phase:?}");
        assert!(!found.contains(&UpToDate), "{evaluation:?} {phase:?}");
    }
}

#[test]
fn every_refusing_verdict_says_refused_and_no_other_does() {
    use Verdict::*;
    for (verdict, refused) in [
        (Selected, false),
        (Equal, false),
        (Older, false),
        (BehindMain, false),
        (Diverged, true),
        (TooFar, true),
        (Untrusted, true),
        (Missing, false),
        (Unreadable, true),
    ] {
        let mut world = world();
        world.remotes = vec![remote(verdict)];
        assert_eq!(
            world.conditions().contains(&Refused),
            refused,
            "{verdict:?}"
        );
    }
}

#[test]
fn a_mirror_that_lags_beside_an_accepted_main_is_not_refused() {
    use Verdict::*;
    let mut world = world();
    world.remotes = vec![remote(Selected), remote(Diverged)];
    assert!(!world.conditions().contains(&Refused));
}

#[test]
fn stale_is_when_no_remote_answered_for_three_intervals() {
    let silent = |seconds| {
        let mut silent = remote(Verdict::Selected);
        silent.reachable = false;
        silent.last_success = Some(at(NOW - seconds));
        silent
    };
    let mut world = world();
    world.remotes = vec![silent(180)];
    assert_eq!(world.conditions(), [UpToDate], "just within");
    world.remotes = vec![silent(181), silent(500)];
    assert_eq!(world.conditions(), [Stale]);
    world.remotes = vec![silent(181), remote(Verdict::Selected)];
    assert_eq!(
        world.conditions(),
        [Waiting],
        "one of two answers: not stale, not up to date either"
    );
    world.remotes = vec![silent(500)];
    world.started_at = at(NOW - 5);
    assert_eq!(
        world.conditions(),
        [Waiting],
        "an agent just started may not know yet"
    );
    world.interval = Duration::ZERO;
    world.remotes[0].reachable = true;
    assert_eq!(world.conditions(), [UpToDate], "asked on request only");
}

#[test]
fn up_to_date_is_about_the_selection_and_not_only_the_newest_build() {
    let mut other = world();
    other.selection = Some(selection('b'));
    assert_eq!(other.conditions(), [Waiting]);
    let mut none = world();
    (none.current, none.latest, none.selection) = (None, None, None);
    assert_eq!(
        none.conditions(),
        [Waiting],
        "a new host waits for its first commit"
    );
}

#[test]
fn h03_a_hook_of_current_that_waits_or_runs_is_applying_and_a_failed_one_failed() {
    let hook = |status| Hook {
        name: "apply".parse().unwrap(),
        on: Occasion::Built,
        status,
    };
    let with = |status| {
        let mut world = world();
        let current = world.current.as_mut().unwrap();
        current.hooks = vec![hook(status)];
        world.latest = world.current.clone();
        world.conditions()
    };
    assert_eq!(with(HookStatus::Pending { attempt: 2 }), [Applying]);
    let started_at = at(NOW);
    assert_eq!(
        with(HookStatus::Running {
            attempt: 1,
            started_at
        }),
        [Applying]
    );
    assert_eq!(with(HookStatus::Succeeded { span: span() }), [UpToDate]);
    let log_tail = String::new();
    let timed_out = HookStatus::TimedOut {
        span: span(),
        log_tail,
    };
    assert_eq!(with(timed_out), [Failed]);
}
