//! `source`, `file`, `tree`, `symlink`, `entry`: what is made without a step.

use super::super::asked::Question;
use super::super::files::Filter;
use super::super::paths;
use super::super::pattern::Pattern;
use super::super::state::{State, called_at, said};
use super::super::values::{EntryValue, OutputValue, SymlinkValue};
use super::arguments::{dict, list, optional_plain, output, plain, plain_list, template, wrong};
use super::check;
use crate::backend::native::graph::{
    Entry, EntryKind, FileNode, Node, SourceKind, SourceNode, TreeNode,
};
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::dict::DictRef;
use std::collections::BTreeMap;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Files of this commit, by content.
    fn source<'v>(
        path: Option<Value<'v>>,
        include: Option<Value<'v>>,
        exclude: Option<Value<'v>>,
        name: Option<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<OutputValue> {
        let state = State::of(eval)?;
        let written = path.map_or(Ok("."), |path| plain(state, "path", path))?;
        let path = paths::resolve(&state.folder(eval), written).map_err(said)?;
        let include = plain_list(state, "include", include)?;
        let exclude = plain_list(state, "exclude", exclude)?;
        let name = optional_plain(state, "name", name)?;
        let node = source_node(state, &path, include, exclude, name).map_err(said)?;
        state.add(Node::Source(node))
    }

    /// A file with this text.
    fn file<'v>(
        name: Value<'v>,
        content: Value<'v>,
        #[starlark(default = false)] executable: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<OutputValue> {
        let state = State::of(eval)?;
        let name = plain(state, "name", name)?;
        check::store_name("the file's name", name).map_err(said)?;
        state.add(Node::File(FileNode {
            name: name.to_owned(),
            content: template(state, "content", content)?,
            executable,
        }))
    }

    /// A folder put together from texts, outputs, symlinks and other trees.
    fn tree<'v>(
        name: Value<'v>,
        entries: Option<Value<'v>>,
        base: Option<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<OutputValue> {
        let state = State::of(eval)?;
        let name = plain(state, "name", name)?;
        check::store_name("the tree's name", name).map_err(said)?;
        let base = list("base", base)?.into_iter();
        let mut placed = BTreeMap::new();
        for (path, value) in dict(state, "entries", entries)? {
            check::tree_path(path).map_err(said)?;
            placed.insert(path.to_owned(), entry_of(state, path, value)?);
        }
        check_folders(&placed).map_err(said)?;
        state.add(Node::Tree(TreeNode {
            name: name.to_owned(),
            base: base
                .map(|tree| output("an item of base", tree))
                .collect::<starlark::Result<_>>()?,
            entries: placed,
            location: called_at(eval),
        }))
    }

    /// A symlink with this target, as given.
    fn symlink<'v>(
        target: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<SymlinkValue> {
        let target = template(State::of(eval)?, "target", target)?;
        match target.0.is_empty() {
            true => Err(said("a symlink's target may not be empty")),
            false => Ok(SymlinkValue(target)),
        }
    }

    /// A value with attributes for whoever applies the tree.
    fn entry<'v>(
        value: Value<'v>,
        mode: Option<Value<'v>>,
        owner: Option<Value<'v>>,
        group: Option<Value<'v>>,
        #[starlark(default = false)] copy: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<EntryValue> {
        let state = State::of(eval)?;
        let mut entry = entry_of(state, "value", value)?;
        entry.kind = match (entry.kind, copy) {
            (EntryKind::Removed, _) => {
                return Err(said(
                    "entry(None): None takes a path away, which has no attributes",
                ));
            }
            (EntryKind::Link(output), true) => EntryKind::Copy(output),
            (_, true) => return Err(wrong("with copy=True the value", "an output", value)),
            (kind, false) => kind,
        };
        entry.mode = optional_plain(state, "mode", mode)?.or(entry.mode);
        entry.owner = optional_plain(state, "owner", owner)?.or(entry.owner);
        entry.group = optional_plain(state, "group", group)?.or(entry.group);
        check_attributes(&entry).map_err(said)?;
        Ok(EntryValue(entry))
    }
}

fn source_node(
    state: &State,
    path: &str,
    include: Vec<String>,
    exclude: Vec<String>,
    name: Option<String>,
) -> Result<SourceNode, String> {
    let files = &state.files;
    files.asks(Question::Source {
        path: path.to_owned(),
        include: include.clone(),
        exclude: exclude.clone(),
    });
    let found = files.look(path)?.ok_or_else(|| files.missing(path))?;
    let filter = Filter {
        include: patterns(&include)?,
        exclude: patterns(&exclude)?,
    };
    let filtered = !include.is_empty() || !exclude.is_empty();
    if filtered && found.kind != Some(SourceKind::Folder) {
        return Err(format!(
            "include and exclude choose files of a folder, and {:?} is a file",
            files.shown(path)
        ));
    }
    let selected = files.check_source(path, &filter)?;
    if filtered && selected == 0 {
        return Err(format!(
            "include and exclude leave no file of {:?}",
            files.shown(path)
        ));
    }
    let last = path.rsplit('/').next().unwrap_or(path);
    let name = name.unwrap_or_else(|| check::to_store_name(last));
    check::store_name("the source's name", &name)?;
    Ok(SourceNode {
        name,
        object: found.object.to_string(),
        kind: found.kind.ok_or("a submodule has no files in the commit")?,
        path: files.shown(path),
        include,
        exclude,
        stored: None,
    })
}

fn patterns(texts: &[String]) -> Result<Vec<Pattern>, String> {
    texts.iter().map(|text| Pattern::new(text)).collect()
}

fn entry_of(state: &State, path: &str, value: Value<'_>) -> starlark::Result<Entry> {
    if let Some(entry) = EntryValue::from_value(value) {
        return Ok(entry.0.clone());
    }
    let kind = if value.is_none() {
        EntryKind::Removed
    } else if let Some(output) = OutputValue::from_value(value) {
        EntryKind::Link(output.reference())
    } else if let Some(symlink) = SymlinkValue::from_value(value) {
        EntryKind::Symlink(symlink.0.clone())
    } else if let Some(text) = value.unpack_str() {
        EntryKind::Text(state.split(text)?)
    } else if let Some(folder) = DictRef::from_value(value) {
        if folder.iter().next().is_some() {
            return Err(said(format!(
                "{path:?}: {{}} is an empty folder; for files in it write their whole paths as keys"
            )));
        }
        EntryKind::Folder
    } else {
        let expected = "text, an output, symlink(), entry(), None or {}";
        return Err(wrong(&format!("{path:?}"), expected, value));
    };
    Ok(Entry {
        kind,
        mode: None,
        owner: None,
        group: None,
    })
}

fn check_attributes(entry: &Entry) -> Result<(), String> {
    entry.mode.as_deref().map_or(Ok(()), check::mode)?;
    let account = |what: &str, name: &Option<String>| match name {
        Some(name) => check::account(what, name),
        None => Ok(()),
    };
    account("owner", &entry.owner)?;
    account("group", &entry.group)
}

/// A path that others lie beneath must be a folder.
fn check_folders(entries: &BTreeMap<String, Entry>) -> Result<(), String> {
    for path in entries.keys() {
        for (end, _) in path.match_indices('/') {
            let above = &path[..end];
            match entries.get(above).map(|entry| &entry.kind) {
                None | Some(EntryKind::Folder | EntryKind::Removed) => {}
                Some(_) => {
                    return Err(format!("{above:?} is no folder, and {path:?} lies in it"));
                }
            }
        }
    }
    Ok(())
}
