//! Files and trees of the graph.

use super::*;

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
