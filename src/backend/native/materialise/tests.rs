use super::*;
use crate::backend::native::graph::{Entry, EntryKind, Piece, SourceKind, SourceNode, TreeNode};
use git2::{Oid, Repository};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

struct Fixture {
    store: Store,
    repository: Repository,
    dir: tempfile::TempDir,
    /// What [`OutputRef`]s by node number stand for.
    made: Vec<StorePath>,
}

fn output(node: u32) -> OutputRef {
    OutputRef {
        node,
        output: "out".into(),
    }
}

fn text(text: &str) -> EntryKind {
    EntryKind::Text(Template::text(text))
}

fn node<'e>(
    name: &str,
    base: &[u32],
    entries: impl IntoIterator<Item = (&'e str, EntryKind)>,
) -> TreeNode {
    let entry = |kind| Entry {
        kind,
        mode: None,
        owner: None,
        group: None,
    };
    TreeNode {
        name: name.into(),
        base: base.iter().map(|&node| output(node)).collect(),
        entries: entries
            .into_iter()
            .map(|(path, kind)| (path.to_owned(), entry(kind)))
            .collect(),
        location: None,
    }
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Fixture {
            store: Store::open(&dir.path().join("store")).unwrap(),
            repository: Repository::init_bare(dir.path().join("repository.git")).unwrap(),
            dir,
            made: Vec::new(),
        }
    }

    /// Makes a tree, as node number `made.len()`.
    fn tree(&mut self, node: &TreeNode) -> Result<PathBuf, MaterialiseError> {
        let path = self.tree_with(node, &[])?;
        let real = self.store.real_path(&path);
        self.made.push(path);
        Ok(real)
    }

    fn tree_with(
        &self,
        node: &TreeNode,
        secrets: &[String],
    ) -> Result<StorePath, MaterialiseError> {
        tree(
            &self.store,
            node,
            |o| self.made.get(o.node as usize).cloned(),
            secrets,
        )
    }

    fn object(&mut self, name: &str, content: &str) -> u32 {
        let path = self
            .store
            .add_file(name, content.as_bytes(), false, &BTreeSet::new())
            .unwrap();
        self.made.push(path);
        u32::try_from(self.made.len()).unwrap() - 1
    }

    fn blob(&self, content: &str) -> Oid {
        self.repository.blob(content.as_bytes()).unwrap()
    }

    /// A Git tree, however odd its names and modes: written as raw bytes.
    fn git_tree(&self, entries: &[(&str, &str, Oid)]) -> Oid {
        let mut raw = Vec::new();
        for (mode, name, id) in entries {
            raw.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            raw.extend_from_slice(id.as_bytes());
        }
        let odb = self.repository.odb().unwrap();
        // libgit2 does not look into what it is told is a tree here.
        odb.write(git2::ObjectType::Tree, &raw).unwrap()
    }

    fn source(
        &self,
        id: Oid,
        include: &[&str],
        exclude: &[&str],
    ) -> Result<PathBuf, MaterialiseError> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let node = SourceNode {
            name: "src".into(),
            object: id.to_string(),
            kind: SourceKind::Folder,
            path: "app".into(),
            include: owned(include),
            exclude: owned(exclude),
            stored: None,
        };
        let path = source(&self.store, self.repository.path(), &node, &|| false)?;
        Ok(self.store.real_path(&path))
    }
}

/// Every file and link below, by path.
fn listing(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap();
            let content = if kind.is_dir() {
                folders.push(path.clone());
                "/".to_owned()
            } else if kind.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                fs::read_to_string(&path).unwrap()
            };
            found.insert(
                path.strip_prefix(root).unwrap().display().to_string(),
                content,
            );
        }
    }
    found
}

fn paths(root: &Path) -> Vec<String> {
    listing(root)
        .into_iter()
        .filter(|(_, content)| content != "/")
        .map(|(path, _)| path)
        .collect()
}

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
fn a_file_refers_to_what_it_mentions() {
    let mut f = Fixture::new();
    let dep = f.object("dep", "dep");
    let node = FileNode {
        name: "wrapper".into(),
        content: Template(vec![
            Piece::Text("exec ".into()),
            Piece::Output(output(dep)),
            Piece::Text("/bin/x\n".into()),
        ]),
        executable: true,
    };
    let resolve = |o: &OutputRef| f.made.get(o.node as usize).cloned();
    let path = file(&f.store, &node, resolve).unwrap();
    let dep = &f.made[0];
    let real = f.store.real_path(&path);
    assert_eq!(
        fs::read_to_string(&real).unwrap(),
        format!("exec {dep}/bin/x\n")
    );
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o555);
    assert_eq!(
        f.store.info(&path).unwrap().references,
        [dep.clone()].into()
    );
    assert!(matches!(
        file(&f.store, &node, |_| None),
        Err(MaterialiseError::Unresolved(_))
    ));
}

