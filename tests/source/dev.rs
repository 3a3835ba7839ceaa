//! The source of `kiln dev`: a person's repository, read and never written.

use crate::support::*;
use kiln::model::CommitId;
use kiln::source::dev::{DevError, DevSource, open};
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

fn state(place: &Place) -> PathBuf {
    place.folder.path().join("dev/repository.git")
}

fn dev(place: &Place, path: &Path) -> DevSource {
    open(path, &state(place)).unwrap()
}

fn follow(source: DevSource) -> Running {
    Running::new(|sink, _, cancel| source.start(None, sink, cancel))
}

/// Every file beneath, with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(contents(&entry.path())),
            false => drop(found.insert(
                entry.path(),
                std::fs::read(entry.path()).unwrap_or_default(),
            )),
        }
    }
    found
}

fn blob(place: &Place, tree: &str, path: &str) -> String {
    let output = git(&state(place))
        .args(["cat-file", "-p", &format!("{tree}:{path}")])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn head_is_read_through_the_state_and_the_repository_is_not_written() {
    let place = Place::new();
    let repo = place.repo("infra");
    std::fs::create_dir_all(repo.path.join("hosts/web")).unwrap();
    let first = repo.commit("hosts/web/kiln.star");
    let head = repo.commit("b");
    std::fs::write(repo.path.join("b"), "changed").unwrap();
    let before = contents(&repo.path);
    let source = dev(&place, &repo.path.join("hosts/web"));
    let selection = source.head(None).unwrap();
    assert_eq!((selection.commit.id, selection.commit.dirty), (head, false));
    assert_eq!(selection.origin.branch, Some(branch("main")));
    assert_eq!(source.subdir, "hosts/web");
    assert_eq!(blob(&place, &selection.commit.tree, "b"), "b");
    assert_eq!(source.head(Some("HEAD~1")).unwrap().commit.id, first);
    source.with_worktree().unwrap().head(None).unwrap();
    assert_eq!(contents(&repo.path), before);
}

#[test]
fn what_is_missing_is_an_error_that_says_what_to_type() {
    let place = Place::new();
    let folder = place.folder.path();
    let message = |path: &Path| open(path, &state(&place)).unwrap_err().to_string();
    assert!(message(&folder.join("nope")).contains("does not exist"));
    std::fs::create_dir(folder.join("plain")).unwrap();
    assert!(
        message(&folder.join("plain")).contains("init"),
        "{}",
        message(&folder.join("plain"))
    );
    let repo = place.repo("infra");
    let unborn = message(&repo.path);
    assert!(
        unborn.contains("no commit yet") && unborn.contains("git -C"),
        "{unborn}"
    );
    repo.commit("a");
    assert!(matches!(
        open(&repo.path.join("a"), &state(&place)),
        Err(DevError::NotAFolder(_))
    ));
    let source = dev(&place, &repo.path);
    assert!(
        source
            .head(Some("nope"))
            .unwrap_err()
            .to_string()
            .contains("nope")
    );
}

#[test]
fn bare_repositories_and_linked_work_trees_work() {
    let place = Place::new();
    let repo = place.repo("infra");
    let main = repo.commit("a");
    repo.git(&["worktree", "add", "-q", "-b", "side", "../linked"]);
    let linked = Repo::new(place.folder.path().join("linked"));
    let side = linked.commit("b");
    let source = dev(&place, &linked.path);
    let selection = source.head(None).unwrap();
    assert_eq!(
        (selection.commit.id, selection.origin.branch),
        (side, Some(branch("side")))
    );
    repo.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    let source = dev(&place, &place.folder.path().join("bare.git"));
    assert_eq!(
        (source.head(None).unwrap().commit.id, source.subdir.as_str()),
        (main.clone(), ".")
    );
    assert!(source.uncommitted().is_empty());
    assert!(matches!(
        source.with_worktree(),
        Err(DevError::NoWorkTree(_))
    ));
    repo.git(&["checkout", "-q", "--detach"]);
    assert_eq!(
        dev(&place, &repo.path).head(None).unwrap().origin.branch,
        None
    );
}

#[test]
fn the_work_tree_is_taken_as_git_would_take_it() {
    let place = Place::new();
    let repo = place.repo("infra");
    std::fs::write(repo.path.join(".gitignore"), "*.o\n").unwrap();
    for file in ["same", "edited", "removed", "tool", "becomes-folder"] {
        std::fs::write(repo.path.join(file), file).unwrap();
    }
    repo.commit("last");
    let source = dev(&place, &repo.path).with_worktree().unwrap();
    let clean = source.head(None).unwrap().commit;
    assert!(!clean.dirty && source.uncommitted().is_empty());
    let outside = place.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "secret").unwrap();
    std::fs::write(repo.path.join("edited"), "edited again").unwrap();
    std::fs::remove_file(repo.path.join("removed")).unwrap();
    std::fs::set_permissions(
        repo.path.join("tool"),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    std::fs::remove_file(repo.path.join("becomes-folder")).unwrap();
    std::fs::create_dir(repo.path.join("becomes-folder")).unwrap();
    std::fs::write(repo.path.join("becomes-folder/new"), "new").unwrap();
    symlink(&outside, repo.path.join("link")).unwrap();
    std::fs::write(repo.path.join("ignored.o"), "o").unwrap();
    std::fs::write(repo.path.join("staged"), "staged").unwrap();
    repo.git(&["add", "staged"]);
    let dirty = source.head(None).unwrap().commit;
    assert!(dirty.dirty);
    assert_eq!(dirty.id, clean.id);
    let names = [
        "becomes-folder",
        "becomes-folder/new",
        "edited",
        "link",
        "removed",
        "staged",
        "tool",
    ];
    assert_eq!(source.uncommitted(), names);
    repo.git(&["add", "-A"]);
    assert_eq!(
        dirty.tree,
        repo.git(&["write-tree"]),
        "the tree that git itself would commit"
    );
    assert_eq!(blob(&place, &dirty.tree, "becomes-folder/new"), "new");
}

async fn all_is_followed(running: &mut Running, repo: &Repo) -> CommitId {
    repo.git(&["commit", "-q", "--amend", "-m", "amended"]);
    running.selected(&repo.head()).await;
    repo.git(&["checkout", "-q", "-b", "feature/one"]);
    let feature = repo.commit("feature");
    let selection = running.selected(&feature).await;
    assert_eq!(selection.origin.branch, Some(branch("feature/one")));
    repo.git(&["checkout", "-q", "main"]);
    running.selected(&repo.head()).await;
    repo.git(&["pack-refs", "--all"]);
    let last = repo.commit("last");
    running.selected(&last).await;
    last
}

#[tokio::test]
async fn s11_head_is_followed_wherever_it_goes_in_linked_work_trees_too() {
    let place = Place::new();
    let repo = place.repo("infra");
    let head = repo.commit("a");
    let mut running = follow(dev(&place, &repo.path));
    running.selected(&head).await;
    let last = all_is_followed(&mut running, &repo).await;
    let resolved = running.handle.resolve("HEAD~1", None, None).await.unwrap();
    assert_ne!(resolved.commit.id, last);
    assert!(
        running
            .handle
            .resolve("main", Some("origin"), None)
            .await
            .is_err()
    );
    let statuses = running.handle.fetch(vec![]).await.unwrap();
    assert_eq!(statuses[0].branches[0].head, last.as_str());
    running.stop().await;
    repo.git(&["worktree", "add", "-q", "-b", "side", "../linked"]);
    let linked = Repo::new(place.folder.path().join("linked"));
    let mut running = follow(dev(&place, &linked.path));
    running.selected(&last).await;
    let side = linked.commit("side");
    running.selected(&side).await;
    running.stop().await;
}

#[tokio::test]
async fn s11_files_of_the_work_tree_are_followed() {
    let place = Place::new();
    let repo = place.repo("infra");
    std::fs::create_dir(repo.path.join("src")).unwrap();
    let head = repo.commit("src/a");
    let mut running = follow(dev(&place, &repo.path).with_worktree().unwrap());
    let clean = running.selected(&head).await;
    std::fs::write(repo.path.join("src/a"), "edited").unwrap();
    let dirty = running.matching(|s| s.commit.dirty).await;
    assert_eq!(blob(&place, &dirty.commit.tree, "src/a"), "edited");
    repo.git(&["checkout", "-q", "src/a"]);
    let again = running.matching(|s| !s.commit.dirty).await;
    assert_eq!(again, clean);
    running.stop().await;
}
