//! The example hook `apply-nixos`, with a real nix-env and store, on systems whose
//! `switch-to-configuration` writes down what it was asked, and fails when told to.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests drive programs"
)]

mod common;

use common::{Home, command};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes down its system and what was asked; `fail-<system>` holds words that fail.
/// `die-<system>` is a host that loses power there: the hook is killed with it.
const SWITCH: &str = r#"#!/bin/sh
me=$(basename "$(dirname "$(dirname "$0")")"); me=${me#*-}
echo "$me $1" >>NOTES/asked
[ ! -e NOTES/die-$me ] || { rm NOTES/die-$me; kill -9 $PPID; }
[ "$1" = dry-activate ] || ln -sfn "${0%/bin/*}" NOTES/running
case " $(cat NOTES/fail-$me 2>/dev/null) " in *" $1 "*) exit 4 ;; esac
"#;

struct Host {
    home: Home,
}

struct Ran {
    code: Option<i32>,
    said: String,
}

impl Host {
    /// `None`: there is no Nix, and that is allowed.
    fn new() -> Option<Self> {
        use std::io::Write;
        let home = Home::new();
        std::fs::create_dir_all(home.path("notes")).unwrap();
        let found = command("nix-env").arg("--version").output();
        match (found, std::env::var_os("KILN_TEST_SKIP_MISSING")) {
            (Ok(_), _) => Some(Host { home }),
            (Err(_), Some(yes)) if yes == "1" => {
                let _ = writeln!(std::io::stderr(), "SKIPPED: nix-env is missing"); // not kept by the test runner
                None
            }
            (Err(error), _) => panic!("nix-env: {error}; tests/run installs it"),
        }
    }

    /// Nix's store, state and settings of this test alone.
    fn with_nix(&self, mut program: Command) -> Command {
        let root = self.home.folder.path().canonicalize().unwrap();
        program
            .env("NIX_STORE_DIR", root.join("store"))
            .env("NIX_STATE_DIR", root.join("var"))
            .env("NIX_LOG_DIR", root.join("log"))
            .env("NIX_CONFIG", "build-users-group =\nsubstitute = false")
            .env("HOME", &root);
        program
    }

    /// A system in Nix's store.
    fn system(&self, name: &str) -> PathBuf {
        let folder = self.home.path(name);
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        let notes = self.home.path("notes").canonicalize().unwrap();
        let script = SWITCH.replace("NOTES", notes.to_str().unwrap());
        let program = folder.join("bin/switch-to-configuration");
        std::fs::write(&program, script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        let mut nix = self.with_nix(command("nix-store"));
        let output = nix.arg("--add").arg(&folder).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    }

    fn note(&self, name: &str) -> PathBuf {
        self.home.path("notes").join(name)
    }

    /// What was asked of the systems since the last time somebody looked.
    fn asked(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.note("asked")).unwrap_or_default();
        let _ = std::fs::remove_file(self.note("asked"));
        text.lines().map(str::to_owned).collect()
    }

    fn profile(&self) -> PathBuf {
        self.home.path("profiles/system")
    }

    /// The system the profile is at.
    fn at(&self) -> Option<PathBuf> {
        self.profile().canonicalize().ok()
    }

    fn is_remembered(&self) -> bool {
        self.home.path("profiles/system-before-kiln").is_symlink()
    }

    /// What is remembered of runs that did not end.
    fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.home.path("profiles")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains("before-kiln")).collect()
    }

    fn apply(&self, out: &Path, testing: bool, args: &[&str]) -> Ran {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hooks/apply-nixos");
        std::fs::create_dir_all(self.home.path("profiles")).unwrap();
        let mut hook = self.with_nix(command(script));
        hook.arg("-p").arg(self.profile());
        hook.arg("-r").arg(self.note("running")).args(args);
        hook.env("KILN_OUT", out)
            .env("KILN_TESTING", testing.to_string());
        hook.env("KILN_GENERATION", "7");
        let output = hook.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        Ran {
            code: output.status.code(),
            said: String::from_utf8(said).unwrap(),
        }
    }

    #[track_caller]
    fn applied(&self, out: &Path, testing: bool, args: &[&str]) {
        let ran = self.apply(out, testing, args);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert!(!self.is_remembered(), "{}", ran.said);
    }
}

impl Drop for Host {
    /// Nix's store is read-only to everybody but root.
    fn drop(&mut self) {
        let folder = self.home.folder.path();
        let chmod = command("chmod").args(["-R", "u+w"]).arg(folder).output();
        assert!(chmod.is_ok());
    }
}

#[test]
fn a_main_commit_is_switched_to_a_testing_one_tested_and_others_as_they_are_told() {
    let Some(host) = Host::new() else { return };
    let (one, two) = (host.system("one"), host.system("two"));
    host.applied(&one, false, &[]);
    assert_eq!(
        (host.asked(), host.at()),
        (vec!["one switch".to_owned()], Some(one.clone()))
    );
    host.applied(&two, true, &[]);
    assert_eq!(host.asked(), ["two test"]);
    assert_eq!(host.at(), Some(one), "a test leaves the profile");
    host.applied(&two, false, &["boot", "switch"]);
    assert_eq!(
        (host.asked(), host.at()),
        (vec!["two boot".to_owned()], Some(two.clone()))
    );
    host.applied(&two, true, &["boot", "switch"]);
    assert_eq!(host.asked(), ["two switch"]);
}