#[test]
fn a_file_is_remembered_under_the_key_of_the_format() {
    let f = Fixture::new();
    let node = FileNode {
        name: "hello".into(),
        content: Template::text("hello\n"),
        executable: false,
    };
    let path = file(&f.store, &node, |_| None).unwrap();
    let key = "bf4c538cae1b2677ca80b0c7dafbfc9e328da1d2eccd67ac3e76773908ca5429";
    let key = RealisationKey(crate::store::encoding::from_hex(key).unwrap());
    assert_eq!(f.store.realisation(key).unwrap()["out"], path);
}

#[test]
fn a_tree_holds_its_entries_and_its_links_lead_from_wherever_the_store_is() {
    let mut f = Fixture::new();
    let dep = f.object("dep", "dep");
    let real = f
        .tree(&node(
            "t",
            &[],
            [
                ("etc/a", text("a\n")),
                ("srv/deep/dep", EntryKind::Link(output(dep))),
                ("top", EntryKind::Link(output(dep))),
                ("copy", EntryKind::Copy(output(dep))),
                ("empty", EntryKind::Folder),
                (
                    "into",
                    EntryKind::Symlink(Template(vec![
                        Piece::Output(output(dep)),
                        Piece::Text("/bin".into()),
                    ])),
                ),
                ("plain", EntryKind::Symlink(Template::text("../x"))),
            ],
        ))
        .unwrap();
    let base = f.made[0].base_name();
    let expected = [
        ("copy", "dep".to_owned()),
        ("empty", "/".into()),
        ("etc", "/".into()),
        ("etc/a", "a\n".into()),
        ("into", format!("-> ../{base}/bin")),
        ("plain", "-> ../x".into()),
        ("srv", "/".into()),
        ("srv/deep", "/".into()),
        ("srv/deep/dep", format!("-> ../../../{base}")),
        ("top", format!("-> ../{base}")),
    ];
    let expected = expected.map(|(path, content)| (path.to_owned(), content));
    assert_eq!(listing(&real), expected.into());
    assert_eq!(
        fs::read_to_string(real.join("srv/deep/dep")).unwrap(),
        "dep"
    );
    assert_eq!(
        f.store.info(&f.made[1]).unwrap().references,
        [f.made[0].clone()].into()
    );
}

#[test]
fn bases_are_joined_and_entries_lie_on_top() {
    let mut f = Fixture::new();
    let dep = f.object("dep", "dep");
    f.tree(&node(
        "one",
        &[],
        [
            ("etc/one", text("1")),
            ("etc/over", text("base")),
            ("d/x", text("x")),
        ],
    ))
    .unwrap();
    f.tree(&node(
        "two",
        &[],
        [
            ("etc/dep", EntryKind::Link(output(dep))),
            ("d/y", text("y")),
        ],
    ))
    .unwrap();
    let real = f
        .tree(&node(
            "all",
            &[1, 2],
            [
                ("etc/over", text("top")),
                ("d", EntryKind::Removed),
                ("gone", EntryKind::Removed),
            ],
        ))
        .unwrap();
    assert_eq!(paths(&real), ["etc/dep", "etc/one", "etc/over"]);
    assert_eq!(fs::read_to_string(real.join("etc/over")).unwrap(), "top");
    assert_eq!(
        fs::read_to_string(real.join("etc/dep")).unwrap(),
        "dep",
        "the link leads on"
    );
    assert_eq!(
        f.store.info(&f.made[3]).unwrap().references,
        [f.made[0].clone()].into()
    );
}

#[test]
fn one_path_from_two_bases_is_an_error_that_names_both() {
    let mut f = Fixture::new();
    f.tree(&node("one", &[], [("etc/same", text("1"))]))
        .unwrap();
    f.tree(&node("two", &[], [("etc/same", text("2"))]))
        .unwrap();
    let error = f.tree(&node("all", &[0, 1], [])).unwrap_err();
    let message = error.to_string();
    for name in ["all", "etc/same", "-one", "-two"] {
        assert!(message.contains(name), "{message}");
    }
    assert!(error.is_certain());
}

