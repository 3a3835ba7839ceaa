use super::*;
use crate::backend::native::graph::{Entry, EntryKind, Piece, SourceKind, SourceNode, TreeNode};
use git2::{Oid, Repository};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

mod source;
mod tree;

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
