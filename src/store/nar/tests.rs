use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};

fn nar(path: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    dump(path, &mut out).unwrap();
    out
}

/// A NAR written out by hand.
fn by_hand(strings: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for string in strings {
        out.extend_from_slice(&(string.len() as u64).to_le_bytes());
        out.extend_from_slice(string);
        out.resize(out.len().next_multiple_of(8), 0);
    }
    out
}

/// Everything the format has to get right, in one tree.
fn awkward_tree(dir: &Path) -> PathBuf {
    let tree = dir.join("tree");
    std::fs::create_dir_all(tree.join("deep/er/still")).unwrap();
    for length in 0..=9 {
        std::fs::write(tree.join(format!("f{length}")), vec![b'x'; length]).unwrap();
    }
    std::fs::write(tree.join("deep/er/still/run"), "#!/bin/sh\n").unwrap();
    let executable = PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(tree.join("deep/er/still/run"), executable).unwrap();
    std::fs::write(tree.join("big"), vec![7; 300_000]).unwrap();
    std::fs::write(tree.join(OsStr::from_bytes(b"\xff\xfe not utf-8")), "x").unwrap();
    std::fs::write(tree.join("B"), "").unwrap();
    std::fs::write(tree.join("a"), "").unwrap();
    symlink("../nowhere", tree.join("link")).unwrap();
    std::fs::create_dir(tree.join("empty")).unwrap();
    tree
}

#[test]
fn n06_an_empty_file_packs_as_nix_packs_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, "").unwrap();
    let expected = by_hand(&[
        b"nix-archive-1",
        b"(",
        b"type",
        b"regular",
        b"contents",
        b"",
        b")",
    ]);
    assert_eq!(nar(&path), expected);
}

#[test]
fn n06_folders_executables_and_symlinks_pack_sorted() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("t");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("x"), "hi").unwrap();
    std::fs::set_permissions(tree.join("x"), PermissionsExt::from_mode(0o700)).unwrap();
    symlink("x", tree.join("A")).unwrap();
    let expected = by_hand(&[
        b"nix-archive-1",
        b"(",
        b"type",
        b"directory",
        b"entry",
        b"(",
        b"name",
        b"A",
        b"node",
        b"(",
        b"type",
        b"symlink",
        b"target",
        b"x",
        b")",
        b")",
        b"entry",
        b"(",
        b"name",
        b"x",
        b"node",
        b"(",
        b"type",
        b"regular",
        b"executable",
        b"",
        b"contents",
        b"hi",
        b")",
        b")",
        b")",
    ]);
    assert_eq!(nar(&tree), expected);
}

#[test]
fn n06_an_awkward_tree_packs_as_the_installed_nix_packs_it() {
    let dir = tempfile::tempdir().unwrap();
    let tree = awkward_tree(dir.path());
    #[expect(
        clippy::disallowed_methods,
        reason = "the real Nix is what is compared with"
    )]
    let output = std::process::Command::new("nix-store")
        .arg("--dump")
        .arg(&tree)
        .env("NIX_REMOTE", "daemon") // only so that it opens no store of its own
        .output();
    match output {
        Ok(output) if output.status.success() => assert_eq!(nar(&tree), output.stdout),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => eprintln!("skipped: no nix-store here"),
        Err(e) => panic!("{e}"),
    }
}

#[test]
fn packing_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let tree = awkward_tree(dir.path());
    let before = std::fs::symlink_metadata(tree.join("f3")).unwrap();
    nar(&tree);
    let after = std::fs::symlink_metadata(tree.join("f3")).unwrap();
    assert_eq!(before.permissions(), after.permissions());
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

#[test]
fn n03_a_named_pipe_is_refused_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = dump(&pipe, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("named pipe"), "{error}");
}

#[test]
fn n06_what_was_packed_is_restored_and_packs_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let packed = nar(&awkward_tree(dir.path()));
    let again = dir.path().join("again");
    let mut input = [&packed[..], b"what follows"].concat();
    let read = restore(&mut &input[..], &again, u64::MAX).unwrap();
    assert_eq!(read, packed.len() as u64);
    assert_eq!(nar(&again), packed);
    input.truncate(packed.len());
    let limit = packed.len() as u64 - 1;
    let error = restore(&mut &input[..], &dir.path().join("large"), limit).unwrap_err();
    assert!(matches!(error, RestoreError::TooLarge { .. }), "{error}");
}

#[test]
fn n06_an_archive_cut_anywhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("t");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("x"), "hello").unwrap();
    symlink("x", tree.join("y")).unwrap();
    let packed = nar(&tree);
    for length in 0..packed.len() {
        let to = dir.path().join(format!("cut-{length}"));
        assert!(
            restore(&mut &packed[..length], &to, u64::MAX).is_err(),
            "cut at {length}"
        );
    }
}

#[test]
fn n06_hostile_archives_are_refused_and_write_nothing_outside() {
    let file = |name: &'static [u8]| -> Vec<&'static [u8]> {
        vec![
            b"entry",
            b"(",
            b"name",
            name,
            b"node",
            b"(",
            b"type",
            b"regular",
            b"contents",
            b"x",
            b")",
            b")",
        ]
    };
    let link: Vec<&[u8]> = vec![
        b"entry", b"(", b"name", b"a", b"node", b"(", b"type", b"symlink", b"target", b"..", b")",
        b")",
    ];
    let bodies = [
        file(b".."),
        file(b""),
        file(b"a/b"),
        [file(b"b"), file(b"a")].concat(),
        [file(b"a"), file(b"a")].concat(),
        [link, file(b"a")].concat(),
    ];
    for body in bodies {
        let dir = tempfile::tempdir().unwrap();
        let head: Vec<&[u8]> = vec![b"nix-archive-1", b"(", b"type", b"directory"];
        let input = by_hand(&[head, body, vec![b")"]].concat());
        let error = restore(&mut &input[..], &dir.path().join("t"), u64::MAX).unwrap_err();
        assert!(matches!(error, RestoreError::Malformed { .. }), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
