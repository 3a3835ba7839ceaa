use super::*;

fn files(list: &[(&str, Content)]) -> Files {
    let file = |(path, content): &(&str, Content)| (path.to_string(), File::plain(content.clone()));
    list.iter().map(file).collect()
}

fn text(text: &str) -> Content {
    Content::Text(text.into())
}

fn node(name: &str, identity: &str) -> GraphNode {
    GraphNode {
        name: name.into(),
        kind: "step".into(),
        identity: identity.into(),
        inputs: Vec::new(),
    }
}

#[test]
fn files_that_differ_are_told_by_path_with_their_lines() {
    let from = files(&[
        ("a", text("1\n2\n3\n")),
        ("gone", text("x\n")),
        ("same", text("y\n")),
    ]);
    let to = files(&[
        ("a", text("1\ntwo\n3\n")),
        ("new", Content::Symlink("a".into())),
        ("same", text("y\n")),
    ]);
    let changes = changed_files(&from, &to).unwrap();
    let shown: Vec<_> = changes.iter().map(|c| (c.path, c.change())).collect();
    assert_eq!(
        shown,
        [
            ("a", Change::Changed),
            ("gone", Change::Removed),
            ("new", Change::Added)
        ]
    );
    let (diff, added, removed) = unified(&changes[0]).unwrap();
    assert_eq!(
        diff,
        "diff a/a b/a\n--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n"
    );
    assert_eq!((added, removed), (1, 1));
    assert!(
        unified(&changes[1])
            .unwrap()
            .0
            .contains("+++ /dev/null\n@@ -1 +0,0 @@\n-x\n")
    );
    assert!(
        unified(&changes[2])
            .unwrap()
            .0
            .contains("--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+-> a\n")
    );
}

#[test]
fn attributes_bytes_and_sizes_are_differences_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        Content::OnDisk(path)
    };
    let large = vec![b'x'; usize::try_from(LINES_MAX).unwrap() + 1];
    let mut larger = large.clone();
    larger[7] = b'y';
    let from = files(&[
        ("bin", at("1", b"a\0b")),
        ("big", at("2", &large)),
        ("mode", text("m")),
        ("kept", at("3", b"k")),
    ]);
    let mut to = files(&[
        ("bin", at("4", b"a\0c")),
        ("big", at("5", &larger)),
        ("mode", text("m")),
        ("kept", at("6", b"k")),
    ]);
    to.get_mut("mode").unwrap().executable = true;
    let changes = changed_files(&from, &to).unwrap();
    let shown: Vec<_> = changes
        .iter()
        .map(|change| unified(change).unwrap().0)
        .collect();
    assert_eq!(
        shown,
        [
            "diff a/big b/big\nFiles differ, and are too large to be shown\n",
            "diff a/bin b/bin\nBinary files differ\n",
            "diff a/mode b/mode\nold attributes: \nnew attributes: executable\n",
        ]
    );
}

#[test]
fn a_path_cannot_forge_lines_of_a_diff() {
    let to = files(&[("a\n+++ b/etc/shadow", text("x\n"))]);
    let none = Files::new();
    let changes = changed_files(&none, &to).unwrap();
    let (diff, ..) = unified(&changes[0]).unwrap();
    assert!(!diff.contains("\n+++ b/etc/shadow"), "{diff}");
}

#[test]
fn nodes_are_compared_by_what_they_are_made_of() {
    let graph = |nodes: &[(&str, &str)]| DerivationGraph {
        nodes: nodes.iter().map(|(name, id)| node(name, id)).collect(),
    };
    let from = graph(&[("a", "1"), ("b", "2"), ("c", "3"), ("c", "4")]);
    let to = graph(&[("a", "1"), ("b", "9"), ("c", "4"), ("d", "5")]);
    let changes = changed_nodes(&from, &to);
    let shown: Vec<_> = changes
        .iter()
        .map(|c| (c.name.as_str(), c.change, c.from.as_str(), c.to.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("b", Change::Changed, "2", "9"),
            ("c", Change::Removed, "3", ""),
            ("d", Change::Added, "", "5"),
        ]
    );
}

#[test]
fn a_result_nobody_built_is_compared_as_a_whole_and_two_built_ones_by_their_files() {
    let built = files(&[("a", text("1\n")), ("b", text("2\n"))]);
    let unbuilt = files(&[("", Content::Built("/nix/store/x".into()))]);
    for (from, to) in [(&built, &unbuilt), (&unbuilt, &built)] {
        let (old, new) = comparable(from, to);
        let changes = changed_files(&old, &new).unwrap();
        let shown: Vec<_> = changes.iter().map(|c| (c.path, c.change())).collect();
        assert_eq!(shown, [("", Change::Changed)]);
    }
    let other = files(&[("a", text("1\n"))]);
    let (old, new) = comparable(&built, &other);
    assert_eq!((old.len(), new.len()), (2, 1));
    // A host that one side does not declare has nothing to wait for.
    let none = Files::new();
    let (old, _) = comparable(&none, &unbuilt);
    assert!(old.is_empty());
}
