//! The example a newcomer runs first.

use super::*;

/// A folder of the work tree as a Git tree.
fn repo_of(folder: &Path) -> Repo {
    repo_with(folder, "", "")
}

/// The same with a text put before one file's.
fn repo_with(folder: &Path, edited: &str, before: &str) -> Repo {
    let files = RefCell::new(Vec::new());
    fn walk(root: &Path, folder: &Path, files: &RefCell<Vec<(String, String)>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(root, &path, files),
                false => {
                    let name = path
                        .strip_prefix(root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned();
                    files
                        .borrow_mut()
                        .push((name, std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
    }
    walk(folder, folder, &files);
    let mut files = files.into_inner();
    for (name, text) in &mut files {
        if name == edited {
            text.insert_str(0, before);
        }
    }
    let files: Vec<_> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    Repo::new(&files)
}

#[test]
fn the_example_web_host_evaluates_for_each_of_its_hosts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/web-host");
    let repo = repo_of(&folder);
    assert_eq!(
        hosts(&repo.request("h"), &|_| ()).unwrap(),
        ["db-1", "web-1", "web-2"]
    );
    for (host, programs) in [("web-1", 2), ("web-2", 2), ("db-1", 1)] {
        let graph = repo.evaluate(host).unwrap();
        let trees = graph.nodes.iter().filter_map(|node| match node {
            Node::Tree(tree) => Some(tree),
            _ => None,
        });
        let paths: Vec<_> = trees.flat_map(|tree| tree.entries.keys()).collect();
        assert!(
            paths.iter().any(|path| path.starts_with("usr/local/bin/")),
            "{host}"
        );
        assert!(
            paths.iter().any(|path| path.starts_with("etc/systemd/")),
            "{host}"
        );
        assert!(steps(&graph).len() >= programs, "{host}");
    }
}

#[test]
fn editing_one_program_of_the_example_changes_it_and_what_needs_it_only() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/web-host");
    let before = repo_of(&folder);
    let after = repo_with(&folder, "src/greeter/http.c", "/* edited */\n");
    let source = |repo: &Repo, name: &str| {
        let graph = repo.evaluate("web-1").unwrap();
        let found = graph.nodes.iter().find_map(|node| match node {
            Node::Source(source) if source.path.ends_with(name) => Some(source.object.clone()),
            _ => None,
        });
        found.unwrap()
    };
    assert_ne!(source(&before, "greeter"), source(&after, "greeter"));
    assert_eq!(source(&before, "logcount"), source(&after, "logcount"));
    let db = |repo: &Repo| repo.evaluate("db-1").unwrap();
    assert_eq!(db(&before), db(&after));
}
