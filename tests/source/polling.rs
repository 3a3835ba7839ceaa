//! The poller: what is selected, announced and kept while remotes move, hang,
//! vanish and come back.

use crate::support::*;
use kiln::model::CommitId;
use kiln::source::{
    FetchError, RemoteConfig, RemoteStatus, ResolveError, Selection, SourceEvent, Verdict, poller,
};
use std::time::{Duration, Instant};

fn start(place: &Place, remotes: Vec<RemoteConfig>) -> Running {
    start_with(place, remotes, None)
}

fn start_with(place: &Place, remotes: Vec<RemoteConfig>, initial: Option<CommitId>) -> Running {
    let config = kiln::source::SourceConfig {
        remotes,
        initial_commit: initial,
        ..place.config.clone()
    };
    Running::new(|sink, baseline, cancel| poller::start(config, sink, baseline, cancel))
}

fn verdict<'a>(
    statuses: &'a [RemoteStatus],
    remote: &str,
    branch: &str,
) -> &'a kiln::source::Branch {
    let status = statuses.iter().find(|s| s.name.as_str() == remote).unwrap();
    status
        .branches
        .iter()
        .find(|b| b.name.as_str() == branch)
        .unwrap()
}

fn on(selection: &Selection) -> (String, bool) {
    let remote = selection.origin.remote.as_ref().unwrap();
    let branch = selection.origin.branch.as_ref().unwrap();
    (format!("{remote}/{branch}"), selection.origin.testing)
}

#[tokio::test]
async fn s01_testing_ahead_wins_and_main_catching_up_is_selected_as_main() {
    let place = Place::new();
    let repo = place.repo("infra");
    let first = repo.commit("a");
    let mut running = start(&place, vec![remote("origin", repo.url())]);
    let selection = running.selected(&first).await;
    assert_eq!(on(&selection), ("origin/main".into(), false));
    repo.branch("testing");
    let second = repo.commit("b");
    let statuses = running.handle.fetch(vec![]).await.unwrap();
    let selection = running.selected(&second).await;
    assert_eq!(on(&selection), ("origin/testing".into(), true));
    assert_eq!(verdict(&statuses, "origin", "main").verdict, Verdict::Older);
    repo.git(&["branch", "-f", "main", "testing"]);
    let statuses = running.handle.fetch(vec![]).await.unwrap();
    let selection = running.handle.selection().borrow().clone().unwrap();
    assert_eq!(
        (selection.commit.id.clone(), on(&selection)),
        (second, ("origin/main".into(), false))
    );
    assert_eq!(
        verdict(&statuses, "origin", "testing").verdict,
        Verdict::Equal
    );
    running.stop().await;
}

#[tokio::test]
async fn s02_a_second_remote_takes_over_when_it_is_ahead_and_the_first_is_down() {
    let place = Place::new();
    let repo = place.repo("one");
    let first = repo.commit("a");
    repo.git(&["clone", "-q", ".", "../two"]);
    let two = Repo::new(place.folder.path().join("two"));
    let mut running = start(
        &place,
        vec![remote("r1", repo.url()), remote("r2", two.url())],
    );
    running.selected(&first).await;
    let statuses = running.handle.fetch(vec![]).await.unwrap();
    let verdicts = ["r1", "r2"].map(|name| verdict(&statuses, name, "main").verdict);
    assert_eq!(verdicts, [Verdict::Selected, Verdict::Equal]);
    std::fs::rename(&repo.path, place.folder.path().join("gone")).unwrap();
    let ahead = two.commit("b");
    let statuses = running.handle.fetch(vec![]).await.unwrap();
    assert_eq!(on(&running.selected(&ahead).await).0, "r2/main");
    assert_eq!(
        (statuses[0].reachable, statuses[1].reachable),
        (false, true)
    );
    assert!(
        statuses[0].error.contains("no Git repository"),
        "{}",
        statuses[0].error
    );
    two.branch("testing");
    let testing = two.commit("c");
    running.handle.fetch(vec![]).await.unwrap();
    assert_eq!(
        on(&running.selected(&testing).await),
        ("r2/testing".into(), true)
    );
    running.stop().await;
}

