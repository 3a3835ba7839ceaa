//! `read`, `glob`, `commit`: what evaluation may know of the commit.

use super::super::asked::CommitFacts;
use super::super::paths;
use super::super::state::{State, said};
use super::arguments::{plain, plain_list};
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::structs::AllocStruct;
use time::format_description::well_known::Rfc3339;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// A file's text.
    fn read<'v>(path: Value<'v>, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<String> {
        let state = State::of(eval)?;
        let path = paths::resolve(&state.folder(eval), plain(state, "path", path)?);
        path.and_then(|path| state.files.text(&path)).map_err(said)
    }

    /// The files whose paths agree with a pattern, sorted.
    fn glob<'v>(
        patterns: Value<'v>,
        #[starlark(default = false)] allow_empty: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Vec<String>> {
        let state = State::of(eval)?;
        let texts = match patterns.unpack_str() {
            Some(_) => vec![plain(state, "patterns", patterns)?.to_owned()],
            None => plain_list(state, "patterns", Some(patterns))?,
        };
        let paths = matching(state, &state.folder(eval), &texts).map_err(said)?;
        match paths.is_empty() && !allow_empty {
            true => Err(said(format!(
                "glob: no file of the commit matches {}; allow_empty=True accepts that",
                texts.join(", ")
            ))),
            false => Ok(paths),
        }
    }

    /// The commit that is evaluated.
    fn commit<'v>(eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Value<'v>> {
        let state = State::of(eval)?;
        state.files.asks_commit(CommitFacts {
            id: &state.commit,
            time: state.commit_time,
        });
        let time = state.commit_time.format(&Rfc3339);
        let time = time.map_err(|e| said(format!("the commit's time cannot be written: {e}")))?;
        let short = state.commit.get(..12).unwrap_or(&state.commit);
        let fields = [
            ("id", state.commit.as_str()),
            ("short", short),
            ("time", &time),
        ];
        Ok(eval.heap().alloc(AllocStruct(fields)))
    }
}

/// Patterns start in the calling file's folder, or with `//` in the
/// repository's; the paths come back the way they were asked for.
fn matching(state: &State, folder: &str, texts: &[String]) -> Result<Vec<String>, String> {
    let (rooted, here): (Vec<_>, Vec<_>) = texts.iter().partition(|text| text.starts_with("//"));
    let strip = |text: &String| text.strip_prefix("//").unwrap_or(text).to_owned();
    let rooted: Vec<String> = rooted.into_iter().map(strip).collect();
    let here: Vec<String> = here.into_iter().cloned().collect();
    let mut paths = state.files.glob(folder, &here)?;
    let rooted = state.files.glob("", &rooted)?;
    paths.extend(rooted.iter().map(|path| format!("//{path}")));
    paths.sort();
    Ok(paths)
}
