//! Graphs: a line for each node, or in the languages of drawing programs.

use super::text::plain;
use crate::pb::{GetGraphResponse, GraphNode};
use std::fmt::Write as _;

/// `step    shop  <- src, lib`: the root first.
pub fn text(graph: &GetGraphResponse) -> String {
    let width = graph.nodes.iter().map(|node| node.kind.len()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for node in graph.nodes.iter().rev() {
        let _ = write!(text, "{:width$}  {}", plain(&node.kind), plain(&node.name));
        let names: Vec<String> = inputs(graph, node).map(|(_, of)| plain(&of.name)).collect();
        match names.is_empty() {
            true => text.push('\n'),
            false => {
                let _ = writeln!(text, "  <- {}", names.join(", "));
            }
        }
    }
    text
}

/// For Graphviz.
pub fn dot(graph: &GetGraphResponse) -> String {
    let mut text = format!("digraph {} {{\n  rankdir = LR;\n", quoted(&graph.host));
    for (at, node) in graph.nodes.iter().enumerate() {
        let label = quoted(&format!("{} {}", node.kind, node.name));
        let _ = writeln!(text, "  n{at} [label = {label}, shape = box];");
        for (input, _) in inputs(graph, node) {
            let _ = writeln!(text, "  n{input} -> n{at};");
        }
    }
    text + "}\n"
}

/// For Mermaid.
pub fn mermaid(graph: &GetGraphResponse) -> String {
    let mut text = String::from("flowchart LR\n");
    for (at, node) in graph.nodes.iter().enumerate() {
        let name = plain(&node.name).replace('"', "#quot;");
        let _ = writeln!(text, "  n{at}[\"{} {name}\"]", plain(&node.kind));
        for (input, _) in inputs(graph, node) {
            let _ = writeln!(text, "  n{input} --> n{at}");
        }
    }
    text
}

/// What an answer names and does not have is left out.
fn inputs<'g>(
    graph: &'g GetGraphResponse,
    node: &'g GraphNode,
) -> impl Iterator<Item = (usize, &'g GraphNode)> {
    node.inputs.iter().filter_map(|input| {
        let at = usize::try_from(*input).ok()?;
        Some((at, graph.nodes.get(at)?))
    })
}

fn quoted(text: &str) -> String {
    let text = plain(text).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> GetGraphResponse {
        let node = |name: &str, kind: &str, inputs: &[u32]| GraphNode {
            name: name.into(),
            kind: kind.into(),
            inputs: inputs.to_vec(),
            identity: "1".into(),
        };
        GetGraphResponse {
            nodes: vec![
                node("src", "source", &[]),
                node("a\"b\x1b[31m", "step", &[0]),
                node("web-1", "tree", &[0, 1, 9]),
            ],
            host: "web-1".into(),
        }
    }

    #[test]
    fn a_graph_is_written_root_first_and_for_drawing_programs() {
        let graph = graph();
        assert_eq!(
            text(&graph),
            "tree    web-1  <- src, a\"b\nstep    a\"b  <- src\nsource  src\n"
        );
        let dot = dot(&graph);
        assert!(
            dot.contains("n1 [label = \"step a\\\"b\", shape = box];\n  n0 -> n1;"),
            "{dot}"
        );
        let mermaid = mermaid(&graph);
        assert!(
            mermaid.contains("n1[\"step a#quot;b\"]\n  n0 --> n1\n"),
            "{mermaid}"
        );
    }
}
