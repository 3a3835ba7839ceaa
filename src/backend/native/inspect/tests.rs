use super::*;
use crate::backend::inspect::{Content, changed_files, changed_nodes};
use crate::backend::native::eval::{EvalRequest, evaluate_here};
use crate::source::repository::index_entry;
use git2::{Oid, Repository};
use std::path::{Path, PathBuf};
use std::time::Duration;
use time::OffsetDateTime;

/// The graph of host `h`, of files in a repository.
fn evaluated(folder: &tempfile::TempDir, files: &[(&str, &str)]) -> Graph {
    let repository = Repository::init_bare(folder.path()).unwrap();
    let mut index = git2::Index::new().unwrap();
    for (path, text) in files {
        let id = repository.blob(text.as_bytes()).unwrap();
        let entry = index_entry(Path::new(path), 0o100_644, id);
        index.add(&entry).unwrap();
    }
    let tree: Oid = index.write_tree_to(&repository).unwrap();
    let request = EvalRequest {
        repository: folder.path().to_owned(),
        tree: tree.to_string(),
        commit: "0".repeat(40),
        commit_time: OffsetDateTime::UNIX_EPOCH,
        subdir: ".".into(),
        file: "kiln.star".into(),
        host: "h".parse().unwrap(),
        system: "x86_64-linux".into(),
        timeout: Duration::from_secs(60),
        memory: 1 << 30,
    };
    evaluate_here(&request, &|_| ()).unwrap()
}

const KILN: &str = r#"
shop = derivation(name = "shop", src = source("src"), script = "true")
base = tree("base", {"etc/a": "old\n", "etc/dir/x": "x\n", "etc/dir/y": "y\n"})
host("h", tree("h", {
    "etc/a": "exe=" + shop + "/bin/shop\n",
    "etc/dir": None,
    "etc/sudoers": entry("all\n", mode = "0440"),
    "srv": source("static", exclude = ["*.bak"]),
    "usr/bin/shop": symlink(shop + "/bin/shop"),
    "opt/shop": shop,
}, base = [base]))
"#;

#[test]
fn a_root_is_laid_out_with_its_sources_and_what_is_yet_to_be_built_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let sources = InGit(folder.path().to_owned());
    let tree = [
        ("kiln.star", KILN),
        ("src/main.c", "int main;"),
        ("static/index.html", "<p>"),
        ("static/x.bak", ""),
    ];
    let graph = evaluated(&folder, &tree);
    let inspection = Inspection::new(&graph, &sources).unwrap();
    let files = inspection.files().unwrap();
    let paths: Vec<_> = files.keys().map(String::as_str).collect();
    let wanted = [
        "etc/a",
        "etc/sudoers",
        "opt/shop",
        "srv/index.html",
        "usr/bin/shop",
    ];
    assert_eq!(paths, wanted);
    assert_eq!(files["etc/sudoers"].attributes, "mode 0440");
    let Content::Built(label) = &files["opt/shop"].content else {
        panic!("{files:?}");
    };
    assert!(label.starts_with("{shop:") && label.len() == "{shop:12345678}".len());
    let exe = Content::Text(format!("exe={label}/bin/shop\n"));
    assert_eq!(files["etc/a"].content, exe);
    let nodes = inspection.graph().nodes;
    assert_eq!(nodes.last().map(|node| node.kind.as_str()), Some("tree"));
    let shop = nodes.iter().position(|node| node.name == "shop").unwrap();
    let of = &nodes[usize::try_from(nodes[shop].inputs[0]).unwrap()];
    assert_eq!(of.kind, "source");
}

#[test]
fn only_what_a_change_leads_to_differs() {
    let folder = tempfile::tempdir().unwrap();
    let sources = InGit(folder.path().to_owned());
    let mut tree = [
        ("kiln.star", KILN),
        ("src/main.c", "int main;"),
        ("static/index.html", "<p>"),
    ];
    let (before, moved) = (
        evaluated(&folder, &tree),
        format!("\n# a comment moves every line\n{KILN}"),
    );
    tree[0].1 = &moved;
    let same = evaluated(&folder, &tree);
    tree[1].1 = "int main; // changed";
    let after = evaluated(&folder, &tree);
    let look = |graph: &Graph| {
        let inspection = Inspection::new(graph, &sources).unwrap();
        (inspection.graph(), inspection.files().unwrap())
    };
    let (before, same, after) = (look(&before), look(&same), look(&after));
    assert_eq!(changed_nodes(&before.0, &same.0), []);
    let changed = changed_nodes(&before.0, &after.0);
    let names: Vec<_> = changed.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["src", "shop", "h"]);
    let changed = changed_files(&before.1, &after.1).unwrap();
    let paths: Vec<_> = changed.iter().map(|change| change.path).collect();
    assert_eq!(paths, ["etc/a", "opt/shop", "usr/bin/shop"]);
}

#[test]
fn a_result_that_unfolds_without_end_is_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let sources = InGit(PathBuf::new());
    let unfolding = r#"
t = tree("t0", {"f": "x"})
for n in range(1, 40):
    t = tree("t" + str(n), {"a": t, "b": t})
host("h", t)
"#;
    let deep = unfolding.replace("{\"a\": t, \"b\": t}", "{\"a\": t}");
    for (text, word) in [(unfolding, "files"), (&deep.replace("40", "400"), "deep")] {
        let graph = evaluated(&folder, &[("kiln.star", text)]);
        let inspection = Inspection::new(&graph, &sources).unwrap();
        let limit = inspection.files().unwrap_err().to_string();
        assert!(
            limit.contains("limit reached") && limit.contains(word),
            "{limit}"
        );
    }
}
