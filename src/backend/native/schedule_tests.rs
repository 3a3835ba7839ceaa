use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn schedule(inputs: &[&[usize]], seconds: &[u32]) -> Schedule {
    let jobs = inputs.iter().zip(seconds).map(|(inputs, seconds)| Job {
        inputs: inputs.to_vec(),
        expected: SECOND * *seconds,
        is_plain: false,
    });
    Schedule::new(jobs.collect()).unwrap()
}

fn pop(schedule: &mut Schedule) -> Option<usize> {
    schedule.pop(|_| Some(())).map(|(node, ())| node)
}

fn order(mut schedule: Schedule) -> Vec<usize> {
    let mut order = Vec::new();
    while let Some(node) = pop(&mut schedule) {
        order.push(node);
        schedule.made(node);
    }
    order
}

#[test]
fn n01_a_chain_with_one_job_finishes() {
    // A; B needs C; C needs A: "fewest direct inputs first" deadlocks here.
    assert_eq!(order(schedule(&[&[], &[2], &[0]], &[1; 3])), [0, 2, 1]);
}

#[test]
fn the_longest_remaining_path_goes_first() {
    // 0 and 1 stand alone; 2 is the start of a chain of three.
    let mut schedule = schedule(&[&[], &[], &[], &[2], &[3]], &[1; 5]);
    assert_eq!(pop(&mut schedule), Some(2));
    assert_eq!(pop(&mut schedule), Some(0));
    schedule.made(2);
    assert_eq!(
        pop(&mut schedule),
        Some(3),
        "before 1, which nothing waits for"
    );
}

#[test]
fn a_long_step_goes_before_a_chain_of_short_ones() {
    assert_eq!(
        order(schedule(&[&[], &[0], &[1], &[]], &[1, 1, 1, 10]))[0],
        3
    );
}

#[test]
fn n02_what_depends_on_a_failure_is_not_made_and_the_rest_is() {
    let mut schedule = schedule(&[&[], &[], &[0, 1], &[1]], &[1; 4]);
    assert_eq!((pop(&mut schedule), pop(&mut schedule)), (Some(0), Some(1)));
    schedule.failed(0);
    schedule.made(1);
    assert_eq!((pop(&mut schedule), pop(&mut schedule)), (Some(3), None));
}

#[test]
fn nodes_that_wait_for_each_other_are_named() {
    let needs = |inputs: &[usize]| Job {
        inputs: inputs.to_vec(),
        ..Job::default()
    };
    let cycle = Schedule::new(vec![needs(&[]), needs(&[2]), needs(&[1])]).unwrap_err();
    assert_eq!(cycle, Cycle(vec![1, 2]));
    assert!(Schedule::new(vec![needs(&[7])]).is_err());
}

#[test]
fn what_does_not_fit_is_passed_but_not_for_ever() {
    // 0 has the longest path and never fits; the others do.
    let mut seconds = vec![1; 100];
    seconds[0] = 100;
    let mut schedule = schedule(&[&[][..]; 100], &seconds);
    let mut popped = 0;
    while let Some((node, ())) = schedule.pop(|node| (node != 0).then_some(())) {
        assert_ne!(node, 0);
        popped += 1;
    }
    assert_eq!(popped, PASSES, "then the line waits");
    assert_eq!(pop(&mut schedule), Some(0));
    assert!(pop(&mut schedule).is_some());
}

#[test]
fn plain_nodes_have_a_line_of_their_own() {
    let jobs = (0..5).map(|node| Job {
        is_plain: node % 2 == 0,
        ..Job::default()
    });
    let mut schedule = Schedule::new(jobs.collect()).unwrap();
    assert_eq!(schedule.pop_plain(2), [0, 2]);
    assert_eq!(pop(&mut schedule), Some(1));
    assert_eq!(schedule.pop_plain(2), [4]);
}

#[test]
fn what_remains_is_the_longest_path_or_the_work_shared() {
    let mut chain = schedule(&[&[], &[0], &[]], &[4, 6, 1]);
    assert_eq!(pop(&mut chain), Some(0));
    let after = |since, work, jobs| chain.estimate(&[(0, SECOND * since)], SECOND * work, jobs);
    assert_eq!(after(1, 11, 2), SECOND * 9, "the path");
    assert_eq!(after(1, 11, 1), SECOND * 10, "all of it, one by one");
    assert_eq!(
        after(9, 11, 2),
        SECOND * 6,
        "longer than expected counts no less than nothing"
    );
}

proptest! {
    #[test]
    fn every_node_is_popped_once_and_after_its_inputs(
        edges in proptest::collection::vec((0usize..30, 0usize..30), 0..120),
        seconds in proptest::collection::vec(0u32..50, 30),
    ) {
        let mut inputs = vec![Vec::new(); 30];
        for (a, b) in edges {
            let (low, high) = (a.min(b), a.max(b));
            if low < high && !inputs[high].contains(&low) {
                inputs[high].push(low);
            }
        }
        let slices: Vec<&[usize]> = inputs.iter().map(Vec::as_slice).collect();
        let order = order(schedule(&slices, &seconds));
        prop_assert_eq!(order.len(), 30);
        for (at, node) in order.iter().enumerate() {
            prop_assert!(inputs[*node].iter().all(|input| order[..at].contains(input)));
        }
    }
}
