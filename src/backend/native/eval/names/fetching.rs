//! `fetch`: files of the network, known by the hash of their bytes.

use super::super::state::{State, called_at, said};
use super::super::values::OutputValue;
use super::arguments::{list, optional_plain, plain, wrong};
use super::check;
use crate::backend::native::graph::{FetchNode, Node, UnpackNode};
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;

/// More mirrors than this of one file are a mistake.
const MAX_MIRRORS: usize = 32;
/// What archives are called; taken off when the tree in one gets its name.
const ARCHIVES: [&str; 13] = [
    ".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2", ".tgz", ".txz", ".tzst", ".tbz2", ".tbz", ".tar",
    ".zip", ".deb", ".crate",
];

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// A file of the network, by the hash of its bytes; or the tree in it.
    fn fetch<'v>(
        url: Value<'v>,
        sha256: Value<'v>,
        name: Option<Value<'v>>,
        #[starlark(default = false)] executable: bool,
        #[starlark(default = false)] unpack: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<OutputValue> {
        let state = State::of(eval)?;
        let urls = mirrors(state, url)?;
        let sha256 = match plain(state, "sha256", sha256)? {
            "" => None,
            hash => {
                check::sha256(hash).map_err(said)?;
                Some(hash.to_owned())
            }
        };
        let name = optional_plain(state, "name", name)?;
        if let Some(name) = &name {
            check::store_name("the name of what is fetched,", name).map_err(said)?;
        }
        if unpack && executable {
            return Err(said(
                "executable is for a fetched program; the files of an archive keep their own modes",
            ));
        }
        let file_name = last_part(&urls[0]);
        let location = called_at(eval);
        let file = FetchNode {
            name: match (&name, unpack) {
                (Some(name), false) => name.clone(),
                _ => check::to_store_name(&file_name),
            },
            urls,
            sha256,
            executable,
            location: location.clone(),
        };
        let file = state.add(Node::Fetch(file))?;
        if !unpack {
            return Ok(file);
        }
        state.add(Node::Unpack(UnpackNode {
            name: name.unwrap_or_else(|| check::to_store_name(without_ending(&file_name))),
            archive: file.reference(),
            location,
        }))
    }
}

fn mirrors(state: &State, url: Value<'_>) -> starlark::Result<Vec<String>> {
    let urls = match (url.unpack_str(), url.get_type()) {
        (Some(_), _) => vec![url],
        (None, "list" | "tuple") => list("url", Some(url))?,
        (None, _) => return Err(wrong("url", "text or a list of mirrors", url)),
    };
    if urls.is_empty() {
        return Err(said("url is an empty list: name at least one place"));
    }
    if urls.len() > MAX_MIRRORS {
        return Err(said(format!(
            "url lists {} mirrors, {MAX_MIRRORS} are allowed",
            urls.len()
        )));
    }
    let mirror = |url| {
        let url = plain(state, "url", url)?;
        check::url(url).map_err(said)?;
        Ok(url.to_owned())
    };
    urls.into_iter().map(mirror).collect()
}

/// What the URL calls the file; `download` when it calls it nothing.
fn last_part(url: &str) -> String {
    let parsed = url::Url::parse(url).ok();
    let parts = parsed.as_ref().and_then(url::Url::path_segments);
    let last = parts.and_then(|mut parts| parts.rfind(|part| !part.is_empty()));
    last.unwrap_or("download").replace("%2B", "+")
}

fn without_ending(name: &str) -> &str {
    let stem = |ending: &&str| name.strip_suffix(ending).filter(|stem| !stem.is_empty());
    ARCHIVES.iter().find_map(stem).unwrap_or(name)
}
