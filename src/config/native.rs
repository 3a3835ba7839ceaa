//! `[native]`: kiln's own evaluator, sandbox and providers.

use super::error::Problem;
use super::reader::Section;
use super::tables::inside;
use crate::backend::native::provider::sandbox::OWN_FOLDERS;
use std::num::NonZero;
use std::path::{Component, Path, PathBuf};

/// `[native]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    /// Below the subdirectory: relative, without `..`.
    pub file: String,
    /// Steps at a time; 0: one per core, see [`Native::job_count`].
    pub jobs: u32,
    /// Build what does not depend on a failed step.
    pub keep_going: bool,
    /// Keep the folders of steps that failed.
    pub keep_failed: bool,
    pub sandbox: Sandbox,
    pub platform: Platform,
    /// Other platforms whose steps may run here.
    pub platforms: Vec<String>,
    /// Of the host, seen by every step, read-only.
    pub sandbox_paths: Vec<PathBuf>,
    pub build_users: BuildUsers,
    /// Logins for `fetch`, by host.
    pub netrc_file: Option<PathBuf>,
    /// Where a `fetch` may not go.
    pub fetch_deny: Vec<FetchDeny>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    Required,
    Off,
}

/// What a step that sees the host's tools depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platform {
    /// System and os-release `ID-VERSION_ID`.
    Auto,
    /// The same with a digest of the package database.
    Packages,
    /// A name an operator gives.
    Named(String),
}

/// User ids steps run as; nobody else may use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildUsers {
    pub first: u32,
    pub count: u32,
}

/// Addresses a `fetch` may not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchDeny {
    Loopback,
    LinkLocal,
    /// Of cloud providers.
    Metadata,
}

const NATIVE_KEYS: [&str; 11] = [
    "file",
    "platforms",
    "jobs",
    "keep_going",
    "keep_failed",
    "sandbox",
    "platform",
    "sandbox_paths",
    "build_users",
    "netrc_file",
    "fetch_deny",
];
const SANDBOX_PATHS: [&str; 5] = ["/bin", "/usr", "/lib", "/lib64", "/etc/alternatives"];

impl Native {
    pub(super) fn read(top: &Section<'_>) -> Result<Self, Problem> {
        let section = top.section("native", &NATIVE_KEYS)?;
        Ok(Native {
            file: section.text_as("file", "kiln.star", file_inside)?,
            jobs: section.number("jobs", 0, 0..=4096)?,
            keep_going: section.boolean("keep_going", false)?,
            keep_failed: section.boolean("keep_failed", false)?,
            sandbox: section.choice(
                "sandbox",
                "required",
                &[("required", Sandbox::Required), ("off", Sandbox::Off)],
            )?,
            platform: platform(&section)?,
            platforms: section.texts("platforms", &[])?,
            sandbox_paths: sandbox_paths(&section)?,
            build_users: BuildUsers::read(&section)?,
            netrc_file: section.optional_path("netrc_file")?,
            fetch_deny: fetch_deny(&section)?,
        })
    }

    /// Steps at a time, with 0 resolved; at least 1.
    pub fn job_count(&self) -> usize {
        match self.jobs {
            0 => std::thread::available_parallelism().map_or(1, NonZero::get),
            jobs => jobs as usize,
        }
    }
}

fn file_inside(text: &str) -> Result<String, String> {
    match inside(text)? {
        file if file == "." => Err("it must name a file".into()),
        file => Ok(file),
    }
}

fn platform(section: &Section<'_>) -> Result<Platform, Problem> {
    let name = section.text_as("platform", "auto", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+:".contains(c);
        match !text.is_empty() && text.len() <= 200 && text.chars().all(plain) {
            true => Ok(text.to_owned()),
            false => Err("it is \"auto\" or a name of letters, digits and -_.+:".to_owned()),
        }
    })?;
    match name.as_str() {
        "auto" => Ok(Platform::Auto),
        "packages" => Ok(Platform::Packages),
        _ => Ok(Platform::Named(name)),
    }
}

fn sandbox_paths(section: &Section<'_>) -> Result<Vec<PathBuf>, Problem> {
    let texts = section.texts("sandbox_paths", &SANDBOX_PATHS)?;
    let usable = |path: &Path| {
        let mut parts = path.components();
        parts.next() == Some(Component::RootDir)
            && path.parent().is_some()
            && parts.all(|part| matches!(part, Component::Normal(_)))
    };
    let own = |path: &Path| OWN_FOLDERS.iter().find(|own| path.starts_with(own));
    let read = |text: String| match Path::new(&text) {
        path if !usable(path) => Err(format!(
            "{text:?} must be an absolute path below / without .."
        )),
        path => match own(path) {
            Some(own) => Err(format!(
                "{text:?} would be hidden: a step has a {own} of its own"
            )),
            None => Ok(PathBuf::from(text)),
        },
    };
    let paths: Result<_, _> = texts.into_iter().map(read).collect();
    paths.map_err(|message| section.problem("sandbox_paths", &message))
}

fn fetch_deny(section: &Section<'_>) -> Result<Vec<FetchDeny>, Problem> {
    section.choices(
        "fetch_deny",
        &["loopback", "link-local", "metadata"],
        &[
            ("loopback", FetchDeny::Loopback),
            ("link-local", FetchDeny::LinkLocal),
            ("metadata", FetchDeny::Metadata),
        ],
    )
}

impl BuildUsers {
    fn read(native: &Section<'_>) -> Result<Self, Problem> {
        let section = native.section("build_users", &["first", "count"])?;
        // 65534 is nobody, and above 2^31 ids are negative for some.
        let first = section.number("first", 60_600, 1..=i32::MAX as u32)?;
        let count = section.number("count", 32, 1..=4096)?;
        let users = first..first.saturating_add(count);
        let taken = |id: &u32| (30_001..=30_032).contains(id) || *id == 65_534 || *id == 65_535;
        match users.into_iter().find(taken) {
            Some(id) => {
                let message =
                    format!("uid {id} is used by others (Nix: 30001 to 30032, nobody: 65534)");
                Err(section.problem("first", &message))
            }
            None => Ok(BuildUsers { first, count }),
        }
    }
}
