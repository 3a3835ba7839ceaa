//! Which secrets a host's graph refers to.

use super::names::SECRETS;
use crate::backend::native::graph::{EntryKind, Node, Piece, Template};
use std::collections::BTreeSet;

/// Those of the `known` names whose paths the nodes mention, sorted.
pub fn used(nodes: &[Node], known: &BTreeSet<String>) -> Vec<String> {
    let mut used = BTreeSet::new();
    if !known.is_empty() {
        for node in nodes {
            each_text(node, &mut |text| mentioned(text, known, &mut used));
        }
    }
    used.into_iter().collect()
}

fn mentioned(text: &str, known: &BTreeSet<String>, used: &mut BTreeSet<String>) {
    let in_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    for (at, _) in text.match_indices(SECRETS) {
        let rest = &text[at + SECRETS.len()..];
        let name = &rest[..rest.find(|c| !in_name(c)).unwrap_or(rest.len())];
        // "the key is /run/kiln/secrets/key." ends a sentence, not the name.
        let names = [name, name.trim_end_matches(['.', '-'])];
        used.extend(names.iter().filter_map(|name| known.get(*name).cloned()));
    }
}

fn each_text(node: &Node, visit: &mut impl FnMut(&str)) {
    match node {
        Node::Source(_) | Node::Fetch(_) | Node::Unpack(_) => {}
        Node::File(file) => in_template(&file.content, visit),
        Node::Tree(tree) => {
            for entry in tree.entries.values() {
                if let EntryKind::Text(text) | EntryKind::Symlink(text) = &entry.kind {
                    in_template(text, visit);
                }
            }
        }
        Node::Step(step) => {
            let texts = step.script.iter().chain(&step.builder);
            for text in texts.chain(&step.args).chain(step.env.values()) {
                in_template(text, visit);
            }
        }
    }
}

fn in_template(text: &Template, visit: &mut impl FnMut(&str)) {
    for piece in &text.0 {
        if let Piece::Text(text) = piece {
            visit(text);
        }
    }
}
