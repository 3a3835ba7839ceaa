//! Archives as the installed Nix writes and reads them.

use crate::common::*;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// An empty Nix store of its own, whose paths are written as kiln's.
struct Nix {
    folder: tempfile::TempDir,
}

impl Nix {
    /// `None`, said, where there is no Nix.
    fn new() -> Option<Self> {
        let found = command("nix-store").arg("--version").output().is_ok();
        if !found {
            eprintln!("SKIPPED: nix-store is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        Some(Nix { folder })
    }

    fn command(&self, args: &[&str]) -> Command {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let (real, state, log) = (at("store"), at("state"), at("log"));
        let store = format!("local?store=/var/lib/kiln/store&real={real}&state={state}&log={log}");
        let mut nix = command("nix-store");
        nix.env("HOME", self.folder.path());
        nix.args(["--store", &store]);
        nix.args(["--option", "build-users-group", ""]).args(args);
        nix
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let mut nix = self.command(args);
        nix.stdin(Stdio::piped());
        nix.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = nix.spawn().unwrap();
        let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        output
    }
}

fn awkward_tree(dir: &Path) {
    let tree = dir.join("tree");
    std::fs::create_dir_all(tree.join("a/deep/er/folder")).unwrap();
    std::fs::write(tree.join("empty"), "").unwrap();
    for size in 1..=17 {
        std::fs::write(tree.join(format!("bytes{size}")), vec![b'x'; size]).unwrap();
    }
    let odd = std::ffi::OsStr::from_bytes(b"not \xff utf-8");
    std::fs::write(tree.join(odd), "odd").unwrap();
    let run = tree.join("a/deep/run");
    std::fs::write(&run, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&run, PermissionsExt::from_mode(0o755)).unwrap();
    symlink("../nowhere", tree.join("a/link")).unwrap();
}

#[test]
fn n06_dump_nar_writes_what_nix_dumps_and_nix_restores_it() {
    let Some(nix) = Nix::new() else { return };
    let home = Home::new();
    awkward_tree(home.folder.path());
    for what in ["tree", "tree/empty", "tree/a/deep/run", "tree/a/link"] {
        let dumped = nix
            .run(&["--dump", home.path(what).to_str().unwrap()], b"")
            .stdout;
        let ours = home
            .command()
            .args(["store", "dump-nar", what])
            .output()
            .unwrap();
        assert!(ours.status.success(), "{ours:?}");
        assert!(ours.stdout == dumped, "{what} differs");
    }
    let ours = home
        .command()
        .args(["store", "dump-nar", "tree"])
        .output()
        .unwrap();
    let back = home.path("back");
    nix.run(&["--restore", back.to_str().unwrap()], &ours.stdout);
    let again = home
        .command()
        .args(["store", "dump-nar", "back"])
        .output()
        .unwrap();
    assert!(again.stdout == ours.stdout);
}

#[test]
fn n06_nix_imports_what_kiln_exports_and_kiln_what_nix_exports() {
    let Some(nix) = Nix::new() else { return };
    let home = Home::new();
    let repository = Repository::new(home.path("work"));
    repository.commit(&crate::support::host("one"));
    let agent = Agent::start(&home, &crate::support::local(&repository));
    let built = agent.built(1);
    let out = built["build"]["outPath"].as_str().unwrap().to_owned();
    let mut kiln = home.command();
    kiln.arg("--socket").arg(&agent.socket);
    let exported = kiln.args(["store", "export", &out]).output().unwrap();
    assert!(exported.status.success(), "{exported:?}");
    let imported = nix.run(&["--import"], &exported.stdout);
    let imported = String::from_utf8(imported.stdout).unwrap();
    assert!(imported.lines().any(|path| path == out), "{imported}");
    // The same references, and bytes that are what their hash says.
    let references = nix.run(&["--query", "--references", &out], b"").stdout;
    let references = String::from_utf8(references).unwrap();
    let info = agent
        .kiln(&["store", "path-info", &out, "--json"])
        .ok()
        .json();
    let ours: Vec<_> = info["references"].as_array().unwrap().iter().collect();
    assert_eq!(references.lines().collect::<Vec<_>>(), ours);
    nix.run(&["--verify-path", &out], b"");
    // And back, into another store, in Nix's own order.
    let closure = nix.run(&["--query", "--requisites", &out], b"").stdout;
    let closure = String::from_utf8(closure).unwrap();
    let closure: Vec<&str> = closure.lines().collect();
    let exported = nix.run(&[&["--export"], &closure[..]].concat(), b"").stdout;
    let other = home.path("other");
    std::fs::create_dir_all(other.join("store")).unwrap();
    let mut kiln = home.command();
    kiln.args(["--json", "store", "--state-dir"])
        .arg(&other)
        .arg("import");
    let file = home.path("archive");
    std::fs::write(&file, exported).unwrap();
    let said = kiln
        .stdin(std::fs::File::open(file).unwrap())
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
    let real = other.join("store").join(out.rsplit('/').next().unwrap());
    let text = std::fs::read_to_string(real.join("etc/said")).unwrap();
    assert_eq!(text, "one\n");
}
