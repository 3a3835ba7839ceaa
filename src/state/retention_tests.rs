use super::*;
use proptest::prelude::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn now() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + DAY * 1000
}

fn keep(built: u32, failed: u32, days: u32) -> Retention {
    Retention {
        built,
        failed,
        age: DAY * days,
        logs: 0,
        events: 0,
    }
}

/// Generations 1, 2, ... from the oldest: built or not, and how many days ago.
fn history(of: &[(bool, u32)]) -> Vec<Candidate> {
    let candidate = |(n, (built, days)): (usize, &(bool, u32))| Candidate {
        number: GenerationNumber(n as u32 + 1),
        built: *built,
        ended_at: Some(now() - DAY * *days),
    };
    let mut history: Vec<_> = of.iter().enumerate().map(candidate).collect();
    history.reverse();
    history
}

fn gone(candidates: &[Candidate], current: u32, retention: &Retention) -> Vec<u32> {
    let current = Some(GenerationNumber(current));
    let gone = leaving(candidates, current, retention, now());
    gone.into_iter().map(|number| number.0).collect()
}

#[test]
fn d06_what_is_beyond_the_count_leaves_once_it_is_older_than_the_days() {
    let six = history(&[
        (true, 100),
        (true, 95),
        (true, 80),
        (true, 5),
        (true, 4),
        (true, 3),
    ]);
    assert_eq!(gone(&six, 6, &keep(2, 0, 90)), [2, 1]);
    assert_eq!(gone(&six, 6, &keep(2, 0, 200)), [0; 0]);
    assert_eq!(gone(&six, 6, &keep(9, 0, 1)), [0; 0]);
}

#[test]
fn d06_beyond_ten_times_the_count_nothing_is_kept_however_young() {
    let many = history(&[(true, 0); 25]);
    assert_eq!(gone(&many, 25, &keep(2, 0, 90)), [5, 4, 3, 2, 1]);
}

#[test]
fn d06_failed_generations_do_not_push_out_built_ones() {
    let mut history = history(&[
        (true, 99),
        (true, 98),
        (false, 97),
        (false, 96),
        (false, 95),
    ]);
    assert_eq!(gone(&history, 2, &keep(2, 1, 1)), [4, 3]);
    // What has not ended stays.
    history[1].ended_at = None;
    assert_eq!(gone(&history, 2, &keep(2, 1, 1)), [3]);
}

#[test]
fn d04_a_clock_that_went_back_makes_nothing_old() {
    let mut history = history(&[(true, 0), (true, 0), (true, 0), (true, 0)]);
    for candidate in &mut history {
        candidate.ended_at = Some(now() + DAY * 4000);
    }
    assert_eq!(gone(&history, 4, &keep(1, 1, 0)), [0; 0]);
}

proptest! {
    #[test]
    fn d06_current_previous_and_the_latest_never_leave(
        of in proptest::collection::vec((any::<bool>(), 0_u32..400), 1..60),
        built in 0_u32..5, failed in 0_u32..5, days in 0_u32..200, pick in any::<proptest::sample::Index>(),
    ) {
        let history = history(&of);
        let all_built: Vec<_> = history.iter().filter(|c| c.built).map(|c| c.number.0).collect();
        prop_assume!(!all_built.is_empty());
        let at = pick.index(all_built.len());
        let gone = gone(&history, all_built[at], &keep(built, failed, days));
        prop_assert!(!gone.contains(&all_built[at]));
        prop_assert!(!gone.contains(&(of.len() as u32)));
        if let Some(previous) = all_built.get(at + 1) {
            prop_assert!(!gone.contains(previous));
        }
    }
}
