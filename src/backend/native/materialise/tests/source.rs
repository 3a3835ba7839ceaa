//! What a commit's files become.

use super::*;

#[test]
fn a_source_has_the_contents_modes_and_links_of_git() {
    let f = Fixture::new();
    let inner = f.git_tree(&[("100755", "run", f.blob("#!/bin/sh\n"))]);
    let id = f.git_tree(&[
        (
            "100644",
            "a",
            f.blob("mentions /var/lib/kiln/store/11111111111111111111111111111111-x"),
        ),
        ("40000", "bin", inner),
        ("120000", "l", f.blob("bin/run")),
    ]);
    let real = f.source(id, &[], &[]).unwrap();
    assert_eq!(paths(&real), ["a", "bin/run", "l"]);
    assert_eq!(
        fs::metadata(real.join("bin/run")).unwrap().mode() & 0o777,
        0o555
    );
    assert_eq!(fs::metadata(real.join("a")).unwrap().mode() & 0o777, 0o444);
    assert_eq!(fs::read_link(real.join("l")).unwrap(), Path::new("bin/run"));
}

#[test]
fn a_source_of_one_file_is_that_file() {
    let f = Fixture::new();
    let node = SourceNode {
        name: "one".into(),
        object: f.blob("one").to_string(),
        kind: SourceKind::Executable,
        path: "bin/one".into(),
        include: vec![],
        exclude: vec![],
        stored: None,
    };
    let path = source(&f.store, f.repository.path(), &node, &|| false).unwrap();
    let real = f.store.real_path(&path);
    assert_eq!(fs::read_to_string(&real).unwrap(), "one");
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o555);
}

#[test]
fn include_and_exclude_choose_files_and_leave_no_empty_folders() {
    let f = Fixture::new();
    let x = f.blob("x");
    let deep = f.git_tree(&[("100644", "b.c", x), ("100644", "b.o", x)]);
    let docs = f.git_tree(&[("100644", "read.me", x)]);
    let id = f.git_tree(&[
        ("100644", "a.c", x),
        ("40000", "deep", deep),
        ("40000", "docs", docs),
    ]);
    let chosen = |include: &[&str], exclude: &[&str]| {
        let real = f.source(id, include, exclude).unwrap();
        (paths(&real), real.join("docs").exists())
    };
    let files = |names: &[&str]| {
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        chosen(&["**/*.c"], &[]),
        (files(&["a.c", "deep/b.c"]), false)
    );
    assert_eq!(
        chosen(&["deep"], &["**/*.o"]),
        (files(&["deep/b.c"]), false)
    );
    assert_eq!(
        chosen(&[], &["deep", "a.c"]),
        (files(&["docs/read.me"]), true)
    );
    let error = f.source(id, &["*.rs"], &[]).unwrap_err();
    assert!(error.to_string().contains("*.rs"), "{error}");
}

#[test]
fn an_unchanged_source_is_looked_up_and_not_read() {
    let f = Fixture::new();
    let id = f.git_tree(&[("100644", "a", f.blob("a"))]);
    let first = f.source(id, &[], &[]).unwrap();
    fs::remove_dir_all(f.dir.path().join("repository.git")).unwrap();
    assert_eq!(f.source(id, &[], &[]).unwrap(), first);
    assert!(
        f.source(id, &["a"], &[]).is_err(),
        "other filters are another source"
    );
}

#[test]
fn s13_hostile_names_submodules_and_pointers_are_refused_by_name() {
    let f = Fixture::new();
    let x = f.blob("x");
    let lfs = f.blob("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    for (mode, name, id, says) in [
        ("100644", "..", x, ".."),
        ("100644", ".GIT", x, ".GIT"),
        ("40000", ".git", f.git_tree(&[]), ".git"),
        ("100644", "a/b", x, "a/b"),
        ("160000", "vendor", x, "submodule"),
        ("100644", "big.bin", lfs, "LFS"),
        ("120000", "nul", f.blob("a\0b"), "nul"),
    ] {
        let error = match f.source(f.git_tree(&[(mode, name, id)]), &[], &[]) {
            Err(error) => error,
            Ok(real) => panic!("{name}: {:?}", listing(&real)),
        };
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.to_string().contains("app"), "{error}");
    }
}

#[test]
fn s13_a_few_objects_that_name_each_other_into_billions_of_files_are_refused() {
    let f = Fixture::new();
    let mut id = f.git_tree(&[("100644", "x", f.blob("x"))]);
    let names: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    for _ in 0..12 {
        let entries: Vec<_> = names
            .iter()
            .map(|name| ("40000", name.as_str(), id))
            .collect();
        id = f.git_tree(&entries);
    }
    let error = f.source(id, &["nothing"], &[]).unwrap_err();
    assert!(
        matches!(error, MaterialiseError::TooLarge { .. }),
        "{error}"
    );
    assert!(error.is_certain());
}

#[test]
fn s13_one_depth_holds_for_sources_tree_entries_and_the_store() {
    let mut f = Fixture::new();
    let x = f.blob("x");
    let nested = |f: &Fixture, folders: usize| {
        let file = f.git_tree(&[("100644", "x", x)]);
        (0..folders).fold(file, |id, _| f.git_tree(&[("40000", "d", id)]))
    };
    f.source(nested(&f, 127), &[], &[]).unwrap();
    let error = f.source(nested(&f, 128), &[], &[]).unwrap_err();
    assert!(
        matches!(error, MaterialiseError::TooLarge { .. }),
        "{error}"
    );
    let key = |folders: usize| "d/".repeat(folders) + "x";
    f.tree(&node("t", &[], [(&*key(127), text("x"))])).unwrap();
    let mut deep = node("t", &[], [(&*key(128), text("x"))]);
    deep.location = Some(Location {
        file: "kiln.star".into(),
        line: 7,
        column: 1,
    });
    let error = f.tree(&deep).unwrap_err();
    assert!(error.is_certain(), "{error}");
    assert_eq!(error.location(), deep.location.as_ref());
}

#[test]
fn e18_a_source_that_is_cancelled_stops_between_entries() {
    let f = Fixture::new();
    let x = f.blob("x");
    let id = f.git_tree(&[("100644", "a", x), ("100644", "b", x), ("100644", "c", x)]);
    let node = SourceNode {
        name: "src".into(),
        object: id.to_string(),
        kind: SourceKind::Folder,
        path: ".".into(),
        include: vec![],
        exclude: vec![],
        stored: None,
    };
    let asked = std::cell::Cell::new(0);
    let cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() == 2
    };
    let error = source(&f.store, f.repository.path(), &node, &cancelled).unwrap_err();
    assert!(matches!(error, MaterialiseError::Cancelled), "{error}");
    assert_eq!(asked.get(), 2);
}
