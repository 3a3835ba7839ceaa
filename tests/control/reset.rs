//! A branch that was rewritten, and is accepted by hand.

use crate::common::*;
use crate::support::*;

#[test]
fn s03_accept_reset_opens_the_way_once_and_is_recorded() {
    let home = Home::new();
    let (repository, agent) = built(&home);
    let first = repository.head();
    assert_eq!(agent.kiln(&["baseline"]).ok().stdout.trim(), first);
    repository.git(&["checkout", "-q", "--orphan", "rewritten"]);
    let rewritten = repository.commit(&HELLO.replace("MOTD", "rewritten"));
    repository.git(&["branch", "-q", "-M", "rewritten", "main"]);
    agent.kiln(&["fetch"]).ok();
    let text = agent.kiln(&["status"]).ok().stdout;
    assert!(text.starts_with("REFUSED"), "{text}");
    let command = format!("kiln accept-reset origin main {rewritten}");
    for part in [&first, &rewritten, &command] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let verdict = &agent.status()["remotes"][0]["branches"][0]["verdict"];
    assert_eq!(verdict, "VERDICT_DIVERGED");

    // Only what is there now, and what is main.
    let stale = agent.kiln(&["accept-reset", "origin", "main", &first]);
    assert_eq!(stale.code, Some(1));
    assert!(stale.stderr.contains(&rewritten), "{stale:?}");
    assert_eq!(
        agent.kiln(&["accept-reset", "origin", "main", "abc"]).code,
        Some(2)
    );
    assert_eq!(
        agent.kiln(&["accept-reset", "origin", "gone", &first]).code,
        Some(1)
    );
    assert_eq!(agent.status()["baseline"], first.as_str());
    assert_eq!(recorded(&agent)["result"], "refused");

    let words: Vec<&str> = command.split(' ').skip(1).collect();
    agent
        .kiln(&[&words[..], &["--reason", "new root"]].concat())
        .ok();
    let line = recorded(&agent);
    assert_eq!(line["action"], "Agent.AcceptReset");
    assert_eq!(line["result"], "done");
    assert_eq!(line["reason"], "new root");
    let message = line["message"].as_str().unwrap();
    assert!(
        message.contains(&first) && message.contains(&rewritten),
        "{message}"
    );
    let moved = agent
        .events()
        .until(|event| event["baselineMoved"]["to"] == rewritten.as_str());
    assert_eq!(moved["durable"], true);
    assert_eq!(moved["baselineMoved"]["from"], first.as_str());
    assert_eq!(agent.built(2)["commit"]["id"], rewritten.as_str());
    assert_eq!(agent.status()["baseline"], rewritten.as_str());
    assert_eq!(agent.status()["condition"], "CONDITION_UP_TO_DATE");
    assert_eq!(
        agent.kiln(&words).code,
        Some(1),
        "it is the baseline already"
    );

    // The way is open once: the next rewrite is refused again.
    repository.git(&["checkout", "-q", "--orphan", "again"]);
    let again = repository.commit(&HELLO.replace("MOTD", "again"));
    repository.git(&["branch", "-q", "-M", "again", "main"]);
    agent.kiln(&["fetch"]).ok();
    assert_eq!(agent.status()["condition"], "CONDITION_REFUSED");
    assert_ne!(agent.status()["baseline"], again.as_str());
}

#[test]
fn s03_what_was_made_before_an_accepted_reset_does_not_move_the_baseline_back() {
    let home = Home::new();
    let (repository, agent) = built(&home);
    agent.kiln(&["suspend"]).ok();
    repository.commit(&HELLO.replace("hello >", "HELLO >"));
    agent.kiln(&["fetch"]).ok();
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 2));
    repository.git(&["checkout", "-q", "--orphan", "rewritten"]);
    let rewritten = repository.commit("host(\"web-1\",");
    repository.git(&["branch", "-q", "-M", "rewritten", "main"]);
    agent.kiln(&["fetch"]).ok();
    agent
        .kiln(&["accept-reset", "origin", "main", &rewritten])
        .ok();
    agent
        .events()
        .until(|event| is_end(event, "evalFinished", 3));
    agent.kiln(&["resume"]).ok();
    // Generation 3 does not evaluate; somebody builds the one before.
    agent.kiln(&["build", "2", "--wait"]).ok();
    assert_eq!(agent.status()["current"]["number"], 2);
    assert_eq!(agent.status()["baseline"], rewritten.as_str());
}
