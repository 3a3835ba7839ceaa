//! Arguments taken apart: what a value must be, said in the user's words.

use super::super::state::{State, said};
use super::super::values::OutputValue;
use crate::backend::native::graph::{OutputRef, Template};
use starlark::values::dict::DictRef;
use starlark::values::list_or_tuple::UnpackListOrTuple;
use starlark::values::{UnpackValue, Value};

/// An argument that was given and is not `None`.
pub fn given(value: Option<Value<'_>>) -> Option<Value<'_>> {
    value.filter(|value| !value.is_none())
}

/// "`what` must be `expected`, not a `type`".
pub fn wrong(what: &str, expected: &str, value: Value<'_>) -> starlark::Error {
    said(format!("{what} must be {expected}, not {}", kind(value)))
}

/// A value's type with its article.
fn kind(value: Value<'_>) -> String {
    match value.get_type() {
        "NoneType" => "None".into(),
        "string" => format!("the text {}", value.to_repr()),
        name if name.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {name}"),
        name => format!("a {name}"),
    }
}

/// Text in which outputs may be mentioned; an output is its own mention.
pub fn template(state: &State, what: &str, value: Value<'_>) -> starlark::Result<Template> {
    if let Some(output) = OutputValue::from_value(value) {
        return state.split(output.marker());
    }
    match value.unpack_str() {
        Some(text) => state.split(text),
        None => Err(wrong(what, "text", value)),
    }
}

/// Text without outputs.
pub fn plain<'v>(state: &State, what: &str, value: Value<'v>) -> starlark::Result<&'v str> {
    if OutputValue::from_value(value).is_some() {
        return Err(no_output(what));
    }
    match value.unpack_str() {
        Some(text) => plain_text(state, what, text).map(|()| text),
        None => Err(wrong(what, "text", value)),
    }
}

/// Refuses text that mentions outputs.
pub fn plain_text(state: &State, what: &str, text: &str) -> starlark::Result<()> {
    match state.split(text)?.outputs().next() {
        None => Ok(()),
        Some(_) => Err(no_output(what)),
    }
}

fn no_output(what: &str) -> starlark::Error {
    said(format!(
        "{what} cannot be an output of a derivation: outputs are made after the evaluation, so \
         their paths and their files cannot be read during it"
    ))
}

pub fn optional_plain(
    state: &State,
    what: &str,
    value: Option<Value<'_>>,
) -> starlark::Result<Option<String>> {
    let text = given(value).map(|value| plain(state, what, value).map(str::to_owned));
    text.transpose()
}

/// An output itself, not text that mentions it.
pub fn output(what: &str, value: Value<'_>) -> starlark::Result<OutputRef> {
    match OutputValue::from_value(value) {
        Some(output) => Ok(output.reference()),
        None => Err(wrong(
            what,
            "what derivation(), source(), file() or tree() returned",
            value,
        )),
    }
}

/// The items of a list or tuple; nothing when the argument was not given.
pub fn list<'v>(what: &str, value: Option<Value<'v>>) -> starlark::Result<Vec<Value<'v>>> {
    let Some(value) = given(value) else {
        return Ok(Vec::new());
    };
    match UnpackListOrTuple::<Value>::unpack_value(value)? {
        Some(list) => Ok(list.items),
        None => Err(wrong(what, "a list", value)),
    }
}

/// The items of a list of plain texts.
pub fn plain_list(
    state: &State,
    what: &str,
    value: Option<Value<'_>>,
) -> starlark::Result<Vec<String>> {
    let items = list(what, value)?.into_iter();
    items
        .map(|item| plain(state, &format!("an item of {what}"), item).map(str::to_owned))
        .collect()
}

/// The entries of a dict with plain text keys.
pub fn dict<'v>(
    state: &State,
    what: &str,
    value: Option<Value<'v>>,
) -> starlark::Result<Vec<(&'v str, Value<'v>)>> {
    let Some(value) = given(value) else {
        return Ok(Vec::new());
    };
    let Some(dict) = DictRef::from_value(value) else {
        return Err(wrong(what, "a dict", value));
    };
    let key = format!("a key of {what}");
    let entries = dict.iter();
    entries
        .map(|(name, value)| Ok((plain(state, &key, name)?, value)))
        .collect()
}
