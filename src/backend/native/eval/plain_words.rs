//! The evaluator's own messages, said in the user's words, with what to do.

use super::names::KEYWORDS;

/// The largest length, count or index the evaluator knows.
const LARGEST: i32 = i32::MAX;

/// The message for a raw one, when there is a better; `here` is the source the
/// error is placed at.
pub fn plain_words(raw: &str, here: &str) -> Option<String> {
    let quoted: Vec<_> = raw.split('`').skip(1).step_by(2).collect();
    let begins = |sign: &str| raw.starts_with(sign);
    let called = called(here);
    match *quoted {
        [] if begins("Integer value is too big to fit") => {
            let number = raw.rsplit(' ').next().unwrap_or_default();
            Some(format!("the number {number} is too large: a length, a count or an index is {LARGEST} at most"))
        }
        [] if begins("Wrong number of positional arguments") => {
            let counts = raw.split_once(", ").map_or("", |(_, counts)| counts);
            let cure = match called {
                "render" => "; name the values: render(text, port = 80)",
                _ => "",
            };
            Some(format!("{called}(): the number of arguments is wrong: {counts}{cure}"))
        }
        [] if raw.contains("mutates an iterable") => Some(
            "a value cannot be changed while a loop goes through it: let the loop go through a copy, list(x)".to_owned(),
        ),
        [_, "int"] if begins("Error unpacking value") => Some(format!(
            "{called}(): a number given to it is too large: it takes {LARGEST} at most"
        )),
        [_, kind] if begins("Error unpacking value") => {
            Some(format!("{called}(): it needs {} there", sort(kind)))
        }
        [operation, a, b] if raw.contains("not supported for types") => Some(between(operation, a, b)),
        [operation, kind] if raw.contains("not supported on type") => Some(on(operation, kind, called)),
        [key] if begins("Key `") && raw.ends_with("was not found") => Some(format!(
            "there is no key {key} in the dict: d.get(key, default) is for keys that may be missing"
        )),
        [index] if raw.contains("is out of bound") => Some(format!(
            "there is no item {index}: the first is 0, len(x) says how many there are, and [-1] is the last"
        )),
        [kind, ..] if begins("Object of type") => {
            Some(raw.replacen(&format!("Object of type `{kind}`"), &sort(kind), 1))
        }
        [parameter, expected, actual] if begins("Type of parameter") => {
            Some(mismatch(called, parameter, expected, actual))
        }
        [kind] if raw.contains("is not hashable") => Some(format!(
            "{} cannot be the key of a dict: a text, a number or a tuple can",
            sort(kind)
        )),
        [parameter, function] if begins("Missing parameter") => {
            let function = function.rsplit('.').next().unwrap_or(function);
            Some(format!("{function}() is called without its parameter `{parameter}`"))
        }
        _ => None,
    }
}

/// The name of what is called there, without the value it is a method of.
fn called(here: &str) -> &str {
    let name = here.split('(').next().unwrap_or(here);
    name.rsplit('.').next().unwrap_or(name).trim()
}

/// A type in the user's words, with its article.
fn sort(kind: &str) -> String {
    match kind {
        "NoneType" | "None" => "None".into(),
        "string" | "str" => "a text".into(),
        "int" => "a whole number".into(),
        "float" => "a number".into(),
        "bool" => "True or False".into(),
        "dict" | "list" | "tuple" | "function" | "struct" | "range" => format!("a {kind}"),
        other => format!("`{other}`"),
    }
}

fn between(operation: &str, a: &str, b: &str) -> String {
    let cure = match (operation, a, b) {
        ("+", "string", "int" | "float") | ("+", "int" | "float", "string") => {
            ": str(n) makes a text of a number, and \"%s\" % n puts it into one"
        }
        (_, "NoneType", _) | (_, _, "NoneType") => {
            ": does a function lack its return, or a get() its default?"
        }
        ("+", "dict", "dict") => ": a | b joins dicts, the later wins",
        ("+", "list", "tuple") | ("+", "tuple", "list") => ": list(t) makes a list of a tuple",
        _ => "",
    };
    let (a, b) = (sort(a), sort(b));
    match operation {
        "compare" | "cmp()" => format!("{a} and {b} cannot be compared{cure}"),
        "[]" if matches!(a.as_str(), "a dict" | "a list" | "a tuple" | "a text") => {
            format!("an item of {a} is not found by {b}{cure}")
        }
        "[]" => format!("{a} has no items{cure}"),
        _ => format!("`{operation}` does not work between {a} and {b}{cure}"),
    }
}

fn on(operation: &str, kind: &str, called: &str) -> String {
    let sort = sort(kind);
    match operation {
        "call()" if called.is_empty() || called == sort => {
            format!("{sort} is no function and cannot be called")
        }
        "call()" => format!("{called} is {sort}, no function, and cannot be called"),
        "(iter)" => format!(
            "{sort} cannot be gone through item by item: a list, a tuple, a dict or range(n) can"
        ),
        "len()" => format!("{sort} has no length"),
        _ => match operation.strip_prefix("format(") {
            Some(format) => format!(
                "{} cannot show {sort}: use %s",
                format.trim_end_matches(')')
            ),
            None => format!("`{operation}` does not work on {sort}"),
        },
    }
}

/// The library's names for its parameters say nothing; kiln's own do.
fn mismatch(called: &str, parameter: &str, expected: &str, actual: &str) -> String {
    let own = KEYWORDS.iter().find(|(name, _)| *name == called);
    let what = match own.is_some_and(|(_, known)| known.contains(&parameter)) {
        true => parameter,
        false => "what it is given",
    };
    let kinds: Vec<_> = expected.split(" | ").map(sort).collect();
    let (kind, value) = actual.split_once(" (repr: ").unwrap_or((actual, ""));
    let value = value.strip_suffix(')').unwrap_or(value);
    let given = match (kind, value) {
        ("NoneType", _) | (_, "") => sort(kind),
        _ => format!("{} {value}", sort(kind)),
    };
    format!(
        "{called}(): {what} must be {}, not {given}",
        kinds.join(" or ")
    )
}