#[tokio::test]
async fn s03_a_hard_reset_is_refused_until_the_baseline_moves_and_others_still_count() {
    let place = Place::new();
    let repo = place.repo("infra");
    let root = repo.commit("a");
    let built = repo.commit("b");
    let mut running = start(&place, vec![remote("origin", repo.url())]);
    running.selected(&built).await;
    running.baseline.send_replace(Some(built.clone()));
    repo.git(&["reset", "-q", "--hard", root.as_str()]);
    let reset = repo.commit("c");
    let statuses = running.handle.fetch(vec![]).await.unwrap();
    let main = verdict(&statuses, "origin", "main");
    assert_eq!(main.verdict, Verdict::Diverged);
    assert!(
        main.message.contains(built.as_str()) && main.message.contains(reset.as_str()),
        "{main:?}"
    );
    assert_eq!(main.hint, format!("kiln accept-reset origin main {reset}"));
    running.settle().await;
    assert_eq!(
        running.current(),
        Some(built),
        "the previous selection is kept"
    );
    running.baseline.send_replace(Some(reset.clone())); // what accept-reset does
    running.selected(&reset).await;
    running.stop().await;
}

#[tokio::test]
async fn s04_s05_testing_is_forced_deleted_and_main_returns() {
    let place = Place::new();
    let repo = place.repo("infra");
    let main = repo.commit("a");
    repo.branch("testing");
    let testing = repo.commit("b");
    let mut running = start(&place, vec![remote("origin", repo.url())]);
    running.selected(&testing).await;
    repo.git(&["commit", "-q", "--amend", "-m", "forced"]);
    running.handle.fetch(vec![]).await.unwrap();
    running.selected(&repo.head()).await;
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["branch", "-D", "testing"]);
    let statuses = running.handle.fetch(vec![]).await.unwrap();
    assert_eq!(running.current(), Some(main));
    assert_eq!(
        verdict(&statuses, "origin", "testing").verdict,
        Verdict::Missing
    );
    repo.git(&["checkout", "-q", "--orphan", "testing"]);
    repo.commit("unrelated");
    let statuses = running.handle.fetch(vec![]).await.unwrap();
    assert_eq!(
        verdict(&statuses, "origin", "testing").verdict,
        Verdict::BehindMain
    );
    running.stop().await;
}

#[tokio::test]
async fn s06_main_forced_back_to_the_baseline_is_selected() {
    let place = Place::new();
    let repo = place.repo("infra");
    let built = repo.commit("a");
    let bad = repo.commit("b");
    let mut running = start(&place, vec![remote("origin", repo.url())]);
    running.selected(&bad).await;
    running.baseline.send_replace(Some(built.clone()));
    repo.git(&["reset", "-q", "--hard", built.as_str()]);
    running.handle.fetch(vec![]).await.unwrap();
    running.selected(&built).await;
    running.stop().await;
}

#[tokio::test]
async fn s07_a_head_whose_objects_are_lost_is_unreadable() {
    let place = Place::new();
    let repo = place.repo("infra");
    let head = repo.commit("a");
    let remote = remote("origin", repo.url());
    place.heads(&remote).await;
    std::fs::remove_dir_all(&repo.path).unwrap();
    std::fs::remove_dir_all(place.config.repository.join("objects/pack")).unwrap();
    let running = start(&place, vec![remote]);
    let statuses = running.handle.fetch(vec![]).await.unwrap();
    let main = verdict(&statuses, "origin", "main");
    assert_eq!(
        (main.verdict, main.head.as_str()),
        (Verdict::Unreadable, head.as_str()),
        "{main:?}"
    );
    running.stop().await;
}

#[tokio::test]
async fn s09_initial_commit_refuses_an_unrelated_history_on_first_contact() {
    let place = Place::new();
    let (ours, theirs) = (place.repo("ours"), place.repo("theirs"));
    let initial = ours.commit("a");
    let head = ours.commit("b");
    theirs.commit("evil");
    let remotes = vec![remote("theirs", theirs.url()), remote("ours", ours.url())];
    let mut running = start_with(&place, remotes, Some(initial));
    let statuses = running.handle.fetch(vec![]).await.unwrap();
    running.selected(&head).await;
    assert_eq!(
        verdict(&statuses, "theirs", "main").verdict,
        Verdict::Diverged
    );
    running.stop().await;
}

