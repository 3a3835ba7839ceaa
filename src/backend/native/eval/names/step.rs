//! `derivation`: one step in the sandbox.
#![expect(
    clippy::too_many_arguments,
    reason = "the arguments are the language's"
)]

use super::super::state::{State, called_at, said};
use super::super::values::OutputValue;
use super::arguments::{
    dict, given, list, optional_plain, output, plain, plain_list, template, wrong,
};
use super::{check, text};
use crate::backend::native::graph::{Limits, Node, StepNode, Template};
use crate::suggest;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A longer value does not fit where the kernel wants it.
const MAX_VARIABLE: usize = 100 * 1024;
/// What a step may ask less of: the keys of `[limits]`.
const LIMITS: [&str; 5] = ["memory", "processes", "scratch", "output_size", "log_size"];

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// One build step.
    fn derivation<'v>(
        name: Value<'v>,
        script: Option<Value<'v>>,
        builder: Option<Value<'v>>,
        args: Option<Value<'v>>,
        src: Option<Value<'v>>,
        deps: Option<Value<'v>>,
        env: Option<Value<'v>>,
        outputs: Option<Value<'v>>,
        output_hash: Option<Value<'v>>,
        #[starlark(default = true)] host_tools: bool,
        system: Option<Value<'v>>,
        timeout: Option<Value<'v>>,
        limits: Option<Value<'v>>,
        provider: Option<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<OutputValue> {
        let state = State::of(eval)?;
        let name = plain(state, "name", name)?;
        check::store_name("the derivation's name", name).map_err(said)?;
        let outputs = output_names(state, outputs)?;
        let output_hash = fixed_hash(state, output_hash, &outputs)?;
        let limits = asked_limits(state, limits)?;
        check_provider(state, provider)?;
        let (script, builder) = program(state, script, builder, host_tools)?;
        let args = list("args", args)?;
        if script.is_some() && !args.is_empty() {
            return Err(said(
                "args are given to a builder; a script has none: use env",
            ));
        }
        let deps = list("deps", deps)?.into_iter();
        let step = StepNode {
            name: name.to_owned(),
            script,
            builder,
            args: (args.into_iter())
                .map(|arg| template(state, "an item of args", arg))
                .collect::<starlark::Result<_>>()?,
            src: given(src).map(|src| output("src", src)).transpose()?,
            deps: deps
                .map(|dep| output("an item of deps", dep))
                .collect::<starlark::Result<_>>()?,
            env: environment(state, env, &outputs)?,
            outputs,
            output_hash,
            host_tools,
            system: of_system(state, system)?,
            timeout: seconds(state, timeout)?,
            limits,
            location: called_at(eval),
        };
        state.add(Node::Step(step))
    }
}

fn output_names(state: &State, outputs: Option<Value<'_>>) -> starlark::Result<Vec<String>> {
    let Some(outputs) = given(outputs) else {
        return Ok(vec!["out".to_owned()]);
    };
    let names = plain_list(state, "outputs", Some(outputs))?;
    if names.is_empty() {
        return Err(said("outputs is empty: a step makes at least one output"));
    }
    let mut seen = BTreeSet::new();
    for name in &names {
        check::variable("the output", name).map_err(said)?;
        if !seen.insert(name) {
            return Err(said(format!("outputs names {name:?} twice")));
        }
        if KEPT.contains(&name.as_str()) {
            return Err(said(format!(
                "{name:?} cannot be an output's name: the step needs that variable"
            )));
        }
    }
    Ok(names)
}

/// Variables kiln sets for every step.
const KEPT: [&str; 6] = [
    "PATH",
    "TMPDIR",
    "HOME",
    "KILN_CORES",
    "SOURCE_DATE_EPOCH",
    "TERM",
];

fn fixed_hash(
    state: &State,
    hash: Option<Value<'_>>,
    outputs: &[String],
) -> starlark::Result<Option<String>> {
    let hash = optional_plain(state, "output_hash", hash)?;
    if let Some(hash) = &hash {
        check::hash(hash).map_err(said)?;
        if outputs != ["out"] {
            return Err(said("a step with output_hash has one output, \"out\""));
        }
    }
    Ok(hash)
}

/// What the step asks for; a host never gives more than its own limits.
fn asked_limits(state: &State, limits: Option<Value<'_>>) -> starlark::Result<Option<Box<Limits>>> {
    let mut asked = Limits::default();
    for (name, value) in dict(state, "limits", limits)? {
        match name {
            "memory" => asked.memory = Some(size(state, name, value)?),
            "processes" => asked.processes = Some(count(name, value)?),
            "output_size" => asked.output_size = Some(size(state, name, value)?),
            "log_size" => asked.log_size = Some(size(state, name, value)?),
            "scratch" => {
                return Err(said(
                    "limits: \"scratch\" is not in this version yet; leave it out, the limit of the configuration holds",
                ));
            }
            _ => {
                let near = suggest::nearest(name, LIMITS);
                let near = near.map(|near| format!(", did you mean {near:?}?"));
                return Err(said(format!(
                    "there is no limit {name:?}{}; known: {}",
                    near.unwrap_or_default(),
                    LIMITS.join(", ")
                )));
            }
        }
    }
    Ok((asked != Limits::default()).then(|| Box::new(asked)))
}

