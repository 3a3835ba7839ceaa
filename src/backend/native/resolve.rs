//! From a step of the graph to one that can run: every output it mentions is a
//! store path by now.

use super::graph::{Graph, OutputRef, StepNode, Template};
use super::stored::SANDBOX_VERSION;
use super::{NativeConfig, system};
use crate::model::Failure;
use crate::store::{Outputs, RealisationKey, ResolvedStep, StorePath, scratch_path};
use std::collections::{BTreeMap, BTreeSet};

/// The outputs of the nodes made so far.
pub(super) type Made = BTreeMap<usize, Outputs>;

/// Where the step's script lies inside the sandbox, below `/build`.
pub(super) const SCRIPT: &str = ".kiln-script";

/// The PATH behind the dependencies'.
const HOST_PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// A step ready to run, with what its outputs are called until they have content.
pub(super) struct Resolved {
    pub step: ResolvedStep,
    pub key: [u8; 32],
    /// Output name -> the path the step writes to.
    pub scratch: BTreeMap<String, StorePath>,
}

/// The store path of an output made earlier.
pub(super) fn path_of(made: &Made, output: &OutputRef) -> Result<StorePath, Failure> {
    let outputs = made.get(&(output.node as usize));
    outputs
        .and_then(|outputs| outputs.get(&output.output))
        .cloned()
        .ok_or_else(|| {
            Failure::certain(format!(
                "the graph refers to output {} of node {}, which is not there",
                output.output, output.node
            ))
        })
}

/// Resolves a step.
///
/// # Errors
/// When the graph refers to what is not there, or a hash or name is not one.
pub(super) fn resolve(
    graph: &Graph,
    node: &StepNode,
    made: &Made,
    config: &NativeConfig,
) -> Result<Resolved, Failure> {
    let join = |text: &Template| text.join(|output| path_of(made, output).map(|p| p.to_string()));
    let joined = |text: &Option<Template>| text.as_ref().map(join).transpose();
    let inputs = node
        .inputs()
        .map(|output| path_of(made, output))
        .collect::<Result<BTreeSet<_>, _>>()?;
    let deps = node
        .deps
        .iter()
        .map(|dep| path_of(made, dep))
        .collect::<Result<Vec<_>, _>>()?;
    let mut env = BTreeMap::new();
    for (name, value) in &node.env {
        env.insert(name.clone(), join(value)?);
    }
    environment(&mut env, &deps, node.host_tools);
    let fixed =
        match &node.output_hash {
            Some(hash) => Some(hash.parse().map_err(|error| {
                Failure::certain(format!("output_hash of {}: {error}", node.name))
            })?),
            None => None,
        };
    let platform = platform_of(graph, config);
    let step = ResolvedStep {
        name: node.name.clone(),
        builder: joined(&node.builder)?,
        script: joined(&node.script)?,
        args: node.args.iter().map(join).collect::<Result<_, _>>()?,
        env,
        src: node
            .src
            .as_ref()
            .map(|src| path_of(made, src))
            .transpose()?,
        inputs,
        outputs: node.outputs.clone(),
        system: system_of(graph, node).to_owned(),
        fixed,
        platform: node.host_tools.then_some(platform),
        sandbox_version: SANDBOX_VERSION,
    };
    let key = step.key();
    let mut scratch = BTreeMap::new();
    for output in &node.outputs {
        let path = scratch_path(&key, output, &object_name(&node.name, output));
        scratch.insert(
            output.clone(),
            path.map_err(|error| Failure::certain(error.to_string()))?,
        );
    }
    Ok(Resolved { step, key, scratch })
}

/// `out` is named like the step, another output after it.
fn object_name(step: &str, output: &str) -> String {
    match output {
        "out" => step.to_owned(),
        _ => format!("{step}-{output}"),
    }
}

/// What every step gets beside its own variables.
fn environment(env: &mut BTreeMap<String, String>, deps: &[StorePath], host_tools: bool) {
    let bins = deps.iter().map(|dep| format!("{dep}/bin"));
    let path: Vec<String> = bins
        .chain(host_tools.then(|| HOST_PATH.to_owned()))
        .collect();
    env.entry("PATH".into()).or_insert_with(|| path.join(":"));
    if !deps.is_empty() {
        let folders = deps.iter().flat_map(|dep| {
            [
                format!("{dep}/lib/pkgconfig"),
                format!("{dep}/share/pkgconfig"),
            ]
        });
        env.entry("PKG_CONFIG_PATH".into())
            .or_insert_with(|| folders.collect::<Vec<_>>().join(":"));
    }
    for (name, value) in [
        ("TMPDIR", "/build"),
        ("HOME", "/homeless-shelter"),
        ("SOURCE_DATE_EPOCH", "1"),
        ("TERM", "dumb"),
    ] {
        env.entry(name.into()).or_insert_with(|| value.to_owned());
    }
}

impl Resolved {
    /// What its result is recorded under.
    pub fn realisation(&self) -> RealisationKey {
        match (self.step.fixed, self.scratch.values().next()) {
            (Some(hash), Some(path)) => crate::store::FixedOutput {
                hash,
                mode: crate::store::FixedMode::Nar,
                name: path.name().to_owned(),
            }
            .key(),
            _ => RealisationKey(self.key),
        }
    }

    /// The environment, with what is not part of the identity.
    pub fn full_env(&self, cores: usize) -> BTreeMap<String, String> {
        let mut env = self.step.env.clone();
        env.insert("KILN_CORES".into(), cores.to_string());
        env.extend(
            self.scratch
                .iter()
                .map(|(name, path)| (name.clone(), path.to_string())),
        );
        env
    }

    /// Program and arguments.
    pub fn argv(&self) -> Vec<String> {
        let mut argv = match &self.step.builder {
            Some(builder) => vec![builder.clone()],
            None => vec!["/bin/sh".into(), "-eu".into(), format!("/build/{SCRIPT}")],
        };
        argv.extend(self.step.args.iter().cloned());
        argv
    }
}

fn platform_of(graph: &Graph, config: &NativeConfig) -> String {
    let named = graph.platform.clone();
    named.unwrap_or_else(|| config.platform.name())
}

fn system_of<'g>(graph: &'g Graph, node: &'g StepNode) -> &'g str {
    node.system.as_deref().unwrap_or(&graph.system)
}

/// What a step is for, when that is not what this host is: a step runs where the
/// system is its own and, when it sees tools of the host, the platform too, or one
/// that is vouched for.
pub(super) fn elsewhere(graph: &Graph, node: &StepNode, config: &NativeConfig) -> Option<String> {
    let own = system_of(graph, node);
    if own != system() {
        return Some(own.to_owned());
    }
    let platform = platform_of(graph, config);
    let is_here = platform == config.platform.name() || config.platforms.contains(&platform);
    (node.host_tools && !is_here).then_some(platform)
}
