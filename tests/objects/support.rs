//! What the tests of the store share.

use crate::common::*;
use std::path::{Path, PathBuf};

/// A configuration's `[[remotes]]` for a repository at a path.
pub fn local(repository: &Repository) -> String {
    let url = repository.path.to_str().unwrap();
    format!("[[remotes]]\nname = \"origin\"\nurl = \"{url}\"\npoll_interval = \"1s\"\n")
}

/// A host whose tree has a text, made by a tool that is no part of it.
pub fn host(text: &str) -> String {
    format!(
        r#"
tool = derivation(name = "tool", script = "mkdir -p $out/bin; echo 'echo {text}' > $out/bin/say; chmod +x $out/bin/say")
said = derivation(name = "said", script = "say > $out", deps = [tool])
host("web-1", tree("web-1", {{"etc/said": said}}))
"#
    )
}

/// The names of objects in a store, sorted.
pub fn objects(store: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(store).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != ".kiln").collect();
    names.sort();
    names
}

/// The object with this name behind its digest, when there is exactly one.
pub fn named(store: &Path, name: &str) -> Option<PathBuf> {
    let ending = format!("-{name}");
    let found: Vec<_> = objects(store)
        .into_iter()
        .filter(|object| object.ends_with(&ending))
        .collect();
    match &found[..] {
        [one] => Some(store.join(one)),
        _ => None,
    }
}
