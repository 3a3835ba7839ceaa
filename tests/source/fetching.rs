//! The fetching child: what it brings, what it refuses, how it ends.

use crate::support::*;
use kiln::model::{Failure, FailureKind};
use kiln::source::RemoteConfig;
use kiln::source::fetch::{FetchOutcome, FetchRequest, fetch};
use kiln::source::repository::{oid, read_commit};
use std::os::unix::fs::chown;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

async fn failure(place: &Place, remote: &RemoteConfig) -> Failure {
    match place.fetch(remote).await {
        FetchOutcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_the_tracked_branches_are_fetched_by_path_file_url_and_git_daemon() {
    let place = Place::new();
    let repo = place.repo("infra");
    let main = repo.commit("a");
    repo.git(&["tag", "v1"]);
    repo.branch("main2");
    let other = repo.commit("other");
    repo.branch("testing");
    let testing = repo.commit("b");
    let port = git_daemon(place.folder.path());
    let urls = [
        repo.url(),
        format!("file://{}", repo.url()),
        format!("git://127.0.0.1:{port}/infra"),
    ];
    for (n, url) in urls.into_iter().enumerate() {
        let name = format!("r{n}");
        let heads = place.heads(&remote(&name, url)).await;
        assert_eq!(heads[&branch("main")], Some(main.clone()));
        assert_eq!(heads[&branch("testing")], Some(testing.clone()));
        let own: Vec<_> = place
            .refs()
            .into_iter()
            .filter(|r| r.contains(&name))
            .collect();
        let wanted = ["main", "testing"].map(|b| format!("refs/kiln/remotes/{name}/{b}"));
        assert_eq!(own, wanted);
    }
    assert!(place.is_whole());
    assert!(
        !place
            .refs()
            .iter()
            .any(|r| r.contains("tags") || r.contains("main2"))
    );
    let repository = git2::Repository::open(&place.config.repository).unwrap();
    assert!(
        repository.find_commit(oid(&other)).is_ok(),
        "testing is on top of it"
    );
    let commit = read_commit(&repository, oid(&main)).unwrap();
    assert_eq!(
        (commit.summary.as_str(), commit.author.as_str()),
        ("add a", "Ann <ann@example.org>")
    );
    assert_eq!(commit.tree, repo.git(&["rev-parse", "v1^{tree}"]));
}

#[tokio::test]
async fn s05_a_deleted_branch_is_pruned_and_one_that_moved_is_followed() {
    let place = Place::new();
    let repo = place.repo("infra");
    repo.commit("a");
    repo.git(&["branch", "testing"]);
    let port = git_daemon(place.folder.path());
    for url in [repo.url(), format!("git://127.0.0.1:{port}/infra")] {
        repo.git(&["branch", "-f", "testing"]);
        let remote = remote("origin", url);
        place.heads(&remote).await;
        repo.git(&["branch", "-D", "testing"]);
        repo.git(&["commit", "-q", "--amend", "-m", "forced"]);
        let heads = place.heads(&remote).await;
        assert_eq!(heads[&branch("testing")], None);
        assert_eq!(heads[&branch("main")], Some(repo.head()));
        assert_eq!(place.refs(), ["refs/kiln/remotes/origin/main"]);
    }
}

#[tokio::test]
async fn an_empty_repository_has_no_branches_and_none_is_an_error_with_its_cure() {
    let place = Place::new();
    let repo = place.repo("empty");
    let port = git_daemon(place.folder.path());
    for url in [repo.url(), format!("git://127.0.0.1:{port}/empty")] {
        let heads = place.heads(&remote("origin", url)).await;
        assert!(heads.values().all(Option::is_none), "{heads:?}");
    }
    let gone = failure(&place, &remote("origin", "/nowhere/at/all")).await;
    assert_eq!(gone.kind, FailureKind::Certain);
    assert!(
        gone.message.contains("/nowhere/at/all") && !gone.hint.is_empty(),
        "{gone:?}"
    );
    let gone = failure(
        &place,
        &remote("origin", format!("git://127.0.0.1:{port}/gone")),
    )
    .await;
    assert_eq!(gone.kind, FailureKind::Certain, "{gone:?}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_transient() {
    let place = Place::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let refused = failure(
        &place,
        &remote("origin", format!("git://127.0.0.1:{port}/x")),
    )
    .await;
    assert_eq!(refused.kind, FailureKind::Transient, "{refused:?}");
    assert!(!refused.hint.is_empty());
}

#[tokio::test]
async fn s10_a_server_that_never_answers_is_killed_at_its_timeout_and_by_cancellation() {
    let place = Place::new();
    let url = format!("git://127.0.0.1:{}/x", silent_server());
    let slow = RemoteConfig {
        timeout: Duration::from_millis(300),
        ..remote("origin", url.clone())
    };
    let started = Instant::now();
    let ended = failure(&place, &slow).await;
    assert_eq!(ended.kind, FailureKind::Transient);
    assert!(ended.message.contains("longer than 0.3 s"), "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
    let cancel = CancellationToken::new();
    cancel.cancel();
    let request = FetchRequest::new(&place.config, &remote("origin", url));
    let outcome = fetch(&request, Duration::from_secs(60), &cancel).await;
    assert!(matches!(outcome, FetchOutcome::Cancelled), "{outcome:?}");
}

#[tokio::test]
async fn a_fetch_larger_than_its_limit_is_ended_and_says_so() {
    let mut place = Place::new();
    let repo = place.repo("infra");
    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
        .take(3 << 20)
        .collect();
    std::fs::write(repo.path.join("noise"), noise).unwrap();
    repo.commit("a");
    place.config.fetch_bytes = 1 << 20;
    let port = git_daemon(place.folder.path());
    for url in [repo.url(), format!("git://127.0.0.1:{port}/infra")] {
        let large = failure(&place, &remote("origin", url)).await;
        assert!(
            large.message.contains("more than 1048576 bytes"),
            "{large:?}"
        );
        assert_eq!(place.refs(), [""; 0]);
    }
    place.config.fetch_bytes = 8 << 20;
    place.heads(&remote("origin", repo.url())).await;
}

#[tokio::test]
async fn a_repository_of_another_user_is_refused_unless_it_is_named() {
    let place = Place::new();
    let repo = place.repo("infra");
    repo.commit("a");
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not run: giving a folder away needs root");
        return;
    }
    chown(repo.path.join(".git"), Some(1), None).unwrap();
    let refused = failure(&place, &remote("origin", repo.url())).await;
    assert!(refused.message.contains("belongs to daemon"), "{refused:?}");
    assert!(refused.hint.contains("owner = \"daemon\""), "{refused:?}");
    let named = RemoteConfig {
        owner: Some("daemon".into()),
        ..remote("origin", repo.url())
    };
    place.heads(&named).await;
    let unknown = RemoteConfig {
        owner: Some("nobody-here".into()),
        ..named
    };
    assert!(
        failure(&place, &unknown)
            .await
            .message
            .contains("nobody-here")
    );
}

#[tokio::test]
async fn what_a_killed_child_left_behind_does_not_stop_the_next_one() {
    let place = Place::new();
    let repo = place.repo("infra");
    repo.commit("a");
    place.heads(&remote("origin", repo.url())).await;
    std::fs::write(
        place
            .config
            .repository
            .join("refs/kiln/remotes/origin/main.lock"),
        "",
    )
    .unwrap();
    let head = repo.commit("b");
    let heads = place.heads(&remote("origin", repo.url())).await;
    assert_eq!(heads[&branch("main")], Some(head));
}

#[tokio::test]
async fn s13_configuration_and_hooks_of_a_remote_run_nothing() {
    let place = Place::new();
    let repo = place.repo("infra");
    let marker = place.folder.path().join("ran");
    let run = format!("touch {}", marker.display());
    std::fs::write(repo.path.join(".gitattributes"), "* filter=x diff=x\n").unwrap();
    let head = repo.commit("a");
    for key in [
        "filter.x.smudge",
        "filter.x.process",
        "uploadpack.packObjectsHook",
        "core.fsmonitor",
        "core.sshCommand",
    ] {
        repo.git(&["config", key, &run]);
    }
    let hook = repo.path.join(".git/hooks/reference-transaction");
    std::fs::write(&hook, format!("#!/bin/sh\n{run}\n")).unwrap();
    let heads = place.heads(&remote("origin", repo.url())).await;
    assert_eq!(heads[&branch("main")], Some(head));
    assert!(!marker.exists());
}

#[tokio::test]
async fn s13_a_huge_blob_is_streamed_or_ended_by_the_memory_limit_which_is_named() {
    let mut place = Place::new();
    let repo = place.repo("infra");
    std::fs::write(repo.path.join("zeros"), vec![0; 300 << 20]).unwrap();
    let head = repo.commit("a");
    place.config.fetch_memory = 256 << 20;
    let port = git_daemon(place.folder.path());
    let heads = place
        .heads(&remote("streamed", format!("git://127.0.0.1:{port}/infra")))
        .await;
    assert_eq!(
        heads[&branch("main")],
        Some(head),
        "a pack is never whole in memory"
    );
    place.config.repository = place.folder.path().join("state/other.git");
    kiln::source::repository::open_or_create(&place.config.repository, None).unwrap();
    let ended = failure(&place, &remote("copied", repo.url())).await;
    assert!(
        ended.message.contains("268435456 bytes of memory"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn whoever_owns_a_part_of_a_repository_is_asked_for() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not run: giving a file away needs root");
        return;
    }
    let place = Place::new();
    let repo = place.repo("infra");
    repo.commit("a");
    let borrowed = place.folder.path().join("borrowed");
    std::fs::create_dir(&borrowed).unwrap();
    let git = repo.path.join(".git");
    std::fs::create_dir_all(git.join("objects/info")).unwrap();
    let lines = format!("# a comment\n{}\n", borrowed.display());
    std::fs::write(git.join("objects/info/alternates"), lines).unwrap();
    std::fs::write(git.join("packed-refs"), "").unwrap();
    place.heads(&remote("origin", repo.url())).await;
    let parts = ["HEAD", "refs", "packed-refs", "objects/info/alternates"];
    for path in parts
        .map(|part| git.join(part))
        .into_iter()
        .chain([borrowed])
    {
        chown(&path, Some(1), None).unwrap();
        let refused = failure(&place, &remote("origin", repo.url())).await;
        assert!(refused.message.contains("belongs to daemon"), "{refused:?}");
        chown(&path, Some(0), None).unwrap();
    }
}
