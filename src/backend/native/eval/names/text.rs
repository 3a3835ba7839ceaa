//! `render`, `dedent`, `secret`: texts.

use super::super::state::{State, said};
use super::super::values::OutputValue;
use super::arguments::{plain, wrong};
use super::check;
use crate::suggest;
use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where the host keeps its secrets.
pub const SECRETS: &str = "/run/kiln/secrets/";

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Replaces `@name@`, and nothing else.
    fn render<'v>(
        #[starlark(require = pos)] text: &str,
        #[starlark(kwargs)] values: SmallMap<String, Value<'v>>,
    ) -> starlark::Result<String> {
        let mut texts = BTreeMap::new();
        for (name, value) in values {
            let shown = shown(&name, value)?;
            texts.insert(name, shown);
        }
        rendered(text, &texts).map_err(said)
    }

    /// The text without the white space all its lines begin with.
    fn dedent(text: &str) -> starlark::Result<String> {
        Ok(dedented(text))
    }

    /// Where the host keeps the secret; its value is never known here.
    fn secret<'v>(name: Value<'v>, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<String> {
        let state = State::of(eval)?;
        let name = plain(state, "name", name)?;
        check::secret(name).map_err(said)?;
        state.secrets.borrow_mut().insert(name.to_owned());
        Ok(format!("{SECRETS}{name}"))
    }
}

fn shown(name: &str, value: Value<'_>) -> starlark::Result<String> {
    match value.get_type() {
        "string" | "int" | "float" | OutputValue::TYPE => Ok(value.to_str()),
        "bool" => Err(said(format!(
            "render: {name} is {}: write the text the file expects, like \"on\" or \"true\"",
            value.to_str()
        ))),
        _ => Err(wrong(
            &format!("render: {name}"),
            "text, a number or an output",
            value,
        )),
    }
}

fn rendered(text: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut result = String::with_capacity(text.len());
    let mut used = BTreeSet::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        result.push_str(before);
        if let Some(after) = after.strip_prefix('@') {
            result.push('@');
            rest = after;
        } else if let Some(name) = placeholder(after) {
            let value = values.get(name).ok_or_else(|| missing(name, values))?;
            result.push_str(value);
            used.insert(name);
            rest = &after[name.len() + 1..];
        } else {
            result.push('@');
            rest = after;
        }
    }
    result.push_str(rest);
    match values.keys().find(|name| !used.contains(name.as_str())) {
        None => Ok(result),
        Some(unused) => Err(format!(
            "render: the text has no @{unused}@ for {unused}=..."
        )),
    }
}

/// `name` when the text goes on with `name@`.
fn placeholder(text: &str) -> Option<&str> {
    let (name, _) = text.split_once('@')?;
    let mut chars = name.chars();
    let first = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    (first && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(name)
}

fn missing(name: &str, values: &BTreeMap<String, String>) -> String {
    let near = suggest::nearest(name, values.keys().map(String::as_str));
    let near = near.map(|near| format!(" (did you mean @{near}@?)"));
    format!(
        "render: the text says @{name}@{}, and no {name}=... was given; write @@ for a single @",
        near.unwrap_or_default()
    )
}

/// Common leading white space taken off, with a first line that is empty and a
/// last one that is only white space.
pub fn dedented(text: &str) -> String {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let margin = (text.split('\n').filter(|line| !line.trim().is_empty()))
        .map(|line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()])
        .reduce(common)
        .unwrap_or("");
    let lines: Vec<&str> = (text.split('\n'))
        .map(|line| match line.trim_matches([' ', '\t']).is_empty() {
            true => "",
            false => &line[margin.len()..],
        })
        .collect();
    lines.join("\n")
}

fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let length = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    &a[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn e08_render_leaves_braces_parameters_and_specifiers_alone() {
        let text = "location / { return 200 \"${x%.c} %d\"; } a@b.c getty@.service @port@ @@";
        let rendered = rendered(text, &values(&[("port", "80")])).unwrap();
        assert_eq!(
            rendered,
            "location / { return 200 \"${x%.c} %d\"; } a@b.c getty@.service 80 @"
        );
    }

    #[test]
    fn missing_and_unused_values_are_errors() {
        let missing = rendered("@prot@", &values(&[("port", "80")])).unwrap_err();
        assert!(missing.contains("did you mean @port@"), "{missing}");
        assert!(rendered("x", &values(&[("port", "80")])).is_err());
        // A value is not looked into again.
        assert_eq!(rendered("@a@", &values(&[("a", "@b@")])).unwrap(), "@b@");
    }

    #[test]
    fn dedent_takes_the_common_margin_off() {
        assert_eq!(dedented("\n    a\n      b\n\n    c\n  "), "a\n  b\n\nc\n");
        assert_eq!(dedented("a\n b"), "a\n b");
        assert_eq!(dedented(""), "");
        assert_eq!(dedented("\n\ta\n\t b\n"), "a\n b\n");
    }
}
