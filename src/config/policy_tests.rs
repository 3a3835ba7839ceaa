//! The keys of `[builder]` that say how builds follow each other.

use super::{Config, parse};
use crate::model::{Confirmation, Preemption, RetryPolicy};
use std::time::Duration;

fn builder(lines: &str) -> Config {
    let remote = "[[remotes]]\nname = \"origin\"\nurl = \"https://h/r.git\"\n";
    parse(&format!("{remote}[builder]\n{lines}"), "f").unwrap()
}

#[test]
fn without_a_word_the_newest_wins_nobody_is_asked_and_no_suspension_is_cut_short() {
    let builder = builder("").builder;
    assert_eq!(builder.preemption, Preemption::Always);
    assert_eq!(builder.confirm, Confirmation::None);
    assert_eq!(builder.max_suspend, None);
    assert_eq!(builder.retry, RetryPolicy::default());
}

#[test]
fn each_policy_can_be_chosen() {
    let lines = "preemption = \"finish-build\"\npreemption_limit = 2\nconfirm = \"auto\"\n\
                 confirm_after = \"1m\"\nmax_suspend = \"8h\"\n\
                 retry = { attempts = 2, first_delay = \"1s\", max_delay = \"3s\" }";
    let chosen = builder(lines).builder;
    let seconds = Duration::from_secs;
    assert_eq!(chosen.preemption, Preemption::FinishBuild(2));
    assert_eq!(chosen.confirm, Confirmation::Auto(seconds(60)));
    assert_eq!(chosen.max_suspend, Some(seconds(8 * 3600)));
    let (first_delay, max_delay) = (seconds(1), seconds(3));
    let retry = RetryPolicy {
        attempts: 2,
        first_delay,
        max_delay,
    };
    assert_eq!(chosen.retry, retry);
    assert_eq!(
        builder("confirm = \"manual\"").builder.confirm,
        Confirmation::Manual
    );
}