#[test]
fn a_path_that_is_file_and_folder_is_an_error_that_names_both() {
    let mut f = Fixture::new();
    let error = f
        .tree(&node("t", &[], [("a", text("")), ("a/b", text(""))]))
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("\"a\"") && message.contains("a/b"),
        "{message}"
    );
    f.tree(&node("base", &[], [("a", text(""))])).unwrap();
    let error = f.tree(&node("t", &[0], [("a/b", text(""))])).unwrap_err();
    assert!(
        matches!(error, MaterialiseError::FileAndFolder(_)),
        "{error}"
    );
    f.tree(&node("folder", &[], [("a/b", text(""))])).unwrap();
    let error = f.tree(&node("t", &[1], [("a", text(""))])).unwrap_err();
    assert!(matches!(error, MaterialiseError::Conflict(_)), "{error}");
    let instead = [("a", EntryKind::Removed), ("a/b", text(""))];
    let real = f.tree(&node("t", &[0], instead)).unwrap();
    assert_eq!(
        paths(&real),
        ["a/b"],
        "what is taken away first is not in the way"
    );
}

#[test]
fn a_copied_folder_keeps_its_links_to_other_objects() {
    let mut f = Fixture::new();
    let dep = f.object("dep", "dep");
    f.tree(&node(
        "inner",
        &[],
        [
            ("a/l", EntryKind::Link(output(dep))),
            ("s", EntryKind::Symlink(Template::text("a/l"))),
        ],
    ))
    .unwrap();
    let real = f
        .tree(&node("outer", &[], [("x/y", EntryKind::Copy(output(1)))]))
        .unwrap();
    assert_eq!(fs::read_to_string(real.join("x/y/a/l")).unwrap(), "dep");
    assert_eq!(fs::read_to_string(real.join("x/y/s")).unwrap(), "dep");
    assert_eq!(
        f.store.info(&f.made[2]).unwrap().references,
        [f.made[0].clone()].into()
    );
}

#[test]
fn e08_attributes_and_names_of_secrets_are_kept_over_bases() {
    let mut f = Fixture::new();
    let secrets = ["db".to_owned(), "tls".to_owned(), "gone".to_owned()];
    let mut base = node(
        "base",
        &[],
        [
            ("etc/db", text("password-file /run/kiln/secrets/db\n")),
            ("etc/old", text("/run/kiln/secrets/gone")),
        ],
    );
    base.entries.get_mut("etc/old").unwrap().mode = Some("0600".into());
    f.made.push(f.tree_with(&base, &secrets).unwrap());
    let linked = f.object("conf", "/run/kiln/secrets/tls");
    let mut top = node(
        "top",
        &[0],
        [
            ("etc/old", text("new")),
            ("etc/tls", EntryKind::Link(output(linked))),
        ],
    );
    top.entries.get_mut("etc/tls").unwrap().owner = Some("www".into());
    let path = f.tree_with(&top, &secrets).unwrap();
    let json = fs::read(f.store.real_path(&path).join(ATTRIBUTES_FILE)).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let expected = serde_json::json!({
        "version": 1,
        "entries": {
            "etc/db": { "secrets": ["db"] },
            "etc/tls": { "owner": "www", "secrets": ["tls"] },
        },
        "secrets": ["db", "tls"],
    });
    assert_eq!(found, expected);
}

#[test]
fn a_tree_that_mentions_a_store_path_it_did_not_name_is_refused() {
    let mut f = Fixture::new();
    let stray = format!("/var/lib/kiln/store/{}-x/bin/x", "1".repeat(32));
    let error = f
        .tree(&node("t", &[], [("etc/a", text(&stray))]))
        .unwrap_err();
    assert!(error.to_string().contains("etc/a mentions"), "{error}");
    let link = EntryKind::Symlink(Template::text(stray));
    assert!(f.tree(&node("t", &[], [("l", link)])).is_err());
}

#[test]
fn s13_paths_that_leave_the_tree_are_refused() {
    let mut f = Fixture::new();
    for path in [
        "../x",
        "/etc/x",
        "a//b",
        "",
        ".kiln/attributes.json",
        "a/./b",
    ] {
        let error = f.tree(&node("t", &[], [(path, text(""))])).unwrap_err();
        assert!(
            matches!(error, MaterialiseError::Unsafe { .. }),
            "{path}: {error}"
        );
    }
}

