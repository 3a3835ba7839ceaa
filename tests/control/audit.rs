//! What is kept of every change: the audit log.

use crate::common::*;
use crate::support::*;
use serde_json::Value;

#[test]
fn a_change_that_cannot_be_recorded_is_refused_and_not_made() {
    let home = Home::new();
    let (_, agent) = built(&home);
    let path = agent.state.join("audit.jsonl");
    std::fs::rename(&path, home.path("moved")).unwrap();
    std::fs::create_dir(&path).unwrap();
    let refused = agent.kiln(&["suspend"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for part in ["audit.jsonl", "nothing was changed"] {
        assert!(refused.stderr.contains(part), "{refused:?}");
    }
    assert_eq!(agent.status()["condition"], "CONDITION_UP_TO_DATE");
    std::fs::remove_dir(&path).unwrap();
    agent.kiln(&["suspend"]).ok();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn d01_a_line_torn_by_a_crash_is_mended_at_the_next_start() {
    let home = Home::new();
    let (repository, agent) = built(&home);
    agent.kiln(&["suspend"]).ok();
    let path = agent.state.join("audit.jsonl");
    agent.kill();
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"time\":\"2026-");
    std::fs::write(&path, text).unwrap();
    let agent = Agent::start(&home, &remote(&repository));
    agent.kiln(&["resume"]).ok();
    let actions = audit(&agent).into_iter().map(|line| line["action"].clone());
    let actions: Vec<Value> = actions.collect();
    assert_eq!(actions, ["Builder.Suspend", "Builder.Resume"]);
}

#[test]
fn c03_a_change_goes_on_and_is_recorded_when_its_caller_is_killed() {
    let home = Home::new();
    let (repository, agent) = built(&home);
    let mark = mark(5);
    sleeps(
        &agent,
        &repository,
        &mark,
        &format!("trap '' TERM; sleep {mark} & wait; wait; echo > $out"),
    );
    // The step ignores SIGTERM: it takes the whole grace until the answer comes.
    let mut kiln = home.command();
    kiln.arg("--socket")
        .arg(&agent.socket)
        .args(["cancel", "--reason", "left"]);
    let mut caller = kiln.spawn().unwrap();
    wait_for(|| (agent.status()["builder"]["phase"] == "PHASE_STOPPING").then_some(()));
    caller.kill().unwrap();
    caller.wait().unwrap();
    agent
        .events()
        .until(|event| is_end(event, "buildFinished", 2));
    let recorded = || {
        let line = audit(&agent).pop()?;
        (line["action"] == "Builder.Stop").then_some(line)
    };
    let line = wait_for(recorded);
    assert_eq!(
        (&line["result"], &line["reason"]),
        (&"done".into(), &"left".into())
    );
}
