//! Derivations as people look at them: asked of `nix-store --query --graph`, and
//! the files of a result that is there.

use super::NixConfig;
use super::program::{Program, attempted};
use super::roots::ask;
use crate::backend::BackendError;
use crate::backend::inspect::{Content, DerivationGraph, File, Files, GraphNode};
use crate::model::Evaluated;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Bytes of a graph as Nix writes it: some hundred for each edge.
const GRAPH_MAX: usize = 64 << 20;
/// Files of one result.
const FILES_MAX: usize = 200_000;
/// Folders inside folders that are looked into.
const DEPTH_MAX: usize = 128;
/// Characters of a store path's digest, and the `-` behind it.
const DIGEST: usize = 33;

/// The derivation, and all that it is made of.
///
/// # Errors
/// When Nix cannot be asked, or the derivation is gone.
pub(super) async fn graph(
    config: &NixConfig,
    evaluated: &Evaluated,
) -> Result<DerivationGraph, BackendError> {
    let drv = &evaluated.drv_path;
    let program = Program::new(config, "nix-store").args(["--query", "--graph", drv]);
    let asked = ask(program.answer_limit(GRAPH_MAX), &CancellationToken::new()).await?;
    let what = || format!("ask Nix for the graph of {drv}");
    match asked.is_there(&what())? {
        true => Ok(read(drv, &asked.ran.answer)),
        false => Err(attempted(what(), gone(evaluated))),
    }
}

fn gone(evaluated: &Evaluated) -> io::Error {
    match &evaluated.record {
        None => io::Error::from(io::ErrorKind::NotFound),
        Some(record) => io::Error::other(format!(
            "it was taken from a record, {record}, and not evaluated on this host"
        )),
    }
}

/// Nix writes `"x.drv" [label = ..];` for a node and `"a" -> "b" [..];` where b
/// needs a.
fn read(drv: &str, text: &str) -> DerivationGraph {
    let folder = drv.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut needs: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in text.lines() {
        let mut quoted = line.split('"').skip(1).step_by(2);
        match (line.contains("\" -> \""), quoted.next(), quoted.next()) {
            (true, Some(input), Some(node)) => needs.entry(node).or_default().push(input),
            (false, Some(node), _) => {
                needs.entry(node).or_default();
            }
            _ => {}
        }
    }
    let root = drv.rsplit('/').next().unwrap_or(drv);
    ordered(folder, root, &needs)
}

/// Inputs first, without recursion: a chain may be long.
fn ordered(folder: &str, root: &str, needs: &HashMap<&str, Vec<&str>>) -> DerivationGraph {
    let mut graph = DerivationGraph::default();
    let mut places: HashMap<&str, u32> = HashMap::new();
    let mut stack = vec![(root, false)];
    let mut begun: std::collections::HashSet<&str> = Default::default();
    while let Some((name, is_done)) = stack.pop() {
        let inputs = needs.get(name).map_or(&[][..], Vec::as_slice);
        if is_done {
            let place = u32::try_from(graph.nodes.len()).unwrap_or(u32::MAX);
            let known = inputs.iter().filter_map(|input| places.get(input).copied());
            graph.nodes.push(node(folder, name, known.collect()));
            places.insert(name, place);
        } else if begun.insert(name) {
            stack.push((name, true));
            stack.extend(inputs.iter().map(|input| (*input, false)));
        }
    }
    graph
}

fn node(folder: &str, base: &str, mut inputs: Vec<u32>) -> GraphNode {
    let name = base.get(DIGEST..).unwrap_or(base);
    let (name, kind) = match name.strip_suffix(".drv") {
        Some(name) => (name, "derivation"),
        None => (name, "source"),
    };
    inputs.sort_unstable();
    inputs.dedup();
    GraphNode {
        name: name.to_owned(),
        kind: kind.to_owned(),
        identity: format!("{folder}/{base}"),
        inputs,
    }
}

/// The files of the result, where it is built; links as links.
///
/// # Errors
/// When one cannot be looked at, or there are too many.
pub(super) async fn files(
    config: &NixConfig,
    evaluated: &Evaluated,
) -> Result<Files, BackendError> {
    let out = evaluated.out_path.as_ref();
    let real = out.map(|out| config.real_path(out));
    let Some(real) = real.filter(|real| real.symlink_metadata().is_ok()) else {
        let yet = out.unwrap_or(&evaluated.drv_path).clone();
        return Ok([(String::new(), File::plain(Content::Built(yet)))].into());
    };
    let what = format!("look at the files of {}", real.display());
    let walked = tokio::task::spawn_blocking(move || {
        let mut files = Files::new();
        walk(&real, "", 0, &mut files).map(|()| files)
    });
    let walked = walked.await.map_err(|error| attempted(&*what, error))?;
    walked.map_err(|error| attempted(what, error))
}

fn walk(real: &Path, path: &str, depth: usize, files: &mut Files) -> io::Result<()> {
    if files.len() >= FILES_MAX || depth > DEPTH_MAX {
        let limit = format!("more than {FILES_MAX} files, or {DEPTH_MAX} folders in each other");
        return Err(io::Error::other(limit));
    }
    let found = fs::symlink_metadata(real)?;
    if found.is_dir() {
        for entry in fs::read_dir(real)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = match path {
                "" => name,
                path => format!("{path}/{name}"),
            };
            walk(&entry.path(), &path, depth + 1, files)?;
        }
        return Ok(());
    }
    let content = match found.is_symlink() {
        true => Content::Symlink(fs::read_link(real)?.to_string_lossy().into_owned()),
        false => Content::OnDisk(real.to_owned()),
    };
    let executable = found.is_file() && found.permissions().mode() & 0o111 != 0;
    let file = File {
        executable,
        ..File::plain(content)
    };
    files.insert(path.to_owned(), file);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_as_nix_writes_it_is_read_with_inputs_first() {
        let [a, b, t] = ["zpyh-a.drv", "gicj-b.drv", "w9r8-t.nix"]
            .map(|name| format!("{:0<32}-{}", &name[..4], &name[5..]));
        let style = "shape = box, style = filled, fillcolor = \"#ff0000\"";
        let text = format!(
            "digraph G {{\n\"{b}\" [label = \"b.drv\", {style}];\n\"{a}\" -> \"{b}\" [color = \"black\"];\n\
             \"{t}\" -> \"{b}\" [color = \"red\"];\n\"{a}\" [label = \"a.drv\", {style}];\n\
             \"{t}\" -> \"{a}\" [color = \"red\"];\n\"{t}\" [label = \"t.nix\", {style}];\n}}\n"
        );
        let graph = read(&format!("/nix/store/{b}"), &text);
        let shown: Vec<_> = graph
            .nodes
            .iter()
            .map(|node| {
                (
                    node.name.as_str(),
                    node.kind.as_str(),
                    node.inputs.as_slice(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("t.nix", "source", &[][..]),
                ("a", "derivation", &[0]),
                ("b", "derivation", &[0, 1]),
            ]
        );
        assert_eq!(graph.nodes[2].identity, format!("/nix/store/{b}"));
    }
}