#[test]
fn ten_thousand_files_are_taken_with_two_syncs() {
    let f = Fixture::new();
    let blobs: Vec<_> = (0..10_000)
        .map(|n| (format!("f{n:05}"), f.blob(&n.to_string())))
        .collect();
    let entries: Vec<_> = blobs
        .iter()
        .map(|(name, id)| ("100644", name.as_str(), *id))
        .collect();
    let id = f.git_tree(&entries);
    let started = std::time::Instant::now();
    let real = f.source(id, &[], &[]).unwrap();
    let taken = started.elapsed();
    f.store.sync().unwrap();
    eprintln!(
        "10,000 files: {taken:?}, durable after {:?}",
        started.elapsed()
    );
    assert_eq!(fs::read_dir(real).unwrap().count(), 10_000);
}

#[test]
fn s13_an_entry_named_twice_is_refused_and_no_link_is_written_through() {
    let f = Fixture::new();
    let host = f.dir.path().join("host");
    fs::create_dir(&host).unwrap();
    let (link, x) = (f.blob(host.to_str().unwrap()), f.blob("x"));
    let below = f.git_tree(&[("100644", "planted", x)]);
    for second in [
        ("40000", "a", below),
        ("100644", "a", x),
        ("120000", "a", link),
    ] {
        let id = f.git_tree(&[("120000", "a", link), second]);
        for exclude in [&[][..], &["nothing"]] {
            let error = f.source(id, &[], exclude).unwrap_err();
            assert!(error.is_certain(), "{error}");
            assert!(error.to_string().contains("app/a"), "{error}");
        }
    }
    assert_eq!(fs::read_dir(&host).unwrap().count(), 0);
}

#[test]
fn s13_nothing_is_placed_below_what_a_base_made_a_link() {
    let mut f = Fixture::new();
    let host = f.dir.path().join("host");
    fs::create_dir(&host).unwrap();
    let target = EntryKind::Symlink(Template::text(host.to_str().unwrap()));
    f.tree(&node("base", &[], [("a", target)])).unwrap();
    let error = f
        .tree(&node("t", &[0], [("a/planted", text("x"))]))
        .unwrap_err();
    assert!(error.is_certain(), "{error}");
    let said = error.to_string();
    assert!(
        said.contains("a/planted") && said.contains("base "),
        "{said}"
    );
    assert_eq!(fs::read_dir(&host).unwrap().count(), 0);
}

/// A store object with this put at `.kiln/attributes.json` by a step.
fn base_with(f: &mut Fixture, put: impl FnOnce(&Path)) {
    let scratch = f.store.scratch().unwrap();
    let root = scratch.path().join("out");
    fs::create_dir_all(root.join(".kiln")).unwrap();
    put(&root.join(ATTRIBUTES_FILE));
    let path = f.store.publish_data(&root, "base").unwrap();
    f.made.push(path);
}

#[test]
fn s13_a_base_does_not_choose_which_file_its_attributes_are_read_from() {
    let link = |to: &'static str| move |at: &Path| std::os::unix::fs::symlink(to, at).unwrap();
    let text = |text: &'static str| move |at: &Path| fs::write(at, text).unwrap();
    let mut f = Fixture::new();
    let outside = f.dir.path().join("outside");
    fs::write(&outside, r#"{"version":1,"entries":{},"secrets":[]}"#).unwrap();
    type Put = Box<dyn FnOnce(&Path)>;
    let puts: Vec<Put> = vec![
        Box::new(move |at| std::os::unix::fs::symlink(outside, at).unwrap()),
        Box::new(link("/nowhere")),
        Box::new(|at| fs::create_dir(at).unwrap()),
        Box::new(|at| fs::File::create(at).unwrap().set_len(17 << 20).unwrap()),
        Box::new(text(r#"{"version":1,"entries":{"../x":{}},"secrets":[]}"#)),
        Box::new(text(
            r#"{"version":1,"entries":{"/etc/x":{}},"secrets":[]}"#,
        )),
        Box::new(text(r#"{"version":9,"entries":{},"secrets":[]}"#)),
    ];
    for (n, put) in (0..).zip(puts) {
        base_with(&mut f, put);
        let error = f.tree_with(&node("t", &[n], []), &[]).unwrap_err();
        assert!(error.is_certain(), "{n}: {error}");
        let said = error.to_string();
        assert!(
            said.contains("-base") && said.contains(ATTRIBUTES_FILE),
            "{n}: {said}"
        );
    }
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
