//! `kiln store optimise`: through the agent and without one, killed halfway, as
//! an ordinary user, and on a file system that shares blocks.

use crate::common::*;
use crate::support::*;
use serde_json::Value;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Two steps that make the same large file.
const TWICE: &str = r#"
def large(name):
    return derivation(name = name, script = "mkdir -p $out/d; yes same | head -c 200000 > $out/d/" + name)
host("web-1", tree("web-1", {"a": large("a"), "b": large("b")}))
"#;

/// A state with that built, and its two files.
fn built(home: &Home) -> (Agent<'_>, Repository, [PathBuf; 2]) {
    let repository = Repository::new(home.path("work"));
    repository.commit(TWICE);
    let config = Agent::config(home, &local(&repository));
    let agent = Agent::configured(home, &format!("{config}[store]\nmin_free = \"1MiB\"\n"));
    assert_eq!(agent.built(1)["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    let store = agent.state.join("store");
    let file = |name: &str| named(&store, name).unwrap().join("d").join(name);
    let files = [file("a"), file("b")];
    (agent, repository, files)
}

fn inode(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().ino()
}

fn is_whole(home: &Home, state: &str) {
    let verified = home.kiln(&[
        "--json",
        "store",
        "--offline",
        "--state-dir",
        state,
        "verify",
    ]);
    assert_eq!(verified.ok().json()["findings"], serde_json::json!([]));
}

#[test]
fn the_agent_shares_equal_files_beside_its_builds() {
    let home = Home::new();
    let (agent, repository, files) = built(&home);
    repository.commit(&TWICE.replace("yes same", "sleep 0.2; yes same"));
    let done = agent.kiln(&["--json", "store", "optimise"]).ok().json();
    assert_eq!(done["sharedFiles"], "1", "{done}");
    if done["byBlocks"] == false {
        assert_eq!(inode(&files[0]), inode(&files[1]));
    }
    assert_eq!(agent.built(2)["build"]["status"], "BUILD_STATUS_SUCCEEDED");
    let said = agent.kiln(&["store", "optimise"]).ok();
    assert!(said.stdout.contains("no two files"), "{said:?}");
    let audit = std::fs::read_to_string(agent.state.join("audit.jsonl")).unwrap();
    assert!(audit.contains("Store.Optimise"), "{audit}");
    let state = agent.state.to_str().unwrap().to_owned();
    assert!(agent.terminate().success());
    is_whole(&home, &state);
    let refused = home.kiln(&["store", "--offline", "--state-dir", &state, "optimise"]);
    assert_eq!(refused.code, Some(2), "it changes something: {refused:?}");
}

#[test]
fn killed_between_a_link_and_its_place_nothing_is_lost_and_the_next_run_mends_it() {
    for point in ["file-linked", "link-renamed"] {
        let home = Home::new();
        let (agent, _repository, files) = built(&home);
        let state = agent.state.to_str().unwrap().to_owned();
        assert!(agent.terminate().success());
        let optimise = ["store", "--state-dir", &state, "optimise", "--json"];
        let killed = home.kiln(&[&["internal", "die-at", point, "1"], &optimise[..]].concat());
        if killed.code == Some(0) {
            eprintln!("SKIPPED: blocks are shared here, nothing is linked");
            return;
        }
        assert_eq!(killed.code, None, "{killed:?}");
        is_whole(&home, &state);
        assert_eq!(
            std::fs::read(&files[0]).unwrap(),
            std::fs::read(&files[1]).unwrap()
        );
        home.kiln(&optimise).ok();
        assert_eq!(inode(&files[0]), inode(&files[1]), "{point}");
        for file in &files {
            let folder = std::fs::metadata(file.parent().unwrap()).unwrap();
            assert_eq!(
                (folder.mode() & 0o7777, folder.mtime()),
                (0o555, 1),
                "{point}"
            );
        }
        let left = std::fs::read_dir(format!("{state}/store/.kiln/tmp")).unwrap();
        assert_eq!(left.count(), 0);
        is_whole(&home, &state);
    }
}

#[test]
fn an_ordinary_user_shares_files_in_read_only_folders_too() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: the other tests run as an ordinary user already");
        return;
    }
    let home = Home::new();
    let (agent, _repository, files) = built(&home);
    let state = agent.state.clone();
    assert!(agent.terminate().success());
    let given = command("chown")
        .args(["-R", "65534:65534"])
        .arg(&state)
        .status();
    assert!(given.unwrap().success());
    let open = command("chmod").arg("755").arg(home.folder.path()).status();
    assert!(open.unwrap().success());
    let as_nobody = |args: &[&str]| {
        let mut kiln: Command = command("setpriv");
        kiln.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        kiln.args(["--inh-caps=-all", "--bounding-set=-all", "--"]);
        kiln.arg(env!("CARGO_BIN_EXE_kiln"))
            .args(["--json", "store", "--state-dir"]);
        kiln.arg(&state).args(args).env("HOME", "/nonexistent");
        let output = kiln.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    assert_eq!(as_nobody(&["optimise"])["sharedFiles"], "1");
    assert_eq!(as_nobody(&["verify"])["findings"], serde_json::json!([]));
    let folder = std::fs::metadata(files[1].parent().unwrap()).unwrap();
    assert_eq!((folder.mode() & 0o7777, folder.mtime()), (0o555, 1));
}

#[test]
fn where_the_file_system_shares_blocks_files_stay_apart_and_their_blocks_are_one() {
    const TEST: &str =
        "optimise::where_the_file_system_shares_blocks_files_stay_apart_and_their_blocks_are_one";
    let Some(disk) = std::env::var_os("KILN_TEST_BLOCKS") else {
        return in_a_sharing_disk(TEST);
    };
    let home = Home {
        folder: tempfile::tempdir_in(disk).unwrap(),
    };
    let (agent, _repository, files) = built(&home);
    let apart = inode(&files[0]) != inode(&files[1]);
    let done = agent.kiln(&["--json", "store", "optimise"]).ok().json();
    assert_eq!(
        (&done["byBlocks"], &done["sharedFiles"]),
        (&Value::Bool(true), &Value::from("1"))
    );
    assert!(apart && inode(&files[0]) != inode(&files[1]));
    let again = agent.kiln(&["--json", "store", "optimise"]).ok().json();
    assert_eq!(again["sharedFiles"], "0");
    let state = agent.state.to_str().unwrap().to_owned();
    assert!(agent.terminate().success());
    is_whole(&home, &state);
}

/// Runs one test again, in a namespace with a btrfs in a file.
fn in_a_sharing_disk(test: &str) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can mount a disk");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "truncate -s 256M {0}/image && mkfs.btrfs -q {0}/image || exit 97; mkdir {0}/disk; \
         mount --make-rprivate / && mount -o loop {0}/image {0}/disk || exit 97; \
         exec \"$0\" --exact {test} --nocapture",
        folder.path().display()
    );
    let status = command("unshare")
        .args(["-m", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("KILN_TEST_BLOCKS", folder.path().join("disk"))
        .status()
        .unwrap();
    match status.code() {
        Some(97) => eprintln!("SKIPPED: no btrfs can be made or mounted here"),
        code => assert_eq!(code, Some(0)),
    }
}