#[tokio::test]
async fn s10_a_remote_that_hangs_delays_no_other_and_ends_with_the_source() {
    let place = Place::new();
    let repo = place.repo("infra");
    let head = repo.commit("a");
    let silent = format!("git://127.0.0.1:{}/x", silent_server());
    let hanging = RemoteConfig {
        timeout: Duration::from_secs(600),
        ..remote("hanging", silent.clone())
    };
    let short = RemoteConfig {
        timeout: Duration::from_millis(200),
        ..remote("short", silent)
    };
    let mut running = start(&place, vec![hanging, short, remote("origin", repo.url())]);
    running.selected(&head).await;
    let next = repo.commit("b");
    let statuses = running
        .handle
        .fetch(vec!["origin".parse().unwrap()])
        .await
        .unwrap();
    assert_eq!((statuses.len(), statuses[0].reachable), (1, true));
    assert_eq!(running.current(), Some(next));
    let statuses = running
        .handle
        .fetch(vec!["short".parse().unwrap()])
        .await
        .unwrap();
    assert!(
        statuses[0].error.contains("longer than 0.2 s"),
        "{statuses:?}"
    );
    let stopping = Instant::now();
    running.stop().await;
    assert!(
        stopping.elapsed() < Duration::from_secs(4),
        "the hanging child was killed"
    );
}

#[tokio::test]
async fn s11_a_local_remote_is_noticed_without_polling_packed_refs_and_new_folders_included() {
    let place = Place::new();
    let work = place.repo("work");
    let mut head = work.commit("a");
    work.git(&["clone", "-q", "--bare", ".", "../hub.git"]);
    let hub = place.folder.path().join("hub.git");
    let url = format!("file://{}", hub.display());
    let tracked = RemoteConfig {
        testing: Some(branch("deep/er/testing")),
        ..remote("origin", url)
    };
    let mut running = start(&place, vec![tracked]);
    running.selected(&head).await;
    let mut slowest = Duration::ZERO;
    for n in 0..6 {
        if n % 2 == 1 {
            git(&hub)
                .args(["pack-refs", "--all", "--prune"])
                .status()
                .unwrap();
        }
        head = work.commit(&format!("f{n}"));
        work.git(&["push", "-q", "../hub.git", "main"]);
        let pushed = Instant::now();
        running.selected(&head).await;
        slowest = slowest.max(pushed.elapsed());
    }
    eprintln!("noticed, fetched and judged in {slowest:?} at most");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let testing = work.commit("t");
    work.git(&[
        "push",
        "-q",
        "../hub.git",
        "HEAD:refs/heads/deep/er/testing",
    ]);
    running.selected(&testing).await;
    git(&hub)
        .args(["branch", "-q", "-D", "deep/er/testing"])
        .status()
        .unwrap();
    running.selected(&head).await;
    work.git(&[
        "push",
        "-q",
        "../hub.git",
        "HEAD:refs/heads/deep/er/testing",
    ]);
    running.selected(&testing).await;
    std::fs::rename(&hub, place.folder.path().join("away")).unwrap();
    work.git(&["clone", "-q", "--bare", ".", "../hub.git"]);
    running.settle().await;
    let last = work.commit("z");
    work.git(&["push", "-q", "../hub.git", "main"]);
    running.selected(&last).await;
    git(&hub)
        .args(["pack-refs", "--all", "--prune"])
        .status()
        .unwrap();
    let next = work.commit("only in packed-refs");
    work.git(&["push", "-q", "../hub.git", "main:aside"]);
    running.settle().await;
    let packed = std::fs::read_to_string(hub.join("packed-refs")).unwrap();
    std::fs::write(
        hub.join("new"),
        packed.replace(last.as_str(), next.as_str()),
    )
    .unwrap();
    std::fs::rename(hub.join("new"), hub.join("packed-refs")).unwrap();
    running.selected(&next).await;
    running.stop().await;
}

#[tokio::test]
async fn only_changes_are_announced() {
    let place = Place::new();
    let repo = place.repo("infra");
    let head = repo.commit("a");
    let mut running = start(&place, vec![remote("origin", repo.url())]);
    running.selected(&head).await;
    for _ in 0..3 {
        running.handle.fetch(vec![]).await.unwrap();
    }
    let kinds = |events: Vec<SourceEvent>| -> Vec<&str> {
        let kind = |e: &SourceEvent| {
            if matches!(e, SourceEvent::Fetched(_)) {
                "fetched"
            } else {
                "selected"
            }
        };
        events.iter().map(kind).collect()
    };
    assert_eq!(kinds(running.events()), ["fetched", "selected"]);
    let moved = place.folder.path().join("away");
    std::fs::rename(&repo.path, &moved).unwrap();
    running.handle.fetch(vec![]).await.unwrap();
    running.handle.fetch(vec![]).await.unwrap();
    std::fs::rename(&moved, &repo.path).unwrap();
    running.handle.fetch(vec![]).await.unwrap();
    assert_eq!(
        kinds(running.events()),
        ["fetched", "selected", "fetched", "fetched"]
    );
    running.stop().await;
}