/// Text with a unit, as in the configuration, or a number of bytes.
fn size(state: &State, name: &str, value: Value<'_>) -> starlark::Result<u64> {
    if value.unpack_str().is_none() {
        return count(name, value);
    }
    let text = plain(state, name, value)?;
    match crate::config::parse_size(text).map_err(|e| said(format!("limits: {name:?}: {e}")))? {
        0 => Err(said(format!("limits: {name:?} is nothing at all"))),
        bytes => Ok(bytes),
    }
}

fn count(name: &str, value: Value<'_>) -> starlark::Result<u64> {
    let number = value.unpack_i32().and_then(|n| u64::try_from(n).ok());
    match number {
        Some(0) => Err(said(format!("limits: {name:?} is nothing at all"))),
        Some(number) => Ok(number),
        None => Err(wrong(
            &format!("limits: {name:?}"),
            "a size such as \"1GiB\", or a number",
            value,
        )),
    }
}

fn check_provider(state: &State, provider: Option<Value<'_>>) -> starlark::Result<()> {
    match optional_plain(state, "provider", provider)?.as_deref() {
        None => Ok(()),
        Some("sandbox") => Err(said(
            "provider is not in this version yet; leave it out, every step runs in the sandbox",
        )),
        Some(other) => Err(said(format!(
            "there is no provider {other:?}; known: sandbox"
        ))),
    }
}

/// Exactly one of script and builder.
fn program(
    state: &State,
    script: Option<Value<'_>>,
    builder: Option<Value<'_>>,
    host_tools: bool,
) -> starlark::Result<(Option<Template>, Option<Template>)> {
    match (given(script), given(builder)) {
        (Some(_), Some(_)) => Err(said("give script or builder, not both")),
        (None, None) => Err(said("a derivation needs a script (or a builder with args)")),
        (Some(_), None) if !host_tools => Err(said(
            "host_tools=False has no /bin/sh, so a script cannot run: give a builder",
        )),
        (Some(script), None) => {
            let Some(script) = script.unpack_str() else {
                return Err(wrong("script", "text", script));
            };
            if script.trim().is_empty() {
                return Err(said("script is empty"));
            }
            Ok((Some(state.split(&text::dedented(script))?), None))
        }
        (None, Some(builder)) => Ok((None, Some(template(state, "builder", builder)?))),
    }
}

fn environment(
    state: &State,
    env: Option<Value<'_>>,
    outputs: &[String],
) -> starlark::Result<BTreeMap<String, Template>> {
    let mut variables = BTreeMap::new();
    for (name, value) in dict(state, "env", env)? {
        check::variable("env:", name).map_err(said)?;
        if outputs.iter().any(|output| output == name) {
            return Err(said(format!(
                "env: {name:?} is an output's name, whose path that variable holds"
            )));
        }
        let what = format!("env[{name:?}]");
        let text = variable(&what, value)?;
        if text.contains('\0') {
            return Err(said(format!("{what} contains a NUL")));
        }
        if text.len() > MAX_VARIABLE {
            return Err(said(format!(
                "{what} has {} KiB, 100 are allowed: put it into file({name:?}, ...) and pass that",
                text.len() / 1024
            )));
        }
        variables.insert(name.to_owned(), state.split(&text)?);
    }
    Ok(variables)
}

/// A list becomes words.
fn variable(what: &str, value: Value<'_>) -> starlark::Result<String> {
    match value.get_type() {
        "list" | "tuple" => {
            let mut words = Vec::new();
            for item in list(what, Some(value))? {
                let word = scalar(&format!("an item of {what}"), item)?;
                if word.is_empty() || word.contains(char::is_whitespace) {
                    return Err(said(format!(
                        "{what}: the item {word:?} is empty or has white space, and a list becomes \
                         words; give one text instead, or put the items into a file()"
                    )));
                }
                words.push(word);
            }
            Ok(words.join(" "))
        }
        _ => scalar(what, value),
    }
}

fn scalar(what: &str, value: Value<'_>) -> starlark::Result<String> {
    match (value.unpack_str(), value.get_type()) {
        (Some(text), _) => Ok(text.to_owned()),
        (None, "int" | OutputValue::TYPE) => Ok(value.to_str()),
        (None, "bool") => Err(said(format!(
            "{what} is {}: write the text the program expects, like \"1\" or \"yes\"",
            value.to_str()
        ))),
        _ => Err(wrong(
            what,
            "text, a number, an output or a list of them",
            value,
        )),
    }
}

fn of_system(state: &State, system: Option<Value<'_>>) -> starlark::Result<Option<String>> {
    let system = optional_plain(state, "system", system)?;
    if let Some(system) = &system {
        check::system(system).map_err(said)?;
    }
    Ok(system)
}

fn seconds(state: &State, timeout: Option<Value<'_>>) -> starlark::Result<Option<u64>> {
    let Some(timeout) = given(timeout) else {
        return Ok(None);
    };
    if let Some(seconds) = timeout.unpack_i32() {
        return check::duration(&format!("{seconds}s"))
            .map(Some)
            .map_err(said);
    }
    check::duration(plain(state, "timeout", timeout)?)
        .map(Some)
        .map_err(said)
}