#[test]
fn a_system_that_does_not_come_up_gives_way_to_the_one_before() {
    let Some(host) = Host::new() else { return };
    let (one, two) = (host.system("one"), host.system("two"));
    host.applied(&one, false, &[]);
    host.asked();
    std::fs::write(host.note("fail-two"), "switch test").unwrap();
    let ran = host.apply(&two, false, &[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.said.contains("failed with exit code 4"), "{}", ran.said);
    assert!(
        ran.said.contains("the system before is back"),
        "{}",
        ran.said
    );
    assert_eq!(host.asked(), ["two switch", "one switch"]);
    assert_eq!(
        (host.at(), host.is_remembered()),
        (Some(one.clone()), false)
    );
    // A test goes back to what ran, and leaves the profile.
    let ran = host.apply(&two, true, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert_eq!(host.asked(), ["two test", "one test"]);
    assert_eq!(host.at(), Some(one));
}

#[test]
fn a_crash_between_does_not_make_anybody_forget_what_to_go_back_to() {
    let Some(host) = Host::new() else { return };
    let (one, two) = (host.system("one"), host.system("two"));
    host.applied(&one, false, &[]);
    std::fs::write(host.note("die-two"), "").unwrap();
    let ran = host.apply(&two, false, &[]);
    assert_eq!(ran.code, None, "it is killed: {}", ran.said);
    assert_eq!((host.at(), host.is_remembered()), (Some(two.clone()), true));
    let mut garbage = host.with_nix(command("nix-store"));
    // The profiles of this host lie beside Nix's own.
    let roots = host.home.path("var/gcroots");
    std::fs::create_dir_all(&roots).unwrap();
    std::os::unix::fs::symlink(host.home.path("profiles"), roots.join("of-the-host")).unwrap();
    assert!(garbage.arg("--gc").output().unwrap().status.success());
    assert!(one.exists(), "what is gone back to is kept");
    host.asked();
    std::fs::write(host.note("fail-two"), "switch").unwrap();
    let ran = host.apply(&two, false, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert_eq!(host.asked(), ["two switch", "one switch"]);
    assert_eq!((host.at(), host.is_remembered()), (Some(one), false));
}

#[test]
fn a_crash_of_a_test_does_not_make_what_was_only_tested_the_hosts_own() {
    let Some(host) = Host::new() else { return };
    let [one, two, three, four] = ["one", "two", "three", "four"].map(|name| host.system(name));
    host.applied(&one, false, &[]);
    host.applied(&two, true, &[]);
    std::fs::write(host.note("die-three"), "").unwrap();
    assert_eq!(host.apply(&three, true, &[]).code, None);
    host.asked();
    // The profile goes back to what it was at, not to what ran by a test.
    std::fs::write(host.note("fail-four"), "switch").unwrap();
    let ran = host.apply(&four, false, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert_eq!(host.asked(), ["four switch", "one switch"]);
    assert_eq!((host.at(), host.left()), (Some(one.clone()), vec![]));
    // A test that fails after it goes back to what ran before the first.
    host.applied(&two, true, &[]);
    std::fs::write(host.note("die-three"), "").unwrap();
    assert_eq!(host.apply(&three, true, &[]).code, None);
    host.asked();
    std::fs::write(host.note("fail-four"), "test").unwrap();
    let ran = host.apply(&four, true, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert_eq!(host.asked(), ["four test", "two test"]);
    assert_eq!((host.at(), host.left()), (Some(one), vec![]));
}

#[test]
fn a_test_after_the_crash_of_a_switch_leaves_the_switch_its_way_back() {
    let Some(host) = Host::new() else { return };
    let [one, two, three] = ["one", "two", "three"].map(|name| host.system(name));
    host.applied(&one, false, &[]);
    std::fs::write(host.note("die-two"), "").unwrap();
    assert_eq!(host.apply(&two, false, &[]).code, None);
    host.asked();
    std::fs::write(host.note("fail-three"), "test switch").unwrap();
    let ran = host.apply(&three, true, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert_eq!(
        host.asked(),
        ["three test", "one test"],
        "two may be half of it"
    );
    assert!(host.is_remembered(), "the profile is still at two");
    let ran = host.apply(&three, false, &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert_eq!(host.asked(), ["three switch", "one switch"]);
    assert_eq!((host.at(), host.left()), (Some(one), vec![]));
}

#[test]
fn where_going_back_fails_or_there_is_nothing_to_go_back_to_it_says_so() {
    let Some(host) = Host::new() else { return };
    let (one, two) = (host.system("one"), host.system("two"));
    std::fs::write(host.note("fail-one"), "switch").unwrap();
    let ran = host.apply(&one, false, &[]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.said.contains("there is no system to go back to"),
        "{}",
        ran.said
    );
    let ran = host.apply(&one, false, &[]);
    assert!(
        ran.said.contains("there is nothing to go back to"),
        "{}",
        ran.said
    );
    std::fs::write(host.note("fail-two"), "switch").unwrap();
    let ran = host.apply(&two, false, &[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.said.contains("going back failed too"), "{}", ran.said);
    assert!(host.is_remembered(), "somebody has to look");
}

#[test]
fn a_plan_changes_nothing_and_what_is_no_system_is_refused() {
    let Some(host) = Host::new() else { return };
    let one = host.system("one");
    let ran = host.apply(&one, false, &["-n"]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert_eq!(
        (host.asked(), host.at()),
        (vec!["one dry-activate".to_owned()], None)
    );
    let ran = host.apply(&host.home.path("notes"), false, &[]);
    assert!(ran.said.contains("is no NixOS system"), "{}", ran.said);
    let ran = host.apply(&one, false, &["reboot"]);
    assert!(ran.said.contains("reboot is none of"), "{}", ran.said);
    assert_eq!((host.asked(), ran.code), (Vec::new(), Some(1)));
}
