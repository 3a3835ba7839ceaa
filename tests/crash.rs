//! The real agent on a real repository, killed again and again: at random
//! moments and at every point between two writes. Scenarios D1 and D2.
//!
//! `cargo test --test crash` kills it about 40 times;
//! `cargo test --test crash -- --ignored` 500 times (docs/crash-harness.md).
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

mod common;
#[path = "common/crash_world.rs"]
mod crash_world;

use crash_world::{Moment, World};
use kiln::state::fail_point::POINTS;

/// Points that only a damaged or a grown index, a collection of garbage, or files
/// that are shared lead by: in tests of their own.
const ELSEWHERE: [&str; 10] = [
    "index-moved-aside",
    "index-rebuilt",
    "compacted",
    "compacted-moved-aside",
    "compacted-in-place",
    "record-forgotten",
    "garbage-forgotten",
    "garbage-moved-away",
    "file-linked",
    "link-renamed",
];

/// A moment: a point in its turn every other time, else any time at all.
fn moment(n: usize, random: &mut fastrand::Rng) -> Moment {
    let points: Vec<_> = POINTS.iter().filter(|p| !ELSEWHERE.contains(p)).collect();
    match n % 2 {
        0 => Moment::At {
            point: points[n / 2 % points.len()],
            nth: random.u32(1..=4),
        },
        _ => Moment::After(random.u64(0..900)),
    }
}

fn kills(count: usize, seed: u64) {
    let mut world = World::new(seed);
    for n in 0..count {
        let moment = moment(n, &mut world.random);
        world.crash(moment);
        world.check();
        if n % 50 == 49 {
            eprintln!("{}", world.summary());
        }
    }
    world.check_objects();
    eprintln!("{}", world.summary());
}

#[test]
fn d01_d02_killed_forty_times_nothing_acknowledged_is_lost() {
    kills(40, 1);
}

#[test]
#[ignore = "takes ten minutes: cargo test --test crash -- --ignored"]
fn d01_d02_killed_five_hundred_times_nothing_acknowledged_is_lost() {
    kills(500, 2);
}

#[test]
fn d02_killed_while_a_damaged_index_is_replaced_the_next_start_goes_on() {
    let mut world = World::new(3);
    for point in ["index-checked", "index-moved-aside", "index-rebuilt"] {
        world.crash(Moment::After(300));
        world.damage_index();
        world.crash(Moment::At { point, nth: 1 });
        world.check();
    }
    assert!(world.kept_copies() >= 3);
}

#[test]
fn d02_killed_while_a_grown_index_is_copied_the_next_start_goes_on() {
    let mut world = World::new(4);
    for point in ["compacted", "compacted-moved-aside", "compacted-in-place"] {
        world.crash(Moment::After(300));
        world.grow_index();
        let reached = world.crash(Moment::At { point, nth: 1 });
        assert!(reached, "{point} was not reached: nothing was copied");
        world.check();
    }
}