#[tokio::test]
async fn after_a_restart_a_dead_remote_keeps_what_was_fetched_of_it() {
    let place = Place::new();
    let repo = place.repo("infra");
    let head = repo.commit("a");
    let mut running = start(&place, vec![remote("origin", repo.url())]);
    running.selected(&head).await;
    running.stop().await;
    std::fs::remove_dir_all(&repo.path).unwrap();
    let mut running = start(&place, vec![remote("origin", repo.url())]);
    running.selected(&head).await;
    assert!(!running.handle.statuses()[0].reachable);
    running.stop().await;
}

#[tokio::test]
async fn what_a_person_types_is_resolved_or_refused_with_what_there_is() {
    let place = Place::new();
    let repo = place.repo("infra");
    let first = repo.commit("a");
    let main = repo.commit("b");
    repo.branch("testing");
    let testing = repo.commit("c");
    let mut running = start(&place, vec![remote("origin", repo.url())]);
    let handle = running.handle.clone();
    running.selected(&testing).await;
    let found = async |rev: &str, remote, branch| {
        handle
            .resolve(rev, remote, branch)
            .await
            .map(|s| (s.commit.id, s.origin))
    };
    for (rev, remote, branch, id, testing_too) in [
        ("", None, None, &testing, true),
        ("main", None, None, &main, false),
        ("origin/testing", None, None, &testing, true),
        ("", Some("origin"), None, &main, false),
        ("", None, Some("testing"), &testing, true),
        (main.as_str(), None, None, &main, false),
        (&format!("rev:{}", main.short()), None, None, &main, false),
    ] {
        let (found, origin) = found(rev, remote, branch).await.unwrap();
        assert_eq!((&found, origin.testing), (id, testing_too), "{rev}");
        assert!(origin.remote.is_some());
    }
    let (id, origin) = found(first.as_str(), None, None).await.unwrap();
    assert_eq!((id, origin.remote), (first, None));
    assert!(matches!(
        found("nope", None, None).await,
        Err(ResolveError::UnknownRevision { .. })
    ));
    assert!(matches!(
        found("", Some("nope"), None).await,
        Err(ResolveError::UnknownRemote { .. })
    ));
    assert!(matches!(
        found("", None, Some("nope")).await,
        Err(ResolveError::UnknownBranch { .. })
    ));
    let hostile = found(&"a^{/((((x+)+)+)+)y}".repeat(40), None, None).await;
    assert!(matches!(hostile, Err(ResolveError::UnknownRevision { .. })));
    let unknown = handle.fetch(vec!["nope".parse().unwrap()]).await;
    assert!(matches!(unknown, Err(FetchError::UnknownRemote { .. })));
    running.stop().await;
    assert_eq!(handle.fetch(vec![]).await, Err(FetchError::Stopped));
}

#[tokio::test]
async fn another_configuration_ends_polls_under_way_and_answers_who_waits_for_them() {
    let place = Place::new();
    let (one, two) = (place.repo("one"), place.repo("two"));
    let (first, second) = (one.commit("a"), two.commit("b"));
    let silent = format!("git://127.0.0.1:{}/x", silent_server());
    let mut running = start(
        &place,
        vec![
            remote("kept", one.url()),
            remote("silent", silent.clone()),
            remote("mute", silent),
        ],
    );
    running.selected(&first).await;
    let handle = running.handle.clone();
    let waiting = async move { handle.fetch(vec![]).await };
    let configure = async {
        // By then the caller before waits for a remote that never answers.
        let kept = vec!["kept".parse().unwrap()];
        running.handle.fetch(kept).await.unwrap();
        let config = kiln::source::SourceConfig {
            remotes: vec![remote("new", two.url()), remote("kept", one.url())],
            ..place.config.clone()
        };
        running.handle.configure(config).await.unwrap();
    };
    let (answered, ()) = tokio::time::timeout(Duration::from_secs(60), async {
        tokio::join!(waiting, configure)
    })
    .await
    .unwrap();
    answered.unwrap();
    assert_eq!(on(&running.selected(&second).await).0, "new/main");
    let statuses = running.handle.statuses();
    let names: Vec<_> = statuses.iter().map(|status| status.name.as_str()).collect();
    assert_eq!(names, ["new", "kept"]);
    let resolved = running.handle.resolve("new/main", None, None).await;
    assert_eq!(resolved.unwrap().commit.id, second);
    let gone = running.handle.resolve("", Some("silent"), None).await;
    assert!(matches!(gone, Err(ResolveError::UnknownRemote { .. })));
    running.stop().await;
}
