//! `[nix]`: how an installed Nix is asked. What is not said here is as Nix's own
//! settings say.

use super::error::{Problem, password};
use super::reader::Section;
use super::tables::inside;
use crate::store::cache::{Location, PublicKey, beyond_file_url};
use std::collections::BTreeMap;

/// `[nix]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nix {
    /// What plain Nix evaluates; below the subdirectory: relative, without `..`.
    pub file: String,
    /// Nix's own settings, by name: `--option NAME VALUE`.
    pub options: BTreeMap<String, String>,
    /// Remote builders, each as a line of Nix's `machines` file, or `@FILE`; none:
    /// Nix's own.
    pub builders: Vec<String>,
    /// Binary caches, asked in this order, beside Nix's own.
    pub substituters: Vec<String>,
    /// Whose signatures are believed beside Nix's own.
    pub trusted_public_keys: Vec<PublicKey>,
    /// Take the settings that a flake asks for.
    pub accept_flake_config: bool,
    /// Whether what was evaluated elsewhere is taken instead of evaluating.
    pub prebuilt: Prebuilt,
    /// Binary caches that are asked for records of it, in this order; empty when
    /// they are not.
    pub prebuilt_from: Vec<Location>,
}

/// `prebuilt` of `[nix]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prebuilt {
    /// Commits are evaluated.
    Never,
    /// Where there is a record it is taken, else the commit is evaluated.
    Prefer,
    /// A commit waits for its record; nothing is evaluated.
    Only,
}

const NIX_KEYS: [&str; 8] = [
    "file",
    "options",
    "builders",
    "substituters",
    "trusted_public_keys",
    "accept_flake_config",
    "prebuilt",
    "prebuilt_from",
];

/// Settings of Nix that a key of kiln's is for.
const OWN_KEYS: [(&str, &str); 8] = [
    ("builders", "builders"),
    ("substituters", "substituters"),
    ("extra-substituters", "substituters"),
    ("trusted-substituters", "substituters"),
    ("trusted-public-keys", "trusted_public_keys"),
    ("extra-trusted-public-keys", "trusted_public_keys"),
    ("accept-flake-config", "accept_flake_config"),
    ("max-silent-time", "silence_timeout of [builder]"),
];

impl Nix {
    pub(super) fn read(top: &Section<'_>) -> Result<Self, Problem> {
        let section = top.section("nix", &NIX_KEYS)?;
        let substituters = section.texts_as("substituters", substituter)?;
        let trusted_public_keys = section.texts_as("trusted_public_keys", |text| {
            text.parse::<PublicKey>().map_err(|e| e.to_string())
        })?;
        let (prebuilt, prebuilt_from) = read_prebuilt(&section, &substituters)?;
        if prebuilt != Prebuilt::Never && trusted_public_keys.is_empty() {
            let why = "no record could ever be believed: name the key that signs them in trusted_public_keys";
            return Err(section.problem("prebuilt", why));
        }
        Ok(Nix {
            file: section.text_as("file", "default.nix", |text| match inside(text)? {
                file if file == "." => Err("it must name a file".into()),
                file => Ok(file),
            })?,
            options: section.pairs("options", option)?,
            builders: section.texts_as("builders", builder)?,
            substituters,
            trusted_public_keys,
            accept_flake_config: section.boolean("accept_flake_config", false)?,
            prebuilt,
            prebuilt_from,
        })
    }
}

/// The caches named, else those of `substituters` that are folders or web servers:
/// kiln reads records itself, and of Nix's ways to a store it knows no other.
fn read_prebuilt(
    section: &Section<'_>,
    substituters: &[String],
) -> Result<(Prebuilt, Vec<Location>), Problem> {
    let words = [
        ("never", Prebuilt::Never),
        ("prefer", Prebuilt::Prefer),
        ("only", Prebuilt::Only),
    ];
    let prebuilt = section.choice("prebuilt", "never", &words)?;
    let named = section.texts_as("prebuilt_from", |text| {
        text.parse::<Location>().map_err(|e| e.to_string())
    })?;
    if prebuilt == Prebuilt::Never && !named.is_empty() {
        return Err(section.problem(
            "prebuilt_from",
            "nothing is asked for records: set prebuilt = \"prefer\" or \"only\" too, or leave this out",
        ));
    }
    let without_query = |url: &String| url.split('?').next()?.parse().ok();
    let from = match (prebuilt, named.is_empty()) {
        (Prebuilt::Never, _) => Vec::new(),
        (Prebuilt::Prefer | Prebuilt::Only, false) => named,
        (Prebuilt::Prefer | Prebuilt::Only, true) => {
            substituters.iter().filter_map(without_query).collect()
        }
    };
    match prebuilt != Prebuilt::Never && from.is_empty() {
        false => Ok((prebuilt, from)),
        true => Err(section.problem(
            "prebuilt",
            "there is no cache to ask for records: name a folder or http(s) URL in prebuilt_from or substituters",
        )),
    }
}

/// A setting of Nix: a name such as `max-jobs`, a value of one line.
fn option(name: &str, value: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
        return Err(format!(
            "{name:?} is no setting of Nix: they are written like max-jobs"
        ));
    }
    if let Some((_, key)) = OWN_KEYS.iter().find(|(own, _)| *own == name) {
        return Err(format!("{name} has a key of its own: {key}"));
    }
    one_line(value).map_err(|why| format!("{name}: {why}"))
}

fn one_line(text: &str) -> Result<(), String> {
    match text.contains(char::is_control) {
        true => Err("it may not hold line breaks or other control characters".into()),
        false => Ok(()),
    }
}

fn builder(text: &str) -> Result<String, String> {
    one_line(text)?;
    match text.trim() {
        "" => Err("it is empty; write for example \"ssh://builder x86_64-linux\"".into()),
        several if several.contains(';') => {
            Err(format!("{several:?}: one builder each, without ;"))
        }
        one => Ok(one.to_owned()),
    }
}

/// A store of Nix: `https://cache.nixos.org`, `s3://..`, `ssh-ng://..`, `/srv/cache`.
fn substituter(text: &str) -> Result<String, String> {
    one_line(text)?;
    let is_store = text.starts_with('/')
        || text
            .split_once("://")
            .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
    let folder = text.strip_prefix("file://").unwrap_or(text);
    let folder = folder
        .split('?')
        .next()
        .filter(|path| path.starts_with('/'));
    if let Some(beyond) = folder.and_then(beyond_file_url) {
        return Err(format!(
            "{text:?}: Nix cannot be told of a cache in a folder with {beyond:?} in its path: name one without spaces, `%` and characters beyond ASCII"
        ));
    }
    if !is_store || text.contains(' ') {
        return Err(format!(
            "{text:?} is no binary cache; write for example \"https://cache.nixos.org\" or an absolute path"
        ));
    }
    match text.split_once("://").and_then(|(_, rest)| password(rest)) {
        None => Ok(text.to_owned()),
        Some(_) => {
            Err("the URL of a cache may not hold a password: put it in Nix's netrc-file".into())
        }
    }
}
